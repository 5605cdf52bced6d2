"""``closedloop size``: nanocrystal sizes from an absorbance spectrum or an X-ray powder pattern."""

from pathlib import Path
from typing import Annotated

import typer

from closedloop.cli.output import STDOUT, print_json

app = typer.Typer(help="Sizes from an absorbance spectrum or an X-ray pattern.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")]


@app.command("absorbance")
def absorbance(
    file: Annotated[Path, typer.Argument(help="Two columns of text: wavelength in nm, absorbance.")],
    product: Annotated[str, typer.Option(help="What the nanocrystals are made of, such as CdSe.")],
    curve: Annotated[str | None, typer.Option(help="The sizing curve, where a product has several.")] = None,
    json: JsonOption = False,
) -> None:
    """Diameter from the first exciton peak, by a published sizing curve."""
    from closedloop.optical import read_spectrum, size_from_absorbance

    size = size_from_absorbance(*read_spectrum(file), product, curve=curve)
    if json:
        print_json(size.model_dump(mode="json"))
        return
    width = f", half width {size.hwhm_nm:.1f} nm" if size.hwhm_nm is not None else ""
    STDOUT.print(f"{size.size_nm:.2f} nm {product} (first exciton {size.peak_kind} at {size.peak_nm:.1f} nm{width})")
    STDOUT.print(f"sizing curve {size.curve}: {size.source}", soft_wrap=True)


@app.command("xrd")
def xrd(
    file: Annotated[Path, typer.Argument(help="Two columns of text: 2θ in degrees, intensity.")],
    wavelength_nm: Annotated[float, typer.Option(help="Of the X-rays, in nm; copper K-alpha is 0.15418.")],
    instrument_fwhm_deg: Annotated[
        float, typer.Option(help="Peak width of a well-crystallised standard on the same instrument, in degrees 2θ.")
    ] = 0.0,
    json: JsonOption = False,
) -> None:
    """Crystallite diameter from the widths of the peaks, by Scherrer's equation for spheres."""
    from closedloop.scattering import read_pattern, size_from_pattern

    size = size_from_pattern(*read_pattern(file), wavelength_nm=wavelength_nm, instrument_fwhm_deg=instrument_fwhm_deg)
    if json:
        print_json(size.model_dump(mode="json"))
        return
    STDOUT.print(f"{size.size_nm:.2f} ± {size.size_sd_nm:.2f} nm from {len(size.peaks)} peaks (spheres, K {size.k:g})")
    for peak in size.peaks:
        STDOUT.print(f"  {peak.two_theta_deg:7.2f}°  width {peak.fwhm_deg:.2f}°  {peak.size_nm:.2f} nm")

"""``closedloop size``: nanocrystal sizes from a spectrum or an X-ray powder pattern, and into an experiment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedloop.cli.ingest import say
from closedloop.cli.output import STDERR, STDOUT, print_json
from closedloop.cli.settings import StoreOption, store_url

if TYPE_CHECKING:
    from closedloop.recipes import Outcome
    from closedloop.store import Store

app = typer.Typer(help="Sizes from an absorbance spectrum or an X-ray pattern.", no_args_is_help=True)

ExperimentOption = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="An experiment whose sample this is: the size holds until a TEM result supersedes it."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")]


@app.command("absorbance")
def absorbance(
    file: Annotated[Path, typer.Argument(help="Two columns of text: wavelength in nm, absorbance.")],
    product: Annotated[str, typer.Option(help="What the nanocrystals are made of, such as CdSe.")],
    curve: Annotated[str | None, typer.Option(help="The sizing curve, where a product has several.")] = None,
    experiment: ExperimentOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Diameter from the first exciton peak, by a published sizing curve."""
    from closedloop.optical import outcome_from_absorbance, read_spectrum, size_from_absorbance

    size = size_from_absorbance(*read_spectrum(file), product, curve=curve)
    _noted(size.note)
    content = size.model_dump(mode="json")
    if experiment is not None:
        opened = _opened(store)
        outcome = outcome_from_absorbance(size, files=[file.name], recorded_at=opened.now())
        content["experiment"] = _recorded(opened, experiment, outcome, product)
    if json:
        print_json(content)
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
    experiment: ExperimentOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Crystallite diameter from the widths of the peaks, by Scherrer's equation for spheres."""
    from closedloop.scattering import outcome_from_pattern, read_pattern, size_from_pattern

    size = size_from_pattern(*read_pattern(file), wavelength_nm=wavelength_nm, instrument_fwhm_deg=instrument_fwhm_deg)
    _noted(size.note)
    content = size.model_dump(mode="json")
    if experiment is not None:
        opened = _opened(store)
        outcome = outcome_from_pattern(size, files=[file.name], recorded_at=opened.now())
        content["experiment"] = _recorded(opened, experiment, outcome, None)
    if json:
        print_json(content)
        return
    STDOUT.print(f"{size.size_nm:.2f} ± {size.size_sd_nm:.2f} nm from {len(size.peaks)} peaks (spheres, K {size.k:g})")
    for peak in size.peaks:
        STDOUT.print(f"  {peak.two_theta_deg:7.2f}°  width {peak.fwhm_deg:.2f}°  {peak.size_nm:.2f} nm")


def _noted(note: str | None) -> None:
    if note:
        STDERR.print(f"note: {note}", soft_wrap=True, markup=False)


def _opened(store: str | None) -> "Store":
    from closedloop.store import Store

    return Store.open(store_url(store), create=False)


def _recorded(store: "Store", experiment: str, outcome: "Outcome", product: str | None) -> dict[str, Any]:
    """The experiment with this outcome, in its JSON form; standard error says where it stands."""
    from closedloop.campaign import bring_size, experiment_json

    record = bring_size(store, experiment, outcome, product=product)
    say(record, store.outcomes(experiment)[-1])
    return experiment_json(record)

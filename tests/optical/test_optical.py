"""From a spectrum to a size: synthetic spectra with a known exciton, instruments' files, published sizes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from closedloop.columns import ColumnFileError
from closedloop.optical import (
    CURVES,
    NoExcitonPeak,
    NoSizingCurve,
    OutsideSizingCurve,
    PeakKind,
    SpectrumError,
    find_exciton,
    outcome_from_absorbance,
    read_spectrum,
    size_from_absorbance,
    sizing_curve,
)
from closedloop.optical.curves import EV_NM
from closedloop.recipes import Method

WAVELENGTHS = np.arange(350.0, 800.5, 1.0)


def spectrum(
    peak_nm: float,
    *,
    width_ev: float = 0.06,
    share: float = 1.0,
    noise: float = 0.0,
    scatter: float = 0.0,
    offset: float = 0.0,
    wavelengths: np.ndarray = WAVELENGTHS,
) -> np.ndarray:
    """A first exciton line (Gaussian in energy, standard deviation ``width_ev``), two more, and a continuum."""
    energy, first = EV_NM / wavelengths, EV_NM / peak_nm

    def line(at: float, width: float, height: float) -> np.ndarray:
        return height * np.exp(-0.5 * ((energy - at) / width) ** 2)

    total = (
        line(first, width_ev, share) + line(first + 0.2, 1.4 * width_ev, 0.6) + line(first + 0.45, 2 * width_ev, 0.9)
    )
    total = total + 2.0 / (1 + np.exp(-(energy - first - 0.6) / 0.12))
    random = np.random.default_rng(0).standard_normal(len(wavelengths))
    return 0.2 * total + offset + scatter * (500 / wavelengths) ** 4 + noise * random


@pytest.mark.parametrize("peak_nm", [420, 470, 520, 580, 640])
@pytest.mark.parametrize("noise", [0.0, 0.002, 0.006])
def test_finds_the_first_exciton(peak_nm: float, noise: float) -> None:
    """The maximum lies up to 1.5 nm blue of the line, because the next line rises under it."""
    peak = find_exciton(WAVELENGTHS, spectrum(peak_nm, noise=noise))
    assert peak.kind is PeakKind.MAXIMUM
    assert peak.peak_nm == pytest.approx(peak_nm, abs=2.5)
    assert peak.hwhm_ev == pytest.approx(0.06 * np.sqrt(2 * np.log(2)), rel=0.15)


def test_scatter_and_offset_change_neither_position_nor_width() -> None:
    clean = find_exciton(WAVELENGTHS, spectrum(560))
    tail = find_exciton(WAVELENGTHS, spectrum(560, scatter=0.15, offset=0.05))
    assert tail.peak_nm == pytest.approx(clean.peak_nm, abs=0.2)
    assert tail.hwhm_ev == pytest.approx(clean.hwhm_ev, rel=0.03)
    assert tail.absorbance == pytest.approx(clean.absorbance, rel=0.03)


@pytest.mark.parametrize("peak_nm", [500, 560, 620])
def test_a_shoulder_counts_too(peak_nm: float) -> None:
    peak = find_exciton(WAVELENGTHS, spectrum(peak_nm, width_ev=0.12, noise=0.001))
    assert peak.kind is PeakKind.SHOULDER
    assert peak.peak_nm == pytest.approx(peak_nm, abs=5)


def test_near_infrared_and_any_order_of_points() -> None:
    wavelengths = np.arange(800.0, 2000.0, 2.0)
    values = spectrum(1300, width_ev=0.035, noise=0.002, wavelengths=wavelengths)
    order = np.random.default_rng(1).permutation(len(wavelengths))
    values[3] = np.nan
    peak = find_exciton(wavelengths[order], values[order])
    assert peak.peak_nm == pytest.approx(1300, abs=4)
    assert size_from_absorbance(wavelengths, values, "PbS").size_nm == pytest.approx(4.62, abs=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_noise_alone_is_no_peak(seed: int) -> None:
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(WAVELENGTHS))
    with pytest.raises(NoExcitonPeak):
        find_exciton(WAVELENGTHS, 0.1 + 0.3 * (400 / WAVELENGTHS) ** 4 + noise)


def test_flat_line_is_no_peak() -> None:
    with pytest.raises(NoExcitonPeak):
        find_exciton(WAVELENGTHS, np.full(len(WAVELENGTHS), 0.1))


@pytest.mark.parametrize(
    ("wavelengths", "message"),
    [
        (np.linspace(400, 700, 10), "at least 30"),
        (np.linspace(4.0, 7.0, 300), "not nanometres"),
        (np.linspace(500, 520, 200), "too short"),
        (np.linspace(350, 800, 31), "too few points near"),
    ],
)
def test_what_is_no_spectrum_is_refused(wavelengths: np.ndarray, message: str) -> None:
    with pytest.raises(SpectrumError, match=message):
        find_exciton(wavelengths, np.linspace(1, 0, len(wavelengths)))


def test_what_is_no_absorbance_is_refused() -> None:
    transmittance = 100 * 10 ** -spectrum(560)
    with pytest.raises(SpectrumError, match="per cent transmittance"):
        find_exciton(WAVELENGTHS, transmittance)
    with pytest.raises(SpectrumError, match="none is above zero"):
        find_exciton(WAVELENGTHS, -spectrum(560))
    with pytest.raises(SpectrumError, match="none is above zero"):
        find_exciton(WAVELENGTHS, np.zeros(len(WAVELENGTHS)))
    # A strong sample on a baseline below zero is one.
    assert find_exciton(WAVELENGTHS, 9 * spectrum(560) - 0.2).peak_nm == pytest.approx(560, abs=2.5)


@pytest.mark.parametrize(
    "heading",
    [
        "wavelength,%T",
        "Wavelength (nm),% T",
        "nm,Transmittance",
        "sample 3\nnm,T [%]",
        "# nm transmission",
        "nm,%R",
        "Wavelength,PL",
        "Wavelength (nm),Normalized PL (a.u.)",
        "nm,Photoluminescence",
        "Emission scan\nnm,Intensity",
        "Wavelength,Fluorescence intensity",
        "nm,counts",
        "nm,Intensity (cps)",
        "Excitation wavelength,Intensity",
        "Wavelength (nm),T",
        '"Wavelength","R",',
        "nm\tT (a.u.)",
        "wavelength T",
        "TITLE\t\nXUNITS\tNANOMETERS\nYUNITS\tTRANSMITTANCE\nNPOINTS\t450\nFIRSTX\t350\nXYDATA",
        "##TITLE=x\n##YUNITS=%T\n##NPOINTS=450\n##XYDATA=(XY..XY)",
    ],
)
def test_a_heading_that_says_something_else_is_believed(tmp_path: Path, heading: str) -> None:
    (tmp_path / "a.csv").write_text(f"{heading}\n" + "\n".join(f"{x},{y}" for x, y in ROWS))
    with pytest.raises(SpectrumError, match=r"a\.csv: .* not absorbance"):
        read_spectrum(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "heading",
    [
        "nm,A",
        "Total transmittance corrected\nby hand\nnm,Abs",
        "nm,absorbance (from %T)",
        "T 25 C\nnm,A",
        "PL-3\nnm,A",
        "after emission\nnm\tA (1 cm)",
        "sample T",
        "batch R\nnm,A",
        "TITLE\tT\nXUNITS\tNANOMETERS\nYUNITS\tABSORBANCE\nNPOINTS\t450\nXYDATA",
    ],
)
def test_other_headings_are_not(tmp_path: Path, heading: str) -> None:
    (tmp_path / "a.csv").write_text(f"{heading}\n" + "\n".join(f"{x},{y}" for x, y in ROWS))
    assert len(read_spectrum(tmp_path / "a.csv")[0]) == len(ROWS)


@pytest.mark.parametrize("hwhm_nm", [8, 14, 30])
def test_a_line_with_nothing_beyond_it_is_emission(hwhm_nm: float) -> None:
    emission = np.exp(-np.log(2) * ((WAVELENGTHS - 560) / hwhm_nm) ** 2) + 0.002
    with pytest.raises(SpectrumError, match="as emission does"):
        find_exciton(WAVELENGTHS, emission)


def good_sample(peak_nm: float, hwhm_nm: float, wavelengths: np.ndarray = WAVELENGTHS) -> np.ndarray:
    """A continuum that falls to the red, and one line, Gaussian in wavelength."""
    line = 0.2 * np.exp(-np.log(2) * ((wavelengths - peak_nm) / hwhm_nm) ** 2)
    return np.exp(-(wavelengths - 350) / 60) + line + 0.002


@pytest.mark.parametrize("at_nm", [430, 548, 590, 640])
@pytest.mark.parametrize("points", [1, 2, 3])
@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_a_spike_is_no_exciton(at_nm: int, points: int, noise: float) -> None:
    clean = good_sample(550, 14) + noise * np.random.default_rng(at_nm).standard_normal(len(WAVELENGTHS))
    spiked = clean.copy()
    spiked[at_nm - 350 : at_nm - 350 + points] += 0.3
    peak = find_exciton(WAVELENGTHS, spiked)
    assert peak.peak_nm == pytest.approx(find_exciton(WAVELENGTHS, clean).peak_nm, abs=0.5)
    assert peak.notes
    if points == 1:
        assert f"at {at_nm} nm was taken out" in peak.notes[0]


@pytest.mark.parametrize("at_nm", [500, 590, 620, 720])
@pytest.mark.parametrize("height", [-0.03, 0.01, 0.1])
def test_a_step_of_the_detector_is_no_exciton(at_nm: int, height: float) -> None:
    stepped = good_sample(550, 14) + height * (at_nm <= WAVELENGTHS)
    peak = find_exciton(WAVELENGTHS, stepped)
    assert peak.peak_nm == pytest.approx(find_exciton(WAVELENGTHS, good_sample(550, 14)).peak_nm, abs=0.5)
    (note,) = peak.notes
    assert f"a step of {height:g} between {at_nm - 1} and {at_nm} nm" in note


@pytest.mark.parametrize("interval_nm", [0.5, 1, 2])
@pytest.mark.parametrize("hwhm_nm", [8, 15])
@pytest.mark.parametrize("digits", [3, 6])
def test_narrow_lines_of_good_samples_stay(interval_nm: float, hwhm_nm: float, digits: int) -> None:
    wavelengths = np.arange(450.0, 750.0, interval_nm)
    peak = find_exciton(wavelengths, np.round(good_sample(550.3, hwhm_nm, wavelengths), digits))
    assert peak.peak_nm == pytest.approx(550.3, abs=2)
    assert peak.notes == ()


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_taken_out_of_noise(seed: int) -> None:
    noise = 0.002 * np.random.default_rng(seed).standard_normal(len(WAVELENGTHS))
    assert find_exciton(WAVELENGTHS, good_sample(550, 14) + noise).notes == ()


def test_a_spectrum_full_of_spikes_is_refused() -> None:
    spiked = good_sample(550, 14)
    spiked[5:-5:12] += 0.3
    with pytest.raises(SpectrumError, match="record it again"):
        find_exciton(WAVELENGTHS, spiked)


def test_what_was_taken_out_is_told_with_the_size_and_kept() -> None:
    spiked = good_sample(550, 14)
    spiked[290] += 0.3
    size = size_from_absorbance(WAVELENGTHS, spiked, "CdSe")
    assert size.size_nm == pytest.approx(
        size_from_absorbance(WAVELENGTHS, good_sample(550, 14), "CdSe").size_nm, abs=0.02
    )
    outcome = outcome_from_absorbance(size)
    assert outcome.evidence is not None
    assert "a spike of 0.3 at 640 nm was taken out" in (size.note or "")
    assert (outcome.evidence.note or "").endswith(size.note or "?")


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(SpectrumError, match="same length"):
        find_exciton([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("product", "curve", "peak_nm", "size_nm"),
    [
        # Worked by hand from the published coefficients.
        ("CdSe", "yu2003", 550, 3.04),
        ("CdSe", "jasieniak2009", 550, 3.19),
        ("CdS", "yu2003", 400, 3.38),
        ("CdTe", "yu2003", 600, 3.66),
        # E0 = 0.41 + 1 / (0.0252 d² + 0.283 d) and E0 = 0.278 + 1 / (0.016 d² + 0.209 d + 0.45), at d = 5 nm.
        ("PbS", "moreels2009", EV_NM / (0.41 + 1 / (0.0252 * 25 + 0.283 * 5)), 5.0),
        ("PbSe", "moreels2007", EV_NM / (0.278 + 1 / (0.016 * 25 + 0.209 * 5 + 0.45)), 5.0),
    ],
)
def test_sizing_curves(product: str, curve: str, peak_nm: float, size_nm: float) -> None:
    assert sizing_curve(product, curve).size_nm(peak_nm) == pytest.approx(size_nm, abs=0.01)


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: f"{c.product}-{c.name}")
def test_curves_rise_throughout_their_range_and_end_with_it(curve: object) -> None:
    sizes = []
    for peak_nm in np.arange(300.0, 3000.0, 1.0):
        try:
            sizes.append(curve.size_nm(float(peak_nm)))  # type: ignore[attr-defined]
        except OutsideSizingCurve:
            sizes.append(np.nan)
    known = np.array(sizes)[~np.isnan(sizes)]
    assert np.all(np.diff(known) > 0)
    assert known[-1] - known[0] > 0.8 * (curve.largest_nm - curve.smallest_nm)  # type: ignore[attr-defined]
    assert np.count_nonzero(np.diff(np.isnan(sizes).astype(int))) == 2, "one range without gaps"


def test_outside_the_curve_and_without_one() -> None:
    with pytest.raises(OutsideSizingCurve, match=r"690.0 nm .* 1.5 to 8 nm .*Yu"):
        sizing_curve("CdSe").size_nm(690)
    with pytest.raises(NoSizingCurve, match="Ag2S"):
        size_from_absorbance(WAVELENGTHS, spectrum(560), "Ag2S")
    with pytest.raises(NoSizingCurve, match="yu2003, jasieniak2009"):
        sizing_curve("CdSe", "x")


def test_outcome_is_provisional_and_says_how() -> None:
    size = size_from_absorbance(WAVELENGTHS, spectrum(560), "CdSe")
    outcome = outcome_from_absorbance(size, files=["a.csv"])
    assert outcome.size_nm == size.size_nm
    assert outcome.success is None
    assert outcome.observables["absorbance_peak_nm"] == size.peak_nm
    assert outcome.evidence is not None
    assert outcome.evidence.method is Method.ABSORBANCE
    assert outcome.evidence.files == ("a.csv",)


ROWS = [(400 + i, 0.5 - 0.005 * i) for i in range(60)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"{x},{y}" for x, y in ROWS),
        "\ufeffWavelength (nm),Abs\r\n" + "\r\n".join(f"{x},{y}" for x, y in ROWS) + "\r\n",
        "nm;A\n" + "\n".join(f"{x};{y}".replace(".", ",") for x, y in ROWS),
        "sample 3\t°C 25\n\nnm\tA\n" + "\n".join(f"{x}\t{y}".replace(".", ",") for x, y in ROWS),
        "# a comment\n" + "\n".join(f"  {x:.1f}   {y:.4e}" for x, y in ROWS) + "\n\nScan rate 600, slit 2\n",
        '"x","y",\n' + "\n".join(f'"{x}","{y}",' for x, y in ROWS),
        "\n".join(f"{x} {y}".replace(".", ",") for x, y in ROWS),
    ],
    ids=["plain", "windows", "decimal comma", "tabs", "blanks and footer", "quotes", "comma and blanks"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_reads_what_instruments_write(tmp_path: Path, text: str, encoding: str) -> None:
    if encoding == "latin-1":
        text = text.removeprefix("\ufeff")
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    wavelengths, values = read_spectrum(tmp_path / "a.txt")
    assert wavelengths == pytest.approx([x for x, _ in ROWS])
    assert values == pytest.approx([y for _, y in ROWS])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no numbers here\n", "no rows of two numbers"),
        (b"", "no rows of two numbers"),
        (b"1,2\n" * 3, "only 3 rows"),
        (b"1;2;3\n" * 40, "3 columns"),
        (b"400,5,0,123\n" * 40, "cannot be told whether its commas are decimal marks"),
        (b"1 2\n" * 40 + b"second sample\n" + b"1 2\n" * 40, "more than one table"),
        (b"\x89PNG\x00\x00" * 40, "not a text file"),
        (b"1,1e999\n" * 40, "too large"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ColumnFileError, match=message):
        read_spectrum(tmp_path / "a.txt")


def test_a_missing_file_has_a_name(tmp_path: Path) -> None:
    with pytest.raises(ColumnFileError, match=r"nothing.csv: cannot be read"):
        read_spectrum(tmp_path / "nothing.csv")


def test_published_sizes_by_tem(shared_data: Path) -> None:
    """CdSe of the literature whose diameter is from TEM: both curves come within the scatter between laboratories."""
    with (shared_data / "cdse2022" / "CdSe - Raw.csv").open(encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["Diameter from"] == "TEM"]
    errors: dict[str, list[float]] = {"yu2003": [], "jasieniak2009": []}
    for row in rows:
        if row["Absorbance max (nm)"] in ("", "None"):
            continue
        for name, found in errors.items():
            try:
                size = sizing_curve("CdSe", name).size_nm(float(row["Absorbance max (nm)"]))
            except OutsideSizingCurve:
                continue
            found.append(abs(size - float(row["Diameter_nm"])))
    print({name: (len(found), round(float(np.mean(found)), 3)) for name, found in errors.items()})
    assert len(errors["yu2003"]) > 130
    assert np.mean(errors["yu2003"]) < 0.35
    assert np.mean(errors["jasieniak2009"]) < 0.40

"""From a powder pattern to a size: patterns by the Debye formula for spheres of known diameter, and bad input."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from closedloop.columns import ColumnFileError
from closedloop.recipes import Method
from closedloop.scattering import (
    SPHERE_K,
    NarrowerThanInstrument,
    NoPeaks,
    PatternError,
    fit_peaks,
    outcome_from_pattern,
    read_pattern,
    size_from_pattern,
)
from closedloop.scattering.profile import pseudo_voigt

COPPER_NM = 0.15418
ANGLES = np.arange(20.0, 70.0, 0.05)
LATTICE_NM = 0.5936  # The lead atoms of PbS: face-centred cubic.


@cache
def debye(diameter_nm: float) -> tuple[np.ndarray, float]:
    """Intensity at `ANGLES` of a sphere cut from the lattice, and the diameter of a sphere of its volume.

    The Debye formula, N + 2 Σ sin(qr) / (qr), with the distances r in bins of 0.0005 nm.
    """
    cells = np.arange(-int(diameter_nm / 2 / LATTICE_NM) - 1, int(diameter_nm / 2 / LATTICE_NM) + 2)
    corners = np.stack(np.meshgrid(cells, cells, cells, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    atoms = (corners + basis).reshape(-1, 3) * LATTICE_NM
    atoms = atoms[np.linalg.norm(atoms, axis=1) <= diameter_nm / 2]
    edges = np.arange(0, diameter_nm + 0.01, 0.0005)
    counts = np.zeros(len(edges) - 1)
    for i in range(len(atoms) - 1):
        counts += np.histogram(np.linalg.norm(atoms[i + 1 :] - atoms[i], axis=1), edges)[0]
    r = ((edges[:-1] + edges[1:]) / 2)[counts > 0]
    q = 4 * np.pi * np.sin(np.radians(ANGLES / 2)) / COPPER_NM
    intensity = len(atoms) + 2 * np.sinc(q[:, None] * r / np.pi) @ counts[counts > 0]
    return intensity, (6 * len(atoms) * LATTICE_NM**3 / 4 / np.pi) ** (1 / 3)


def counted(intensity: np.ndarray, seed: int | None) -> np.ndarray:
    """3,000 counts at the highest point on a background of 200, with Poisson noise for a seed."""
    expected = 3000 * intensity / intensity.max() + 200
    return expected if seed is None else np.random.default_rng(seed).poisson(expected).astype(float)


def test_the_constant_is_that_of_a_sphere() -> None:
    """The profile of a sphere is the Fourier transform of its common volume with its own shifted copy."""
    t = np.linspace(0, 1, 20001)
    common = 1 - 1.5 * t + 0.5 * t**3
    s = np.linspace(0.4, 0.7, 3001)
    profile = np.array([np.trapezoid(common * np.cos(2 * np.pi * x * t), t) for x in s]) / np.trapezoid(common, t)
    assert 2 * s[np.argmin(np.abs(profile - 0.5))] == pytest.approx(SPHERE_K, abs=1e-3)


@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("diameter_nm", [2.5, 4.0, 6.0])
def test_spheres_of_known_size(diameter_nm: float, seed: int | None) -> None:
    """Within 6%, and within three of the standard deviations that are stated."""
    intensity, truth = debye(diameter_nm)
    size = size_from_pattern(ANGLES, counted(intensity, seed), wavelength_nm=COPPER_NM)
    assert size.size_nm == pytest.approx(truth, rel=0.06)
    assert abs(size.size_nm - truth) < 3 * size.size_sd_nm
    assert size.peaks[0].two_theta_deg == pytest.approx(25.98, abs=0.4)


@pytest.mark.parametrize("diameter_nm", [2.5, 4.0, 6.0])
def test_what_a_curved_background_costs_is_stated(diameter_nm: float) -> None:
    """The broad hump of a glass holder and the air's scatter at low angles, of 30 and 50% of the highest peak."""
    intensity, truth = debye(diameter_nm)
    curved = 0.3 * np.exp(-(((ANGLES - 24) / 8) ** 2)) + 0.5 * np.exp(-(ANGLES - 20) / 7)
    size = size_from_pattern(ANGLES, counted(intensity / intensity.max() + curved, 0), wavelength_nm=COPPER_NM)
    assert abs(size.size_nm - truth) < 2.5 * size.size_sd_nm


def test_the_instrument_is_taken_off() -> None:
    """A pattern blurred by a Gaussian of 1° gives the sharp pattern's size when told so, and much less when not."""
    intensity, truth = debye(6.0)
    offsets = np.arange(-60, 61) * 0.05
    blur = np.exp(-4 * np.log(2) * offsets**2)
    blurred = np.convolve(np.pad(intensity, 60, mode="edge"), blur / blur.sum(), mode="valid")
    told = size_from_pattern(ANGLES, counted(blurred, 0), wavelength_nm=COPPER_NM, instrument_fwhm_deg=1.0)
    untold = size_from_pattern(ANGLES, counted(blurred, 0), wavelength_nm=COPPER_NM)
    assert told.size_nm == pytest.approx(truth, rel=0.08)
    assert untold.size_nm < 0.9 * truth


def test_one_peak_by_hand() -> None:
    """Width 1° at 40°: 1.107 · 0.15418 / (π/180 · cos 20°) = 10.41 nm."""
    pattern = pseudo_voigt(ANGLES, 40.0, 1.0, 1000.0, 0.4) + 50 + 0.5 * (ANGLES - 45)
    size = size_from_pattern(ANGLES, pattern, wavelength_nm=COPPER_NM)
    assert len(size.peaks) == 1
    assert size.size_nm == pytest.approx(10.41, rel=0.01)
    assert size.peaks[0].lorentzian == pytest.approx(0.4, abs=0.05)
    assert size_from_pattern(ANGLES, pattern, wavelength_nm=COPPER_NM, k=0.9).size_nm == pytest.approx(8.46, rel=0.01)


def test_overlapping_peaks_are_told_apart() -> None:
    pattern = pseudo_voigt(ANGLES, 26.0, 2.0, 1000.0, 0.2) + pseudo_voigt(ANGLES, 28.2, 2.0, 500.0, 0.2) + 100
    fit = fit_peaks(ANGLES, np.random.default_rng(0).poisson(pattern).astype(float))
    assert [peak.two_theta_deg for peak in fit.peaks] == pytest.approx([26.0, 28.2], abs=0.2)
    assert fit.peaks[0].fwhm_deg == pytest.approx(2.0, rel=0.1)


def test_peaks_that_disagree_widen_the_uncertainty() -> None:
    """Strain widens the peak at the larger angle more than size does."""

    def sd(second_width: float) -> float:
        pattern = (
            pseudo_voigt(ANGLES, 30.0, 1.0, 1000.0, 0.2) + pseudo_voigt(ANGLES, 60.0, second_width, 1000.0, 0.2) + 100
        )
        size = size_from_pattern(ANGLES, pattern, wavelength_nm=COPPER_NM)
        return size.size_sd_nm / size.size_nm

    agreeing = np.cos(np.radians(15)) / np.cos(np.radians(30))
    assert sd(2.5) > 1.5 * sd(agreeing)


@pytest.fixture(scope="module")
def clean() -> tuple[np.ndarray, float]:
    """A pattern of 4 nm crystals with counting noise, and the size that it tells."""
    pattern = counted(debye(4.0)[0], 0)
    return pattern, size_from_pattern(ANGLES, pattern, wavelength_nm=COPPER_NM).size_nm


@pytest.mark.parametrize("readings", [1, 2])
@pytest.mark.parametrize("at_deg", [26.0, 33.0, 43.0])
@pytest.mark.parametrize("height", [1500.0, 60000.0])
def test_a_cosmic_ray_is_left_out_and_told(
    clean: tuple[np.ndarray, float], readings: int, at_deg: float, height: float
) -> None:
    pattern, size_nm = clean
    spiked = pattern.copy()
    first = int(np.argmin(np.abs(ANGLES - at_deg)))
    spiked[first : first + readings] += height
    size = size_from_pattern(ANGLES, spiked, wavelength_nm=COPPER_NM)
    assert size.size_nm == pytest.approx(size_nm, rel=0.01)
    assert f"at {ANGLES[first]:g}° was left out" in (size.note or "")
    assert (outcome_from_pattern(size).evidence.note or "").endswith(size.note or "?")  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width_deg", [0.2, 0.5])
def test_nothing_is_left_out_of_narrow_peaks(width_deg: float, seed: int) -> None:
    pattern = sum(pseudo_voigt(ANGLES, at, width_deg, 3000.0, 0.3) for at in (26.03, 30.0, 43.02)) + 20
    fit = fit_peaks(ANGLES, np.random.default_rng(seed).poisson(pattern).astype(float))
    assert fit.notes == ()
    assert len(fit.peaks) == 3


def test_a_pattern_of_spikes_alone_is_too_narrow() -> None:
    pattern = np.random.default_rng(0).poisson(50, len(ANGLES)).astype(float)
    pattern[[120, 400, 610]] += 5000
    with pytest.raises(NarrowerThanInstrument, match="no wider than two steps"):
        size_from_pattern(ANGLES, pattern, wavelength_nm=COPPER_NM)


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_peaks(seed: int) -> None:
    with pytest.raises(NoPeaks):
        size_from_pattern(ANGLES, np.random.default_rng(seed).poisson(200, len(ANGLES)), wavelength_nm=COPPER_NM)


@pytest.mark.parametrize(("width_deg", "instrument_deg"), [(0.12, 0.0), (0.5, 0.5), (0.5, 0.9)])
def test_too_narrow_for_the_instrument(width_deg: float, instrument_deg: float) -> None:
    pattern = pseudo_voigt(ANGLES, 40.0, width_deg, 5000.0, 0.3) + 100
    with pytest.raises(NarrowerThanInstrument, match="too large for this method"):
        size_from_pattern(ANGLES, pattern, wavelength_nm=COPPER_NM, instrument_fwhm_deg=instrument_deg)


@pytest.mark.parametrize(
    ("angles", "wavelength_nm", "message"),
    [
        (ANGLES, 1.5418, "not one of X-rays"),
        (ANGLES, float("nan"), "not one of X-rays"),
        (ANGLES * 5, COPPER_NM, "not degrees 2θ"),
        (ANGLES[:20], COPPER_NM, "at least 60"),
        (np.linspace(20, 21, 100), COPPER_NM, "at least 3°"),
    ],
)
def test_what_is_no_pattern_is_refused(angles: np.ndarray, wavelength_nm: float, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        size_from_pattern(angles, np.ones(len(angles)), wavelength_nm=wavelength_nm)


def test_reads_patterns_with_an_error_column_but_does_not_guess(tmp_path: Path) -> None:
    rows = [(20 + 0.05 * i, 100.0 + i, 10.5) for i in range(100)]
    path = tmp_path / "a.xye"
    path.write_text("".join(f"{x:.2f} {y:.1f} {e}\n" for x, y, e in rows))
    angles, counts = read_pattern(path)
    assert angles == pytest.approx([x for x, _, _ in rows])
    assert counts == pytest.approx([y for _, y, _ in rows])
    path.write_text("20,05,153\n" * 100)
    with pytest.raises(ColumnFileError, match="decimal marks"):
        read_pattern(path)


@pytest.mark.parametrize(
    ("heading", "what"),
    [
        ("q (1/nm) intensity", "q"),
        ("# Q[A-1],I", "q"),
        ("q,I", "q"),
        ("x (nm^-1);counts", "q"),
        ("Å⁻¹\tcounts", "q"),
        ("# q_nm^-1 I", "q"),
        ("q_A^-1\tI", "q"),
        ("q_nm-1;Intensity", "q"),
        ("x (A^-1),counts", "q"),
        ('"q","I"', "q"),
        ("# r_mm I", "r"),
        ("d (nm) intensity", "d"),
        ("d-spacing,counts", "d"),
        ("theta,counts", "θ"),
        ("θ (deg);counts", "θ"),
        ("Omega,Intensity", "another angle"),
        ("Phi (deg) counts", "another angle"),
    ],
)
def test_an_axis_that_is_not_two_theta_is_refused(tmp_path: Path, heading: str, what: str) -> None:
    path = tmp_path / "a.xy"
    path.write_text(
        f"sample 4\n{heading}\n" + "".join(f"{x:.2f} {y:.1f}\n" for x, y in zip(ANGLES, ANGLES, strict=True))
    )
    with pytest.raises(PatternError, match=rf"a\.xy: .*{what}.*2θ"):
        read_pattern(path)


@pytest.mark.parametrize(
    "heading",
    [
        "2theta,I",
        "2-Theta (deg) counts",
        "2θ\tI",
        "Two theta;I",
        "Q dots, batch A-1",
        "d. of 3 May",
        "TTh I",
        "Angle,PSD",
        "2th_deg I",
        "Omega 3 acids\n2theta,I",
        "2Theta/Omega,Intensity",
        "R 12 of May",
        "Angle,Intensity\nlog of run 3",
        "2theta,Intensity (counts)",
    ],
)
def test_a_heading_that_could_be_two_theta_is_not(tmp_path: Path, heading: str) -> None:
    path = tmp_path / "a.xy"
    path.write_text(f"{heading}\n" + "".join(f"{x:.2f} {y:.1f}\n" for x, y in zip(ANGLES, ANGLES, strict=True)))
    assert read_pattern(path)[0] == pytest.approx(ANGLES)


@pytest.mark.parametrize(
    "intensity", ["log(I)", "log10 counts", "sqrt(I)", "√I", "Intensity (log)", "I^0.5", "ln(Intensity)", "sqrt_counts"]
)
def test_what_is_not_the_intensity_itself_is_refused(tmp_path: Path, intensity: str) -> None:
    path = tmp_path / "a.xy"
    path.write_text(f"2theta\t{intensity}\n" + "".join(f"{x:.2f}\t{x:.1f}\n" for x in ANGLES))
    with pytest.raises(PatternError, match=r"a\.xy: .* not the intensity itself"):
        read_pattern(path)


def test_intensities_below_zero_are_refused() -> None:
    pattern = pseudo_voigt(ANGLES, 40.0, 1.0, 1000.0, 0.4) + 50
    for turned in (-pattern, pattern - 5000, np.zeros(len(ANGLES))):
        with pytest.raises(PatternError, match="none is above zero"):
            size_from_pattern(ANGLES, turned, wavelength_nm=COPPER_NM)


@pytest.mark.parametrize("broken", ["40.00;11,234", "40.00;nan", "40.00;"])
@pytest.mark.parametrize("first", [2, 400, 990])
def test_the_row_that_breaks_a_table_is_named(tmp_path: Path, broken: str, first: int) -> None:
    rows = [f"{x:.2f};{100 + x:.1f}" for x in ANGLES]
    rows[first : first + 2] = [broken, broken]
    path = tmp_path / "a.xy"
    path.write_text("2theta;I\n" + "\n".join(rows))
    with pytest.raises(ColumnFileError, match=rf'line {first + 2}, "{broken}", is no row of numbers'):
        read_pattern(path)


def test_where_no_row_is_one_the_first_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xy"
    path.write_text("2theta;I\n" + "".join(f"{x:.2f};{2000 + x:,.0f}\n" for x in ANGLES))
    with pytest.raises(ColumnFileError, match=r'line 2, "20\.00;2,020"'):
        read_pattern(path)


def test_a_stray_line_of_numbers_after_the_table_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.xy"
    path.write_text("".join(f"{x:.2f} {100 + x:.1f}\n" for x in ANGLES) + "peak, width\n40.0 1.0\n")
    assert len(read_pattern(path)[0]) == len(ANGLES)


def test_outcome_is_provisional() -> None:
    size = size_from_pattern(ANGLES, counted(debye(4.0)[0], None), wavelength_nm=COPPER_NM)
    outcome = outcome_from_pattern(size, files=["a.xy"])
    assert outcome.size_nm == size.size_nm
    assert outcome.size_error_nm == size.size_sd_nm
    assert outcome.evidence is not None
    assert outcome.evidence.method is Method.SCATTERING

"""C-H bands of solvents beside the first exciton of lead chalcogenides, and the deep valleys of narrow ensembles."""

import numpy as np
import pytest

from closedloop.optical import NoExcitonPeak, find_exciton
from closedloop.optical.curves import EV_NM

WAVELENGTHS = np.arange(700.0, 2000.0, 2.0)


def ensemble(peak_nm: float, width_ev: float, peak_to_valley: float, noise: float) -> np.ndarray:
    """A first exciton of 0.2, its valley, a second line, and a continuum that rises to ten times as much."""
    above_ev = EV_NM / WAVELENGTHS - EV_NM / peak_nm

    def line(at: float, width: float) -> np.ndarray:
        return np.exp(-0.5 * ((above_ev - at) / width) ** 2)

    def rise(at: float, width: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(above_ev - at) / width))

    values = line(0, width_ev) + rise(0.06, 0.02) / peak_to_valley + 0.8 * line(0.25, 1.5 * width_ev)
    values = values + 0.8 * rise(0.45, 0.08) + 10 * rise(1.0, 0.2)
    return 0.2 * values + noise * np.random.default_rng(3).standard_normal(len(values))


def band(at_nm: float, width_nm: float, height: float) -> np.ndarray:
    return height * np.exp(-(((WAVELENGTHS - at_nm) / width_nm) ** 2))


@pytest.mark.parametrize(("band_nm", "width_nm"), [(1685, 12), (1730, 20), (1180, 25)])
@pytest.mark.parametrize("height", [0.03, 0.1, 0.3])
def test_a_band_of_the_solvent_is_passed_over_and_told(band_nm: float, width_nm: float, height: float) -> None:
    peak = find_exciton(WAVELENGTHS, ensemble(950, 0.045, 2.5, 0.0005) + band(band_nm, width_nm, height))
    assert peak.peak_nm == pytest.approx(950, abs=4)
    (note,) = peak.notes
    assert int(note.split(" nm ")[0].split()[-1]) == pytest.approx(band_nm, abs=4)
    assert "was passed over" in note


def test_two_bands_are_both_passed_over() -> None:
    values = ensemble(950, 0.045, 2.5, 0.0005) + band(1730, 20, 0.05) + band(1410, 15, 0.03)
    peak = find_exciton(WAVELENGTHS, values)
    assert peak.peak_nm == pytest.approx(950, abs=4)
    assert [int(note.split(" nm ")[0].split()[-1]) for note in peak.notes] == pytest.approx([1730, 1410], abs=4)


def test_where_only_a_solvents_band_stands_out_there_is_no_exciton() -> None:
    featureless = np.exp(-(WAVELENGTHS - 700) / 80)
    with pytest.raises(NoExcitonPeak, match=r"the band at 17\d\d nm was passed over.*; no maximum"):
        find_exciton(WAVELENGTHS, featureless + band(1730, 20, 0.08))


@pytest.mark.parametrize("peak_nm", [1200, 1700])
@pytest.mark.parametrize("noise", [0.0, 0.004])
@pytest.mark.parametrize("width_ev", [0.02, 0.03])
@pytest.mark.parametrize("peak_to_valley", [3, 5])
def test_deep_valleys_of_narrow_ensembles_are_theirs(
    peak_nm: float, noise: float, width_ev: float, peak_to_valley: float
) -> None:
    peak = find_exciton(WAVELENGTHS, ensemble(peak_nm, width_ev, peak_to_valley, noise))
    assert peak.peak_nm == pytest.approx(peak_nm, rel=0.01)
    assert peak.notes == ()


def test_a_broad_line_is_an_exciton_wherever_it_stands() -> None:
    wavelengths = np.arange(400.0, 750.0, 1.0)
    line = np.exp(-0.5 * ((wavelengths - 550) / 15) ** 2)
    peak = find_exciton(wavelengths, line + 1.5 / (1 + np.exp((wavelengths - 450) / 12)))
    assert peak.peak_nm == pytest.approx(550, abs=2)

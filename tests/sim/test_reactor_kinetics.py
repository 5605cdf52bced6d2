"""One step of the population balance against what the theory says in closed form."""

import numpy as np
import pytest

from sim.reactor_chemistry import MATERIALS, SUBSTANCES, find, material
from sim.reactor_kinetics import CLASSES, Contents, rates, solid_mmol, step

CDSE = MATERIALS[0]
HOT_K = 523.15


def with_crystals(radii_nm: list[float], monomer_mmol: float, number: float = 1.0) -> Contents:
    radii = np.repeat(np.array(radii_nm)[:, None], CLASSES, axis=1)
    return Contents(
        volume_ml=15.0, acid=3.0, monomer=monomer_mmol, numbers=np.full(radii.shape, number), radii_nm=radii
    )


def test_the_critical_radius_of_gibbs_and_thomson_neither_grows_nor_dissolves() -> None:
    coefficients = rates(with_crystals([1.0], 0.0), CDSE, HOT_K)
    saturation = 6.0
    critical = coefficients.capillary_nm / np.log(saturation)
    monomer = saturation * coefficients.solubility_mm * 15.0 * 1e-3
    before = with_crystals([0.9 * critical, critical, 1.2 * critical], monomer, number=1e-9)
    after, _ = step(before, CDSE, HOT_K, 0.01)
    moved = (after.radii_nm - before.radii_nm)[:3].mean(axis=1)
    assert moved[0] < 0 < moved[2]
    assert abs(moved[1]) < 1e-3 * abs(moved[0])


def test_the_capillary_length_is_that_of_the_formula() -> None:
    expected_nm = 1e9 * 2 * CDSE.surface_energy * CDSE.molar_volume_m3 / (8.314462618 * HOT_K)
    assert rates(with_crystals([1.0], 0.0), CDSE, HOT_K).capillary_nm == pytest.approx(expected_nm)


def test_nothing_nucleates_from_a_saturated_solution_and_much_from_a_supersaturated_one() -> None:
    empty = Contents(volume_ml=15.0, acid=3.0)
    coefficients = rates(empty, CDSE, HOT_K)
    births = []
    for factor in (0.05, 1.0, 1.5):
        contents = Contents(volume_ml=15.0, acid=3.0, monomer=factor * coefficients.critical_mm * 0.015)
        after, _ = step(contents, CDSE, HOT_K, 0.001)
        births.append(float(after.numbers.sum()))
    assert births[0] == 0.0
    assert births[2] > 10.0 * births[1] > 0.0


def test_monomer_and_solid_add_up_in_growth_dissolution_and_nucleation() -> None:
    for monomer in (0.0, 1e-4, 5e-3):
        before = with_crystals([0.3, 0.8, 2.0], monomer)
        after, _ = step(before, CDSE, HOT_K, 5.0)
        total = before.monomer + solid_mmol(before, CDSE)
        assert after.monomer >= 0.0
        assert after.monomer + after.aggregated + solid_mmol(after, CDSE) == pytest.approx(total, rel=1e-9)


def test_free_acid_raises_solubility_and_amine_slows_attachment() -> None:
    lean, rich = (rates(Contents(volume_ml=15.0, acid=acid), CDSE, HOT_K) for acid in (1.0, 6.0))
    assert rich.solubility_mm > 2.0 * lean.solubility_mm
    amine = rates(Contents(volume_ml=15.0, acid=1.0, amine=5.0), CDSE, HOT_K)
    assert amine.attachment_nm_per_s_mm < 0.5 * lean.attachment_nm_per_s_mm


def test_every_name_and_synonym_means_one_substance() -> None:
    for substance in SUBSTANCES:
        for name in (substance.name, *substance.synonyms):
            assert find(f"  {name.upper()} ") is substance


def test_only_known_pairs_of_ions_make_a_product() -> None:
    assert material("Cd", "Se") is CDSE
    assert material("Cd", "Br") is None

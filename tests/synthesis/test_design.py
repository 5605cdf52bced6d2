from collections.abc import Callable

import pytest

from closedloop.recipes import Experiment, Limits, Recipe, Target, Vessel
from closedloop.synthesis import DesignError, SynthesisModel


@pytest.mark.parametrize("change", [0.95, 1.2])
def test_designed_amounts_meet_the_target_by_the_model_itself(
    model: SynthesisModel, literature: list[Experiment], change: float
) -> None:
    recipe = literature[5].recipe
    # What this recipe gives with a middling amount of ligand, and somewhat more or less than that.
    middling = recipe.with_amounts({("oleic acid", Vessel.FLASK): 3.0})
    size_nm = change * model.predict([middling])[0].size_nm
    target = Target(product="CdSe", size_nm=size_nm)
    made = model.design_amounts(recipe, target)
    assert abs(model.predict([made])[0].size_nm - size_nm) <= target.half_width_nm
    blank = {(r.name, r.vessel): 0.0 for r in recipe.reagents}
    assert made.with_amounts(blank) == recipe.with_amounts(blank), "more than the amounts has changed"
    assert made == model.design_amounts(recipe, target), "not repeatable"


def test_the_amounts_given_do_not_matter(model: SynthesisModel, literature: list[Experiment]) -> None:
    recipe, target = literature[5].recipe, Target(product="CdSe", size_nm=3.0)
    other = recipe.with_amounts({(r.name, r.vessel): 9.0 for r in recipe.reagents})
    assert model.design_amounts(recipe, target) == model.design_amounts(other, target)


def test_limits_are_kept(model: SynthesisModel, literature: list[Experiment]) -> None:
    limits = Limits(max_amounts_mmol={"1-octadecene": 12.0, "oleic acid": 1.7, "selenium": 0.0})
    target = Target(product="CdSe", size_nm=3.0, limits=limits)
    made = model.design_amounts(literature[5].recipe, target)
    assert limits.violations(made) == []
    assert made.amount_mmol("selenium") == 0.0


def test_contradictions_are_named(model: SynthesisModel, run_lab: Callable[..., list[Experiment]]) -> None:
    recipe = run_lab(1, 0)[0].recipe
    with pytest.raises(DesignError, match="makes CdSe but the target is PbS"):
        model.design_amounts(recipe, Target(product="PbS", size_nm=3))
    limits = Limits(allowed_chemicals=("cadmium oxide", "oleic acid", "1-octadecene"))
    with pytest.raises(DesignError, match="selenium is not among the allowed"):
        model.design_amounts(recipe, Target(product="CdSe", size_nm=3, limits=limits))
    with pytest.raises(DesignError, match="no reagents"):
        model.design_amounts(Recipe(product="CdSe"), Target(product="CdSe", size_nm=3))

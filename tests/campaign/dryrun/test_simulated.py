"""Campaigns in a simulator: free designs within the space, the same result anywhere, and better than blind."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.campaign.dryrun import (
    DESIGNERS,
    DryRunError,
    NoSuchSimulator,
    Plan,
    Run,
    Shelf,
    SimulatedTask,
    StrategyNotInstalled,
    check_designers,
    definition_for,
    run_all,
    simulated,
)
from closedloop.campaign.dryrun.designers import Brief, find
from closedloop.campaign.dryrun.designers.parameters import Parameters
from closedloop.campaign.errors import CampaignFileError
from closedloop.recipes import FailureCause, Outcome, Recipe, Shape
from closedloop.recipes.target import Target

PLAIN = ("closedloop", "random", "gp", "extra-trees")
EXTRAS = {"baybe": "baybe", "ax": "ax"}
# Enough that each has begun to choose by what it learned.
LONG_ENOUGH = {"baybe": 3, "ax": 7}


class Law:
    """Size follows heat; too cold gives nothing. Answers at once."""

    products = ("PbS",)

    def __init__(self) -> None:
        self.made: list[tuple[Recipe, int]] = []

    def space(self, product: str) -> dict[str, Any]:
        raise AssertionError("the real one is asked for its space")

    def make(self, recipe: Recipe, seed: int) -> Outcome:
        self.made.append((recipe, seed))
        hot = recipe.reaction_temperature_c or 0.0
        if hot < 75:
            return Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED)
        size = 3.0 * np.exp(0.012 * (hot - 60)) * (1 + 0.01 * np.random.default_rng(seed).standard_normal())
        return Outcome(success=True, size_nm=size, size_std_nm=0.1 * size, particle_count=200, shape=Shape.SPHERE)


@pytest.fixture
def law(monkeypatch: pytest.MonkeyPatch) -> Law:
    made = Law()
    monkeypatch.setattr(simulated, "_simulator", lambda name: made)
    return made


def _task(size_nm: float = 6.0, model: str = "none") -> SimulatedTask:
    return SimulatedTask("virtual", definition_for("virtual", product="PbS", size_nm=size_nm), model)


def _steps(runs: dict[str, list[Run]]) -> dict[str, list[Any]]:
    return {name: [(run.seed, run.steps) for run in own] for name, own in runs.items()}


@pytest.mark.parametrize("name", PLAIN)
def test_every_design_is_within_the_campaigns_space_and_seeds_differ_and_repeat(name: str, law: Law) -> None:
    task = _task()
    runs = [task.run(name, seed, Plan((name,), budget=5, all_hits=True)) for seed in (0, 1, 0)]
    space = task.definition.search_space
    assert [space.violations(recipe) for recipe, _ in law.made] == [[]] * 15
    recipes = [recipe for recipe, _ in law.made]
    assert recipes[:5] == recipes[10:] != recipes[5:10]
    assert runs[0].steps == runs[2].steps
    # The same luck in the n-th experiment of a seed, whatever is made in it.
    assert [seed for _, seed in law.made][:5] == [simulated._seed_of(0, n) for n in range(5)]


def test_the_proposer_finds_a_law_sooner_than_blind_choice(law: Law) -> None:
    task = _task()
    counts = [task.run("closedloop", seed, Plan(("closedloop",))).experiments_to_hit or 26 for seed in range(3)]
    blind = task.blind(task.survey(400))
    assert np.mean(counts) < 0.6 / (blind.share or 1)


def test_a_failure_is_an_outcome_and_a_run_without_a_hit_ends_with_its_budget(law: Law) -> None:
    run = _task(size_nm=200.0).run("random", 0, Plan(("random",), budget=12))
    assert run.experiments_to_hit is None
    assert len(run.steps) == 12
    failed = [step for step in run.steps if step.value is None]
    assert failed
    assert all(step.regret is None and not step.hit for step in failed)


def test_of_a_batch_nothing_is_learned_before_it_is_chosen(law: Law) -> None:
    one = _task(200.0).run("closedloop", 0, Plan(("closedloop",), budget=3, batch=3))
    assert len(one.steps) == 3
    assert len({recipe.model_dump_json() for recipe, _ in law.made}) == 3


def test_two_processes_say_the_same_and_an_interrupted_study_goes_on(tmp_path: Path) -> None:
    plan = Plan(("closedloop", "random"), seeds=1, budget=2)
    task = _task(size_nm=30.0)
    shelf = Shelf(tmp_path)
    whole = run_all(task, plan, executor="local:2", shelf=shelf)
    next(tmp_path.glob("closedloop-*.json")).unlink()
    said: list[str] = []
    again = run_all(task, plan, shelf=shelf, progress=lambda part, words: said.append(words))
    assert said[0] == "1 of 2 runs were done before"
    assert _steps(again.runs) == _steps(whole.runs)
    assert _steps(run_all(task, plan).runs) == _steps(whole.runs)


@pytest.mark.filterwarnings("default")
def test_a_cluster_says_the_same_to_the_last_digit() -> None:
    distributed = pytest.importorskip("distributed", reason="needs the optional package distributed")
    plan = Plan(("closedloop",), seeds=2, budget=2)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as local:
        there = run_all(_task(30.0), plan, executor=f"dask:{local.scheduler_address}")
    assert _steps(there.runs) == _steps(run_all(_task(30.0), plan).runs)


def test_other_targets_and_models_are_other_runs_and_share_a_survey(law: Law, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    plan = Plan(("random",), seeds=1, budget=1)
    for task in (_task(200.0), _task(201.0), _task(200.0, "shipped")):
        run_all(task, plan, shelf=shelf)
        task.survey(8, shelf=shelf)
    assert len(list(tmp_path.glob("random-*.json"))) == 3
    assert len(list(tmp_path.glob("survey-*.json"))) == 1
    damaged = next(tmp_path.glob("survey-*.json"))
    damaged.write_text(damaged.read_text()[:50])
    assert len(_task().survey(8, shelf=shelf)) == 8


@pytest.mark.parametrize("name", EXTRAS)
def test_the_extras_design_within_the_space_too(name: str, law: Law) -> None:
    pytest.importorskip(EXTRAS[name], reason=f"needs the optional package {name}")
    task = _task(200.0)
    task.run(name, 0, Plan((name,), budget=LONG_ENOUGH[name]))
    space = task.definition.search_space
    assert [space.violations(recipe) for recipe, _ in law.made] == [[]] * LONG_ENOUGH[name]


def test_ax_is_told_of_the_recipe_that_was_made(law: Law) -> None:
    """What it asks for is moved inside the space's constraints and to amounts that can be measured out."""
    pytest.importorskip("ax", reason="needs the optional package ax-platform")
    task = _task()
    space = task.definition.search_space
    campaign: Any = find("ax").begin(Brief(space, task.target, "none"), 0)
    made = []
    for _ in range(LONG_ENOUGH["ax"]):
        (design,) = campaign.pick(1)
        outcome = law.make(design.recipe, 0)
        campaign.learn(design.recipe, outcome)
        if outcome.size_nm is not None:
            away = abs(np.log(outcome.size_nm / task.target.size_nm))
            made.append(Parameters(space).row(design.recipe) | {"away": away})
    trials = campaign._client.summarize()
    told = trials[trials["trial_status"] == "COMPLETED"].to_dict("records")
    assert len(made) > 2
    for row, trial in zip(made, told, strict=True):
        assert {name: trial[name] for name in row} == pytest.approx(row)


def test_values_for_libraries_come_back_as_the_same_recipe() -> None:
    space = _task().definition.search_space
    parameters = Parameters(space)
    recipes = space.sample(16, 3)
    assert {len(recipe.reagents) for recipe in recipes} == {5, 6}
    for recipe in recipes:
        row = parameters.row(recipe)
        assert all(0 <= value <= 1 for value in row.values())
        assert space.encode(parameters.recipe(row)) == pytest.approx(space.encode(recipe), abs=0.01)


def test_names_are_checked_and_an_extra_that_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(PLAIN) | set(EXTRAS) == set(DESIGNERS)
    monkeypatch.setattr(
        "closedloop.campaign.dryrun.strategies.registry.find_spec",
        lambda name: None if name in EXTRAS.values() else find_spec(name),
    )
    with pytest.raises(StrategyNotInstalled, match="pip install ax-platform"):
        check_designers("random,ax")
    with pytest.raises(DryRunError, match="'nearest'"):
        check_designers("nearest")


def test_the_simulator_makes_what_it_says_it_makes() -> None:
    for product in ("CdS", "PbS", "PbSe"):
        task = SimulatedTask("virtual", definition_for("virtual", product=product, size_nm=5.0), "none")
        found = task.survey(8)
        good = [one for one in found if one.success]
        assert good
        assert all(one.size_nm and one.particle_count and one.shape for one in good)
        assert all(sum(one.shape_fractions.values()) == pytest.approx(1) for one in good)


def test_a_campaigns_file_says_space_and_target(tmp_path: Path) -> None:
    shipped = definition_for("virtual", campaign="cdse")
    assert shipped.target.max_relative_spread == 0.20
    other = definition_for("virtual", campaign="cdse", size_nm=3.0, tolerance=0.1)
    assert other.target.band_nm == pytest.approx((2.7, 3.3))
    assert other.target.shape is Shape.SPHERE
    plain = definition_for("virtual", product="CdSe", size_nm=3.0)
    assert plain.target == Target(product="CdSe", size_nm=3.0, limits=shipped.target.limits)
    assert plain.space == shipped.space


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"product": "InP", "size_nm": 4.0}, NoSuchSimulator, "CdSe"),
        ({"product": "PbS"}, DryRunError, "--target-size"),
        ({"product": "PbS", "size_nm": 4000.0}, DryRunError, "4000 nm is impossible"),
        ({"product": "PbS", "size_nm": -4.0}, DryRunError, "-4 nm"),
        ({"product": "PbS", "campaign": "cdse"}, DryRunError, "leave --product out"),
        ({"campaign": "cdze"}, CampaignFileError, "cdse"),
    ],
)
def test_what_a_user_gets_wrong_is_named(given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        definition_for("virtual", **given)


def test_no_simulator_of_that_name() -> None:
    with pytest.raises(NoSuchSimulator, match=r"installed: .*virtual"):
        definition_for("flask", product="PbS", size_nm=4.0)


def test_a_brief_has_nothing_of_the_simulator() -> None:
    """A designer cannot look into the flask: what it is begun with are space, target and a model's name."""
    task = _task()
    brief = Brief(task.definition.search_space, task.target, "none")
    assert set(vars(brief)) == {"space", "target", "model"}
    (design,) = find("closedloop").begin(brief, 0).pick(1)
    assert design.chance is not None
    assert 0 <= design.chance <= 1
    assert design.expected_nm

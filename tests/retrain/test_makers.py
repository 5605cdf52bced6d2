"""The real models: the twin that ships, and a whole retraining on cdse2022 and twenty lab runs."""

import resource

import numpy as np
import pytest

from closedloop.campaign import read_campaign
from closedloop.literature import load_experiments
from closedloop.recipes import Experiment, Outcome
from closedloop.retrain import Retrainer
from closedloop.retrain.makers import SHIPPED_LITERATURE, WEIGHTS, SynthesisMaker, digest, shipped_training, twin_name
from closedloop.store import State, Store
from closedloop.synthesis import SynthesisModel
from sim.reactor import run
from tests.retrain.line_model import paper


def test_the_twin_that_ships_is_that_of_the_literature_that_ships() -> None:
    """Where this fails, run ``python -m closedloop.retrain.build_twin``."""
    assert WEIGHTS.joinpath(twin_name(shipped_training())).is_file()


def test_a_digest_tells_rows_and_weights_apart() -> None:
    rows = paper("10.1/1", [200, 250])
    assert len({digest(rows), digest(rows[::-1]), digest(rows, [1.0, 2.0]), digest(rows[:1])}) == 4
    assert digest(rows, [1.0, 2.0]) == digest(paper("10.1/1", [200, 250]), [1.0, 2.0])


def lab_runs(count: int) -> list[Experiment]:
    """Of the simulated lab, all over the space of the default campaign."""
    definition = read_campaign("cdse")
    recipes = definition.space.within(definition.target.limits).sample(count, seed=1)
    made = []
    for number, recipe in enumerate(recipes):
        truth = run(recipe, number)
        outcome = Outcome(
            success=truth.success, failure_cause=truth.failure_cause, size_nm=truth.mean_diameter_nm, shape=truth.shape
        )
        made.append(Experiment(recipe=recipe, outcome=outcome))
    return made


@pytest.mark.slow
def test_twenty_lab_runs_teach_the_model_what_is_different_here(store: Store) -> None:
    runs = lab_runs(50)
    for made in runs[:20]:
        id = store.add_experiment("cdse", made.recipe).id
        store.add_outcome(id, made.outcome)
        for state in (State.APPROVED, State.CHECKED, State.RUNNING, State.MEASURED, State.CLOSED):
            store.move(id, state)
    trainer = Retrainer(store, load_experiments(SHIPPED_LITERATURE))
    maker = SynthesisMaker()

    fresh = [one for one in runs[20:] if one.outcome.size_nm is not None]

    def error_nm(model: SynthesisModel) -> float:
        guessed = [one.size_nm for one in model.predict([one.recipe for one in fresh])]
        return float(np.mean(np.abs(np.array(guessed) - [one.outcome.size_nm for one in fresh])))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    result = trainer.run()
    spent_s = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    assert result.model_id == "model-0001"
    assert store.model("model-0001").twin is not None
    trained = SynthesisModel.load(store.model("model-0001").path)
    shipped = maker.shipped()
    assert isinstance(shipped, SynthesisModel)
    assert error_nm(trained) < 0.8 * error_nm(shipped)
    assert spent_s < 40  # about 14 on one core of its own; a retraining must not keep a campaign waiting

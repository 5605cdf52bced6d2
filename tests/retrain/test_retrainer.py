"""When a challenger is trained, on what, and when it takes over."""

import fcntl
import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import event

from closedloop.recipes import Evidence, Experiment, FailureCause, Method, Outcome
from closedloop.retrain import RetrainBusy, Retrainer, RetrainError, is_held_out
from closedloop.store import ModelStatus, State, Store, StoreLocked
from tests.retrain.line_model import Line, LineMaker, fail_lab, paper, recipe, run_lab

KEPT = next(f"10.1/{n}" for n in range(99) if is_held_out(f"10.1/{n}"))
LEARNED = next(f"10.1/{n}" for n in range(99) if not is_held_out(f"10.1/{n}"))
LITERATURE = [*paper(LEARNED, [200, 250, 300]), *paper(KEPT, [220, 280])]
TEMPERATURES = [210.0, 215.0, 230.0, 240.0, 255.0, 265.0, 275.0, 285.0, 295.0]


def retrainer(store: Store, maker: LineMaker, literature: list[Experiment] = LITERATURE, every: int = 4) -> Retrainer:
    return Retrainer(store, literature, every=every, maker=maker)


def ids(rows: list[Experiment]) -> set[str]:
    return {row.id for row in rows if row.id}


def test_it_is_due_after_so_many_outcomes_that_teach(store: Store, maker: LineMaker) -> None:
    trainer = retrainer(store, maker)
    run_lab(store, TEMPERATURES[:3])
    fail_lab(store, FailureCause.BLOCKED)
    fail_lab(store, FailureCause.NO_IMAGE)
    assert (trainer.due("cdse"), trainer.new_outcomes()) == (False, 3)
    result = trainer.run()
    assert (result.model_id, result.reason) == (None, "not due: 3 of 4 new outcomes since the last time")
    fail_lab(store, FailureCause.NOTHING_FORMED)
    assert trainer.due("cdse")
    store.save_campaign("other", "", "d")
    assert not trainer.due("other")
    assert trainer.run().model_id == "model-0001"
    assert (trainer.due(), trainer.new_outcomes()) == (False, 0)


def test_a_better_outcome_of_an_old_run_is_something_new(store: Store, maker: LineMaker) -> None:
    trainer = retrainer(store, maker, every=1)
    run_lab(store, TEMPERATURES)
    trainer.run(now=True)
    assert not trainer.due()
    corrected = Outcome(success=True, size_nm=2.0, evidence=Evidence(method=Method.TEM_CORRECTED))
    store.add_outcome("cdse-0001", corrected)
    assert trainer.due("cdse")


def test_too_few_runs_are_not_judged_by(store: Store, maker: LineMaker) -> None:
    run_lab(store, TEMPERATURES[:3])
    trainer = retrainer(store, maker, every=1)
    assert not trainer.due()
    result = trainer.run(now=True)
    assert (result.model_id, result.promoted, maker.trained) == (None, False, [])
    assert "it takes 4" in result.reason


def test_where_there_is_nothing_new_to_judge_by_it_says_what_would_be(store: Store, maker: LineMaker) -> None:
    run_lab(store, [250.0] * 5)
    result = retrainer(store, maker).run(now=True)
    assert (result.model_id, maker.trained) == (None, [])
    assert result.reason == (
        "nothing new to judge by: all runs are of one recipe, or the champion's twin has learned from every one; "
        "make another recipe"
    )


def test_a_challenger_that_learned_takes_over_and_serves(store: Store, maker: LineMaker) -> None:
    run_lab(store, TEMPERATURES)
    result = retrainer(store, maker).run()
    assert result.promoted
    champion = store.champion()
    assert champion is not None
    assert (champion.id, champion.parent, champion.note) == (result.model_id, None, result.reason)
    assert maker.load(champion.path).predict([recipe(260)])[0].size_nm == pytest.approx(2.6)
    assert [one.promoted for one in store.retrainings()] == [True]
    assert store.promotions()[0].reason == result.reason


def test_who_is_judged_has_not_learned_from_it_and_who_serves_has(store: Store, maker: LineMaker) -> None:
    """Failures of chemistry are learned from; a broken pump and a missing picture never are."""
    good = run_lab(store, TEMPERATURES)
    negative = fail_lab(store, FailureCause.BULK_PRECIPITATE)
    fail_lab(store, FailureCause.BLOCKED)
    fail_lab(store, FailureCause.NO_IMAGE)
    fail_lab(store, FailureCause.ABANDONED)
    store.add_experiment("cdse", recipe(230))
    result = retrainer(store, maker).run()
    twin, serving = maker.trained
    assert not [row for row in twin if row.source == KEPT]
    assert ids(twin) == set(good[:7])
    assert ids(serving) == {*good, negative}
    assert len(serving) == len(LITERATURE) + 10
    model = store.model(result.model_id or "")
    assert model.twin is not None
    assert model.twin.saw == tuple(good[:7])
    lab_checks = {check.what: check.count for check in result.checks if "lab" in check.what}
    assert lab_checks == {"size error in nm, last lab runs": 2, "Brier score of success, last lab runs": 3}


def test_the_next_challenger_descends_from_the_champion_and_meets_new_questions(store: Store, maker: LineMaker) -> None:
    run_lab(store, TEMPERATURES)
    first = retrainer(store, maker).run()
    late = run_lab(store, [222.0, 233.0, 244.0, 266.0])
    maker.trained.clear()
    second = retrainer(store, maker).run()
    assert store.model(second.model_id or "").parent == first.model_id
    saw = store.model(first.model_id or "").twin
    assert saw is not None
    judged = {record.id for record in store.experiments()} - ids(maker.trained[0])
    assert judged.isdisjoint(saw.saw)
    assert set(late) >= judged
    assert len(judged) == 4


def test_a_challenger_that_only_remembers_does_not_take_over(store: Store, maker: LineMaker) -> None:
    """It would be faultless on everything that it was trained on, the last runs among it."""

    class Remembers(Line):
        known: dict[float | None, float]

        def predict(self, recipes):  # type: ignore[no-untyped-def]
            guesses = super().predict(recipes)
            return [
                replace(guess, size_nm=self.known.get(one.reaction_temperature_c, 50.0))
                for guess, one in zip(guesses, recipes, strict=True)
            ]

    def remember(line: Line) -> Line:
        made = Remembers(line.a, line.b)
        rows = maker.trained[-1]
        known = {row.recipe.reaction_temperature_c: row.outcome.size_nm or 0.0 for row in rows}
        object.__setattr__(made, "known", known)
        return made

    maker.wrap = remember
    run_lab(store, TEMPERATURES)
    result = retrainer(store, maker).run()
    assert not result.promoted
    assert [check.passed for check in result.checks if "size" in check.what] == [False, False]


@pytest.mark.parametrize("where", ["literature", "lab"])
def test_a_worse_challenger_is_kept_and_does_not_take_over(store: Store, maker: LineMaker, where: str) -> None:
    """A lab whose sizes contradict the literature spoils one of the two, depending on which weighs more."""
    maker.start = Line(0.0, 0.01) if where == "literature" else Line(0.0, 0.02)
    literature = [*paper(LEARNED, [200, 250, 300] * (1 if where == "literature" else 90)), *paper(KEPT, [220, 280])]
    run_lab(store, TEMPERATURES, slope=0.02)
    result = retrainer(store, maker, literature).run()
    assert not result.promoted
    assert [check.what for check in result.checks if not check.passed] == [
        f"size error in nm, {'held-out literature' if where == 'literature' else 'last lab runs'}"
    ]
    assert store.champion() is None
    model = store.model(result.model_id or "")
    assert (model.status, model.note) == (ModelStatus.CHALLENGER, result.reason)
    assert "(worse)" in result.reason
    assert [(one.promoted, one.model_id) for one in store.retrainings()] == [(False, model.id)]
    assert store.promote(model.id, "a person knows better").status is ModelStatus.CHAMPION


def test_a_crash_leaves_the_champion_and_is_on_record(store: Store, maker: LineMaker) -> None:
    run_lab(store, TEMPERATURES)
    first = retrainer(store, maker).run().model_id
    run_lab(store, [222.0, 233.0, 244.0, 266.0])

    def crash(line: Line) -> Line:
        raise MemoryError("out of memory\nat step 3")

    maker.wrap = crash
    trainer = retrainer(store, maker)
    with pytest.raises(RetrainError, match=r"MemoryError: out of memory at step 3\); the model in service stays"):
        trainer.run()
    champion = store.champion()
    assert champion is not None
    assert champion.id == first
    assert store.retrainings()[-1].reason == "failed: out of memory at step 3"
    assert len(store.models()) == 1
    assert not trainer.due()  # not again and again: after the next outcomes
    maker.wrap = lambda line: line
    assert trainer.run(now=True).promoted


def test_a_store_that_fails_as_the_challenger_takes_over_leaves_the_champion(store: Store, maker: LineMaker) -> None:
    """What is said then, that the model in service stays, would be untrue of a promotion that was written already."""
    run_lab(store, TEMPERATURES)
    locked = [sqlite3.OperationalError("database is locked")]

    def fails_once(*call: object) -> None:
        if str(call[2]).startswith("INSERT INTO retraining") and locked:
            raise locked.pop()

    event.listen(store._engine, "before_cursor_execute", fails_once)
    with pytest.raises(StoreLocked):
        retrainer(store, maker).run()
    assert store.champion() is None
    assert store.promotions() == []
    assert [(one.promoted, one.reason.partition(":")[0]) for one in store.retrainings()] == [(False, "failed")]


def test_after_a_rollback_the_next_challenger_starts_from_the_model_in_service(store: Store, maker: LineMaker) -> None:
    run_lab(store, TEMPERATURES)
    first = retrainer(store, maker).run().model_id
    run_lab(store, [222.0, 233.0, 244.0, 266.0])
    retrainer(store, maker).run()
    store.rollback("worse in practice")
    run_lab(store, [223.0, 234.0, 245.0, 267.0])
    third = retrainer(store, maker).run()
    assert store.model(third.model_id or "").parent == first


def test_a_champion_without_a_twin_cannot_be_challenged(store: Store, maker: LineMaker, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    weights = tmp_path_factory.mktemp("own") / "own.json"
    Line(0, 1).save(weights)
    store.promote(store.add_model(weights, data_digest="?", metrics={}).id, "brought by hand")
    run_lab(store, TEMPERATURES)
    with pytest.raises(RetrainError, match="model-0001 has no twin"):
        retrainer(store, maker).run()


def test_two_processes_do_not_retrain_at_once(store: Store, maker: LineMaker) -> None:
    run_lab(store, TEMPERATURES)
    with (store.files / "retrain.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(RetrainBusy, match="another process retrains"):
            retrainer(store, maker).run()
    assert store.retrainings() == []
    assert retrainer(store, maker).run().promoted


def test_open_experiments_teach_nothing_yet(store: Store, maker: LineMaker) -> None:
    run_lab(store, TEMPERATURES)
    waiting = store.add_experiment("cdse", recipe(230)).id
    for state in (State.APPROVED, State.CHECKED, State.RUNNING, State.AWAITING_CHARACTERISATION):
        store.move(waiting, state)
    store.add_outcome(waiting, Outcome(success=True, size_nm=99.0, evidence=Evidence(method=Method.ABSORBANCE)))
    retrainer(store, maker).run()
    assert all(waiting not in ids(rows) for rows in maker.trained)

"""Experiments, states, outcomes and images."""

from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from closedloop.recipes import Evidence, Experiment, FailureCause, Method, Outcome, Recipe, Shape
from closedloop.store import (
    ArtefactError,
    IllegalMove,
    Move,
    State,
    Store,
    UnknownCampaign,
    UnknownExperiment,
)

GOOD = (State.APPROVED, State.CHECKED, State.RUNNING, State.AWAITING_CHARACTERISATION, State.MEASURED, State.CLOSED)


def outcome(size_nm: float, method: Method | None = None, **more: object) -> Outcome:
    evidence = Evidence(method=method, **more) if method else None  # type: ignore[arg-type]
    return Outcome(success=True, size_nm=size_nm, evidence=evidence)


def test_an_experiment_comes_back_as_it_was_proposed(store: Store, recipe: Recipe) -> None:
    prediction = {"size_nm": 3.4, "interval": [3.1, 3.9]}
    added = store.add_experiment(
        "cdse", recipe, model_id="model-0007", prediction=prediction, reason="explores", batch=2
    )
    assert (added.id, added.number, added.state, added.outcome) == ("cdse-0001", 1, State.PROPOSED, None)
    assert (added.recipe, added.prediction, added.model_id, added.reason, added.batch) == (
        recipe,
        prediction,
        "model-0007",
        "explores",
        2,
    )
    assert store.experiment("cdse-0001") == added


def test_numbers_count_within_a_campaign_and_the_order_is_that_of_proposal(store: Store, recipe: Recipe) -> None:
    store.save_campaign("b", "", "x")
    ids = [store.add_experiment(campaign, recipe).id for campaign in ("cdse", "b", "cdse")]
    assert ids == ["cdse-0001", "b-0001", "cdse-0002"]
    assert [record.id for record in store.experiments()] == ids
    assert [record.id for record in store.experiments("cdse")] == ["cdse-0001", "cdse-0002"]


def test_an_experiment_of_an_unknown_campaign_is_refused(store: Store, recipe: Recipe) -> None:
    with pytest.raises(UnknownCampaign, match=r"'cdze' in this store \(known: cdse\)"):
        store.add_experiment("cdze", recipe)
    assert store.experiments() == []


def test_an_unknown_experiment_is_told_what_there_is(store: Store, recipe: Recipe) -> None:
    with pytest.raises(UnknownExperiment, match="has none yet"):
        store.experiment("cdse-0001")
    for _ in range(7):
        store.add_experiment("cdse", recipe)
    with pytest.raises(UnknownExperiment, match=r"did you mean .*cdse-0001.*recent are cdse-0007, cdse-0006"):
        store.experiment("cdse-001")
    for call in (store.history, store.outcomes, store.images):
        with pytest.raises(UnknownExperiment):
            call("nothing")
    with pytest.raises(UnknownExperiment):
        store.move("nothing", State.APPROVED)
    with pytest.raises(UnknownExperiment):
        store.add_outcome("nothing", Outcome())


def test_the_history_keeps_every_state_with_its_time(store: Store, recipe: Recipe) -> None:
    record = store.add_experiment("cdse", recipe)
    for state in GOOD:
        store.move(record.id, state, note=f"to {state}")
    history = store.history(record.id)
    assert [step.state for step in history] == [State.PROPOSED, *GOOD]
    assert [step.note for step in history][-1] == "to closed"
    times = [step.at for step in history]
    assert times == sorted(set(times))
    assert times[0] == record.created_at
    assert store.experiment(record.id).state is State.CLOSED


def test_a_time_in_another_zone_is_the_same_moment(store: Store, recipe: Recipe) -> None:
    record = store.add_experiment("cdse", recipe)
    moment = record.created_at.astimezone(timezone(timedelta(hours=9))) + timedelta(hours=1)
    store.move(record.id, State.APPROVED, at=moment)
    assert store.history(record.id)[-1].at == moment


def test_every_move_that_the_table_does_not_name_is_refused(store: Store, recipe: Recipe) -> None:
    paths = {state: ((State.PROPOSED, *GOOD)[1 : index + 1]) for index, state in enumerate((State.PROPOSED, *GOOD))} | {
        State.FAILED: (State.FAILED,)
    }
    for start, path in paths.items():
        for end in State:
            record = store.add_experiment("cdse", recipe)
            for state in path:
                store.move(record.id, state)
            order = (State.PROPOSED, *GOOD)
            legal = start.is_open and (
                end is State.FAILED
                or (end in order and order.index(end) == order.index(start) + 1)
                or (start, end) == (State.RUNNING, State.MEASURED)
            )
            if legal:
                store.move(record.id, end)
                assert store.experiment(record.id).state is end
            else:
                with pytest.raises(IllegalMove, match=f"is {start} and cannot become {end}"):
                    store.move(record.id, end)
                assert store.experiment(record.id).state is start


def test_experiments_are_found_by_state(store: Store, recipe: Recipe) -> None:
    for _ in range(3):
        store.add_experiment("cdse", recipe)
    store.move("cdse-0002", State.APPROVED)
    store.move("cdse-0003", State.FAILED, note="the pump jammed")
    assert [one.id for one in store.experiments(states={State.PROPOSED, State.APPROVED})] == ["cdse-0001", "cdse-0002"]
    assert [one.note for one in store.experiments("cdse")] == ["", "", "the pump jammed"]
    assert store.experiments(states=[]) == []


def test_better_evidence_supersedes_whenever_it_comes(store: Store, recipe: Recipe) -> None:
    record = store.add_experiment("cdse", recipe)
    early, late = record.created_at, record.created_at + timedelta(days=1)
    steps = [
        (outcome(1.0), 1.0),
        (outcome(2.0), 2.0),  # of two without evidence the later
        (outcome(3.0, Method.ABSORBANCE, recorded_at=late), 3.0),
        (outcome(4.0), 3.0),  # none is weaker than the weakest
        (outcome(5.0, Method.ABSORBANCE, recorded_at=early), 5.0),  # the clock was put back
        (outcome(6.0, Method.TEM, recorded_at=early), 6.0),
        (outcome(7.0, Method.ABSORBANCE, recorded_at=late), 6.0),
        (outcome(8.0, Method.TEM, recorded_at=early), 8.0),
        (outcome(9.0, Method.TEM), 9.0),  # nobody says when
    ]
    for added, holds in steps:
        store.add_outcome(record.id, added)
        current = store.experiment(record.id).outcome
        assert current is not None
        assert current.size_nm == holds
    assert store.outcomes(record.id) == [added for added, _ in steps]


def test_what_was_once_allowed_is_still_read(store: Store, recipe: Recipe) -> None:
    record = store.add_experiment("cdse", recipe)
    contradictory = outcome(4.0).model_copy(update={"particle_count": 0})
    store.add_outcome(record.id, contradictory)
    assert store.experiment(record.id).outcome == contradictory
    assert store.outcomes(record.id) == [contradictory]


def test_an_impossible_size_teaches_nothing(store: Store, recipe: Recipe) -> None:
    record = store.add_experiment("cdse", recipe)
    store.add_outcome(record.id, outcome(1e300), [Move(state=state) for state in GOOD])
    assert not store.experiment(record.id).teaches
    store.add_outcome(record.id, outcome(4.0))
    assert store.experiment(record.id).teaches


@pytest.mark.parametrize("id", [None, "", "cdse-9999"])
def test_what_is_no_experiment_is_named(store: Store, recipe: Recipe, id: Any) -> None:
    store.add_experiment("cdse", recipe)
    with pytest.raises(UnknownExperiment, match="the most recent are cdse-0001"):
        store.experiment(id)


def spoiled(cause: FailureCause, method: Method | None = None, **more: object) -> Outcome:
    evidence = Evidence(method=method) if method else None
    return Outcome(failure_cause=cause, evidence=evidence, **more)  # type: ignore[arg-type]


PEAK, NOTHING = outcome(4.0, Method.ABSORBANCE), Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED)
UNREADABLE = spoiled(FailureCause.UNREADABLE_SCALE, Method.TEM)
FEW = spoiled(FailureCause.TOO_FEW_PARTICLES, Method.TEM, size_nm=9.0, particle_count=3)
BLANKED = spoiled(FailureCause.TOO_FEW_PARTICLES, Method.TEM_CORRECTED)
SEEN, SEEN_CORRECTED = outcome(4.2, Method.TEM), outcome(4.3, Method.TEM_CORRECTED)


@pytest.mark.parametrize(
    ("added", "holds"),
    [
        ([UNREADABLE, PEAK], PEAK),
        ([PEAK, FEW], PEAK),
        ([outcome(4.0), UNREADABLE, FEW], outcome(4.0)),
        ([NOTHING, UNREADABLE], NOTHING),
        ([SEEN, UNREADABLE, PEAK], SEEN),
        ([UNREADABLE, FEW], FEW),
        ([spoiled(FailureCause.NO_IMAGE), UNREADABLE], UNREADABLE),
        ([spoiled(FailureCause.NO_IMAGE), outcome(4.0), spoiled(FailureCause.NO_IMAGE)], outcome(4.0)),
        # Whoever made it knows better what became of it.
        ([outcome(4.0), spoiled(FailureCause.INTERRUPTED)], spoiled(FailureCause.INTERRUPTED)),
        # A person who finds no particles where the machine saw some has refuted that size, but no other.
        ([SEEN, BLANKED], BLANKED),
        ([SEEN, SEEN_CORRECTED, BLANKED], BLANKED),
        ([PEAK, SEEN, BLANKED], PEAK),
        ([SEEN, BLANKED, PEAK], PEAK),
        ([SEEN, BLANKED, outcome(5.0, Method.TEM)], outcome(5.0, Method.TEM)),
    ],
)
def test_a_measurement_that_failed_gives_way_to_one_that_did_not(
    store: Store, recipe: Recipe, added: list[Outcome], holds: Outcome
) -> None:
    record = store.add_experiment("cdse", recipe)
    store.move(record.id, State.FAILED)
    for each in added:
        store.add_outcome(record.id, each)
    record = store.experiment(record.id)
    assert record.outcome == holds
    assert record.teaches is (not holds.is_spoiled)
    assert store.outcomes(record.id) == added  # all of the evidence is kept


def test_a_closed_experiment_is_superseded_and_not_reopened(store: Store, recipe: Recipe) -> None:
    record = store.add_experiment("cdse", recipe)
    for state in GOOD:
        store.move(record.id, state)
    store.add_outcome(record.id, outcome(3.0, Method.TEM))
    store.add_outcome(record.id, outcome(3.2, Method.TEM_CORRECTED))
    after = store.experiment(record.id)
    assert (after.state, after.outcome and after.outcome.size_nm) == (State.CLOSED, 3.2)


def test_an_outcome_and_the_states_that_follow_from_it_are_written_together_or_not_at_all(
    store: Store, recipe: Recipe
) -> None:
    record = store.add_experiment("cdse", recipe)
    with pytest.raises(IllegalMove, match="is checked and cannot become closed"):
        store.add_outcome(record.id, outcome(3.0), [Move(state=state) for state in (*GOOD[:2], State.CLOSED)])
    assert store.experiment(record.id) == record
    store.add_outcome(
        record.id, outcome(3.0), [*(Move(state=state) for state in GOOD[:-1]), Move(state=GOOD[-1], note="x")]
    )
    after = store.experiment(record.id)
    assert (after.state, after.note, after.outcome) == (State.CLOSED, "x", outcome(3.0))
    assert [step.state for step in store.history(record.id)] == [State.PROPOSED, *GOOD]


def test_an_outcome_keeps_everything(store: Store, recipe: Recipe) -> None:
    record = store.add_experiment("cdse", recipe)
    full = Outcome(
        success=True,
        size_nm=3.1415926535,
        size_std_nm=0.2,
        particle_count=311,
        shape=Shape.SPHERE,
        shape_fractions={Shape.SPHERE: 0.75, Shape.ROD: 0.25},
        observables={"absorbance_peak_nm": 560.0},
        evidence=Evidence(method=Method.TEM, files=("a.tif",), recorded_at=record.created_at, note="grid 3"),
    )
    store.add_outcome(record.id, full)
    current = store.experiment(record.id)
    assert current.outcome == full
    assert current.experiment() == Experiment(recipe=recipe, outcome=full, source="lab:cdse", id=record.id)


@pytest.mark.parametrize(
    ("state", "known", "teaches"),
    [
        (State.CLOSED, Outcome(success=True, size_nm=3.0), True),
        (State.CLOSED, Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED), True),
        (State.FAILED, Outcome(success=False, failure_cause=FailureCause.BULK_PRECIPITATE), True),
        (State.FAILED, Outcome(failure_cause=FailureCause.BLOCKED), False),
        (State.FAILED, Outcome(failure_cause=FailureCause.NO_IMAGE, size_nm=3.0), False),
        (State.FAILED, Outcome(failure_cause=FailureCause.ABANDONED), False),
        (State.CLOSED, Outcome(), False),
        (State.CLOSED, None, False),
        (State.APPROVED, Outcome(success=True, size_nm=3.0), False),
    ],
)
def test_only_finished_chemistry_teaches(
    store: Store, recipe: Recipe, state: State, known: Outcome | None, teaches: bool
) -> None:
    record = store.add_experiment("cdse", recipe)
    path = {State.CLOSED: GOOD, State.FAILED: (State.FAILED,), State.APPROVED: GOOD[:1]}[state]
    for step in path:
        store.move(record.id, step)
    if known is not None:
        store.add_outcome(record.id, known)
    assert store.experiment(record.id).teaches is teaches


def test_an_image_is_kept_once_and_whole(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    record = store.add_experiment("cdse", recipe)
    first, same, other = tmp_path / "a.TIF", tmp_path / "b.tif", tmp_path / "c.png"
    first.write_bytes(b"x" * 3_000_000)
    same.write_bytes(b"x" * 3_000_000)
    other.write_bytes(b"other")
    kept = store.add_image(record.id, first)
    assert store.add_image(record.id, same) == kept
    assert store.add_image(record.id, other) != kept
    assert store.images(record.id) == [kept, store.add_image(record.id, other)]
    assert kept.parent == tmp_path / "lab.db.files" / "images" / "cdse-0001"
    first.unlink()
    assert kept.read_bytes() == b"x" * 3_000_000
    assert sorted(path.name for path in kept.parent.iterdir()) == sorted(path.name for path in store.images(record.id))


def test_an_image_that_is_not_there_leaves_nothing(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    record = store.add_experiment("cdse", recipe)
    for path in (tmp_path / "missing.tif", tmp_path):
        with pytest.raises(ArtefactError, match="cannot be read"):
            store.add_image(record.id, path)
    with pytest.raises(UnknownExperiment):
        store.add_image("cdse-0009", tmp_path / "missing.tif")
    assert store.images(record.id) == []
    assert list(store.files.rglob("*.*")) == []


def test_nothing_is_ever_changed_or_deleted(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    said: list[str] = []
    event.listen(store._engine, "before_cursor_execute", lambda *call: said.append(call[2].lstrip().upper()))
    record = store.add_experiment("cdse", recipe)
    store.save_campaign("cdse", "target: 4", "d2")
    for state in GOOD:
        store.move(record.id, state)
    store.add_outcome(record.id, outcome(3.0))
    store.add_outcome(record.id, outcome(3.1))
    store.intend(record.id, 0, "{}", "{}")
    store.confirm(record.id, 0, "{}")
    weights = tmp_path / "weights"
    weights.write_bytes(b"w")
    for _ in range(2):
        store.promote(store.add_model(weights, data_digest="d", metrics={}).id, "better")
    store.rollback("worse")
    assert any(statement.startswith("INSERT") for statement in said)
    assert not [statement for statement in said if statement.startswith(("UPDATE", "DELETE"))]

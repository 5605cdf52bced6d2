"""What is put aside to judge on, and that nobody has learned from it."""

from hypothesis import given
from hypothesis import strategies as st

from closedloop.recipes import Experiment, Outcome, Recipe
from closedloop.retrain import divide, is_held_out, last_runs
from closedloop.retrain.holdout import MOST_LAST
from closedloop.retrain.makers import SHIPPED_LITERATURE
from closedloop.store import ExperimentRecord, State

KEPT = next(f"10.1/{n}" for n in range(99) if is_held_out(f"10.1/{n}"))
LEARNED = next(f"10.1/{n}" for n in range(99) if not is_held_out(f"10.1/{n}"))


def row(source: str | None, temperature_c: float) -> Experiment:
    return Experiment(
        recipe=Recipe(product="CdSe", reaction_temperature_c=temperature_c), outcome=Outcome(size_nm=3.0), source=source
    )


def record(number: int, temperature_c: float = 200) -> ExperimentRecord:
    return ExperimentRecord.model_validate(
        {
            "id": f"cdse-{number:04d}",
            "campaign": "cdse",
            "number": number,
            "recipe": Recipe(product="CdSe", reaction_temperature_c=temperature_c),
            "state": State.CLOSED,
            "created_at": "2026-03-01T00:00:00Z",
        }
    )


def test_a_source_is_known_however_it_is_written() -> None:
    for written in (KEPT.upper(), f"https://doi.org/{KEPT}", f"doi: {KEPT}", f"  {KEPT} ", f"doi.org/{KEPT}"):
        assert is_held_out(written)
        assert not is_held_out(written.replace(KEPT, LEARNED).replace(KEPT.upper(), LEARNED))
    assert not is_held_out(None)


def test_about_a_fifth_of_all_sources_is_held_out() -> None:
    assert 150 < sum(is_held_out(f"10.1021/ja{n}") for n in range(1000)) < 250


def test_sources_are_not_torn_apart_and_no_judged_recipe_was_learned() -> None:
    literature = [row(KEPT, 200), row(LEARNED, 250), row(KEPT, 250), row(None, 300), row(LEARNED, 260)]
    learned, judged = divide(literature)
    assert learned == [literature[1], literature[3], literature[4]]
    assert judged == [literature[0]]  # 250 °C was learned from the other source


def test_the_shipped_literature_leaves_enough_on_both_sides() -> None:
    from closedloop.literature import load_experiments

    learned, judged = divide(load_experiments(SHIPPED_LITERATURE))
    assert {one.source for one in learned}.isdisjoint({one.source for one in judged})
    assert len({one.source for one in judged}) >= 5
    assert 0.1 < len(judged) / (len(learned) + len(judged)) < 0.25


@given(st.lists(st.integers(1, 40), unique=True, max_size=40), st.sets(st.integers(1, 40)))
def test_the_last_runs_are_the_newest_that_the_champions_twin_has_not_seen(numbers: list[int], seen: set[int]) -> None:
    lab = [record(number, 200 + number) for number in sorted(numbers)]
    before, last = last_runs(lab, {f"cdse-{number:04d}" for number in seen})
    assert sorted([*before, *last], key=lambda one: one.number) == lab
    judged, unseen = [one.number for one in last], [n for n in sorted(numbers) if n not in seen]
    assert judged == unseen[len(unseen) - len(judged) :]
    count = min(len(unseen), MOST_LAST, len(lab), max(2, len(lab) // 3))
    assert len(judged) == (0 if count == len(lab) else count)


@given(st.lists(st.integers(1, 6), max_size=40), st.sets(st.integers(0, 39)))
def test_no_recipe_is_judged_on_of_which_the_challenger_alone_has_learned(recipes: list[int], seen: set[int]) -> None:
    lab = [record(number, 200 + recipe) for number, recipe in enumerate(recipes)]
    before, last = last_runs(lab, {f"cdse-{number:04d}" for number in seen})
    assert sorted([*before, *last], key=lambda one: one.number) == lab
    assert not {one.number for one in last} & seen
    new = {one.recipe for one in before if one.number not in seen}
    assert not new & {one.recipe for one in last}
    assert not last or before, "nothing would be learned of the lab, and whatever came of it be let through"


def test_repeats_of_the_newest_recipe_are_judged_on_together() -> None:
    lab = [record(number, temperature) for number, temperature in enumerate([210, 220, 230, 240, 250, 250, 250])]
    assert [one.number for one in last_runs(lab, ())[1]] == [4, 5, 6]
    # The champion's twin knows 250 °C from the first of them as well as the challenger does: that is no head start.
    assert [one.number for one in last_runs(lab, {"cdse-0004"})[1]] == [5, 6]
    # An older run of the newest recipe is judged on too, though others came between.
    between = [record(number, temperature) for number, temperature in enumerate([210, 250, 220, 230, 240, 250])]
    assert [one.number for one in last_runs(between, ())[1]] == [1, 5]


def test_a_lab_that_only_repeated_one_recipe_has_nothing_to_judge_by() -> None:
    lab = [record(number) for number in range(5)]
    assert last_runs(lab, ()) == (lab, [])

"""What the parts say of experiments that they had to do without, and that damaged parts are refused."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from closedloop.recipes import Experiment
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.blend import PARTS, Said
from closedloop.synthesis.members import doubts
from closedloop.synthesis.parts import Parts
from closedloop.synthesis.regimes import LeftOut
from closedloop.synthesis.training import Schedule

Lab = Callable[..., list[Experiment]]


def tried(model: SynthesisModel, experiments: list[Experiment], left_out: LeftOut, learned: np.ndarray) -> list[Said]:
    n = len(experiments)
    members = np.repeat(np.arange(6.0), n).reshape(6, n)
    arrays = model.vocabulary.encode([e.recipe for e in experiments])
    return model.learned.parts.held_out(
        arrays, experiments, doubts(experiments), np.ones(n), left_out, members, learned, 0, lambda part, words: None
    )


@pytest.fixture(scope="module")
def sized(literature: list[Experiment]) -> list[Experiment]:
    return [e for e in literature if e.outcome.size_nm]


def test_only_networks_that_left_an_experiment_out_speak_of_it(model: SynthesisModel, sized: list[Experiment]) -> None:
    """Member i says i here, so that a pair's mean tells who spoke."""
    left_out = LeftOut(("sibling", "source"), 0)
    learned = ~left_out.members(sized, 6)
    for regime, said in zip(left_out.regimes, tried(model, sized, left_out, learned), strict=True):
        pair = left_out.pairs(sized, regime)
        np.testing.assert_array_equal(said.means[:, -1], np.where(pair >= 0, 2 * pair + 0.5, np.nan))
    everybody = tried(model, sized, left_out, np.ones_like(learned))
    assert np.isnan(everybody[0].means[:, -1]).all(), "who learned from an experiment cannot be tested on it"


def test_trees_tried_on_an_experiment_have_not_seen_it(model: SynthesisModel, sized: list[Experiment]) -> None:
    """Trees that know an experiment repeat its size, those that do not miss it."""
    left_out = LeftOut(("sibling",), 0)
    (said,) = tried(model, sized, left_out, ~left_out.members(sized, 6))
    parts = model.learned.parts
    truth = parts.precedents.values.numpy()
    arrays = model.vocabulary.encode([e.recipe for e in sized])
    known, _ = parts.said(arrays, parts.columns(arrays), ["CdSe"] * len(sized), np.zeros(len(sized)))
    np.testing.assert_allclose(known.means[:, 0], truth, atol=1e-3)
    missed = np.abs(said.means[:, 0] - truth)
    assert np.median(missed) > 0.05
    assert missed.mean() < 0.8 * np.abs(truth).mean(), "but they have learned something"
    assert said.product_seen.max() < known.product_seen.min() == len(sized)


def test_differences_are_tried_among_siblings_alone(run_lab: Lab) -> None:
    sized = [e for e in run_lab(200, 4) if e.outcome.size_nm]
    sized = [e.model_copy(update={"source": f"paper {i % 20}"}) for i, e in enumerate(sized)]
    model = SynthesisModel.fit(sized, schedule=Schedule(steps=10))
    left_out = LeftOut(("sibling", "source"), 0)
    siblings, sources = tried(model, sized, left_out, ~left_out.members(sized, 6))
    place = PARTS.index("differences")
    said, truth = siblings.means[:, place], model.learned.parts.precedents.values.numpy()
    near = np.isfinite(said)
    assert near.mean() > 0.6
    assert np.isnan(sources.means[:, place]).all()
    missed = np.abs(said - truth)[near].mean()
    assert 0.01 < missed < 0.8 * np.abs(truth)[near].mean(), "learned, and not from the size itself"


def test_a_regime_of_too_few_groups_is_passed_over(model: SynthesisModel, sized: list[Experiment]) -> None:
    one_lab = [e.model_copy(update={"source": "the lab"}) for e in sized]
    left_out = LeftOut(("sibling", "source", "product"), 0)
    assert len(tried(model, one_lab, left_out, ~left_out.members(one_lab, 6))) == 1


def test_a_state_holds_everything(model: SynthesisModel, run_lab: Lab) -> None:
    parts = model.learned.parts
    again = Parts.from_state(parts.state(), parts.vocabulary, parts.products)
    asked = [e.recipe for e in run_lab(20, 5)]
    arrays = model.vocabulary.encode(asked)
    a, b = (
        one.said(arrays, one.columns(arrays), [recipe.product for recipe in asked], np.zeros(20))[0]
        for one in (parts, again)
    )
    for name in ("means", "between_trees", "variance", "noise", "nearest", "product_seen"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("sizes.values", lambda value: value * float("nan")),
        ("sizes.values", lambda value: value.repeat(1, 2)),
        ("sizes.feature", lambda value: value + 10_000),
        ("shapes.values", lambda value: value[:, :-1]),
        ("shape_classes", lambda value: value + 100),
        ("chemicals", lambda value: value + 100),
        ("precedents.values", lambda value: value * float("inf")),
    ],
)
def test_a_damaged_state_is_refused(
    model: SynthesisModel, name: str, damage: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    parts = model.learned.parts
    state = parts.state()
    with pytest.raises(ValueError, match=r"."):
        Parts.from_state({**state, name: damage(state[name])}, parts.vocabulary, parts.products)

"""A method made into a model: experiments in, `predict(recipes)` out, with the same names as `SynthesisModel`.

Only the size is learned at once; shapes, success and amounts in reverse are learned when they are first asked for,
since a long evaluation seldom asks for all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from closedloop.recipes import Experiment, Recipe, Shape, Target
from closedloop.synthesis.baselines.inputs import Sequences, Table
from closedloop.synthesis.baselines.laws import LEAST_ERRORS, Conformal, SizeLaw, WeightedSizes, held_out
from closedloop.synthesis.baselines.methods import Classifier, Method, Regressor, Weighing
from closedloop.synthesis.baselines.slots import Slots
from closedloop.synthesis.errors import DesignError, TooFewExperiments

SHAPES = tuple(Shape)
LEAST_SIZES = 3
# The chance of success where no failure (or no success) was ever seen.
PRIOR_SUCCESS = 0.5
Progress = Callable[[float, str], None]


def known_size(experiment: Experiment) -> float | None:
    """`closedloop.recipes.Outcome.learnable_size_nm` of an experiment."""
    return experiment.outcome.learnable_size_nm


@dataclass(frozen=True, eq=False)
class BaselinePrediction:
    """One recipe of a batch. ``success_probability`` is computed for the whole batch when it is first read."""

    size_nm: float
    shape_probabilities: Mapping[Shape, float]
    law: SizeLaw
    batch: "_Batch"
    place: int

    def size_interval(self, coverage: float = 0.9) -> tuple[float, float]:
        """Lower and upper size in nm that should hold the mean diameter with the given probability."""
        return self.law.size_interval(coverage)

    @property
    def success_probability(self) -> float:
        return float(self.batch.success[self.place])


@dataclass(eq=False)
class _Batch:
    baseline: "Baseline"
    recipes: Sequence[Recipe]

    @cached_property
    def success(self) -> np.ndarray:
        return self.baseline.predict_success(self.recipes)


class Baseline:
    """Raises `TooFewExperiments` where fewer than three sizes are known."""

    def __init__(
        self, method: Method, experiments: Sequence[Experiment], seed: int = 0, progress: Progress | None = None
    ) -> None:
        self._method, self._seed, self._experiments = method, seed, experiments
        sized = [e for e in experiments if known_size(e) is not None]
        if len(sized) < LEAST_SIZES:
            raise TooFewExperiments(
                f"{len(sized)} of {len(experiments)} experiments have a size; at least {LEAST_SIZES} are needed"
            )
        self._sized = sorted(sized, key=lambda e: known_size(e) or 0.0)
        self._sizes = np.array([known_size(e) for e in self._sized], float)
        logs = np.log(self._sizes)
        self._inputs = method.inputs([e.recipe for e in self._sized])
        x = self._inputs([e.recipe for e in self._sized])
        if progress:
            progress(0.2, "learning sizes")
        self._regressor = self._made(x, logs)
        self._errors = np.zeros(0)
        if not isinstance(self._regressor, Weighing):
            if progress:
                progress(0.6, "learning how far sizes are off")
            self._errors = self._held_out_errors(x, logs)

    def _made(self, x: np.ndarray, y: np.ndarray) -> Regressor:
        made = self._method.sizes(self._seed, _widths(self._inputs))
        made.fit(x, y)
        return made

    def _held_out_errors(self, x: np.ndarray, logs: np.ndarray) -> np.ndarray:
        out = held_out(self._sized, self._seed)
        if out.sum() < LEAST_ERRORS:
            return np.sort(np.abs(logs - logs.mean()))
        said = self._made(x[~out], logs[~out]).predict(x[out])
        return np.sort(np.abs(said - logs[out]))

    def predict(self, recipes: Sequence[Recipe]) -> list[BaselinePrediction]:
        """One prediction for each recipe, in order."""
        if not recipes:
            return []
        x = self._inputs(recipes)
        centres = np.exp(self._regressor.predict(x)).tolist()
        laws: list[SizeLaw]
        if isinstance(self._regressor, Weighing):
            laws = [
                WeightedSizes(centre, self._sizes, row)
                for centre, row in zip(centres, self._regressor.weigh(x), strict=True)
            ]
        else:
            laws = [Conformal(centre, self._errors) for centre in centres]
        shapes, batch = self.predict_shape(recipes), _Batch(self, recipes)
        return [
            BaselinePrediction(centre, dict(zip(SHAPES, row.tolist(), strict=True)), law, batch, place)
            for place, (centre, law, row) in enumerate(zip(centres, laws, shapes, strict=True))
        ]

    def predict_shape(self, recipes: Sequence[Recipe], sizes_nm: Sequence[float] | None = None) -> np.ndarray:
        """(n, 11) probabilities, in the order of `Shape`; with ``sizes_nm`` a second classifier sees them too.

        Equal chances where no training experiment names a shape, and the one shape where all name the same.
        """
        classes = self._shapes if sizes_nm is None else self._shapes_by_size
        if isinstance(classes, int):
            return np.tile(np.eye(len(SHAPES))[classes], (len(recipes), 1))
        if classes is None:
            return np.full((len(recipes), len(SHAPES)), 1 / len(SHAPES))
        x = self._inputs(recipes)
        out = np.zeros((len(recipes), len(SHAPES)))
        out[:, classes.classes] = classes.predict(x if sizes_nm is None else _with_size(x, np.asarray(sizes_nm)))
        return out

    def predict_success(self, recipes: Sequence[Recipe]) -> np.ndarray:
        """(n,) chances of success; `PRIOR_SUCCESS` where not both successes and failures were seen."""
        if self._success is None:
            return np.full(len(recipes), PRIOR_SUCCESS)
        inputs, classes = self._success
        said: np.ndarray = classes.predict(inputs(recipes))[:, 1]
        return said

    @property
    def designs_amounts(self) -> bool:
        """Whether `design_amounts` is offered."""
        return self._method.slots is not None

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        """The same chemicals and conditions with the amounts (mmol) that the method expects for this size and shape.

        Raises `DesignError` where the method offers none.
        """
        return self.design_each([recipe], [target])[0]

    def design_each(self, recipes: Sequence[Recipe], targets: Sequence[Target]) -> list[Recipe]:
        """The same for many recipes at once, each with its own target."""
        if self._slots is None:
            raise DesignError("this method gives no amounts; use transformer or extra-trees")
        return self._slots.fill([(r, t.size_nm, t.shape) for r, t in zip(recipes, targets, strict=True)])

    @cached_property
    def _shapes(self) -> "Classifier | int | None":
        return self._shape_classes(self._experiments, with_size=False)

    @cached_property
    def _shapes_by_size(self) -> "Classifier | int | None":
        return self._shape_classes(self._sized, with_size=True)

    def _shape_classes(self, among: Sequence[Experiment], *, with_size: bool) -> "Classifier | int | None":
        told = [(e, shape) for e in among if (shape := e.outcome.learnable_shape) is not None]
        shaped = [e for e, _ in told]
        codes = np.array([SHAPES.index(shape) for _, shape in told], dtype=np.int64)
        if len(np.unique(codes)) < 2:
            return int(codes[0]) if len(codes) else None
        x = self._inputs([e.recipe for e in shaped])
        if with_size:
            x = _with_size(x, np.array([known_size(e) for e in shaped], float))
        made = self._method.classes(self._seed, _widths(self._inputs))
        made.fit(x, codes)
        return made

    @cached_property
    def _success(self) -> "tuple[Table | Sequences, Classifier] | None":
        told = [e for e in self._experiments if e.outcome.success is not None]
        codes = np.array([int(bool(e.outcome.success)) for e in told], dtype=np.int64)
        if len(np.unique(codes)) < 2:
            return None
        recipes = [e.recipe for e in told]
        inputs = self._method.inputs(recipes)
        made = self._method.classes(self._seed, _widths(inputs))
        made.fit(inputs(recipes), codes)
        return inputs, made

    @cached_property
    def _slots(self) -> Slots | None:
        if self._method.slots is None:
            return None
        return Slots(
            self._method.slots, [(e.recipe, known_size(e), e.outcome.learnable_shape) for e in self._sized], self._seed
        )


def _widths(inputs: Table | Sequences) -> list[int]:
    return inputs.widths() if isinstance(inputs, Table) else []


def _with_size(x: np.ndarray, sizes_nm: np.ndarray) -> np.ndarray:
    """ln(size) as one more column, on every step of a sequence."""
    column = np.log(sizes_nm).reshape(-1, *[1] * (x.ndim - 1))
    return np.concatenate([x, np.broadcast_to(column, (*x.shape[:-1], 1))], -1)

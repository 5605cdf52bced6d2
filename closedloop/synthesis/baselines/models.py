"""Everything that ``--model`` can name, and what all of it must offer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from closedloop.recipes import Experiment, Recipe, Shape
from closedloop.synthesis.baselines.baseline import Baseline, Progress
from closedloop.synthesis.baselines.methods import METHODS
from closedloop.synthesis.errors import UnknownModel

# The whole model that ships, of which a transformer is one part of five; stores and commands know it by this name.
DEFAULT = "transformer"
ALL = "all"


class Said(Protocol):
    """What is compared: a size in nm with its intervals, shapes, and the chance of success."""

    @property
    def size_nm(self) -> float: ...
    @property
    def shape_probabilities(self) -> Mapping[Shape, float]: ...
    @property
    def success_probability(self) -> float: ...
    def size_interval(self, coverage: float = 0.9) -> tuple[float, float]: ...


class Fitted(Protocol):
    """What `predict` gives is in order. A model may offer ``predict_shape(recipes, sizes_nm)`` -> (n, 11) and
    ``design_amounts(recipe, target)`` -> recipe as well; what it does not offer is not scored."""

    def predict(self, recipes: Sequence[Recipe]) -> Sequence[Said]: ...


Fit = Callable[[Sequence[Experiment], int, Progress | None], Fitted]


def _transformer(experiments: Sequence[Experiment], seed: int, progress: Progress | None) -> Fitted:
    from closedloop.synthesis.model import SynthesisModel

    return SynthesisModel.fit(experiments, seed, progress=progress)


def _baseline(name: str) -> Fit:
    return lambda experiments, seed, progress: Baseline(METHODS[name], experiments, seed, progress)


MODELS: dict[str, Fit] = {DEFAULT: _transformer, **{name: _baseline(name) for name in METHODS}}


def check_model(name: str, others: Sequence[str] = ()) -> str:
    """The name of one model, or of what else may stand there. Raises `UnknownModel`."""
    if name not in (*MODELS, *others):
        raise UnknownModel(f"no model is called {name!r}; use one of {', '.join((*MODELS, *others))}")
    return name


def check_models(names: str) -> list[str]:
    """``all``, one name or several with commas between -> the names. Raises `UnknownModel`."""
    if names == ALL:
        return list(MODELS)
    chosen = list(dict.fromkeys(name.strip() for name in names.split(",")))
    for name in chosen:
        if name not in MODELS:
            raise UnknownModel(f"no model is called {name!r}; use one of {', '.join(MODELS)}, or {ALL}")
    return chosen

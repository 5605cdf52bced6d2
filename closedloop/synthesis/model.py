"""The synthesis model as everybody else sees it: recipes in, predictions out; a target in, amounts out.

A predicted ln(size) is a blend of five parts: extra-trees, a Gaussian process over precedents that speaks twice, the
difference from the nearest precedent, and the transformer ensemble (docs/decisions/0028, 0080, 0102). Leaves what a
model consists of to `learned`, how it comes to be to `fitting`, files to `storage`.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import expit, log_softmax

from closedloop.chemistry import canonical_name
from closedloop.chemistry.descriptors import describe_product, describe_substance
from closedloop.chemistry.vectors import VectorTable
from closedloop.recipes import Experiment, Recipe, Target, TargetMissed, listed
from closedloop.recipes.fields import ReadOnly
from closedloop.synthesis.calibration import Calibration, scales
from closedloop.synthesis.experience import Experience, possible
from closedloop.synthesis.fitting import Run, from_model, from_nothing
from closedloop.synthesis.learned import Learned
from closedloop.synthesis.members import LEAST_LOG_SD, usable
from closedloop.synthesis.network import SHAPES, Settings
from closedloop.synthesis.past_amounts import PastAmounts
from closedloop.synthesis.precedents import group_features
from closedloop.synthesis.prediction import Precedent, PredictedArrays, Prediction
from closedloop.synthesis.storage import read, write
from closedloop.synthesis.threads import threads_for
from closedloop.synthesis.training import Progress, Schedule, ask
from closedloop.threads import at_once

if TYPE_CHECKING:
    from closedloop.synthesis.design import Design

DEFAULT_WEIGHTS = Path(__file__).parent / "weights" / "cdse2022.safetensors"
_CHUNK = 512


class SynthesisModel:
    """Make one with `fit`, `load` or `default`; it is never changed afterwards, `fine_tune` returns another."""

    def __init__(self, learned: Learned) -> None:
        self.learned = learned
        self.network = learned.network.eval()
        self.vocabulary, self.scale, self.priors = learned.vocabulary, learned.scale, learned.priors
        self.description = learned.description

    @classmethod
    def fit(
        cls,
        experiments: Sequence[Experiment],
        seed: int = 0,
        *,
        weights: Sequence[float] | None = None,
        device: str = "auto",
        progress: Progress | None = None,
        settings: Settings | None = None,
        schedule: Schedule | None = None,
        vectors: VectorTable | None = None,
    ) -> Self:
        """Learn from any list of experiments, failures among them, and from nothing else.

        ``weights`` says how much each experiment counts (default: all alike). Unequal ones say whose experiments they
        are, too: those that weigh most are taken for one lab's own, the others for foreign, the more so the less they
        weigh, and by how much foreign sizes differ from the lab's (one factor for all) is estimated and taken off
        (docs/decisions/0022). What is known of how well a size was measured belongs into its outcome
        (``particle_count``, ``size_error_nm``), not here.

        On the CPU the same seed gives the same model. ``progress`` is called with a fraction and a sentence.
        ``vectors``: your own of chemicals, in place of the graph encoder's; they are stored with the model. Raises
        `TooFewExperiments`, and `NotListed` for what is no list of experiments.
        """
        return cls(from_nothing(usable(experiments, weights), settings, schedule, vectors, Run(seed, device, progress)))

    def fine_tune(
        self,
        experiments: Sequence[Experiment],
        *,
        seed: int = 0,
        weights: Sequence[float] | None = None,
        device: str = "auto",
        progress: Progress | None = None,
        schedule: Schedule | None = None,
    ) -> Self:
        """A new model that started from this one and learned from these experiments; this one stays as it is.

        Give literature and a lab's own experiments together, the latter with the larger ``weights`` (which say that
        they are the lab's own, see `fit`): trees and precedents are replaced by what is given here. Chemicals that are
        new get places of their own in the vocabulary.
        """
        run = Run(seed, device, progress)
        return type(self)(from_model(self.learned, usable(experiments, weights), schedule, run))

    @cached_property
    def past_amounts(self) -> PastAmounts:
        """The precedents as amounts in reverse need them."""
        return PastAmounts.of(self.learned.parts, self.scale, [one.product for one in self.learned.origins])

    def predict_arrays(self, recipes: Sequence[Recipe]) -> PredictedArrays:
        """The numbers alone, for those who ask of thousands; see `PredictedArrays`. Raises `NotListed`."""
        recipes = listed(Recipe, recipes)
        order = _by_length(recipes)
        chunks = self._chunks([recipes[i] for i in order])
        return PredictedArrays.together([numbers for numbers, _, _ in chunks]).rows(np.argsort(order))

    def _chunks(self, recipes: Sequence[Recipe]) -> list[tuple[PredictedArrays, np.ndarray, np.ndarray]]:
        """`_chunk` of so many recipes at a time that they fit a processor's caches."""
        with threads_for(len(self.learned.origins)):
            return at_once(self._chunk, _chunks_of(recipes))

    def _chunk(self, recipes: Sequence[Recipe]) -> tuple[PredictedArrays, np.ndarray, np.ndarray]:
        """The numbers, the intervals' widths (n, levels), and the likeness to the nearest precedent (n,)."""
        learned = self.learned
        recipes = [possible(recipe) for recipe in recipes]
        arrays = self.vocabulary.encode(recipes)
        heads = ask(self.network, arrays)
        inputs = learned.parts.columns(arrays)
        products = [recipe.product for recipe in recipes]
        said, shapes = learned.parts.said(arrays, inputs, products, heads.size.mean(0))
        blended = learned.blend(said)
        spread = self.scale.scale * blended.spread * scales(blended.widths)
        noise = self.scale.scale * blended.noise * scales(blended.widths)
        # Experiments that agree by chance do not make the next one surer than it can be measured.
        widened = np.maximum(1.0, LEAST_LOG_SD / spread)
        spread, noise = widened * spread, widened * noise
        log_spread = heads.log_spread.mean(0)
        by_trees = learned.parts.log_spread(inputs)
        if shapes is not None:
            # What the transformer knows of sizes it knows of shapes: among siblings nothing that others do not.
            share = blended.transformer[:, None]
            shapes = (1 - share) * shapes + share * np.exp(log_softmax(heads.shape, -1)).mean(0)
        else:
            shapes = np.tile(np.asarray(self.priors.shape), (len(recipes), 1))
        numbers = PredictedArrays(
            self.scale.centre + self.scale.scale * blended.mean,
            spread,
            np.sqrt(np.maximum(spread**2 - noise**2, 0)),
            noise,
            learned.success.logits(recipes),
            shapes / shapes.sum(1, keepdims=True),
            np.full(len(recipes), np.nan) if by_trees is None else np.exp((by_trees + log_spread) / 2),
        )
        return numbers, blended.widths, said.nearest

    def predict(self, recipes: Sequence[Recipe]) -> list[Prediction]:
        """One `Prediction` for each recipe, in order. Raises `NotListed` for one recipe in place of a list."""
        recipes = listed(Recipe, recipes)
        order = _by_length(recipes)
        asked = [recipes[i] for i in order]
        chunks = zip(_chunks_of(asked), self._chunks(asked), strict=True)
        found = [one for chunk, said in chunks for one in self._predictions(chunk, *said)]
        return [found[i] for i in np.argsort(order)]

    def _predictions(
        self, recipes: Sequence[Recipe], arrays: PredictedArrays, widths: np.ndarray, nearest: np.ndarray
    ) -> list[Prediction]:
        beyond = [self._experience.beyond(recipe) for recipe in recipes]
        places = np.flatnonzero(nearest < self.learned.outside_below).tolist()
        for i, said in zip(places, self._unlike([recipes[i] for i in places]), strict=True):
            beyond[i].append(said)
        general = (*self.learned.warnings, *self.priors.warnings, *self.learned.success.warnings)
        return [
            Prediction(
                float(np.exp(arrays.log_size_mean[i])),
                float(arrays.log_size_sd[i]),
                float(arrays.epistemic_log_sd[i]),
                ReadOnly(dict(zip(SHAPES, arrays.shape_probabilities[i].tolist(), strict=True))),
                float(expit(arrays.success_logit[i])),
                None if np.isnan(arrays.relative_spread[i]) else float(arrays.relative_spread[i]),
                bool(beyond[i]),
                (*self._unknowns(recipe), *beyond[i], *general),
                Calibration(widths[i]),
            )
            for i, recipe in enumerate(recipes)
        ]

    def predict_shape(self, recipes: Sequence[Recipe], sizes_nm: Sequence[float]) -> np.ndarray:
        """Shape probabilities (n, 11) of products whose size is known, as after a measurement of size alone.

        Raises `NotListed`.
        """
        recipes = listed(Recipe, recipes)
        arrays = self.vocabulary.encode([possible(recipe) for recipe in recipes])
        standardised = (np.log(np.asarray(sizes_nm, dtype=float)) - self.scale.centre) / self.scale.scale
        found = self.learned.parts.shapes_given_size(self.learned.parts.columns(arrays), standardised)
        told = self.predict_arrays(recipes).shape_probabilities
        return told if found is None else (found + told) / 2

    def nearest_precedents(self, recipe: Recipe, count: int = 3) -> list[Precedent]:
        """The experiments that the recipe is most like among those the model learned from, the likest first."""
        likeness = self._likeness([recipe])[0]
        order = np.argsort(-likeness, kind="stable")[:count]
        return [replace(self.learned.origins[i], likeness=float(likeness[i])) for i in order]

    def _unlike(self, recipes: Sequence[Recipe]) -> list[str]:
        """What to say of each of these recipes, which are outside the model's experience."""
        if not recipes:
            return []
        nearest = [self.learned.origins[i] for i in self._likeness(recipes).argmax(1)]
        named = [f"{one.product} of {one.size_nm:.3g} nm ({one.source or 'unknown source'})" for one in nearest]
        return [f"outside the model's experience: the nearest precedent is {name}" for name in named]

    def _likeness(self, recipes: Sequence[Recipe]) -> np.ndarray:
        """Of each recipe with each precedent, (m, n)."""
        parts, arrays = self.learned.parts, self.vocabulary.encode([possible(recipe) for recipe in recipes])
        return parts.precedents.similarity(group_features(arrays, parts.vocabulary))

    @cached_property
    def _experience(self) -> Experience:
        return Experience.of(self.vocabulary, self.past_amounts)

    @cached_property
    def _chemicals(self) -> frozenset[str]:
        return frozenset(self.vocabulary.chemicals)

    def _unknowns(self, recipe: Recipe) -> list[str]:
        said = []
        for name in dict.fromkeys(reagent.name for reagent in recipe.reagents):
            known = canonical_name(name)
            if known in self._chemicals:
                continue
            if describe_substance(known, self.vocabulary.own_vectors).known:
                said.append(f"{name}: not among the chemicals that the model learned from; judged by its structure")
            else:
                said.append(f"{name}: an unknown chemical; the model knows nothing of it but its role and amount")
        if not describe_product(recipe.product).known:
            said.append(f"{recipe.product}: a product whose composition is unknown")
        return said

    def design_amounts(self, recipe: Recipe, target: Target, *, seed: int = 0) -> Recipe:
        """The same chemicals and conditions with the amounts (mmol) that should meet the target, within its limits.

        Amounts that are not given are designed, the given ones stay; where all are given, all are designed afresh.
        Raises `DesignError` where the recipe contradicts the target (another product, a chemical that is not allowed).
        Warns of `TargetMissed` where the size that the model predicts is outside the target's band all the same, or
        failure is likelier than success, and says so where the amounts that were given come nearer.
        """
        from closedloop.synthesis.design import shortfall

        (found,) = self.designs(recipe, target, 1, seed=seed)
        if missed := shortfall(self, recipe, target, found):
            warnings.warn(missed, TargetMissed, stacklevel=2)
        return found.recipe

    def designs(self, recipe: Recipe, target: Target, count: int = 3, *, seed: int = 0) -> "list[Design]":
        """Up to ``count`` distinct ways to weigh the recipe, the best first, each of which says whether it meets the
        target's size; else as `design_amounts`."""
        from closedloop.synthesis.design import designs

        return designs(self, recipe, target, count, seed=seed)

    def save(self, path: str | Path) -> None:
        """One safetensors file with everything in it; appears whole or not at all."""
        write(self.learned, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Raises `ModelFileError` for a file that is not a model, is cut short, or is of another version."""
        return cls(read(Path(path)))

    @classmethod
    def default(cls) -> "SynthesisModel":
        """The model trained on cdse2022 that ships with the package."""
        return _default()

    def with_description(self, description: str) -> "SynthesisModel":
        """The same model under another description."""
        return SynthesisModel(replace(self.learned, description=description))


def _by_length(recipes: Sequence[Recipe]) -> np.ndarray:
    """An order (n,) in which recipes of as many reagents go together: all of a chunk are padded to its longest."""
    return np.argsort([len(recipe.reagents) for recipe in recipes], kind="stable")


def _chunks_of(recipes: Sequence[Recipe]) -> list[Sequence[Recipe]]:
    return [recipes[start : start + _CHUNK] for start in range(0, len(recipes), _CHUNK)]


@lru_cache(maxsize=1)
def _default() -> SynthesisModel:
    return SynthesisModel.load(DEFAULT_WEIGHTS)

"""The synthesis model as everybody else sees it: recipes in, predictions out; a target in, amounts out.

A predicted ln(size) is a blend of three parts: extra-trees, a Gaussian process over precedents and the transformer
ensemble (docs/decisions/0028). Leaves the parts to `parts`, the network to `network` and `training`, the chance of
success to `success`, files to `storage`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from scipy.special import expit, log_softmax

from closedloop.chemistry.descriptors import describe_product, describe_substance
from closedloop.chemistry.vectors import VectorTable
from closedloop.recipes import Experiment, Recipe, Target
from closedloop.recipes.fields import ReadOnly
from closedloop.synthesis.amount_choice import AmountChoice
from closedloop.synthesis.blend import Blend
from closedloop.synthesis.calibration import Calibration, scales
from closedloop.synthesis.members import Scale, doubts, labels, scale_of, usable
from closedloop.synthesis.network import SHAPES, Network, Settings
from closedloop.synthesis.parts import Parts
from closedloop.synthesis.past_amounts import PastAmounts
from closedloop.synthesis.precedents import group_features
from closedloop.synthesis.prediction import Precedent, PredictedArrays, Prediction
from closedloop.synthesis.regimes import LeftOut, groups_of
from closedloop.synthesis.success import SuccessModel
from closedloop.synthesis.threads import threads_for
from closedloop.synthesis.tokens import Arrays, Vocabulary, canonical_name
from closedloop.synthesis.training import Labels, Progress, Schedule, shared, to_tokens, train

if TYPE_CHECKING:
    from closedloop.synthesis.design import Design

DEFAULT_WEIGHTS = Path(__file__).parent / "weights" / "cdse2022.safetensors"
FINE_TUNING = Schedule(steps=100, learning_rate=1e-3)
# A recipe is outside the model's experience if this share of the recipes that were held out as new were more like what
# the model knew.
_UNLIKE = 0.95
_CHUNK = 512
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Priors:
    """Shape probabilities (11,) and chance of success that stand in where the data cannot teach them; else ``None``."""

    shape: tuple[float, ...] | None
    success: float | None

    @classmethod
    def of(cls, known: Labels, success: SuccessModel) -> Self:
        seen = known.shape[known.shape >= 0]
        shape = None
        if len(np.unique(seen)) < 2:
            counts = np.bincount(seen, minlength=len(SHAPES)) + 1.0
            shape = tuple((counts / counts.sum()).tolist())
        return cls(shape, float(expit(success.offset)) if success.trees is None else None)

    @property
    def warnings(self) -> tuple[str, ...]:
        if self.shape is None:
            return ()
        return ("shape: a prior, for the experiments that the model learned from name fewer than two shapes",)


@dataclass(frozen=True)
class Learned:
    """Everything that a model consists of. ``origins``: where each precedent comes from, in the parts' order;
    ``outside_below``: the likeness under which a recipe is outside the model's experience."""

    vocabulary: Vocabulary
    network: Network
    parts: Parts
    blend: Blend
    success: SuccessModel
    amount_choice: AmountChoice
    scale: Scale
    priors: Priors
    left_out: LeftOut
    origins: tuple[Precedent, ...]
    outside_below: float
    description: str


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

        ``weights`` says how much each experiment counts (default 1). On the CPU the same seed gives the same model.
        ``progress`` is called with a fraction and a sentence. ``vectors``: your own of chemicals, in place of the graph
        encoder's; they are stored with the model. Raises `TooFewExperiments`.
        """
        chosen, weight = usable(experiments, weights)
        settings, schedule = settings or Settings(), schedule or Schedule.of(len(_with_outcome(chosen)))
        vocabulary = Vocabulary.of([e.recipe for e in chosen], vectors)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Network(settings, len(vocabulary.chemicals), vocabulary.amount_centre, vocabulary.amount_scale)
        left_out = LeftOut.of(_with_outcome(chosen), seed)
        start = _Start(vocabulary, network, scale_of(chosen), left_out, "fitted")
        with threads_for(len(chosen)):
            return cls._trained(start, chosen, weight, schedule, seed, device, progress)

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

        Give literature and a lab's own experiments together, the latter with the larger ``weights``: trees and
        precedents are replaced by what is given here. Chemicals that are new get places of their own in the vocabulary.
        """
        chosen, weight = usable(experiments, weights)
        vocabulary = self.vocabulary.extended([e.recipe for e in chosen])
        network = Network(
            self.network.settings, len(vocabulary.chemicals), vocabulary.amount_centre, vocabulary.amount_scale
        )
        state = {name: value.clone() for name, value in self.network.state_dict().items()}
        identity = state["identity.weight"]
        new = len(vocabulary.chemicals) - len(self.vocabulary.chemicals)
        state["identity.weight"] = torch.cat([identity, identity[:, :1].expand(-1, new, -1)], 1)
        network.load_state_dict(state)
        start = _Start(vocabulary, network, self.scale, self.learned.left_out, "fine-tuned")
        with threads_for(len(chosen)):
            return self._trained(start, chosen, weight, schedule or FINE_TUNING, seed, device, progress)

    @classmethod
    def _trained(
        cls,
        start: "_Start",
        experiments: list[Experiment],
        weight: np.ndarray,
        schedule: Schedule,
        seed: int,
        device: str,
        progress: Progress | None,
    ) -> Self:
        def said(first: float, last: float) -> Progress:
            return lambda part, words: progress(first + (last - first) * part, words) if progress else None

        where = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        words, network, scale = start.vocabulary, start.network, start.scale
        failures = sum(e.outcome.success is False for e in experiments)
        success = _success(experiments, weight, seed, said(0.0, 0.1))
        # What follows asks what came out, so that it learns from experiments which say so.
        known = labels(experiments, weight, scale)
        told = np.flatnonzero(np.isfinite(known.size) | (known.shape >= 0))
        experiments, known = [experiments[i] for i in told], known.rows(told)
        arrays, doubt = words.encode([e.recipe for e in experiments]), doubts(experiments)
        parts = Parts.fit(words, arrays, experiments, known, doubt, seed, said(0.1, 0.3))
        sized = np.flatnonzero(np.isfinite(known.size))
        # The network learns sizes as the lab that weighs most would have measured them.
        known.size[sized] = parts.precedents.values.float().numpy()
        members = network.settings.members
        held_out = start.left_out.members(experiments, members)
        network.to(where)
        train(network, arrays, known, held_out, seed=seed, schedule=schedule, device=where, progress=said(0.3, 0.8))
        network.to(_CPU).eval()
        own = [experiments[i] for i in sized]
        tried = parts.held_out(
            arrays.rows(sized),
            own,
            doubt[sized],
            known.weight[sized].astype(float),
            start.left_out,
            _heads(network, arrays.rows(sized)).size,
            ~held_out[:, sized],
            seed,
            said(0.8, 0.95),
        )
        blend = Blend.of(
            tried,
            known.size[sized].astype(float),
            known.weight[sized].astype(float),
            scale.centre,
            scale.scale,
            [groups_of(own, regime) for regime in start.left_out.tried(own)],
        )
        # A precedent itself must never be outside, whatever single precision makes of a likeness of one.
        outside = min(float(np.quantile(tried[-1].nearest, 1 - _UNLIKE)), 0.999) if tried else 0.0
        description = (
            f"{start.verb} on {len(experiments)} experiments with an outcome, {len(sized)} of them with a size, and "
            f"{failures} failures; seed {seed}"
        )
        origins = tuple(Precedent(e.source, e.recipe.product, e.outcome.size_nm or np.nan, 1.0) for e in own)
        said(0.95, 1.0)(0.0, "learning which amounts go together")
        past = PastAmounts.of(parts, scale, [one.product for one in origins])
        return cls(
            Learned(
                words,
                network,
                parts,
                blend,
                success,
                AmountChoice.fit(past, seed),
                scale,
                Priors.of(known, success),
                start.left_out,
                origins,
                outside,
                description,
            )
        )

    @cached_property
    def past_amounts(self) -> PastAmounts:
        """The precedents as amounts in reverse need them."""
        return PastAmounts.of(self.learned.parts, self.scale, [one.product for one in self.learned.origins])

    def predict_arrays(self, recipes: Sequence[Recipe]) -> PredictedArrays:
        """The numbers alone, for those who ask of thousands; see `PredictedArrays`."""
        with threads_for(len(self.learned.origins)):
            parts = [self._chunk(recipes[start : start + _CHUNK])[0] for start in range(0, len(recipes), _CHUNK)]
        return PredictedArrays.together(parts)

    def _chunk(self, recipes: Sequence[Recipe]) -> tuple[PredictedArrays, np.ndarray, np.ndarray]:
        """The numbers, the intervals' widths (n, levels), and the likeness to the nearest precedent (n,)."""
        learned = self.learned
        arrays = self.vocabulary.encode(recipes)
        heads = _heads(self.network, arrays)
        inputs = learned.parts.columns(arrays)
        products = [recipe.product for recipe in recipes]
        said, shapes = learned.parts.said(arrays, inputs, products, heads.size.mean(0))
        blended = learned.blend(said)
        spread = self.scale.scale * blended.spread * scales(blended.widths)
        noise = self.scale.scale * blended.noise * scales(blended.widths)
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
        """One `Prediction` for each recipe, in order."""
        found: list[Prediction] = []
        for start in range(0, len(recipes), _CHUNK):
            chunk = recipes[start : start + _CHUNK]
            with threads_for(len(self.learned.origins)):
                found += self._predictions(chunk, *self._chunk(chunk))
        return found

    def _predictions(
        self, recipes: Sequence[Recipe], arrays: PredictedArrays, widths: np.ndarray, nearest: np.ndarray
    ) -> list[Prediction]:
        outside = nearest < self.learned.outside_below
        general = (*self.priors.warnings, *self.learned.success.warnings)
        return [
            Prediction(
                float(np.exp(arrays.log_size_mean[i])),
                float(arrays.log_size_sd[i]),
                float(arrays.epistemic_log_sd[i]),
                ReadOnly(dict(zip(SHAPES, arrays.shape_probabilities[i].tolist(), strict=True))),
                float(expit(arrays.success_logit[i])),
                None if np.isnan(arrays.relative_spread[i]) else float(arrays.relative_spread[i]),
                bool(outside[i]),
                (*self._unknowns(recipe), *(self._unlike(recipe) if outside[i] else ()), *general),
                Calibration(widths[i]),
            )
            for i, recipe in enumerate(recipes)
        ]

    def predict_shape(self, recipes: Sequence[Recipe], sizes_nm: Sequence[float]) -> np.ndarray:
        """Shape probabilities (n, 11) of products whose size is known, as after a measurement of size alone."""
        arrays = self.vocabulary.encode(recipes)
        standardised = (np.log(np.asarray(sizes_nm, dtype=float)) - self.scale.centre) / self.scale.scale
        found = self.learned.parts.shapes_given_size(self.learned.parts.columns(arrays), standardised)
        told = self.predict_arrays(recipes).shape_probabilities
        return told if found is None else (found + told) / 2

    def nearest_precedents(self, recipe: Recipe, count: int = 3) -> list[Precedent]:
        """The experiments that the recipe is most like among those the model learned from, the likest first."""
        arrays = self.vocabulary.encode([recipe])
        parts = self.learned.parts
        likeness = parts.precedents.similarity(group_features(arrays, parts.vocabulary))[0]
        order = np.argsort(-likeness, kind="stable")[:count]
        return [replace(self.learned.origins[i], likeness=float(likeness[i])) for i in order]

    def _unlike(self, recipe: Recipe) -> list[str]:
        (nearest,) = self.nearest_precedents(recipe, 1)
        named = f"{nearest.product} of {nearest.size_nm:.3g} nm ({nearest.source or 'unknown source'})"
        return [f"outside the model's experience: the nearest precedent is {named}"]

    def _unknowns(self, recipe: Recipe) -> list[str]:
        said = []
        for name in dict.fromkeys(reagent.name for reagent in recipe.reagents):
            known = canonical_name(name)
            if known in self.vocabulary.chemicals:
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
        """
        return self.designs(recipe, target, 1, seed=seed)[0].recipe

    def designs(self, recipe: Recipe, target: Target, count: int = 3, *, seed: int = 0) -> "list[Design]":
        """Up to ``count`` distinct ways to weigh the recipe, the best first; see `design_amounts`."""
        from closedloop.synthesis.design import designs

        return designs(self, recipe, target, count, seed=seed)

    def save(self, path: str | Path) -> None:
        """One safetensors file with everything in it; appears whole or not at all."""
        from closedloop.synthesis.storage import write

        write(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "SynthesisModel":
        """Raises `ModelFileError` for a file that is not a model, is cut short, or is of another version."""
        from closedloop.synthesis.storage import read

        return read(Path(path))

    @classmethod
    def default(cls) -> "SynthesisModel":
        """The model trained on cdse2022 that ships with the package."""
        return _default()

    def with_description(self, description: str) -> "SynthesisModel":
        """The same model under another description."""
        return SynthesisModel(replace(self.learned, description=description))


@dataclass(frozen=True)
class _Start:
    """What training starts from."""

    vocabulary: Vocabulary
    network: Network
    scale: Scale
    left_out: LeftOut
    verb: str


def _with_outcome(experiments: Sequence[Experiment]) -> list[Experiment]:
    return [e for e in experiments if e.outcome.size_nm is not None or e.outcome.shape is not None]


def _success(experiments: Sequence[Experiment], weight: np.ndarray, seed: int, progress: Progress) -> SuccessModel:
    """From all that worked or failed; what has a size and says nothing of success has worked."""
    progress(0.0, "learning what fails")
    told = [i for i, e in enumerate(experiments) if e.outcome.success is not None or e.outcome.size_nm is not None]
    return SuccessModel.fit(
        [experiments[i].recipe for i in told],
        [experiments[i].outcome.success is not False for i in told],
        weight[told],
        [experiments[i].source for i in told],
        seed,
    )


@dataclass(frozen=True)
class _Members:
    """Heads of k members for n recipes: size and ln(relative spread) (k, n), shape logits (k, n, 11)."""

    size: np.ndarray
    log_spread: np.ndarray
    shape: np.ndarray


@torch.no_grad()
def _heads(network: Network, arrays: Arrays) -> _Members:
    heads = network(shared(to_tokens(arrays, _CPU), network.settings.members))
    return _Members(heads.size.double().numpy(), heads.log_spread.double().numpy(), heads.shape.double().numpy())


@lru_cache(maxsize=1)
def _default() -> SynthesisModel:
    return SynthesisModel.load(DEFAULT_WEIGHTS)

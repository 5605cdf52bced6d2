"""The synthesis model as everybody else sees it: recipes in, predictions out; a target in, amounts out.

A predicted ln(size) is a mixture of the transformer ensemble's and of a Gaussian process's over precedents, each with
the share that its own doubt leaves it (docs/decisions/0020). Leaves the network to `network`, learning to `training`,
files to `storage`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import torch
from scipy.special import expit, log_softmax, logit

from closedloop.chemistry.descriptors import describe_product, describe_substance
from closedloop.recipes import Experiment, Recipe, Target
from closedloop.recipes.fields import ReadOnly
from closedloop.synthesis.calibration import Calibration
from closedloop.synthesis.members import Scale, assign_folds, labels, scale_of, usable
from closedloop.synthesis.network import SHAPES, Network, Settings
from closedloop.synthesis.precedents import Precedents, group_features
from closedloop.synthesis.prediction import PredictedArrays, Prediction
from closedloop.synthesis.tokens import Arrays, Vocabulary, canonical_name
from closedloop.synthesis.training import Labels, Progress, Schedule, shared, to_tokens, train

DEFAULT_WEIGHTS = Path(__file__).parent / "weights" / "cdse2022.safetensors"
# The chance of success where no failure was ever seen: ignorance, not optimism.
PRIOR_SUCCESS = 0.5
FINE_TUNING = Schedule(steps=100, learning_rate=1e-3)
_CHUNK = 512
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Priors:
    """Shape probabilities (11,) and chance of success that stand in where the data cannot teach them; else ``None``."""

    shape: tuple[float, ...] | None
    success: float | None

    @classmethod
    def of(cls, known: Labels) -> Self:
        seen = known.shape[known.shape >= 0]
        shape = None
        if len(np.unique(seen)) < 2:
            counts = np.bincount(seen, minlength=len(SHAPES)) + 1.0
            shape = tuple((counts / counts.sum()).tolist())
        both = (known.success == 0).any() and (known.success == 1).any()
        return cls(shape, None if both else PRIOR_SUCCESS)

    @property
    def warnings(self) -> tuple[str, ...]:
        said = []
        if self.shape is not None:
            said.append("shape: a prior, for the experiments that the model learned from name fewer than two shapes")
        if self.success is not None:
            said.append(f"success: a prior of {self.success:g}, for the model has not seen both successes and failures")
        return tuple(said)


class SynthesisModel:
    """Make one with `fit`, `load` or `default`; it is never changed afterwards, `fine_tune` returns another."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        network: Network,
        precedents: Precedents,
        calibration: Calibration,
        scale: Scale,
        priors: Priors,
        folds: dict[str, int],
        description: str,
        doubt: float,
    ) -> None:
        """``doubt`` is the transformer's mean squared error on experiments held out from it, in standardised units."""
        self.vocabulary, self.network, self.precedents = vocabulary, network.eval(), precedents
        self.calibration, self.scale, self.priors, self.doubt = calibration, scale, priors, doubt
        self.folds, self.description = folds, description

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
    ) -> Self:
        """Learn from any list of experiments, failures among them, and from nothing else.

        ``weights`` says how much each experiment counts (default 1). On the CPU the same seed gives the same model.
        ``progress`` is called with a fraction and a sentence. Raises `TooFewExperiments`.
        """
        chosen, weight = usable(experiments, weights)
        settings, schedule = settings or Settings(), schedule or Schedule.of(len(chosen))
        recipes = [e.recipe for e in chosen]
        vocabulary = Vocabulary.of(recipes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Network(settings, len(vocabulary.chemicals), vocabulary.amount_centre, vocabulary.amount_scale)
        return cls._trained(
            vocabulary, network, chosen, weight, {}, scale_of(chosen), schedule, seed, device, progress, "fitted"
        )

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

        Give literature and a lab's own experiments together, the latter with the larger ``weights``: precedents are
        replaced by what is given here. Chemicals that are new get places of their own in the vocabulary.
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
        return self._trained(
            vocabulary,
            network,
            chosen,
            weight,
            self.folds,
            self.scale,
            schedule or FINE_TUNING,
            seed,
            device,
            progress,
            "fine-tuned",
        )

    @classmethod
    def _trained(
        cls,
        vocabulary: Vocabulary,
        network: Network,
        experiments: list[Experiment],
        weight: np.ndarray,
        folds: dict[str, int],
        scale: Scale,
        schedule: Schedule,
        seed: int,
        device: str,
        progress: Progress | None,
        verb: str,
    ) -> Self:
        where = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        arrays = vocabulary.encode([e.recipe for e in experiments])
        known = labels(experiments, weight, scale)
        members = network.settings.members
        assigned, folds = assign_folds(experiments, members, seed, folds)
        held_out = assigned == np.arange(members)[:, None]
        sized = np.flatnonzero(np.isfinite(known.size))
        features = group_features(arrays.rows(sized), len(vocabulary.chemicals))
        if progress:
            progress(0.0, f"comparing {len(sized)} precedents")
        precedents = Precedents.fit(
            features, known.size[sized].astype(float), known.weight[sized].astype(float), assigned[sized]
        )
        # The network learns sizes as the lab that weighs most would have measured them.
        known.size[sized] = precedents.values.float().numpy()
        network.to(where)
        train(network, arrays, known, held_out, seed=seed, schedule=schedule, device=where, progress=progress)
        network.to(_CPU).eval()
        description = (
            f"{verb} on {len(experiments)} experiments, {len(sized)} of them with a size, "
            f"{int((known.success == 0).sum())} failures; seed {seed}"
        )
        unscaled = Calibration.of(np.zeros(0))
        made = cls(vocabulary, network, precedents, unscaled, scale, Priors.of(known), folds, description, doubt=1.0)
        made.calibration, made.doubt = made._held_out(arrays.rows(sized), assigned[sized], known.size[sized])
        return made

    def _held_out(self, arrays: Arrays, folds: np.ndarray, size: np.ndarray) -> tuple[Calibration, float]:
        """Calibration and doubt from errors on experiments that neither the member nor the precedents had seen."""
        heads = self._heads(arrays)
        rows = np.arange(len(arrays))
        mean, noise = heads.size[folds, rows], heads.variance[folds, rows]
        doubt = float(((size - mean) ** 2).mean())
        others = heads.size.copy()
        others[folds, rows] = np.nan
        spread = np.nanvar(others, axis=0) if len(others) > 1 else np.zeros(len(rows))
        similar, variance = self.precedents.left_out(folds)
        mixed = _Mixture.of(mean, spread, noise, similar, variance, 0.0, doubt)
        return Calibration.of((size - mixed.mean) / np.sqrt(mixed.epistemic + mixed.aleatoric)), doubt

    @torch.no_grad()
    def _heads(self, arrays: Arrays) -> "_Members":
        heads = self.network(shared(to_tokens(arrays, _CPU), self.network.settings.members))
        return _Members(
            heads.size.double().numpy(),
            heads.log_variance.double().exp().numpy(),
            heads.shape.double().numpy(),
            heads.success.double().numpy(),
        )

    def predict_arrays(self, recipes: Sequence[Recipe]) -> PredictedArrays:
        """The numbers alone, for those who ask of thousands; see `PredictedArrays`."""
        parts = [self._chunk(recipes[start : start + _CHUNK]) for start in range(0, len(recipes), _CHUNK)]
        if not parts:
            nothing = np.zeros(0)
            return PredictedArrays(nothing, nothing, nothing, nothing, nothing, np.zeros((0, len(SHAPES))))
        names = PredictedArrays.__dataclass_fields__
        return PredictedArrays(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def _chunk(self, recipes: Sequence[Recipe]) -> PredictedArrays:
        arrays = self.vocabulary.encode(recipes)
        heads = self._heads(arrays)
        similar, variance, noise = self.precedents.predict(group_features(arrays, len(self.vocabulary.chemicals)))
        mixed = _Mixture.of(
            heads.size.mean(0), heads.size.var(0), heads.variance.mean(0), similar, variance, noise, self.doubt
        )
        unit = self.scale.scale * self.calibration.scale
        if self.priors.success is not None:
            success = np.full(len(recipes), logit(self.priors.success))
        else:
            success = logit(np.clip(expit(heads.success).mean(0), 1e-4, 1 - 1e-4))
        if self.priors.shape is not None:
            shapes = np.tile(self.priors.shape, (len(recipes), 1))
        else:
            shapes = np.exp(log_softmax(heads.shape, -1)).mean(0)
        return PredictedArrays(
            self.scale.centre + self.scale.scale * mixed.mean,
            unit * np.sqrt(mixed.epistemic + mixed.aleatoric),
            unit * np.sqrt(mixed.epistemic),
            unit * np.sqrt(mixed.aleatoric),
            success,
            shapes / shapes.sum(1, keepdims=True),
        )

    def predict(self, recipes: Sequence[Recipe]) -> list[Prediction]:
        """One `Prediction` for each recipe, in order."""
        arrays = self.predict_arrays(recipes)
        return [
            Prediction(
                float(np.exp(arrays.log_size_mean[i])),
                float(arrays.log_size_sd[i]),
                float(arrays.epistemic_log_sd[i]),
                ReadOnly(dict(zip(SHAPES, arrays.shape_probabilities[i].tolist(), strict=True))),
                float(expit(arrays.success_logit[i])),
                (*self._unknowns(recipe), *self.priors.warnings),
                self.calibration,
            )
            for i, recipe in enumerate(recipes)
        ]

    def _unknowns(self, recipe: Recipe) -> list[str]:
        said = []
        for name in dict.fromkeys(reagent.name for reagent in recipe.reagents):
            known = canonical_name(name)
            if known in self.vocabulary.chemicals:
                continue
            if describe_substance(known).known:
                said.append(f"{name}: not among the chemicals that the model learned from; judged by its structure")
            else:
                said.append(f"{name}: an unknown chemical; the model knows nothing of it but its role and amount")
        if not describe_product(recipe.product).known:
            said.append(f"{recipe.product}: a product whose composition is unknown")
        return said

    def design_amounts(self, recipe: Recipe, target: Target, *, seed: int = 0) -> Recipe:
        """The same chemicals and conditions with the amounts (mmol) that should meet the target, within its limits.

        Raises `DesignError` where the recipe contradicts the target (another product, a chemical that is not allowed).
        """
        from closedloop.synthesis.design import design

        return design(self, recipe, target, seed=seed)

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
        return SynthesisModel(
            self.vocabulary,
            self.network,
            self.precedents,
            self.calibration,
            self.scale,
            self.priors,
            self.folds,
            description,
            self.doubt,
        )


@dataclass(frozen=True)
class _Members:
    """Heads of k members for n recipes: size and its variance (k, n), shape (k, n, 11) and success (k, n) logits."""

    size: np.ndarray
    variance: np.ndarray
    shape: np.ndarray
    success: np.ndarray


@dataclass(frozen=True)
class _Mixture:
    """The two halves put together; standardised units, each (n,)."""

    mean: np.ndarray
    epistemic: np.ndarray
    aleatoric: np.ndarray

    @classmethod
    def of(
        cls,
        transformer: np.ndarray,
        spread: np.ndarray,
        residual: np.ndarray,
        similar: np.ndarray,
        variance: np.ndarray,
        noise: np.ndarray | float,
        doubt: float,
    ) -> "_Mixture":
        """``spread`` and ``residual``: the members' disagreement and the variance that they predict; ``variance`` and
        ``noise``: the process's. Shares are inversely proportional to the variances (``doubt`` for the transformer):
        among siblings the precedents decide, far from all of them both have their say."""
        process = variance + noise
        share = process / (process + doubt)
        between = share * (1 - share) * (transformer - similar) ** 2
        return cls(
            share * transformer + (1 - share) * similar,
            share * spread + (1 - share) * variance + between,
            share * residual + (1 - share) * noise,
        )


@lru_cache(maxsize=1)
def _default() -> SynthesisModel:
    return SynthesisModel.load(DEFAULT_WEIGHTS)

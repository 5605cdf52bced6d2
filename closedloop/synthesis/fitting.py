"""How a model comes to be: every part learned in turn, then what each is worth from what none of them had seen.

Leaves each part to its own module, and what a model does to `model`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from closedloop.chemistry.vectors import VectorTable
from closedloop.literature import one_spelling
from closedloop.recipes import Experiment
from closedloop.synthesis.amount_choice import AmountChoice
from closedloop.synthesis.blend import Blend
from closedloop.synthesis.learned import ITSELF, Learned, Priors
from closedloop.synthesis.members import Scale, doubts, labels, scale_of
from closedloop.synthesis.network import Network, Settings
from closedloop.synthesis.parts import Parts
from closedloop.synthesis.past_amounts import PastAmounts
from closedloop.synthesis.prediction import Precedent
from closedloop.synthesis.regimes import LeftOut, groups_of
from closedloop.synthesis.success import SuccessModel
from closedloop.synthesis.threads import threads_for
from closedloop.synthesis.tokens import Vocabulary
from closedloop.synthesis.training import Progress, Schedule, ask, train

FINE_TUNING = Schedule(steps=100, learning_rate=1e-3)
# A recipe is outside the model's experience if this share of the recipes that were held out as new were more like what
# the model knew.
_UNLIKE = 0.95
_CPU = torch.device("cpu")
# Experiments that say something, and how much each counts (n,): see `members.usable`.
Weighed = tuple[list[Experiment], np.ndarray]


@dataclass(frozen=True)
class Run:
    """One fit: its seed, where the network is trained (``auto``: a GPU where there is one), who hears how far it is."""

    seed: int
    device: str
    progress: Progress | None

    def part(self, first: float, last: float) -> Progress:
        """Progress of what takes the fit from one fraction to another."""

        def said(part: float, words: str) -> None:
            if self.progress:
                self.progress(first + (last - first) * part, words)

        return said

    @property
    def where(self) -> torch.device:
        automatic = "cuda" if torch.cuda.is_available() else "cpu"
        return torch.device(automatic if self.device == "auto" else self.device)


@dataclass(frozen=True)
class _Start:
    """What training starts from."""

    vocabulary: Vocabulary
    network: Network
    scale: Scale
    left_out: LeftOut
    schedule: Schedule
    verb: str


def from_nothing(
    weighed: Weighed, settings: Settings | None, schedule: Schedule | None, vectors: VectorTable | None, run: Run
) -> Learned:
    """A model that knows these experiments and nothing else."""
    experiments = weighed[0]
    outcomes = _with_outcome(experiments)
    vocabulary = Vocabulary.of([e.recipe for e in experiments], vectors)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = _network(settings or Settings(), vocabulary)
    left_out, schedule = LeftOut.of(outcomes, run.seed), schedule or Schedule.of(len(outcomes))
    return _fitted(_Start(vocabulary, network, scale_of(experiments), left_out, schedule, "fitted"), weighed, run)


def from_model(learned: Learned, weighed: Weighed, schedule: Schedule | None, run: Run) -> Learned:
    """A model whose network goes on from a learned one; all else is learned anew from these experiments."""
    vocabulary = learned.vocabulary.extended([e.recipe for e in weighed[0]])
    network = _network(learned.network.settings, vocabulary)
    state = {name: value.clone() for name, value in learned.network.state_dict().items()}
    identity = state["identity.weight"]
    new = len(vocabulary.chemicals) - len(learned.vocabulary.chemicals)
    state["identity.weight"] = torch.cat([identity, identity[:, :1].expand(-1, new, -1)], 1)
    network.load_state_dict(state)
    start = _Start(vocabulary, network, learned.scale, learned.left_out, schedule or FINE_TUNING, "fine-tuned")
    return _fitted(start, weighed, run)


def _network(settings: Settings, vocabulary: Vocabulary) -> Network:
    return Network(settings, len(vocabulary.chemicals), vocabulary.amount_centre, vocabulary.amount_scale)


def _fitted(start: _Start, weighed: Weighed, run: Run) -> Learned:
    with threads_for(len(weighed[0])):
        return _learned(start, *weighed, run)


def _learned(start: _Start, experiments: list[Experiment], weight: np.ndarray, run: Run) -> Learned:
    words, network, scale, seed = start.vocabulary, start.network, start.scale, run.seed
    failures = sum(e.outcome.success is False for e in experiments)
    success = _success(experiments, weight, seed, run.part(0.0, 0.1))
    # What follows asks what came out, so that it learns from experiments which say so.
    known = labels(experiments, weight, scale)
    told = np.flatnonzero(np.isfinite(known.size) | (known.shape >= 0))
    experiments, known = [experiments[i] for i in told], known.rows(told)
    arrays, doubt = words.encode([e.recipe for e in experiments]), doubts(experiments)
    parts = Parts.fit(words, arrays, experiments, known, doubt, seed, run.part(0.1, 0.3))
    sized = np.flatnonzero(np.isfinite(known.size))
    # The network learns sizes as the lab that weighs most would have measured them.
    known.size[sized] = parts.precedents.values.float().numpy()
    held_out = start.left_out.members(experiments, network.settings.members)
    network.to(run.where)
    train(
        network,
        arrays,
        known,
        held_out,
        seed=seed,
        schedule=start.schedule,
        device=run.where,
        progress=run.part(0.3, 0.8),
    )
    network.to(_CPU).eval()
    own = [experiments[i] for i in sized]
    tried = parts.held_out(
        arrays.rows(sized),
        own,
        doubt[sized],
        known.weight[sized].astype(float),
        start.left_out,
        ask(network, arrays.rows(sized)).size,
        ~held_out[:, sized],
        seed,
        run.part(0.8, 0.95),
    )
    blend = Blend.of(
        tried,
        known.size[sized].astype(float),
        known.weight[sized].astype(float),
        scale.centre,
        scale.scale,
        [groups_of(own, regime) for regime in start.left_out.tried(own)],
    )
    # Where nothing could be held out, all but the precedents themselves is outside.
    outside = min(float(np.quantile(tried[-1].nearest, 1 - _UNLIKE)), ITSELF) if tried else ITSELF
    origins = tuple(Precedent(e.source, e.recipe.product, e.outcome.size_nm or np.nan, 1.0) for e in own)
    run.part(0.95, 1.0)(0.0, "learning which amounts go together")
    past = PastAmounts.of(parts, scale, [one.product for one in origins])
    return Learned(
        vocabulary=words,
        network=network,
        parts=parts,
        blend=blend,
        success=success,
        amount_choice=AmountChoice.fit(past, seed),
        scale=scale,
        priors=Priors.of(known, success),
        left_out=start.left_out,
        origins=origins,
        outside_below=outside,
        description=f"{start.verb} on {len(experiments)} experiments with an outcome, {len(sized)} of them with a "
        f"size, and {failures} failures; seed {seed}",
    )


def _with_outcome(experiments: Sequence[Experiment]) -> list[Experiment]:
    return [e for e in experiments if e.outcome.learnable_size_nm is not None or e.outcome.learnable_shape is not None]


def _success(experiments: Sequence[Experiment], weight: np.ndarray, seed: int, progress: Progress) -> SuccessModel:
    """From all that worked or failed; what has a size and says nothing of success has worked."""
    progress(0.0, "learning what fails")
    outcomes = [e.outcome for e in experiments]
    told = [i for i, o in enumerate(outcomes) if o.success is not None or o.learnable_size_nm is not None]
    return SuccessModel.fit(
        [experiments[i].recipe for i in told],
        [outcomes[i].success is not False for i in told],
        weight[told],
        one_spelling([experiments[i].source for i in told]),
        seed,
    )

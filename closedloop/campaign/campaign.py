"""The one object that remembers: a target, what was tried in this store, and what to try next.

`Campaign.propose` and `Campaign.record` serve a lab that drives its own hardware; `closedloop.campaign.runner` uses
the same two to drive the instruments of a lab file.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from closedloop.campaign.definition import CampaignDefinition, canonical_recipe
from closedloop.campaign.door import checked_count, checked_outcome, checked_recipe
from closedloop.campaign.errors import NotOfThisCampaign, NotProposed, RecipeBreaksLimits
from closedloop.campaign.judge import distance_nm, judge, without_chemistry
from closedloop.campaign.reading import parse_campaign, read_campaign
from closedloop.campaign.same_recipe import groups
from closedloop.campaign.stopping import Advice, Tally, advise, confirmed, repeats_due, tallies
from closedloop.recipes import CauseKind, Experiment, FailureCause, Outcome, Recipe, listed
from closedloop.store import ExperimentRecord, ModelRecord, Move, State, Store

if TYPE_CHECKING:
    from closedloop.propose import Assessment, Plan
    from closedloop.synthesis import SynthesisModel

SHIPPED_MODEL = "shipped"
DEFAULT_STORE = "sqlite:///closedloop.db"
OPEN = tuple(state for state in State if state.is_open)
UNBEGUN = (State.PROPOSED, State.APPROVED, State.CHECKED)


@dataclass(frozen=True)
class NextBatch:
    """What to make next, not stored yet: ``repeats`` that hits wait for, then ``plan``; ``None`` where repeats are all.

    ``advice`` is what the plan's outlook says of the campaign as a whole. ``model`` chose it and describes it, even if
    another one takes over before the batch is stored.
    """

    repeats: "tuple[Tally, ...]"
    plan: "Plan | None"
    advice: Advice | None
    model: "SynthesisModel" = field(repr=False, compare=False)
    model_id: str


class Campaign:
    """A definition and its experiments in a store. Everything that is remembered lies in the store.

    ``makeable`` may refuse a recipe that this lab cannot make, or say why it cannot; such a recipe is never proposed.
    ``lab`` is this lab's name, where it said one: what is made or recorded by it makes the store its own.
    """

    def __init__(
        self,
        definition: CampaignDefinition,
        store: Store,
        *,
        seed: int = 0,
        makeable: Callable[[Recipe], bool | Sequence[str]] | None = None,
        lab: str | None = None,
    ) -> None:
        self.definition = definition
        self.store = store
        self.seed = seed
        self.makeable = makeable
        self.lab = lab
        self._loaded: tuple[SynthesisModel, str] | None = None

    @classmethod
    def open(
        cls, campaign: str | Path, store: str | Store = DEFAULT_STORE, *, seed: int = 0, lab: str | None = None
    ) -> Self:
        """``campaign`` is a file or the name of a shipped campaign; the store is made where there is none.

        Raises `CampaignFileError` before the store is touched, so that a faulty file leaves nothing behind, and
        `OtherLab` where the store belongs to another lab than ``lab``.
        """
        definition = read_campaign(campaign)
        opened = store if isinstance(store, Store) else Store.open(store)
        if lab is not None:
            opened.check_lab(lab)
        opened.save_campaign(definition.name, definition.model_dump_json(), definition.digest)
        return cls(definition, opened, seed=seed, lab=lab)

    @classmethod
    def reopen(cls, name: str, store: Store) -> Self:
        """A campaign by its name, as the store knows it. Raises `UnknownCampaign`."""
        return cls(parse_campaign(store.campaign(name).definition, name), store)

    @property
    def name(self) -> str:
        return self.definition.name

    def claim(self) -> None:
        """Makes the store this lab's own, before something is made. Raises `OtherLab` where it is another's."""
        if self.lab is not None:
            self.store.claim(self.lab)

    def experiments(self) -> list[ExperimentRecord]:
        """All of this campaign's, in the order that they were proposed."""
        return self.store.experiments(self.name)

    def open_experiments(self) -> list[ExperimentRecord]:
        return self.store.experiments(self.name, states=OPEN)

    def made(self) -> list[ExperimentRecord]:
        """Experiments that count against the budget: all but those given up before they were begun."""
        return [record for record in self.experiments() if not self._given_up_unbegun(record)]

    def _given_up_unbegun(self, record: ExperimentRecord) -> bool:
        given_up = record.outcome is not None and record.outcome.failure_cause is FailureCause.ABANDONED
        return given_up and not self.store.was_begun(record.id)

    def model(self) -> "SynthesisModel":
        """The model in service, loaded once for as long as it stays the same."""
        return self._serving()[0]

    def _serving(self) -> "tuple[SynthesisModel, str]":
        champion = self.store.champion()
        model_id = champion.id if champion else SHIPPED_MODEL
        if self._loaded is None or self._loaded[1] != model_id:
            self._loaded = (_load(champion), model_id)
        return self._loaded

    def propose(self, count: int | None = None) -> list[Recipe]:
        """The next recipes (``batch_size`` of them unless told), each stored as a proposed experiment."""
        return [record.recipe for record in self.propose_experiments(count)]

    def propose_experiments(self, count: int | None = None) -> list[ExperimentRecord]:
        """As `propose`, with ids, predictions and the reason for each."""
        return self.accept(self.look_ahead(count))

    def look_ahead(self, count: int | None = None) -> NextBatch:
        """The next batch and what it promises; stores nothing. Raises `NotACount`."""
        from closedloop.campaign.edit import limits_broken
        from closedloop.campaign.precedents import near_target
        from closedloop.propose import HORIZON, plan

        count = self.definition.batch_size if count is None else checked_count(count)
        known = self.experiments()
        # Asked once: another process may promote a model while this one is still choosing.
        model, model_id = self._serving()
        wanted = repeats_due(tallies(known, self.definition.target), self.definition.stop)
        allowed = [tally for tally in wanted if not limits_broken(tally.first.recipe, self.definition)]
        due = tuple(allowed)[:count]
        if due and len(due) >= count:
            return NextBatch(due, None, None, model, model_id)
        rule = self.definition.stop.no_hope
        tried = self._tried(known)
        found = plan(
            self.definition.search_space,
            self.definition.target,
            model,
            tried=tried,
            pending=[record.recipe for record in known if record.state.is_open],
            count=count - len(due),
            seed=self.seed * 10_007 + len(known),
            filter=self.makeable,
            precedents=near_target(self.definition.target),
            horizon=rule.over if rule else HORIZON,
        )
        measured = sum(experiment.outcome.learnable_size_nm is not None for experiment in tried)
        return NextBatch(due, found, advise(found.outlook, self.definition.target, measured), model, model_id)

    def accept(self, batch: NextBatch) -> list[ExperimentRecord]:
        """Stores the batch as proposed experiments, each with what was said of it."""
        from closedloop.campaign.card import outlook_json, predictions
        from closedloop.propose import assess

        known = self.experiments()
        model = batch.model
        number = max((record.batch or 0 for record in known), default=0) + 1
        target, space, tried = self.definition.target, self.definition.search_space, self._tried(known)
        again = assess(space, target, model, tried, [tally.first.recipe for tally in batch.repeats], self.seed)
        reasons = [f"a repeat to confirm {tally.first.id}" for tally in batch.repeats]
        chosen: list[Assessment] = [*again]
        outlook = None
        if batch.plan is not None:
            chosen += batch.plan.proposals
            reasons += [proposal.reason for proposal in batch.plan.proposals]
            if batch.advice is not None:
                outlook = outlook_json(batch.plan.outlook, str(batch.advice.action), batch.advice.why)
        kept = predictions(model, chosen, space, tried, outlook)
        return [
            self.store.add_experiment(
                self.name, each.recipe, model_id=batch.model_id, prediction=prediction, reason=reason, batch=number
            )
            for each, prediction, reason in zip(chosen, kept, reasons, strict=True)
        ]

    def assess(self, recipes: Sequence[Recipe]) -> "list[Assessment]":
        """What is expected of recipes that someone else chose, after all that this campaign saw.

        Raises `NotListed` for one recipe in place of a list, and `RecipeOutsideSpace` for one that its search space has
        no place for.
        """
        from closedloop.propose import assess

        recipes = [canonical_recipe(recipe) for recipe in listed(Recipe, recipes)]
        tried = self._tried(self.experiments())
        return assess(self.definition.search_space, self.definition.target, self.model(), tried, recipes, self.seed)

    def edit(self, experiment_id: str, settings: Sequence[str]) -> ExperimentRecord:
        """A proposal as a person would rather have it (``NAME=VALUE`` each), scored again; the old one is given up.

        Raises `NotProposed`, `EditNotReadable`, or `RecipeBreaksLimits` with every limit that the new recipe breaks;
        `IllegalMove` where someone else decided meanwhile.
        """
        from closedloop.campaign.card import predictions
        from closedloop.campaign.edit import changes, edited

        record = self.store.experiment(experiment_id)
        if record.state is not State.PROPOSED:
            raise NotProposed(f"{record.id} is {record.state}; only a proposal that waits for a decision can be edited")
        recipe = edited(record.recipe, settings, self.definition)
        if recipe == record.recipe:
            raise NotProposed(f"{record.id} is so already; nothing was changed")
        model, model_id = self._serving()
        said = predictions(model, self.assess([recipe]), self.definition.search_space, self._tried(self.experiments()))
        if outlook := (record.prediction or {}).get("outlook"):
            said[0]["outlook"] = outlook
        return self.store.replace_experiment(
            record.id,
            recipe,
            without_chemistry(FailureCause.ABANDONED),
            "abandoned: edited by a person",
            only_from=[State.PROPOSED],
            model_id=model_id,
            prediction=said[0],
            reason=f"edited by a person from {record.id}: {', '.join(changes(record.recipe, recipe))}",
        )

    def approve(self, experiment_id: str, note: str) -> ExperimentRecord:
        """Lets a proposal be made, by the campaign's limits as this object has them: after `reopen`, as `open` or a run
        last read them from its file.

        Raises `RecipeBreaksLimits` with every limit that it breaks: they may have changed since it was proposed.
        """
        from closedloop.campaign.edit import limits_broken

        record = self.store.experiment(experiment_id)
        if record.state is State.PROPOSED and (broken := limits_broken(record.recipe, self.definition)):
            raise RecipeBreaksLimits(
                f"{record.id} is outside the campaign's limits: {'; '.join(broken)}; edit or veto it"
            )
        self.store.move(record.id, State.APPROVED, note=note)
        return self.store.experiment(record.id)

    def veto(self, experiment_id: str, why: str) -> None:
        """Gives up what was not begun, or a sample that no run may be looking at; nothing is learned from it.

        Raises `NotProposed` for what is being made, `CampaignBusy`, `IllegalMove` for what is over.
        """
        from closedloop.campaign.runner import only_runner

        record = self.store.experiment(experiment_id)
        if record.state is State.RUNNING:
            raise NotProposed(
                f"{record.id} is being made and can no longer be vetoed; stop `closedloop run` with Ctrl-C, which "
                "makes the lab safe"
            )
        waits = record.state is State.AWAITING_CHARACTERISATION
        with only_runner(self.store) if waits else nullcontext():
            self.abandon(record.id, f"vetoed by a person ({why})", [record.state] if waits else UNBEGUN)

    @staticmethod
    def _tried(known: "Sequence[ExperimentRecord]") -> list[Experiment]:
        over = [record for record in known if not record.state.is_open and record.outcome]
        return [record.experiment() for record in over if record.outcome and not record.outcome.beyond_measure]

    def record(self, recipe: Recipe, outcome: Outcome) -> ExperimentRecord:
        """What came of a recipe: closes the oldest open experiment that has it, or adds one that the lab chose itself.

        Order and roles of its chemicals do not matter, nor a vessel that is left out where it can be only one.
        Where none is open, but one that is over rests on weaker evidence than the outcome, such as an absorbance peak
        where this is TEM, the outcome is of that sample; as much evidence again is of another.

        An outcome that leaves ``success`` open is judged by the campaign's own thresholds; one without a size leaves
        the experiment awaiting its characterisation. One without evidence gives way to any that has some.

        Raises `NotRecordable` for what is no recipe or no outcome, or has a size that no microscope can see;
        `NotOfThisCampaign` for a recipe of another product; `OtherLab` where the store is another lab's.
        """
        recipe, outcome = checked_recipe(recipe), checked_outcome(outcome)
        if recipe.product != self.definition.target.product:
            raise NotOfThisCampaign(
                f"the recipe makes {recipe.product}, campaign {self.name} makes {self.definition.target.product}; "
                "record it in a campaign of that product"
            )
        self.claim()
        known = self.experiments()
        found = _of(recipe, [record for record in known if record.state.is_open])
        found = found or _of(recipe, [record for record in known if _is_surpassed(record, outcome)])
        experiment = found[0] if found else self.store.add_experiment(self.name, recipe, reason="chosen by the lab")
        return self.settle(experiment.id, outcome)

    def settle(self, experiment_id: str, outcome: Outcome) -> ExperimentRecord:
        """Adds an outcome; an experiment that is still open goes on as far as the outcome takes it (`moves_after`).

        For one that is over, the new outcome supersedes the old one unless its evidence is weaker.

        Raises `NotRecordable` and `OtherLab` as `record`, `UnknownExperiment`.
        """
        outcome = checked_outcome(outcome)
        if outcome.success is None and outcome.failure_cause is None:
            outcome = judge(outcome, self.definition)
        moves = moves_after(self.store.experiment(experiment_id).state, outcome)
        self.claim()
        self.store.add_outcome(experiment_id, outcome, moves)
        return self.store.experiment(experiment_id)

    def abandon(self, experiment_id: str, why: str, only_from: Sequence[State] = OPEN) -> None:
        """Gives up an open experiment, as `fail`."""
        self.fail(experiment_id, FailureCause.ABANDONED, f"abandoned: {why}", only_from)

    def fail(self, experiment_id: str, cause: FailureCause, note: str, only_from: Sequence[State] = OPEN) -> None:
        """Ends an experiment of which nothing is learned. Raises `IllegalMove` for one in no state of ``only_from``."""
        moves = [Move(state=State.FAILED, note=note)]
        self.store.add_outcome(experiment_id, without_chemistry(cause), moves, only_from=only_from)

    def best(self) -> ExperimentRecord | None:
        """The success nearest to the target; one that meets every wish comes before all that do not."""
        target = self.definition.target
        candidates = [r for r in self.experiments() if r.outcome and r.outcome.success and r.outcome.size_nm]
        return min(
            candidates,
            key=lambda r: (not target.is_met_by(r.outcome or Outcome()), distance_nm(r.outcome or Outcome(), target)),
            default=None,
        )

    def hits(self) -> list[ExperimentRecord]:
        """Experiments whose outcome satisfies every stated wish of the target."""
        target = self.definition.target
        return [record for record in self.experiments() if record.outcome and target.is_met_by(record.outcome)]

    def confirmed(self) -> list[ExperimentRecord]:
        """The hits that count: where the campaign asks for repeats, one for each recipe that they bear out."""
        if not self.definition.stop.confirmed_by:
            return self.hits()
        found = tallies(self.experiments(), self.definition.target)
        return [tally.first for tally in confirmed(found, self.definition.stop)]


def _of(recipe: Recipe, records: Sequence[ExperimentRecord]) -> list[ExperimentRecord]:
    """Those of this recipe, however it is written."""
    mine, *numbers = groups([recipe, *(record.recipe for record in records)])
    return [record for record, number in zip(records, numbers, strict=True) if number == mine]


def _is_surpassed(record: ExperimentRecord, outcome: Outcome) -> bool:
    """Whether the outcome may be a better one of this experiment's sample: it is over, left a sample, and what is known
    of it rests on weaker evidence."""
    known = record.outcome
    if record.state.is_open or known is None or outcome.evidence is None:
        return False
    cause = known.failure_cause
    if cause is not None and cause.kind in (CauseKind.EQUIPMENT, CauseKind.ABANDONED):
        return False
    return known.evidence is None or known.evidence.rank < outcome.evidence.rank


def moves_after(state: State, outcome: Outcome) -> list[Move]:
    """The states that an experiment goes on to once this is known of it: all to its end; none where it is over.

    An outcome without a size, and without a failure, leaves it awaiting its characterisation.
    """
    moves: list[Move] = []
    cause = outcome.failure_cause
    failed = cause is not None or outcome.success is False
    unknown = outcome.size_nm is None and not failed
    while state.is_open and not (unknown and state is State.AWAITING_CHARACTERISATION):
        if cause is not None and (outcome.is_spoiled or state is State.MEASURED):
            move = Move(state=State.FAILED, note=str(cause))
        else:
            move = Move(state=next(after for after in state.next_states if after is not State.FAILED))
        moves.append(move)
        state = move.state
    return moves


def load_champion(store: Store) -> "SynthesisModel":
    """The model in service: the store's champion, or the one that ships with the package."""
    return _load(store.champion())


def _load(champion: ModelRecord | None) -> "SynthesisModel":
    from closedloop.synthesis import SynthesisModel

    return SynthesisModel.load(champion.path) if champion else SynthesisModel.default()

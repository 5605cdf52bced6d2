"""From what was measured to an outcome: did it work, and if not, whose fault was it."""

from closedloop.campaign.definition import CampaignDefinition
from closedloop.recipes import CauseKind, Evidence, FailureCause, Outcome, Target
from closedloop.recipes.fields import exceeds

# What is so much larger than wanted has grown together and precipitated. Small targets are given room, for what came
# out of their chemicals at 100 nm is still a colloid, and off target.
BULK_NM, BULK_TIMES_TARGET = 200.0, 2.0


def judge(measured: Outcome, definition: CampaignDefinition) -> Outcome:
    """The outcome of a sample from what was measured of it (``success`` still open), by the campaign's own thresholds.

    Only a product that is there and can be measured is a success; being off target is no failure. Too few particles
    for a size is a fault of the measurement, so the model never learns from it that the recipe does not work. What is
    unknown breaks no threshold, and without a size, where nothing speaks against it, ``success`` stays open.
    """
    if measured.failure_cause is not None or measured.success is False:
        return measured
    cause = _cause(measured, definition)
    if cause is None and measured.size_nm is None:
        return measured
    success = None if cause and cause.kind is not CauseKind.CHEMISTRY else cause is None
    return measured.model_copy(update={"success": success, "failure_cause": cause})


def _cause(measured: Outcome, definition: CampaignDefinition) -> FailureCause | None:
    count, size, spread = measured.particle_count, measured.size_nm, measured.relative_spread
    if count == 0:
        return FailureCause.NOTHING_FORMED
    if size is not None and exceeds(size, largest_colloid_nm(definition.target)):
        return FailureCause.BULK_PRECIPITATE
    if count is not None and count < definition.smallest_particle_count:
        return FailureCause.TOO_FEW_PARTICLES
    if spread is not None and exceeds(spread, definition.largest_relative_spread):
        return FailureCause.TOO_POLYDISPERSE
    return None


def largest_colloid_nm(target: Target) -> float:
    """The mean size in nm above which a sample counts as bulk. No hit does, for a tolerance is less than the size."""
    return max(BULK_NM, BULK_TIMES_TARGET * target.size_nm)


def without_chemistry(cause: FailureCause, evidence: Evidence | None = None) -> Outcome:
    """An outcome that says nothing about the recipe."""
    return Outcome(success=None, failure_cause=cause, evidence=evidence)


def distance_nm(outcome: Outcome, target: Target) -> float:
    """How far the mean size is from the target's, in nm; infinite where there is no size."""
    if not outcome.success or outcome.size_nm is None:
        return float("inf")
    return abs(outcome.size_nm - target.size_nm)

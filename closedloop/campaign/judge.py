"""From measured particles to an outcome: did it work, and if not, whose fault was it."""

from closedloop.campaign.definition import CampaignDefinition
from closedloop.recipes import CauseKind, Evidence, FailureCause, Outcome, Target

# Larger than this no colloid keeps afloat: what the image shows has precipitated.
BULK_NM = 200.0


def judge(measured: Outcome, definition: CampaignDefinition) -> Outcome:
    """The outcome of a sample from what its images say (``success`` still open), by the campaign's own thresholds.

    Only a product that is there and can be measured is a success; being off target is no failure. Too few particles
    for a size is a fault of the measurement, so the model never learns from it that the recipe does not work.
    """
    if measured.failure_cause is not None or measured.success is False:
        return measured
    count, size = measured.particle_count or 0, measured.size_nm
    cause: FailureCause | None = None
    if count == 0 or size is None:
        cause = FailureCause.NOTHING_FORMED
    elif size > BULK_NM:
        cause = FailureCause.BULK_PRECIPITATE
    elif count < definition.smallest_particle_count:
        cause = FailureCause.TOO_FEW_PARTICLES
    elif (measured.relative_spread or 0.0) > definition.largest_relative_spread:
        cause = FailureCause.TOO_POLYDISPERSE
    success = None if cause and cause.kind is not CauseKind.CHEMISTRY else cause is None
    return measured.model_copy(update={"success": success, "failure_cause": cause})


def without_chemistry(cause: FailureCause, evidence: Evidence | None = None) -> Outcome:
    """An outcome that says nothing about the recipe."""
    return Outcome(success=None, failure_cause=cause, evidence=evidence)


def distance_nm(outcome: Outcome, target: Target) -> float:
    """How far the mean size is from the target's, in nm; infinite where there is no size."""
    if not outcome.success or outcome.size_nm is None:
        return float("inf")
    return abs(outcome.size_nm - target.size_nm)

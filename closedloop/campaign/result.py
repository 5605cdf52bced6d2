"""A campaign as it stands, in the form that machines read (`closedloop run --json`)."""

from typing import Any

from closedloop.campaign.campaign import Campaign
from closedloop.recipes import Outcome
from closedloop.store import ExperimentRecord


def experiment_json(record: ExperimentRecord) -> dict[str, Any]:
    """One experiment: sizes in nm, ``None`` where a value is not known."""
    outcome, prediction = record.outcome, record.prediction or {}
    return {
        "id": record.id,
        "status": str(record.state),
        "recipe": record.recipe.model_dump(mode="json"),
        "predicted_size_nm": prediction.get("size_nm"),
        "size_nm": outcome.size_nm if outcome else None,
        "size_std_nm": outcome.size_std_nm if outcome else None,
        "shape": str(outcome.shape) if outcome and outcome.shape else None,
        "success": outcome.success if outcome else None,
        "failure_cause": str(outcome.failure_cause) if outcome and outcome.failure_cause else None,
        "note": record.note,
        "model": record.model_id,
        "prediction": record.prediction,
        "evidence": str(outcome.evidence.method) if outcome and outcome.evidence else None,
        "particle_count": outcome.particle_count if outcome else None,
    }


def size_in_words(outcome: Outcome) -> str | None:
    """As much of the distribution as is known; ``None`` without a size."""
    if outcome.size_nm is None:
        return None
    spread = "" if outcome.size_std_nm is None else f" ± {outcome.size_std_nm:.2f}"
    count = "" if outcome.particle_count is None else f" from {outcome.particle_count} particles"
    return f"{outcome.size_nm:.2f}{spread} nm{count}"


def campaign_json(campaign: Campaign, stopped_because: str) -> dict[str, Any]:
    """The contract of ``closedloop run --json``."""
    best = campaign.best()
    return {
        "campaign": campaign.name,
        "target": campaign.definition.target.model_dump(mode="json"),
        "experiments": [experiment_json(record) for record in campaign.experiments()],
        "best": experiment_json(best) if best else None,
        "hit": bool(campaign.confirmed()),
        "stopped_because": stopped_because,
        "outlook": latest_outlook(campaign),
    }


def latest_outlook(campaign: Campaign) -> dict[str, Any] | None:
    """The chance of a hit over the next experiments and the advice, as they stood when a batch was last chosen."""
    said = [(record.prediction or {}).get("outlook") for record in campaign.experiments()]
    return next((outlook for outlook in reversed(said) if outlook), None)

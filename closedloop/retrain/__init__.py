"""Learning from the lab: a challenger after every few outcomes, a gate before it serves, and a schedule."""

from closedloop.retrain.campaigns import CampaignRetrainer, describe
from closedloop.retrain.errors import RetrainBusy, RetrainError, ServiceRunning
from closedloop.retrain.gate import Check, Tolerance, compare
from closedloop.retrain.holdout import divide, is_held_out, last_runs
from closedloop.retrain.retrainer import Retrainer, RetrainResult
from closedloop.retrain.schedule import add_job, retrain_if_new, serve

__all__ = [
    "CampaignRetrainer",
    "Check",
    "RetrainBusy",
    "RetrainError",
    "RetrainResult",
    "Retrainer",
    "ServiceRunning",
    "Tolerance",
    "add_job",
    "compare",
    "describe",
    "divide",
    "is_held_out",
    "last_runs",
    "retrain_if_new",
    "serve",
]

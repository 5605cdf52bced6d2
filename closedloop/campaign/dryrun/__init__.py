"""Campaigns replayed on published recipes that were held out: what a strategy would have cost."""

from closedloop.campaign.dryrun.errors import (
    DryRunError,
    ExecutorError,
    NoHitInPool,
    NoSuchPool,
    PoolTooSmall,
    StrategyNotInstalled,
    UnknownStrategy,
)
from closedloop.campaign.dryrun.holdout import Literature, literature_without
from closedloop.campaign.dryrun.merits import calibration, median, merits
from closedloop.campaign.dryrun.pool import SETTINGS, Aim, Goal, Pool, Result, View
from closedloop.campaign.dryrun.prior import prior_of
from closedloop.campaign.dryrun.replay import Run, Step, replay
from closedloop.campaign.dryrun.shelf import Shelf
from closedloop.campaign.dryrun.strategies import NAMES, Known, Pick, Prior, Session, Strategy, check_strategies
from closedloop.campaign.dryrun.study import Plan, Study, run_study
from closedloop.synthesis.evaluation.shelf import OutputNotWritable

__all__ = [
    "NAMES",
    "SETTINGS",
    "Aim",
    "DryRunError",
    "ExecutorError",
    "Goal",
    "Known",
    "Literature",
    "NoHitInPool",
    "NoSuchPool",
    "OutputNotWritable",
    "Pick",
    "Plan",
    "Pool",
    "PoolTooSmall",
    "Prior",
    "Result",
    "Run",
    "Session",
    "Shelf",
    "Step",
    "Strategy",
    "StrategyNotInstalled",
    "Study",
    "UnknownStrategy",
    "View",
    "calibration",
    "check_strategies",
    "literature_without",
    "median",
    "merits",
    "prior_of",
    "replay",
    "run_study",
]

"""Campaigns on published recipes that were held out, or in a simulator: what a strategy would have cost."""

from closedloop.campaign.dryrun.blind import Blind, Counted, Surveyed
from closedloop.campaign.dryrun.briefing import definition_for
from closedloop.campaign.dryrun.designers import DESIGNERS, check_designers
from closedloop.campaign.dryrun.errors import (
    DryRunError,
    ExecutorError,
    NoHitInPool,
    NoSuchPool,
    NoSuchSimulator,
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
from closedloop.campaign.dryrun.simulated import SURVEYED, SimulatedTask
from closedloop.campaign.dryrun.strategies import NAMES, Known, Pick, Prior, Session, Strategy, check_strategies
from closedloop.campaign.dryrun.study import Plan, PoolTask, Study, Task, run_all
from closedloop.synthesis.evaluation.shelf import OutputNotWritable

__all__ = [
    "DESIGNERS",
    "NAMES",
    "SETTINGS",
    "SURVEYED",
    "Aim",
    "Blind",
    "Counted",
    "DryRunError",
    "ExecutorError",
    "Goal",
    "Known",
    "Literature",
    "NoHitInPool",
    "NoSuchPool",
    "NoSuchSimulator",
    "OutputNotWritable",
    "Pick",
    "Plan",
    "Pool",
    "PoolTask",
    "PoolTooSmall",
    "Prior",
    "Result",
    "Run",
    "Session",
    "Shelf",
    "SimulatedTask",
    "Step",
    "Strategy",
    "StrategyNotInstalled",
    "Study",
    "Surveyed",
    "Task",
    "UnknownStrategy",
    "View",
    "calibration",
    "check_designers",
    "check_strategies",
    "definition_for",
    "literature_without",
    "median",
    "merits",
    "prior_of",
    "replay",
    "run_all",
]

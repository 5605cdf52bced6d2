"""The bench: what an instrument is, how a recipe becomes a procedure, and a ledger that survives a crash."""

from closedloop.lab.bench import Bench
from closedloop.lab.clock import Clock, ManualClock, RealClock
from closedloop.lab.config import InstrumentConfig, InterlockConfig, LabConfig, Stock, read_lab_file
from closedloop.lab.driver import known_drivers
from closedloop.lab.errors import (
    Blocked,
    InstrumentError,
    LabFileError,
    NoAnswer,
    NoImage,
    OverTemperature,
    ProcedureError,
    Refused,
    WrongVessel,
)
from closedloop.lab.executor import Executor, Progress
from closedloop.lab.instruments import Hotplate, Instrument, LimitedWatchdog, Microscope, Pump, SampleHandler
from closedloop.lab.labs import find_lab, lab_source
from closedloop.lab.ledger import Ledger, LedgerEntry, MemoryLedger
from closedloop.lab.preflight import Check, check_lab
from closedloop.lab.procedure import Dispense, Procedure, compile_recipe, stock_volumes_ml

__all__ = [
    "Bench",
    "Blocked",
    "Check",
    "Clock",
    "Dispense",
    "Executor",
    "Hotplate",
    "Instrument",
    "InstrumentConfig",
    "InstrumentError",
    "InterlockConfig",
    "LabConfig",
    "LabFileError",
    "Ledger",
    "LedgerEntry",
    "LimitedWatchdog",
    "ManualClock",
    "MemoryLedger",
    "Microscope",
    "NoAnswer",
    "NoImage",
    "OverTemperature",
    "Procedure",
    "ProcedureError",
    "Progress",
    "Pump",
    "RealClock",
    "Refused",
    "SampleHandler",
    "Stock",
    "WrongVessel",
    "check_lab",
    "compile_recipe",
    "find_lab",
    "known_drivers",
    "lab_source",
    "read_lab_file",
    "stock_volumes_ml",
]

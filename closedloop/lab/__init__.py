"""The bench: what an instrument is, how a recipe becomes a procedure, and a ledger that survives a crash."""

from closedloop.lab.clock import Clock, ManualClock, RealClock, timestamp
from closedloop.lab.config import InstrumentConfig, InterlockConfig, LabConfig, Stock, read_lab_file
from closedloop.lab.errors import (
    Blocked,
    InstrumentError,
    LabFileError,
    NoAnswer,
    NoImage,
    OverTemperature,
    ProcedureError,
    Refused,
)
from closedloop.lab.instruments import Hotplate, Instrument, Microscope, Pump, SampleHandler
from closedloop.lab.ledger import Ledger, LedgerEntry, MemoryLedger

__all__ = [
    "Blocked",
    "Clock",
    "Hotplate",
    "Instrument",
    "InstrumentConfig",
    "InstrumentError",
    "InterlockConfig",
    "LabConfig",
    "LabFileError",
    "Ledger",
    "LedgerEntry",
    "ManualClock",
    "MemoryLedger",
    "Microscope",
    "NoAnswer",
    "NoImage",
    "OverTemperature",
    "ProcedureError",
    "Pump",
    "RealClock",
    "Refused",
    "SampleHandler",
    "Stock",
    "read_lab_file",
    "timestamp",
]

"""Looks at every instrument of a lab before anything moves: does it answer, is it what the lab file says."""

from dataclasses import dataclass

from closedloop.lab.bench import Bench, named
from closedloop.lab.config import LabConfig
from closedloop.lab.driver import build


@dataclass(frozen=True)
class Check:
    """One instrument: ``detail`` is how it names itself, or what is wrong and what to do."""

    name: str
    ok: bool
    detail: str


def check_lab(config: LabConfig) -> list[Check]:
    """Connects to each instrument in turn and asks who it is; a fault in one does not hide the others'.

    Raises `LabFileError` before any port is opened where the lab file itself is at fault, as a run would.
    """
    instruments = {name: build(name, each.driver, each.options) for name, each in config.instruments.items()}
    Bench(config, instruments)
    checks = []
    for name, instrument in instruments.items():
        try:
            instrument.connect()
            try:
                checks.append(Check(name, True, instrument.identify()))
            finally:
                instrument.close()
        except Exception as error:
            checks.append(Check(name, False, str(named(name, error))))
    return checks

"""``closedloop doctor``: what this machine has, and what to do about what is missing."""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from closedloop.cli.output import STDERR, STDOUT, print_json
from closedloop.cli.settings import StoreOption, store_url
from closedloop.recipes import ClosedloopError

LEAST_FREE_GB = 2.0
_MARKS = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}


@dataclass(frozen=True)
class Finding:
    """``note`` is something that may be absent, ``missing`` something that must not; ``remedy`` says what to do."""

    subject: str
    state: Literal["ok", "note", "missing"]
    detail: str
    remedy: str = ""


def doctor(
    store: StoreOption = None,
    json: Annotated[bool, typer.Option("--json", help="The findings as JSON on standard output.")] = False,
) -> None:
    """Say what this machine has; exit status 1 where something that is needed is missing."""
    url = store_url(store)
    checks: list[Callable[[], Finding | None]] = [
        _python,
        _gpu,
        _ocr,
        _model,
        _instruments,
        _ports,
        lambda: _disk(url),
        lambda: _database(url),
        lambda: _served(url),
    ]
    # What is wrong with the store's address keeps several of them from looking, and is one finding.
    findings = list(dict.fromkeys(found for check in checks if (found := _guarded(check)) is not None))
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            remedy = f" -> {finding.remedy}" if finding.remedy else ""
            STDOUT.print(f"{_MARKS[finding.state]} {finding.subject}: {finding.detail}{remedy}", soft_wrap=True)
    if any(finding.state == "missing" for finding in findings):
        STDERR.print("something that closedloop needs is missing; the lines above say what to do")
        raise typer.Exit(1)


def _guarded(check: Callable[[], Finding | None]) -> Finding | None:
    """A check that fails is itself a finding: the doctor must not fall ill."""
    try:
        return check()
    except ClosedloopError as error:
        return Finding(type(error).__name__, "missing", str(error))
    except (ImportError, OSError, RuntimeError) as error:
        return Finding("installation", "missing", str(error), "install closedloop again in a fresh environment")


def _python() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("Python", "ok", f"{platform.python_version()} on {platform.system()}, {cores} cores")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", "ok", torch.cuda.get_device_name(0))
    if torch.backends.mps.is_available():
        return Finding("GPU", "ok", "Apple MPS")
    return Finding("GPU", "note", "none that PyTorch sees", "none is needed; the processor does the work")


def _ocr() -> Finding:
    from closedloop.tem.ocr import weights_directory

    return Finding("OCR weights", "ok", f"complete and unharmed in {weights_directory()}")


def _model() -> Finding:
    from closedloop.synthesis import SynthesisModel

    model = SynthesisModel.default()
    return Finding("synthesis model", "ok", f"shipped weights load ({model.description})")


def _instruments() -> Finding:
    from closedloop.lab import known_drivers

    names = known_drivers()
    if not names:
        return Finding("drivers", "missing", "none installed", "install closedloop with pip, not by copying its folder")
    return Finding("drivers", "ok", ", ".join(names))


def _ports() -> Finding:
    from serial.tools import list_ports

    ports = [port.device for port in list_ports.comports()]
    if not ports:
        return Finding("serial ports", "note", "none", "connect instruments; the simulated lab needs none")
    closed = [port for port in ports if not os.access(port, os.R_OK | os.W_OK)]
    if closed:
        remedy = "add yourself to the group that owns the port"
        return Finding("serial ports", "missing", f"may not open {', '.join(closed)}", remedy)
    return Finding("serial ports", "ok", ", ".join(ports))


def _disk(url: str) -> Finding:
    from closedloop.store import database_file

    file = database_file(url)
    folder = file.parent if file and file.parent.is_dir() else Path.cwd()
    free = shutil.disk_usage(folder).free / 1e9
    if free < LEAST_FREE_GB:
        remedy = f"free {LEAST_FREE_GB:g} GB or move the store"
        return Finding("disk", "missing", f"{free:.1f} GB free in {folder}", remedy)
    return Finding("disk", "ok", f"{free:.0f} GB free in {folder}")


def _database(url: str) -> Finding:
    from closedloop.store import Store, StoreMissing

    try:
        store = Store.open(url, create=False)
    except StoreMissing:
        return Finding("database", "note", f"{url} does not exist yet", "`closedloop run` makes it")
    count = len(store.experiments())
    return Finding("database", "ok", f"{url}, {count} experiments of {len(store.campaign_names())} campaigns")


def _served(url: str) -> Finding | None:
    from closedloop.campaign import load_champion
    from closedloop.store import Store, StoreMissing

    try:
        store = Store.open(url, create=False)
    except StoreMissing:
        return None
    champion = store.champion()
    if champion is None:
        return Finding("model in service", "ok", "the weights that ship with the package")
    return Finding("model in service", "ok", f"{champion.id} loads ({load_champion(store).description})")

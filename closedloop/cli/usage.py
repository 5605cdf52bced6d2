"""A command line that cannot be taken -> what is wrong with it, in one line."""

import math
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ValidationError

from closedloop.fault_words import in_words


def in_one_line(error: Any) -> str:
    """What is wrong with a command line, in this program's words where Typer has it from pydantic."""
    parameter, cause = getattr(error, "param", None), error.__cause__
    name = getattr(error, "param_hint", None) or (parameter and (parameter.metavar or " / ".join(parameter.opts)))
    if isinstance(cause, ValidationError):
        return f"{name}: {in_words(_as_of_a_number(cause.errors()[0]), 'command', BaseModel).rstrip('.')}"
    said = f"{name}: {error.message}" if name and error.message else error.format_message()
    more = f"; `{error.ctx.command_path} --help` lists what may stand there" if error.ctx else ""
    return f"{said.rstrip('.')}{more}"


def _as_of_a_number(fault: Any) -> dict[str, Any]:
    """A command line holds nothing but text, and what is wrong with a number is to be said of the number."""
    text, kind = str(fault["input"]), fault["type"]
    with suppress(ValueError):
        return fault | {"input": int(text)}
    with suppress(ValueError):
        number = float(text)
        if kind == "int_parsing" and math.isfinite(number):
            return dict(fault) if number.is_integer() else fault | {"input": number, "type": "int_from_float"}
        return fault | {"input": number}
    return dict(fault)

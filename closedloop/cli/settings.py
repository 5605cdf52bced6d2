"""What the environment decides for every command (``CLOSEDLOOP_…``); an option on the command line goes before it."""

from typing import Annotated

import typer
from pydantic_settings import BaseSettings, SettingsConfigDict

# As `closedloop.campaign.campaign` has it, whose import would make every `--help` wait for the store.
DEFAULT_STORE = "sqlite:///closedloop.db"

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help=f"Where everything is kept; left out: $CLOSEDLOOP_STORE, or else {DEFAULT_STORE} in this folder.",
        show_default=False,
    ),
]


class Settings(BaseSettings):
    """``CLOSEDLOOP_STORE``: the address of the store."""

    model_config = SettingsConfigDict(env_prefix="CLOSEDLOOP_", env_ignore_empty=True)
    store: str = DEFAULT_STORE


def store_url(option: str | None) -> str:
    """The address that a command works on."""
    return option if option is not None else Settings().store

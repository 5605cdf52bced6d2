"""The store as everybody else sees it: one object over a database and the folder of files beside it."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Engine

from closedloop.store.database import check_file, make_engine, parse_url, sqlite_file
from closedloop.store.images import ImageShelf
from closedloop.store.model_registry import ModelShelf
from closedloop.store.owner import LabShelf
from closedloop.store.run_ledger import LedgerShelf
from closedloop.store.upgrade import Upgrade, upgrade


def utc_now() -> datetime:
    return datetime.now(UTC)


class Store(ImageShelf, LabShelf, LedgerShelf, ModelShelf):
    """Everything that outlives a process. Threads and processes may share an address; each call is one transaction.

    ``now`` is the lab's clock as an aware datetime: a simulated lab writes simulated times.
    """

    def __init__(self, url: URL, engine: Engine, now: Callable[[], datetime], upgraded: Upgrade) -> None:
        super().__init__(url, engine, now)
        self.upgraded = upgraded

    @classmethod
    def open(cls, url: str, now: Callable[[], datetime] = utc_now, *, create: bool = True) -> Self:
        """Creates the database where there is none (unless told not to), and upgrades an old one after a copy of it.

        Raises a `StoreError` by name, with nothing written: `StoreUrlError`, `StoreMissing`, `StoreFolderMissing`,
        `StoreReadOnly`, `StoreUnreachable`, `NotADatabase`, `NewerSchema`, `StoreLocked`.
        """
        parsed = parse_url(url)
        file = sqlite_file(parsed)
        if file is not None:
            check_file(file, create=create)
        upgraded = upgrade(parsed)
        return cls(parsed, make_engine(parsed), now, upgraded)

    @property
    def url(self) -> str:
        """The address, without its password."""
        return self._url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Closes the connections; the store may be used again, and opens new ones."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

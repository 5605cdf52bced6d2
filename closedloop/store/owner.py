"""Which lab a store belongs to (docs/decisions/0110-one-store-one-lab.md)."""

from sqlmodel import Session, col, select

from closedloop.store.errors import OtherLab
from closedloop.store.shelf import Shelf
from closedloop.store.tables import LabRow


class LabShelf(Shelf):
    """The first lab that makes something has the store for itself."""

    def lab(self) -> str | None:
        """``None`` where no lab that said its name has made anything yet."""
        with self._reading() as session:
            return _owner(session)

    def check_lab(self, name: str) -> None:
        """Raises `OtherLab` where the store belongs to another lab than this; changes nothing."""
        self._check(self.lab(), name)

    def claim(self, name: str) -> None:
        """The store belongs to this lab from now on. Raises `OtherLab` where it is another's."""
        with self._writing(LabRow) as session:
            owner = _owner(session)
            self._check(owner, name)
            if owner is None:
                session.add(LabRow(name=name, at=self._now()))

    def _check(self, owner: str | None, name: str) -> None:
        if owner is not None and owner != name:
            where = self._url.render_as_string(hide_password=True)
            raise OtherLab(
                f"{where} holds what the lab {owner!r} made, and this is the lab {name!r}, where the same recipe may "
                "give another size; give this lab a store of its own (--store), or its old name back, if it is that lab"
            )


def _owner(session: Session) -> str | None:
    return session.exec(select(LabRow.name).order_by(col(LabRow.id)).limit(1)).first()

"""Campaigns by name, the revisions of what they say, and their learning curves."""

import re
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, select

from closedloop.store.errors import CampaignNameError, UnknownCampaign
from closedloop.store.records import CampaignRecord, Score
from closedloop.store.shelf import Shelf
from closedloop.store.tables import CampaignRevisionRow, CampaignRow, ScoreRow

CAMPAIGN_NAME = re.compile(r"\w(?:[\w .-]{0,98}[\w-])?")


class CampaignShelf(Shelf):
    """The part of the store that knows what was asked for."""

    def save_campaign(self, name: str, definition: str, digest: str) -> None:
        """A definition whose digest differs from the last one's is the next revision; an equal one is not kept twice.

        Raises `CampaignNameError` for a name that could not be part of a file name.
        """
        if not CAMPAIGN_NAME.fullmatch(name):
            raise CampaignNameError(
                f"{name!r} cannot name a campaign; use letters, digits, spaces, points, hyphens and underscores "
                "(100 at most), beginning with a letter or digit and not ending with a point or space"
            )
        with self._writing(CampaignRow) as session:
            if session.get(CampaignRow, name) is None:
                session.add(CampaignRow(name=name, created_at=self._now()))
                session.flush()
            last = _last_revision(session, name)
            if last is None or last.digest != digest:
                session.add(
                    CampaignRevisionRow(
                        campaign=name,
                        revision=last.revision + 1 if last else 1,
                        definition=definition,
                        digest=digest,
                        created_at=self._now(),
                    )
                )

    def campaign_names(self) -> list[str]:
        """In the order that they were first saved."""
        with self._reading() as session:
            order = select(CampaignRow.name).order_by(col(CampaignRow.created_at), col(CampaignRow.name))
            return list(session.exec(order))

    def campaign(self, name: str) -> CampaignRecord:
        """The latest revision. Raises `UnknownCampaign`."""
        return self.campaign_revisions(name)[-1]

    def campaign_revisions(self, name: str) -> list[CampaignRecord]:
        """All revisions, the first first. Raises `UnknownCampaign`."""
        with self._reading() as session:
            query = (
                select(CampaignRevisionRow)
                .where(col(CampaignRevisionRow.campaign) == name)
                .order_by(col(CampaignRevisionRow.revision))
            )
            rows = session.exec(query).all()
            if not rows:
                raise unknown_campaign(session, name)
            return [
                CampaignRecord(
                    name=name, revision=row.revision, definition=row.definition, digest=row.digest, at=row.created_at
                )
                for row in rows
            ]

    def add_score(self, campaign: str, model_id: str | None, metrics: Mapping[str, Any]) -> None:
        """A point of the campaign's learning curve. Raises `UnknownCampaign`."""
        with self._writing(ScoreRow) as session:
            if session.get(CampaignRow, campaign) is None:
                raise unknown_campaign(session, campaign)
            session.add(ScoreRow(campaign=campaign, model_id=model_id, metrics=dict(metrics), at=self._now()))

    def scores(self, campaign: str) -> list[Score]:
        """In the order that they were added."""
        with self._reading() as session:
            query = select(ScoreRow).where(col(ScoreRow.campaign) == campaign).order_by(col(ScoreRow.id))
            return [
                Score(campaign=row.campaign, model_id=row.model_id, metrics=row.metrics, at=row.at)
                for row in session.exec(query)
            ]


def _last_revision(session: Session, name: str) -> CampaignRevisionRow | None:
    query = select(CampaignRevisionRow).where(col(CampaignRevisionRow.campaign) == name)
    return session.exec(query.order_by(col(CampaignRevisionRow.revision).desc()).limit(1)).first()


def unknown_campaign(session: Session, name: str) -> UnknownCampaign:
    known = ", ".join(session.exec(select(CampaignRow.name).order_by(col(CampaignRow.name)))) or "none yet"
    return UnknownCampaign(f"no campaign {name!r} in this store (known: {known}); save it before its experiments")

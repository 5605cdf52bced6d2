"""The tables. Every one of them is only ever appended to: what holds now is a query over what was said when.

Whoever changes a table adds a migration beside it; a test compares the two.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

# Constraints need names, or a later migration could not drop them.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC: SQLite has no time zones, and a naive time would be read as a local one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the store keeps aware times")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Row(SQLModel):
    """Base of the tables, with metadata of their own: another package's SQLModel tables stay out of the store."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING_CONVENTION)


def _moment() -> Any:
    return Field(sa_type=UtcDateTime)


def _json() -> Any:
    return Field(sa_type=JSON)


def _text() -> Any:
    return Field(default="", sa_type=Text)


class LabRow(Row, table=True):
    """The lab that the store belongs to: the first row; there is none before a lab that said its name made anything."""

    __tablename__ = "lab"
    id: int | None = Field(default=None, primary_key=True)
    name: str
    at: datetime = _moment()


class CampaignRow(Row, table=True):
    """A campaign by name; what it says is in its revisions."""

    __tablename__ = "campaign"
    name: str = Field(primary_key=True, max_length=100)
    created_at: datetime = _moment()


class CampaignRevisionRow(Row, table=True):
    """A definition as it was saved; a changed one is the next revision."""

    __tablename__ = "campaign_revision"
    campaign: str = Field(primary_key=True, foreign_key="campaign.name")
    revision: int = Field(primary_key=True)
    definition: str = Field(sa_type=Text)
    digest: str
    created_at: datetime = _moment()


class ExperimentRow(Row, table=True):
    """A recipe that was proposed; ``sequence`` is the order over all campaigns, ``number`` that within one."""

    __tablename__ = "experiment"
    __table_args__ = (UniqueConstraint("campaign", "number"),)
    sequence: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True, max_length=120)
    campaign: str = Field(foreign_key="campaign.name")
    number: int
    product: str = Field(index=True)
    recipe: dict[str, Any] = _json()
    prediction: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    model_id: str | None = Field(default=None, index=True)
    reason: str = _text()
    batch: int | None = None
    created_at: datetime = _moment()


class TransitionRow(Row, table=True):
    """A change of state; the one of the highest position is where the experiment stands."""

    __tablename__ = "transition"
    experiment: str = Field(primary_key=True, foreign_key="experiment.id")
    position: int = Field(primary_key=True)
    state: str = Field(index=True)
    note: str = _text()
    at: datetime = _moment()


class OutcomeRow(Row, table=True):
    """An outcome as it was learned; the scalars repeat what ``outcome`` says, for whoever asks in SQL."""

    __tablename__ = "outcome"
    id: int | None = Field(default=None, primary_key=True)
    experiment: str = Field(foreign_key="experiment.id", index=True)
    outcome: dict[str, Any] = _json()
    method: str | None = None
    success: bool | None = None
    failure_cause: str | None = None
    size_nm: float | None = Field(default=None, index=True)
    added_at: datetime = _moment()


class IntentRow(Row, table=True):
    """A physical step, written before the instrument was told."""

    __tablename__ = "ledger_intent"
    experiment: str = Field(primary_key=True, foreign_key="experiment.id")
    position: int = Field(primary_key=True)
    step: str = Field(sa_type=Text)
    before: str = Field(sa_type=Text)
    at: datetime = _moment()


class ConfirmationRow(Row, table=True):
    """The same step, written once the instrument had confirmed it."""

    __tablename__ = "ledger_confirmation"
    __table_args__ = (
        ForeignKeyConstraint(["experiment", "position"], ["ledger_intent.experiment", "ledger_intent.position"]),
    )
    experiment: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    after: str = Field(sa_type=Text)
    at: datetime = _moment()


class ImageRow(Row, table=True):
    """An image of an experiment; ``path`` is relative to the folder of artefacts."""

    __tablename__ = "image"
    __table_args__ = (UniqueConstraint("experiment", "sha256"),)
    id: int | None = Field(default=None, primary_key=True)
    experiment: str = Field(foreign_key="experiment.id")
    sha256: str = Field(max_length=64)
    path: str
    original: str
    added_at: datetime = _moment()


class ImageScaleRow(Row, table=True):
    """What a person said of an image's pixels; the last row holds, and one without a number withdraws those before."""

    __tablename__ = "image_scale"
    id: int | None = Field(default=None, primary_key=True)
    image: int = Field(foreign_key="image.id", index=True)
    nm_per_px: float | None = None
    at: datetime = _moment()


class ImageWithdrawalRow(Row, table=True):
    """Why a person took an image away from its experiment; the last row holds, one without a reason brings it back."""

    __tablename__ = "image_withdrawal"
    id: int | None = Field(default=None, primary_key=True)
    image: int = Field(foreign_key="image.id", index=True)
    why: str | None = Field(default=None, sa_type=Text)
    at: datetime = _moment()


class CorrectionRow(Row, table=True):
    """An image's particles as a person corrected them; ``path`` is a label image, the latest row holds."""

    __tablename__ = "correction"
    id: int | None = Field(default=None, primary_key=True)
    image: int = Field(foreign_key="image.id", index=True)
    sha256: str = Field(max_length=64)
    path: str
    changes: dict[str, int] = _json()
    added_at: datetime = _moment()


class ModelRow(Row, table=True):
    """A trained model; paths are relative to the folder of artefacts, ``twin_saw`` is experiment ids (see `Twin`)."""

    __tablename__ = "model"
    number: int | None = Field(default=None, primary_key=True)
    parent: int | None = Field(default=None, foreign_key="model.number")
    path: str
    sha256: str = Field(max_length=64)
    data_digest: str
    metrics: dict[str, Any] = _json()
    note: str = _text()
    created_at: datetime = _moment()
    twin_path: str | None = None
    twin_sha256: str | None = Field(default=None, max_length=64)
    twin_saw: list[str] | None = Field(default=None, sa_type=JSON(none_as_null=True))


class PromotionRow(Row, table=True):
    """A change of champion; without a model, the weights that ship with the package serve again."""

    __tablename__ = "promotion"
    __table_args__ = (CheckConstraint("rollback OR model IS NOT NULL", name="promotes_something"),)
    id: int | None = Field(default=None, primary_key=True)
    model: int | None = Field(default=None, foreign_key="model.number")
    rollback: bool
    reason: str = _text()
    at: datetime = _moment()


class RetrainingRow(Row, table=True):
    """An attempt to train a challenger; ``last_outcome`` is the newest outcome that it could have learned from."""

    __tablename__ = "retraining"
    id: int | None = Field(default=None, primary_key=True)
    model: int | None = Field(default=None, foreign_key="model.number")
    promoted: bool
    reason: str = _text()
    last_outcome: int
    at: datetime = _moment()


class ScoreRow(Row, table=True):
    """A point of a campaign's learning curve."""

    __tablename__ = "score"
    id: int | None = Field(default=None, primary_key=True)
    campaign: str = Field(foreign_key="campaign.name", index=True)
    model_id: str | None = None
    metrics: dict[str, Any] = _json()
    at: datetime = _moment()

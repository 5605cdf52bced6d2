"""Twins of models, for the gate."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("model", schema=None) as batch_op:
        batch_op.add_column(sa.Column("twin_path", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("twin_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("twin_saw", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("model", schema=None) as batch_op:
        batch_op.drop_column("twin_saw")
        batch_op.drop_column("twin_sha256")
        batch_op.drop_column("twin_path")

"""An image may be taken away from an experiment, and brought again: the last row holds."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_withdrawal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name=op.f("fk_image_withdrawal_image_image")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_withdrawal")),
    )
    op.create_index(op.f("ix_image_withdrawal_image"), "image_withdrawal", ["image"])


def downgrade() -> None:
    op.drop_index(op.f("ix_image_withdrawal_image"), table_name="image_withdrawal")
    op.drop_table("image_withdrawal")

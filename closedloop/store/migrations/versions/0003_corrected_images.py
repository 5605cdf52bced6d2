"""Scales that a person stated, and particles that a person corrected."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_scale",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image", sa.Integer(), nullable=False),
        sa.Column("nm_per_px", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name=op.f("fk_image_scale_image_image")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_scale")),
    )
    op.create_index(op.f("ix_image_scale_image"), "image_scale", ["image"])
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name=op.f("fk_correction_image_image")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index(op.f("ix_correction_image"), "correction", ["image"])


def downgrade() -> None:
    op.drop_index(op.f("ix_correction_image"), table_name="correction")
    op.drop_table("correction")
    op.drop_index(op.f("ix_image_scale_image"), table_name="image_scale")
    op.drop_table("image_scale")

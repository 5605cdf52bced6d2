"""A stated scale may be withdrawn: a row without a number."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("image_scale", schema=None) as batch_op:
        batch_op.alter_column("nm_per_px", existing_type=sa.Float(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM image_scale WHERE nm_per_px IS NULL")
    with op.batch_alter_table("image_scale", schema=None) as batch_op:
        batch_op.alter_column("nm_per_px", existing_type=sa.Float(), nullable=False)

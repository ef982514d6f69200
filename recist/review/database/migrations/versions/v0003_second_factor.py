"""A second factor of an account, and the newest code that was used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    account = sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True)
    op.create_table(
        "second_factors",
        account,
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
    )
    op.create_table(
        "used_codes",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("step", sa.Integer(), nullable=False),
    )

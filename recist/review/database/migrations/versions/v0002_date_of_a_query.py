"""A query to the site may be about one date; the audit is looked up by subject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    date = sa.Column("date", sa.String(length=10), nullable=False, server_default="")
    op.add_column("queries", date)
    op.create_index("ix_audit_subject", "audit", ["subject"])

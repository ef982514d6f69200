"""Triggers that refuse to change or delete a row, for SQLite and PostgreSQL."""

from __future__ import annotations

from alembic import op

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION recist_keeps_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME; END $$
"""


def keep_rows(*tables: str) -> None:
    """Let the database refuse to change or delete rows of these tables."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_FUNCTION)
        for table in tables:
            op.execute(
                f"CREATE TRIGGER {table}_keep BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION recist_keeps_rows()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_keep_all BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION recist_keeps_rows()"
            )
        return
    for table in tables:
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_keep_{what.lower()} BEFORE {what} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed or deleted'); END"
            )

"""Counts every change of seats, members, offices and the map, so that they can stay in memory."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = ("constituency", "membership", "member", "post", "map_tile", "map_layout")
CHANGES = ("INSERT", "UPDATE", "DELETE")
COUNT = "UPDATE parliament_version SET version = version + 1"
FUNCTION = f"""
CREATE FUNCTION count_parliament_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {COUNT};
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "parliament_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_parliament_version_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parliament_version")),
    )
    op.execute("INSERT INTO parliament_version (id, version) VALUES (1, 1)")
    if op.get_bind().dialect.name == "sqlite":
        for table, change in _triggers():
            op.execute(
                f"CREATE TRIGGER {_name(table, change)} AFTER {change} ON {table} "
                f"BEGIN {COUNT}; END"
            )
        return
    op.execute(FUNCTION)
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_counts AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE "
            f"ON {table} EXECUTE FUNCTION count_parliament_version()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, change in _triggers():
            op.execute(f"DROP TRIGGER {_name(table, change)}")
    else:
        for table in TABLES:
            op.execute(f"DROP TRIGGER {table}_counts ON {table}")
        op.execute("DROP FUNCTION count_parliament_version()")
    op.drop_table("parliament_version")


def _triggers() -> list[tuple[str, str]]:
    return [(table, change) for table in TABLES for change in CHANGES]


def _name(table: str, change: str) -> str:
    return f"{table}_counts_{change.lower()}"

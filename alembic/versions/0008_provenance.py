"""Adds where a signature was given, if not on our pages."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In words that both databases have: a constraint added by itself would make SQLite copy all
    # signatures into a new table.
    op.execute(
        "ALTER TABLE signature ADD COLUMN provenance VARCHAR "
        "CONSTRAINT ck_signature_provenance CHECK (length(provenance) BETWEEN 1 AND 200)"
    )


def downgrade() -> None:
    # 0016 copies the table on SQLite, and the constraint is not the column's own after that.
    with _consents_aside(), op.batch_alter_table("signature") as batch:
        batch.drop_constraint(op.f("ck_signature_provenance"), type_="check")
        batch.drop_column("provenance")


@contextmanager
def _consents_aside() -> Iterator[None]:
    """Moves consents away while SQLite copies the signatures, which they refer to."""
    if op.get_bind().dialect.name != "sqlite":
        yield
        return
    op.execute("CREATE TABLE consents_aside AS SELECT * FROM consent")
    op.execute("DELETE FROM consent")
    yield
    op.execute("INSERT INTO consent SELECT * FROM consents_aside")
    op.execute("DROP TABLE consents_aside")

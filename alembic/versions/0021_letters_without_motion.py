"""Allows letters of campaigns without a motion, and two things that such letters ask.

On the way down they go: letters, their counts and the kinds that organisers wrote for them. What
MPs replied to them stays, without the letter. SQLite copies the letters both ways.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OLD_ACTS = ("ask", "thank", "minister", "another_way")
NEW_ACTS = ("write_to_minister", "raise_in_government")
# By table. That of `letter` was named before its column was.
ACT_CHECKS = {"letter": "ck_letter_variant", "letter_variant": "ck_letter_variant_act"}
# The rows of the first two belong to one letter each, those of the others may name one.
OWN_ROWS = ("letter_answer", "letter_sketch")
NAMING_ROWS = ("consent", "member_reply")
MOVED_AWAY = (
    *("CREATE TABLE answers_aside AS SELECT * FROM letter_answer", "DELETE FROM letter_answer"),
    *("CREATE TABLE sketches_aside AS SELECT * FROM letter_sketch", "DELETE FROM letter_sketch"),
    "CREATE TABLE consents_aside AS SELECT id, letter_id FROM consent WHERE letter_id IS NOT NULL",
    "UPDATE consent SET letter_id = NULL WHERE letter_id IS NOT NULL",
    "CREATE TABLE replies_aside AS "
    "SELECT id, letter_id FROM member_reply WHERE letter_id IS NOT NULL",
    "UPDATE member_reply SET letter_id = NULL WHERE letter_id IS NOT NULL",
)
MOVED_BACK = (
    *("INSERT INTO letter_answer SELECT * FROM answers_aside", "DROP TABLE answers_aside"),
    *("INSERT INTO letter_sketch SELECT * FROM sketches_aside", "DROP TABLE sketches_aside"),
    "UPDATE consent SET letter_id = aside.letter_id FROM consents_aside AS aside "
    "WHERE aside.id = consent.id",
    "DROP TABLE consents_aside",
    "UPDATE member_reply SET letter_id = aside.letter_id FROM replies_aside AS aside "
    "WHERE aside.id = member_reply.id",
    "DROP TABLE replies_aside",
)
KEY_CHECK = "motion_key = COALESCE(motion_id, 0)"


def upgrade() -> None:
    _change_kinds((*OLD_ACTS, *NEW_ACTS))
    with _letters_free(), op.batch_alter_table("letter") as batch:
        batch.alter_column("motion_id", existing_type=sa.Integer(), nullable=True)
        _change_acts(batch, "letter", (*OLD_ACTS, *NEW_ACTS))
    is_without = sa.text("motion_id IS NULL")
    op.create_index(
        "uq_letter_without_motion",
        "letter",
        ["supporter_id", "member_id", "campaign_id"],
        unique=True,
        sqlite_where=is_without,
        postgresql_where=is_without,
    )
    _add_key()


def downgrade() -> None:
    _delete_letters()
    op.drop_index("uq_letter_without_motion", "letter")
    with _letters_free(), op.batch_alter_table("letter") as batch:
        batch.alter_column("motion_id", existing_type=sa.Integer(), nullable=False)
        _change_acts(batch, "letter", OLD_ACTS)
    _change_kinds(OLD_ACTS)
    _drop_key()


def _change_kinds(acts: Sequence[str]) -> None:
    with op.batch_alter_table("letter_variant") as batch:
        _change_acts(batch, "letter_variant", acts)


def _change_acts(batch: BatchOperations, table: str, acts: Sequence[str]) -> None:
    name = ACT_CHECKS[table]
    batch.drop_constraint(op.f(name), type_="check")
    listed = ", ".join(f"'{act}'" for act in acts)
    batch.create_check_constraint(op.f(name), f"act IN ({listed})")


def _add_key() -> None:
    op.add_column("letter_tally", sa.Column("motion_key", sa.Integer(), nullable=True))
    op.execute("UPDATE letter_tally SET motion_key = motion_id")
    with op.batch_alter_table("letter_tally") as batch:
        batch.drop_constraint("pk_letter_tally", type_="primary")
        batch.alter_column("motion_key", existing_type=sa.Integer(), nullable=False)
        batch.alter_column("motion_id", existing_type=sa.Integer(), nullable=True)
        batch.create_primary_key(
            "pk_letter_tally", ["campaign_id", "motion_key", "constituency_code"]
        )
        batch.create_check_constraint(op.f("ck_letter_tally_motion_key"), KEY_CHECK)


def _drop_key() -> None:
    with op.batch_alter_table("letter_tally") as batch:
        batch.drop_constraint(op.f("ck_letter_tally_motion_key"), type_="check")
        batch.drop_constraint("pk_letter_tally", type_="primary")
        batch.alter_column("motion_id", existing_type=sa.Integer(), nullable=False)
        batch.create_primary_key(
            "pk_letter_tally", ["campaign_id", "motion_id", "constituency_code"]
        )
        batch.drop_column("motion_key")


def _delete_letters() -> None:
    """Deletes what the older program has no place for."""
    letter = sa.table("letter", sa.column("id"), sa.column("motion_id"))
    chosen = sa.select(letter.c.id).where(letter.c.motion_id.is_(None))
    for name in OWN_ROWS:
        row = sa.table(name, sa.column("letter_id"))
        op.execute(sa.delete(row).where(row.c.letter_id.in_(chosen)))
    for name in NAMING_ROWS:
        row = sa.table(name, sa.column("letter_id"))
        op.execute(sa.update(row).where(row.c.letter_id.in_(chosen)).values(letter_id=None))
    message = sa.table("outbox_message", sa.column("kind"), sa.column("subject_id"))
    is_letter = (message.c.kind == "letter", message.c.subject_id.in_(chosen))
    op.execute(sa.delete(message).where(*is_letter))
    op.execute(sa.delete(letter).where(letter.c.motion_id.is_(None)))
    op.execute("DELETE FROM letter_tally WHERE motion_id IS NULL")
    _count_hours_again()
    kind = sa.table("letter_variant", sa.column("act"))
    op.execute(sa.delete(kind).where(kind.c.act.in_(NEW_ACTS)))


def _count_hours_again() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    hour = (
        "strftime('%Y-%m-%d %H:00:00.000000', sent_at)"
        if is_sqlite
        else "date_trunc('hour', sent_at, 'UTC')"
    )
    op.execute("DELETE FROM letter_hour")
    op.execute(
        "INSERT INTO letter_hour (campaign_id, hour, sent) "  # noqa: S608 - two fixed texts
        f"SELECT campaign_id, {hour}, count(*) FROM letter "
        f"WHERE state = 'sent' AND sent_at IS NOT NULL GROUP BY campaign_id, {hour}"
    )


@contextmanager
def _letters_free() -> Iterator[None]:
    """Moves what refers to letters out of the way while SQLite copies them, and back."""
    if op.get_bind().dialect.name != "sqlite":
        yield
        return
    for statement in MOVED_AWAY:
        op.execute(statement)
    yield
    for statement in MOVED_BACK:
        op.execute(statement)

"""Adds submissions and refusals; only one standing signature a person and petition is unique.

SQLite copies the tables of signatures and consents: this takes a minute or so for a million rows.
Signatures that wait for confirmation become submissions afterwards, by a job of the worker, since
a migration has no key.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SIGNATURE, OUTBOX = "signature", "outbox_message"
ONE_SUBJECT = (
    "(kind = 'signature' AND petition_id IS NOT NULL AND campaign_id IS NULL) OR "
    "(kind = 'letter' AND campaign_id IS NOT NULL AND petition_id IS NULL)"
)
REFUSED_DAYS = 90


def upgrade() -> None:
    _create_submission()
    _create_refusal()
    with _consents_aside(), op.batch_alter_table(SIGNATURE) as batch:
        batch.drop_constraint("uq_signature_petition_id_supporter_id", type_="unique")
        batch.add_column(
            sa.Column("confirmed_by_signer", sa.Boolean(), server_default=sa.true(), nullable=False)
        )
    _partial_index(
        "uq_signature_confirmed",
        SIGNATURE,
        ["petition_id", "supporter_id"],
        "state = 'confirmed'",
        unique=True,
    )
    imported = "provenance IS NOT NULL AND state = 'confirmed'"
    op.execute(f"UPDATE signature SET confirmed_by_signer = false WHERE {imported}")  # noqa: S608 - a fixed text
    op.add_column(OUTBOX, sa.Column("mailbox_index", sa.LargeBinary(), nullable=True))
    op.add_column(OUTBOX, sa.Column("sender_index", sa.LargeBinary(), nullable=True))
    op.drop_index("ix_outbox_message_recipient_index_created_at", OUTBOX)
    op.create_index(
        "ix_outbox_message_mailbox_index_created_at", OUTBOX, ["mailbox_index", "created_at"]
    )
    _keep_refusals()


def downgrade() -> None:
    _require_no_submissions()
    op.drop_index("ix_outbox_message_mailbox_index_created_at", OUTBOX)
    op.create_index(
        "ix_outbox_message_recipient_index_created_at", OUTBOX, ["recipient_index", "created_at"]
    )
    op.drop_column(OUTBOX, "sender_index")
    op.drop_column(OUTBOX, "mailbox_index")
    _keep_one_signature_each()
    op.drop_index("uq_signature_confirmed", SIGNATURE)
    with _consents_aside(), op.batch_alter_table(SIGNATURE) as batch:
        batch.drop_column("confirmed_by_signer")
        batch.create_unique_constraint(
            "uq_signature_petition_id_supporter_id", ["petition_id", "supporter_id"]
        )
    op.drop_table("refusal")
    op.drop_table("submission")


def _create_submission() -> None:
    op.create_table(
        "submission",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", _choice("kind", "signature", "letter"), nullable=False),
        sa.Column("petition_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("constituency_code", sa.String(length=9), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sender_index", sa.LargeBinary(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("state", _choice("state", "new", "waiting", "asked"), nullable=False),
        sa.Column("address_index", sa.LargeBinary(), nullable=True),
        sa.Column("mailbox_index", sa.LargeBinary(), nullable=True),
        sa.Column("place_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(ONE_SUBJECT, name=op.f("ck_submission_subject")),
        sa.CheckConstraint(
            "(state = 'waiting') = (due_at IS NOT NULL)", name=op.f("ck_submission_due_at")
        ),
        sa.CheckConstraint(
            "state = 'waiting' OR (mailbox_index IS NULL AND place_id IS NULL)",
            name=op.f("ck_submission_waiting"),
        ),
        sa.CheckConstraint(
            "state <> 'new' OR address_index IS NULL", name=op.f("ck_submission_address_index")
        ),
        sa.ForeignKeyConstraint(
            ["petition_id"], ["petition.id"], name="fk_submission_petition_id_petition"
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_submission_campaign_id_campaign"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_submission"),
        postgresql_with={"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    _partial_index("ix_submission_new", "submission", ["id"], "state = 'new'")
    _partial_index("ix_submission_due", "submission", ["due_at"], "state = 'waiting'")
    _partial_index(
        "ix_submission_mailbox_index", "submission", ["mailbox_index"], "state = 'waiting'"
    )
    _partial_index(
        "ix_submission_address_index",
        "submission",
        ["address_index"],
        "address_index IS NOT NULL",
    )
    _partial_index(
        "ix_submission_petition_id_id", "submission", ["petition_id", "id"], "state <> 'new'"
    )


def _create_refusal() -> None:
    op.create_table(
        "refusal",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "address_index", name="pk_refusal"),
    )
    op.create_index("ix_refusal_refused_at", "refusal", ["refused_at"])


def _keep_refusals() -> None:
    """Turns what was disowned lately into refusals: nobody is asked again about these petitions."""
    is_recent = f"signature.ended_at > now() - interval '{REFUSED_DAYS} days'"
    if op.get_bind().dialect.name == "sqlite":
        is_recent = f"signature.ended_at > datetime('now', '-{REFUSED_DAYS} days')"
    insert = (
        "INSERT INTO refusal (subject_id, address_index, refused_at) "
        "SELECT signature.petition_id, supporter.email_index, signature.ended_at "
        "FROM signature JOIN supporter ON supporter.id = signature.supporter_id "
        "WHERE signature.state = 'rejected' AND "
    )
    op.execute(insert + is_recent)


def _require_no_submissions() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        op.execute("LOCK TABLE submission IN ACCESS EXCLUSIVE MODE")
    count = connection.execute(sa.text("SELECT count(*) FROM submission")).scalar_one()
    if count:
        raise RuntimeError(
            f"Submissions that are left in the database: {count}. The older program cannot read "
            "them. Stop all servers and workers, and run `lobby migrate` with the secret key: it "
            "turns them into unconfirmed signatures and letters. Those that the key does not open "
            "stay until they are 14 days old.",
        )


def _keep_one_signature_each() -> None:
    """Of a person's signatures under a petition, keeps the standing or else the newest one."""
    doomed = (
        "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY petition_id, supporter_id "
        "ORDER BY CASE WHEN state = 'confirmed' THEN 0 ELSE 1 END, id DESC) AS place "
        "FROM signature) AS ranked WHERE place > 1"
    )
    op.execute(f"UPDATE consent SET signature_id = NULL WHERE signature_id IN ({doomed})")  # noqa: S608 - a fixed text
    op.execute(f"DELETE FROM signature WHERE id IN ({doomed})")  # noqa: S608 - a fixed text


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _partial_index(
    name: str, table: str, columns: list[str], condition: str, *, unique: bool = False
) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)


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

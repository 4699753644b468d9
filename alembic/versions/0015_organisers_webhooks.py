"""Adds webhook endpoints of organisers, and emails to organisers when an endpoint stops."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLE = "webhook_endpoint"
ONE_ANSWERS = "(api_key_id IS NULL) <> (organiser_id IS NULL)"
OLD_MESSAGES = (
    "confirm_signature",
    "already_signed",
    "confirm_letter",
    "letter",
    "letter_held",
    "seat_filled",
    "letter_receipt",
    "letter_bounced",
    "letter_question",
)
NEW_MESSAGES = ("webhook_stopped", "webhook_failing")


def upgrade() -> None:
    with _deliveries_aside(), op.batch_alter_table(TABLE) as batch:
        batch.alter_column("api_key_id", existing_type=sa.Uuid(), nullable=True)
        batch.add_column(sa.Column("organiser_id", sa.Uuid(), nullable=True))
        batch.create_foreign_key(
            "fk_webhook_endpoint_organiser_id_organiser", "organiser", ["organiser_id"], ["id"]
        )
        batch.create_check_constraint(op.f("ck_webhook_endpoint_one_answers"), ONE_ANSWERS)
    op.create_index("ix_webhook_endpoint_organiser_id", TABLE, ["organiser_id"])
    _change_kinds((*OLD_MESSAGES, *NEW_MESSAGES))


def downgrade() -> None:
    # What the older program does not know cannot be kept.
    listed = ", ".join(f"'{kind}'" for kind in NEW_MESSAGES)
    op.execute(f"DELETE FROM outbox_message WHERE kind IN ({listed})")  # noqa: S608 - a fixed text
    _change_kinds(OLD_MESSAGES)
    op.execute(
        "DELETE FROM webhook_delivery WHERE endpoint_id IN "
        "(SELECT id FROM webhook_endpoint WHERE api_key_id IS NULL)"
    )
    op.execute("DELETE FROM webhook_endpoint WHERE api_key_id IS NULL")
    op.drop_index("ix_webhook_endpoint_organiser_id", TABLE)
    with _deliveries_aside(), op.batch_alter_table(TABLE) as batch:
        batch.drop_constraint(op.f("ck_webhook_endpoint_one_answers"), type_="check")
        batch.drop_constraint("fk_webhook_endpoint_organiser_id_organiser", type_="foreignkey")
        batch.drop_column("organiser_id")
        batch.alter_column("api_key_id", existing_type=sa.Uuid(), nullable=False)


@contextmanager
def _deliveries_aside() -> Iterator[None]:
    """Moves deliveries away while SQLite copies the endpoints, which they refer to."""
    if op.get_bind().dialect.name != "sqlite":
        yield
        return
    op.execute("CREATE TABLE deliveries_aside AS SELECT * FROM webhook_delivery")
    op.execute("DELETE FROM webhook_delivery")
    yield
    op.execute("INSERT INTO webhook_delivery SELECT * FROM deliveries_aside")
    op.execute("DROP TABLE deliveries_aside")


def _change_kinds(kinds: Sequence[str]) -> None:
    with op.batch_alter_table("outbox_message") as batch:
        batch.drop_constraint(op.f("ck_outbox_message_kind"), type_="check")
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        batch.create_check_constraint(op.f("ck_outbox_message_kind"), f"kind IN ({listed})")

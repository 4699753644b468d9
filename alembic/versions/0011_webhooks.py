"""Adds webhook endpoints and deliveries, and when a petition reached its goal."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

EVENTS = (
    "signature.confirmed",
    "signature.withdrawn",
    "letter.sent",
    "letter.answered",
    "motion.signed",
    "motion.withdrawn",
    "motion.lapsed",
    "petition.goal_reached",
    "webhook.test",
)
STATES = ("queued", "claimed", "delivered", "failed", "held")
REASONS = ("gone", "failing", "key_ended", "by_hand")
WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("petition", sa.Column("goal_reached_at", WHEN, nullable=True))
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("petition_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("is_personal", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("former_secret", sa.LargeBinary(), nullable=True),
        sa.Column("former_until", WHEN, nullable=True),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("updated_at", WHEN, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", WHEN, nullable=True),
        sa.Column("resting_until", WHEN, nullable=True),
        sa.Column("disabled_at", WHEN, nullable=True),
        sa.Column("disabled_reason", choice(REASONS, "disabled_reason"), nullable=True),
        sa.CheckConstraint(
            "campaign_id IS NULL OR petition_id IS NULL",
            name=op.f("ck_webhook_endpoint_one_filter"),
        ),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_reason IS NULL)",
            name=op.f("ck_webhook_endpoint_disabled"),
        ),
        sa.CheckConstraint(
            "(former_secret IS NULL) = (former_until IS NULL)",
            name=op.f("ck_webhook_endpoint_former"),
        ),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_webhook_endpoint_failures")),
        *(refers("webhook_endpoint", each) for each in ("organisation", "api_key")),
        *(refers("webhook_endpoint", each) for each in ("campaign", "petition")),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoint"),
    )
    for name in ("organisation_id", "api_key_id"):
        op.create_index(f"ix_webhook_endpoint_{name}", "webhook_endpoint", [name])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event", choice(EVENTS, "event", length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("state", choice(STATES, "state"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("due_at", WHEN, nullable=False),
        sa.Column("claimed_at", WHEN, nullable=True),
        sa.Column("finished_at", WHEN, nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoint.id"],
            name="fk_webhook_delivery_endpoint_id_webhook_endpoint",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
    )
    for columns in (["state", "endpoint_id", "due_at"], ["endpoint_id", "id"], ["created_at"]):
        op.create_index(f"ix_webhook_delivery_{'_'.join(columns)}", "webhook_delivery", columns)


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("webhook_endpoint")
    op.drop_column("petition", "goal_reached_at")


def choice(values: tuple[str, ...], name: str, length: int = 20) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=length)


def refers(table: str, other: str) -> sa.ForeignKeyConstraint:
    column = f"{other}_id"
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")

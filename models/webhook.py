"""Webhook endpoints, and the delivery of each event to each endpoint."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, choice, new_id
from models.encryption import PrivateText

LONGEST_NAME = 40


class WebhookEvent(StrEnum):
    """The events that endpoints can subscribe to.

    `motion.signed` and `motion.withdrawn` are about a member's name; `motion.withdrawn` is also
    sent for the motion itself. `webhook.test` is sent only on request.
    """

    SIGNATURE_CONFIRMED = "signature.confirmed"
    SIGNATURE_WITHDRAWN = "signature.withdrawn"
    LETTER_SENT = "letter.sent"
    LETTER_ANSWERED = "letter.answered"
    MOTION_SIGNED = "motion.signed"
    MOTION_WITHDRAWN = "motion.withdrawn"
    MOTION_LAPSED = "motion.lapsed"
    PETITION_GOAL_REACHED = "petition.goal_reached"
    SUPPORTER_PREFERENCES_CHANGED = "supporter.preferences_changed"
    TEST = "webhook.test"


class DisabledReason(StrEnum):
    """Why an endpoint gets nothing.

    It answered 410 (`gone`), it failed for days, its responsible key has ended, or an organiser or
    key disabled it (`by_hand`).
    """

    GONE = "gone"
    FAILING = "failing"
    KEY_ENDED = "key_ended"
    BY_HAND = "by_hand"


class DeliveryState(StrEnum):
    """queued -> claimed -> delivered, or queued again, or failed after the last attempt.

    A `held` delivery waits until its endpoint is enabled again.
    """

    QUEUED = "queued"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    FAILED = "failed"
    HELD = "held"


class WebhookEndpoint(SQLModel, table=True):
    """An address that receives some events of an organisation, a campaign or a petition.

    The key or organiser that last created or changed the endpoint is responsible for it: when that
    key ends, deliveries stop. The URL is sealed, since for many services it is a credential.
    `former_secret` signs beside `secret` until `former_until`. `failures` counts failures in a row
    since `failing_since`; nothing is sent until `resting_until` has passed.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        sa.CheckConstraint("campaign_id IS NULL OR petition_id IS NULL", name="one_filter"),
        sa.CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled"),
        sa.CheckConstraint("(former_secret IS NULL) = (former_until IS NULL)", name="former"),
        sa.CheckConstraint("failures >= 0", name="failures"),
        sa.CheckConstraint("(api_key_id IS NULL) <> (organiser_id IS NULL)", name="one_answers"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    api_key_id: UUID | None = Field(default=None, foreign_key="api_key.id", index=True)
    organiser_id: UUID | None = Field(default=None, foreign_key="organiser.id", index=True)
    campaign_id: UUID | None = Field(default=None, foreign_key="campaign.id")
    petition_id: UUID | None = Field(default=None, foreign_key="petition.id")
    url: Any = Field(sa_type=PrivateText("webhook_endpoint.url"))
    description: str = ""
    events: list[str] = Field(sa_type=sa.JSON)
    is_personal: bool = False
    secret: Any = Field(sa_type=PrivateText("webhook_endpoint.secret"))
    former_secret: Any = Field(
        default=None, sa_type=PrivateText("webhook_endpoint.secret"), nullable=True
    )
    former_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    failures: int = 0
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resting_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_reason: DisabledReason | None = Field(
        default=None, sa_type=choice(DisabledReason, "disabled_reason"), nullable=True
    )


class WebhookDelivery(SQLModel, table=True):
    """One event for one endpoint.

    `payload` is JSON without personal data; personal data is added at delivery, from the row whose
    id is `subject_id`. `attempt` counts the claims from one. `response_status` and `error` belong
    to the last attempt.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        sa.Index("ix_webhook_delivery_state_endpoint_id_due_at", "state", "endpoint_id", "due_at"),
        sa.Index("ix_webhook_delivery_endpoint_id_id", "endpoint_id", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    endpoint_id: UUID = Field(foreign_key="webhook_endpoint.id")
    event: WebhookEvent = Field(sa_type=choice(WebhookEvent, "event", length=LONGEST_NAME))
    subject_id: UUID | None = None
    payload: str
    state: DeliveryState = Field(
        default=DeliveryState.QUEUED, sa_type=choice(DeliveryState, "state")
    )
    attempt: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    due_at: datetime = Field(sa_type=UtcDateTime)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    response_status: int | None = None
    error: str | None = None

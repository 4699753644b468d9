"""Tables and value types. No queries here; importing this package registers every table."""

from lobby.models import base as base  # first: it names the constraints
from lobby.models.api_key import PARTNER_SCOPES, ApiKey, ApiKeyPetition, Scope
from lobby.models.campaign import Campaign, CampaignMotion, CampaignStatus, CampaignUpdate
from lobby.models.constituency import Constituency
from lobby.models.encryption import Keyring, Private
from lobby.models.idempotency import IdempotencyKey
from lobby.models.job import Job, OfficialApi
from lobby.models.letter import (
    Letter,
    LetterAct,
    LetterAnswer,
    LetterOutcome,
    LetterPace,
    LetterSketch,
    LetterState,
    LetterTally,
    LetterVariant,
)
from lobby.models.member import Member, MemberOverride, Membership, OverrideKind, Post, PostKind
from lobby.models.member_reply import MemberReply, ReplyKind
from lobby.models.motion import (
    Motion,
    MotionEvent,
    MotionEventKind,
    MotionSignatory,
    MotionStatus,
    ParliamentSession,
)
from lobby.models.organisation import Organisation, Organiser
from lobby.models.outbox import MessageKind, MessageState, OutboxMessage
from lobby.models.partner import Partner
from lobby.models.petition import Petition, PetitionHour, PetitionState, PetitionTally
from lobby.models.relay import DeadAddress, Relay
from lobby.models.seat_watch import SeatWatch
from lobby.models.signature import Signature, SignatureState
from lobby.models.supporter import Consent, Supporter, Wording
from lobby.models.tag import Tag, Tagging
from lobby.models.webhook import (
    DeliveryState,
    DisabledReason,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

__all__ = [
    "PARTNER_SCOPES",
    "ApiKey",
    "ApiKeyPetition",
    "Campaign",
    "CampaignMotion",
    "CampaignStatus",
    "CampaignUpdate",
    "Consent",
    "Constituency",
    "DeadAddress",
    "DeliveryState",
    "DisabledReason",
    "IdempotencyKey",
    "Job",
    "Keyring",
    "Letter",
    "LetterAct",
    "LetterAnswer",
    "LetterOutcome",
    "LetterPace",
    "LetterSketch",
    "LetterState",
    "LetterTally",
    "LetterVariant",
    "Member",
    "MemberOverride",
    "MemberReply",
    "Membership",
    "MessageKind",
    "MessageState",
    "Motion",
    "MotionEvent",
    "MotionEventKind",
    "MotionSignatory",
    "MotionStatus",
    "OfficialApi",
    "Organisation",
    "Organiser",
    "OutboxMessage",
    "OverrideKind",
    "ParliamentSession",
    "Partner",
    "Petition",
    "PetitionHour",
    "PetitionState",
    "PetitionTally",
    "Post",
    "PostKind",
    "Private",
    "Relay",
    "ReplyKind",
    "Scope",
    "SeatWatch",
    "Signature",
    "SignatureState",
    "Supporter",
    "Tag",
    "Tagging",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "Wording",
]

"""Tables and value types. No queries here; importing this package registers every table."""

from models import base as base  # first: it names the constraints
from models.accounts.alert import AlertChoice, AlertDigest, AlertInterval, AlertKind
from models.accounts.organiser import Invitation, Organiser, Role
from models.accounts.record import AccountEvent, AccountEventKind, Postponement
from models.accounts.sign_in import KnownDevice, OrganiserSession, RecoveryCode, SecondStep
from models.api_key import PARTNER_SCOPES, ApiKey, ApiKeyPetition, Scope
from models.campaign import (
    Campaign,
    CampaignEvent,
    CampaignMotion,
    CampaignStatus,
    CampaignUpdate,
    EventKind,
)
from models.constituency import Constituency, MapLayout, MapTile
from models.encryption import Keyring, Private
from models.idempotency import IdempotencyKey
from models.job import Job, OfficialApi
from models.letter import (
    Letter,
    LetterAct,
    LetterAnswer,
    LetterDraft,
    LetterHour,
    LetterOutcome,
    LetterPace,
    LetterSketch,
    LetterState,
    LetterTally,
    LetterVariant,
)
from models.members.contact import ContactPlace, MemberContact
from models.members.member import (
    Member,
    MemberOverride,
    Membership,
    Office,
    OfficeKind,
    OverrideKind,
)
from models.members.note import MemberNote, QuickAnswer, QuickAnswerKind
from models.members.reply import MemberReply, ReplyKind
from models.motion import (
    Motion,
    MotionEvent,
    MotionEventKind,
    MotionSignatory,
    MotionStatus,
    ParliamentSession,
)
from models.organisation import (
    InstallationText,
    InstallationTextName,
    Organisation,
    Picture,
    PictureFile,
    PrivacyNotice,
)
from models.outbox import MessageKind, MessageState, OutboxMessage
from models.parliament_version import ParliamentVersion
from models.partner import Partner
from models.petition import Petition, PetitionHour, PetitionState, PetitionTally
from models.relay import DeadAddress, Relay
from models.seat_watch import SeatWatch
from models.secret_version import SecretVersion
from models.signature import Signature, SignatureState
from models.submission import (
    Refusal,
    RequestKind,
    Submission,
    SubmissionKind,
    SubmissionRequest,
    SubmissionState,
)
from models.supporter import Consent, Supporter, Wording
from models.tag import Tag, Tagging
from models.webhook import (
    DeliveryState,
    DisabledReason,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

__all__ = [
    "PARTNER_SCOPES",
    "AccountEvent",
    "AccountEventKind",
    "AlertChoice",
    "AlertDigest",
    "AlertInterval",
    "AlertKind",
    "ApiKey",
    "ApiKeyPetition",
    "Campaign",
    "CampaignEvent",
    "CampaignMotion",
    "CampaignStatus",
    "CampaignUpdate",
    "Consent",
    "Constituency",
    "ContactPlace",
    "DeadAddress",
    "DeliveryState",
    "DisabledReason",
    "EventKind",
    "IdempotencyKey",
    "InstallationText",
    "InstallationTextName",
    "Invitation",
    "Job",
    "Keyring",
    "KnownDevice",
    "Letter",
    "LetterAct",
    "LetterAnswer",
    "LetterDraft",
    "LetterHour",
    "LetterOutcome",
    "LetterPace",
    "LetterSketch",
    "LetterState",
    "LetterTally",
    "LetterVariant",
    "MapLayout",
    "MapTile",
    "Member",
    "MemberContact",
    "MemberNote",
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
    "Office",
    "OfficeKind",
    "OfficialApi",
    "Organisation",
    "Organiser",
    "OrganiserSession",
    "OutboxMessage",
    "OverrideKind",
    "ParliamentSession",
    "ParliamentVersion",
    "Partner",
    "Petition",
    "PetitionHour",
    "PetitionState",
    "PetitionTally",
    "Picture",
    "PictureFile",
    "Postponement",
    "PrivacyNotice",
    "Private",
    "QuickAnswer",
    "QuickAnswerKind",
    "RecoveryCode",
    "Refusal",
    "Relay",
    "ReplyKind",
    "RequestKind",
    "Role",
    "Scope",
    "SeatWatch",
    "SecondStep",
    "SecretVersion",
    "Signature",
    "SignatureState",
    "Submission",
    "SubmissionKind",
    "SubmissionRequest",
    "SubmissionState",
    "Supporter",
    "Tag",
    "Tagging",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "Wording",
]

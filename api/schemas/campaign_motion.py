"""Bodies of the motions that a campaign is linked to."""

from datetime import date, datetime

from api.schemas.fields import Answer, Request
from models import MotionStatus
from services.campaigns.campaign_motions import LinkedMotion, MotionRole


class RoleChange(Request):
    """The new role of a motion in the campaign."""

    role: MotionRole


class LinkedMotionAnswer(Answer):
    """A motion of a campaign.

    `signatories` and `withdrawn` count the distinct members who have signed it, and who withdrew.
    `signed_in_seats` counts the signatories who hold a seat today.
    `amends_id` is the motion that it would amend, if known.
    """

    id: int
    number: str
    title: str
    status: MotionStatus
    parliament_session: str | None
    tabled_on: date
    role: MotionRole
    amends_id: int | None
    signatories: int
    signed_in_seats: int
    withdrawn: int
    synced_at: datetime | None
    sync_failed: bool
    linked_at: datetime


def linked_motion_answer(linked: LinkedMotion) -> LinkedMotionAnswer:
    """Converts a link with its motion."""
    motion = linked.motion
    plain = {"id", "number", "title", "status", "tabled_on", "amends_id", "synced_at"}
    return LinkedMotionAnswer(
        **motion.model_dump(include=plain),
        parliament_session=linked.parliament_session,
        role=linked.role,
        signatories=linked.signatories,
        signed_in_seats=linked.signed_in_seats,
        withdrawn=linked.withdrawn,
        sync_failed=motion.sync_failed_at is not None,
        linked_at=linked.linked_at,
    )

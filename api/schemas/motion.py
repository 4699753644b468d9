"""Bodies of motions: in Parliament's own list, and one with the names on it."""

from datetime import date, datetime

from api.schemas.fields import Answer
from api.schemas.postcode import ConstituencyAnswer, constituency_answer
from models import MotionStatus
from services.parliament import parties
from services.parliament.official.motions_api import ListedMotion
from services.parliament.standing import Role, Standing
from services.views.motion_views import MotionView, NameOnMotion


class FoundMotionAnswer(Answer):
    """A motion that can be linked. `sponsors_count` is Parliament's, with withdrawn names."""

    id: int
    number: str
    title: str
    tabled_on: date
    primary_sponsor: str | None
    sponsors_count: int


class NameAnswer(Answer):
    """A member whose name is or was on the motion. `constituency` is null without a seat today.

    `signed_at` and `withdrawn_at` are null where Parliament gives only the day.
    """

    id: int
    name: str
    party: str
    party_name: str
    party_group: str
    constituency: ConstituencyAnswer | None
    standing: Standing
    role: Role | None
    signed_on: date | None
    signed_at: datetime | None
    withdrawn_on: date | None
    withdrawn_at: datetime | None


class MotionWithNames(Answer):
    """A motion as Parliament published it last. `campaigns` are slugs.

    `signatories` counts the distinct members whose names are on it, `signed_in_seats` those of them
    who hold a seat today, `withdrawn` those who took their names off. `names` has all of them: the
    sponsors, the others as they signed, and those who withdrew.
    """

    id: int
    number: str
    title: str
    text: str
    status: MotionStatus
    tabled_on: date
    parliament_session: str | None
    amends_id: int | None
    signatories: int
    signed_in_seats: int
    withdrawn: int
    synced_at: datetime | None
    sync_failed: bool
    campaigns: list[str]
    names: list[NameAnswer]


def found_answer(motion: ListedMotion) -> FoundMotionAnswer:
    """Converts a motion of the official list."""
    return FoundMotionAnswer(
        **motion.model_dump(include={"id", "number", "title", "tabled_on", "sponsors_count"}),
        primary_sponsor=motion.primary_sponsor.name if motion.primary_sponsor else None,
    )


def motion_with_names(view: MotionView) -> MotionWithNames:
    """Converts the view of a motion."""
    motion = view.motion
    return MotionWithNames(
        **motion.model_dump(include=set(MotionWithNames.model_fields)),
        parliament_session=view.parliament_session,
        signatories=view.signatories,
        signed_in_seats=view.signed_in_seats,
        withdrawn=view.withdrawn,
        sync_failed=motion.sync_failed_at is not None,
        campaigns=list(view.campaigns),
        names=[_name(name) for name in view.names],
    )


def _name(name: NameOnMotion) -> NameAnswer:
    member, position = name.member, name.position
    return NameAnswer(
        **member.model_dump(include={"id", "name", "party"}),
        party_name=parties.display_name(member.party),
        party_group=parties.group(member.party),
        constituency=constituency_answer(name.constituency),
        standing=position.standing,
        role=position.role,
        signed_on=position.signed_on,
        signed_at=position.signed_at,
        withdrawn_on=position.withdrawn_on,
        withdrawn_at=position.withdrawn_at,
    )

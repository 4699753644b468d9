"""Bodies of postcodes, constituencies and their MPs."""

from api.schemas.fields import Answer
from models import Constituency, Member
from models.postcode import PostcodeStatus
from services.parliament import parties
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.parliament.seats import Seat


class ConstituencyAnswer(Answer):
    """A constituency, by its GSS code."""

    code: str
    name: str
    nation: str
    region: str


class MemberAnswer(Answer):
    """An MP, by Parliament's member id, and the name of their constituency.

    `party` is as Parliament gives it, `party_name` the name to show, and `party_group` the party
    with which it sits: 'Labour' for Labour (Co-op).
    """

    id: int
    name: str
    party: str
    party_name: str
    party_group: str
    constituency: str


class SeatAnswer(Answer):
    """A constituency with the member who holds it today: null while it is vacant."""

    code: str
    name: str
    name_welsh: str | None
    nation: str
    region: str
    electorate: int | None
    member: MemberAnswer | None


class PostcodeAnswer(Answer):
    """A postcode with its constituency and MP."""

    postcode: str
    status: PostcodeStatus
    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None


def constituency_answer(
    constituency: Constituency | SeatConstituency | None,
) -> ConstituencyAnswer | None:
    """Converts a constituency. Returns None if it is unknown or overseas."""
    return ConstituencyAnswer.model_validate(constituency) if constituency else None


def member_answer(
    member: Member | SeatMember | None, constituency: Constituency | SeatConstituency | None
) -> MemberAnswer | None:
    """Converts an MP. Returns None if the seat is vacant or unknown."""
    if member is None or constituency is None:
        return None
    party = member.party
    return MemberAnswer(
        id=member.id,
        name=member.name,
        party=party,
        party_name=parties.display_name(party),
        party_group=parties.group(party),
        constituency=constituency.name,
    )


def seat_answer(seat: Seat) -> SeatAnswer:
    """Converts a seat."""
    constituency = seat.constituency
    return SeatAnswer(
        code=constituency.code,
        name=constituency.name,
        name_welsh=constituency.name_welsh,
        nation=constituency.nation,
        region=constituency.region,
        electorate=constituency.electorate,
        member=member_answer(seat.member, constituency),
    )

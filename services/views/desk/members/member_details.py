"""How to reach some MPs' offices, and what the team recorded about them, in one statement.

Only editors and owners may see it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import ContactPlace, MemberContact
from models.base import table_of
from services.campaigns import team_records
from services.campaigns.team_records import TeamEntry, none_of


class Office(NamedTuple):
    """The columns of a `models.MemberContact`, but for the member."""

    place: ContactPlace
    telephone: str | None
    email: str | None
    read_on: date


@dataclass(frozen=True, slots=True)
class MemberDetails:
    """The offices of a member, Westminster first, and the team's entries, the newest first."""

    contacts: list[Office]
    entries: list[TeamEntry]


def of_members(
    session: Session, campaign_id: UUID, ids: Collection[int]
) -> dict[int, MemberDetails]:
    """Returns the details of members by their ids."""
    rows = session.execute(_DETAILS, {"campaign_id": campaign_id, "ids": list(ids)}).all()
    entries = team_records.entries_of(
        (row[:_OF_ENTRY] for row in rows if row[_OF_ENTRY] is None), ids
    )
    contacts: dict[int, list[Office]] = {member_id: [] for member_id in ids}
    for row in rows:
        if row[_OF_ENTRY] is not None:
            contacts[row[0]].append(Office._make(row[_OF_ENTRY:]))
    for offices in contacts.values():
        offices.sort(key=lambda office: _PLACES.index(office.place))
    return {member_id: MemberDetails(contacts[member_id], entries[member_id]) for member_id in ids}


_PLACES = list(ContactPlace)
_entry, _contact = team_records.ENTRIES.subquery(), table_of(MemberContact)
_OF_ENTRY = len(_entry.c)
_OFFICE = [_contact.c[name] for name in Office._fields]
_DETAILS = sa.union_all(
    sa.select(*_entry.c, *(none_of(column) for column in _OFFICE)),
    sa.select(
        _contact.c.member_id,
        *(none_of(column) for column in list(_entry.c)[1:]),
        *_OFFICE,
    ).where(_contact.c.member_id.in_(sa.bindparam("ids", expanding=True))),
)

"""Telephone numbers and addresses of members' offices, as Parliament's directory publishes them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import ContactPlace, MemberContact
from models.base import table_of
from services.database.engine import upsert
from services.parliament.official.members_api import OfficeContact

_contact = table_of(MemberContact)
_PLACES = list(ContactPlace)


def replace(
    session: Session,
    published: Mapping[int, Sequence[OfficeContact]],
    *,
    kept: Collection[int] = (),
    today: date,
) -> None:
    """Stores what the directory gives of each member's offices, and deletes all other contacts.

    Contacts of the members with ids in `kept` stay as they are.
    """
    rows = [
        {
            "member_id": member_id,
            "place": office.place,
            "telephone": office.telephone,
            "email": office.email,
            "read_on": today,
        }
        for member_id, offices in published.items()
        for office in offices
    ]
    given = {(row["member_id"], row["place"]) for row in rows}
    stored = session.exec(select(MemberContact.member_id, MemberContact.place)).all()
    gone = [key for key in stored if key not in given and key[0] not in kept]
    for place in _PLACES:
        ids = [member_id for member_id, other in gone if other is place]
        _delete(session, place, ids)
    upsert(session, _contact, rows, key=["member_id", "place"])


def of_members(session: Session, ids: Collection[int]) -> dict[int, list[MemberContact]]:
    """Returns the offices of some members in one statement, the one at Westminster first."""
    found: dict[int, list[MemberContact]] = {member_id: [] for member_id in ids}
    for row in session.exec(select(MemberContact).where(col(MemberContact.member_id).in_(ids))):
        found[row.member_id].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: _PLACES.index(row.place))
    return found


def _delete(session: Session, place: ContactPlace, ids: list[int]) -> None:
    if ids:
        is_gone = sa.and_(_contact.c.place == place, _contact.c.member_id.in_(ids))
        session.connection().execute(sa.delete(_contact).where(is_gone))

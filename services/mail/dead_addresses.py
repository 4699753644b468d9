"""Dead addresses: a mail server said that they do not exist, so we send no email to them.

They are stored by a keyed hash of the address (a blind index), so that a member's new address works
at once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    DeadAddress,
    Keyring,
    Letter,
    LetterState,
    Member,
    MessageKind,
    OutboxMessage,
)
from models.base import table_of
from services.common import texts
from services.database.bulk import BulkLookup
from services.database.engine import insert_ignore
from services.errors import NotFound
from services.mail import smtp_answers

REASON = "address_dead"
_dead = table_of(DeadAddress)
_AMONG = BulkLookup(
    lambda dead_indexes: sa.select(_dead.c.address_index).where(
        dead_indexes(_dead.c.address_index, "indexes")
    )
)


@dataclass(frozen=True, slots=True)
class AddressToCheck:
    """A member whose current address is dead. `detail` is what the mail server said."""

    member: Member
    detail: str
    since: datetime


def index_of(email: str, keyring: Keyring) -> bytes:
    """Returns the blind index of an address."""
    return keyring.everywhere_index(texts.canonical_email(email))


def note(
    session: Session, index: bytes, *, member_id: int | None, detail: str, now: datetime
) -> None:
    """Stores a dead address. If it is stored already, the first entry stays."""
    row = {"address_index": index, "member_id": member_id, "detail": detail, "found_at": now}
    insert_ignore(session, _dead, [row])


def note_refused(
    session: Session, message: OutboxMessage, detail: str, *, keyring: Keyring, now: datetime
) -> None:
    """Stores the address of a message that was rejected, if the answer says that it is dead."""
    if smtp_answers.refusal_in(detail) in smtp_answers.DEAD:
        note_of_message(session, message, detail, keyring=keyring, now=now)


def note_of_message(
    session: Session,
    message: OutboxMessage,
    detail: str,
    *,
    keyring: Keyring,
    now: datetime,
    recipients: Collection[str] = (),
) -> None:
    """Stores the address of a message's recipient as dead.

    A member's address is stored only if it is among `recipients`, or if these are empty: it may
    have changed since, and a server may report an address to which it forwarded the letter.
    """
    member = _member_of(session, message) if message.kind is MessageKind.LETTER else None
    if member is not None and member.email is not None:
        if not recipients or member.email.lower() in recipients:
            index = index_of(member.email, keyring)
            note(session, index, member_id=member.id, detail=detail, now=now)
    elif message.recipient_index is not None:
        note(session, message.recipient_index, member_id=None, detail=detail, now=now)


def dead_indexes(session: Session, indexes: Collection[bytes]) -> set[bytes]:
    """Returns the dead ones of some indexes, in one statement."""
    if not indexes:
        return set()
    return {bytes(index) for (index,) in _AMONG.rows(session, indexes=list(indexes))}


def dead_emails(session: Session, emails: Collection[str], *, keyring: Keyring) -> set[str]:
    """Returns the dead ones of some addresses."""
    indexes = {email: index_of(email, keyring) for email in emails}
    dead = dead_indexes(session, list(indexes.values()))
    return {email for email, index in indexes.items() if index in dead}


def of_members(session: Session, *, keyring: Keyring) -> list[AddressToCheck]:
    """Returns the members whose current address is dead, by name."""
    statement = (
        select(Member, DeadAddress)
        .join(DeadAddress, col(DeadAddress.member_id) == Member.id)
        .order_by(col(Member.name), col(Member.id))
    )
    return [
        AddressToCheck(member, dead.detail, dead.found_at)
        for member, dead in session.exec(statement)
        if member.email and index_of(member.email, keyring) == bytes(dead.address_index)
    ]


def of_campaign(session: Session, campaign: Campaign, *, keyring: Keyring) -> list[AddressToCheck]:
    """Returns those of them that letters of a campaign did not reach."""
    dead = of_members(session, keyring=keyring)
    if not dead:
        return []
    stopped = sa.or_(
        col(Letter.state) == LetterState.REJECTED,
        sa.and_(col(Letter.state) == LetterState.HELD, col(Letter.reason) == REASON),
    )
    statement = select(Letter.member_id).where(
        Letter.campaign_id == campaign.id,
        col(Letter.member_id).in_([entry.member.id for entry in dead]),
        stopped,
    )
    member_ids = set(session.exec(statement.distinct()))
    return [entry for entry in dead if entry.member.id in member_ids]


def count_of_supporters(session: Session) -> int:
    """Counts the dead addresses of supporters, whose names nobody may see."""
    statement = sa.select(sa.func.count()).where(_dead.c.member_id.is_(None))
    return int(session.connection().execute(statement).scalar_one())


def revive(session: Session, email: str, *, keyring: Keyring) -> None:
    """Allows email to an address again. NotFound if it is not dead."""
    index = index_of(texts.email_address(email), keyring)
    done = session.connection().execute(sa.delete(_dead).where(_dead.c.address_index == index))
    if not done.rowcount:
        raise NotFound("address_not_dead", "Mail to this address is not left out.")


def _member_of(session: Session, message: OutboxMessage) -> Member | None:
    letter = session.get(Letter, message.subject_id)
    return session.get_one(Member, letter.member_id) if letter else None

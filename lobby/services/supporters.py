"""People known by an e-mail address, and what they agreed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from lobby.models import Consent, Keyring, Private, Supporter
from lobby.models.base import new_id, table_of
from lobby.services import texts, wordings
from lobby.services.database import insert, insert_ignore
from lobby.services.errors import Conflict

_supporter = table_of(Supporter)
_consent = table_of(Consent)
_NEWEST = (_consent.c.given_at.desc(), _consent.c.id.desc())
_TAKE_EFFECT = (
    sa.update(_consent)
    .where(
        _consent.c.signature_id.in_(sa.bindparam("signatures", expanding=True)),
        _consent.c.effective_at.is_(None),
    )
    .values(effective_at=sa.bindparam("now"))
)
# Put together once: on the hot route that costs more than to send it.
_BY_ADDRESS = sa.select(
    _supporter.c.organisation_id, _supporter.c.email_index, _supporter.c.id
).where(
    _supporter.c.organisation_id.in_(sa.bindparam("organisations", expanding=True)),
    _supporter.c.email_index.in_(sa.bindparam("indexes", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Address:
    """An e-mail address as one organisation meets it; `index` finds it without reading it."""

    organisation_id: UUID
    email: str
    canonical: str
    index: bytes

    @classmethod
    def of(cls, organisation_id: UUID, email: str, keyring: Keyring) -> "Address":
        """From an address that `texts.email_address` has accepted."""
        canonical = texts.canonical_email(email)
        index = keyring.blind_index(organisation_id, canonical)
        return cls(organisation_id, email, canonical, index)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said to the question whether they want news, with a signature or a letter."""

    organisation_id: UUID
    supporter_id: UUID
    granted: bool
    signature_id: UUID | None = None
    letter_id: UUID | None = None


def meet(
    session: Session, addresses: Sequence[Address], *, now: datetime
) -> dict[tuple[UUID, bytes], UUID]:
    """Add what is new; the ids of all, by organisation and index. Two statements.

    In the order of the index, so that two batches at once cannot wait for each other in a circle.
    """
    rows = [
        {
            "id": new_id(),
            "organisation_id": address.organisation_id,
            "email": Private(address.organisation_id, address.email),
            "email_index": address.index,
            "locale": "en",
            "created_at": now,
        }
        for address in sorted(addresses, key=lambda address: address.index)
    ]
    insert_ignore(session, _supporter, rows)
    wanted = {
        "organisations": list({address.organisation_id for address in addresses}),
        "indexes": list({address.index for address in addresses}),
    }
    found = session.connection().execute(_BY_ADDRESS, wanted)
    return {(row[0], bytes(row[1])): row[2] for row in found}


def recipient(session: Session, supporter_id: UUID, *, keyring: Keyring) -> bytes:
    """By what the outbox knows a supporter's address, across organisations."""
    email: str = session.get_one(Supporter, supporter_id).email.text
    return keyring.everywhere_index(texts.canonical_email(email))


def require_mail(session: Session, supporter_id: UUID, *, is_notice: bool = False) -> None:
    """Conflict where somebody asks for a mail who has said that they want none, or, of those that
    are notices, none of that kind: it would be promised and not sent."""
    supporter = session.get_one(Supporter, supporter_id, populate_existing=True)
    if supporter.mail_off_at is not None:
        message = "You have asked for no mail to this address."
    elif is_notice and supporter.questions_off_at is not None:
        message = "You have asked for no questions and notices to this address."
    else:
        return
    undo = "You can change that with the link at the end of any mail from us."
    raise Conflict("mail_off", f"{message} {undo}")


def note_answers(
    session: Session, answers: list[Answer], *, now: datetime, effective_at: datetime | None = None
) -> None:
    """Keep answers with the wording in force. They take effect when their cause is confirmed, or
    at `effective_at`, where the address is known to be theirs."""
    if not answers:
        return
    organisations = {answer.organisation_id for answer in answers}
    wording = wordings.updates_wordings(session, organisations, now=now)
    rows = [
        {
            "id": new_id(),
            "supporter_id": answer.supporter_id,
            "signature_id": answer.signature_id,
            "letter_id": answer.letter_id,
            "wording_id": wording[answer.organisation_id],
            "kind": wordings.UPDATES,
            "granted": answer.granted,
            "given_at": now,
            "effective_at": effective_at,
        }
        for answer in answers
    ]
    insert(session, _consent, rows)


def answers_take_effect(session: Session, *, letter_id: UUID, now: datetime) -> None:
    """The letter was confirmed: so is what was said with it."""
    session.connection().execute(
        sa.update(_consent)
        .where(_consent.c.letter_id == letter_id, _consent.c.effective_at.is_(None))
        .values(effective_at=now)
    )


def answers_take_effect_of(
    session: Session, signature_ids: Sequence[UUID], *, now: datetime
) -> None:
    """As `answers_take_effect`, for signatures that were confirmed together."""
    told = {"signatures": list(signature_ids), "now": now}
    session.connection().execute(_TAKE_EFFECT, told)


def wants_updates(session: Session, supporter_id: UUID) -> bool:
    """Whether somebody wants news: what they said last counts, of all that has taken effect."""
    return last_answer(session, supporter_id, is_effective=True) is True


def last_answer(session: Session, supporter_id: UUID, *, is_effective: bool) -> bool | None:
    """What somebody said last about news; None where they said nothing. `is_effective` leaves out
    what is not confirmed. Last is what was said last, not what was confirmed last: a no outlives an
    earlier yes whose confirmation comes after it."""
    statement = sa.select(_consent.c.granted).where(
        _consent.c.supporter_id == supporter_id, _consent.c.kind == wordings.UPDATES
    )
    if is_effective:
        statement = statement.where(_consent.c.effective_at.is_not(None))
    last = statement.order_by(*_NEWEST).limit(1)
    found: bool | None = session.connection().execute(last).scalar()
    return found


def may_be_sent_updates() -> sa.ColumnElement[bool | None]:
    """For statements that have supporters: whether each may be sent news. As `wants_updates`, but
    NULL where they said nothing that has taken effect, and false where they want no mail at all."""
    said = (
        sa.select(_consent.c.granted)
        .where(
            _consent.c.supporter_id == _supporter.c.id,
            _consent.c.kind == wordings.UPDATES,
            _consent.c.effective_at.is_not(None),
        )
        .order_by(*_NEWEST)
        .limit(1)
    )
    is_off = _supporter.c.mail_off_at.is_not(None)
    return sa.case((is_off, sa.false()), else_=said.scalar_subquery())


def forget_letter(session: Session, letter_id: UUID) -> None:
    """Keep what was said with a letter that is being replaced, but not the link to it."""
    session.connection().execute(
        sa.update(_consent).where(_consent.c.letter_id == letter_id).values(letter_id=None)
    )

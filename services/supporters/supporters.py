"""People known by an e-mail address, and what they agreed to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Consent, Keyring, Private, Supporter, Wording
from models.base import RowId, new_ids, table_of
from services.common import texts
from services.database import bulk
from services.database.bulk import BulkLookup
from services.errors import Conflict
from services.supporters import wordings

_supporter = table_of(Supporter)
_consent, _wording = table_of(Consent), table_of(Wording)
NEWEST = (_consent.c.given_at.desc(), _consent.c.id.desc())
_TAKE_EFFECT = (
    sa.update(_consent)
    .where(
        _consent.c.signature_id.in_(sa.bindparam("signatures", expanding=True)),
        _consent.c.effective_at.is_(None),
    )
    .values(effective_at=sa.bindparam("now"))
)
_REMEMBER_UNKNOWN = (
    sa.update(_supporter)
    .where(_supporter.c.id == sa.bindparam("row_id"), _supporter.c.name.is_(None))
    .values(
        name=sa.bindparam("new_name"),
        postcode=sa.bindparam("new_postcode"),
        constituency_code=sa.bindparam("new_constituency_code"),
        locale=sa.bindparam("new_locale"),
    )
)
_SAID_HERE = BulkLookup(
    lambda among: (
        sa.select(_consent.c.supporter_id)
        .join(_wording, _wording.c.id == _consent.c.wording_id)
        .where(among(_consent.c.supporter_id, "supporters"), _wording.c.kind == wordings.UPDATES)
    )
)
_BY_ADDRESS = BulkLookup(
    lambda among: sa.select(_supporter.c.email_index, _supporter.c.id).where(
        among(_supporter.c.organisation_id, "organisations"),
        among(_supporter.c.email_index, "indexes"),
    )
)


@dataclass(frozen=True, slots=True)
class Known:
    """What an import tells of a supporter whom nobody knew more of."""

    name: str
    postcode: str
    constituency_code: str
    locale: str


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address as one organisation meets it; `index` finds it without reading it."""

    organisation_id: UUID
    email: str
    canonical: str
    index: bytes
    known: Known | None = None

    @classmethod
    def of(
        cls, organisation_id: UUID, email: str, keyring: Keyring, *, known: Known | None = None
    ) -> "EmailAddress":
        """From an address that `texts.email_address` has accepted."""
        canonical = texts.canonical_email(email)
        index = keyring.blind_index(organisation_id, canonical)
        return cls(organisation_id, email, canonical, index, known)


@dataclass(frozen=True, slots=True)
class UpdatesAnswer:
    """What somebody said to the question whether they want news, with a signature or a letter."""

    organisation_id: UUID
    supporter_id: RowId
    granted: bool
    signature_id: RowId | None = None
    letter_id: RowId | None = None


@dataclass(frozen=True, slots=True)
class ImportedAnswer:
    """What somebody said to that question elsewhere, when, and since when it counts here; None
    until they confirm."""

    organisation_id: UUID
    supporter_id: UUID
    granted: bool
    signature_id: UUID
    provenance: str
    given_at: datetime
    effective_at: datetime | None


def meet(
    session: Session, addresses: Sequence[EmailAddress], *, now: datetime
) -> list[tuple[str, bool]]:
    """Add what is new; the id of each, as hex digits, and whether it is new, in their order. One
    statement, and one more where some are known already.

    Written in the order of the index, so that two batches at once cannot wait for each other in a
    circle; numbered in the order in which they came.
    """
    people: dict[bytes, EmailAddress] = {}
    for address in addresses:
        people.setdefault(address.index, address)  # which differs from organisation to organisation
    made = dict(zip(people, new_ids(len(people)), strict=True))
    ids = made
    if _insert(session, people, made, now) < len(people):
        owners = {address.organisation_id for address in people.values()}
        found = _BY_ADDRESS.rows(session, organisations=list(owners), indexes=list(people))
        ids = {bytes(index): row_id.hex for index, row_id in found}
    met = {index: (row_id, row_id == made[index]) for index, row_id in ids.items()}
    return [met[address.index] for address in addresses]


def _insert(
    session: Session, people: dict[bytes, EmailAddress], ids: dict[bytes, str], now: datetime
) -> int:
    indexes = sorted(people)
    addresses = [people[index] for index in indexes]
    varying: dict[str, list[Any]] = {
        "id": [ids[index] for index in indexes],
        "organisation_id": [address.organisation_id for address in addresses],
        "email": [Private(address.organisation_id, address.email) for address in addresses],
        "email_index": indexes,
    }
    shared: dict[str, Any] = {"created_at": now}
    if any(address.known for address in addresses):
        varying |= _known(addresses)
    else:
        shared["locale"] = "en"
    return bulk.insert_columns(session, _supporter, varying, shared, is_ignoring=True)


def _known(addresses: Sequence[EmailAddress]) -> dict[str, list[Any]]:
    """By columns."""
    told = [(address.organisation_id, address.known) for address in addresses]
    return {
        "name": [Private(owner, known.name) if known else None for owner, known in told],
        "postcode": [Private(owner, known.postcode) if known else None for owner, known in told],
        "constituency_code": [known.constituency_code if known else None for _, known in told],
        "locale": [known.locale if known else "en" for _, known in told],
    }


def remember_unknown(session: Session, people: Mapping[str, EmailAddress]) -> None:
    """What an import tells, by their ids, of those who never confirmed anything themselves."""
    ids = sorted(people)
    if not ids:
        return
    columns = _known([people[supporter_id] for supporter_id in ids])
    rows = [
        {f"new_{name}": value for name, value in zip(columns, values, strict=True)}
        | {"row_id": UUID(supporter_id)}
        for supporter_id, *values in zip(ids, *columns.values(), strict=True)
    ]
    session.connection().execute(_REMEMBER_UNKNOWN, rows)


def get(session: Session, supporter_id: UUID) -> Supporter:
    """Returns the supporter that a row refers to by its id."""
    return session.get_one(Supporter, supporter_id)


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
    session: Session,
    answers: list[UpdatesAnswer],
    *,
    now: datetime,
    effective_at: datetime | None = None,
) -> None:
    """Keep answers with the wording in force. They take effect when their cause is confirmed, or
    at `effective_at`, where the address is known to be theirs."""
    if not answers:
        return
    organisations = {answer.organisation_id for answer in answers}
    wording = wordings.updates_wordings(session, organisations, now=now)
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(answers)),
        "supporter_id": [answer.supporter_id for answer in answers],
        "signature_id": [answer.signature_id for answer in answers],
        "letter_id": [answer.letter_id for answer in answers],
        "wording_id": [wording[answer.organisation_id] for answer in answers],
        "granted": [answer.granted for answer in answers],
    }
    shared = {"kind": wordings.UPDATES, "given_at": now, "effective_at": effective_at}
    bulk.insert_columns(session, _consent, varying, shared, is_ignoring=False)


def note_imported(session: Session, answers: Sequence[ImportedAnswer], *, now: datetime) -> None:
    """Keep answers that were given elsewhere, but none of who said something here themselves. Their
    wording is not ours: it says where they were given."""
    if not answers:
        return
    told = {answer.supporter_id for answer in answers}
    said_here = {row[0] for row in _SAID_HERE.rows(session, supporters=list(told))}
    kept = [answer for answer in answers if answer.supporter_id not in said_here]
    if not kept:
        return
    places = {(answer.organisation_id, answer.provenance) for answer in kept}
    wording = wordings.imported(session, places, now=now)
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(kept)),
        "supporter_id": [answer.supporter_id for answer in kept],
        "signature_id": [answer.signature_id for answer in kept],
        "wording_id": [wording[answer.organisation_id, answer.provenance] for answer in kept],
        "granted": [answer.granted for answer in kept],
        "given_at": [answer.given_at for answer in kept],
        "effective_at": [answer.effective_at for answer in kept],
    }
    shared = {"kind": wordings.UPDATES}
    bulk.insert_columns(session, _consent, varying, shared, is_ignoring=False)


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
    last = statement.order_by(*NEWEST).limit(1)
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
        .order_by(*NEWEST)
        .limit(1)
    )
    is_off = _supporter.c.mail_off_at.is_not(None)
    return sa.case((is_off, sa.false()), else_=said.scalar_subquery())


def forget_letter(session: Session, letter_id: UUID) -> None:
    """Keep what was said with a letter that is being replaced, but not the link to it."""
    session.connection().execute(
        sa.update(_consent).where(_consent.c.letter_id == letter_id).values(letter_id=None)
    )

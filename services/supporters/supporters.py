"""Supporters, known to an organisation by email address, and their answers about news."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Consent, Keyring, Private, Supporter, Wording
from models.base import RowId, new_ids, table_of
from models.constituency import UNKNOWN
from services.common import texts
from services.database import bulk
from services.database.bulk import BulkLookup
from services.errors import Conflict, NotFound
from services.mail.recipients import Recipient, recipient_of
from services.supporters import wordings

_supporter = table_of(Supporter)
_consent, _wording = table_of(Consent), table_of(Wording)
NEWEST = (_consent.c.given_at.desc(), _consent.c.id.desc())
_FILL_IN = (
    sa.update(_supporter)
    .where(_supporter.c.id == sa.bindparam("row_id"), _supporter.c.name.is_(None))
    .values(
        name=sa.bindparam("new_name"),
        postcode=sa.bindparam("new_postcode"),
        constituency_code=sa.bindparam("new_constituency_code"),
        locale=sa.bindparam("new_locale"),
    )
)
_ANSWERED_HERE = BulkLookup(
    lambda among: (
        sa.select(_consent.c.supporter_id)
        .join(_wording, _wording.c.id == _consent.c.wording_id)
        .where(among(_consent.c.supporter_id, "supporters"), _wording.c.kind == wordings.UPDATES)
    )
)
_LOCKED = BulkLookup(
    lambda among: (
        sa.select(_supporter.c.id)
        .where(among(_supporter.c.id, "ids"))
        .order_by(_supporter.c.id)
        # Signatures that refer to the row can be inserted meanwhile.
        .with_for_update(key_share=True)
    )
)
_BY_ADDRESS = BulkLookup(
    lambda among: (
        sa.select(_supporter.c.email_index, _supporter.c.id)
        .where(
            among(_supporter.c.organisation_id, "organisations"),
            among(_supporter.c.email_index, "indexes"),
        )
        # A supporter of whom nothing is known is deleted at times, but not while a transaction is
        # about to refer to it. Inserting what refers to the row would take the same lock.
        .with_for_update(read=True, key_share=True)
    )
)


@dataclass(frozen=True, slots=True)
class SupporterDetails:
    """What is known of a supporter beside the address: from a confirmation, or from an import.

    `name` is empty if it is not known.
    """

    name: str
    postcode: str
    constituency_code: str
    locale: str

    @property
    def has_place(self) -> bool:
        """Returns whether it says where they live. Somebody abroad may have no postcode."""
        return self.postcode != "" or self.constituency_code != UNKNOWN


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An email address of one organisation's supporter; `index` finds it without decryption."""

    organisation_id: UUID
    email: str
    canonical: str
    index: bytes
    details: SupporterDetails | None = None

    @classmethod
    def of(
        cls,
        organisation_id: UUID,
        email: str,
        keyring: Keyring,
        *,
        details: SupporterDetails | None = None,
    ) -> "EmailAddress":
        """Makes one from an address that `texts.email_address` has accepted."""
        canonical = texts.canonical_email(email)
        index = keyring.blind_index(organisation_id, canonical)
        return cls(organisation_id, email, canonical, index, details)


@dataclass(frozen=True, slots=True)
class UpdatesAnswer:
    """A supporter's answer to the question about news, usually with a signature or a letter."""

    organisation_id: UUID
    supporter_id: RowId
    granted: bool
    signature_id: RowId | None = None
    letter_id: RowId | None = None


@dataclass(frozen=True, slots=True)
class ImportedAnswer:
    """An answer to the question about news that was given elsewhere, and when.

    `effective_at` is None until the supporter confirms it.
    """

    organisation_id: UUID
    supporter_id: UUID
    granted: bool
    signature_id: UUID
    provenance: str
    given_at: datetime
    effective_at: datetime | None


def find_or_add(
    session: Session, addresses: Sequence[EmailAddress], *, now: datetime
) -> list[tuple[str, bool]]:
    """Add supporters that are new; returns each one's id in hex digits and whether it is new.

    Takes one statement, and one more if some exist. Rows are inserted in the order of the index, so
    that two concurrent batches cannot deadlock; ids are in the order of `addresses`.
    """
    people: dict[bytes, EmailAddress] = {}
    for address in addresses:
        people.setdefault(address.index, address)  # the index depends on the organisation too
    new = dict(zip(people, new_ids(len(people)), strict=True))
    ids = new
    if _insert(session, people, new, now) < len(people):
        owners = {address.organisation_id for address in people.values()}
        rows = _BY_ADDRESS.rows(session, organisations=list(owners), indexes=list(people))
        ids = {bytes(index): row_id.hex for index, row_id in rows}
        if len(ids) < len(people):  # some were deleted just now
            return find_or_add(session, addresses, now=now)
    results = {index: (row_id, row_id == new[index]) for index, row_id in ids.items()}
    return [results[address.index] for address in addresses]


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
    if any(address.details for address in addresses):
        varying |= _detail_columns(addresses)
    else:
        shared["locale"] = "en"
    return bulk.insert_columns(session, _supporter, varying, shared, skip_existing=True)


def _detail_columns(addresses: Sequence[EmailAddress]) -> dict[str, list[Any]]:
    """Returns the details as lists by column name, with None for what is not known."""
    rows = [_detail_row(address.organisation_id, address.details) for address in addresses]
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _detail_row(owner: UUID, details: SupporterDetails | None) -> dict[str, Any]:
    if details is None:
        return {"name": None, "postcode": None, "constituency_code": None, "locale": "en"}
    has_place = details.has_place
    return {
        "name": Private(owner, details.name) if details.name else None,
        "postcode": Private(owner, details.postcode) if has_place else None,
        "constituency_code": details.constituency_code if has_place else None,
        "locale": details.locale,
    }


def fill_in_unknown(session: Session, people: Mapping[str, EmailAddress]) -> None:
    """Save imported details, by supporter id, of supporters that have no name yet."""
    ids = sorted(people)
    if not ids:
        return
    columns = _detail_columns([people[supporter_id] for supporter_id in ids])
    rows = [
        {f"new_{name}": value for name, value in zip(columns, values, strict=True)}
        | {"row_id": UUID(supporter_id)}
        for supporter_id, *values in zip(ids, *columns.values(), strict=True)
    ]
    session.connection().execute(_FILL_IN, rows)


def set_details(session: Session, people: Mapping[str, EmailAddress]) -> None:
    """Save the details that supporters confirmed, by supporter id, in the order of the ids.

    A name or a place that somebody did not give stays as it is.
    """
    ids = sorted(people)
    if not ids:
        return
    # PostgreSQL would lock the rows of the update in the order of its plan.
    lock(session, [UUID(supporter_id) for supporter_id in ids])
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for supporter_id in ids:
        alike[_missing(people[supporter_id].details)].append(supporter_id)
    for missing, some_ids in alike.items():
        columns = _detail_columns([people[supporter_id] for supporter_id in some_ids])
        given = {name: values for name, values in columns.items() if name not in missing}
        bulk.update_columns(session, _supporter, some_ids, given, {})


def _missing(details: SupporterDetails | None) -> tuple[str, ...]:
    """Returns the columns that somebody's details say nothing about."""
    name = () if details and details.name else ("name",)
    return name if details and details.has_place else (*name, "postcode", "constituency_code")


def get(session: Session, supporter_id: UUID) -> Supporter:
    """Returns the supporter that a row refers to by its id."""
    return session.get_one(Supporter, supporter_id)


def locked(session: Session, supporter_id: UUID) -> Supporter:
    """Returns a supporter, locked for update; raises NotFound.

    Call this before inserting rows that refer to the supporter. PostgreSQL locks the referenced
    row, so that two transactions that inserted first would deadlock here.
    """
    supporter = session.get(Supporter, supporter_id, populate_existing=True, with_for_update=True)
    if supporter is None:
        raise NotFound("person_unknown", "There is no such person.")
    return supporter


def lock(session: Session, supporter_ids: Iterable[UUID]) -> None:
    """Locks supporters in the order of their ids, against other changes of their answers."""
    if ids := sorted(supporter_ids):
        list(_LOCKED.rows(session, ids=ids))


def recipient(session: Session, supporter_id: UUID, *, keyring: Keyring) -> Recipient:
    """Returns a supporter as the recipient of a message in the outbox."""
    return recipient_of(session.get_one(Supporter, supporter_id).email.text, keyring)


def require_mail(session: Session, supporter_id: UUID, *, is_notice: bool = False) -> None:
    """Raises Conflict if a supporter asks for an email but has turned off all emails.

    `is_notice` also checks the preference for notices. Without this check the email would be
    promised and not sent.
    """
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
    """Save answers about news with the current wording.

    They take effect when the signature or letter is confirmed, or at `effective_at` if the email
    address is verified already.
    """
    if not answers:
        return
    organisations = {answer.organisation_id for answer in answers}
    wording_ids = wordings.updates_wordings(session, organisations, now=now)
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(answers)),
        "supporter_id": [answer.supporter_id for answer in answers],
        "signature_id": [answer.signature_id for answer in answers],
        "letter_id": [answer.letter_id for answer in answers],
        "wording_id": [wording_ids[answer.organisation_id] for answer in answers],
        "granted": [answer.granted for answer in answers],
    }
    shared = {"kind": wordings.UPDATES, "given_at": now, "effective_at": effective_at}
    bulk.insert_columns(session, _consent, varying, shared, skip_existing=False)


def note_imported(session: Session, answers: Sequence[ImportedAnswer], *, now: datetime) -> None:
    """Save answers that were given elsewhere, except for supporters who have answered here.

    Their wording is unknown, so it only says where they were given.
    """
    if not answers:
        return
    supporter_ids = {answer.supporter_id for answer in answers}
    rows = _ANSWERED_HERE.rows(session, supporters=list(supporter_ids))
    answered_here = {row[0] for row in rows}
    answers = [answer for answer in answers if answer.supporter_id not in answered_here]
    if not answers:
        return
    provenances = {(answer.organisation_id, answer.provenance) for answer in answers}
    wording_ids = wordings.imported(session, provenances, now=now)
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(answers)),
        "supporter_id": [answer.supporter_id for answer in answers],
        "signature_id": [answer.signature_id for answer in answers],
        "wording_id": [
            wording_ids[answer.organisation_id, answer.provenance] for answer in answers
        ],
        "granted": [answer.granted for answer in answers],
        "given_at": [answer.given_at for answer in answers],
        "effective_at": [answer.effective_at for answer in answers],
    }
    shared = {"kind": wordings.UPDATES}
    bulk.insert_columns(session, _consent, varying, shared, skip_existing=False)


def wants_updates(session: Session, supporter_id: UUID) -> bool:
    """Returns whether a supporter's latest effective answer is that they want news."""
    return last_answer(session, supporter_id, is_effective=True) is True


def last_answer(session: Session, supporter_id: UUID, *, is_effective: bool) -> bool | None:
    """Returns the latest answer about news, or None; `is_effective` skips unconfirmed ones.

    The latest is by when it was given, not confirmed, so that a refusal outlives an earlier consent
    that is confirmed after it.
    """
    statement = sa.select(_consent.c.granted).where(
        _consent.c.supporter_id == supporter_id, _consent.c.kind == wordings.UPDATES
    )
    if is_effective:
        statement = statement.where(_consent.c.effective_at.is_not(None))
    latest = statement.order_by(*NEWEST).limit(1)
    granted: bool | None = session.connection().execute(latest).scalar()
    return granted


def may_be_sent_updates() -> sa.ColumnElement[bool | None]:
    """SQL for supporters: may they be sent news?

    As `wants_updates`, but NULL if no answer has taken effect, and false if they want no email at
    all.
    """
    latest = (
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
    return sa.case((is_off, sa.false()), else_=latest.scalar_subquery())


def has_answered_since(moment: datetime) -> sa.ColumnElement[bool]:
    """SQL for supporters: can `may_be_sent_updates` have changed then or later?"""
    answered = sa.exists().where(
        _consent.c.supporter_id == _supporter.c.id,
        _consent.c.kind == wordings.UPDATES,
        _consent.c.effective_at >= moment,
    )
    # `changed_at` is also when emails were turned on again.
    return sa.or_(answered, _supporter.c.mail_off_at >= moment, _supporter.c.changed_at >= moment)


def forget_letter(session: Session, letter_id: UUID) -> None:
    """Unlink the answers that came with a letter that is being replaced; they stay in force."""
    session.connection().execute(
        sa.update(_consent).where(_consent.c.letter_id == letter_id).values(letter_id=None)
    )

"""Turns letters that wait from before there were submissions into submissions, and back.

Its links stay good, since a submission has the id of its letter. The next release can drop this
module, with `LetterState.PENDING`.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from models import (
    Consent,
    Keyring,
    Letter,
    LetterState,
    MessageKind,
    Submission,
    SubmissionKind,
    SubmissionState,
    Supporter,
)
from models.base import table_of
from services.common import texts
from services.database import bulk
from services.letters import submitted_letters
from services.letters.submitted_letters import SubmittedLetter
from services.mail import outbox
from services.submissions import payload, standing_letters
from services.submissions.ending import KEPT_FOR
from services.submissions.payload import LetterPayload, Unreadable
from services.supporters import confirmed_answers, supporters, unknown, wordings
from services.supporters.confirmed_answers import ConfirmedAnswers
from services.supporters.supporters import EmailAddress

_letter, _submission = table_of(Letter), table_of(Submission)
_consent, _supporter = table_of(Consent), table_of(Supporter)
_SEALED = ("name", "address", "subject", "body")
# Sealed texts are read as bytes: a damaged one must not stop the other rows.
_PENDING = (
    sa.select(
        *(column for column in _letter.c if column.name not in _SEALED),
        *(sa.type_coerce(_letter.c[name], sa.LargeBinary).label(name) for name in _SEALED),
        sa.type_coerce(_supporter.c.email, sa.LargeBinary).label("email"),
        _supporter.c.email_index,
        _supporter.c.organisation_id,
        _supporter.c.created_at.label("known_since"),
    )
    .join(_supporter, _supporter.c.id == _letter.c.supporter_id)
    .where(_letter.c.state == LetterState.PENDING)
    .order_by(_letter.c.id)
    .with_for_update(of=_letter, skip_locked=True)
)
_ANY = sa.select(_letter.c.id).where(_letter.c.state == LetterState.PENDING).limit(1)
THE_OLDEST = UUID(int=0)
_SLACK = timedelta(minutes=1)
"""How much earlier than a letter a supporter can be dated who came with it."""
_SORTED = (SubmissionState.ASKED, SubmissionState.WAITING)
log = structlog.get_logger()


def is_needed(session: Session, *, after: UUID = THE_OLDEST) -> bool:
    """Returns whether there is a pending letter after an id.

    There is no index for it: this reads all letters from the id on.
    """
    statement = _ANY.where(_letter.c.id > after)
    return session.connection().execute(statement).first() is not None


def adopt(
    session: Session, *, keyring: Keyring, now: datetime, limit: int, after: UUID = THE_OLDEST
) -> int:
    """Turns pending letters after an id into submissions, and deletes those that are too old.

    Returns how many, at most `limit`: 0 when none is left, or none that can be decrypted.
    """
    statement = _PENDING.where(_letter.c.id > after).limit(limit)
    return _adopt(session, session.connection().execute(statement).all(), keyring, now)


def adopt_one(session: Session, letter_id: UUID, *, keyring: Keyring, now: datetime) -> None:
    """Does the same for one letter, if it is pending, and waits for another transaction's lock."""
    statement = _PENDING.where(_letter.c.id == letter_id).with_for_update(of=_letter)
    _adopt(session, session.connection().execute(statement).all(), keyring, now)


def give_back(session: Session, *, now: datetime, limit: int) -> int:
    """Turns some submitted letters into pending ones, the newest first; returns how many.

    Of several to one member about one motion the newest stays, unless an earlier one is on its way.
    Those that were not sorted yet are left: the caller sorts first. So are damaged ones.
    """
    statement = (
        sa.select(
            _submission.c.id,
            _submission.c.campaign_id,
            _submission.c.constituency_code,
            _submission.c.received_at,
            _submission.c.state,
            _submission.c.address_index,
            _submission.c.due_at,
        )
        .where(_submission.c.kind == SubmissionKind.LETTER, _submission.c.state.in_(_SORTED))
        .order_by(_submission.c.id.desc())
        .limit(limit)
    )
    rows = session.connection().execute(statement).all()
    return sum(_give_back(session, row, now) for row in rows)


def _adopt(session: Session, rows: Sequence[Any], keyring: Keyring, now: datetime) -> int:
    old = [row for row in rows if row.created_at <= now - KEPT_FOR]
    young = [row for row in rows if row.created_at > now - KEPT_FOR]
    answers = _waiting_answers(session, [row.id for row in young])
    submissions = [
        submission
        for row in young
        if (submission := _as_submission(row, answers.get(row.id), keyring))
    ]
    if submissions:
        bulk.insert(session, _submission, submissions, skip_existing=True)
    doomed = [*(submission["id"] for submission in submissions), *(row.id for row in old)]
    _delete_letters(session, doomed)
    came_with = [row.supporter_id for row in old if row.known_since >= row.created_at - _SLACK]
    unknown.delete(session, came_with)
    return len(doomed)


def _waiting_answers(session: Session, letter_ids: Sequence[UUID]) -> dict[UUID, bool]:
    statement = sa.select(_consent.c.letter_id, _consent.c.granted).where(
        _consent.c.letter_id.in_(letter_ids),
        _consent.c.kind == wordings.UPDATES,
        _consent.c.effective_at.is_(None),
    )
    return {row.letter_id: row.granted for row in session.connection().execute(statement)}


def _as_submission(row: Any, updates: bool | None, keyring: Keyring) -> dict[str, Any] | None:
    """Returns the columns of the submission of a letter; None if it cannot be decrypted."""
    try:
        email = keyring.open(bytes(row.email), "supporter.email").text
        own = {
            name: keyring.open(bytes(getattr(row, name)), f"letter.{name}").text for name in _SEALED
        }
    except ValueError:
        log.error("letter_unreadable", letter=str(row.id))
        return None
    contents = LetterPayload(
        email=email,
        **json.loads(own["address"]),
        name=own["name"],
        subject=own["subject"],
        body=own["body"],
        member_id=row.member_id,
        motion_id=row.motion_id,
        act=row.act,
        variant=row.variant,
        locale=row.locale,
        wants_copy=row.wants_copy,
        updates=updates,
    )
    return {
        "id": row.id,
        "kind": SubmissionKind.LETTER,
        "campaign_id": row.campaign_id,
        "constituency_code": row.constituency_code,
        "received_at": row.created_at,
        "payload": payload.seal(row.organisation_id, contents),
        "state": SubmissionState.ASKED,
        "address_index": bytes(row.email_index),
    }


def _delete_letters(session: Session, ids: Sequence[UUID]) -> None:
    connection = session.connection()
    connection.execute(
        sa.delete(_consent).where(_consent.c.letter_id.in_(ids), _consent.c.effective_at.is_(None))
    )
    connection.execute(sa.delete(_letter).where(_letter.c.id.in_(ids)))


def _give_back(session: Session, row: Any, now: datetime) -> bool:
    sealed = sa.select(_submission.c.payload).where(_submission.c.id == row.id)
    try:
        private = session.connection().execute(sealed).scalar_one()
        contents = payload.letter_of_text(private.text)
    except (Unreadable, ValueError, TypeError):
        log.error("submission_unreadable", submission=str(row.id))
        return False
    submitted = submitted_letters.of_payload(
        row.id,
        contents,
        organisation_id=private.organisation_id,
        campaign_id=row.campaign_id,
        constituency_code=row.constituency_code,
        received_at=row.received_at,
    )
    submitted_letters.delete(session, row.id)
    _insert_pending(session, submitted, bytes(row.address_index), now)
    if row.state is SubmissionState.WAITING:
        # Without recipient: the limits of the day have been kept by `due_at`.
        message = outbox.NewMessage(MessageKind.CONFIRM_LETTER, row.id, None, row.due_at)
        outbox.insert(session, [message], now=now)
    return True


def _insert_pending(
    session: Session, submitted: SubmittedLetter, index: bytes, now: datetime
) -> None:
    letter, owner = submitted.letter, submitted.organisation_id
    email = submitted.payload.email
    address = EmailAddress(owner, email, texts.canonical_email(email), index)
    ((supporter_id, _),) = supporters.find_or_add(session, [address], now=now)
    letter.supporter_id = UUID(supporter_id)
    earlier = session.exec(
        select(Letter.id, Letter.state, standing_letters.stands()).where(
            *standing_letters.is_same(
                letter.supporter_id,
                member_id=letter.member_id,
                motion_id=letter.motion_id,
                campaign_id=letter.campaign_id,
            )
        )
    ).first()
    if earlier is not None:
        earlier_id, state, stands = earlier
        if stands or state is LetterState.PENDING:
            return
        supporters.forget_letter(session, earlier_id)
        session.connection().execute(sa.delete(_letter).where(col(Letter.id) == earlier_id))
    session.add(letter)
    session.flush()
    answers = ConfirmedAnswers(
        owner,
        supporter_id,
        letter.created_at,
        updates=submitted.payload.updates,
        letter_id=letter.id,
    )
    confirmed_answers.save(session, [answers], now=now, is_effective=False)

"""Turns submissions back into pending signatures, which the version before submissions reads.

This is for the way down to the schema of that version, while no server runs. It had one signature
per person and petition: of several submissions the newest becomes one, and none does where the
person has a signature in any state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Keyring,
    MessageKind,
    Private,
    Signature,
    SignatureState,
    Submission,
    SubmissionState,
)
from models.base import table_of
from services.database import bulk
from services.database.bulk import BulkLookup
from services.mail import outbox, recipients
from services.mail.outbox import NewMessage
from services.submissions import payload
from services.submissions.payload import SignaturePayload, Unreadable
from services.supporters import confirmed_answers, supporters, tags
from services.supporters.confirmed_answers import ConfirmedAnswers, PartnerAnswer
from services.supporters.supporters import EmailAddress, ImportedAnswer

AT_ONCE = 200
THE_NEWEST = UUID(int=(1 << 128) - 1)
_signature, _submission = table_of(Signature), table_of(Submission)
_NEXT = (
    sa.select(
        _submission.c.id,
        _submission.c.petition_id,
        _submission.c.constituency_code,
        _submission.c.received_at,
        _submission.c.state,
        sa.type_coerce(_submission.c.payload, sa.LargeBinary).label("sealed"),
    )
    .where(_submission.c.petition_id.is_not(None), _submission.c.id < sa.bindparam("before"))
    .order_by(_submission.c.id.desc())
    .limit(AT_ONCE)
    .with_for_update()
)
_OF_SUPPORTERS = BulkLookup(
    lambda among: sa.select(_signature.c.petition_id, _signature.c.supporter_id).where(
        among(_signature.c.supporter_id, "supporters")
    )
)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What became of some submissions.

    `ended` are no submissions any more; `left` are the ids of those that cannot be decrypted.
    `last` is the id of the oldest one that was looked at, None at the end.
    """

    ended: int
    left: tuple[UUID, ...]
    last: UUID | None


@dataclass(frozen=True, slots=True)
class _Submitted:
    """A submission with its payload. `supporter_id` is in hex digits."""

    row: Any
    organisation_id: UUID
    contents: SignaturePayload
    address: EmailAddress
    supporter_id: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        return self.row.petition_id.hex, self.supporter_id

    def private(self, text: str | None) -> Private | None:
        return None if text is None else Private(self.organisation_id, text)


def count(session: Session) -> int:
    """Counts the submissions of signatures."""
    statement = sa.select(sa.func.count()).where(_submission.c.petition_id.is_not(None))
    return session.connection().execute(statement).scalar_one()


def give_back(session: Session, *, before: UUID, keyring: Keyring, now: datetime) -> GivenBack:
    """Ends the next 200 submissions before an id, the newest first.

    They become pending signatures of supporters, with consents that wait. Those that got no mail
    yet get one, within the daily limit.
    """
    rows = session.connection().execute(_NEXT, {"before": before}).all()
    left, submitted = [], []
    for row in rows:
        try:
            submitted.append(_submitted(row, keyring))
        except Unreadable:
            left.append(row.id)
    ids = [each.row.id for each in submitted]
    if submitted:
        _write(session, _new(session, _with_supporters(session, submitted, now)), keyring, now)
        session.connection().execute(sa.delete(_submission).where(_submission.c.id.in_(ids)))
    return GivenBack(len(ids), tuple(left), rows[-1].id if rows else None)


def _submitted(row: Any, keyring: Keyring) -> _Submitted:
    organisation_id, contents = payload.open_sealed(row.sealed, keyring)
    address = EmailAddress.of(organisation_id, contents.email, keyring)
    return _Submitted(row, organisation_id, contents, address)


def _with_supporters(
    session: Session, submitted: Sequence[_Submitted], now: datetime
) -> list[_Submitted]:
    ids = supporters.find_or_add(session, [each.address for each in submitted], now=now)
    return [
        replace(each, supporter_id=supporter_id)
        for each, (supporter_id, _) in zip(submitted, ids, strict=True)
    ]


def _new(session: Session, submitted: Sequence[_Submitted]) -> list[_Submitted]:
    """Returns the newest submission of each person and petition without a signature."""
    supporter_ids = list({UUID(each.supporter_id) for each in submitted})
    rows = _OF_SUPPORTERS.rows(session, supporters=supporter_ids)
    taken = {(petition_id.hex, supporter_id.hex) for petition_id, supporter_id in rows}
    newest: dict[tuple[str, str], _Submitted] = {}
    for each in sorted(submitted, key=lambda each: each.row.received_at, reverse=True):
        if each.pair not in taken:
            newest.setdefault(each.pair, each)
    return list(newest.values())


def _write(
    session: Session, submitted: Sequence[_Submitted], keyring: Keyring, now: datetime
) -> None:
    if not submitted:
        return
    shared = {"state": SignatureState.PENDING}
    bulk.insert_columns(session, _signature, _columns(submitted), shared, skip_existing=False)
    _save_answers(session, submitted, now)
    taggings = [
        (tag_id, UUID(each.supporter_id)) for each in submitted for tag_id in each.contents.tag_ids
    ]
    tags.add_confirmed(session, taggings, now=now)
    messages = [
        NewMessage(
            MessageKind.CONFIRM_SIGNATURE,
            each.row.id,
            recipients.recipient_of(each.contents.email, keyring),
        )
        for each in submitted
        if each.row.state is not SubmissionState.ASKED
    ]
    outbox.queue(session, messages, now=now)


def _columns(submitted: Sequence[_Submitted]) -> dict[str, list[Any]]:
    contents = [each.contents for each in submitted]
    partner_ids = [typed.partner.id if typed.partner else typed.partner_id for typed in contents]
    return {
        "id": [each.row.id for each in submitted],
        "petition_id": [each.row.petition_id for each in submitted],
        "supporter_id": [each.supporter_id for each in submitted],
        "constituency_code": [each.row.constituency_code for each in submitted],
        "name": [each.private(each.contents.name) for each in submitted],
        "postcode": [each.private(each.contents.postcode) for each in submitted],
        "comment": [each.private(each.contents.comment) for each in submitted],
        "country": [typed.country for typed in contents],
        "locale": [typed.locale for typed in contents],
        "source": [typed.source for typed in contents],
        "partner_id": partner_ids,
        "provenance": [typed.provenance for typed in contents],
        "signed_at": [each.row.received_at for each in submitted],
        "changed_at": [each.row.received_at for each in submitted],
        "partner_changed_at": [
            each.row.received_at if partner_id else None
            for each, partner_id in zip(submitted, partner_ids, strict=True)
        ],
    }


def _save_answers(session: Session, submitted: Sequence[_Submitted], now: datetime) -> None:
    here = [_answers(each) for each in submitted if each.contents.provenance is None]
    confirmed_answers.save(session, here, now=now, is_effective=False)
    elsewhere = [
        ImportedAnswer(
            each.organisation_id,
            UUID(each.supporter_id),
            each.contents.updates,
            signature_id=each.row.id,
            provenance=each.contents.provenance,
            given_at=datetime.fromisoformat(each.contents.given_at)
            if each.contents.given_at
            else each.row.received_at,
            effective_at=None,
        )
        for each in submitted
        if each.contents.provenance is not None and each.contents.updates is not None
    ]
    supporters.note_imported(session, elsewhere, now=now)


def _answers(each: _Submitted) -> ConfirmedAnswers:
    partner, granted = each.contents.partner, each.contents.partner_contact
    return ConfirmedAnswers(
        each.organisation_id,
        each.supporter_id,
        each.row.received_at,
        updates=each.contents.updates,
        partner=PartnerAnswer(partner.slug, partner.name, granted)
        if partner is not None and granted is not None
        else None,
        signature_id=each.row.id,
    )

"""Saves the answers that came with a submission, once its sender has confirmed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from models import Consent
from models.base import RowId, new_ids, table_of
from services.database import bulk
from services.supporters import wordings

_consent = table_of(Consent)


@dataclass(frozen=True, slots=True)
class PartnerAnswer:
    """The answer to a partner's question, with the partner's name as the signer saw it."""

    slug: str
    name: str
    granted: bool


@dataclass(frozen=True, slots=True)
class ConfirmedAnswers:
    """The answers of one submission. None: not asked. `supporter_id` is in hex digits."""

    organisation_id: UUID
    supporter_id: str
    given_at: datetime
    updates: bool | None = None
    partner: PartnerAnswer | None = None
    signature_id: RowId | None = None
    letter_id: RowId | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    answers: ConfirmedAnswers
    wording_id: UUID
    kind: str
    granted: bool


def save(
    session: Session,
    confirmed: Sequence[ConfirmedAnswers],
    *,
    now: datetime,
    is_effective: bool = True,
) -> None:
    """Saves answers with the wording that was in force when they were given; effective now.

    With `is_effective=False` they wait for the confirmation of their signature.
    """
    rows = [*_updates(session, confirmed), *_to_partners(session, confirmed, now)]
    if not rows:
        return
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(rows)),
        "supporter_id": [row.answers.supporter_id for row in rows],
        "signature_id": [row.answers.signature_id for row in rows],
        "letter_id": [row.answers.letter_id for row in rows],
        "wording_id": [row.wording_id for row in rows],
        "kind": [row.kind for row in rows],
        "granted": [row.granted for row in rows],
        "given_at": [row.answers.given_at for row in rows],
    }
    shared = {"effective_at": now if is_effective else None}
    bulk.insert_columns(session, _consent, varying, shared, skip_existing=False)


def _updates(session: Session, confirmed: Sequence[ConfirmedAnswers]) -> list[_Row]:
    asked = [answers for answers in confirmed if answers.updates is not None]
    if not asked:
        return []
    moments = {(answers.organisation_id, answers.given_at) for answers in asked}
    ids = wordings.updates_wordings_at(session, moments)
    return [
        _Row(
            answers,
            ids[answers.organisation_id, answers.given_at],
            wordings.UPDATES,
            bool(answers.updates),
        )
        for answers in asked
    ]


def _to_partners(
    session: Session, confirmed: Sequence[ConfirmedAnswers], now: datetime
) -> list[_Row]:
    asked = [(answers, answers.partner) for answers in confirmed if answers.partner is not None]
    if not asked:
        return []
    keys = [(answers.organisation_id, partner.slug, partner.name) for answers, partner in asked]
    ids = wordings.of_partners(session, set(keys), now=now)
    return [
        _Row(answers, ids[key], wordings.partner_kind(partner.slug), partner.granted)
        for (answers, partner), key in zip(asked, keys, strict=True)
    ]

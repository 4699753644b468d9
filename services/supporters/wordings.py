"""The exact words that people agree to. A changed text is a new row: old consents keep theirs."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Consent, Organisation, Wording
from models.base import new_id, table_of
from services.database.engine import insert_ignore

UPDATES = "updates"
IMPORTED = "updates_imported"
"""The kind of a wording that is not ours: of an answer that was given elsewhere."""
PARTNER_KIND = "partner:"
"""With the partner's slug, which never changes: each partner's question is one of its own."""
DEFAULT_UPDATES = (
    "Yes, {organisation} may e-mail me news of this campaign. I can stop this at any time."
)
PARTNER = (
    "Yes, {partner} may contact me. For that it gets my name, e-mail address, postcode and comment."
)
ELSEWHERE = "Asked elsewhere, in words of its own: {provenance}"

_consent, _wording = table_of(Consent), table_of(Wording)
_IN_FORCE = (
    sa.select(_wording.c.organisation_id, _wording.c.id)
    .where(
        _wording.c.organisation_id.in_(sa.bindparam("organisations", expanding=True)),
        _wording.c.kind == UPDATES,
    )
    .order_by(_wording.c.created_at)
)


def updates_texts(session: Session, organisation_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What each organisation asks beside the box for news; a default where it set none."""
    current = _current(session, organisation_ids)
    statement = select(Organisation).where(col(Organisation.id).in_(set(organisation_ids)))
    return {
        organisation.id: current[organisation.id].text
        if organisation.id in current
        else DEFAULT_UPDATES.format(organisation=organisation.name)
        for organisation in session.exec(statement)
    }


def updates_wordings(
    session: Session, organisation_ids: set[UUID], *, now: datetime
) -> dict[UUID, UUID]:
    """The id of the wording in force for each organisation; defaults are written down now."""
    found = _current_ids(session, organisation_ids)
    missing = organisation_ids - found.keys()
    if missing:
        for organisation_id, text in updates_texts(session, missing).items():
            set_updates(session, organisation_id, text, now=now)
        found |= _current_ids(session, missing)
    return found


def set_updates(session: Session, organisation_id: UUID, text: str, *, now: datetime) -> None:
    """Put a wording in force; the same text again changes nothing."""
    insert_ignore(session, _wording, [_row(organisation_id, UPDATES, text, now)])


def imported(
    session: Session, places: Collection[tuple[UUID, str]], *, now: datetime
) -> dict[tuple[UUID, str], UUID]:
    """The ids of what stands in for the words that people read elsewhere, by organisation and
    provenance: nobody here knows those, and it says so."""
    texts = {(owner, place): ELSEWHERE.format(provenance=place) for owner, place in places}
    exact = {(owner, IMPORTED, text) for (owner, _), text in texts.items()}
    found = _ids_of_texts(session, exact, now)
    return {(owner, place): found[owner, IMPORTED, text] for (owner, place), text in texts.items()}


def partner_kind(slug: str) -> str:
    """The kind of wordings, and of consents, to one partner of an organisation."""
    return f"{PARTNER_KIND}{slug}"


def partner_text(name: str) -> str:
    """What is asked on a partner's behalf, by the name that it has now."""
    return PARTNER.format(partner=name)


def of_partners(
    session: Session, partners: Collection[tuple[UUID, str, str]], *, now: datetime
) -> dict[tuple[UUID, str, str], UUID]:
    """The ids of what is asked on behalf of partners, by organisation, slug and name. A partner
    that changes its name has a new text; what was agreed to keeps the old one."""
    exact = {each: (each[0], partner_kind(each[1]), partner_text(each[2])) for each in partners}
    found = _ids_of_texts(session, exact.values(), now)
    return {each: found[key] for each, key in exact.items()}


def awaiting_confirmation(session: Session, signature_id: UUID) -> list[str]:
    """What a signer agrees to with their confirmation, in the words that they were asked: of each
    question what was said last, if that was yes."""
    statement = (
        sa.select(_consent.c.kind, _consent.c.granted, _wording.c.text)
        .join(_wording, _wording.c.id == _consent.c.wording_id)
        .where(_consent.c.signature_id == signature_id, _consent.c.effective_at.is_(None))
        .order_by(_consent.c.given_at, _consent.c.id)
    )
    said = {row[0]: (row[1], row[2]) for row in session.connection().execute(statement)}
    return [text for granted, text in said.values() if granted]


def _ids_of_texts(
    session: Session, exact: Collection[tuple[UUID, str, str]], now: datetime
) -> dict[tuple[UUID, str, str], UUID]:
    """The ids of texts by organisation, kind and text, those that are new written down now."""
    insert_ignore(session, _wording, [_row(*each, now) for each in sorted(exact)])
    owners, kinds, texts = (set(values) for values in zip(*exact, strict=True))
    statement = sa.select(
        _wording.c.organisation_id, _wording.c.kind, _wording.c.text, _wording.c.id
    ).where(
        _wording.c.organisation_id.in_(owners),
        _wording.c.kind.in_(kinds),
        _wording.c.text.in_(texts),
    )
    rows = session.connection().execute(statement)
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def _row(organisation_id: UUID, kind: str, text: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organisation_id": organisation_id,
        "kind": kind,
        "locale": "en",
        "text": text,
        "created_at": now,
    }


def _current_ids(session: Session, organisation_ids: set[UUID]) -> dict[UUID, UUID]:
    rows = session.connection().execute(_IN_FORCE, {"organisations": list(organisation_ids)})
    return {row[0]: row[1] for row in rows}  # of one organisation, the last is in force


def _current(session: Session, organisation_ids: Iterable[UUID]) -> dict[UUID, Wording]:
    statement = (
        select(Wording)
        .where(col(Wording.organisation_id).in_(set(organisation_ids)), Wording.kind == UPDATES)
        .order_by(col(Wording.created_at))
    )
    return {wording.organisation_id: wording for wording in session.exec(statement)}

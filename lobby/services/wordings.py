"""The exact words that people agree to. A changed text is a new row: old consents keep theirs."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import Organisation, Wording
from lobby.models.base import new_id, table_of
from lobby.services.database import insert_ignore

UPDATES = "updates"
IMPORTED = "updates_imported"
"""The kind of a wording that is not ours: of an answer that was given elsewhere."""
DEFAULT_UPDATES = (
    "Yes, {organisation} may e-mail me news of this campaign. I can stop this at any time."
)
ELSEWHERE = "Asked elsewhere, in words of its own: {provenance}"

_wording = table_of(Wording)
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
    rows = [_row(owner, IMPORTED, text, now) for (owner, _), text in sorted(texts.items())]
    insert_ignore(session, _wording, rows)
    owners = {owner for owner, _ in places}
    statement = sa.select(_wording.c.organisation_id, _wording.c.text, _wording.c.id).where(
        _wording.c.organisation_id.in_(owners),
        _wording.c.kind == IMPORTED,
        _wording.c.text.in_(texts.values()),
    )
    found = {(row[0], row[1]): row[2] for row in session.connection().execute(statement)}
    return {(owner, place): found[owner, text] for (owner, place), text in texts.items()}


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

"""The exact words that people agree to. A changed text is a new row: old consents keep theirs."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from lobby.models import Organisation, Wording
from lobby.models.base import new_id, table_of
from lobby.services.database import insert_ignore

UPDATES = "updates"
DEFAULT_UPDATES = (
    "Yes, {organisation} may e-mail me news of this campaign. I can stop this at any time."
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
    for organisation_id, text in updates_texts(session, organisation_ids).items():
        set_updates(session, organisation_id, text, now=now)
    return {key: wording.id for key, wording in _current(session, organisation_ids).items()}


def set_updates(session: Session, organisation_id: UUID, text: str, *, now: datetime) -> None:
    """Put a wording in force; the same text again changes nothing."""
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "kind": UPDATES,
        "locale": "en",
        "text": text,
        "created_at": now,
    }
    insert_ignore(session, table_of(Wording), [row])


def _current(session: Session, organisation_ids: Iterable[UUID]) -> dict[UUID, Wording]:
    statement = (
        select(Wording)
        .where(col(Wording.organisation_id).in_(set(organisation_ids)), Wording.kind == UPDATES)
        .order_by(col(Wording.created_at))
    )
    return {wording.organisation_id: wording for wording in session.exec(statement)}

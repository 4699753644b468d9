"""Changes who an organisation is, and what follows from a new name."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, select

from models import Organisation
from services.organisations import identity
from services.supporters import wordings


def locked(session: Session, organisation_id: UUID) -> Organisation:
    """Returns an organisation as it is now, with its row locked until the transaction ends."""
    statement = select(Organisation).where(Organisation.id == organisation_id)
    fresh = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.exec(fresh).one()


def change(
    session: Session,
    organisation: Organisation,
    *,
    name: str,
    values: Mapping[str, str | None],
    now: datetime,
) -> Organisation:
    """Changes the name and the given fields of an organisation whose row is locked.

    With another name, the question for consent to news has other words from then on, unless the
    organisation wrote its own. Earlier answers keep theirs. Raises Invalid.
    """
    identity.change(session, organisation, values)
    if name == organisation.name:
        return organisation
    asked = wordings.updates_texts(session, [organisation.id])[organisation.id]
    is_default = asked == wordings.DEFAULT_UPDATES.format(organisation=organisation.name)
    organisation.name = name
    session.add(organisation)
    session.flush()
    if is_default:
        text = wordings.DEFAULT_UPDATES.format(organisation=name)
        wordings.set_updates(session, organisation.id, text, now=now)
    return organisation

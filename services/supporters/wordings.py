"""The exact texts that people consent to. A changed text is a new row; old consents keep theirs."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Organisation, Wording
from models.base import new_id, table_of
from services.database.engine import insert_ignore

UPDATES = "updates"
IMPORTED = "updates_imported"
"""The kind of wording of answers that were given elsewhere."""
PARTNER_KIND = "partner:"
"""The prefix of the kind of each partner's own question; the partner's slug follows."""
DEFAULT_UPDATES = "Yes, {organisation} can email me about this campaign"
PARTNER = "Yes, {partner} can contact me. It gets my name, email address, postcode and comment."
_PARTNER_BEFORE = (
    "Yes, {partner} may contact me. For that it gets my name, e-mail address, postcode and comment."
)
"""The text of earlier versions, which many have agreed to."""
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

_HISTORY = (
    sa.select(_wording.c.organisation_id, _wording.c.created_at, _wording.c.id)
    .where(
        _wording.c.organisation_id.in_(sa.bindparam("organisations", expanding=True)),
        _wording.c.kind == UPDATES,
    )
    .order_by(_wording.c.created_at, _wording.c.id)
)


def updates_texts(session: Session, organisation_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Returns each organisation's current text for the question about news, or the default."""
    statement = select(Organisation).where(col(Organisation.id).in_(set(organisation_ids)))
    return updates_texts_of(session, session.exec(statement).all())


def updates_texts_of(session: Session, organisations: Collection[Organisation]) -> dict[UUID, str]:
    """Returns the same for organisations that have been read already, in one statement."""
    current = _current(session, [organisation.id for organisation in organisations])
    return {
        organisation.id: current[organisation.id].text
        if organisation.id in current
        else DEFAULT_UPDATES.format(organisation=organisation.name)
        for organisation in organisations
    }


def updates_wordings(
    session: Session, organisation_ids: set[UUID], *, now: datetime
) -> dict[UUID, UUID]:
    """Returns the id of each organisation's current wording; defaults are inserted if needed."""
    ids = _current_ids(session, organisation_ids)
    missing = organisation_ids - ids.keys()
    if missing:
        for organisation_id, text in updates_texts(session, missing).items():
            set_updates(session, organisation_id, text, now=now)
        ids |= _current_ids(session, missing)
    return ids


def updates_wordings_at(
    session: Session, moments: Collection[tuple[UUID, datetime]]
) -> dict[tuple[UUID, datetime], UUID]:
    """Returns the ids of the wordings in force at a time, by organisation and time.

    Before an organisation's first own wording the default was shown: it is inserted if needed.
    """
    organisation_ids = {organisation_id for organisation_id, _ in moments}
    params = {"organisations": list(organisation_ids)}
    history: dict[UUID, list[tuple[datetime, UUID]]] = defaultdict(list)
    for organisation_id, created_at, wording_id in session.connection().execute(_HISTORY, params):
        history[organisation_id].append((created_at, wording_id))
    in_force, missing = {}, set()
    for organisation_id, moment in moments:
        ids = [row_id for created_at, row_id in history[organisation_id] if created_at <= moment]
        if ids:
            in_force[organisation_id, moment] = ids[-1]
        else:
            missing.add((organisation_id, moment))
    if missing:
        in_force |= _defaults_at(session, missing)
    return in_force


def set_updates(session: Session, organisation_id: UUID, text: str, *, now: datetime) -> None:
    """Make a text the current wording; the same text again changes nothing."""
    insert_ignore(session, _wording, [_row(organisation_id, UPDATES, text, now)])


def imported(
    session: Session, provenances: Collection[tuple[UUID, str]], *, now: datetime
) -> dict[tuple[UUID, str], UUID]:
    """Returns the ids of wordings for imported answers, by organisation and provenance.

    The text that people saw elsewhere is unknown, so the wording only says where that was.
    """
    texts = {
        (owner, provenance): ELSEWHERE.format(provenance=provenance)
        for owner, provenance in provenances
    }
    ids = _ids_of_texts(
        session, {(owner, IMPORTED, text) for (owner, _), text in texts.items()}, now
    )
    return {key: ids[key[0], IMPORTED, text] for key, text in texts.items()}


def partner_kind(slug: str) -> str:
    """Returns the kind of wordings and consents of one partner of an organisation."""
    return f"{PARTNER_KIND}{slug}"


def partner_text(name: str) -> str:
    """Returns the text of a partner's question, for its current name."""
    return PARTNER.format(partner=name)


def partner_in(text: str) -> str | None:
    """Returns the partner's name in a text that `partner_text` made; None in any other text."""
    for template in (PARTNER, _PARTNER_BEFORE):
        head, tail = template.split("{partner}")
        if text.startswith(head) and text.endswith(tail):
            return text[len(head) : len(text) - len(tail)]
    return None


def of_partners(
    session: Session, partners: Collection[tuple[UUID, str, str]], *, now: datetime
) -> dict[tuple[UUID, str, str], UUID]:
    """Returns the ids of partners' wordings, by organisation, slug and name.

    A partner that changes its name gets a new wording; existing consents keep the old one.
    """
    texts = {
        (owner, slug, name): (owner, partner_kind(slug), partner_text(name))
        for owner, slug, name in partners
    }
    ids = _ids_of_texts(session, texts.values(), now)
    return {partner: ids[text] for partner, text in texts.items()}


def updates_text_at(session: Session, organisation_id: UUID, moment: datetime) -> str:
    """Returns an organisation's text for the question about news at a time, or the default."""
    statement = (
        select(Wording.text)
        .where(
            Wording.organisation_id == organisation_id,
            Wording.kind == UPDATES,
            Wording.created_at <= moment,
        )
        .order_by(col(Wording.created_at).desc(), col(Wording.id).desc())
    )
    text = session.exec(statement).first()
    if text is not None:
        return text
    organisation = session.get_one(Organisation, organisation_id)
    return DEFAULT_UPDATES.format(organisation=organisation.name)


def _ids_of_texts(
    session: Session, keys: Collection[tuple[UUID, str, str]], now: datetime
) -> dict[tuple[UUID, str, str], UUID]:
    """Returns the ids of wordings by organisation, kind and text; inserts those that are new."""
    insert_ignore(session, _wording, [_row(*key, now) for key in sorted(keys)])
    owners, kinds, texts = (set(values) for values in zip(*keys, strict=True))
    statement = sa.select(
        _wording.c.organisation_id, _wording.c.kind, _wording.c.text, _wording.c.id
    ).where(
        _wording.c.organisation_id.in_(owners),
        _wording.c.kind.in_(kinds),
        _wording.c.text.in_(texts),
    )
    rows = session.connection().execute(statement)
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def _defaults_at(
    session: Session, moments: Collection[tuple[UUID, datetime]]
) -> dict[tuple[UUID, datetime], UUID]:
    """Inserts default wordings as of the earliest of these times, so that they are not current."""
    earliest: dict[UUID, datetime] = {}
    for organisation_id, moment in moments:
        earliest[organisation_id] = min(moment, earliest.get(organisation_id, moment))
    statement = select(Organisation.id, Organisation.name).where(col(Organisation.id).in_(earliest))
    ids = {}
    for owner, name in session.exec(statement):
        key = (owner, UPDATES, DEFAULT_UPDATES.format(organisation=name))
        ids[owner] = _ids_of_texts(session, [key], earliest[owner])[key]
    return {(organisation_id, moment): ids[organisation_id] for organisation_id, moment in moments}


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
    return {row[0]: row[1] for row in rows}  # the last row of an organisation wins


def _current(session: Session, organisation_ids: Iterable[UUID]) -> dict[UUID, Wording]:
    statement = (
        select(Wording)
        .where(col(Wording.organisation_id).in_(set(organisation_ids)), Wording.kind == UPDATES)
        .order_by(col(Wording.created_at))
    )
    return {wording.organisation_id: wording for wording in session.exec(statement)}

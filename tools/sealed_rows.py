"""A value in every sealed column, and what all sealed values say."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

import worker
from models import (
    Keyring,
    Letter,
    MemberReply,
    Organiser,
    Petition,
    Private,
    ReplyKind,
    Signature,
    SignatureState,
    WebhookEndpoint,
    WebhookEvent,
)
from services.assembly import Lobby
from services.database import sealed_columns
from services.letters import letter_drafts
from services.letters.letter_drafts import DraftContent
from services.signatures import recording
from services.signatures.recording import SignatureRequest
from services.traffic import idempotency
from services.traffic.idempotency import StoredAnswer
from tools import account_rows, team_rows

Texts = dict[str, dict[Any, str]]
"""By column and primary key: the text of a sealed value."""


def add_one_of_each(lobby: Lobby) -> None:
    """Adds rows until every sealed column has a value, to the demonstration with its letters sent.

    One of the submissions is sorted, and one is new.
    """
    now = lobby.clock()
    with lobby.database.write() as session:
        _add_endpoint(session, now)
        _add_reply(session, now)
        account_rows.add_one_of_each(session, now)
        team_rows.add_one_of_each(session, now)
        attempt = idempotency.attempt(
            lobby.keyring, "a key", key_id=None, method="POST", path="/", content=b"{}"
        )
        idempotency.store(session, [(attempt, StoredAnswer(201, b"{}"))], now=now)
        is_confirmed = Signature.state == SignatureState.CONFIRMED
        signature = session.exec(select(Signature).where(is_confirmed)).first()
        petition = session.exec(select(Petition)).first()
        assert signature is not None
        assert petition is not None
        signature.comment = Private(petition.organisation_id, "We need the NHS.")
        content = DraftContent("I was born in this hospital.")
        letter_drafts.save(session, signature.id, content, version=0, now=now)
        slug = petition.slug
    for address in ("sealed-asked@example.org", "sealed-new@example.org"):
        worker.sort_submissions(lobby)
        request = SignatureRequest(slug, "Anna Example", address, "EH1 1YZ")
        with lobby.database.write() as session:
            lookup = lobby.postcodes.lookup
            recording.record(session, [request], postcodes=lookup, keyring=lobby.keyring, now=now)


def texts(session: Session, keyring: Keyring, *, version: int | None = None) -> Texts:
    """Returns all sealed texts.

    :raises ValueError: one does not open, or has another version
    """
    found: Texts = {}
    for sealed in sealed_columns.SEALED:
        statement = sa.select(sealed.key, sealed.raw).where(sealed.column.is_not(None))
        found[sealed.name] = {}
        for key, value in session.connection().execute(statement):
            if version is not None and value[0] != version:
                raise ValueError(f"{sealed.name} has a value of version {value[0]}")
            found[sealed.name][key] = keyring.text_of(bytes(value), sealed.purpose)
    return found


def _add_endpoint(session: Session, now: datetime) -> None:
    organiser = session.exec(select(Organiser)).first()
    assert organiser is not None
    owner = organiser.organisation_id
    endpoint = WebhookEndpoint(
        organisation_id=owner,
        organiser_id=organiser.id,
        url=Private(owner, "https://example.org/hook"),
        events=[WebhookEvent.LETTER_SENT],
        secret=Private(owner, "whsec_AAAA"),
        former_secret=Private(owner, "whsec_BBBB"),
        former_until=now,
        created_at=now,
        updated_at=now,
    )
    session.add(endpoint)


def _add_reply(session: Session, now: datetime) -> None:
    letter = session.exec(select(Letter)).first()
    organiser = session.exec(select(Organiser)).first()
    assert letter is not None
    assert organiser is not None
    reply = MemberReply(
        campaign_id=letter.campaign_id,
        member_id=letter.member_id,
        letter_id=letter.id,
        kind=ReplyKind.UNDECIDED,
        text=Private(organiser.organisation_id, "I will think about it."),
        verified_by=Private(organiser.organisation_id, "Olive Organiser"),
        said_on=now.date(),
        recorded_at=now,
        updated_at=now,
    )
    session.add(reply)

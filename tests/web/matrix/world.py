"""Two organisations with one object of each kind, for the matrix.

Every text of the other organisation holds `MARKER`, which no page of ours may show.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, select

from models import (
    AccountEventKind,
    AlertInterval,
    AlertKind,
    Campaign,
    CampaignStatus,
    DeliveryState,
    EventKind,
    Letter,
    LetterState,
    Member,
    Organisation,
    Organiser,
    OverrideKind,
    Private,
    QuickAnswerKind,
    Role,
    Scope,
    Supporter,
    WebhookDelivery,
    WebhookEvent,
)
from models.base import new_id
from services.accounts import invitations, record, sessions
from services.alerts import choices
from services.assembly import Lobby
from services.campaigns import (
    campaigns,
    events,
    member_notes,
    news,
    petitions,
    quick_answers,
)
from services.common import times
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.letters.kinds import variants
from services.organisations import organisations, partners
from services.parliament import member_overrides
from services.parliament.member_overrides import NewOverride
from services.webhooks import endpoints
from services.webhooks.endpoints import NewWebhook
from tests.support.common import CAMPAIGN, PETITION
from tests.support.desk import add_organiser

MARKER = "zebedee"
MEMBER, NO_SIGNER = 900001, 900013
OTHERS = "others"
UNCOMPARED = ("organiser_session", "organiser_device")
"""Tables in which every visit leaves a trace of the visitor."""
Values = dict[str, str]
Rows = dict[str, list[str]]


@dataclass
class World:
    """The values of the parameters of a path, by name, and the ids of the other organisation."""

    ours: Values
    theirs: Values
    their_ids: set[str]


def build(lobby: Lobby) -> World:
    """Adds the other organisation, and to both what the demonstration lacks."""
    with lobby.database.write() as session:
        organisations.create(session, name=f"{MARKER} Society", slug=OTHERS, now=lobby.clock())
    ours = add_side(lobby, invented_campaign.about().organisation, "our", "Our")
    theirs = add_side(lobby, OTHERS, "their", MARKER)
    ours |= {"campaign": CAMPAIGN, "petition_slug": PETITION}
    with lobby.database.read() as session:
        ids = {str(organisations.by_slug(session, OTHERS).id)}
    return World(ours, theirs, ids | {value for value in theirs.values() if _is_id(value)})


def value_of(values: Values, path: str, name: str) -> str:
    """Returns the value of a parameter of a path. A `slug` is that of what the path is about.

    Raises KeyError for one that has no value yet: add it in `add_side`.
    """
    if name != "slug":
        return values[name]
    if path.startswith("/organiser/partners/"):
        return values["partner"]
    if path.startswith("/organiser/"):
        return values["campaign"]
    return values["draft" if path.startswith("/campaigns/") else "draft_petition"]


def rows(lobby: Lobby, *, about: set[str] | None = None) -> Rows:
    """Returns all rows of the database as texts; with `about`, those with one of these ids."""
    found: Rows = {}
    with lobby.database.read() as session:
        for table in SQLModel.metadata.sorted_tables:
            if table.name not in UNCOMPARED:
                raw = [sa.type_coerce(column, _raw(column)) for column in table.c]
                texts = [repr(tuple(row)) for row in session.connection().execute(sa.select(*raw))]
                found[table.name] = sorted(
                    text for text in texts if about is None or any(each in text for each in about)
                )
    return found


def _raw(column: sa.Column[Any]) -> Any:
    """Returns a type that does not decrypt: the sealed bytes differ after every write."""
    is_sealed = isinstance(column.type, sa.types.TypeDecorator) and isinstance(
        column.type.impl_instance, sa.LargeBinary
    )
    return sa.LargeBinary() if is_sealed else column.type


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def add_side(lobby: Lobby, organisation: str, slug: str, text: str) -> Values:
    """Adds one object of each kind to an organisation; returns the parameters that name them."""
    email = f"{slug}-colleague@{text}.example.org"
    colleague = add_organiser(lobby, Role.OWNER, organisation=organisation, email=email)
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, organisation)
        found = _campaign(session, lobby, owner, slug, text)
        found |= _account(session, lobby, colleague, text)
        found |= _partners(session, lobby, owner, slug, text)
        found |= _webhook(session, lobby, colleague, text)
    return found


def _campaign(session: Session, lobby: Lobby, owner: Organisation, slug: str, text: str) -> Values:
    now = lobby.clock()
    draft = campaigns.create(
        session,
        organisation_id=owner.id,
        values={
            "slug": f"{slug}-draft",
            "title": f"{text} campaign",
            "summary": f"{text} summary",
            "status": CampaignStatus.DRAFT,
        },
        motion_id=None,
        now=now,
    )
    petition = petitions.create(
        session,
        campaign=draft,
        values={
            "slug": f"{slug}-petition",
            "action": f"{text} action",
            "addressed_to": f"{text} minister",
            "state": "draft",
        },
        now=now,
    )
    # What desk pages are about: ours is the demonstration's campaign, which is open.
    about = draft if text == MARKER else campaigns.by_slug(session, CAMPAIGN)
    variants.save(session, about, variants.built_in(), now=now, is_unfinished=True)
    title, yesterday = f"{text} news", now - timedelta(days=1)
    update = news.add(session, about, title=title, body=title, published_at=yesterday, now=now)
    day = {"kind": EventKind.OTHER, "title": f"{text} day", "day": date(2026, 9, 1)}
    event = events.add(session, about, values=day, now=now)
    own_update = update
    if about is not draft:
        own_update = news.add(
            session, draft, title=title, body=title, published_at=yesterday, now=now
        )
    return {
        "campaign": draft.slug,
        "draft": draft.slug,
        "petition_slug": petition.slug,
        "draft_petition": petition.slug,
        "update_id": str(update.id),
        "update": own_update.slug,
        "event_id": str(event.id),
        "letter_id": str(_letter(session, lobby, owner, about.id, text)),
    } | _team_records(session, lobby, owner, about, text)


def _team_records(
    session: Session, lobby: Lobby, owner: Organisation, about: Campaign, text: str
) -> Values:
    """Adds a quick answer, a note with a day to ring back, and a public statement on MPs."""
    organiser = session.exec(select(Organiser).where(Organiser.organisation_id == owner.id)).first()
    assert organiser is not None
    now = lobby.clock()
    of: dict[str, Any] = {"member_id": MEMBER, "organiser": organiser, "now": now}
    answer = quick_answers.record(session, about, kind=QuickAnswerKind.WILL_SIGN, **of)
    day = str(times.today(now))
    note = member_notes.add(session, about, text=f"{text} note", ring_back_on=day, **of)
    statement = member_overrides.record(
        session,
        NewOverride(OverrideKind.PPS, reason=f"{text} reason", link=f"https://{text}.example.org/"),
        organisation_id=owner.id,
        member=session.get_one(Member, NO_SIGNER),
        campaign=None,
        now=now,
    )
    return {
        "answer_id": str(answer.id),
        "note_id": str(note.id),
        "override_id": str(statement.override.id),
    }


def _letter(
    session: Session, lobby: Lobby, owner: Organisation, campaign_id: UUID, text: str
) -> UUID:
    """Adds an uncertain letter with the words of one of the demonstration's."""
    now, name = lobby.clock(), Private(owner.id, f"{text} writer")
    supporter = Supporter(
        organisation_id=owner.id,
        email=Private(owner.id, f"writer@{text}.example.org"),
        email_index=text.encode(),
        name=name,
        created_at=now,
    )
    session.add(supporter)
    session.flush()
    sample = session.exec(select(Letter)).first()
    assert sample is not None
    letter = Letter(
        **sample.model_dump(exclude={"id", "name", "address", "subject", "body", "sent_at"})
        | {
            "campaign_id": campaign_id,
            "supporter_id": supporter.id,
            "state": LetterState.UNCERTAIN,
            "name": name,
            "address": name,
            "subject": name,
            "body": name,
        }
    )
    session.add(letter)
    session.flush()
    return letter.id


def _account(session: Session, lobby: Lobby, colleague: Organiser, text: str) -> Values:
    now = lobby.clock()
    sessions.begin(session, colleague, device=f"{text} browser", now=now)
    (row,) = sessions.of_organiser(session, colleague.id, now=now)
    invitation = invitations.invite(
        session,
        lobby.keyring,
        by=colleague,
        email=f"guest@{text}.example.org",
        role=Role.VIEWER,
        now=now,
    )
    choices.save(session, colleague, [AlertKind.NAMES], AlertInterval.DAY, now=now)
    record.note(
        session,
        AccountEventKind.DOWNLOADED,
        organisation_id=colleague.organisation_id,
        now=now,
        organiser=colleague,
        detail=f"{text} reason",
    )
    return {
        "organiser_id": str(colleague.id),
        "session_id": str(row.id),
        "invitation_id": str(invitation.id),
    }


def _partners(session: Session, lobby: Lobby, owner: Organisation, slug: str, text: str) -> Values:
    now = lobby.clock()
    partner = partners.create(
        session, organisation=owner, name=f"{text} paper", slug=f"{slug}-paper", now=now
    )
    key = api_keys.create(
        session, organisation=owner, name=f"{text} key", scopes=[Scope.TALLIES_READ], now=now
    )
    return {"partner": partner.slug, "prefix": key.split("_")[1]}


def _webhook(session: Session, lobby: Lobby, colleague: Organiser, text: str) -> Values:
    now = lobby.clock()
    new = NewWebhook(
        f"https://{text}.example.org/in", [WebhookEvent.LETTER_SENT], description=f"{text} hook"
    )
    view, _ = endpoints.create(session, new, colleague, to_loopback=False, now=now)
    delivery = WebhookDelivery(
        id=new_id(),
        endpoint_id=view.endpoint.id,
        event=WebhookEvent.LETTER_SENT,
        payload="{}",
        state=DeliveryState.FAILED,
        created_at=now,
        due_at=now,
        finished_at=now,
        error=f"{text} error",
    )
    session.add(delivery)
    session.flush()
    return {"webhook_id": str(view.endpoint.id), "delivery_id": str(delivery.id)}

"""Writes many signatures and letters straight into a campaign, with their counters.

Every row can be opened, and is counted as the service counts: `lobby check --recount` finds
nothing. No emails are queued, so that a worker has nothing to send.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Campaign,
    CampaignStatus,
    Letter,
    LetterAct,
    LetterAnswer,
    LetterOutcome,
    LetterState,
    MessageKind,
    MessageState,
    OutboxMessage,
    Petition,
    Private,
    Signature,
    SignatureState,
    Supporter,
)
from models.base import new_ids_at, table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.database import bulk
from services.organisations import organisations, partners
from services.parliament.standing import Eligibility, Standing
from services.supporters import supporters, wordings
from services.supporters.supporters import EmailAddress, SupporterDetails, UpdatesAnswer
from services.tallies import counts, seat_table
from services.tallies.seat_table import TallyRow
from tools import invented_crowd
from tools.invented_crowd import Person

SEED = 2017
ORGANISER, PASSWORD = "organiser@example.org", "demonstration"
ORGANISATION, CAMPAIGN = "a-union", "a-campaign"
_SOURCES = (None, None, "whatsapp", "email", "facebook", "leaflet")
_ANSWERED_AFTER = timedelta(days=14)
_BODY = "I am one of your constituents. I am writing to ask you to sign the motion. " * 8
_letter, _answer = table_of(Letter), table_of(LetterAnswer)
_signature, _outbox = table_of(Signature), table_of(OutboxMessage)
_supporter = table_of(Supporter)
_ENDS = {
    LetterState.SENT: (MessageState.ACCEPTED, None),
    LetterState.UNCERTAIN: (MessageState.UNCERTAIN, None),
    LetterState.REJECTED: (MessageState.REJECTED, "550 5.1.1 no such mailbox"),
    LetterState.HELD: (MessageState.DROPPED, "signed_meanwhile"),
}
_STATES, _OF_STATES = tuple(_ENDS), (0.97, 0.005, 0.015, 0.01)
Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How many people signed within the last `days`, and how many of them wrote to their MP."""

    signatures: int
    letters: int
    days: int = 50


@dataclass(frozen=True, slots=True)
class _Place:
    """Where rows go. `first` is the number of the first new person."""

    campaign: Campaign
    petition: Petition
    motion_id: int | None
    partner_ids: tuple[UUID | None, ...]
    seats: dict[str, TallyRow]
    first: int


def found(lobby: Lobby, *, motion_id: int | None, days: int = 50) -> str:
    """Adds an organisation with an owner, and its campaign; returns the campaign's slug.

    The organisation is a demonstration, so that its owner needs no second step on loopback.
    """
    now = lobby.clock()
    begun_at = now - timedelta(days=days)
    with lobby.database.write() as session:
        owner = organisations.create(
            session, name="A Union (invented)", slug=ORGANISATION, is_demonstration=True, now=now
        )
        organisations.create_organiser(
            session,
            lobby.keyring,
            organisation=owner,
            email=ORGANISER,
            password=PASSWORD,
            now=begun_at,
        )
        wordings.set_updates(session, owner.id, "Yes, send me news.", now=begun_at)
        for name in ("A Paper", "A Charity"):
            slug = name.lower().replace(" ", "-")
            partners.create(session, organisation=owner, name=name, slug=slug, now=begun_at)
        return _found_campaign(session, owner.id, motion_id, begun_at)


def _found_campaign(
    session: Session, owner: UUID, motion_id: int | None, begun_at: datetime
) -> str:
    about = {"slug": CAMPAIGN, "title": "A campaign", "summary": "It asks MPs to sign."}
    about |= {"status": CampaignStatus.OPEN, "purpose": "think again"}
    campaign = campaigns.create(
        session, organisation_id=owner, values=about, motion_id=motion_id, now=begun_at
    )
    petition = {"slug": f"{CAMPAIGN}-petition", "action": "Think again"}
    petition |= {"addressed_to": "the Prime Minister"}
    petitions.create(session, campaign=campaign, values=petition, now=begun_at)
    return campaign.slug


def fill(
    lobby: Lobby,
    slug: str,
    size: Size,
    *,
    seed: int = SEED,
    report: Report = lambda _: None,
) -> None:
    """Adds people who signed the first petition of a campaign, and their letters.

    It can be called again, and adds others. Letters need a campaign with a motion. `report` is
    called with how many more people are written.

    :raises ValueError: fewer people than that can write a letter
    """
    now = lobby.clock()
    with lobby.database.read() as session:
        place = _place(session, slug, now)
    crowd = invented_crowd.people(
        size.signatures,
        list(place.seats),
        begins=now - timedelta(days=size.days),
        ends=now,
        seed=seed,
    )
    able = {code for code, row in place.seats.items() if row.member is not None}
    able = able if place.motion_id is not None else set()
    writers = invented_crowd.writers(crowd, size.letters, able, seed=seed)
    for day in invented_crowd.by_day(crowd):
        with lobby.database.write() as session:
            _Day(lobby, session, place, day, seed).write(writers, now)
        report(len(day))


def _place(session: Session, slug: str, now: datetime) -> _Place:
    campaign = campaigns.by_slug(session, slug)
    tally = seat_table.of_campaign(session, campaign, now=now)
    owner = campaign.organisation_id
    known = sa.select(sa.func.count()).where(_supporter.c.organisation_id == owner)
    return _Place(
        campaign,
        petitions.of_campaigns(session, [campaign.id])[campaign.id][0],
        tally.motion.id if tally.motion else None,
        # One in twenty comes from a partner.
        (*(row.id for row in partners.of_organisation(session, owner)[:2]), *(None,) * 38),
        {row.constituency.code: row for row in tally.rows},
        session.connection().execute(known).scalar_one(),
    )


@dataclass(frozen=True, slots=True)
class _Day:
    """The rows of those who signed on one day."""

    lobby: Lobby
    session: Session
    place: _Place
    people: Sequence[Person]
    seed: int

    @property
    def owner(self) -> UUID:
        return self.place.campaign.organisation_id

    def write(self, writers: set[int], now: datetime) -> None:
        addresses = [self._address(person) for person in self.people]
        began_at = self.people[0].signed_at
        known = supporters.find_or_add(self.session, addresses, now=began_at)
        ids = [supporter_id for supporter_id, _ in known]
        self._sign(ids)
        writing = [
            (person, supporter_id)
            for person, supporter_id in zip(self.people, ids, strict=True)
            if person.number in writers
        ]
        if writing:
            self._write_letters(writing, now)

    def _address(self, person: Person) -> EmailAddress:
        number = self.place.first + person.number
        details = SupporterDetails(f"Anna Example {number}", "EH1 1YZ", person.code, "en")
        email = f"person{number}@example.org"
        return EmailAddress.of(self.owner, email, self.lobby.keyring, details=details)

    def _sign(self, supporter_ids: Sequence[str]) -> None:
        chance = random.Random(f"{self.seed} {self.people[0].number}")
        size, moments = len(self.people), [person.signed_at for person in self.people]
        ids = [new_ids_at(1, moment)[0] for moment in moments]
        sources = chance.choices(_SOURCES, k=size)
        partner_ids = chance.choices(self.place.partner_ids, k=size)
        varying: dict[str, list[Any]] = {
            "id": ids,
            "supporter_id": list(supporter_ids),
            "constituency_code": [person.code for person in self.people],
            "name": self._sealed("Anna Example", size),
            "postcode": self._sealed("EH1 1YZ", size),
            "source": sources,
            "partner_id": partner_ids,
            "signed_at": moments,
            "confirmed_at": moments,
            "changed_at": moments,
            "partner_changed_at": [
                moment if partner_id else None
                for moment, partner_id in zip(moments, partner_ids, strict=True)
            ],
        }
        shared = {"petition_id": self.place.petition.id, "state": SignatureState.CONFIRMED}
        shared |= {"country": "GB", "locale": "en"}
        bulk.insert_columns(self.session, _signature, varying, shared, skip_existing=False)
        self._count()
        self._answer(ids, supporter_ids, chance)

    def _count(self) -> None:
        petition = self.place.petition.id.hex
        for people in invented_crowd.by_hour(self.people):
            confirmed = [(petition, person.code) for person in people]
            counts.count_signatures(self.session, confirmed, now=people[0].signed_at)

    def _answer(
        self, ids: Sequence[str], supporter_ids: Sequence[str], chance: random.Random
    ) -> None:
        """Adds their answers about news: two in five want some, and one in five has not said."""
        said = chance.choices((True, False, None), (2, 2, 1), k=len(ids))
        answers = [
            UpdatesAnswer(self.owner, supporter_id, granted, signature_id=signature_id)
            for signature_id, supporter_id, granted in zip(ids, supporter_ids, said, strict=True)
            if granted is not None
        ]
        at = self.people[0].signed_at
        supporters.note_answers(self.session, answers, now=at, effective_at=at)

    def _write_letters(self, writing: Sequence[tuple[Person, str]], now: datetime) -> None:
        chance = random.Random(f"{self.seed} letters {self.people[0].number}")
        size = len(writing)
        states = chance.choices(_STATES, _OF_STATES, k=size)
        moments = [min(person.signed_at + timedelta(minutes=9), now) for person, _ in writing]
        rows = [self.place.seats[person.code] for person, _ in writing]
        acts = [_act(row, moment) for row, moment in zip(rows, moments, strict=True)]
        ids = [new_ids_at(1, moment)[0] for moment in moments]
        varying: dict[str, list[Any]] = {
            "id": ids,
            "member_id": [row.member.id for row in rows if row.member],
            "supporter_id": [supporter_id for _, supporter_id in writing],
            "constituency_code": [person.code for person, _ in writing],
            "state": states,
            "act": acts,
            "variant": [act.value for act in acts],
            "name": self._sealed("Anna Example", size),
            "address": self._sealed("1 Example Street\nAnytown\nEH1 1YZ", size),
            "subject": self._sealed("Please sign the motion", size),
            "body": self._sealed(_BODY, size),
            "reason": [_ENDS[state][1] for state in states],
            "created_at": [person.signed_at for person, _ in writing],
            "confirmed_at": moments,
            "sent_at": [
                moment if state is LetterState.SENT else None
                for state, moment in zip(states, moments, strict=True)
            ],
        }
        shared: dict[str, Any] = {"campaign_id": self.place.campaign.id, "locale": "en"}
        shared |= {"motion_id": self.place.motion_id, "wants_copy": False}
        bulk.insert_columns(self.session, _letter, varying, shared, skip_existing=False)
        self._note_messages(ids, states, moments)
        self._note_sent(writing, states, moments)
        self._note_outcomes(ids, states, moments, chance, now)

    def _note_messages(
        self, ids: Sequence[str], states: Sequence[LetterState], moments: Sequence[datetime]
    ) -> None:
        varying: dict[str, list[Any]] = {
            "id": [new_ids_at(1, moment)[0] for moment in moments],
            "subject_id": list(ids),
            "state": [_ENDS[state][0] for state in states],
            "detail": [_ENDS[state][1] for state in states],
            "created_at": list(moments),
            "due_at": list(moments),
            "finished_at": list(moments),
        }
        shared = {"kind": MessageKind.LETTER, "attempt": 1}
        bulk.insert_columns(self.session, _outbox, varying, shared, skip_existing=False)

    def _note_sent(
        self,
        writing: Sequence[tuple[Person, str]],
        states: Sequence[LetterState],
        moments: Sequence[datetime],
    ) -> None:
        sent = [
            (self.place.campaign.id, self.place.motion_id, person.code, moment)
            for (person, _), state, moment in zip(writing, states, moments, strict=True)
            if state is LetterState.SENT
        ]
        counts.add_letters(self.session, sent)

    def _note_outcomes(
        self,
        ids: Sequence[str],
        states: Sequence[LetterState],
        moments: Sequence[datetime],
        chance: random.Random,
        now: datetime,
    ) -> None:
        """Adds what one in three writers of sent letters says came back, two weeks later."""
        rows = [
            {
                "letter_id": letter_id,
                "outcome": chance.choice(list(LetterOutcome)),
                "given_at": moment + _ANSWERED_AFTER,
            }
            for letter_id, state, moment in zip(ids, states, moments, strict=True)
            if state is LetterState.SENT
            and moment + _ANSWERED_AFTER <= now
            and chance.random() < 1 / 3
        ]
        if rows:
            bulk.insert(self.session, _answer, rows, skip_existing=False)

    def _sealed(self, text: str, size: int) -> list[Private]:
        return [Private(self.owner, text)] * size


def _act(row: TallyRow, moment: datetime) -> LetterAct:
    """Returns what the letter asked, as things were when it was written."""
    has_signed = row.standing is Standing.SIGNED and row.signed_on is not None
    if has_signed and row.signed_on and row.signed_on <= moment.date():
        return LetterAct.THANK
    if row.eligibility is Eligibility.CONVENTION:
        return LetterAct.MINISTER
    is_able = row.eligibility is Eligibility.CAN_SIGN
    return LetterAct.ASK if is_able else LetterAct.ANOTHER_WAY

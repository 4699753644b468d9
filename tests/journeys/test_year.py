"""Tests one year of a campaign with a scripted Parliament, and its tally after every step.

The worker, the functions of commands and the API are the real ones. Only the clock and the two
official APIs are scripted.
"""

import csv
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

import worker
from main import create_app
from models import Letter, MotionEvent, Scope
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations
from services.parliament_sync import sessions
from tests.support.common import Clock, Mailbox, token_in
from tests.support.outside.members_api import Person, dated_entry, page_of
from tests.support.outside.motions_api import envelope, motion, sponsor, withdrawn

pytestmark = pytest.mark.slow

MORAG, ADAEZE, EMLYN, ANJALI, IMANI, BRANWEN = 900001, 900002, 900003, 900004, 900006, 900050
CARDIFF, WESTMINSTER, MANCHESTER = "CF10 3NQ", "SW1A 0AA", "M1 1AE"
CARDIFF_SEAT = "W07000091"
FIRST, SECOND = 70001, 70002
DEMONSTRATIONS = json.loads((invented_campaign.FOLDER / "motion.json").read_bytes())["Response"]
CAMPAIGN = {"slug": "a-year", "title": "A year", "summary": "More beds.", "motion_id": FIRST}
PETITION = {"slug": "more-beds", "action": "More beds", "addressed_to": "The Secretary of State"}
ADDRESS = {"line1": "1 Example Street", "town": "Caerdydd", "postcode": CARDIFF}
SUPPORTER = {"name": "Anna Example", "email": "anna@example.org"}


def at(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 12, 0, tzinfo=UTC)


@dataclass
class Parliament:
    """Answers for the two official APIs. `requested` has the numbers of the motions requested."""

    people: dict[int, Person]
    motions: dict[int, dict[str, Any]] = field(default_factory=dict)
    requested: list[int] = field(default_factory=list)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        parts = request.url.path.strip("/").split("/")
        if parts[0] == "EarlyDayMotion":
            self.requested.append(int(parts[1]))
            return httpx2.Response(200, content=envelope(self.motions[int(parts[1])]))
        if parts == ["Members", "Search"]:
            skip = int(request.url.params["skip"])
            return httpx2.Response(200, json=page_of(list(self.people.values()), skip))
        person = self.people[int(parts[1])]
        document = person.contact if parts[2] == "Contact" else person.biography
        return httpx2.Response(200, json=document)

    def table_motion(self, number: int, day: date, *names: dict[str, Any]) -> None:
        tabled = f"{day}T00:00:00"
        self.motions[number] = motion(*names, Id=number, DateTabled=tabled)

    def add_signature(self, number: int, member: int, day: date, order: int | None = None) -> None:
        self.motions[number]["Sponsors"].append(name(number, member, day, order))

    def withdraw_signature(self, number: int, member: int, day: date) -> None:
        rows = self.motions[number]["Sponsors"]
        (row,) = [row for row in rows if row["MemberId"] == member]
        rows[rows.index(row)] = withdrawn(row["Id"], f"{day}T09:30:00", MemberId=member)


def name(number: int, member: int, day: date, order: int | None = None) -> dict[str, Any]:
    """Returns one signature. Its id differs from motion to motion."""
    return sponsor(
        (number - FIRST + 1) * 10_000_000 + member,
        order,
        MemberId=member,
        CreatedWhen=f"{day}T10:15:00.5",
    )


def demonstration_members() -> dict[int, Person]:
    """Returns the members of the demonstration in the format of the Members API."""
    with (invented_campaign.FOLDER / "members.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["member_id"]]
    return {int(row["member_id"]): person_of(row) for row in rows}


def person_of(row: dict[str, str]) -> Person:
    posts = (dated_entry(row["government_post"], "2025-09-06"),) if row["government_post"] else ()
    return Person(
        int(row["member_id"]),
        row["constituency"],
        name=row["name"],
        party=row["party"],
        since=row["elected"],
        government=posts,
    )


@dataclass
class Year:
    """The campaign, with the actions and views of its organiser and its supporter."""

    lobby: Lobby
    client: TestClient
    parliament: Parliament
    clock: Clock
    mailbox: Mailbox
    key: dict[str, str]

    def run_worker(self, moment: datetime) -> None:
        """Runs the worker's jobs of a day: members, then motions, email and cleanup."""
        self.clock.now = moment
        stop = threading.Event()
        worker.sync_members_if_due(self.lobby, stop)
        worker.sync_if_due(self.lobby, stop)
        worker.clean_up(self.lobby)

    def tally(self) -> dict[str, Any]:
        answer = self.client.get("/v1/campaigns/a-year/tally")
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def counts(self) -> tuple[int, int, int, int]:
        """Returns the counts of MPs: signed, withdrawn, can sign, seats filled."""
        row = self.tally()["members"]
        return (row["signed"], row["withdrawn"], row["can_sign"], row["seats_filled"])

    def row(self, code: str) -> dict[str, Any]:
        (row,) = [row for row in self.tally()["rows"] if row["constituency"]["code"] == code]
        return dict(row)

    def row_of(self, member: int) -> dict[str, Any]:
        rows = [row for row in self.tally()["rows"] if row["member"]]
        (row,) = [row for row in rows if row["member"]["id"] == member]
        return dict(row)

    def draft(self, postcode: str) -> dict[str, Any]:
        path = "/v1/campaigns/a-year/letters/draft"
        answer = self.client.post(path, json={"postcode": postcode})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def events(self, number: int) -> Counter[str]:
        with self.lobby.database.read() as session:
            rows = session.exec(select(MotionEvent).where(MotionEvent.motion_id == number))
            return Counter(row.kind.value for row in rows)

    def send(self, method: str, path: str, status: int, **body: Any) -> dict[str, Any]:
        answer = self.client.request(method, path, json=body, headers=self.key)
        assert answer.status_code == status, answer.text
        return dict(answer.json())


@pytest.fixture
def year(make_lobby: Callable[..., Lobby], clock: Clock) -> Iterator[Year]:
    parliament = Parliament(demonstration_members(), {DEMONSTRATIONS["Id"]: DEMONSTRATIONS})
    with httpx2.Client(
        transport=httpx2.MockTransport(parliament.answer), base_url="http://127.0.0.1"
    ) as apis:
        made = make_lobby(motions_api=apis, members_api=apis)
        settings = made.settings.model_copy(update={"sync_members": "daily"})
        lobby = replace(made, settings=settings)
        with lobby.database.write() as session:
            owner = organisations.by_slug(session, invented_campaign.about().organisation)
            session.add(owner.sqlmodel_update({"is_demonstration": False}))
            key = api_keys.create(
                session, organisation=owner, scopes=[Scope.CAMPAIGNS_WRITE], now=clock.now
            )
        app = create_app(settings, lobby=lobby)
        with TestClient(app) as client:
            headers = {"Authorization": f"Bearer {key}"}
            yield Year(lobby, client, parliament, clock, Mailbox(lobby), headers)


def sign_and_write(year: Year) -> EmailMessage:
    """Signs and writes as Anna of Cardiff, and returns the email to her MP."""
    year.mailbox.deliver()
    path = "/v1/petitions/more-beds/signatures"
    year.send("POST", path, 201, **SUPPORTER, postcode=CARDIFF)
    (mail,) = year.mailbox.deliver()
    year.send("POST", "/v1/signatures/confirm", 200, token=token_in(mail, "confirm"))
    body = year.draft(CARDIFF)["body"] + "\n\nMy mother waited nine hours."
    letter = {"subject": "Beds", "body": body, "address": ADDRESS}
    year.send("POST", "/v1/campaigns/a-year/letters", 201, **SUPPORTER, **letter)
    (mail,) = year.mailbox.deliver()
    token = token_in(mail, "letters/confirm")
    year.send("POST", "/v1/letters/confirm", 200, token=token)
    (letter_mail,) = year.mailbox.deliver()
    return letter_mail


def test_a_year_of_a_campaign_from_tabling_to_dissolution(year: Year) -> None:
    parliament, clock = year.parliament, year.clock
    with year.lobby.database.write() as session:
        ends_on = date(2027, 5, 6)
        sessions.save(session, name="2026-27", starts_on=date(2026, 5, 13), ends_on=ends_on)

    # Two members table the motion and the campaign begins. Posts and parties decide who can sign.
    clock.now = at(7, 2)
    day = clock.now.date()
    parliament.table_motion(FIRST, day, name(FIRST, MORAG, day, 1), name(FIRST, ADAEZE, day, 2))
    year.send("POST", "/v1/campaigns", 201, **CAMPAIGN)
    year.send("POST", "/v1/campaigns/a-year/petitions", 201, **PETITION)
    year.run_worker(at(7, 2))
    assert year.counts() == (2, 0, 7, 13)
    assert year.row_of(MORAG)["role"] == "primary"
    assert year.row_of(ANJALI)["eligibility"] == "convention"
    letter = sign_and_write(year)
    assert letter["To"] == f"member{EMLYN}@parliament.example"
    assert year.row(CARDIFF_SEAT)["letters_sent"] == 1

    # Two more members sign.
    parliament.add_signature(FIRST, EMLYN, date(2026, 7, 6))
    parliament.add_signature(FIRST, IMANI, date(2026, 7, 7))
    year.run_worker(at(7, 8))
    assert year.counts() == (4, 0, 7, 13)
    assert year.row_of(IMANI)["signed_on"] == "2026-07-07"
    assert year.draft(CARDIFF)["variant"] == "thank"

    # A minister resigns: she can sign now, and the letter asks her to.
    assert year.draft(WESTMINSTER)["variant"] == "minister"
    minister = parliament.people[ANJALI]
    left = dated_entry(minister.government[0]["name"], "2025-09-06", "2026-07-13")
    parliament.people[ANJALI] = minister.but(government=(left,))
    year.run_worker(at(7, 14))
    assert year.counts() == (4, 0, 8, 13)
    assert year.row_of(ANJALI)["standing"] == "not_signed"
    assert year.draft(WESTMINSTER)["variant"] == "ask"

    # The former minister signs.
    parliament.add_signature(FIRST, ANJALI, date(2026, 7, 15))
    year.run_worker(at(7, 16))
    assert year.counts() == (5, 0, 8, 13)
    assert year.row_of(ANJALI)["role"] == "supporter"

    # A member withdraws a signature.
    parliament.withdraw_signature(FIRST, IMANI, date(2026, 9, 1))
    year.run_worker(at(9, 2))
    assert year.counts() == (4, 1, 8, 13)
    assert year.row_of(IMANI)["standing"] == "withdrawn"

    # A member dies: the seat is vacant, its signature and the letter that was sent stay.
    del parliament.people[EMLYN]
    year.run_worker(at(10, 12))
    assert year.counts() == (4, 1, 7, 12)
    vacant = year.row(CARDIFF_SEAT)
    assert (vacant["member"], vacant["eligibility"]) == (None, "vacant")
    assert (vacant["signatures"], vacant["letters_sent"]) == (1, 1)
    assert not year.draft(CARDIFF)["can_send"]

    # A by-election: another member, who has not signed.
    won = Person(BRANWEN, "Cardiff South and Penarth", name="Branwen Oakes", party="Labour")
    parliament.people[BRANWEN] = won.but(since="2026-11-26")
    year.run_worker(at(11, 27))
    assert year.counts() == (4, 1, 8, 13)
    filled = year.row(CARDIFF_SEAT)
    assert (filled["member"]["id"], filled["standing"]) == (BRANWEN, "not_signed")
    assert (filled["signatures"], filled["letters_sent"]) == (1, 1)
    summary = year.client.get("/v1/campaigns/a-year/tally/summary").json()
    assert summary["without_seat"]["signed"] == 1, "the name of the member who died stands"
    with year.lobby.database.read() as session:
        written = session.exec(select(Letter).where(Letter.motion_id == FIRST)).one()
    assert (written.member_id, written.state) == (EMLYN, "sent")
    assert year.draft(CARDIFF)["variant"] == "ask"

    # Prorogation: the motion falls, letters stop, the tally keeps its last figures.
    year.run_worker(at(5, 6, 2027))
    frozen = year.tally()
    assert frozen["motion"]["status"] == "lapsed"
    assert year.counts() == (4, 1, 8, 13)
    fallen = year.draft(MANCHESTER)
    assert (fallen["can_send"], fallen["reason"] is not None) == (False, True)
    requests = parliament.requested.count(FIRST)
    year.run_worker(at(5, 10, 2027))
    assert parliament.requested.count(FIRST) == requests, "a motion that fell is asked for no more"

    # Re-tabled in the new session, linked in one call: old signatories signed last session.
    with year.lobby.database.write() as session:
        sessions.save(
            session, name="2027-28", starts_on=date(2027, 5, 12), ends_on=date(2027, 6, 9)
        )
    day = date(2027, 5, 13)
    parliament.table_motion(SECOND, day, name(SECOND, MORAG, day, 1), name(SECOND, BRANWEN, day, 2))
    clock.now = at(5, 14, 2027)
    year.send("PATCH", "/v1/campaigns/a-year", 200, motion_id=SECOND)
    year.run_worker(at(5, 14, 2027))
    assert year.counts() == (2, 0, 8, 13)
    assert year.tally()["motion"]["parliament_session"] == "2027-28"
    earlier = {row["member"]["id"] for row in year.tally()["rows"] if row["signed_earlier"]}
    assert earlier == {MORAG, ADAEZE, ANJALI}
    assert year.row(CARDIFF_SEAT)["letters_sent"] == 0, "letters are counted by motion"
    assert year.row(CARDIFF_SEAT)["signatures"] == 1
    assert year.draft(MANCHESTER)["variant"] == "ask"

    # Dissolution: it falls again. The Members API names nobody, which changes nothing here.
    parliament.people.clear()
    year.run_worker(at(6, 9, 2027))
    assert year.tally()["motion"]["status"] == "lapsed"
    assert year.counts() == (2, 0, 8, 13)

    # Each event is there exactly once.
    assert year.events(FIRST) == {"tabled": 1, "signed": 5, "withdrawn": 1, "lapsed": 1}
    assert year.events(SECOND) == {"tabled": 1, "signed": 2, "lapsed": 1}

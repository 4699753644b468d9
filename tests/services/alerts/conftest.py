"""An organisation whose motion gets names, and organisers who want to know."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlmodel import Session, col, select

import worker
from models import (
    AlertChoice,
    AlertDigest,
    AlertInterval,
    AlertKind,
    Member,
    Membership,
    Motion,
    MotionSignatory,
    Organisation,
    Organiser,
    Role,
)
from services.alerts import choices
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.mail.couriers import make_courier
from services.parliament.official import motions_api
from services.parliament_sync import motion_sync
from tests.support.common import CAMPAIGN, Clock, text_of
from tests.support.desk import add_organiser
from tests.support.lobbies import MakeLobby
from tests.support.outside.motions_api import DEMONSTRATION, demonstration_with, sponsor
from tests.support.outside.motions_api import withdrawn as withdrawn_row
from tests.support.outside.smtp_server import Sink

MOTION = 900152
ALL = tuple(AlertKind)
ELECTED = ("Ann Ferncastle", "Bo Larkspur", "Cy Thistlewood", "Di Hartwhistle")
"""Those who sign and hold a seat; all others who sign hold none."""
FIRST_ID = 7_000_000


@dataclass
class Desk:
    """A lobby with a mail server on loopback, and the names that Parliament has now."""

    lobby: Lobby
    clock: Clock
    sink: Sink
    names: dict[str, dict[str, Any]] = field(default_factory=dict)

    def wants(
        self,
        *kinds: AlertKind,
        every: AlertInterval = AlertInterval.HOUR,
        email: str = "ada@example.org",
        organisation: str | None = None,
    ) -> Organiser:
        """Adds a viewer who wants alerts: all kinds where none is named."""
        organiser = add_organiser(self.lobby, Role.VIEWER, email=email, organisation=organisation)
        self.choose(organiser, *(kinds or ALL), every=every)
        return organiser

    def choose(
        self, organiser: Organiser, *kinds: AlertKind, every: AlertInterval = AlertInterval.HOUR
    ) -> None:
        with self.lobby.database.write() as session:
            choices.save(session, organiser, kinds, every, now=self.clock())

    def sync(self, **changes: Any) -> None:
        """Applies an answer of Parliament with the names of now."""
        stored = json.loads(DEMONSTRATION)["Response"]["Sponsors"]
        content = demonstration_with(Sponsors=[*stored, *self.names.values()], **changes)
        answer = motions_api.read_saved_answer(content, "an answer")
        with self.lobby.database.write() as session:
            motion_sync.apply_answer(session, answer, now=self.clock())

    def sign(self, *names: str) -> None:
        """Adds names to the motion."""
        for name in names:
            self.names[name] = _row(sponsor, self._id_of(name), name)
        self.sync()

    def take_off(self, *names: str) -> None:
        """Marks names as withdrawn."""
        for name in names:
            self.names[name] = _row(withdrawn_row, self._id_of(name), name)
        self.sync()

    def _id_of(self, name: str) -> int:
        """Returns the id of a member, in the order in which the test names them."""
        if name in ELECTED:
            return FIRST_ID + ELECTED.index(name)
        others = FIRST_ID + len(ELECTED)
        return int(self.names[name]["Id"]) if name in self.names else others + len(self.names)

    def at(self, hour: int, minute: int = 0, *, day: int = 1) -> None:
        """Sets the clock to a time of July 2026 in UTC; London is an hour ahead."""
        self.clock.now = self.clock.now.replace(day=day, hour=hour, minute=minute)

    def make(self) -> int:
        return worker.make_digests(self.lobby, threading.Event())

    def tell(self) -> list[EmailMessage]:
        """Makes what is due, delivers it, and returns the new emails that arrived."""
        before = len(self.sink.taken)
        self.make()
        while worker.deliver_due(self.lobby):
            pass
        return self.sink.messages()[before:]

    def choice(self, organiser: Organiser) -> AlertChoice:
        with self.lobby.database.read() as session:
            return session.get_one(AlertChoice, organiser.id)

    def digests(self) -> Sequence[AlertDigest]:
        with self.lobby.database.read() as session:
            return session.exec(select(AlertDigest).order_by(col(AlertDigest.id))).all()

    def change_motion(self, **values: Any) -> None:
        with self.lobby.database.write() as session:
            session.add(session.get_one(Motion, MOTION).sqlmodel_update(values))


def news_in(mail: EmailMessage) -> str:
    """Returns the sentences between the greeting and the button, on one line."""
    text = text_of(mail).partition("Hello,")[2].partition("See what changed:")[0]
    return " ".join(text.split())


def _row(make: Callable[..., dict[str, Any]], number: int, name: str) -> dict[str, Any]:
    return make(number, Member={"MnisId": number, "Name": name, "Party": "Labour"})


def _elect(session: Session, today: date) -> None:
    """Gives members who have not signed a successor each."""
    on_motion = select(MotionSignatory.member_id).where(MotionSignatory.motion_id == MOTION)
    statement = select(Membership).where(
        col(Membership.ends_on).is_(None), col(Membership.member_id).not_in(on_motion)
    )
    losers = session.exec(statement.order_by(col(Membership.constituency_code))).all()
    for place, (name, seat) in enumerate(zip(ELECTED, losers, strict=False)):
        seat.ends_on = today
        session.add(Member(id=FIRST_ID + place, name=name, party="Labour"))
        session.flush()
        code = seat.constituency_code
        session.add(Membership(member_id=FIRST_ID + place, constituency_code=code, starts_on=today))


@pytest.fixture
def desk(make_lobby: MakeLobby, unused_port: int, clock: Clock) -> Iterator[Desk]:
    """A desk at noon UTC on 1 July 2026, of a real organisation, whose campaign has no goal."""
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=unused_port)
    controller.start()
    lobby = make_lobby(courier=make_courier(f"smtp://127.0.0.1:{unused_port}"))
    with lobby.database.write() as session:
        slug = invented_campaign.about().organisation
        owner = session.exec(select(Organisation).where(Organisation.slug == slug)).one()
        owner.is_demonstration = False
        campaigns.by_slug(session, CAMPAIGN).member_goal = None
        _elect(session, clock().date())
    yield Desk(lobby, clock, sink)
    controller.stop()

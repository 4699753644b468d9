"""Changes what thousands of people agreed to, and looks for a copy that has missed any of it.

`python -m drills.consents` fills an SQLite database with people who signed, and serves it. A client
subscribes to webhooks and copies all signatures, page by page. Meanwhile people unsubscribe in
every way, consent later, sign a second petition with another answer, withdraw and join. In the end
the client asks once for what has changed since it began. Before and after,
`drills.recount_consent`, which shares no code with the service, counts consents in the plain
columns of the database, and compares what the client has from pages of JSON, from files, by
`since`, from webhooks, and on the desk's page.
"""

import argparse
import random
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlmodel import Session, select

import worker
from core import logs
from core.settings import Settings
from drills import recount_consent
from drills.recount_consent import Client, Confirmed, Copy, Count, Receiver
from main import create_app
from models import Scope, Signature
from services.assembly import Lobby, open_lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations, partners
from services.signatures import confirming, recording
from services.signatures.recording import SignatureRequest
from tools import campaign_rows, sample_data
from tools.campaign_rows import Size
from tools.databases import fresh_database
from tools.live_service import http_server
from tools.settings import throwaway_settings

SIGNATURES, CHANGES, MOST_SIGNATURES = 20_000, 3_000, 200_000
SEED, SECOND, PARTNER = 2017, "second", "a-paper"
FIRST = invented_campaign.about().petition
SLUGS = (FIRST, SECOND)
EVENTS = ("signature.confirmed", "signature.withdrawn", "supporter.preferences_changed")
PAGE = 100
LONG_AGO, OVERLAP = "2000-01-01T00:00:00Z", timedelta(minutes=1)
HEAD = ("when", "petition", "signatures", "may be sent news", "partner may contact")
_GO_ON = threading.Event()  # never set: the worker is not told to stop
Spoil = Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class Drill:
    """How many people have signed, and how many of them change their answers."""

    signatures: int = SIGNATURES
    changes: int = CHANGES

    def __post_init__(self) -> None:
        if not 100 <= self.changes <= self.signatures <= MOST_SIGNATURES:
            raise ValueError(
                f"100 changes or more, at most as many as {MOST_SIGNATURES} signatures"
            )


@dataclass
class Report:
    """The counts of each petition, and what differed from the recount, before and after."""

    counts: list[tuple[str, str, Count]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    events: int = 0

    def compare(self, when: str, recount: Confirmed, said: Confirmed, by: str) -> None:
        for slug in SLUGS:
            right, has = recount.get(slug, {}), said.get(slug, {})
            wrong = sum(right.get(row_id) != has.get(row_id) for row_id in right.keys() | has)
            if wrong:
                self.differences.append(f"{when}, {slug}: {wrong} differ in {by}")

    def compare_people(self, when: str, right: int, said: int) -> None:
        if right != said:
            self.differences.append(f"{when}: {said} people say yes on the desk, not {right}")


def run(settings: Settings, drill: Drill, *, spoil: Spoil | None = None) -> Report:
    """Drills one server. The SQLite database of `settings` must be empty.

    `spoil` may change the database after everything else, to see that the recount notices.
    """
    report = Report()
    with recount_consent.receiving() as receiver:
        with _opened(settings) as lobby:
            key, copy = _fill(lobby, drill.signatures), Copy()
            with http_server(create_app(settings, lobby=lobby)) as url:
                client = Client(url, key)
                _look(report, "before", settings, client)
                _listen(client, receiver)
                before = client.in_pages(SLUGS)
                _copy_while_changing(lobby, client, copy, drill.changes)
                while worker.deliver_webhooks(lobby, _GO_ON):
                    pass
        if spoil:
            spoil(settings)
        # Another process: the desk counts at most once a minute.
        with _opened(settings) as lobby, http_server(create_app(settings, lobby=lobby)) as url:
            recount = _look(report, "after", settings, Client(url, key))
    report.events = len(receiver.told)
    report.compare("after", recount, copy.shown(), "the copy by `since`")
    report.compare("after", recount, receiver.shown(before), "webhooks")
    return report


@contextmanager
def _opened(settings: Settings) -> Iterator[Lobby]:
    lobby = open_lobby(settings)
    try:
        yield lobby
    finally:
        lobby.close()


def _look(report: Report, when: str, settings: Settings, client: Client) -> Confirmed:
    path = settings.data_dir / "lobby.db"
    recount = recount_consent.in_database(path)
    report.counts += [(when, slug, recount_consent.count(recount.get(slug, {}))) for slug in SLUGS]
    report.compare(when, recount, client.in_pages(SLUGS), "pages of JSON")
    report.compare(when, recount, client.in_files(SLUGS), "files")
    site = client.url.replace("127.0.0.1", "localhost")
    said = recount_consent.on_desk(site, invented_campaign.ORGANISER, invented_campaign.PASSWORD)
    report.compare_people(when, recount_consent.people_in_database(path), said)
    return recount


def _listen(client: Client, receiver: Receiver) -> None:
    made = client.post("/v1/webhooks", {"url": receiver.url, "events": list(EVENTS)})
    receiver.secret = made["secret"]


def _copy_while_changing(lobby: Lobby, client: Client, copy: Copy, changes: int) -> None:
    """Lets the client copy everything while people change it, and then what has changed since."""
    people = _Crowd(lobby, client, random.Random(SEED))
    waiting = people.changes(changes)
    began = lobby.clock() - OVERLAP
    for since in (LONG_AGO, began.isoformat()):
        for slug in SLUGS:
            for page in client.pages(slug, since=since, limit=str(PAGE)):
                copy.add(slug, page)
                for _ in islice(waiting, PAGE // 8):
                    pass
        for _ in waiting:
            pass


class _Crowd:
    """People who change their answers, in an order that the seed decides."""

    def __init__(self, lobby: Lobby, client: Client, chance: random.Random) -> None:
        self._lobby, self._client, self._chance = lobby, client, chance
        with lobby.database.read() as session:
            petition = petitions.by_slug(session, FIRST)
            of_first = select(Signature.supporter_id).where(Signature.petition_id == petition.id)
            self._people = sorted(session.exec(of_first))
            signed = select(Signature.id).where(Signature.petition_id == petition.id)
            self._signatures = sorted(session.exec(signed))
        self._number = 0

    def changes(self, count: int) -> Iterator[None]:
        """Makes one change each time that it is asked."""
        ways = (
            self._by_one_click,
            self._refuse,
            self._refuse_mail,
            self._allow_mail,
            self._refuse_partners,
            self._consent,
            self._sign_second,
            self._join,
            self._withdraw,
        )
        for number in range(count):
            self._number = number
            ways[number % len(ways)]()
            yield

    def _token(self) -> str:
        person = self._chance.choice(self._people)
        return self._lobby.tokens.issue(Purpose.UNSUBSCRIBE, person)

    def _by_one_click(self) -> None:
        body = urllib.parse.urlencode({"List-Unsubscribe": "One-Click"}).encode()
        urllib.request.urlopen(f"{self._client.url}/unsubscribe/{self._token()}", body).close()

    def _choose(self, **choices: Any) -> None:
        self._client.post("/v1/preferences", {"token": self._token()} | choices)

    def _refuse(self) -> None:
        self._choose(updates=False)

    def _refuse_mail(self) -> None:
        self._choose(mail=False)

    def _allow_mail(self) -> None:
        self._choose(mail=True)

    def _refuse_partners(self) -> None:
        self._choose(partners=[])

    def _consent(self) -> None:
        self._choose(updates=True)

    def _sign_second(self) -> None:
        """Somebody who has signed already signs another petition, with another answer maybe."""
        self._sign(SECOND, f"person{self._number}@example.org")

    def _join(self) -> None:
        self._sign(self._chance.choice(SLUGS), f"new{self._number}@example.org")

    def _sign(self, slug: str, email: str) -> None:
        answers = (True, False, None)
        partner = self._chance.choice((PARTNER, None))
        request = SignatureRequest(
            slug,
            "Anna Example",
            email,
            "EH1 1YZ",
            updates=self._chance.choice(answers),
            partner=partner,
            partner_contact=self._chance.choice(answers) if partner else None,
        )
        _confirm(self._lobby, [request])

    def _withdraw(self) -> None:
        row_id = self._chance.choice(self._signatures)
        token = self._lobby.tokens.issue(Purpose.WITHDRAW, row_id)
        self._client.post("/v1/signatures/withdraw", {"token": token})


def _confirm(lobby: Lobby, requests: Sequence[SignatureRequest]) -> None:
    now, keyring = lobby.clock(), lobby.keyring
    with lobby.database.write() as session:
        outcomes = recording.record(
            session, requests, postcodes=lobby.postcodes.lookup, keyring=keyring, now=now
        )
        ids = [outcome.signature_id for outcome in outcomes]
        confirming.confirm_all(session, [each for each in ids if each], keyring=keyring, now=now)


def _fill(lobby: Lobby, signatures: int) -> str:
    """Loads the demonstration, a second petition, a partner and many people; returns a key."""
    sample_data.load_demonstration(lobby)
    about, now = invented_campaign.about(), lobby.clock()
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, about.organisation)
        partners.create(session, organisation=owner, name="A Paper", slug=PARTNER, now=now)
        _add_second(session, about.campaign, lobby)
        scopes = [Scope.SIGNATURES_READ, Scope.WEBHOOKS_WRITE]
        key = api_keys.create(session, organisation=owner, scopes=scopes, now=now)
    campaign_rows.fill(lobby, about.campaign, Size(signatures, 0))
    people = [
        SignatureRequest(
            FIRST,
            "Anna Example",
            f"reader{number}@example.org",
            "EH1 1YZ",
            updates=number % 2 == 0,
            partner=PARTNER,
            partner_contact=number % 3 > 0,
        )
        for number in range(max(30, signatures // 20))
    ]
    _confirm(lobby, people)
    return key


def _add_second(session: Session, campaign: str, lobby: Lobby) -> UUID:
    values = {"slug": SECOND, "action": "A second one", "addressed_to": "Them"}
    found = campaigns.by_slug(session, campaign)
    return petitions.create(session, campaign=found, values=values, now=lobby.clock()).id


def main() -> None:
    """Prints a Markdown table; the status is 1 if anything differed."""
    arguments = _arguments()
    logs.configure(level="ERROR")
    drill = Drill(arguments.signatures, arguments.changes)
    with fresh_database("sqlite") as (folder, _):
        settings = throwaway_settings(folder).model_copy(update={"webhooks_to_loopback": True})
        report = run(settings, drill)
    for line in (HEAD, ["---"] * len(HEAD)):
        print(f"| {' | '.join(line)} |")
    for when, slug, counted in report.counts:
        numbers = " | ".join(f"{number:,}" for number in counted)
        print(f"| {when} | {slug} | {numbers} |")
    print(f"\n{report.events:,} events were received.")
    for difference in report.differences:
        print(difference)
    sys.exit(bool(report.differences))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drills.consents", description=__doc__)
    parser.add_argument("--signatures", type=int, default=SIGNATURES)
    parser.add_argument("--changes", type=int, default=CHANGES)
    return parser.parse_args()


if __name__ == "__main__":
    main()

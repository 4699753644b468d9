"""Parliament's Members API on loopback, with answers in the form of real ones."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 20
SEARCH = "/api/Members/Search"
JSON = {"Content-Type": "application/json; charset=utf-8"}
Json = dict[str, Any]


# ---- answers made by hand, in the form of real ones


def midnight(day: str | None) -> str | None:
    return f"{day}T00:00:00" if day else None


def dated_entry(name: str, starts: str, ends: str | None = None, **changes: Any) -> Json:
    """Returns an office, a seat or a committee in a biography."""
    return {
        "house": 1,
        "name": name,
        "id": 717,
        "startDate": midnight(starts),
        "endDate": midnight(ends),
        "additionalInfo": None,
        "additionalInfoLink": None,
        **changes,
    }


def office(kind: int, **changes: Any) -> Json:
    """Returns a way to reach a member. Without `email` the key is absent, as in real answers."""
    return {
        "type": "An office",
        "typeDescription": None,
        "typeId": kind,
        "isPreferred": False,
        "isWebAddress": False,
        "notes": None,
        "line1": "House of Commons",
        **changes,
    }


WEBSITE = office(6, isWebAddress=True, line1="https://www.example.org/")


@dataclass(frozen=True)
class Person:
    """A member, with the answers of the three calls."""

    id: int
    seat: str
    name: str = ""
    party: str = "Labour"
    since: str = "2024-07-04"
    until: str | None = None
    house: int = 1
    offices: tuple[Json, ...] | None = None
    government: tuple[Json, ...] = ()
    opposition: tuple[Json, ...] = ()
    other: tuple[Json, ...] = ()
    committees: tuple[Json, ...] = ()
    sat: tuple[Json, ...] = ()
    full_title: str | None = None
    family_name: str = "Member"

    def but(self, **changes: Any) -> "Person":
        """Returns a copy with changes."""
        return replace(self, **changes)

    @property
    def item(self) -> Json:
        """The member as a row of the search."""
        membership = {
            "membershipFrom": self.seat,
            "membershipFromId": 4105,
            "house": self.house,
            "membershipStartDate": midnight(self.since),
            "membershipEndDate": midnight(self.until),
            "membershipEndReason": None,
            "membershipStatus": {"statusIsActive": True, "statusId": 0},
        }
        value = {
            "id": self.id,
            "nameListAs": f"{self.family_name}, {self.id}",
            "nameFullTitle": self.full_title,
            "nameDisplayAs": self.name or f"Member {self.id}",
            "nameAddressAs": None,
            "latestParty": {"id": 15, "name": self.party, "abbreviation": "P"},
            "gender": "F",
            "latestHouseMembership": membership,
        }
        return {"value": value, "links": []}

    @property
    def contact(self) -> Json:
        offices = self.offices
        if offices is None:
            offices = (office(1, email=f"member{self.id}@parliament.example"), WEBSITE)
        return {"value": list(offices), "links": []}

    @property
    def biography(self) -> Json:
        value = {
            "representations": list(self.sat),
            "electionsContested": [],
            "houseMemberships": [],
            "governmentPosts": list(self.government),
            "oppositionPosts": list(self.opposition),
            "otherPosts": list(self.other),
            "partyAffiliations": [],
            "committeeMemberships": list(self.committees),
        }
        return {"value": value, "links": []}


def page_of(people: list[Person], skip: int, **changes: Any) -> Json:
    """Returns one page of the search."""
    items = [person.item for person in people[skip : skip + PAGE]]
    return {
        "items": items,
        "totalResults": len(people),
        "resultContext": "",
        "skip": skip,
        "take": PAGE,
        "links": [],
        **changes,
    }


# ---- the API on loopback


@dataclass
class Reply:
    """An answer. `breaks` closes the connection without one, `hangs` sends none."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    breaks: bool = False
    hangs: bool = False


def json_reply(value: Any, **changes: Any) -> Reply:
    return Reply(json.dumps(value).encode(), **changes)


class MembersApi(ThreadingHTTPServer):
    """Answers from its `people`, and keeps the paths of all requests in `asked`.

    `instead` has other replies by path: 'Search?skip=20', '12/Contact', '12/Biography'.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.people: list[Person] = []
        self.instead: dict[str, Reply] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api"

    def reply_to(self, target: str) -> Reply:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name = parts.path.removeprefix("/api/Members/")
        if parts.path == SEARCH:
            name = f"Search?skip={query['skip']}"
            filters = {"House": "1", "IsCurrentMember": "true", "take": str(PAGE)}
            assert query == filters | {"skip": query["skip"]}
        self.asked.append(name)
        if name in self.instead:
            return self.instead[name]
        if parts.path == SEARCH:
            return json_reply(page_of(self.people, int(query["skip"])))
        number, _, call = name.partition("/")
        (person,) = [person for person in self.people if person.id == int(number)]
        return json_reply(person.contact if call == "Contact" else person.biography)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: MembersApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        reply = self.server.reply_to(self.path)
        if reply.hangs:
            self.server.closing.wait(30)
        if reply.hangs or reply.breaks:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Prints nothing."""


@contextmanager
def serving(kind: type[MembersApi] = MembersApi) -> Iterator[MembersApi]:
    """Serves the API until the end of the block."""
    with kind() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()

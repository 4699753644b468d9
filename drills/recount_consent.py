"""Counts who may be sent news, and whom partners may contact, without the service's own code.

The standard library alone: the plain columns of an SQLite database, and what clients get: pages of
JSON, a file, a copy that is kept by `since`, webhooks, and the desk's page. All of them must say
the same of each confirmed signature.
"""

import csv
import hashlib
import hmac
import io
import json
import re
import sqlite3
import threading
import urllib.parse
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]
_WORDS = {"yes": True, "no": False, "": None}
_SECONDS = 60
_SHOWN = """
    SELECT petition.slug, signature.id, signature.supporter_id, partner.slug, supporter.mail_off_at
    FROM signature JOIN petition ON petition.id = signature.petition_id
    JOIN supporter ON supporter.id = signature.supporter_id
    LEFT JOIN partner ON partner.id = signature.partner_id
    WHERE signature.state = 'confirmed'
"""
_ANSWERS = """
    SELECT supporter_id, kind, granted FROM consent WHERE effective_at IS NOT NULL
    ORDER BY given_at, id
"""
_PEOPLE = "SELECT id, mail_off_at FROM supporter"


class Consents(NamedTuple):
    """The answers of a signer: to the organisation, and to the signature's partner."""

    updates: bool | None
    partner: bool | None


Confirmed = dict[str, dict[str, Consents]]
"""What confirmed signatures show, by the petition's slug and by their ids."""


class Count(NamedTuple):
    """How many signatures a petition has, and of how many each question was answered with yes."""

    signatures: int
    updates: int
    partner: int


def count(shown: Mapping[str, Consents]) -> Count:
    """Counts the signatures of one petition."""
    answers = shown.values()
    updates = sum(answer.updates is True for answer in answers)
    return Count(len(shown), updates, sum(answer.partner is True for answer in answers))


# ---- the database


def in_database(path: Path) -> Confirmed:
    """Reads plain columns: the last answer counts, and none for somebody who wants no email."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        last = _last_answers(connection)
        found: Confirmed = {}
        for slug, row_id, person, partner, is_off in connection.execute(_SHOWN):
            updates = False if is_off else last.get((person, "updates"))
            contact = None
            if partner is not None:
                contact = False if is_off else last.get((person, f"partner:{partner}"))
            found.setdefault(slug, {})[row_id] = Consents(updates, contact)
        return found


def people_in_database(path: Path) -> int:
    """Counts the people of an installation with one organisation who want its news."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        last = _last_answers(connection)
        rows = connection.execute(_PEOPLE)
        return sum(not is_off and last.get((person, "updates")) is True for person, is_off in rows)


def _last_answers(connection: sqlite3.Connection) -> dict[tuple[str, str], bool]:
    return {(person, kind): bool(yes) for person, kind, yes in connection.execute(_ANSWERS)}


# ---- what clients read


class Client:
    """Reads one petition after another with an API key."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self._key = url, key

    def pages(self, slug: str, **query: str) -> Iterator[list[Row]]:
        """Yields pages of JSON, each when it is asked for, by their links."""
        path: str | None = f"/v1/petitions/{slug}/signatures?{urllib.parse.urlencode(query)}"
        while path:
            with self._open(path) as answer:
                link = re.search(r'<[^>]*?(/v1/[^>]*)>; rel="next"', answer.headers["Link"] or "")
                yield json.load(answer)
            path = link[1] if link else None

    def in_pages(self, slugs: Iterable[str]) -> Confirmed:
        """Reads all signatures as JSON."""
        rows = {
            slug: [row for page in self.pages(slug, limit="200") for row in page] for slug in slugs
        }
        return {slug: _confirmed(some) for slug, some in rows.items()}

    def in_files(self, slugs: Iterable[str]) -> Confirmed:
        """Reads all signatures as CSV."""
        return {slug: self._in_file(slug) for slug in slugs}

    def _in_file(self, slug: str) -> dict[str, Consents]:
        with self._open(f"/v1/petitions/{slug}/signatures.csv?state=confirmed") as answer:
            rows = csv.DictReader(io.StringIO(answer.read().decode(), newline=""))
            return {
                _digits(row["id"]): Consents(_WORDS[row["updates"]], _WORDS[row["partner_contact"]])
                for row in rows
            }

    def post(self, path: str, body: Row) -> Row:
        """Sends JSON, and returns the answer."""
        with self._open(path, json.dumps(body).encode()) as answer:
            content: Row = json.load(answer)
        return content

    def _open(self, path: str, body: bytes | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, body, headers)
        return urllib.request.urlopen(request, timeout=_SECONDS)


def _confirmed(rows: Iterable[Row]) -> dict[str, Consents]:
    return {
        _digits(row["id"]): Consents(**row["consents"])
        for row in rows
        if row["state"] == "confirmed"
    }


def _digits(row_id: str) -> str:
    return row_id.replace("-", "")


class Copy:
    """A copy of signatures that is kept by `since` alone, with a minute of overlap."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Row]] = {}

    def add(self, slug: str, page: Iterable[Row]) -> None:
        """Keeps the rows of a page; the later one of a signature counts."""
        rows = self._rows.setdefault(slug, {})
        rows.update((row["id"], row) for row in page)

    def shown(self) -> Confirmed:
        return {slug: _confirmed(rows.values()) for slug, rows in self._rows.items()}


# ---- what is told


class Receiver(ThreadingHTTPServer):
    """Takes webhooks on loopback, checks who sent them, and keeps their bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = ""
        self.told: dict[str, Row] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def is_ours(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Checks a signature as the Standard Webhooks describe it."""
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = b64decode(self.secret.removeprefix("whsec_"))
        right = b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return f"v1,{right}" in headers["webhook-signature"].split()

    def shown(self, before: Confirmed) -> Confirmed:
        """Returns a copy from `before` after everything that was told, in the order of times."""
        found = {slug: dict(rows) for slug, rows in before.items()}
        ended: set[str] = set()
        for event in sorted(self.told.values(), key=lambda event: str(event["timestamp"])):
            data = event["data"]
            rows, row_id = found.setdefault(data["petition"], {}), _digits(data["signature_id"])
            if event["type"] == "signature.confirmed":
                rows.setdefault(row_id, Consents(None, None))
            elif event["type"] == "signature.withdrawn":
                ended.add(row_id)
                rows.pop(row_id, None)
            elif row_id not in ended:  # the signer may still answer otherwise
                rows[row_id] = Consents(**data["consents"])
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_ours = self.server.is_ours(dict(self.headers.items()), body)
        if is_ours:
            self.server.told[self.headers["webhook-id"]] = json.loads(body)
        self.send_response(204 if is_ours else 400)
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Prints nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Takes webhooks in a thread."""
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


# ---- what the desk shows


def on_desk(url: str, email: str, password: str) -> int:
    """Signs in, and reads on the page of supporters how many people say yes."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with opener.open(f"{url}/sign-in", timeout=_SECONDS) as page:
        token = re.search(r'name="form_token" value="([^"]+)"', page.read().decode())
    fields = {"email": email, "password": password, "form_token": token[1] if token else ""}
    body = urllib.parse.urlencode(fields).encode()
    opener.open(f"{url}/sign-in", body, timeout=_SECONDS).close()
    with opener.open(f"{url}/organiser/supporters", timeout=_SECONDS) as page:
        said = re.search(r"<strong>([\d,]+)</strong> say yes", page.read().decode())
    if said is None:
        raise ValueError("the desk does not say how many people say yes")
    return int(said[1].replace(",", ""))

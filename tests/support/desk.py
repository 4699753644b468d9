"""Works as an organiser in tests: a client whose forms have their token, organisers of any role."""

from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from typing import Any

from fastapi.testclient import TestClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlmodel import select

from models import Organisation, Organiser, Private, Role
from services.accounts import sessions
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.organisations import organisations, passwords
from tests.support.common import ORGANISERS_PASSWORD
from web.base import form_tokens
from web.base.dependencies import COOKIES, cookie_name

CHEAP_HASHER = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
"""Makes hashes of the real format in microseconds; those of real passwords would be weak."""
OUR_FORMS = ("/organiser", "/sign-out")
"""The beginnings of the paths to which the desk's own forms post."""


class DeskClient(TestClient):
    """A client that sends the token of the desk's forms, as a browser does with each form.

    A test that gives `form_token` itself, or a body as `content` or `json`, sends just that.
    """

    def request(self, method: str, url: Any, **parts: Any) -> Any:
        is_form = parts.get("json") is None and parts.get("content") is None
        if is_form and method == "POST" and str(url).startswith(OUR_FORMS):
            parts["data"] = self._tokens() | dict(parts.get("data") or {})
        return super().request(method, url, **parts)

    def _tokens(self) -> dict[str, str]:
        # Of two cookies of this name, for different domains, the service reads the last.
        tokens = [cookie.value for cookie in self.cookies.jar if cookie.name in COOKIES]
        return {form_tokens.FIELD: form_tokens.of_session(tokens[-1] or "")} if tokens else {}


def as_role(
    lobby: Lobby,
    client: TestClient,
    role: Role,
    *,
    organisation: str | None = None,
    email: str | None = None,
) -> Organiser:
    """Signs the client in as a new organiser of this role, and returns them.

    `organisation` is a slug; without one it is that of the demonstration. The password is
    ORGANISERS_PASSWORD.
    """
    organiser = add_organiser(lobby, role, organisation=organisation, email=email)
    sign_in_as(lobby, client, organiser)
    return organiser


def add_organiser(
    lobby: Lobby, role: Role, *, organisation: str | None = None, email: str | None = None
) -> Organiser:
    """Adds an organiser of this role. The time to set up a second step is years away."""
    slug = organisation or invented_campaign.about().organisation
    now = lobby.clock()
    with lobby.database.write() as session:
        row = session.exec(select(Organisation).where(Organisation.slug == slug)).one()
        address = email or f"{role}@{slug}.example.org"
        organiser = Organiser(
            organisation_id=row.id,
            email=Private(row.id, address),
            email_index=lobby.keyring.everywhere_index(organisations.account_of(address)),
            password_hash=_hash_of_password(),
            role=role,
            second_step_due_at=now + timedelta(days=3650),
            created_at=now,
        )
        session.add(organiser)
    return organiser


def sign_in_as(lobby: Lobby, client: TestClient, organiser: Organiser) -> str:
    """Gives the client the cookie of a new session. Returns the token in it."""
    with lobby.database.write() as session:
        token = sessions.begin(session, organiser, device="Tests", now=lobby.clock())
    client.cookies.set(cookie_name(lobby.settings), token)
    return token


@cache
def _hash_of_password() -> str:
    return passwords.hashed(ORGANISERS_PASSWORD)


# ---- the form of a letter in the builder


class _FormReader(HTMLParser):
    """Reads what a browser would send of the form of a letter."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, Any] = {"do": "save"}
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name, value, kind = found.get("name") or "", found.get("value") or "", found.get("type")
        if tag == "textarea":
            self._area = name
            self.fields[name] = ""
        elif tag == "input" and kind == "checkbox":
            if "checked" in found:
                self.fields.setdefault(name, []).append(value)
        elif tag == "input" and (kind != "radio" or "checked" in found):
            self.fields[name] = value

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            text = self.fields[self._area].replace("\r\n", "\n").removeprefix("\n")
            self.fields[self._area] = text.replace("\n", "\r\n")
            self._area = ""


def fields_on(page: Any) -> dict[str, Any]:
    """Returns what a browser would send of the form of a letter."""
    reader = _FormReader()
    reader.feed(page.text.partition(' class="side-by-side even"')[2].partition("</form>")[0])
    return reader.fields

"""Tests every route of the desk by role and by organisation, from the application's own routes."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from main import create_app
from models import Role
from services.assembly import Lobby
from tests.support.desk import DeskClient, add_organiser, sign_in_as
from tests.web.matrix import table, world
from tests.web.matrix.lines import BY_ROLE, DESK, READS, WRITES, Line, lines
from tests.web.matrix.world import MARKER, World

RANKS = list(BY_ROLE)
SESSIONS = ("web.base.desk", "web.base.dependencies")
"""The modules whose dependencies read the session."""
LET_IN = (200, 301, 303, 409)
"""A page, another address, or a page that says why something cannot be done now."""
SITE = "http://testserver"


def _without(text: str, path: str) -> str:
    """Leaves out what the request itself named."""
    for part in path.split("/")[2:]:
        text = text.replace(part, "")
    return text


@dataclass
class Visitors:
    """A browser for each role, one for nobody, and what went wrong."""

    app: FastAPI
    lobby: Lobby
    world: World
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nobody = self._browser()
        self.of_role = {}
        self._organisers = {}
        for role in RANKS:
            self._organisers[role] = add_organiser(self.lobby, role)
            self.of_role[role] = self._browser()
            self.sign_in(role)

    def sign_in(self, role: Role) -> None:
        sign_in_as(self.lobby, self.of_role[role], self._organisers[role])

    def visit(self, who: Role | None, line: Line, path: str, *allowed: int) -> Any:
        """Sends a request, and notes a status that isn't allowed, and a leak."""
        browser = self.nobody if who is None else self.of_role[who]
        data = table.FIELDS.get(line.text, {}) if line.method == "POST" else None
        answer = browser.request(line.method, path, data=data)
        what = f"{who or 'nobody'}: {line.method} {path}: {answer.status_code}"
        is_fine = answer.status_code in allowed if allowed else answer.status_code < 500
        if not is_fine:
            self.problems.append(what)
        text = answer.text.casefold() + str(answer.headers).casefold()
        # What was asked for may be in the answer: where to sign in, for example.
        leaks = [each for each in (MARKER, *self.world.their_ids) if each not in path]
        if any(each in text for each in leaks):
            self.problems.append(f"{what}: shows what is the other organisation's")
        return answer

    def lets_in(self, who: Role, line: Line, path: str) -> None:
        """Visits a route that this role may use."""
        status = self.visit(who, line, path).status_code
        if status in (401, 403):
            self.problems.append(f"{who}: {line.method} {path}: {status}")

    def looks_absent(self, who: Role | None, line: Line, path: str, absent: str) -> None:
        """Notes an answer that differs from that about something which nobody has."""
        answers = [
            (answer.status_code, _without(answer.text + answer.headers.get("Location", ""), at))
            for at in (path, absent)
            for answer in [self.visit(who, line, at)]
        ]
        if answers[0] != answers[1]:
            self.problems.append(f"{who or 'nobody'}: {line.method} {path}: differs from {absent}")

    def _browser(self) -> DeskClient:
        return DeskClient(self.app, base_url=SITE, follow_redirects=False)


@pytest.fixture
def visitors(lobby: Lobby) -> Iterator[Visitors]:
    without_limits = {"gets_per_address": 0, "posts_per_address": 0}
    settings = lobby.settings.model_copy(update=without_limits)
    lobby = replace(lobby, settings=settings)
    app = create_app(settings, lobby=lobby)
    with DeskClient(app):
        yield Visitors(app, lobby, world.build(lobby))


# ---- the table


def session_routes(app: FastAPI) -> set[str]:
    """Returns the routes that read a session, may show a draft, or lead to the desk."""
    found = set()
    for context in iter_route_contexts(app.routes):
        endpoint: Any = getattr(context, "endpoint", None)
        module = getattr(endpoint, "__module__", "")
        path = context.path or ""
        is_draft = module.startswith(("web.public", "web.embed")) and "{slug}" in path
        if module.startswith("web.organisers") or is_draft or _reads_session(context):
            found |= {f"{method} {path}" for method in (context.methods or ()) if method != "HEAD"}
    return found


def _reads_session(context: Any) -> bool:
    dependant: Dependant | None = getattr(context, "dependant", None)
    return dependant is not None and any(
        getattr(call, "__module__", "") in SESSIONS for call in _calls(dependant)
    )


def _calls(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_route_with_a_session_has_a_line_and_no_line_is_for_a_route_that_went(
    lobby: Lobby,
) -> None:
    listed = [line.route for _, line in DESK]
    listed += [line.route for line in lines(*table.DRAFTS, *table.WAYS_IN)]
    there = session_routes(create_app(lobby.settings, lobby=lobby))
    assert len(there) > 50
    assert there - set(listed) == set(), "add a line: see the docstring of tests/web/matrix/table"
    assert set(listed) - there == set(), "these routes are gone: remove their lines"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_line_is_there_once(lobby: Lobby) -> None:
    texts = [line.text for _, line in DESK] + [*table.DRAFTS, *table.WAYS_IN]
    assert len(texts) == len(set(texts))
    assert {*table.FIELDS, *table.SILENT, *table.NUMBERS} <= set(texts)
    assert lobby.database.is_sqlite


# ---- who may


@pytest.mark.slow
def test_a_page_opens_for_its_roles_alone_and_only_in_their_organisation(
    visitors: Visitors,
) -> None:
    before = world.rows(visitors.lobby)
    for least, line in READS:
        own = line.own(visitors.world)
        answer = visitors.visit(None, line, own, 303)
        assert answer.headers["Location"].startswith("/sign-in"), own
        for role in RANKS:
            if RANKS.index(role) < RANKS.index(least):
                visitors.visit(role, line, own, 403)
                for path in line.foreign(visitors.world)[-1:]:
                    visitors.visit(role, line, path, 403, 404)
                continue
            visitors.visit(role, line, own, *LET_IN)
            for path in line.foreign(visitors.world):
                visitors.visit(role, line, path, 404)
    assert "\n".join(visitors.problems) == ""
    assert world.rows(visitors.lobby) == before, "a GET changes nothing"


@pytest.mark.slow
def test_a_form_of_a_lower_role_or_about_another_organisation_changes_nothing(
    visitors: Visitors,
) -> None:
    before = world.rows(visitors.lobby)
    for least, line in WRITES:
        own = line.own(visitors.world)
        for path in (own, *line.foreign(visitors.world)):
            visitors.visit(None, line, path, 303, 401)
        for role in RANKS:
            refused, foreign = [404], line.foreign(visitors.world)
            if RANKS.index(role) < RANKS.index(least):
                visitors.visit(role, line, own, 403)
                refused, foreign = [403, 404], foreign[-1:]
            elif line.text in table.SILENT:
                refused = [303]
            for path in foreign:
                visitors.visit(role, line, path, *refused)
    assert "\n".join(visitors.problems) == ""
    assert world.rows(visitors.lobby) == before


@pytest.mark.slow
def test_a_form_of_a_role_that_may_gets_in(visitors: Visitors) -> None:
    ids = visitors.world.their_ids
    before = world.rows(visitors.lobby, about=ids)
    for least, line in WRITES:
        for role in RANKS[RANKS.index(least) :]:
            visitors.lets_in(role, line, line.absent())
    assert "\n".join(visitors.problems) == ""
    assert world.rows(visitors.lobby, about=ids) == before


@pytest.mark.slow
def test_a_draft_is_for_its_own_people_alone_and_for_others_as_if_it_were_not_there(
    visitors: Visitors,
) -> None:
    before = world.rows(visitors.lobby)
    for line in lines(*table.DRAFTS):
        own, absent = line.own(visitors.world), line.absent()
        for role in RANKS:
            visitors.visit(role, line, own)
        for who, path in product((None, *RANKS), line.foreign(visitors.world)):
            if who is not None and visitors.world.ours["draft"] in path:
                visitors.visit(who, line, path, 404)  # their news in our campaign
            else:
                visitors.looks_absent(who, line, path, absent)
        visitors.looks_absent(None, line, own, absent)
    assert "\n".join(visitors.problems) == ""
    assert world.rows(visitors.lobby) == before


def test_the_first_pages_of_a_draft_do_open_for_its_own_people(visitors: Visitors) -> None:
    """Otherwise the test above would hold for drafts that nobody sees."""
    for text in ("GET /campaigns/{slug}", "GET /campaigns/{slug}/updates", "GET /petitions/{slug}"):
        line = Line(text)
        for role in RANKS:
            visitors.visit(role, line, line.own(visitors.world), 200, 302)
    assert "\n".join(visitors.problems) == ""


@pytest.mark.slow
def test_the_ways_in_show_and_change_nothing_of_anybody(visitors: Visitors) -> None:
    before = world.rows(visitors.lobby)
    for line in lines(*table.WAYS_IN):
        for who in (None, *RANKS):
            visitors.visit(who, line, line.filled({}))
            if who is not None:
                visitors.sign_in(who)
    assert "\n".join(visitors.problems) == ""
    after = world.rows(visitors.lobby)
    after["account_event"] = before["account_event"]  # signing out is noted
    assert after == before


# ---- the test itself


@pytest.mark.slow
def test_the_pages_of_the_other_organisation_do_show_the_marker(visitors: Visitors) -> None:
    """Otherwise no leak could be found."""
    organiser = add_organiser(visitors.lobby, Role.OWNER, organisation=world.OTHERS)
    browser = visitors.nobody
    sign_in_as(visitors.lobby, browser, organiser)
    for least, line in READS:
        path = line.filled({name: line.value(visitors.world.theirs, name) for name in line.names})
        answer = browser.get(path)
        if answer.status_code == 200 and line.text not in table.NUMBERS:
            assert MARKER in answer.text.casefold(), (least, path)

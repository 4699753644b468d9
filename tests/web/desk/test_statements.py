"""Tests how many SQL statements a page of the desk needs: at most twelve, however many rows."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from main import create_app
from models import Role
from services.assembly import Lobby
from services.demonstration import invented_campaign
from tests.support.common import CAMPAIGN
from tests.support.desk import DeskClient, add_organiser, sign_in_as
from tests.web.matrix import table, world
from tests.web.matrix.lines import READS, Line
from tests.web.matrix.world import Values
from tools import campaign_rows
from tools.campaign_rows import Size
from tools.statements import sent_by

MOST = 12
SHOWN = (200, 301, 409)
"""A page, a former address, or a page that says why something cannot be done now."""
DRAFT = " (draft)"
"""Added to the name of a page of a draft, which has no letter of its own."""
Counts = dict[str, int]


@pytest.fixture
def limitless(lobby: Lobby) -> Lobby:
    without_limits = {"gets_per_address": 0, "posts_per_address": 0}
    return replace(lobby, settings=lobby.settings.model_copy(update=without_limits))


@pytest.fixture
def owner(limitless: Lobby) -> Iterator[DeskClient]:
    """A browser of an owner, without a second step to speak of."""
    app = create_app(limitless.settings, lobby=limitless)
    with DeskClient(app, follow_redirects=False) as browser:
        sign_in_as(limitless, browser, add_organiser(limitless, Role.OWNER))
        yield browser


def visits(values: Values) -> Iterator[tuple[str, str]]:
    """Yields the name and the address of every page, and of the builder's for a draft too."""
    draft = values | {"campaign": values["draft"], "petition_slug": values["draft_petition"]}
    for _, line in READS:
        yield line.text, _address(line, values)
        if line.path.startswith(table.EDIT):
            yield line.text + DRAFT, _address(line, draft)


def _address(line: Line, values: Values) -> str:
    return line.filled({name: line.value(values, name) for name in line.names})


def counted(lobby: Lobby, browser: DeskClient, values: Values) -> Counts:
    """Opens each page twice, since the first visit is noted; counts the second time.

    The frame shows the campaign that was looked at last, which is the same for all.
    """
    counts = {}
    browser.get(f"/organiser/campaigns/{values['campaign']}/news")
    for name, address in visits(values):
        first = browser.get(address).status_code
        assert first in SHOWN or (first == 404 and DRAFT in name), (name, first)
        with sent_by(lobby) as sent:
            browser.get(address)
        counts[name] = len(sent)
    return counts


def add_rows(lobby: Lobby, name: str) -> None:
    """Adds a campaign that is a draft, an object of each kind, and people who sign and write."""
    world.add_side(lobby, invented_campaign.about().organisation, name, name.capitalize())
    campaign_rows.fill(lobby, CAMPAIGN, Size(60, 30))


@pytest.mark.slow
def test_a_page_needs_a_fixed_number_of_statements_and_not_many(
    limitless: Lobby, owner: DeskClient
) -> None:
    ours = world.build(limitless).ours
    add_rows(limitless, "more")
    few = counted(limitless, owner, ours)
    for name in ("further", "most", "many"):
        add_rows(limitless, name)
    many = counted(limitless, owner, ours)
    grown = {name: (few[name], count) for name, count in many.items() if count > few[name]}
    assert grown == {}, "these pages ask once more for each row"
    above = {name: count for name, count in many.items() if count > MOST}
    assert above == {}, f"a page of the desk makes at most {MOST} statements"

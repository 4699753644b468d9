"""Tests the builder's step 'Partners': who brings signatures, and what to give each partner."""

import re
from html import unescape

import pytest

from models import CampaignStatus, Role, Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, PETITION, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.keys import OTHERS, add_campaign, others_key
from tests.support.pages import visible
from tests.support.partners import PAPER, RADIO, add_partner, signed


def path(slug: str = CAMPAIGN) -> str:
    return f"/organiser/campaigns/{slug}/edit/partners"


def copied(text: str) -> list[str]:
    """Returns the texts that the page offers to copy."""
    return [
        unescape(found)
        for found in re.findall(r"<textarea[^>]* readonly[^>]*>\n(.*?)</textarea>", text, re.S)
    ]


def test_each_partner_has_its_count_its_code_and_its_link(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    assert "There are no partners yet." in visible(signed_in.get(path()))
    add_partner(lobby, PAPER)
    add_partner(lobby, RADIO)
    signed(lobby, "ben@example.org", partner=PAPER)
    clock.advance(minutes=1)  # counts are at most a minute old
    page = signed_in.get(path())
    assert "1 signature so far" in visible(page)
    assert "0 signatures so far" in visible(page)
    code, link, *others = copied(page.text)
    assert f'<lobby-petition petition="{PETITION}" partner="{PAPER}">' in code
    assert link == f"http://testserver/petitions/{PETITION}?partner={PAPER}"
    assert len(others) == 2


def test_owners_add_and_editors_see(client: DeskClient, lobby: Lobby) -> None:
    add_partner(lobby, PAPER)
    actions = ("/organiser/partners/new", f"/organiser/partners/{PAPER}", "/organiser/keys/new")
    as_role(lobby, client, Role.OWNER)
    assert all(f'href="{action}' in client.get(path()).text for action in actions)
    as_role(lobby, client, Role.EDITOR)
    page = client.get(path())
    assert page.status_code == 200
    assert not any(f'href="{action}' in page.text for action in actions)
    assert "Only owners can add or change partners." in visible(page)
    assert len(copied(page.text)) == 2
    as_role(lobby, client, Role.VIEWER)
    assert client.get(path()).status_code == 403


def test_a_draft_says_that_its_links_do_not_work_yet(signed_in: DeskClient, lobby: Lobby) -> None:
    add_partner(lobby, PAPER)
    add_campaign(lobby, "fair-fares", status=CampaignStatus.DRAFT)
    page = signed_in.get(path("fair-fares"))
    assert "Write a petition first" in visible(page)
    assert copied(page.text) == []


@pytest.mark.parametrize("slug", ["theirs", "nobodys"])
def test_another_organisations_step_is_a_404(
    signed_in: DeskClient, lobby: Lobby, slug: str
) -> None:
    others_key(lobby, Scope.LETTERS_READ)
    add_campaign(lobby, "theirs", organisation=OTHERS)
    assert signed_in.get(path(slug)).status_code == 404

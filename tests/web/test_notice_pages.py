"""Tests the privacy notices, contact addresses and the accessibility statement."""

import re

import pytest
from fastapi.testclient import TestClient

from main import create_app
from models import CampaignStatus, InstallationTextName, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.organisations import identity, installation_texts, notices, organisations
from tests.support.common import CAMPAIGN
from tests.support.keys import OTHERS, add_campaign, others_key
from tests.support.lobbies import MakeLobby
from tests.support.pages import visible, without_own_script

OURS = invented_campaign.about().organisation
PAGES = (f"/privacy/{OURS}", f"/contact/{OURS}", "/contact", "/accessibility")
FIRST = "We keep your name. See https://example.org/law.\n\n<b>Really</b>: javascript:alert(1)"


def publish(lobby: Lobby, *texts: str, slug: str = OURS) -> None:
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, slug)
        for text in texts:
            notices.publish(session, owner, text, now=lobby.clock())


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_for_everybody_and_has_one_title_and_heading(
    client: TestClient, path: str
) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-cache"
    assert page.text.count("<h1") == 1
    assert not re.search(r"<script|<style| style=|\son\w+=", without_own_script(page.text))
    ids = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))


def test_an_organisation_without_a_notice_shows_one_that_says_who_wrote_it(
    client: TestClient,
) -> None:
    page = visible(client.get(f"/privacy/{OURS}"))
    name = "Public Health Alliance (demonstration)"
    assert (
        f"This notice was written by the service, because {name} has not published its own." in page
    )
    assert "special category data" in page
    assert "https://ico.org.uk/make-a-complaint/" in page
    assert client.get(f"/privacy/{OURS}?version=1").status_code == 404


def test_a_notice_is_shown_in_paragraphs_and_its_links_lead_somewhere(
    client: TestClient, lobby: Lobby
) -> None:
    publish(lobby, FIRST)
    page = client.get(f"/privacy/{OURS}")
    assert '<a href="https://example.org/law">https://example.org/law</a>.' in page.text
    assert "&lt;b&gt;Really&lt;/b&gt;: javascript:alert(1)" in page.text
    assert 'href="javascript' not in page.text
    assert "written by the service" not in page.text
    assert "All versions" not in page.text


def test_earlier_versions_of_a_notice_stay_readable(client: TestClient, lobby: Lobby) -> None:
    publish(lobby, FIRST, "Now we keep your name for two years and your address for one.")
    now = client.get(f"/privacy/{OURS}")
    assert "for two years" in visible(now)
    assert f'href="/privacy/{OURS}?version=1"' in now.text
    earlier = client.get(f"/privacy/{OURS}?version=1")
    assert "This is an earlier version" in visible(earlier)
    assert "for two years" not in visible(earlier)
    assert "This is an earlier version" not in visible(client.get(f"/privacy/{OURS}?version=2"))


@pytest.mark.parametrize("version", ["0", "-1", "x", "99999999999999999999", ""])
def test_a_version_that_is_no_number_is_bad_input(client: TestClient, version: str) -> None:
    assert client.get(f"/privacy/{OURS}?version={version}").status_code == 422


@pytest.mark.parametrize("path", ["/privacy/nobody", "/contact/nobody", "/privacy/%00"])
def test_an_organisation_that_is_not_there_is_a_page_that_is_not_there(
    client: TestClient, path: str
) -> None:
    assert client.get(path).status_code == 404


def test_the_contact_page_shows_every_way_to_write(client: TestClient) -> None:
    page = client.get(f"/contact/{OURS}")
    assert '<a href="mailto:hello@example.org">hello@example.org</a>' in page.text
    assert "1 Example Street" in visible(page)
    assert 'href="https://example.org/"' in page.text
    assert f'href="/privacy/{OURS}"' in page.text


def test_an_organisation_of_which_nothing_is_known_has_a_page_all_the_same(
    client: TestClient, lobby: Lobby
) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    assert "hasn’t given a contact address here" in visible(client.get(f"/contact/{OTHERS}"))
    assert "Ask Others." in visible(client.get(f"/privacy/{OTHERS}"))


def test_the_list_of_contacts_has_those_with_a_campaign_in_public(
    client: TestClient, lobby: Lobby
) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    assert "Others" not in visible(client.get("/contact"))
    add_campaign(lobby, "draft", organisation=OTHERS, status=CampaignStatus.DRAFT)
    assert "Others" not in visible(client.get("/contact"))
    add_campaign(lobby, "ended", organisation=OTHERS, status=CampaignStatus.WON)
    page = client.get("/contact")
    assert f'href="/contact/{OTHERS}"' in page.text
    assert f'href="/contact/{OURS}"' in page.text


def test_what_an_organisation_says_is_text_and_never_markup(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, OURS)
        values = {"postal_address": '"><script>alert(1)</script>', "charity_number": "<b>1</b>"}
        identity.change(session, owner, values)
    for path in PAGES[:3]:
        page = client.get(path).text
        assert "<script" not in without_own_script(page)
        assert "<b>1</b>" not in page


def test_the_operators_statement_takes_the_place_of_the_general_one(
    client: TestClient, lobby: Lobby
) -> None:
    general = visible(client.get("/accessibility"))
    assert "What is tested automatically" in general
    assert "we don’t claim that these pages meet every rule" in general
    name, text = (
        InstallationTextName.ACCESSIBILITY,
        "We met five people.\n\nhttps://example.org/a11y",
    )
    for written in ("An earlier one.", text):
        with lobby.database.write() as session:
            installation_texts.write(session, name, written, now=lobby.clock())
    page = client.get("/accessibility")
    assert "We met five people." in visible(page)
    assert 'href="https://example.org/a11y"' in page.text
    assert "What is tested automatically" not in visible(page)
    with lobby.database.write() as session:
        installation_texts.remove(session, name)
        installation_texts.remove(session, name)
    assert visible(client.get("/accessibility")) == general


def test_a_service_without_a_campaign_has_all_three_pages(make_lobby: MakeLobby) -> None:
    lobby = make_lobby("empty")
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        assert "nobody to contact yet" in visible(client.get("/contact"))
        assert client.get("/accessibility").status_code == 200
        assert client.get(f"/privacy/{OURS}").status_code == 404


def lacking(client: TestClient, campaign: str) -> str:
    """Returns what the builder says about a campaign, except what is done."""
    page = visible(client.get(f"/organiser/campaigns/{campaign}/edit/open"))
    return page.partition(" Done (")[0]


def test_organisers_see_what_their_pages_lack(signed_in: TestClient, lobby: Lobby) -> None:
    page = lacking(signed_in, CAMPAIGN)
    assert "Must be done Publish your privacy notice" in page
    assert "Add a contact address" not in page
    add_campaign(lobby, "bare-campaign")
    bare = lacking(signed_in, "bare-campaign")
    assert "Add a picture" in bare
    assert "Say what the motion asks for" not in bare, "it has no motion"
    publish(lobby, "We keep your name for a year, and then we delete it.")
    assert "Publish your privacy notice" not in lacking(signed_in, CAMPAIGN)


def test_organisers_of_a_campaign_that_lacks_nothing_see_no_list(
    signed_in: TestClient, lobby: Lobby
) -> None:
    publish(lobby, "We keep your name for a year, and then we delete it.")
    page = lacking(signed_in, CAMPAIGN)
    assert "Nothing is missing" in page
    assert "Must be done" not in page


def test_the_home_of_the_desk_asks_for_a_notice_until_there_is_one(
    signed_in: TestClient, lobby: Lobby
) -> None:
    page = signed_in.get("/organiser")
    assert "Publish your privacy notice" in visible(page)
    assert 'href="/organiser/look#notice"' in page.text
    assert "Add a contact address" not in visible(page)
    publish(lobby, "We keep your name for a year, and then we delete it.")
    assert "Publish your privacy notice" not in visible(signed_in.get("/organiser"))


def test_home_asks_what_a_motion_asks_for_by_the_name_of_its_campaign(
    signed_in: TestClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "bare-campaign")
    page = visible(signed_in.get("/organiser"))
    assert "Say what the motion of" not in page, "one has no motion, and the other says it"
    with lobby.database.write() as session:
        campaigns.by_slug(session, CAMPAIGN).purpose = ""
    page = visible(signed_in.get("/organiser"))
    assert "Say what the motion of ‘Keep NHS Professionals public’ asks for" in page

"""Tests oEmbed, from which other sites make a preview of a petition's address."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient

from models import CampaignStatus
from services.assembly import Lobby
from tests.support.common import PETITION
from tests.support.embeds import EMBED, PARTNER, THEIRS, add_partner
from tests.support.pages import close_campaign

ADDRESS = f"http://testserver/petitions/{PETITION}"
ADDRESS_WITH_PARTNER = f"{ADDRESS}?{urlencode({'partner': PARTNER, 'source': 'a & b'})}"


def ask(client: TestClient, url: str, **more: Any) -> Any:
    return client.get("/oembed", params={"url": url, **more})


def test_a_partners_address_becomes_a_frame_with_its_form(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby, THEIRS)
    answer = ask(client, ADDRESS_WITH_PARTNER)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    embed = answer.json()
    html = embed.pop("html")
    assert embed == {
        "version": "1.0",
        "type": "rich",
        "title": "Stop the sale of NHS Professionals",
        "author_name": "Public Health Alliance (demonstration)",
        "provider_name": "Central Lobby",
        "provider_url": "http://testserver",
        "cache_age": 3600,
        "width": 480,
        "height": 900,
    }
    frame = re.fullmatch(r'<iframe src="([^"]+)" title="([^"]+)" [^<>]*></iframe>', html)
    assert frame
    assert unescape(frame[1]) == f"http://testserver{EMBED}?partner={PARTNER}&source=a+%26+b"
    assert frame[2] == "Stop the sale of NHS Professionals"
    assert client.get(unescape(frame[1])).status_code == 200


def test_where_no_other_site_may_show_the_form_there_is_a_link(client: TestClient) -> None:
    embed = ask(client, ADDRESS).json()
    assert embed["type"] == "link"
    assert not {"html", "width", "height"} & embed.keys()


def test_a_frame_is_no_larger_than_was_asked(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby, THEIRS)
    small = ask(client, ADDRESS_WITH_PARTNER, maxwidth=320, maxheight=400).json()
    assert (small["width"], small["height"]) == (320, 400)
    assert 'width="320" height="400"' in small["html"]
    large = ask(client, ADDRESS_WITH_PARTNER, maxwidth=5000, maxheight=5000).json()
    assert (large["width"], large["height"]) == (480, 900)


def test_xml_says_the_same_as_json(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby, THEIRS)
    answer = ask(client, ADDRESS_WITH_PARTNER, format="xml")
    assert answer.headers["Content-Type"].startswith("text/xml")
    root = ET.fromstring(answer.content)
    assert root.tag == "oembed"
    parts = {part.tag: part.text for part in root}
    assert parts == {
        name: str(value) for name, value in ask(client, ADDRESS_WITH_PARTNER).json().items()
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/petitions/" + PETITION,
        "http://testserver:8080/petitions/" + PETITION,
        "http://testserver/campaigns/" + PETITION,
        "http://testserver/petitions/" + PETITION + "/sign",
        "http://testserver/petitions/nothing-here",
        "http://testserver/petitions/UPPER",
        "http://testserver.elsewhere.example/petitions/" + PETITION,
        "ftp://testserver/petitions/" + PETITION,
        "http://[/petitions/x",
        "http://testserver:x/petitions/" + PETITION,
        "/petitions/" + PETITION,
        "",
        "\x00",
    ],
)
def test_any_other_address_is_not_found(client: TestClient, url: str) -> None:
    answer = ask(client, url)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "url",
    [f"{ADDRESS}/", f"{ADDRESS}#sign", ADDRESS.replace("http:", "https:"), f"{ADDRESS}?x=%ff"],
)
def test_a_petitions_address_may_be_pasted_in_any_of_its_forms(
    client: TestClient, url: str
) -> None:
    assert ask(client, url).status_code == 200


def test_a_draft_is_not_told_of(client: TestClient, lobby: Lobby) -> None:
    close_campaign(lobby, CampaignStatus.DRAFT)
    assert ask(client, ADDRESS).status_code == 404


def test_an_unknown_format_is_not_implemented(client: TestClient) -> None:
    assert ask(client, ADDRESS, format="html").status_code == 501


@pytest.mark.parametrize("wrong", [{"maxwidth": "wide"}, {"maxheight": 0}, {"maxwidth": -1}])
def test_a_wrong_size_names_its_field(client: TestClient, wrong: dict[str, Any]) -> None:
    answer = ask(client, ADDRESS, **wrong)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == list(wrong)
    missing = client.get("/oembed")
    assert [error["field"] for error in missing.json()["errors"]] == ["url"]


def test_a_petition_tells_where_its_oembed_is(client: TestClient) -> None:
    page = client.get(f"/petitions/{PETITION}", follow_redirects=True).text
    for kind, format_ in (("application/json", "json"), ("text/xml", "xml")):
        link = re.search(rf'<link rel="alternate" type="{kind}\+oembed" href="([^"]+)"', page)
        assert link
        answer = client.get(unescape(link[1]))
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert f"format={format_}" in unescape(link[1])

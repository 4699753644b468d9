"""Tests of the box 'Has my MP signed?' on the home page, and of where it leads."""

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import CampaignStatus, Motion, Organisation
from services.assembly import Lobby
from services.campaigns import campaigns
from tests.support.common import CAMPAIGN, CAN_SIGN, SIGNED
from tests.support.pages import CAMPAIGN_PATH, MPS, VACANT, close_campaign, visible
from tests.web.members.recorded import MORAG
from tools import campaign_rows
from tools.campaign_rows import Size
from tools.statements import sent_by

FIND = "/my-mp"
MOST = 12
EDINBURGH = "S14000078"


def add_campaign(lobby: Lobby, slug: str = "free-bus-passes") -> None:
    """Adds an open campaign about the same motion."""
    with lobby.database.write() as session:
        motion = session.exec(select(Motion).where(Motion.number == "152")).first()
        campaigns.create(
            session,
            organisation_id=session.exec(select(Organisation.id)).one(),
            values={
                "slug": slug,
                "title": "Free bus passes",
                "summary": "Carers need them.",
                "status": CampaignStatus.OPEN,
            },
            now=lobby.clock(),
            motion_id=motion.id if motion else None,
        )


def test_the_box_leads_to_the_page_of_the_campaign_where_one_is_open(client: TestClient) -> None:
    home = client.get("/")
    assert f'<form method="post" action="{FIND}"' in home.text
    answer = client.post(FIND, data={"postcode": CAN_SIGN.lower()})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{CAMPAIGN_PATH}/constituencies/{EDINBURGH}"
    page = client.get(answer.headers["Location"], follow_redirects=True)
    assert page.url.path == f"{MPS}/{MORAG}"


def test_with_several_campaigns_it_leads_to_what_the_mp_did_about_each(
    client: TestClient, lobby: Lobby
) -> None:
    add_campaign(lobby)
    found = client.post(FIND, data={"postcode": SIGNED})
    assert found.headers["Location"].startswith(f"{FIND}/E")
    page = client.get(found.headers["Location"])
    assert "<h1>What has Adaeze Hartwhistle signed?</h1>" in page.text
    assert visible(page).count("Has signed on 18 May 2026") == 2
    for slug in ("free-bus-passes", CAMPAIGN):
        assert f'href="/campaigns/{slug}/mps/' in page.text
    other = visible(client.get(f"{FIND}/{EDINBURGH}"))
    assert other.count("Hasn’t signed") == 2
    vacant = client.post(FIND, data={"postcode": VACANT}, follow_redirects=True)
    assert "Norwich South has no MP at the moment" in visible(vacant)
    assert "/constituencies/E14001409" in vacant.text


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Enter your postcode."),
        ("nonsense", "Enter a full UK postcode"),
        ("ZZ1 1ZZ", "We can’t find that postcode. Check it and try again."),
        ("JE2 3AB", "have no MPs in the UK Parliament."),
    ],
)
def test_a_postcode_without_an_mp_is_answered_beside_the_field(
    client: TestClient, typed: str, message: str
) -> None:
    page = client.post(FIND, data={"postcode": typed})
    assert (page.status_code, page.headers["Cache-Control"]) == (422, "no-store")
    assert message in visible(page)
    assert f'value="{typed}"' in page.text
    assert page.text.partition("</title>")[0].count("Error: ") == 1


def test_there_is_no_box_where_no_campaign_asks_mps(client: TestClient, lobby: Lobby) -> None:
    close_campaign(lobby, CampaignStatus.WON)
    assert FIND not in client.get("/").text
    page = client.post(FIND, data={"postcode": CAN_SIGN}, follow_redirects=True)
    assert "No campaign asks MPs to sign a motion at the moment." in visible(page)


def test_a_page_that_does_not_exist_lists_open_campaigns(client: TestClient, lobby: Lobby) -> None:
    page = client.get("/nothing")
    assert page.status_code == 404
    assert f'<li><a href="{CAMPAIGN_PATH}">' in page.text
    close_campaign(lobby, CampaignStatus.WON)
    assert "Campaigns you can join" not in visible(client.get("/nothing"))


def test_the_pages_of_mps_need_few_statements_however_many_rows(
    client: TestClient, lobby: Lobby
) -> None:
    paths = (
        f"{MPS}?search=a",
        f"{MPS}.csv",
        f"{MPS}/{MORAG}?source=a-leaflet",
        f"{CAMPAIGN_PATH}/constituencies/E14001409",
        f"{FIND}/{EDINBURGH}",
        "/nothing",
    )

    def counted() -> dict[str, int]:
        counts = {}
        for path in paths:
            with sent_by(lobby) as sent:
                client.get(path)
            counts[path] = len(sent)
        return counts

    counted()  # from now on the seats are in memory
    few = counted()
    add_campaign(lobby)
    campaign_rows.fill(lobby, CAMPAIGN, Size(60, 30))
    assert counted() == few
    assert max(few.values()) <= MOST, few

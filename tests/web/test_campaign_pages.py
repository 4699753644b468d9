"""Tests the page of a campaign: where it is, what it keeps, its states, and how it is cached."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import (
    Campaign,
    CampaignEvent,
    CampaignStatus,
    EventKind,
    Motion,
    MotionStatus,
    PetitionState,
)
from services.assembly import Lobby
from services.campaigns import campaign_motions, campaigns, petitions
from services.campaigns.campaign_motions import MotionRole
from services.database.engine import Database
from services.organisations import organisations
from services.pictures import pictures
from tests.support.campaigns import add_campaign, add_picture
from tests.support.common import CAMPAIGN, PETITION, Clock
from tests.support.database.query_plans import sent_statements
from tests.support.embeds import newest_signature
from tests.support.pages import (
    LETTER,
    SIGN,
    SIGNER,
    close_campaign,
    hidden,
    sign,
    value_of,
    visible,
    without_own_script,
)
from tests.support.partners import PAPER, SECOND, add_partner, add_second_petition
from tools.statements import sent_by

MOST = 12
PAGE = f"/campaigns/{CAMPAIGN}"
PETITION_PAGE = f"/petitions/{PETITION}"


def change(lobby: Lobby, **values: Any) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        campaigns.update(session, campaign, values=values, now=lobby.clock())


def change_petition(lobby: Lobby, **values: Any) -> None:
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        petitions.update(session, petition, values=values, now=lobby.clock())


# ---- addresses


def test_the_only_petition_of_a_campaign_leads_to_the_campaign_with_its_query(
    client: TestClient,
) -> None:
    query = "?partner=a-paper&source=a%20b&utm_source=c"
    for path in (PETITION_PAGE, f"{PETITION_PAGE}/check-your-mail"):
        answer = client.get(path + query)
        assert answer.status_code in (302, 303)
        assert answer.headers["Location"] == f"{PAGE}?partner=a-paper&source=a+b&utm_source=c"
    answer = client.get(PETITION_PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)


def test_a_reload_of_the_forms_address_finds_the_form_and_forgets_the_proof(
    client: TestClient,
) -> None:
    answer = client.get(f"{SIGN}?source=leaflet&proof=abc")
    assert answer.headers["Location"] == f"{PETITION_PAGE}?source=leaflet"


def test_one_of_several_petitions_keeps_its_page(client: TestClient, lobby: Lobby) -> None:
    assert client.get(PETITION_PAGE).status_code == 302
    add_second_petition(lobby)
    for slug, action in ((PETITION, "Stop the sale"), (SECOND, "A second one")):
        page = client.get(f"/petitions/{slug}?utm_source=leaflet")
        assert page.status_code == 200
        assert f"<h1>{action}" in page.text
        assert hidden(page, "source") == "leaflet"
        assert f'href="{PAGE}"' in page.text
    campaign_page = client.get(PAGE)
    assert f'action="{SIGN}"' in campaign_page.text
    assert f'href="/petitions/{SECOND}"' in campaign_page.text
    wrong = client.post(f"/petitions/{SECOND}/sign", data=SIGNER | {"postcode": "no"})
    assert wrong.status_code == 422
    assert "<h1>A second one" in wrong.text


def test_the_draft_of_a_petition_is_shown_to_its_organisers_alone(
    client: TestClient, signed_in: TestClient, lobby: Lobby
) -> None:
    change_petition(lobby, state=PetitionState.DRAFT)
    draft = signed_in.get(PETITION_PAGE)
    assert draft.status_code == 200
    assert "This petition is a draft" in visible(draft)
    assert "<title>Draft: " in draft.text
    assert draft.headers["Cache-Control"] == "no-store"
    client.cookies.clear()
    assert client.get(PETITION_PAGE).status_code == 404
    assert SIGN not in client.get(PAGE).text


# ---- source and partner


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("source=whatsapp", "whatsapp"),
        ("utm_source=newsletter", "newsletter"),
        ("source=leaflet&utm_source=newsletter", "leaflet"),
        ("source=&utm_source=newsletter", "newsletter"),
        ("source=%00&utm_source=newsletter", "newsletter"),
    ],
)
def test_the_source_survives_a_mistake_and_is_kept_with_the_signature(
    client: TestClient, lobby: Lobby, query: str, source: str
) -> None:
    page = client.get(f"{PAGE}?{query}")
    assert hidden(page, "source") == source
    wrong = sign(client, source=hidden(page, "source"), postcode="no")
    assert wrong.status_code == 422
    assert hidden(wrong, "source") == source
    assert f'action="{SIGN}?source={source}"' in wrong.text
    assert sign(client, source=hidden(wrong, "source")).status_code == 303
    assert newest_signature(lobby).source == source


def test_a_partners_question_stands_beside_ours_and_survives_a_mistake(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby)
    page = client.get(f"{PAGE}?partner={PAPER}")
    assert hidden(page, "partner") == PAPER
    text = visible(page)
    assert text.index("email you about this campaign?") < text.index("contact you too?")
    wrong = sign(client, partner=PAPER, partner_contact="yes", postcode="no")
    assert hidden(wrong, "partner") == PAPER
    assert 'name="partner_contact" value="yes" checked' in wrong.text


def test_markup_in_a_source_stays_text(client: TestClient) -> None:
    page = client.get(PAGE, params={"source": '"><script>alert(1)</script>'})
    assert "<script" not in without_own_script(page.text)


# ---- states


def test_the_fine_print_says_who_uses_the_details_and_leads_to_how(client: TestClient) -> None:
    page = client.get(PAGE)
    text = visible(page)
    assert "We’ll email you a link to confirm." in text
    assert "We won’t publish your name online." in text
    assert 'href="/privacy/public-health-alliance-demo"' in page.text


def test_a_won_campaign_tells_its_outcome_and_its_day_and_leads_to_the_others(
    client: TestClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "another", title="Another of ours")
    outcome = "The government dropped the sale.\n\nThank you, all of you."
    change(lobby, status=CampaignStatus.WON, outcome=outcome, outcome_on=date(2017, 9, 7))
    page = client.get(PAGE)
    text = visible(page)
    story = "We won. 7 September 2017 The government dropped the sale. Thank you, all of you."
    assert story in text
    assert "<title>Won: Stop the sale" in page.text
    assert "360 people signed" in text
    assert "4 MPs have signed the motion" in text
    assert "Thank you to the MPs who signed" in text
    assert 'href="/campaigns/another">Another of ours</a>' in page.text
    assert LETTER not in page.text
    assert SIGN not in page.text
    assert 'class="stick"' not in page.text


def test_a_petition_that_closes_while_somebody_types_shows_the_page_as_it_is_now(
    client: TestClient, lobby: Lobby
) -> None:
    change_petition(lobby, state=PetitionState.CLOSED)
    page = sign(client)
    assert page.status_code == 409
    assert "This petition has closed 360 people signed." in visible(page)


def lapse(lobby: Lobby, status: MotionStatus = MotionStatus.LAPSED) -> None:
    with lobby.database.write() as session:
        for motion in session.exec(select(Motion)):
            motion.status = status


def test_a_lapsed_motion_is_said_and_nobody_writes_into_a_dead_end(
    client: TestClient, lobby: Lobby
) -> None:
    assert f'href="{LETTER}"' in client.get(PAGE).text
    lapse(lobby)
    page = client.get(PAGE)
    text = visible(page)
    assert "Parliament’s session has ended, and the motion with it" in text
    assert "MPs can’t sign Early Day Motion 152 any more. When there is a new motion" in text
    assert f'href="{LETTER}"' not in page.text
    assert f'action="{SIGN}"' in page.text, "the petition goes on"
    lapse(lobby, MotionStatus.WITHDRAWN)
    assert "The motion has been withdrawn" in visible(client.get(PAGE))


def test_a_lapsed_motion_names_the_next_one(client: TestClient, lobby: Lobby) -> None:
    lapse(lobby)
    with lobby.database.write() as session:
        tabled_on, text = date(2026, 6, 1), "That this House"
        session.add(Motion(id=99, number="7", title="Staff bank", text=text, tabled_on=tabled_on))
        session.flush()
        campaign = campaigns.by_slug(session, CAMPAIGN)
        now, role = lobby.clock(), MotionRole.EARLIER
        campaign_motions.link(session, campaign, 99, now=now, role=role)
    assert "The next one is Early Day Motion 7 , “Staff bank”." in visible(client.get(PAGE))


def test_the_days_until_the_next_date_are_counted(client: TestClient, lobby: Lobby) -> None:
    today = lobby.clock().date()
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        for kind, days in ((EventKind.OTHER, 2), (EventKind.DEBATE, 9), (EventKind.VOTE, -1)):
            session.add(
                CampaignEvent(
                    campaign_id=campaign.id,
                    kind=kind,
                    title="A date",
                    day=today + timedelta(days=days),
                    created_at=lobby.clock(),
                    updated_at=lobby.clock(),
                )
            )
    assert "9 days until the debate" in visible(client.get(PAGE))


def test_a_campaign_without_a_petition_shows_itself(client: TestClient, lobby: Lobby) -> None:
    add_campaign(lobby, "another", title="Another of ours")
    page = client.get("/campaigns/another")
    assert "<h1>Another of ours</h1>" in page.text
    assert "A campaign by Public Health Alliance" in visible(page)
    assert "<form" not in page.text


def test_the_hero_line_takes_the_place_of_the_summary(client: TestClient, lobby: Lobby) -> None:
    change(lobby, hero_line="Ministers want to sell it. Help us stop them.")
    text = visible(client.get(PAGE))
    assert "Ministers want to sell it. Help us stop them." in text
    assert (
        "lends doctors and nurses to hospitals and saves the NHS about" not in text.split("What")[0]
    )


# ---- the list


def test_the_list_shows_running_campaigns_before_those_that_are_won(
    client: TestClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "lost", title="Lost one", status=CampaignStatus.LOST)
    add_campaign(lobby, "won", title="Won one", status=CampaignStatus.WON)
    text = visible(client.get("/"))
    order = ("Keep NHS Professionals public", "Campaigns we won Won one", "have ended Lost one")
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_the_list_has_the_face_of_an_organisation_only_where_there_is_one(
    client: TestClient, lobby: Lobby
) -> None:
    name = "Public Health Alliance (demonstration)"
    assert f"<h1>Campaigns by {name}</h1>" in client.get("/").text
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug="others", now=lobby.clock())
    page = client.get("/")
    assert "<h1>Campaigns</h1>" in page.text
    assert "– Central Lobby</title>" in page.text
    assert name in visible(page), "each card says whose campaign it is"


def test_home_takes_at_most_twelve_statements_however_many_campaigns_there_are(
    client: TestClient, signed_in: TestClient, lobby: Lobby
) -> None:
    """Visitors get a cached page; the first one, and organisers, have theirs made for them."""

    def statements(path: str) -> int:
        signed_in.get(path)  # the visit is noted
        with sent_by(lobby) as sent:
            assert "<h1>" in signed_in.get(path).text
        return len(sent)

    add_picture(lobby, CAMPAIGN)
    # A page of older campaigns is in no cache.
    older = f"/?after={UUID(int=2**128 - 1)}"
    before = [statements(path) for path in ("/", older)]
    assert max(before) <= MOST
    for number in range(5):
        add_campaign(lobby, f"c-{number}", title=f"Number {number}")
        add_picture(lobby, f"c-{number}")
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug="others", now=lobby.clock())
    assert [statements(path) for path in ("/", older)] == before
    signed_in.cookies.clear()
    with sent_by(lobby) as sent:
        assert client.get("/").text.count('<li class="card">') == 6
    assert 0 < len(sent) <= MOST


def test_a_picture_is_shown_in_its_widths_with_its_words(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        pictures.remove_from_campaign(session, campaign, now=lobby.clock())
    assert '<figure class="picture">' not in client.get(PAGE).text
    add_picture(lobby, CAMPAIGN, alt="Nurses & doctors")
    html = client.get(PAGE).text
    assert 'alt="Nurses &amp; doctors"' in html
    for width in (390, 780, 1560):
        assert f" {width}w" in html
    assert 'class="cover"' in client.get("/").text


# ---- caching


@pytest.mark.parametrize("path", ["/", PAGE, f"{PAGE}?source=whatsapp", f"{PAGE}?source=leaflet"])
def test_a_page_has_a_strong_etag_and_is_not_sent_twice(client: TestClient, path: str) -> None:
    first = client.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    assert "Cookie" in first.headers["Vary"]
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again.headers[name] == first.headers[name]


def test_a_cached_page_is_rendered_once(client: TestClient, lobby: Lobby) -> None:
    for query in ("", "?source=whatsapp", "?fbclid=1", "?utm_campaign=may"):
        client.get(PAGE + query)
        with sent_statements() as sent:
            assert client.get(PAGE + query).status_code == 200
        assert sent == [], query


def test_a_change_shows_at_once_and_one_by_another_process_within_a_second(
    client: TestClient, lobby: Lobby, second_database: Database, clock: Clock
) -> None:
    tag = client.get(PAGE).headers["ETag"]
    change(lobby, hero_line="Another line.")
    changed = client.get(PAGE, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert "Another line." in visible(changed)
    change(replace(lobby, database=second_database), hero_line="By another process.")
    clock.advance(seconds=1)
    assert "By another process." in visible(client.get(PAGE))


def test_an_organiser_gets_a_page_that_no_cache_keeps(signed_in: TestClient) -> None:
    for path in ("/", PAGE):
        page = signed_in.get(path)
        assert page.headers["Cache-Control"] == "no-store"
        assert "ETag" not in page.headers


def test_nobody_else_gets_the_draft_that_an_organiser_has_just_seen(
    client: TestClient, signed_in: TestClient, lobby: Lobby
) -> None:
    close_campaign(lobby, CampaignStatus.DRAFT)
    assert signed_in.get(PAGE).status_code == 200
    client.cookies.clear()
    assert client.get(PAGE).status_code == 404
    client.cookies.set("lobby_organiser", "forged")
    assert client.get(PAGE).status_code == 404


def test_a_page_with_what_somebody_typed_is_never_given_to_another(client: TestClient) -> None:
    wrong = sign(client, postcode="no", name="Ursula Example")
    assert value_of(wrong, "name") == "Ursula Example"
    assert wrong.headers["Cache-Control"] == "no-store"
    assert "Ursula" not in client.get(PAGE).text


def test_the_page_of_older_campaigns_is_not_the_cached_first_one(
    client: TestClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "another", title="Another of ours")
    with lobby.database.read() as session:
        newest = session.exec(select(Campaign).where(Campaign.slug == "another")).one()
    older = client.get("/", params={"after": str(newest.id)})
    assert "Another of ours" not in visible(older)
    assert "Another of ours" in visible(client.get("/"))

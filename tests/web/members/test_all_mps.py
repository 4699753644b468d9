"""Tests how the page with all MPs is filtered, and how it finds the MP of a postcode."""

import csv
import io
import re

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from models import Campaign, CampaignMotion, Motion, Organisation, OverrideKind
from services.assembly import Lobby
from services.common import times
from services.parliament.standing import Eligibility, Standing
from services.tallies.seat_table import TallyFilter
from services.views.campaign_maps import Mark
from tests.support.common import CAN_SIGN, MINISTER, SIGNED, Clock
from tests.support.pages import CAMPAIGN_PATH, MPS, TALLY, Page, visible
from tests.web.members.recorded import MORAG, say
from web.base import words
from web.public.members.mp_filters import STANCES, MpQuery

EDINBURGH_EAST = "S14000078"
OLD = MPS.replace("/mps", "/tally")


def seats_in(page: Page) -> list[str]:
    table = page.text.partition('<table class="tally">\n<caption class="unseen">Constituencies')[2]
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)', table.partition("</table>")[0])


def tabs_in(page: Page) -> dict[str, int]:
    tabs = re.findall(r">([^<]+) <span>(\d+)</span></a></li>", page.text)
    return {label: int(count) for label, count in tabs}


def csv_of(client: TestClient, page: Page) -> list[str]:
    link = re.search(rf'href="({MPS}\.csv[^"]*)"', page.text)
    assert link
    text = client.get(link.group(1).replace("&amp;", "&")).text
    return [row["constituency"] for row in csv.DictReader(io.StringIO(text))]


# ---- the address


def test_earlier_addresses_lead_to_the_page_with_their_filters(client: TestClient) -> None:
    for query in ("", "?standing=signed&sort=-signatures", "?party=Sinn+F%C3%A9in"):
        answer = client.get(OLD + query)
        assert (answer.status_code, answer.headers["Location"]) == (302, MPS + query)
    assert client.get(OLD, follow_redirects=True).status_code == 200
    assert client.get(f"{TALLY}.csv").status_code == 200


def test_the_page_has_the_face_of_its_organisation(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.exec(select(Organisation)).one().brand_colour = "#7a1f5c"
    page = client.get(MPS)
    assert 'href="/brand/7a1f5c.css"' in page.text
    assert "Public Health Alliance" in page.text.partition("<main")[0]


# ---- filters


@pytest.mark.slow
def test_tabs_show_who_did_what_and_count_them(client: TestClient) -> None:
    tabs = tabs_in(client.get(MPS))
    assert tabs == {
        "All": 14,
        "Signed": 4,
        "Said they will": 0,
        "Not yet": 3,
        "Can’t": 5,
        "Withdrew": 1,
    }
    for value, stance in STANCES.items():
        page = client.get(f"{MPS}?standing={value}")
        assert len(seats_in(page)) == tabs[stance.label]
        assert page.text.count('aria-current="page"') == 1
        assert f'standing={value}#every" aria-current' in page.text
        assert csv_of(client, page) == seats_in(page)


def test_every_mp_who_holds_a_seat_is_under_one_of_the_tabs() -> None:
    of_standing = set(list(Mark)[: list(Mark).index(Mark.FEW)])
    marks = [mark for stance in STANCES.values() for mark in stance.marks]
    assert sorted([*marks, Mark.VACANT]) == sorted(of_standing)


def test_a_tab_has_as_many_mps_as_its_mark_in_the_key_of_the_map(
    client: TestClient, lobby: Lobby
) -> None:
    say(lobby, "Morag Ferncastle", OverrideKind.SAYS_WILL_SIGN)
    page = client.get(MPS)
    tabs = tabs_in(page)
    assert (tabs["Said they will"], tabs["Not yet"]) == (1, 2)
    key = dict(re.findall(r"<span>([^<]+): <strong>(\d+)</strong>", page.text))
    assert {label: int(count) for label, count in key.items()} == {
        "Signed": tabs["Signed"],
        "Said they’ll sign": tabs["Said they will"],
        "Can sign and hasn’t yet": tabs["Not yet"],
        "Doesn’t sign motions": tabs["Can’t"],
        "Removed their name": tabs["Withdrew"],
        "No MP at the moment": 1,
    }
    assert f"{tabs['Signed']} of 14 MPs have signed" in visible(page)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("ferncastle", ["Edinburgh East and Musselburgh"]),
        ("NI ARDGAIL", ["Belfast West"]),
        ("bristol", ["Bristol Central"]),
        ("  belfast ", ["Belfast South and Mid Down", "Belfast West"]),
        ("nobody", []),
    ],
)
def test_an_mp_or_a_constituency_is_found_by_a_part_of_its_name(
    client: TestClient, search: str, expected: list[str]
) -> None:
    page = client.get(MPS, params={"search": search})
    assert seats_in(page) == expected == csv_of(client, page)
    assert f'name="search" value="{search}"' in page.text
    assert ("No MPs match." in visible(page)) == (not expected)


def test_the_form_and_the_tabs_keep_each_others_choices(client: TestClient) -> None:
    page = client.get(f"{MPS}?standing=not_yet&party=Labour&search=a&sort=-signatures")
    assert '<input type="hidden" name="standing" value="not_yet">' in page.text
    tab = f'href="{MPS}?standing=signed&amp;search=a&amp;party=Labour&amp;sort=-signatures#every"'
    assert tab in page.text
    assert csv_of(client, page) == seats_in(page)
    assert "Clear filters" in visible(page)


def test_an_unknown_order_is_ignored_and_lost_from_no_other_link(client: TestClient) -> None:
    page = client.get(f"{MPS}?sort=colour&standing=signed")
    assert page.status_code == 200
    assert seats_in(page) == seats_in(client.get(f"{MPS}?standing=signed"))
    assert csv_of(client, page) == seats_in(page)
    assert client.get(f"{TALLY}?sort=colour").status_code == 422, "programs are told"


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        ("party=labor", "party=labor"),
        ("standng=signed", "standng"),
        ("eligibility=CAN_SIGN&nation=Scotlnd", "eligibility=CAN_SIGN and nation=Scotlnd"),
        (
            "region=x&said=no&signed_since=1.7.2026",
            "said=no and region=x and signed_since=1.7.2026",
        ),
        ("party=<b>", "party=&lt;b&gt;"),
    ],
)
def test_what_the_page_does_not_know_is_ignored_and_named_in_one_line(
    client: TestClient, query: str, ignored: str
) -> None:
    client.get(MPS)  # the page without filters is kept for everybody
    page = client.get(f"{MPS}?{query}")
    assert page.status_code == 200
    assert f'<p class="quiet">We ignored {ignored}.</p>' in page.text
    assert page.text.count("We ignored") == 1
    assert len(seats_in(page)) == 14
    assert csv_of(client, page) == seats_in(page)


def test_names_that_others_add_to_links_are_no_news(client: TestClient) -> None:
    page = client.get(f"{MPS}?utm_source=leaflet&fbclid=abc&standing=signed&party=labour")
    assert "We ignored" not in page.text
    assert 0 < len(seats_in(page)) < 14


def test_a_file_with_an_unknown_filter_is_refused(client: TestClient) -> None:
    answer = client.get(f"{MPS}.csv?party=labor")
    assert (answer.status_code, "text/html" in answer.headers["Content-Type"]) == (422, True)
    assert "This is none of the choices." in visible(answer)


def test_filters_of_earlier_links_still_work(client: TestClient) -> None:
    both = client.get(f"{MPS}?standing=not_signed&eligibility=convention")
    assert "Anjali Merridew" in visible(both)
    assert seats_in(both) == csv_of(client, both)
    assert 'name="eligibility" value="convention"' in both.text


def test_the_links_of_the_page_have_no_constituency() -> None:
    query = MpQuery(constituency=EDINBURGH_EAST, standing="signed")
    assert query.address(page=2) == "?standing=signed&page=2"
    assert MpQuery(sort="-signatures").tally_filter() == TallyFilter(sort="-signatures")


# ---- has my MP signed?


@pytest.mark.parametrize(
    ("postcode", "member", "says"),
    [
        (CAN_SIGN, "Morag Ferncastle", "Morag Ferncastle hasn’t signed the motion yet."),
        (SIGNED, "Adaeze Hartwhistle", "Adaeze Hartwhistle has signed the motion."),
        (MINISTER, "Anjali Merridew", "don’t sign motions"),
    ],
)
def test_a_postcode_leads_to_its_mp_and_is_in_no_address(
    client: TestClient, postcode: str, member: str, says: str
) -> None:
    answer = client.post(MPS, data={"postcode": postcode.lower()})
    assert answer.status_code == 303
    seat = answer.headers["Location"]
    assert re.fullmatch(rf"{CAMPAIGN_PATH}/constituencies/[ESWN]\d{{8}}", seat)
    moved = client.get(seat)
    assert moved.status_code == 302
    assert re.fullmatch(rf"{MPS}/\d+", moved.headers["Location"])
    page = client.get(moved.headers["Location"])
    assert f"Has {member} signed?" in page.text.partition("</title>")[0]
    assert says in visible(page)
    assert f"Write to {member}" in visible(page)
    assert postcode not in page.text


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Enter your postcode."),
        ("nonsense", "Enter a full UK postcode"),
        ("ZZ1 1ZZ", "We can’t find that postcode. Check it and try again."),
        ("JE2 3AB", "have no MPs in the UK Parliament."),
    ],
)
def test_a_postcode_without_an_mp_is_told_so_at_the_field(
    client: TestClient, typed: str, message: str
) -> None:
    page = client.post(MPS, data={"postcode": typed})
    assert page.status_code == 422
    assert page.headers["Cache-Control"] == "no-store"
    assert '<a href="#postcode">' in page.text
    assert message in visible(page)
    assert 'name="postcode" aria-describedby="postcode-hint postcode-error"' in page.text
    assert f'value="{typed}"' in page.text
    assert page.text.partition("</title>")[0].count("Error: ") == 1
    assert len(seats_in(page)) == 14


def test_links_made_before_seats_had_pages_lead_to_them(client: TestClient) -> None:
    earlier = client.get(f"{MPS}?constituency={EDINBURGH_EAST}")
    assert earlier.status_code == 302
    assert earlier.headers["Location"] == f"{CAMPAIGN_PATH}/constituencies/{EDINBURGH_EAST}"
    assert client.get(f"{MPS}?constituency=E99999999", follow_redirects=True).status_code == 404
    for code in ("%00", "..%2F..%2Fsign-in", "//example.org"):
        assert client.get(f"{MPS}?constituency={code}").status_code == 422


# ---- words


def test_a_list_that_could_not_be_read_says_since_when(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        statement = select(Motion).where(col(Motion.synced_at).is_not(None))
        session.exec(statement).one().sync_failed_at = clock.now
    clock.advance(hours=2)
    says = (
        "We couldn’t reach Parliament’s list at 1pm on 1 July, so the number of MPs may be out of "
        "date."
    )
    for path in (MPS, f"{MPS}/{MORAG}", CAMPAIGN_PATH):
        assert visible(client.get(path)).count(says) == 1


def test_a_campaign_without_a_motion_shows_its_constituencies(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        campaign = session.exec(select(Campaign)).one()
        campaign_id = campaign.id
        for link in session.exec(
            select(CampaignMotion).where(CampaignMotion.campaign_id == campaign_id)
        ):
            session.delete(link)
    page, of_mp = client.get(MPS), client.get(f"{MPS}/{MORAG}")
    assert page.status_code == of_mp.status_code == 200
    assert "Every MP and constituency" in visible(page)
    assert '<svg class="hex-map"' not in page.text, "there is nothing to draw"
    assert "You can ask Morag Ferncastle to write to the minister." in visible(of_mp)
    assert "Write to Morag Ferncastle" in visible(of_mp)
    for shown in (page, of_mp):
        assert "otion" not in visible(shown)
        assert "signed?" not in visible(shown)


def test_times_are_said_as_people_say_them(clock: Clock) -> None:
    assert times.clock(clock.now) == "1.00pm"
    assert times.time_and_day(clock.now, clock.now) == "1.00pm today"
    later = Clock()
    later.advance(hours=11)
    assert times.time_and_day(clock.now, later.now) == "1.00pm on 1 July"
    later.advance(days=200)
    assert times.time_and_day(clock.now, later.now) == "1.00pm on 1 July 2026"
    assert times.clock(later.now.replace(hour=0, minute=5)) == "12.05am"


def test_every_stand_of_an_mp_has_words() -> None:
    for standing in Standing:
        for eligibility in Eligibility:
            assert words.standing_of(standing, eligibility, ())

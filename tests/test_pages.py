"""The pages: what people see, press and get wrong, without a script."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from support import (
    CAMPAIGN,
    CAN_SIGN,
    MINISTER,
    PETITION,
    SIGNED,
    Clock,
    Post,
    text_of,
    token_in,
)

from lobby.main import create_app
from lobby.models import CampaignStatus, LetterState, Member, SignatureState
from lobby.services import (
    campaigns,
    demonstration,
    letter_states,
    letters,
    motions,
    organisations,
    petitions,
    signature_states,
    tallies,
)
from lobby.services.errors import Unavailable
from lobby.services.group_commit import GroupCommit
from lobby.services.lobby import Lobby
from lobby.services.signatures import Outcome, SignatureRequest
from lobby.services.standing import Eligibility, Role, Standing
from lobby.services.tokens import Purpose
from lobby.web import words
from lobby.web.rendering import STATIC

Deliver = Callable[[], list[EmailMessage]]
Page = Any  # which library the test client answers with is its own affair
SIGN = f"/petitions/{PETITION}/sign"
LETTER = f"/campaigns/{CAMPAIGN}/letter"
LETTERS = f"/campaigns/{CAMPAIGN}/letters"
TALLY = f"/campaigns/{CAMPAIGN}/tally"
ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
HOME = {"line1": "1 Princes Street", "line2": "", "town": "Edinburgh"}
BODY = "Dear Morag Ferncastle,\n\nPlease sign this motion, because my ward depends on it.\n"
VACANT = "NR2 1TF"
RAW_VALUES = re.compile(r"not_signed|can_sign|another_way|not_in_uk|letters_sent|SignatureState")


def sign(client: TestClient, **changes: str) -> Page:
    return client.post(SIGN, data={**ANNA, **changes})


def write(client: TestClient, **changes: str) -> Page:
    letter = {"subject": "Please sign EDM 152", "body": BODY}
    return client.post(LETTERS, data={**ANNA, **HOME, **letter, **changes})


def signed_token(client: TestClient, deliver: Deliver, path: str = "confirm") -> str:
    """Anna signs; the token of a link in her mail."""
    deliver()
    assert sign(client).status_code == 303
    (mail,) = deliver()
    return token_in(mail, path)


def letter_path(client: TestClient, deliver: Deliver) -> str:
    """Anna writes; the path of the link in her mail."""
    deliver()
    assert write(client).status_code == 303
    (mail,) = deliver()
    return f"/letters/confirm/{token_in(mail, 'letters/confirm')}"


def visible(page: Page) -> str:
    """The text of a page, without marks, in one line."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def value_of(page: Page, name: str) -> str:
    found = re.search(rf'<input id="{name}"[^>]* value="([^"]*)"', page.text)
    assert found, f"no field {name}"
    return found.group(1)


def body_of(page: Page) -> str:
    found = re.search(r'<textarea id="body"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)
    assert found, "no letter"
    return found.group(1)


def confirmed_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, PETITION).id)


def close_campaign(lobby: Lobby, status: CampaignStatus) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        campaigns.update(session, campaign, values={"status": status}, now=lobby.clock())


def sign_in(client: TestClient, password: str = demonstration.PASSWORD) -> Page:
    data = {"email": demonstration.ORGANISER, "password": password}
    return client.post("/sign-in", data=data)


@pytest.fixture
def near(lobby: Lobby) -> Iterator[TestClient]:
    """The application as it serves a browser on the same machine."""
    settings = lobby.settings.model_copy(update={"base_url": "http://127.0.0.1:8000"})
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    host = {"base_url": "http://127.0.0.1:8000", "client": ("127.0.0.1", 50000)}
    with TestClient(app, follow_redirects=False, **host) as client:  # type: ignore[arg-type] # both are given
        yield client


# Campaigns and petitions


def test_the_front_page_lists_campaigns_with_their_counts(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert f'href="/campaigns/{CAMPAIGN}"' in page.text
    assert "360 signatures" in visible(page)


def test_the_front_page_leads_on_to_older_campaigns(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        organisation = organisations.by_slug(session, demonstration.about().organisation)
        for number in range(31):
            values = {"slug": f"c-{number}", "title": f"Number {number}.", "summary": "s"}
            campaigns.create(
                session, organisation_id=organisation.id, values=values, now=lobby.clock()
            )
    first = client.get("/")
    older = re.search(r'href="(/\?after=[^"]+)"', first.text)
    assert older
    assert "Keep NHS Professionals public" not in visible(first)
    assert "Keep NHS Professionals public" in visible(client.get(older.group(1)))


def test_a_campaign_shows_its_form_its_motion_and_its_news(client: TestClient) -> None:
    page = client.get(f"/campaigns/{CAMPAIGN}")
    assert f'action="{SIGN}"' in page.text
    assert "Signed by 4 MPs , last checked 1 July 2026, 13:00" in visible(page)
    assert "A minister signs, and one name comes off" in visible(page)
    assert f'href="{LETTER}"' in page.text
    assert f'href="{TALLY}"' in page.text


def test_a_failed_sync_is_said_on_every_page_that_counts_names(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        motion = campaigns.motion_of(session, campaigns.public(session, CAMPAIGN).id)
        assert motion
        motions.note_failure(session, motion.id, Unavailable("x", "x"), now=lobby.clock())
    for path in (f"/campaigns/{CAMPAIGN}", f"/petitions/{PETITION}", TALLY):
        assert "Warning:" in visible(client.get(path))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (CampaignStatus.WON, "has been won"),
        (CampaignStatus.LOST, "was not won"),
        (CampaignStatus.CLOSED, "has ended"),
    ],
)
def test_an_ended_campaign_says_so_and_offers_no_form(
    client: TestClient, lobby: Lobby, status: CampaignStatus, said: str
) -> None:
    close_campaign(lobby, status)
    for path in (f"/campaigns/{CAMPAIGN}", f"/petitions/{PETITION}"):
        page = client.get(path)
        assert said in visible(page)
        assert SIGN not in page.text
    assert "takes no more letters" in visible(client.get(LETTER))
    answer = sign(client)
    assert answer.status_code == 409
    assert "This petition is closed" in visible(answer)


def test_a_petition_past_its_closing_time_takes_no_names(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        closing = {"closes_at": clock.now + timedelta(days=1)}
        petitions.update(session, petition, values=closing, now=clock.now)
    assert "Open until 2 July 2026, 13:00" in visible(client.get(f"/petitions/{PETITION}"))
    clock.advance(days=2)
    assert "This petition is closed" in visible(client.get(f"/petitions/{PETITION}"))


def test_a_draft_is_a_404_to_all_but_its_own_organisers(client: TestClient, lobby: Lobby) -> None:
    close_campaign(lobby, CampaignStatus.DRAFT)
    paths = (f"/campaigns/{CAMPAIGN}", f"/petitions/{PETITION}", TALLY)
    assert [client.get(path).status_code for path in paths] == [404] * 3
    sign_in(client)
    assert [client.get(path).status_code for path in paths] == [200] * 3


@pytest.mark.parametrize("slug", ["nothing-here", "UPPER", "a%00b", "a%20b", "%ff", "a.b"])
def test_a_strange_slug_is_a_page_that_is_not_there(client: TestClient, slug: str) -> None:
    for path in (f"/campaigns/{slug}", f"/petitions/{slug}", f"/campaigns/{slug}/tally"):
        page = client.get(path)
        assert page.status_code == 404
        assert "This page does not exist" in visible(page)
    assert client.post(f"/petitions/{slug}/sign", data=ANNA).status_code == 404


# Signing


def test_signing_leads_to_check_your_mail_and_confirming_counts_once(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    before = confirmed_count(lobby)
    deliver()
    answer = sign(client)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/petitions/{PETITION}/check-your-mail"
    assert "Check your e-mail" in visible(client.get(answer.headers["Location"]))
    (mail,) = deliver()
    path = f"/confirm/{token_in(mail, 'confirm')}"
    asked = visible(client.get(path))
    assert "Anna Example" in asked
    assert "Edinburgh East and Musselburgh" in asked
    assert confirmed_count(lobby) == before  # a GET changes nothing
    for _ in range(2):
        thanked = visible(client.post(path))
        assert f"{before + 1} people have signed" in thanked
    assert confirmed_count(lobby) == before + 1
    assert "You have confirmed already" in visible(client.get(path))


def test_a_new_and_a_repeated_signature_get_the_same_answer(
    client: TestClient, deliver: Deliver
) -> None:
    new, repeated = sign(client), sign(client)
    assert (new.status_code, new.headers) == (repeated.status_code, repeated.headers)
    token = signed_token(client, deliver)
    client.post(f"/confirm/{token}")
    assert sign(client).headers == new.headers


def test_wrong_fields_are_all_told_at_once_and_nothing_typed_is_lost(client: TestClient) -> None:
    wrong = {"name": "www.x.example", "email": "no", "postcode": "SW1A OAA", "updates": "yes"}
    page = client.post(SIGN, data=wrong)
    assert page.status_code == 422
    assert "<title>Error: " in page.text
    for name in ("name", "email", "postcode"):
        assert f'<a href="#{name}">' in page.text
        assert re.search(rf'id="{name}"[^>]* aria-describedby="[^"]*{name}-error"', page.text)
        assert f'id="{name}-error"' in page.text
        assert value_of(page, name) == wrong[name]
    assert re.search(r'id="updates"[^>]* checked', page.text)
    assert page.headers["Cache-Control"] == "no-store"


def test_empty_fields_are_named_one_by_one(client: TestClient) -> None:
    told = visible(client.post(SIGN))
    for message in ("Enter your name.", "Enter your e-mail address.", "Enter your postcode"):
        assert told.count(message) == 2  # in the summary and beside the field


class Busy(GroupCommit):
    """An intake whose queue is full."""

    async def record(self, request: SignatureRequest) -> Outcome:  # noqa: ARG002 - as its base
        raise Unavailable("busy", "Very many people are signing.", retry_after=2)


def test_a_busy_service_asks_to_try_again_and_keeps_the_form(lobby: Lobby) -> None:
    app = create_app(lobby.settings, lobby=lobby)
    app.state.intake = Busy(lambda _requests: [])
    with TestClient(app, follow_redirects=False) as client:
        page = sign(client)
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "2"
    assert value_of(page, "email") == ANNA["email"]
    assert "Very many people are signing." in visible(page)


def test_news_is_asked_for_with_an_empty_box_and_its_exact_wording(client: TestClient) -> None:
    page = client.get(f"/petitions/{PETITION}")
    box = re.search(r'<input type="checkbox" id="updates"[^>]*>', page.text)
    assert box
    assert "checked" not in box.group()
    assert "Yes, please e-mail me news of this campaign" in visible(page)


def test_somebody_abroad_needs_no_postcode_and_is_told_kindly_that_there_is_no_mp(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    assert sign(client, postcode="", abroad="yes").status_code == 303
    (mail,) = deliver()
    page = client.post(f"/confirm/{token_in(mail, 'confirm')}")
    assert "You live outside the UK, so no MP represents you" in visible(page)
    assert "<textarea" not in page.text


def test_an_unknown_postcode_signs_and_is_offered_another_way_to_a_letter(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    assert sign(client, postcode="ZE3 9JW").status_code == 303
    (mail,) = deliver()
    page = client.post(f"/confirm/{token_in(mail, 'confirm')}")
    assert "We could not tell your constituency" in visible(page)
    assert f'href="{LETTER}"' in page.text


@pytest.mark.parametrize(("path", "back"), [(SIGN, f"/petitions/{PETITION}"), (LETTERS, LETTER)])
def test_opening_a_forms_address_by_itself_leads_back_to_the_form(
    client: TestClient, path: str, back: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, back)


def test_markup_in_a_name_stays_text(client: TestClient, deliver: Deliver) -> None:
    deliver()
    sign(client, name='Anna <script>alert("1")</script>')
    (mail,) = deliver()
    page = client.get(f"/confirm/{token_in(mail, 'confirm')}")
    assert "<script" not in page.text
    assert "Anna &lt;script&gt;" in page.text


# Links in mails


def test_confirming_shows_the_mp_and_a_letter_with_what_is_known(
    client: TestClient, deliver: Deliver
) -> None:
    page = client.post(f"/confirm/{signed_token(client, deliver)}")
    assert "Morag Ferncastle has not signed" in visible(page)
    assert body_of(page).startswith("Dear Morag Ferncastle,")
    assert value_of(page, "email") == ANNA["email"]
    assert value_of(page, "postcode") == CAN_SIGN
    assert f'action="{LETTERS}"' in page.text


@pytest.mark.parametrize(
    ("path", "state", "said"),
    [
        ("withdraw", SignatureState.WITHDRAWN, "Your signature has been taken back"),
        ("disown", SignatureState.REJECTED, "We have taken the signature off"),
    ],
)
def test_a_signature_is_taken_back_by_its_button_and_not_by_its_link(
    client: TestClient,
    deliver: Deliver,
    lobby: Lobby,
    path: str,
    state: SignatureState,
    said: str,
) -> None:
    before = confirmed_count(lobby)
    deliver()
    sign(client)
    (mail,) = deliver()
    client.post(f"/confirm/{token_in(mail, 'confirm')}")
    link = f"/{path}/{token_in(mail, path)}"
    assert "Anna Example" in visible(client.get(link))
    assert confirmed_count(lobby) == before + 1
    for _ in range(2):
        assert said in visible(client.post(link))
    assert said in visible(client.get(link))
    assert confirmed_count(lobby) == before
    with lobby.database.read() as session:
        signature_id = lobby.tokens.read(Purpose(path), token_in(mail, path))
        assert signature_states.get(session, signature_id).state is state
    again = client.get(f"/confirm/{token_in(mail, 'confirm')}")
    assert "This signature was taken back" in visible(again)
    assert client.post(f"/confirm/{token_in(mail, 'confirm')}").status_code == 409


@pytest.mark.parametrize("path", ["confirm", "withdraw", "disown", "letters/confirm"])
def test_a_link_that_is_not_whole_gets_a_page_that_says_so(client: TestClient, path: str) -> None:
    for token in ("x", "a.b.c", "%00", "%ed%a0%80"):
        page = client.get(f"/{path}/{token}")
        assert page.status_code == 422
        assert "This link is not complete or not valid" in visible(page)


def test_an_expired_link_says_so(client: TestClient, deliver: Deliver, clock: Clock) -> None:
    token = signed_token(client, deliver)
    clock.advance(days=15)
    page = client.get(f"/confirm/{token}")
    assert page.status_code == 410
    assert "This link has expired" in visible(page)


def test_pages_behind_links_are_kept_in_no_cache_and_no_index(
    client: TestClient, deliver: Deliver
) -> None:
    page = client.get(f"/confirm/{signed_token(client, deliver)}")
    assert page.headers["Cache-Control"] == "no-store"
    assert '<meta name="robots" content="noindex">' in page.text


# Letters


def test_a_postcode_finds_the_mp_and_drafts_a_letter(client: TestClient) -> None:
    page = client.post(LETTER, data={"postcode": CAN_SIGN.lower(), "name": "Anna Example"})
    assert page.status_code == 200
    assert "Morag Ferncastle has not signed the motion yet." in visible(page)
    assert body_of(page).rstrip().endswith("Anna Example")
    for program in ("mailto:", "https://mail.google.com/", "https://outlook.office.com/"):
        assert f'href="{program}' in page.text


@pytest.mark.parametrize(
    ("postcode", "said"),
    [
        (SIGNED, "Adaeze Hartwhistle has signed the motion."),
        (MINISTER, "by convention office holders do not sign"),
        ("CO15 1SE", "has said that they sign no motions"),
    ],
)
def test_the_standing_of_the_mp_is_said_in_words(
    client: TestClient, postcode: str, said: str
) -> None:
    page = client.post(LETTER, data={"postcode": postcode})
    assert said in visible(page)
    assert not RAW_VALUES.search(visible(page))


def test_where_no_letter_is_possible_the_reason_stands_there(client: TestClient) -> None:
    page = client.post(LETTER, data={"postcode": VACANT})
    assert page.status_code == 200
    assert "This seat is vacant" in visible(page)
    assert "<textarea" not in page.text


def test_points_and_a_sentence_of_ones_own_go_into_the_draft(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.read() as session:
        point = campaigns.public(session, CAMPAIGN).letter_points[1]
    chosen = {**ANNA, "points": [point, "Not one of the campaign's points."]}
    page = client.post(LETTER, data={**chosen, "personal": "My mother was nursed there."})
    assert point in body_of(page)
    assert "My mother was nursed there." in body_of(page)
    assert "Not one of" not in body_of(page)
    assert len(re.findall(r'name="points"[^>]* checked', page.text)) == 1
    assert value_of(page, "email") == ANNA["email"]


@pytest.mark.parametrize(
    ("postcode", "said"),
    [
        ("nonsense", "Enter a full UK postcode"),
        ("", "Enter your postcode."),
        ("ZE3 9JW", "We do not know this postcode"),
        ("JE2 3AB", "This place has no MP in the UK Parliament."),
    ],
)
def test_a_postcode_without_an_mp_is_told_beside_its_field(
    client: TestClient, postcode: str, said: str
) -> None:
    for page in (
        client.post(LETTER, data={"postcode": postcode, "name": "Anna Example"}),
        write(client, postcode=postcode),
    ):
        assert page.status_code == 422
        assert said in visible(page)
        assert 'id="postcode-error"' in page.text
        assert value_of(page, "name") == "Anna Example"
    assert body_of(page).strip() == BODY.strip()


def test_wrong_fields_of_a_letter_are_all_told_and_everything_is_kept(
    client: TestClient,
) -> None:
    wrong = {"subject": "", "body": "Too short.", "email": "no", "line1": "", "town": "x" * 101}
    page = write(client, **wrong)
    assert page.status_code == 422
    for name in wrong:
        assert f'<a href="#{name}">' in page.text
    assert body_of(page) == "Too short."
    assert value_of(page, "town") == wrong["town"]
    assert value_of(page, "postcode") == CAN_SIGN


def test_a_letter_is_read_sent_and_said_to_be_sent(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    path = letter_path(client, deliver)
    page = client.get(path)
    assert "Morag Ferncastle, MP for Edinburgh East and Musselburgh" in visible(page)
    assert "my ward depends on it. Anna Example 1 Princes Street Edinburgh EH1 1YZ" in visible(page)
    assert deliver() == []  # a GET sends nothing
    assert "Your letter is on its way" in visible(client.post(path))
    (letter,) = deliver()
    assert "my ward depends on it" in text_of(letter)
    shown = re.search(r'<div class="letter">(.*?)</div>', page.text, re.DOTALL)
    assert shown
    assert shown.group(1).strip() == text_of(letter).strip()
    assert "Your letter has been sent" in visible(client.get(path))
    assert client.post(path.replace("confirm", "cancel")).status_code == 409


def test_the_address_of_the_mps_office_is_shown_to_nobody(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    page = client.get(letter_path(client, deliver))
    with lobby.database.read() as session:
        letter_id = lobby.tokens.read(Purpose.LETTER, urlsplit(str(page.url)).path.split("/")[-1])
        member = session.get_one(Member, letter_states.get(session, letter_id).member_id)
    assert member.email
    assert member.email not in page.text


def test_a_cancelled_letter_is_not_sent(client: TestClient, deliver: Deliver) -> None:
    path = letter_path(client, deliver)
    cancel = path.replace("confirm", "cancel")
    assert client.get(cancel).headers["Location"] == path
    assert "Your letter has been cancelled" in visible(client.post(cancel))
    assert client.post(path).status_code == 409
    assert deliver() == []


def test_a_letter_whose_postcode_leads_to_another_mp_is_shown_once_more(
    client: TestClient, deliver: Deliver
) -> None:
    drafted = client.post(LETTER, data={"postcode": SIGNED})
    mark = re.search(r'name="drafted_for" value="([^"]+)"', drafted.text)
    assert mark
    deliver()
    page = write(client, drafted_for=mark.group(1))
    assert page.status_code == 409
    assert "This letter was drafted for another MP" in visible(page)
    assert "Morag Ferncastle" in visible(page)
    assert body_of(page).strip() == BODY.strip()
    newer = re.search(r'name="drafted_for" value="([^"]+)"', page.text)
    assert newer
    assert write(client, drafted_for=newer.group(1)).status_code == 303


def test_a_letter_to_a_vacant_seat_is_refused_and_kept(client: TestClient) -> None:
    page = write(client, postcode=VACANT)
    assert page.status_code == 409
    assert "This seat is vacant" in visible(page)
    assert body_of(page).strip() == BODY.strip()


def test_every_reason_against_a_letter_and_every_state_has_words() -> None:
    assert set(words.LETTER_STATES) == set(LetterState)
    assert set(words.STANDINGS) == set(Standing)
    assert set(words.ROLES) == set(Role)
    assert set(words.ELIGIBILITIES) == set(Eligibility)
    assert set(words.CAMPAIGN_STATUSES) == set(CampaignStatus)
    assert all(reason.endswith(".") for reason in letters.REASONS.values())


# The tally


def test_the_tally_has_every_seat_and_its_sums(client: TestClient) -> None:
    page = client.get(TALLY)
    told = visible(page)
    assert "4 of 14 MPs have signed (of 8 who can)" in told
    assert page.text.count('<th scope="row">') == 14
    assert "Parliament’s list last checked 1 July 2026, 13:00" in told
    assert "Took their name off" in told
    assert "Primary sponsor, 18 May 2026" in told
    assert not RAW_VALUES.search(told)


def test_the_tally_is_filtered_sorted_and_downloaded_alike(client: TestClient) -> None:
    query = "?standing=signed&sort=-signatures"
    page = client.get(TALLY + query + "&party=&nation=&region=")
    assert page.text.count('<th scope="row">') == 4
    csv = re.search(r'href="(/v1/[^"]+)"', page.text)
    assert csv
    assert csv.group(1) == f"/v1{TALLY}.csv{query.replace('&', '&amp;')}"
    rows = client.get(csv.group(1).replace("&amp;", "&")).text.splitlines()[1:]
    shown = re.findall(r'<th scope="row">([^<]+)', page.text)
    assert [row.split(",")[1] for row in rows] == shown
    assert '<option value="signed" selected>' in page.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("standing=maybe", "Standing"),
        ("eligibility=perhaps", "Eligibility"),
        ("nation=Mars", "Nation"),
        ("sort=colour", "Order"),
        ("page=x", "Page"),
        ("page=0", "Page"),
    ],
)
def test_a_bad_filter_is_named(client: TestClient, query: str, field: str) -> None:
    page = client.get(f"{TALLY}?{query}")
    assert page.status_code == 422
    assert f"{field} :" in visible(page)


def test_many_seats_come_fifty_at_a_time_unless_all_are_asked_for(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lobby.web.tallies.PAGE", 5)
    first, last = client.get(TALLY), client.get(f"{TALLY}?page=3")
    assert "Seats 1 to 5 of 14" in visible(first)
    assert "Seats 11 to 14 of 14" in visible(last)
    assert "Next" not in visible(last)
    assert client.get(f"{TALLY}?show=all").text.count('<th scope="row">') == 14
    assert "No seat is shown" in visible(client.get(f"{TALLY}?page=99"))


# Organisers


def test_an_organiser_signs_in_sees_their_campaigns_and_signs_out(client: TestClient) -> None:
    assert client.get("/organiser").headers["Location"] == "/sign-in"
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/organiser")
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/"))
    assert "Secure" not in cookie  # this service is at a plain http address
    page = client.get("/organiser")
    assert "Keep NHS Professionals public" in visible(page)
    assert "360 signatures" in visible(page)
    assert client.get("/sign-in").headers["Location"] == "/organiser"
    client.post("/sign-out")
    assert client.get("/organiser").status_code == 303


def test_behind_https_the_cookie_is_secure(lobby: Lobby) -> None:
    settings = lobby.settings.model_copy(update={"base_url": "https://lobby.example.org"})
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    with TestClient(app, follow_redirects=False) as client:
        assert "Secure" in sign_in(client).headers["Set-Cookie"]


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: TestClient) -> None:
    wrong = sign_in(client, password="not this one")
    unknown = client.post("/sign-in", data={"email": "who@example.org", "password": "x"})
    assert wrong.status_code == unknown.status_code == 422
    assert "do not fit together" in visible(wrong)
    assert wrong.text.replace(demonstration.ORGANISER, "who@example.org") == unknown.text
    assert "not this one" not in wrong.text


@pytest.mark.parametrize("cookie", ["", "nonsense", "a.b.c"])
def test_a_bad_cookie_is_nobody(client: TestClient, cookie: str) -> None:
    client.cookies.set("lobby_organiser", cookie)
    assert client.get("/organiser").status_code == 303
    assert client.get(f"/campaigns/{CAMPAIGN}").status_code == 200


def test_a_cookie_ends_after_half_a_day_and_no_mailed_link_can_stand_for_it(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    sign_in(client)
    token = client.cookies["lobby_organiser"]
    organiser_id = lobby.tokens.read(Purpose.ORGANISER, token)
    clock.advance(hours=13)
    assert client.get("/organiser").status_code == 303
    client.cookies.set("lobby_organiser", lobby.tokens.issue(Purpose.CONFIRM, organiser_id))
    assert client.get("/organiser").status_code == 303


def test_an_organiser_sees_only_their_own_organisations_campaigns(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        other = organisations.create(session, name="Other", slug="other", now=lobby.clock())
        values = {"slug": "theirs", "title": "Not yours", "summary": "s", "status": "draft"}
        campaigns.create(session, organisation_id=other.id, values=values, now=lobby.clock())
    sign_in(client)
    assert "Not yours" not in client.get("/organiser").text
    assert client.get("/campaigns/theirs").status_code == 404


# The demonstration's mail


def test_the_demonstrations_mail_is_readable_on_this_machine(
    near: TestClient, lobby: Lobby
) -> None:
    sign(near)
    Post(lobby).deliver()
    page = near.get("/dev/mail")
    newest = re.search(r'href="(/dev/mail/[^"]+\.eml)"', page.text)
    assert newest
    mail = near.get(newest.group(1))
    assert "anna@example.org" in visible(mail)
    link = re.search(r'<a href="http://[^/]+(/confirm/[^"]+)">', mail.text)
    assert link
    assert near.get(link.group(1)).status_code == 200
    assert 'href="/dev/mail"' in near.get(f"/petitions/{PETITION}/check-your-mail").text


def test_mail_names_cannot_lead_out_of_the_folder(near: TestClient, lobby: Lobby) -> None:
    assert lobby.mail_folder
    outside = lobby.mail_folder.folder.parent / "secret.eml"
    outside.write_text("Subject: secret\n\nsecret")
    for name in ("..%2Fsecret.eml", "%2e%2e%2fsecret.eml", "secret.eml", str(outside), "%00"):
        assert near.get(f"/dev/mail/{name}").status_code == 404


def test_mail_is_hidden_from_other_machines_hosts_and_addresses(
    near: TestClient, client: TestClient
) -> None:
    assert near.get("/dev/mail").status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", ""):
        assert near.get("/dev/mail", headers={"Host": host}).status_code == 404
    assert client.get("/dev/mail").status_code == 404  # its base URL is no loopback address
    app: Any = near.app
    far = TestClient(app, base_url="http://127.0.0.1:8000", client=("192.0.2.7", 1))
    assert far.get("/dev/mail").status_code == 404
    assert "/dev/mail" not in client.get(f"/petitions/{PETITION}/check-your-mail").text


def test_without_a_demonstration_there_is_no_banner_and_no_mail(empty_lobby: Lobby) -> None:
    settings = empty_lobby.settings.model_copy(update={"base_url": "http://127.0.0.1:8000"})
    app = create_app(settings, lobby=replace(empty_lobby, settings=settings))
    host = {"base_url": "http://127.0.0.1:8000", "client": ("127.0.0.1", 50000)}
    with TestClient(app, **host) as client:  # type: ignore[arg-type] # both are given
        assert "This is a demonstration" not in client.get("/").text
        assert "There are no campaigns here yet." in client.get("/").text
        assert client.get("/dev/mail").status_code == 404


# Every page


PUBLIC = ("/", f"/campaigns/{CAMPAIGN}", f"/petitions/{PETITION}", LETTER, TALLY, "/sign-in")


@pytest.mark.parametrize("path", [*PUBLIC, "/nothing", f"/petitions/{PETITION}/check-your-mail"])
def test_every_page_stands_on_its_own_feet(client: TestClient, path: str) -> None:
    page = client.get(path)
    html = page.text
    assert "This is a demonstration" in html
    assert html.count("<h1") == 1
    assert '<html lang="en-GB">' in html
    assert re.search(r"<title>.+ – Central Lobby</title>", html)
    assert 'href="#main"' in html
    assert "Contains OS data © Crown copyright" in html
    assert not re.search(r"<script|<style| style=|\son\w+=", html)
    assert not re.search(r'(src|href)="(https?:)?//', html)


@pytest.mark.parametrize("path", PUBLIC)
def test_every_field_has_a_label_and_every_id_is_its_own(client: TestClient, path: str) -> None:
    html = client.get(path).text
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    fields = re.findall(r"<(?:input|select|textarea)[^>]*>", html)
    for field in (field for field in fields if 'type="hidden"' not in field):
        found = re.search(r'id="([^"]+)"', field)
        assert found
        assert f'<label for="{found.group(1)}">' in html


@pytest.mark.parametrize("path", PUBLIC)
def test_a_page_and_its_sheet_are_light_enough_for_a_bad_connection(
    client: TestClient, path: str
) -> None:
    sheet = Path(STATIC / "lobby.css").stat().st_size
    assert len(client.get(path).content) + sheet < 25_000
    assert client.get("/static/lobby.css").status_code == 200


def test_a_page_that_is_posted_to_or_does_not_exist_answers_in_html(client: TestClient) -> None:
    assert client.get("/nothing").status_code == 404
    answer = client.post("/")
    assert answer.status_code == 405
    assert "text/html" in answer.headers["Content-Type"]
    assert "This page cannot be opened like that" in visible(answer)


@pytest.mark.parametrize("path", [SIGN, LETTER, LETTERS, "/sign-in"])
@pytest.mark.parametrize("typed", ["%00", "%ed%a0%80", "%ff", "=?", "%E2%80%AE", "x" * 50_000])
def test_nothing_that_can_be_typed_breaks_a_form(client: TestClient, path: str, typed: str) -> None:
    fields = (
        "name email postcode line1 line2 town subject body personal points password drafted_for"
    )
    content = "&".join(f"{name}={typed}" for name in fields.split())
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for sent in (content, content + f"&postcode={CAN_SIGN}&abroad=1"):
        assert client.post(path, content=sent, headers=form).status_code == 422
    assert client.post(path, files={"name": ("a.bin", b"\x00")}).status_code == 422


def test_a_database_that_is_away_gets_a_page_that_says_when_to_try_again(
    client: TestClient,
) -> None:
    away = OperationalError("SELECT", {}, Exception("gone"))

    def fail() -> None:
        raise away

    app: Any = client.app
    app.add_api_route("/away", fail)
    page = client.get("/away")
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "5"
    assert "Please try again in a moment" in visible(page)


def test_counts_and_times_read_as_they_are_said() -> None:
    late = datetime(2026, 11, 23, 22, 45, tzinfo=UTC)
    summer = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert words.moment(late) == "23 November 2026, 22:45"
    assert words.moment(summer) == "2 July 2026, 00:30"
    assert words.day(summer) == "2 July 2026"
    assert words.counted(1, "signature") == "1 signature"
    assert words.counted(1200, "signature") == "1,200 signatures"


def test_links_in_a_mail_are_clickable_and_nothing_else_is_markup() -> None:
    html = words.linked("<b>Open</b> http://a.example/?x=1&y=2 now")
    link = '<a href="http://a.example/?x=1&amp;y=2">http://a.example/?x=1&amp;y=2</a>'
    assert str(html) == f"&lt;b&gt;Open&lt;/b&gt; {link} now"
    assert "href" not in words.linked("javascript:alert(1)")


def test_every_order_that_the_form_offers_is_one_that_the_tally_knows() -> None:
    for order in words.SORTS:
        tallies.TallyFilter(sort=order).apply(())

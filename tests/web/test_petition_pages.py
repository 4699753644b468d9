"""Tests the pages of campaigns and petitions, and the links in emails."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from httpx2 import Headers
from sqlmodel import col, select

from api.answers.state import set_state, state_of
from main import create_app
from models import CampaignStatus, Consent, SignatureState
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.demonstration import invented_campaign
from services.errors import Unavailable
from services.organisations import organisations
from services.parliament_sync import motion_sync
from services.signatures import signature_states
from services.signatures.recording import Outcome, SignatureRequest
from services.traffic.group_commit import GroupCommit
from tests.support.common import CAMPAIGN, PETITION, Clock, token_in
from tests.support.pages import (
    ANNA,
    LETTER,
    LETTERS,
    MPS,
    SIGN,
    VACANT,
    Deliver,
    close_campaign,
    confirmed_count,
    radios_of,
    sign,
    sign_in,
    signed_token,
    thanked,
    undo_form,
    value_of,
    visible,
    without_own_script,
)
from tests.support.partners import add_second_petition


def test_the_front_page_lists_campaigns_with_their_counts(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert f'href="/campaigns/{CAMPAIGN}"' in page.text
    assert "360 people have signed 640 more to reach 1,000" in visible(page)


def test_the_front_page_leads_on_to_older_campaigns(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        organisation = organisations.by_slug(session, invented_campaign.about().organisation)
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
    text = visible(page)
    assert "Petition to the Secretary of State for Health and Social Care" in text
    assert "640 more to reach 1,000 · 4 of 14 MPs back it" in text
    assert "Adaeze Hartwhistle Manchester Central · Labour" in text
    assert "Checked with Parliament on 1 July 2026, 13:00" in text
    assert "keep NHS Professionals wholly in public ownership" in text, "the petition's text"
    news = "/updates/a-minister-signs-and-one-name-comes-off"
    assert (
        f'href="/campaigns/{CAMPAIGN}{news}">A minister signs, and one name comes off' in page.text
    )
    assert f'href="{LETTER}"' in page.text
    assert f'href="{MPS}"' in page.text


def test_a_failed_sync_is_said_on_every_page_that_counts_names(
    client: TestClient, lobby: Lobby
) -> None:
    add_second_petition(lobby)
    paths = (f"/campaigns/{CAMPAIGN}", f"/petitions/{PETITION}", MPS)
    for path in paths:
        assert "couldn’t reach" not in visible(client.get(path))
    with lobby.database.write() as session:
        motion = campaigns.motion_of(session, campaigns.public(session, CAMPAIGN).id)
        assert motion
        motion_sync.note_failure(session, motion.id, Unavailable("x", "x"), now=lobby.clock())
    for path in paths:
        text = visible(client.get(path))
        assert "couldn’t reach Parliament’s list" in text
        assert "may be out of date" in text


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (CampaignStatus.WON, "We won."),
        (CampaignStatus.LOST, "This campaign has ended We didn’t win this time."),
        (CampaignStatus.CLOSED, "This campaign has ended"),
    ],
)
def test_an_ended_campaign_says_so_and_offers_no_form(
    client: TestClient, lobby: Lobby, status: CampaignStatus, message: str
) -> None:
    add_second_petition(lobby)
    close_campaign(lobby, status)
    for path in (f"/campaigns/{CAMPAIGN}", f"/petitions/{PETITION}"):
        page = client.get(path)
        assert message in visible(page)
        assert SIGN not in page.text
    letter = client.get(LETTER)
    assert "This campaign has ended, so letters are closed." in visible(letter)
    assert "<textarea" not in letter.text
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
    page = f"/campaigns/{CAMPAIGN}"
    assert "You can sign until 2 July 2026, 13:00" in visible(client.get(page))
    clock.advance(days=2)
    closed = client.get(page)
    assert "This petition has closed 360 people signed. It closed on 2 July 2026." in visible(
        closed
    )
    assert "<title>Closed: Stop the sale" in closed.text
    assert SIGN not in closed.text


def test_a_draft_is_a_404_to_all_but_its_own_organisers(client: TestClient, lobby: Lobby) -> None:
    close_campaign(lobby, CampaignStatus.DRAFT)
    paths = (f"/campaigns/{CAMPAIGN}", f"/petitions/{PETITION}", MPS)
    assert [client.get(path).status_code for path in paths] == [404] * 3
    sign_in(client)
    assert [client.get(path).status_code for path in paths] == [200, 302, 200]
    page = client.get(f"/campaigns/{CAMPAIGN}")
    assert "This is a draft" in visible(page)
    assert "<title>Draft: " in page.text
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("slug", ["nothing-here", "UPPER", "a%00b", "a%20b", "%ff", "a.b"])
def test_a_strange_slug_is_a_page_that_is_not_there(client: TestClient, slug: str) -> None:
    for path in (f"/campaigns/{slug}", f"/petitions/{slug}", f"/campaigns/{slug}/mps"):
        page = client.get(path)
        assert page.status_code == 404
        assert "Page not found" in visible(page)
    assert client.post(f"/petitions/{slug}/sign", data=ANNA).status_code == 404


def test_signing_leads_to_one_more_step_and_confirming_counts_once(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    before = confirmed_count(lobby)
    deliver()
    answer = sign(client)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"/campaigns/{CAMPAIGN}/signed?sent=")
    assert "One more step: check your email" in visible(client.get(answer.headers["Location"]))
    (mail,) = deliver()
    path = f"/confirm/{token_in(mail, 'confirm')}"
    page_text = visible(client.get(path))
    assert "Anna Example" in page_text
    assert "Edinburgh East and Musselburgh" in page_text
    assert confirmed_count(lobby) == before  # a GET changes nothing
    for _ in range(2):
        assert f"You’re number {before + 1}" in visible(
            thanked(client, path.removeprefix("/confirm/"))
        )
    assert confirmed_count(lobby) == before + 1
    assert "You’ve already signed" in visible(client.get(path))


def test_a_new_and_a_repeated_signature_get_the_same_answer(
    client: TestClient, deliver: Deliver
) -> None:
    """The token in the address differs each time: it is as long, and its page is the same."""

    def sign_once() -> tuple[int, Headers, str, int, str]:
        answer = sign(client)
        del answer.headers["ratelimit"]  # it counts requests of the client
        del answer.headers["x-request-id"]
        path, _, token = answer.headers.pop("Location").partition("?sent=")
        page = client.get(f"{path}?sent={token}").text.replace(token, "")
        return answer.status_code, answer.headers, path, len(token), page

    new, repeated = sign_once(), sign_once()
    assert new == repeated
    first, second = deliver()
    for mail in (second, first):
        client.post(f"/confirm/{token_in(mail, 'confirm')}")
        assert sign_once() == new


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
    yes, no = radios_of(page, "updates")
    assert ("checked" in yes, "checked" in no) == (True, False)
    assert f'href="http://testserver/campaigns/{CAMPAIGN}"' in page.text, "the campaign's page"
    assert page.headers["Cache-Control"] == "no-store"


def test_empty_fields_are_named_one_by_one(client: TestClient) -> None:
    page_text = visible(client.post(SIGN))
    messages = (
        "Enter your full name",
        "Enter your email address",
        "Enter your postcode",
        "Choose whether we can email you",
    )
    for message in messages:
        assert page_text.count(message) == 2  # in the summary and beside the field


class FullIntake(GroupCommit[SignatureRequest, Outcome]):
    """An intake with a full queue."""

    async def record(self, request: SignatureRequest) -> Outcome:  # noqa: ARG002 - as in the base class
        raise Unavailable("busy", "Very many people are signing.", retry_after=2)


def test_a_busy_service_asks_to_try_again_and_keeps_the_form(lobby: Lobby) -> None:
    app = create_app(lobby.settings, lobby=lobby)
    set_state(app, replace(state_of({"app": app}), intake=FullIntake(lambda _requests: [])))
    with TestClient(app, follow_redirects=False) as client:
        page = sign(client)
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "2"
    assert value_of(page, "email") == ANNA["email"]
    assert "Very many people are signing." in visible(page)


def test_news_is_a_question_without_a_default_whose_yes_has_the_exact_wording(
    client: TestClient,
) -> None:
    page = client.get(f"/campaigns/{CAMPAIGN}")
    assert [re.sub(r".* (value=\S+)>", r"\1", tag) for tag in radios_of(page, "updates")] == [
        'value="yes"',
        'value="no"',
    ]
    question = "Can Public Health Alliance (demonstration) email you about this campaign?"
    assert f"<legend>{question}</legend>" in page.text
    assert "Yes, please email me news of this campaign and what I can do next." in visible(page)
    assert "No, thank you" in visible(page)


@pytest.mark.parametrize(("answer", "is_yes"), [("yes", True), ("no", False)])
def test_both_answers_to_the_question_are_kept(
    client: TestClient, deliver: Deliver, lobby: Lobby, answer: str, is_yes: bool
) -> None:
    client.post(f"/confirm/{signed_token(client, deliver, updates=answer)}")
    with lobby.database.read() as session:
        newest = select(Consent).order_by(col(Consent.given_at).desc())
        consent = session.exec(newest).first()
    assert consent
    assert consent.granted is is_yes


@pytest.mark.parametrize("answer", ["", "maybe"])
def test_a_signature_without_an_answer_is_asked_for_one(client: TestClient, answer: str) -> None:
    page = sign(client, updates=answer)
    assert page.status_code == 422
    assert '<a href="#updates">' in page.text
    assert 'id="updates-error"' in page.text
    assert value_of(page, "email") == ANNA["email"]


def test_somebody_abroad_needs_no_postcode_and_is_told_kindly_that_there_is_no_mp(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    assert sign(client, postcode="", abroad="yes").status_code == 303
    (mail,) = deliver()
    page = thanked(client, token_in(mail, "confirm"))
    assert "You don’t have an MP because you live outside the UK" in visible(page)
    assert "<textarea" not in page.text


def test_an_unknown_postcode_signs_and_is_offered_another_way_to_a_letter(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    assert sign(client, postcode="ZE3 9JW").status_code == 303
    (mail,) = deliver()
    page = thanked(client, token_in(mail, "confirm"))
    assert "We don’t know your constituency." in visible(page)
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
    assert "<script" not in without_own_script(page.text)
    assert "Anna &lt;script&gt;" in page.text


def test_confirming_shows_the_mp_and_leads_to_a_letter(
    client: TestClient, deliver: Deliver
) -> None:
    page = thanked(client, signed_token(client, deliver))
    assert "Thank you, Anna" in visible(page)
    assert "Morag Ferncastle hasn’t signed" in visible(page)
    assert '<textarea id="personal"' in page.text
    assert re.search(r'<form method="post" action="/thanks/[^"/]+/letter"[ >]', page.text)


@pytest.mark.parametrize(
    ("path", "state", "message"),
    [
        ("withdraw", SignatureState.WITHDRAWN, "Your signature has been removed"),
        ("disown", SignatureState.REJECTED, "Signature removed"),
    ],
)
def test_a_signature_is_removed_by_its_button_and_not_by_its_link(
    client: TestClient,
    deliver: Deliver,
    lobby: Lobby,
    path: str,
    state: SignatureState,
    message: str,
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
        assert message in visible(client.post(link))
    assert message in visible(client.get(link))
    assert confirmed_count(lobby) == before
    with lobby.database.read() as session:
        signature_id = lobby.tokens.read(Purpose(path), token_in(mail, path))
        assert signature_states.get(session, signature_id).state is state
    again = client.get(f"/confirm/{token_in(mail, 'confirm')}")
    assert "This signature has been removed" in visible(again)
    assert client.post(f"/confirm/{token_in(mail, 'confirm')}").status_code == 409


def test_not_me_can_be_taken_back_on_its_page(client: TestClient, deliver: Deliver) -> None:
    deliver()
    sign(client)
    (mail,) = deliver()
    undo, fields = undo_form(client.post(f"/disown/{token_in(mail, 'disown')}"))
    assert set(fields) == {"petition", "address"}
    wrong = client.post(undo, data=fields | {"address": fields["address"][:-1]})
    assert wrong.status_code == 422
    sign(client)
    assert deliver() == []
    answer = client.post(undo, data=fields)
    assert answer.status_code == 303
    assert fields["address"] not in answer.headers["Location"]
    lifted = client.get(answer.headers["Location"])
    assert lifted.headers["Cache-Control"] == "no-store"
    assert "<title>You can sign again – " in lifted.text
    assert "You can sign again" in visible(lifted)
    assert f'href="/petitions/{fields["petition"]}"' in lifted.text
    sign(client)
    (mail,) = deliver()
    assert "Confirm your signature" in mail["Subject"]


@pytest.mark.slow
def test_somebody_in_a_vacant_seat_can_ask_with_one_button_to_be_told_of_an_mp(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    sign(client, postcode=VACANT)
    token = token_in(deliver()[0], "confirm")
    button = f'<form method="post" action="/watch/{token}">'
    assert button not in client.get(f"/confirm/{token}").text, "the signature comes first"
    thanks = client.post(f"/confirm/{token}").headers["Location"]
    assert f'<form method="post" action="{thanks}/watch">' in client.get(thanks).text
    opened = client.get(f"/watch/{token}")
    assert (opened.status_code, opened.headers["Location"]) == (303, f"/confirm/{token}")
    assert button in client.get(f"/confirm/{token}").text, "a GET changes nothing"
    for _ in range(2):
        promised = client.post(f"/watch/{token}")
        assert promised.status_code == 200
        assert "one email when Norwich South has a new MP" in visible(promised)
        assert promised.headers["Cache-Control"] == "no-store"
    for page in (client.get(f"/confirm/{token}"), thanked(client, token)):
        assert "/watch" not in page.text
        assert "We’ll email you once, when Norwich South has a new MP." in visible(page)


def test_a_seat_with_an_mp_has_no_button_to_be_told_of_one(
    client: TestClient, deliver: Deliver
) -> None:
    token = signed_token(client, deliver)
    for page in (thanked(client, token), client.get(f"/confirm/{token}")):
        assert "/watch" not in page.text
    refused = client.post(f"/watch/{token}")
    assert refused.status_code == 409
    assert "Morag Ferncastle is MP for Edinburgh East" in visible(refused)


def test_a_campaign_that_is_over_offers_nobody_news_of_an_mp(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    deliver()
    sign(client, postcode=VACANT)
    token = token_in(deliver()[0], "confirm")
    client.post(f"/confirm/{token}")
    close_campaign(lobby, CampaignStatus.WON)
    for page in (thanked(client, token), client.get(f"/confirm/{token}")):
        assert "/watch" not in page.text


@pytest.mark.parametrize("path", ["confirm", "watch", "withdraw", "disown", "letters/confirm"])
def test_a_link_that_is_not_whole_gets_a_page_that_says_so(client: TestClient, path: str) -> None:
    for token in ("x", "a.b.c", "%00", "%ed%a0%80"):
        page = client.get(f"/{path}/{token}")
        assert page.status_code == 422
        assert "This link doesn’t work" in visible(page)


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

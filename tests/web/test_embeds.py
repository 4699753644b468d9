"""Tests the form for other sites: framing, input, cookies, script and builder."""

import gzip
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from api.answers.state import set_state, state_of
from core.settings import Settings, is_origin
from main import create_app
from models import CampaignStatus, Partner, Signature
from services.assembly import Lobby
from services.campaigns import petitions
from services.common.tokens import Purpose
from services.errors import Unavailable
from services.organisations import organisations
from services.signatures.recording import Outcome, SignatureRequest
from services.traffic.group_commit import GroupCommit
from services.views.embeds import EmbedPlace
from tests.support.common import CAMPAIGN, PETITION, token_in
from tests.support.embeds import EMBED, PARTNER, THEIRS, add_partner, newest_signature
from tests.support.lobbies import MakeLobby
from tests.support.pages import (
    ANNA,
    SIGNER,
    Deliver,
    Page,
    close_campaign,
    confirmed_count,
    value_of,
    visible,
)

SIGN = f"{EMBED}/sign"
BUILDER = f"/petitions/{PETITION}/embed"
LARGEST_SCRIPT = 2048  # bytes, packed
ELSEWHERE = "https://blog.example.org"


def directives(page: Page) -> dict[str, str]:
    """Returns the directives of an answer's content policy."""
    (policy,) = page.headers.get_list("Content-Security-Policy")
    return dict(directive.split(" ", 1) for directive in policy.split("; "))


def ancestors(page: Page) -> str:
    return directives(page)["frame-ancestors"]


def with_origins(lobby: Lobby, origins: str) -> TestClient:
    """Returns a client of an application where these sites may show forms without a partner."""
    settings = lobby.settings.model_copy(update={"embed_origins": origins})
    allowing = replace(lobby, settings=settings)
    return TestClient(create_app(settings, lobby=allowing), follow_redirects=False)


# ---- framing


def test_only_the_pages_of_a_form_may_be_framed(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby, THEIRS)
    for path in ("/", f"/petitions/{PETITION}", f"/campaigns/{CAMPAIGN}", BUILDER, "/v1/campaigns"):
        for query in ("", f"?partner={PARTNER}"):
            assert ancestors(client.get(path + query)) == "'none'", path


def test_a_partners_form_is_framed_by_that_partners_sites_alone(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby, THEIRS, "https://shop.nurses.example.org:8443")
    add_partner(lobby, "https://others.example.org", slug="others")
    theirs = f"{THEIRS} https://shop.nurses.example.org:8443"
    for path in (EMBED, f"{EMBED}/check-your-mail"):
        page = client.get(f"{path}?partner={PARTNER}")
        assert ancestors(page) == f"'self' {theirs}"
        assert f'data-origins="{theirs}"' in page.text
    assert ancestors(client.post(f"{SIGN}?partner={PARTNER}", data={})) == f"'self' {theirs}"


def test_without_a_partner_it_is_framed_by_the_service_itself(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby, THEIRS)
    for query in ("", "?partner=nobody", "?partner=", "?partner=%00", "?partner=A%3B%20*"):
        assert ancestors(client.get(EMBED + query)) == "'self'", query


def test_sites_of_a_setting_frame_what_names_no_partner(lobby: Lobby) -> None:
    add_partner(lobby, THEIRS)
    with with_origins(lobby, f"{ELSEWHERE} https://other.example.org") as client:
        assert ancestors(client.get(EMBED)) == f"'self' {ELSEWHERE} https://other.example.org"
        assert ancestors(client.get(f"{EMBED}?partner={PARTNER}")) == f"'self' {THEIRS}"
    with with_origins(lobby, "*") as client:
        assert ancestors(client.get(EMBED)) == "'self' *"


def test_the_partner_of_another_organisation_is_none(client: TestClient, lobby: Lobby) -> None:
    partner_id = add_partner(lobby, THEIRS)
    with lobby.database.write() as session:
        other = organisations.create(session, name="Others", slug="others", now=lobby.clock())
        session.get_one(Partner, partner_id).organisation_id = other.id
    assert ancestors(client.get(f"{EMBED}?partner={PARTNER}")) == "'self'"


def test_what_is_no_origin_never_reaches_a_header(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby, "*", "https://a.example; script-src *", THEIRS, "https://a.example/path")
    page = client.get(f"{EMBED}?partner={PARTNER}")
    assert ancestors(page) == f"'self' {THEIRS}"
    assert directives(page)["script-src"] == "'self'"


@pytest.mark.parametrize(
    "origin", ["https://example.org", "https://a.b-c.example:8443", "http://localhost:5000"]
)
def test_an_origin_is_a_site_as_browsers_name_it(origin: str) -> None:
    assert is_origin(origin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "example.org",
        "http://example.org",
        "https://example.org/",
        "https://Example.org",
        "https://*.example.org",
        "https://a.example b",
        "https://a.example:0",
        "https://a.example\n",
        "https://user@a.example",
        "https://-a.example",
    ],
)
def test_anything_else_is_no_origin(text: str) -> None:
    assert not is_origin(text)


def test_a_setting_that_is_no_list_of_origins_stops_the_start() -> None:
    with pytest.raises(ValidationError, match=r"must be origins such as https://example\.org"):
        Settings(embed_origins="https://example.org/path")


def test_the_policy_of_a_form_forbids_all_else(client: TestClient) -> None:
    policy = directives(client.get(EMBED))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    for path in (EMBED, f"{EMBED}/check-your-mail"):
        headers = client.get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"


# ---- input


def test_a_signature_is_recorded_with_its_partner_and_source(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    partner_id = add_partner(lobby, THEIRS)
    before = confirmed_count(lobby)
    deliver()
    query = urlencode({"partner": PARTNER, "source": "news & letter"})
    form = client.get(f"{EMBED}?{query}")
    action = re.search(r'<form method="post" action="([^"]+)"', form.text)
    assert action
    answer = client.post(action[1].replace("&amp;", "&"), data=SIGNER)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{EMBED}/check-your-mail?partner={PARTNER}&")
    assert "One more step: check your email" in visible(client.get(answer.headers["Location"]))
    (mail,) = deliver()
    token = token_in(mail, "confirm")
    assert "Nurses Together" in visible(client.get(f"/confirm/{token}"))
    client.post(f"/confirm/{token}")
    assert confirmed_count(lobby) == before + 1
    with lobby.database.read() as session:
        signature = session.get_one(Signature, lobby.tokens.read(Purpose.CONFIRM, token))
    assert (signature.partner_id, signature.source) == (partner_id, "news & letter")
    assert signature.name.text == ANNA["name"]


def test_an_unfit_source_keeps_nobody_from_signing(client: TestClient, lobby: Lobby) -> None:
    for number, source in enumerate(["", "x" * 101, "two\nlines", "=?utf-8?q?x?=", "\x00", "  "]):
        query = urlencode({"partner": "nobody", "source": source})
        assert client.get(f"{EMBED}?{query}").status_code == 200
        anna = {**SIGNER, "name": f"Anna {'I' * (number + 1)}", "email": f"p{number}@example.org"}
        assert client.post(f"{SIGN}?{query}", data=anna).status_code == 303
        signature = newest_signature(lobby)
        assert (signature.partner_id, signature.source) == (None, None)
        assert signature.name.text == anna["name"]


def test_wrong_fields_are_told_in_the_frame_and_nothing_typed_is_lost(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby, THEIRS)
    wrong = {"name": "www.x.example", "email": "no", "postcode": "SW1A OAA", "updates": "yes"}
    page = client.post(f"{SIGN}?partner={PARTNER}&source=spring", data=wrong)
    assert page.status_code == 422
    assert ancestors(page) == f"'self' {THEIRS}"
    assert page.headers["Cache-Control"] == "no-store"
    for name in ("name", "email", "postcode"):
        assert f'<a href="#{name}">' in page.text
        assert value_of(page, name) == wrong[name]
    assert re.search(r'name="updates" value="yes" checked', page.text)
    assert f'action="{SIGN}?partner={PARTNER}&amp;source=spring"' in page.text


def test_a_new_and_a_repeated_signature_get_the_same_answer_in_the_frame(
    client: TestClient, deliver: Deliver
) -> None:
    def sign_once() -> tuple[int, dict[str, str]]:
        answer = client.post(SIGN, data=SIGNER)
        del answer.headers["ratelimit"]  # it counts requests of the client
        del answer.headers["x-request-id"]
        return answer.status_code, dict(answer.headers)

    deliver()
    new = sign_once()
    (mail,) = deliver()
    client.post(f"/confirm/{token_in(mail, 'confirm')}")
    assert sign_once() == new


class FullIntake(GroupCommit[SignatureRequest, Outcome]):
    """An intake with a full queue."""

    async def record(self, request: SignatureRequest) -> Outcome:  # noqa: ARG002 - as in the base class
        raise Unavailable("busy", "Very many people are signing.", retry_after=2)


def test_a_busy_service_keeps_the_form_in_the_frame(lobby: Lobby) -> None:
    app = create_app(lobby.settings, lobby=lobby)
    set_state(app, replace(state_of({"app": app}), intake=FullIntake(lambda _requests: [])))
    with TestClient(app, follow_redirects=False) as client:
        page = client.post(SIGN, data=SIGNER)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "2")
    assert value_of(page, "email") == ANNA["email"]
    assert "Very many people are signing." in visible(page)


def test_whoever_sends_too_much_is_told_so_in_the_frame(make_lobby: MakeLobby) -> None:
    lobby = make_lobby()
    settings = lobby.settings.model_copy(update={"posts_per_address": 1})
    with TestClient(create_app(settings, lobby=lobby), client=("127.0.0.1", 50000)) as client:
        client.post(SIGN, data={})
        page = client.post(SIGN, data=SIGNER)
    assert page.status_code == 429
    assert ancestors(page) == "*"
    assert "too many requests" in visible(page)
    assert "<form" not in page.text
    assert f'href="/petitions/{PETITION}" target="_blank"' in page.text


def test_a_closed_petition_says_so_and_takes_nothing(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    close_campaign(lobby, CampaignStatus.WON)
    page = client.get(EMBED)
    assert "This petition has closed. 360 people signed." in visible(page)
    assert "<form" not in page.text
    refused = client.post(SIGN, data=SIGNER)
    assert refused.status_code == 409
    assert "This petition is closed" in visible(refused)


def test_a_form_shows_at_once_what_an_organiser_changed(client: TestClient, lobby: Lobby) -> None:
    assert "You can sign until" not in visible(client.get(EMBED))
    with lobby.database.write() as session:
        closing = {"closes_at": lobby.clock() + timedelta(days=1)}
        petition = petitions.public(session, PETITION)
        petitions.update(session, petition, values=closing, now=lobby.clock())
    assert "You can sign until 2 July 2026, 13:00" in visible(client.get(EMBED))


def test_a_petition_that_is_not_there_is_no_form(client: TestClient) -> None:
    for slug in ("nothing-here", "UPPER", "a%00b", "%ff"):
        for path in (f"/embed/{slug}", f"/embed/{slug}/check-your-mail"):
            page = client.get(path)
            assert page.status_code == 404
            assert "Page not found" in visible(page)
            assert "<script" not in page.text
        assert client.post(f"/embed/{slug}/sign", data=SIGNER).status_code == 404
        assert client.get(f"/petitions/{slug}/embed").status_code == 404


def test_a_draft_is_embedded_by_nobody(client: TestClient, lobby: Lobby) -> None:
    close_campaign(lobby, CampaignStatus.DRAFT)
    for path in (EMBED, BUILDER):
        assert client.get(path).status_code == 404


def test_opening_the_forms_address_by_itself_leads_back_to_the_form(client: TestClient) -> None:
    answer = client.get(f"{SIGN}?source=spring")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{EMBED}?source=spring")


def test_links_of_a_form_leave_the_frame(client: TestClient) -> None:
    for path in (EMBED, f"{EMBED}/check-your-mail"):
        for link in re.findall(r"<a [^>]*>", client.get(path).text):
            stays_in_frame = 'target="_blank"' not in link
            assert not stays_in_frame or f'href="{EMBED}' in link, link


def test_markup_in_a_source_stays_text(client: TestClient) -> None:
    query = urlencode({"source": '"><script>alert(1)</script>'})
    for path in (EMBED, BUILDER, f"{EMBED}/check-your-mail"):
        assert "<script>alert" not in client.get(f"{path}?{query}").text


# ---- cookies


def test_a_form_in_a_frame_sets_no_cookie_and_reads_none(client: TestClient) -> None:
    client.cookies.set("lobby_organiser", "whatever")
    with_cookie = client.get(EMBED).text
    client.cookies.clear()
    assert client.get(EMBED).text == with_cookie
    pages = [
        client.get(EMBED),
        client.post(SIGN, data=SIGNER),
        client.get(f"{EMBED}/check-your-mail"),
        client.get("/widget/v1.js"),
    ]
    assert [page.headers.get("Set-Cookie") for page in pages] == [None] * 4


# ---- the script


def test_the_script_is_small_and_for_every_site(client: TestClient) -> None:
    answer = client.get("/widget/v1.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < LARGEST_SCRIPT
    assert len(gzip.compress(answer.content)) < LARGEST_SCRIPT
    assert (
        re.search(r"\b(eval|innerHTML|document\.cookie|localStorage|import)\b", answer.text) is None
    )


def test_the_script_is_kept_for_long_and_asked_for_again(client: TestClient) -> None:
    first = client.get("/widget/v1.js")
    assert re.match(
        r"public, max-age=\d+, stale-while-revalidate=\d+", first.headers["Cache-Control"]
    )
    again = client.get("/widget/v1.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]


# ---- the builder


def line_of(page: Page) -> str:
    textarea = re.search(r'<textarea id="line"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)
    assert textarea
    return unescape(textarea.group(1))


def test_the_builder_gives_one_line_with_what_was_put_in(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby, THEIRS)
    page = client.get(BUILDER, params={"partner": PARTNER, "source": 'a "b" & c'})
    assert page.status_code == 200
    assert line_of(page) == (
        '<script src="http://testserver/widget/v1.js" defer></script>'
        f'<lobby-petition petition="{PETITION}" partner="{PARTNER}" source="a &#34;b&#34; &amp; c">'
        f'<a href="http://testserver/petitions/{PETITION}?partner={PARTNER}&amp;'
        'source=a+%22b%22+%26+c">Sign the petition: Stop the sale of NHS Professionals</a>'
        "</lobby-petition>"
    )
    assert f"The form works on {THEIRS} ." in visible(page)
    assert f'<noscript><iframe src="{EMBED}?partner={PARTNER}&amp;' in page.text


def test_the_builder_without_anything_names_only_the_petition(client: TestClient) -> None:
    page = client.get(BUILDER)
    assert f'<lobby-petition petition="{PETITION}"><a ' in line_of(page)
    assert "visitors of other websites see only a link" in visible(page)


def test_the_builder_names_everything_that_is_wrong_and_loses_nothing(client: TestClient) -> None:
    page = client.get(BUILDER, params={"partner": "Nobody Here", "source": "x" * 101})
    assert page.status_code == 422
    for name, message in (("partner", "lower-case letters"), ("source", "At most 100 characters")):
        assert f'<a href="#{name}">' in page.text
        assert message in visible(page)
    assert value_of(page, "partner") == "Nobody Here"
    assert f'<lobby-petition petition="{PETITION}"><a ' in line_of(page)
    unknown = client.get(BUILDER, params={"partner": "nobody", "source": "spring"})
    assert unknown.status_code == 422
    assert "We don’t know a partner called “nobody”." in visible(unknown)
    assert 'source="spring"' in line_of(unknown)


def test_the_builder_says_where_a_partner_has_no_site_yet(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby)
    page = client.get(BUILDER, params={"partner": PARTNER})
    assert "We don’t know a website of Nurses Together yet" in visible(page)


def test_the_builder_runs_only_our_own_scripts_and_frames(client: TestClient) -> None:
    policy = directives(client.get(BUILDER))
    assert (policy["script-src"], policy["frame-src"]) == ("'self'", "'self'")
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")


def test_a_petition_leads_to_its_builder(client: TestClient) -> None:
    assert f'href="{BUILDER}"' in client.get(f"/campaigns/{CAMPAIGN}").text


def test_a_place_says_only_what_was_given() -> None:
    assert EmbedPlace.of("", "").query == ""
    assert EmbedPlace.of(PARTNER, "").query == f"?partner={PARTNER}"
    assert EmbedPlace.of("NOT A SLUG", " a  b ").query == "?source=a+b"

"""Tests the ways in and out, forms whose session ended, lost passwords, and one's own account."""

import json
import re
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from sqlmodel import SQLModel, select

from main import create_app
from models import (
    AccountEvent,
    AccountEventKind,
    KnownDevice,
    MessageKind,
    OrganiserSession,
    OutboxMessage,
)
from services.accounts import account_mails
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.organisations import organisers
from tests.support.common import ORGANISERS_PASSWORD, Clock, text_of, token_in
from tests.support.pages import Deliver, hidden, sign_in, sign_out, visible
from tests.web.accounts.steps import ANNA, code_at, organiser_of, post, send_code, set_up

NEW = "three unrelated words"
ACCOUNT = "/organiser/account"
ATTACKER = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


def ask_for_link(client: TestClient, email: str = ANNA) -> str:
    token = hidden(client.get("/forgotten"), "form_token")
    answer = client.post("/forgotten", data={"email": email, "form_token": token})
    assert answer.status_code == 200
    return str(answer.text)


def choose(client: TestClient, path: str, password: str = NEW) -> int:
    form = client.get(path)
    token = hidden(form if form.status_code == 200 else client.get("/forgotten"), "form_token")
    data = {"password": password, "form_token": token}
    return int(client.post(path, data=data).status_code)


def count(lobby: Lobby, table: type[SQLModel]) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(table)).all())


def events_of(lobby: Lobby) -> list[AccountEvent]:
    with lobby.database.read() as session:
        return list(session.exec(select(AccountEvent)))


# ---- the way in


@pytest.mark.parametrize(
    ("way", "leads_to"),
    [
        ("/organiser/webhooks", "/organiser/webhooks"),
        (
            "/organiser/campaigns/a/mps?q=a%20b&sort=-x",
            "/organiser/campaigns/a/mps?q=a%20b&sort=-x",
        ),
        ("https://evil.example/organiser", "/organiser"),
        ("//evil.example/organiser", "/organiser"),
        ("/organiser.evil.example", "/organiser"),
        ("/organiser@evil.example", "/organiser"),
        ("/organiser\\@evil.example", "/organiser"),
        ("/organiser/../sign-out", "/organiser"),
        ("/organiser//evil.example", "/organiser"),
        ("/organiser\r\nSet-Cookie: a=b", "/organiser"),
        ("javascript:alert(1)", "/organiser"),
        ("/campaigns/a", "/organiser"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_signing_in_leads_back_to_the_page_asked_for_and_to_no_other_site(
    client: TestClient, lobby: Lobby, way: str, leads_to: str
) -> None:
    set_up(lobby)
    assert sign_in(client, next=way).headers["Location"].startswith("/sign-in/code?next=")
    answer = send_code(client, code_at(lobby, later=30), next=way)
    assert answer.headers["Location"] == leads_to
    assert client.get("/sign-in", params={"next": way}).headers["Location"] == leads_to


def test_a_desk_page_leads_to_the_form_and_back(client: TestClient) -> None:
    asked = client.get(f"{ACCOUNT}?done=password").headers["Location"]
    form = client.get(asked)
    way = hidden(form, "next")
    assert sign_in(client, next=way).headers["Location"] == f"{ACCOUNT}?done=password"


def test_a_form_of_another_site_signs_nobody_in_or_out(client: TestClient) -> None:
    assert sign_in(client, headers=ATTACKER).status_code == 403
    data = {"email": ANNA, "password": ORGANISERS_PASSWORD}
    for token in ("", "0" * 64):
        answer = client.post("/sign-in", data=data | {"form_token": token})
        assert answer.status_code == 422
        assert "open for too long" in visible(answer)
        assert ANNA in answer.text
        assert client.get("/organiser").status_code == 303
    sign_in(client)
    assert client.post("/sign-out", headers=ATTACKER).status_code == 403
    assert client.post("/sign-out", data={"form_token": "0" * 64}).status_code == 403
    assert client.get("/organiser").status_code == 200
    sign_out(client)
    assert client.get("/organiser").status_code == 303


def test_under_https_all_cookies_belong_to_this_host_alone(lobby: Lobby) -> None:
    settings = lobby.settings.model_copy(update={"base_url": "https://lobby.example.org"})
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    with TestClient(app, base_url=settings.base_url, follow_redirects=False) as client:
        cookies = client.get("/sign-in").headers.get_list("Set-Cookie")
        cookies += sign_in(client).headers.get_list("Set-Cookie")
        assert client.get("/organiser").status_code == 200
        cookies += sign_out(client).headers.get_list("Set-Cookie")
    names = [cookie.partition("=")[0] for cookie in cookies]
    assert names == [
        f"__Host-lobby_{name}" for name in ("form", "organiser", "device", "organiser")
    ]
    for cookie in cookies:
        assert all(part in cookie for part in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"))
        assert "Domain" not in cookie


def test_the_record_has_those_who_came_and_nobody_unknown(client: TestClient, lobby: Lobby) -> None:
    sign_in(client, "not this one")
    sign_in(client, "x", email="who@example.org")
    sign_in(client)
    sign_out(client)
    events = {event.kind: event for event in events_of(lobby)}
    assert len(events_of(lobby)) == 3
    failed = events[AccountEventKind.SIGN_IN_FAILED]
    assert (failed.actor, failed.about.text, failed.detail) == (None, ANNA, "password")
    assert events[AccountEventKind.SIGNED_IN].actor.text == ANNA
    assert AccountEventKind.SIGNED_OUT in events


# ---- typed text after an expired session


def fields_on(html: str, path: str) -> dict[str, str]:
    """Returns the hidden fields of the form that goes to a path."""
    form = re.search(rf'<form method="post" action="{re.escape(path)}">(.*?)</form>', html, re.S)
    assert form, html
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.group(1))
    return dict(found)


TYPED = {"old_password": "x", "title": "Stop <the> sale", "text": "One\nTwo & three"}


def test_nothing_typed_is_lost_when_the_session_ends_and_the_same_tab_signs_in(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    set_up(lobby)
    sign_in(client)
    send_code(client, code_at(lobby, later=30))
    form_token = hidden(client.get(f"{ACCOUNT}/password"), "form_token")
    clock.advance(hours=13)
    page = client.post(f"{ACCOUNT}/password", data=TYPED | {"form_token": form_token})
    assert page.status_code == 401
    assert "Nothing that you typed is lost" in visible(page)
    assert page.headers["Cache-Control"] == "no-store"
    kept = hidden(page, "kept").replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">")
    kept = kept.replace("&amp;", "&")
    assert json.loads(kept)[0] == f"{ACCOUNT}/password"
    wrong = sign_in(client, "not this one", kept=kept)
    assert "What you typed is kept" in visible(wrong)
    assert hidden(wrong, "kept") == hidden(page, "kept")
    second = sign_in(client, kept=kept)
    assert "Enter your code" in visible(second)
    assert hidden(second, "kept") == hidden(page, "kept")
    last = send_code(client, code_at(lobby, later=30), kept=kept)
    assert last.status_code == 200
    fields = fields_on(last.text, f"{ACCOUNT}/password")
    assert fields.pop("form_token") == hidden(client.get(ACCOUNT), "form_token")
    assert fields == {"title": "Stop &lt;the&gt; sale", "text": "One\nTwo &amp; three"}


def test_after_signing_in_with_another_tab_one_button_sends_it(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    sign_in(client)
    path = f"{ACCOUNT}/sessions/end"
    old = hidden(client.get(ACCOUNT), "form_token")
    clock.advance(hours=13)
    page = client.post(path, data={"form_token": old, "note": "typed"})
    sign_in(client)
    again = client.post(path, data=fields_on(page.text, path))
    assert again.headers["Location"] == f"{ACCOUNT}?done=others"


def test_a_form_of_the_session_before_is_shown_again_and_one_of_another_site_is_not(
    client: TestClient,
) -> None:
    path = f"{ACCOUNT}/sessions/end"
    sign_in(client)
    old = hidden(client.get(ACCOUNT), "form_token")
    sign_in(client)
    page = client.post(path, data={"form_token": old, "note": "typed"})
    assert page.status_code == 403
    assert client.post(path, data=fields_on(page.text, path)).status_code == 303
    foreign = client.post(path, data={"form_token": old, "note": "typed"}, headers=ATTACKER)
    assert foreign.status_code == 403
    assert "typed" not in foreign.text


def test_a_kept_form_that_leads_elsewhere_is_dropped(client: TestClient) -> None:
    elsewhere = ('["https://evil.example/", []]', '["/sign-out", []]', '["/organiser/../x", []]')
    for kept in (*elsewhere, "[1, 2]", '["/organiser", [1]]', "nonsense", "[" * 50_000):
        assert sign_in(client, kept=kept).headers["Location"] == "/organiser"
    page = sign_in(client, kept='["/organiser", [["a", "\\ud800"]]]')
    assert fields_on(page.text, "/organiser")["a"] == "?"


# ---- a new password by an emailed link


@pytest.mark.slow
def test_a_link_changes_the_password_once_and_ends_all_sessions(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    set_up(lobby)
    sign_in(client)
    send_code(client, code_at(lobby, later=30))
    stolen = client.cookies["lobby_organiser"]
    client.cookies.clear()
    deliver()
    ask_for_link(client)
    ask_for_link(client)
    first, second = deliver()
    assert first["Subject"] == "Choose a new password"
    assert "works for one hour and once" in text_of(first)
    paths = [f"/forgotten/{token_in(mail, 'forgotten')}" for mail in (first, second)]
    assert choose(client, paths[0], "short") == 422
    assert choose(client, paths[0]) == 200
    for path in paths:
        assert client.get(path).status_code == 410
        assert choose(client, path, "another of mine") == 410
    (told,) = deliver()
    assert told["Subject"] == "You have a new password"
    client.cookies.set("lobby_organiser", stolen)
    assert client.get("/organiser").status_code == 303
    assert sign_in(client).status_code == 422
    assert "/sign-in/code" in sign_in(client, NEW).headers["Location"], "the second step stays"


def test_a_link_ends_after_an_hour_and_opens_nothing_else(
    client: TestClient, deliver: Deliver, clock: Clock, lobby: Lobby
) -> None:
    deliver()
    ask_for_link(client)
    (mail,) = deliver()
    token = token_in(mail, "forgotten")
    clock.advance(minutes=59)
    assert client.get(f"/forgotten/{token}").status_code == 200
    clock.advance(minutes=2)
    assert choose(client, f"/forgotten/{token}") == 410
    assert client.get("/forgotten/nonsense").status_code == 422
    other = lobby.tokens.issue(Purpose.CONFIRM, organiser_of(lobby).id)
    assert client.get(f"/forgotten/{other}").status_code == 422
    assert sign_in(client).status_code == 303, "the old password is still right"


def test_the_answer_is_the_same_for_every_address_and_only_an_organiser_gets_a_mail(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    deliver()
    unknown = ask_for_link(client, "who@example.org")
    assert not deliver()
    spelt = ANNA.replace("organiser", "Organiser")
    known = ask_for_link(client, spelt)
    assert known.replace(spelt, "who@example.org") == unknown
    (mail,) = deliver()
    assert mail["To"] == ANNA


def test_a_stranger_cannot_flood_a_mailbox_with_links(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    for _ in range(account_mails.RESETS_AN_HOUR + 3):
        ask_for_link(client)
    assert len(deliver()) == account_mails.RESETS_AN_HOUR
    clock.advance(hours=1, seconds=1)
    ask_for_link(client)
    assert len(deliver()) == 1


@pytest.mark.slow
def test_many_links_delay_no_warning(
    client: TestClient, deliver: Deliver, lobby: Lobby, clock: Clock
) -> None:
    sign_in(client)
    deliver()
    for _ in range(3):
        for _ in range(3):
            ask_for_link(client)
        clock.advance(hours=1, seconds=1)
    assert len(deliver()) == 9
    client.cookies.clear()
    sign_in(client)
    assert [mail["Subject"] for mail in deliver()] == ["New sign-in to your account"]


def test_a_mail_to_somebody_who_was_removed_meanwhile_is_dropped(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    ask_for_link(client)
    with lobby.database.write() as session:
        organisers.delete(session, organisers.by_email(session, ANNA))
    assert not deliver()
    with lobby.database.read() as session:
        kinds = select(OutboxMessage.state).where(OutboxMessage.kind == MessageKind.PASSWORD_RESET)
        assert [str(state) for state in session.exec(kinds)] == ["dropped"]


# ---- one's own account


def test_a_new_password_needs_the_old_one_and_ends_all_other_sessions(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    sign_in(client)
    other = client.cookies["lobby_organiser"]
    client.cookies.delete("lobby_organiser")
    sign_in(client)
    deliver()
    path = f"{ACCOUNT}/password"
    for old, message in (("", "Type your password."), ("x", "This is not your password.")):
        page = post(client, path, old_password=old, password=NEW)
        assert page.status_code == 422
        assert message in visible(page)
        assert 'href="#old_password"' in page.text
        assert NEW not in page.text
    done = post(client, path, old_password=ORGANISERS_PASSWORD, password=NEW)
    assert done.headers["Location"] == f"{ACCOUNT}?done=password"
    assert "Your other devices are signed out." in visible(client.get(f"{ACCOUNT}?done=password"))
    (mail,) = deliver()
    assert mail["Subject"] == "Your password has been changed"
    assert client.get("/organiser").status_code == 200
    client.cookies.clear()
    client.cookies.set("lobby_organiser", other)
    assert client.get("/organiser").status_code == 303


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("short", "At least 10 characters, please."),
        (ANNA.upper(), "can’t be your email address"),
        ("public  health alliance (demonstration)", "or your organisation’s name"),
    ],
)
def test_a_bad_password_is_refused_with_the_reason(
    client: TestClient, password: str, message: str
) -> None:
    sign_in(client)
    page = post(client, f"{ACCOUNT}/password", old_password=ORGANISERS_PASSWORD, password=password)
    assert page.status_code == 422
    assert message in visible(page)
    assert 'href="#password"' in page.text


def test_devices_are_listed_in_words_and_signed_out_singly_and_everywhere(
    client: TestClient, lobby: Lobby
) -> None:
    agents = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
        "curl/8",
    )
    for agent in agents:
        sign_in(client, headers={"User-Agent": agent})
    page = client.get(ACCOUNT)
    text = visible(page)
    assert all(words in text for words in ("Safari on iPhone", "Edge on Mac", "we don’t know"))
    assert text.count("This device") == 1
    ends = re.findall(r'action="(/organiser/account/sessions/[0-9a-f-]{36}/end)"', page.text)
    assert len(ends) == 2
    assert post(client, ends[0]).status_code == 303
    assert count(lobby, OrganiserSession) == 2
    assert post(client, ends[0]).status_code == 303, "again changes nothing"
    post(client, f"{ACCOUNT}/sessions/end")
    assert count(lobby, OrganiserSession) == 1
    assert client.get("/organiser").status_code == 200
    ended = [e.detail for e in events_of(lobby) if e.kind is AccountEventKind.SESSION_ENDED]
    assert len(ended) == 2


def test_nobody_ends_a_session_of_somebody_else(client: TestClient, lobby: Lobby) -> None:
    sign_in(client)
    with lobby.database.read() as session:
        theirs = session.exec(select(OrganiserSession)).one()
    with lobby.database.write() as session:
        anna = organisers.by_email(session, ANNA)
        values = anna.model_dump(exclude={"id", "email", "email_index"})
        email = type(anna.email)(anna.organisation_id, "ben@example.org")
        index = lobby.keyring.everywhere_index("ben@example.org")
        session.add(type(anna)(**values, email=email, email_index=index))
    client.cookies.clear()
    sign_in(client, email="ben@example.org")
    post(client, f"{ACCOUNT}/sessions/{theirs.id}/end")
    assert count(lobby, OrganiserSession) == 2


def test_the_cookie_of_a_known_device_opens_nothing(client: TestClient, lobby: Lobby) -> None:
    sign_in(client)
    device = client.cookies["lobby_device"]
    client.cookies.clear()
    client.cookies.set("lobby_organiser", device)
    client.cookies.set("lobby_device", device)
    assert client.get("/organiser").status_code == 303
    assert count(lobby, KnownDevice) == 1

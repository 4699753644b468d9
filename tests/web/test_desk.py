"""Tests what pages of the desk share: roles, tokens of forms, the menu, and former addresses."""

import re

import pytest
from sqlmodel import select

from models import Campaign, OrganiserSession, Role, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from tests.support.common import CAMPAIGN, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.keys import OTHERS, add_campaign, others_key
from tests.support.letters import uncertain_letter
from tests.support.pages import visible
from web.base import form_tokens

CAMPAIGNS = "/organiser/campaigns"
LETTERS = f"{CAMPAIGNS}/{CAMPAIGN}/letters"
SETTINGS = {"letters_per_hour": "7", "letters_per_member_day": "", "likeness_limit": ""}
OWNERS_PAGES = (
    "/organiser/partners",
    "/organiser/partners/new",
    "/organiser/keys/new",
    "/organiser/webhooks",
    "/organiser/webhooks/new",
)


def looked_at(lobby: Lobby) -> str | None:
    """Returns the slug of the campaign that the only session looked at last."""
    with lobby.database.read() as session:
        campaign_id = session.exec(select(OrganiserSession.campaign_id)).one()
        campaign = session.get(Campaign, campaign_id) if campaign_id else None
    return campaign.slug if campaign else None


def menu_of(client: DeskClient, path: str = "/organiser") -> str:
    return client.get(path).text.partition("<main")[0]


def paused_at(lobby: Lobby) -> object:
    with lobby.database.read() as session:
        return campaigns.public(session, CAMPAIGN).letters_paused_at


# ---- the campaign that was looked at last


@pytest.mark.slow
def test_a_page_of_a_campaign_puts_it_into_the_menu_of_every_page(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "another")
    assert CAMPAIGNS not in menu_of(signed_in)
    for slug in (CAMPAIGN, "another", CAMPAIGN):
        for path in (f"{CAMPAIGNS}/{slug}/letters", "/organiser"):
            assert f'href="{CAMPAIGNS}/{slug}/letters"' in menu_of(signed_in, path)
        assert looked_at(lobby) == slug


def test_a_campaign_of_others_or_of_nobody_is_not_looked_at(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    others_key(lobby, Scope.LETTERS_READ)
    add_campaign(lobby, "theirs", organisation=OTHERS)
    signed_in.get(LETTERS)
    for slug in ("theirs", "nobodys", "%00", "A%20B"):
        assert signed_in.get(f"{CAMPAIGNS}/{slug}/letters").status_code in (404, 422)
        assert looked_at(lobby) == CAMPAIGN


def test_a_form_is_no_look_at_a_campaign(signed_in: DeskClient, lobby: Lobby) -> None:
    assert signed_in.post(f"{LETTERS}/pause").status_code == 303
    assert looked_at(lobby) is None


def test_looking_at_the_same_campaign_writes_once(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    def seen_at() -> object:
        with lobby.database.read() as session:
            return session.exec(select(OrganiserSession.seen_at)).one()

    signed_in.get(LETTERS)
    first = seen_at()
    clock.advance(seconds=30)
    signed_in.get(LETTERS)
    assert seen_at() == first
    clock.advance(seconds=30)
    signed_in.get(LETTERS)
    assert seen_at() == clock.now


# ---- roles


def test_an_editor_reads_and_pauses_letters_but_leaves_resuming_and_pace_to_owners(
    client: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    letter, _ = uncertain_letter(lobby, 0, clock.now)
    as_role(lobby, client, Role.EDITOR)
    page = client.get(LETTERS)
    assert f'action="{LETTERS}/pause"' in page.text
    assert f'action="{LETTERS}"' not in page.text
    assert "Owners can change these." in visible(page)
    assert client.post(f"{LETTERS}/pause").status_code == 303
    assert paused_at(lobby) == clock.now
    page = client.get(LETTERS)
    assert "Only owners can resume." in visible(page)
    assert f'action="{LETTERS}/resume"' not in page.text
    for path, data in ((f"{LETTERS}/resume", None), (LETTERS, SETTINGS)):
        refused = client.post(path, data=data)
        assert refused.status_code == 403
        assert "Only owners can do this." in visible(refused)
    assert paused_at(lobby) == clock.now
    with lobby.database.read() as session:
        assert campaigns.public(session, CAMPAIGN).letters_per_hour is None
    settled = client.post(f"/organiser/letters/{letter.id}/settle", data={"outcome": "sent"})
    assert settled.status_code == 303
    assert client.get(f"{LETTERS}/answers").status_code == 200


def test_an_owner_resumes_letters(client: DeskClient, lobby: Lobby) -> None:
    as_role(lobby, client, Role.OWNER)
    client.post(f"{LETTERS}/pause")
    assert f'action="{LETTERS}/resume"' in client.get(LETTERS).text
    assert client.post(f"{LETTERS}/resume").status_code == 303
    assert paused_at(lobby) is None


def test_a_viewer_gets_no_page_of_letters_and_changes_nothing(
    client: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    letter, _ = uncertain_letter(lobby, 0, clock.now)
    as_role(lobby, client, Role.VIEWER)
    settle = f"/organiser/letters/{letter.id}/settle"
    for path in (LETTERS, f"{LETTERS}/answers", settle):
        page = client.get(path)
        assert page.status_code == 403
        assert "Only editors and owners can do this." in visible(page)
    for path in (f"{LETTERS}/pause", settle, f"/organiser/letters/{letter.id}/retry"):
        assert client.post(path, data={"outcome": "sent"}).status_code == 403
    assert paused_at(lobby) is None
    assert f'href="{LETTERS}"' not in menu_of(client)


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
@pytest.mark.parametrize("path", OWNERS_PAGES)
def test_partners_keys_and_webhooks_are_for_owners(
    client: DeskClient, lobby: Lobby, role: Role, path: str
) -> None:
    as_role(lobby, client, role)
    for page in (client.get(path), client.post(path, data={"name": "A Paper"})):
        if page.status_code != 405:  # a list takes no form
            assert page.status_code == 403
            assert "Only owners can do this." in visible(page)
    assert path not in menu_of(client)


# ---- tokens of forms


@pytest.mark.parametrize("token", ["", "0" * 64, form_tokens.of_session("another session")])
def test_a_form_without_the_sessions_token_changes_nothing(
    signed_in: DeskClient, lobby: Lobby, token: str
) -> None:
    page = signed_in.post(f"{LETTERS}/pause", data={form_tokens.FIELD: token})
    assert page.status_code == 403
    assert "You’ve signed in since you opened that page." in visible(page)
    assert paused_at(lobby) is None


def test_every_form_of_these_pages_holds_the_token(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    letter, _ = uncertain_letter(lobby, 0, clock.now)
    (token,) = set(re.findall(r'name="form_token" value="(\w{64})"', menu_of(signed_in)))
    pages = (*OWNERS_PAGES, LETTERS, f"/organiser/letters/{letter.id}/settle")
    for path in pages:
        html = signed_in.get(path).text
        forms = re.findall(r'<form method="post".*?</form>', html, re.DOTALL)
        assert forms
        for form in forms:
            assert f'name="form_token" value="{token}"' in form, path


# ---- former addresses


@pytest.mark.parametrize(
    ("former", "today"),
    [
        ("post", LETTERS),
        ("post?show=sent&done=again", f"{LETTERS}?show=sent&done=again"),
        ("answers", f"{LETTERS}/answers"),
        ("answers?x=%C3%A9", f"{LETTERS}/answers?x=%C3%A9"),
    ],
)
def test_a_bookmark_of_a_former_page_leads_to_todays(
    signed_in: DeskClient, former: str, today: str
) -> None:
    answer = signed_in.get(f"{CAMPAIGNS}/{CAMPAIGN}/{former}")
    assert (answer.status_code, answer.headers["Location"]) == (301, today)
    assert signed_in.get(today).status_code == 200


def test_a_form_that_was_open_during_an_update_still_arrives(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    former = f"{CAMPAIGNS}/{CAMPAIGN}/post"
    assert signed_in.post(f"{former}/pause", follow_redirects=True).status_code == 200
    assert paused_at(lobby) is not None
    assert signed_in.post(f"{former}/resume", follow_redirects=True).status_code == 200
    assert paused_at(lobby) is None
    answer = signed_in.post(former, data=SETTINGS)
    assert (answer.status_code, answer.headers["Location"]) == (308, LETTERS)
    signed_in.post(former, data=SETTINGS, follow_redirects=True)
    with lobby.database.read() as session:
        assert campaigns.public(session, CAMPAIGN).letters_per_hour == 7


# ---- what is refused


def test_a_page_that_a_role_lacks_says_why_and_whom_to_ask_in_the_frame_of_the_desk(
    client: DeskClient, lobby: Lobby
) -> None:
    organiser = as_role(lobby, client, Role.EDITOR)
    page = client.get("/organiser/webhooks")
    assert page.status_code == 403
    text = visible(page)
    assert "You can’t do this Only owners can do this." in text
    assert f"You’re signed in as {organiser.email.text} , with the role editor." in text
    assert 'href="/organiser/people"' in page.text.partition("<main")[2]
    assert "All MPs" not in page.text
    assert 'aria-label="Desk"' in page.text
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/organiser/no-page", "Check the address, or choose from the menu."),
        ("/organiser/partners/nobodys", "There is no partner &#39;nobodys&#39;."),
    ],
)
def test_a_page_that_does_not_exist_keeps_the_menu_for_those_who_are_signed_in(
    client: DeskClient, signed_in: DeskClient, path: str, message: str
) -> None:
    page = signed_in.get(path)
    assert page.status_code == 404
    assert f"Page not found {message}" in visible(page)
    assert 'aria-label="Desk"' in page.text
    assert "role" not in visible(page), "it is not a matter of roles"
    client.cookies.clear()
    stranger = client.get("/organiser/no-page")
    assert stranger.status_code == 404
    assert 'aria-label="Desk"' not in stranger.text


def test_a_bad_query_names_its_field_in_the_frame(signed_in: DeskClient) -> None:
    page = signed_in.get(f"{LETTERS}?show=nonsense")
    assert page.status_code == 422
    assert "Show" in visible(page)
    assert 'aria-label="Desk"' in page.text

"""Tests the organisers' pages for partners: details, texts to copy, and results."""

import re
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlmodel import func, select

from models import ApiKey, CampaignStatus, Partner, Scope, Signature, SignatureState
from services.assembly import Lobby
from services.keys import api_keys
from services.organisations import partners
from services.signatures import by_partner
from tests.support.common import PETITION, Clock
from tests.support.keys import OTHERS, others_key
from tests.support.pages import close_campaign, sign_in, visible
from tests.support.partners import (
    PAPER,
    RADIO,
    WRITE_AND_READ,
    add_partner,
    add_second_petition,
    record,
    secret,
    signed,
)
from web.organisers.partners import LABELS, PartnerFields

PAGE = "/organiser/partners"
SITE = "https://paper.example.org"
TYPED = {
    "name": "A Paper",
    "slug": PAPER,
    "website": f"{SITE}/about",
    "allowed_origins": f"{SITE}\r\n\r\n http://localhost:3000 \r\n",
    "is_public": "yes",
}


def partner_row(lobby: Lobby, slug: str = PAPER) -> Partner:
    with lobby.database.read() as session:
        return session.exec(select(Partner).where(Partner.slug == slug)).one()


def text_to_copy(page: Any, name: str) -> str:
    """Returns a text that the page offers to copy."""
    box = rf'<textarea id="{name}"[^>]* readonly[^>]*>\n(.*?)</textarea>'
    match = re.search(box, page.text, re.DOTALL)
    assert match, f"nothing to copy as {name}"
    return unescape(match.group(1))


# ---- the list


def test_the_list_tells_of_each_partner_and_its_keys_and_of_our_own_keys(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    assert "No partners yet." in visible(signed_in.get(PAGE))
    assert f'href="{PAGE}"' in signed_in.get("/organiser").text
    add_partner(lobby, RADIO)
    signed_in.post(f"{PAGE}/new", data=TYPED)
    end = api_keys.end_of_day("2026-12-31")
    theirs = secret(
        lobby,
        *WRITE_AND_READ,
        partner_slug=PAPER,
        name="their form",
        petition_slugs=[PETITION],
        expires_at=end,
    )
    ours = secret(lobby, Scope.TALLIES_READ, name="our screen")
    with lobby.database.write() as session:
        caller = api_keys.caller_of(session, ours, now=clock.now)
        session.get_one(ApiKey, caller.key_id).last_used_at = clock.now
    signed(lobby, "anna@example.org", partner=PAPER)
    record(lobby, "ben@example.org", partner=PAPER)
    clock.advance(minutes=1)  # counts are at most a minute old
    page = signed_in.get(PAGE)
    text = visible(page)
    assert "Shown to the public 1 confirmed signature came through this partner." in text
    assert f"Website {SITE}/about" in text
    assert f"{SITE}, http://localhost:3000" in text
    row = "their form {} signatures:read, signatures:write {} never used last day 31 December 2026"
    assert row.format(theirs.split("_")[1], PETITION) in text
    row = "our screen {} tallies:read all last used 1 July 2026, 13:00 no end"
    assert row.format(ours.split("_")[1]) in text
    assert text.index("their form") < text.index("A Radio") < text.index("our screen")
    for key in (theirs, ours):
        assert key.split("_", 2)[2] not in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_keys_that_have_ended_are_not_listed(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    add_partner(lobby)
    end = api_keys.end_of_day("2026-07-02")
    for slug in (None, PAPER):
        secret(lobby, Scope.SIGNATURES_READ, partner_slug=slug, name="it ends", expires_at=end)
        gone = secret(lobby, Scope.SIGNATURES_READ, partner_slug=slug, name="it is gone")
        with lobby.database.write() as session:
            api_keys.revoke(session, gone, now=clock.now)
    for path in (PAGE, f"{PAGE}/{PAPER}"):
        page_text = visible(signed_in.get(path))
        assert "it ends" in page_text
        assert "it is gone" not in page_text
    clock.now = end
    sign_in(signed_in)
    page_text = visible(signed_in.get(PAGE))
    assert "it ends" not in page_text
    assert "No live key. A partner" in page_text


def test_the_list_takes_the_same_statements_however_many_partners_and_keys_there_are(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    def statements() -> int:
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, text: str, *_others: Any) -> None:
            sent.append(text)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            assert signed_in.get(PAGE).status_code == 200
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        return len(sent)

    # Both times the session's last use is older than a minute, and so are the counts.
    clock.advance(minutes=1)
    before = statements()
    for slug in (PAPER, RADIO):
        add_partner(lobby, slug)
        for _ in range(3):
            secret(lobby, *WRITE_AND_READ, partner_slug=slug, petition_slugs=[PETITION])
        signed(lobby, f"{slug}@example.org", partner=slug)
    clock.advance(minutes=1)
    assert statements() == before


def test_what_many_brought_is_counted_up_to_a_number(
    signed_in: TestClient, lobby: Lobby, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_partner, "MOST_COUNTED", 2)
    monkeypatch.setattr("web.organisers.partners.MOST_COUNTED", 2)
    add_partner(lobby)
    for number in range(4):
        assert ("More than 2 confirmed" in visible(signed_in.get(PAGE))) == (number > 2)
        signed(lobby, f"a{number}@example.org", partner=PAPER)
        clock.advance(minutes=1)
    with lobby.database.read() as session:
        owner = partner_row(lobby).organisation_id
        assert list(by_partner.count_by_partner(session, owner).values()) == [3]


# ---- adding and changing


def test_a_partner_is_added_at_the_desk(signed_in: TestClient, lobby: Lobby) -> None:
    assert signed_in.get(f"{PAGE}/new").status_code == 200
    answer = signed_in.post(f"{PAGE}/new", data=TYPED)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/{PAPER}?done=added")
    made = partner_row(lobby)
    assert (made.name, made.website, made.is_public) == ("A Paper", f"{SITE}/about", True)
    assert made.allowed_origins == [SITE, "http://localhost:3000"]
    assert "Partner added." in visible(signed_in.get(answer.headers["Location"]))


def test_what_is_wrong_with_a_new_partner_is_named_and_nothing_typed_is_lost(
    signed_in: TestClient, lobby: Lobby
) -> None:
    typed = {
        "name": "",
        "slug": "A Paper",
        "website": "paper <b>",
        "allowed_origins": f"{SITE}\n*\nhttp://paper.example.org",
        "is_public": "yes",
    }
    page = signed_in.post(f"{PAGE}/new", data=typed)
    assert page.status_code == 422
    for field in ("name", "slug", "website", "allowed_origins"):
        assert f'<a href="#{field}">{LABELS[field]}:' in page.text
        assert f'id="{field}-error"' in page.text
    page_text = visible(page)
    assert "Sites: &#39;*&#39; is no origin" in page_text
    assert "Sites: &#39;http://paper.example.org&#39; is no origin" in page_text
    assert 'value="A Paper"' in page.text
    assert 'value="paper &lt;b&gt;"' in page.text
    assert f"{SITE}\n*\nhttp://paper.example.org</textarea>" in page.text
    assert " checked" in page.text
    with lobby.database.read() as session:
        assert session.exec(select(func.count()).select_from(Partner)).one() == 0


@pytest.mark.parametrize(("slug", "message"), [(PAPER, "already"), ("new", "a word of our own")])
def test_a_slug_that_cannot_be_had_is_told_beside_its_field(
    signed_in: TestClient, lobby: Lobby, slug: str, message: str
) -> None:
    add_partner(lobby)
    page = signed_in.post(f"{PAGE}/new", data=TYPED | {"slug": slug, "name": "Another"})
    assert page.status_code == 422
    assert 'id="slug-error"' in page.text
    assert message in visible(page)
    assert 'value="Another"' in page.text
    assert partner_row(lobby).name == "A Paper"


def test_a_partner_is_changed_but_for_its_slug(signed_in: TestClient, lobby: Lobby) -> None:
    signed_in.post(f"{PAGE}/new", data=TYPED)
    page = signed_in.get(f"{PAGE}/{PAPER}")
    assert f"{SITE}\nhttp://localhost:3000</textarea>" in page.text
    typed = {"name": "The Paper", "slug": "another", "website": "", "allowed_origins": ""}
    answer = signed_in.post(f"{PAGE}/{PAPER}", data=typed)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/{PAPER}?done=saved")
    made = partner_row(lobby)
    assert (made.name, made.website, made.allowed_origins) == ("The Paper", None, [])
    assert made.is_public is False, "a box without a tick"
    page_text = visible(signed_in.get(answer.headers["Location"]))
    assert "Saved." in page_text
    assert "No site of The Paper may show your form yet" in page_text


def test_a_wrong_change_is_named_keeps_what_was_typed_and_changes_nothing(
    signed_in: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby)
    before = partner_row(lobby)
    page = signed_in.post(
        f"{PAGE}/{PAPER}", data={"name": "\x00", "allowed_origins": f"{SITE}/page"}
    )
    assert page.status_code == 422
    assert 'id="name-error"' in page.text
    assert f"{SITE}/page</textarea>" in page.text
    assert partner_row(lobby) == before
    assert "What to give A Paper" in visible(page), "the rest of the page is there"


def test_too_many_public_partners_are_told_beside_the_box(
    signed_in: TestClient, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partners, "MOST_PUBLIC", 1)
    signed_in.post(f"{PAGE}/new", data=TYPED)
    page = signed_in.post(f"{PAGE}/new", data=TYPED | {"slug": RADIO})
    assert page.status_code == 422
    assert '<a href="#is_public">' in page.text
    assert "take away one first" in visible(page)


def test_every_field_of_the_form_has_a_label() -> None:
    assert set(LABELS) == set(PartnerFields.model_fields)


# ---- texts to copy, and results


def test_the_line_and_the_link_for_each_open_petition_are_there_to_be_copied(
    signed_in: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby)
    add_second_petition(lobby)
    page = signed_in.get(f"{PAGE}/{PAPER}")
    assert text_to_copy(page, "link-1") == f"http://testserver/petitions/{PETITION}?partner={PAPER}"
    line = text_to_copy(page, "line-1")
    assert line.startswith('<script src="http://testserver/widget/v1.js" defer></script>')
    assert f'<lobby-petition petition="{PETITION}" partner="{PAPER}"><a href="' in line
    assert text_to_copy(page, "link-2").endswith("/second?partner=a-paper")
    builder = signed_in.get(f"/petitions/{PETITION}/embed?partner={PAPER}")
    textarea = re.search(r'<textarea id="line"[^>]*>\n(.*?)</textarea>', builder.text, re.DOTALL)
    assert textarea
    assert unescape(textarea.group(1)) == line, "as the partner makes it"
    close_campaign(lobby, CampaignStatus.CLOSED)
    page = signed_in.get(f"{PAGE}/{PAPER}")
    assert "None of your petitions is open." in visible(page)
    assert "line-1" not in page.text


def test_the_page_sums_up_what_came_by_state_source_and_day(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    add_partner(lobby)
    assert "Nothing yet." in visible(signed_in.get(f"{PAGE}/{PAPER}"))
    signed(lobby, "anna@example.org", partner=PAPER, source="front-page")
    clock.advance(days=1)
    signed(lobby, "ben@example.org", partner=PAPER)
    signed(lobby, "cara@example.org", partner=PAPER, source="front-page")
    record(lobby, "dora@example.org", partner=PAPER, source="front-page")
    sign_in(signed_in)
    page = signed_in.get(f"{PAGE}/{PAPER}")
    page_text = visible(page)
    assert "3 confirmed signatures through this partner" in page_text
    assert f"{PETITION} Confirmed 3 Confirmed, by source" in page_text
    assert "front-page: 2 without a source: 1" in page_text
    assert "2 July 2026: 2 1 July 2026: 1" in page_text
    assert not re.search("anna|ben@|cara|dora", page_text, re.IGNORECASE), "nobody's data"


def test_every_state_of_a_confirmed_signature_has_words_and_no_other_is_counted(
    signed_in: TestClient, lobby: Lobby
) -> None:
    partner = add_partner(lobby)
    for number, state in enumerate(SignatureState):
        row_id = signed(lobby, f"a{number}@example.org", partner=PAPER)
        with lobby.database.write() as session:
            signature = session.get_one(Signature, row_id)
            signature.state = state
            assert signature.partner_id == partner.id
    page_text = visible(signed_in.get(f"{PAGE}/{PAPER}"))
    assert "Confirmed 1 Withdrawn 1 Disowned or fraud 1 Confirmed, by source" in page_text


# ---- access


def test_another_organisations_partner_is_a_page_that_does_not_exist(
    signed_in: TestClient, lobby: Lobby
) -> None:
    others_key(lobby, Scope.SIGNATURES_READ)
    add_partner(lobby, organisation=OTHERS)
    assert "A Paper" not in signed_in.get(PAGE).text
    for method in ("GET", "POST"):
        page = signed_in.request(method, f"{PAGE}/{PAPER}", data={"name": "Ours"})
        assert page.status_code == 404
        assert "Page not found" in visible(page)
    assert partner_row(lobby).name == "A Paper"

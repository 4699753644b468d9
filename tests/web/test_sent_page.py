"""Tests of the page after signing: 'One more step: check your email'."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import select

from models import CampaignStatus, Submission, SubmissionRequest
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.mail_providers import GREAT_PROVIDERS, inbox_of
from services.submissions import sent_tokens
from tests.support.common import CAMPAIGN, PETITION, Clock, token_in
from tests.support.pages import (
    Deliver,
    close_campaign,
    hidden,
    sign,
    visible,
    without_own_script,
)

SIGNED = f"/campaigns/{CAMPAIGN}/signed"
AGAIN, CHANGE = f"{SIGNED}/again", f"{SIGNED}/change"
HAS_GONE = "If the address is right, the email is on its way again."


def sent_to(client: TestClient, **changes: str) -> str:
    """Signs, and returns the address of the page after it."""
    answer = sign(client, **changes)
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def token_of(address: str) -> str:
    (token,) = parse_qs(urlsplit(address).query)["sent"]
    return token


@contextmanager
def noting() -> Iterator[list[str]]:
    """Notes the statements of all connections."""
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


# ---- what it says


def test_it_shows_where_the_email_goes_and_not_the_address(client: TestClient) -> None:
    page = client.get(sent_to(client))
    text = visible(page)
    assert page.status_code == 200
    assert "One more step: check your email" in text
    assert "We’re sending a link to a…@example.org" in text
    assert "Your signature doesn’t count until" in text
    assert "anna@" not in page.text
    assert "Anna" not in page.text
    assert "Morag Ferncastle, your MP" in text
    assert page.headers["Cache-Control"] == "no-store"
    assert '<meta name="robots" content="noindex">' in page.text
    assert "<title>One more step: check your email – Public Health Alliance" in page.text


def test_it_shares_the_campaign_and_names_the_medium(client: TestClient) -> None:
    address = sent_to(client)
    page = client.get(address)
    assert "While you wait: would you share this?" in visible(page)
    assert f"campaigns%2F{CAMPAIGN}%3Fsource%3Dwhatsapp" in page.text
    links = re.findall(r'href="((?:https:|mailto:)[^"]+)"', page.text)
    assert len(links) >= 4
    assert not any(token_of(address)[:20] in link for link in links), "it shares no page of hers"


@pytest.mark.parametrize(
    ("email", "provider", "address"),
    [
        ("anna@gmail.com", "Gmail", "https://mail.google.com/"),
        ("anna@googlemail.com", "Gmail", "https://mail.google.com/"),
        ("anna@hotmail.co.uk", "Outlook", "https://outlook.live.com/"),
        ("anna@YAHOO.co.uk", "Yahoo Mail", "https://mail.yahoo.com/"),
    ],
)
def test_it_leads_to_the_inbox_of_a_known_provider(
    client: TestClient, email: str, provider: str, address: str
) -> None:
    page = client.get(sent_to(client, email=email))
    assert re.search(
        rf'<a class="button" href="{re.escape(address)}[^"]*">Open {provider}</a>', page.text
    )


def test_another_domain_has_no_inbox_button(client: TestClient) -> None:
    assert "Open " not in visible(client.get(sent_to(client)))


def test_every_inbox_is_of_a_domain_that_we_know() -> None:
    known = {domain for domain in GREAT_PROVIDERS if inbox_of(domain)}
    assert {"gmail.com", "outlook.com", "icloud.com"} <= known
    assert all(inbox_of(domain).address.startswith("https://") for domain in known)  # type: ignore[union-attr] # filtered above
    assert inbox_of("example.org") is None


@pytest.mark.parametrize("token", ["", "x", "%00", "A" * 300, "é", "x" * 5000])
def test_without_a_good_token_it_says_so_in_general_words(client: TestClient, token: str) -> None:
    page = client.get(SIGNED, params={"sent": token})
    assert page.status_code == 200
    assert "We’re sending a link to the address you gave" in visible(page)
    assert "<form" not in page.text
    assert f'href="/campaigns/{CAMPAIGN}"' in page.text


def test_after_half_an_hour_the_buttons_and_the_address_are_gone(
    client: TestClient, clock: Clock
) -> None:
    address = sent_to(client)
    clock.advance(minutes=29)
    assert "a…@example.org" in client.get(address).text
    clock.advance(minutes=1)
    page = client.get(address)
    assert page.status_code == 200
    assert "a…@example.org" not in page.text
    assert "<form" not in page.text


def test_a_token_says_nothing_on_another_campaigns_page(client: TestClient, lobby: Lobby) -> None:
    token = token_of(sent_to(client))
    with lobby.database.write() as session:
        owner = campaigns.public(session, CAMPAIGN).organisation_id
        values = {"slug": "another", "title": "Another", "summary": "s", "status": "open"}
        campaigns.create(session, organisation_id=owner, values=values, now=lobby.clock())
    page = client.get("/campaigns/another/signed", params={"sent": token})
    assert page.status_code == 200
    assert "a…@example.org" not in page.text
    assert "Stop the sale" not in visible(page)


def test_an_unknown_campaign_has_no_such_page(client: TestClient) -> None:
    assert client.get("/campaigns/nothing/signed").status_code == 404


def test_the_address_that_the_page_had_before_leads_to_the_campaign(client: TestClient) -> None:
    answer = client.get(f"/petitions/{PETITION}/check-your-mail")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/campaigns/{CAMPAIGN}")


def test_the_page_stays_when_the_campaign_ends(client: TestClient, lobby: Lobby) -> None:
    address = sent_to(client)
    close_campaign(lobby, CampaignStatus.WON)
    assert client.get(address).status_code == 200
    close_campaign(lobby, CampaignStatus.DRAFT)
    assert client.get(address).status_code == 404


def test_markup_in_a_petition_stays_text(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        values = {"action": "<script>alert(1)</script>"}
        petitions.update(session, petition, values=values, now=lobby.clock())
    assert "<script" not in without_own_script(client.get(sent_to(client)).text)


# ---- its buttons


def test_send_it_again_sends_one_more_email(client: TestClient, deliver: Deliver) -> None:
    deliver()
    page = client.get(sent_to(client))
    assert len(deliver()) == 1
    token = hidden(page, "sent")
    for _ in range(2):  # pressed twice
        answer = client.post(AGAIN, data={"sent": token})
        assert answer.status_code == 303
    after = client.get(answer.headers["Location"])
    assert HAS_GONE in visible(after)
    assert "a…@example.org" in after.text
    assert f'action="{AGAIN}"' not in after.text
    assert "<title>Sent again: " in after.text
    (mail,) = deliver()
    assert client.post(f"/confirm/{token_in(mail, 'confirm')}").status_code == 303
    client.post(AGAIN, data={"sent": token})
    assert deliver() == []


def test_a_used_button_gives_no_more_time(client: TestClient, clock: Clock) -> None:
    token = token_of(sent_to(client))
    clock.advance(minutes=29)
    after = client.post(AGAIN, data={"sent": token}).headers["Location"]
    clock.advance(minutes=1)
    assert "a…@example.org" not in client.get(after).text


def test_a_wrong_address_is_changed_on_the_form_and_the_old_submission_goes(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    deliver()
    page = client.get(sent_to(client))
    (mail,) = deliver()
    answer = client.post(CHANGE, data={"sent": hidden(page, "sent")})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/petitions/{PETITION}#sign"
    deliver()
    with lobby.database.read() as session:
        assert session.exec(select(Submission)).all() == []
    gone = client.get(f"/confirm/{token_in(mail, 'confirm')}")
    assert gone.status_code == 410
    assert f'href="/petitions/{PETITION}"' in gone.text


@pytest.mark.parametrize(("path", "back"), [(AGAIN, SIGNED), (CHANGE, f"/campaigns/{CAMPAIGN}")])
@pytest.mark.parametrize("token", ["", "forged"])
def test_a_button_without_a_good_token_changes_nothing(
    client: TestClient, lobby: Lobby, path: str, back: str, token: str
) -> None:
    answer = client.post(path, data={"sent": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, back)
    with lobby.database.read() as session:
        assert session.exec(select(SubmissionRequest)).all() == []


@pytest.mark.parametrize("path", [AGAIN, CHANGE])
def test_opening_a_buttons_address_changes_nothing(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    token = token_of(sent_to(client))
    answer = client.get(path, params={"sent": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, SIGNED)
    with lobby.database.read() as session:
        assert session.exec(select(SubmissionRequest)).all() == []


# ---- it tells nobody whether somebody has signed


def people(client: TestClient, deliver: Deliver) -> dict[str, dict[str, str]]:
    """Prepares addresses of one length: one that has signed, one that is asked, and so on."""
    deliver()
    fields = {
        name: {"email": f"{name}@example.org"} for name in ("signd", "asked", "gone1", "never")
    }
    for name in ("signd", "asked", "gone1"):
        assert sign(client, **fields[name]).status_code == 303
        (mail,) = deliver()
        if name != "asked":
            client.post(f"/confirm/{token_in(mail, 'confirm')}")
        if name == "gone1":
            client.post(f"/disown/{token_in(mail, 'disown')}")
    client.cookies.clear()
    return fields


@pytest.mark.slow
def test_page_and_buttons_do_the_same_work_for_a_signer_and_a_stranger(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    """The same statements in the same order: so the time of an answer tells nothing either."""
    seen: dict[str, list[object]] = {}
    for name, fields in people(client, deliver).items():
        client.get(f"/campaigns/{CAMPAIGN}/signed")
        address = sent_to(client, **fields)
        client.get(address)  # fills the caches
        deliver()  # so that the submission of somebody who has signed is gone
        with noting() as statements:
            shown = client.get(address)
        seen[name] = [list(statements), visible(shown).replace(name[0] + "…", "…")]
        for path in (AGAIN, CHANGE):
            with noting() as statements:
                answer = client.post(path, data={"sent": token_of(address)})
            where = urlsplit(answer.headers["Location"])
            seen[name] += [list(statements), answer.status_code, where.path, len(where.query)]
    assert len(seen["never"][0]) > 0  # type: ignore[arg-type] # a list
    assert all(each == seen["never"] for each in seen.values())


def test_page_and_buttons_never_look_for_the_submission(client: TestClient, lobby: Lobby) -> None:
    address = sent_to(client)
    with noting() as statements:
        client.get(address)
        client.post(AGAIN, data={"sent": token_of(address)})
        client.post(CHANGE, data={"sent": token_of(address)})
    about = [
        each for each in statements if re.search(r"\bsubmission\b|\bsignature\b|supporter", each)
    ]
    assert about == []
    requests = [each for each in statements if "submission_request" in each]
    assert len(requests) == 2
    assert all(each.lstrip().upper().startswith("INSERT") for each in requests)


def test_the_form_asks_nothing_more_of_the_database_than_the_intake(
    client: TestClient, lobby: Lobby
) -> None:
    sent_to(client)  # fills the cache of the campaign's address
    with noting() as statements:
        sent_to(client, email="ben@example.org")
    written = [each for each in statements if "submission" in each or "FROM petition" in each]
    assert len(written) == 2


def test_the_token_in_the_address_cannot_be_read(client: TestClient, lobby: Lobby) -> None:
    token = token_of(sent_to(client))
    with lobby.database.read() as session:
        (submission_id,) = session.exec(select(Submission.id)).all()
    opened = sent_tokens.open_sealed(token, lobby.keyring, now=lobby.clock())
    assert opened is not None
    assert opened.submission_id == submission_id
    assert submission_id.hex not in token
    assert "example" not in token

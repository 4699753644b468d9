"""Tests the count of letters that writers opened in their own email programs."""

from collections.abc import Callable
from email.message import EmailMessage
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import CampaignStatus, IdempotencyKey, Letter, OutboxMessage, Scope, Supporter
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from tests.support.common import CAMPAIGN, CAN_SIGN, SIGNED, Clock, token_in
from tests.support.keys import add_campaign, others_key
from tests.support.mail import sign
from tests.support.pages import (
    BODY,
    LETTER,
    LETTERS,
    MPS,
    TALLY,
    VACANT,
    body_of,
    close_campaign,
    hidden,
    visible,
)
from tests.support.problems import assert_problem

OPENED = f"/v1/campaigns/{CAMPAIGN}/letters/opened"
DRAFT = f"/v1/campaigns/{CAMPAIGN}/letters/draft"
SEAT = "Edinburgh East and Musselburgh"


def counts(lobby: Lobby) -> list[int]:
    tables = (Letter, OutboxMessage, Supporter)
    with lobby.database.read() as session:
        return [len(session.exec(select(table)).all()) for table in tables]


def row(client: TestClient) -> dict[str, int]:
    rows = client.get(TALLY).json()["rows"]
    tally_row: dict[str, int] = next(row for row in rows if row["constituency"]["name"] == SEAT)
    return tally_row


def token_for(client: TestClient, postcode: str = CAN_SIGN, draft: str = DRAFT) -> str:
    token = client.post(draft, json={"postcode": postcode}).json()["opened_token"]
    assert isinstance(token, str)
    return token


def opened(client: TestClient, postcode: str = CAN_SIGN, via: str = "copy") -> dict[str, str]:
    """Returns the body of a call, with the token of a new draft."""
    return {"postcode": postcode, "via": via, "token": token_for(client, postcode)}


def number_opened(client: TestClient) -> int:
    return int(client.get(TALLY).json()["letters"]["opened"])


@pytest.mark.parametrize("via", ["mailto", "gmail", "outlook", "copy"])
def test_a_letter_opened_elsewhere_is_counted_as_opened_and_not_as_sent(
    client: TestClient, via: str
) -> None:
    before = client.get(TALLY).json()["letters"]
    sent = row(client)["letters_sent"]
    answer = client.post(OPENED, json=opened(client, via=via))
    assert answer.status_code == 202
    assert answer.json()["status"] == "counted"
    assert answer.json()["member"]["name"] == "Morag Ferncastle"
    assert (row(client)["letters_opened"], row(client)["letters_sent"]) == (1, sent)
    after = client.get(TALLY).json()["letters"]
    assert after == {"sent": before["sent"], "opened": before["opened"] + 1}


def test_every_opened_letter_counts(client: TestClient) -> None:
    bodies = [opened(client) for _ in range(3)]  # drafted in the same second
    for body in bodies:
        assert client.post(OPENED, json=body).status_code == 202
    assert row(client)["letters_opened"] == 3


# ---- the token of a draft


@pytest.mark.slow
def test_without_a_drafts_token_nothing_is_counted(client: TestClient, lobby: Lobby) -> None:
    body = {"postcode": CAN_SIGN, "via": "copy"}
    assert_problem(client.post(OPENED, json=body), 422, "invalid", "token")
    wrong = (
        "x" * 75,
        lobby.tokens.issue(Purpose.WRITE, UUID(int=1)),
        token_for(client, SIGNED),
        "A" + token_for(client),
        lobby.tokens.issue(Purpose.OPENED, UUID(int=1)),
    )
    for token in wrong:
        answer = client.post(OPENED, json={**body, "token": token})
        assert_problem(answer, 422, "token_invalid", "token")
        assert "draft" in answer.json()["detail"]
        page = client.post(f"{LETTERS}/opened", data={"postcode": CAN_SIGN, "opened": token})
        assert page.status_code == 422
    assert client.post(f"{LETTERS}/opened", data={"postcode": CAN_SIGN}).status_code == 422
    assert number_opened(client) == 0


def test_the_token_of_another_campaign_counts_nothing(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.read() as session:
        motion = campaigns.motion_of(session, campaigns.public(session, CAMPAIGN).id)
        assert motion is not None
    slug = "another"
    add_campaign(lobby, slug, motion_id=motion.id)
    token = token_for(client, draft=f"/v1/campaigns/{slug}/letters/draft")
    body = {"postcode": CAN_SIGN, "via": "copy", "token": token}
    assert_problem(client.post(OPENED, json=body), 422, "token_invalid", "token")
    there = client.post(f"/v1/campaigns/{slug}/letters/opened", json=body)
    assert there.status_code == 202
    assert number_opened(client) == 0


def test_a_token_counts_once_with_any_idempotency_key(client: TestClient) -> None:
    body = opened(client)
    first = client.post(OPENED, json=body)
    for headers in ({}, {"Idempotency-Key": "one"}, {"Idempotency-Key": "two"}):
        again = client.post(OPENED, json={**body, "via": "gmail"}, headers=headers)
        assert (again.status_code, again.json()) == (202, first.json())
    assert number_opened(client) == 1


def test_a_token_counts_once_for_the_page_and_the_api_together(client: TestClient) -> None:
    body = opened(client)
    assert client.post(OPENED, json=body).status_code == 202
    page = client.post(f"{LETTERS}/opened", data={"postcode": CAN_SIGN, "opened": body["token"]})
    assert page.status_code == 303
    assert number_opened(client) == 1


def test_a_token_is_good_for_hours_and_not_longer(client: TestClient, clock: Clock) -> None:
    early, late = opened(client), opened(client)
    clock.advance(hours=11, minutes=59)
    assert client.post(OPENED, json=early).status_code == 202
    clock.advance(minutes=2)
    answer = client.post(OPENED, json=late)
    assert_problem(answer, 410, "token_expired")
    assert "draft" in answer.json()["detail"]
    assert client.post(OPENED, json=early).status_code == 410
    assert number_opened(client) == 1


def test_where_no_letter_can_go_a_draft_has_no_token(client: TestClient) -> None:
    draft = client.post(DRAFT, json={"postcode": VACANT}).json()
    assert (draft["can_send"], draft["opened_token"]) == (False, None)


def test_a_token_says_nothing_of_the_writer_and_is_stored_as_a_hash(
    client: TestClient, lobby: Lobby
) -> None:
    body = opened(client)
    client.post(OPENED, json=body)
    with lobby.database.read() as session:
        (row,) = session.exec(select(IdempotencyKey)).all()
    assert body["token"].encode() not in row.key_index + row.fingerprint
    assert row.answer.text == ""


def test_the_letters_page_counts_for_somebody_who_has_just_confirmed(
    client: TestClient, lobby: Lobby, deliver: Callable[[], list[EmailMessage]]
) -> None:
    deliver()
    sign(lobby)
    (mail,) = deliver()
    assert client.post(f"/confirm/{token_in(mail, 'confirm')}").status_code == 303
    page = client.post(f"/campaigns/{CAMPAIGN}/letter", data={"postcode": CAN_SIGN})
    data = {"postcode": CAN_SIGN, "opened": hidden(page, "opened")}
    assert client.post(f"{LETTERS}/opened", data=data).status_code == 303
    assert number_opened(client) == 1


# ---- what else is refused


def test_nothing_is_kept_of_who_opened_a_letter(client: TestClient, lobby: Lobby) -> None:
    before = counts(lobby)
    assert client.post(OPENED, json=opened(client, via="gmail")).status_code == 202
    assert counts(lobby) == before


def test_where_nobody_can_be_written_to_nothing_is_counted(
    client: TestClient, lobby: Lobby
) -> None:
    body = opened(client)
    answer = client.post(OPENED, json={**body, "postcode": VACANT})
    assert (answer.status_code, answer.json()["code"]) == (409, "letter_vacant")
    close_campaign(lobby, CampaignStatus.CLOSED)
    answer = client.post(OPENED, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "letter_campaign_closed")
    assert client.get(TALLY).json()["letters"]["opened"] == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [({"via": "fax"}, "via"), ({"postcode": "no"}, "postcode"), ({"name": "Anna"}, "name")],
)
def test_what_is_wrong_is_named(client: TestClient, change: dict[str, str], field: str) -> None:
    answer = client.post(OPENED, json={**opened(client), **change})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_draft_campaign_counts_for_nobody(client: TestClient, lobby: Lobby) -> None:
    body = opened(client)
    close_campaign(lobby, CampaignStatus.DRAFT)
    headers = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    answer = client.post(OPENED, json=body, headers=headers)
    assert answer.status_code == 404


def test_the_page_counts_a_letter_that_was_sent_elsewhere(client: TestClient) -> None:
    page = client.post(LETTER, data={"postcode": CAN_SIGN})
    assert "Or send it from your own email" in visible(page)
    assert f'action="{LETTERS}/opened"' in page.text
    data = {"postcode": CAN_SIGN, "opened": hidden(page, "opened")}
    counted = client.post(f"{LETTERS}/opened", data=data)
    assert counted.status_code == 303
    assert "added one to your constituency’s count" in visible(
        client.get(counted.headers["location"])
    )
    assert row(client)["letters_opened"] == 1
    # The pages of the public show no number under five.
    assert "from own email" not in visible(client.get(MPS))
    for _ in range(4):
        again = {"postcode": CAN_SIGN, "opened": token_for(client)}
        assert client.post(f"{LETTERS}/opened", data=again).status_code == 303
    assert row(client)["letters_opened"] == 5
    tally = visible(client.get(MPS))
    assert "5 letters sent from people’s own email (reported)" in tally
    assert "and 5 from own email" in tally


def test_the_page_of_a_vacant_seat_counts_nothing(client: TestClient) -> None:
    token = token_for(client)
    answer = client.post(f"{LETTERS}/opened", data={"postcode": VACANT, "opened": token})
    assert answer.status_code == 409
    answer = client.post(f"{LETTERS}/opened", data={"postcode": "no", "opened": token})
    assert answer.status_code == 422
    assert client.get(TALLY).json()["letters"]["opened"] == 0


def test_the_links_of_the_page_open_the_letter_as_it_was_changed(client: TestClient) -> None:
    form = {"postcode": CAN_SIGN, "subject": "My own subject", "body": BODY}
    page = client.post(f"{LETTER}/check", data=form)
    assert page.status_code == 200
    assert "subject=My%20own%20subject" in page.text
    assert "ward%20depends%20on%20it" in page.text
    assert body_of(page).strip() == BODY.strip()
    smuggled = client.post(f"{LETTER}/check", data={**form, "subject": "a\r\nBcc: b@example.org"})
    assert smuggled.status_code == 422
    assert "Or send it" not in visible(smuggled)
    assert "Please leave out line breaks" in visible(smuggled)

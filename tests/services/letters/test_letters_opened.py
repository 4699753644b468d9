"""Tests the count of letters that writers opened in their own email programs."""

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import CampaignStatus, Letter, OutboxMessage, Scope, Supporter
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, CAN_SIGN
from tests.support.keys import others_key
from tests.support.pages import (
    BODY,
    LETTER,
    LETTERS,
    TALLY,
    VACANT,
    body_of,
    close_campaign,
    visible,
)

OPENED = f"/v1/campaigns/{CAMPAIGN}/letters/opened"
SEAT = "Edinburgh East and Musselburgh"


def counts(lobby: Lobby) -> list[int]:
    tables = (Letter, OutboxMessage, Supporter)
    with lobby.database.read() as session:
        return [len(session.exec(select(table)).all()) for table in tables]


def row(client: TestClient) -> dict[str, int]:
    rows = client.get(f"/v1{TALLY}").json()["rows"]
    tally_row: dict[str, int] = next(row for row in rows if row["constituency"]["name"] == SEAT)
    return tally_row


@pytest.mark.parametrize("via", ["mailto", "gmail", "outlook", "copy"])
def test_a_letter_opened_elsewhere_is_counted_as_opened_and_not_as_sent(
    client: TestClient, via: str
) -> None:
    before = client.get(f"/v1{TALLY}").json()["letters"]
    sent = row(client)["letters_sent"]
    answer = client.post(OPENED, json={"postcode": CAN_SIGN, "via": via})
    assert answer.status_code == 202
    assert answer.json()["status"] == "counted"
    assert answer.json()["member"]["name"] == "Morag Ferncastle"
    assert (row(client)["letters_opened"], row(client)["letters_sent"]) == (1, sent)
    after = client.get(f"/v1{TALLY}").json()["letters"]
    assert after == {"sent": before["sent"], "opened": before["opened"] + 1}


def test_every_opened_letter_counts(client: TestClient) -> None:
    for _ in range(3):
        client.post(OPENED, json={"postcode": CAN_SIGN, "via": "copy"})
    assert row(client)["letters_opened"] == 3


def test_nothing_is_kept_of_who_opened_a_letter(client: TestClient, lobby: Lobby) -> None:
    before = counts(lobby)
    assert client.post(OPENED, json={"postcode": CAN_SIGN, "via": "gmail"}).status_code == 202
    assert counts(lobby) == before


def test_where_nobody_can_be_written_to_nothing_is_counted(
    client: TestClient, lobby: Lobby
) -> None:
    answer = client.post(OPENED, json={"postcode": VACANT, "via": "mailto"})
    assert (answer.status_code, answer.json()["code"]) == (409, "letter_vacant")
    close_campaign(lobby, CampaignStatus.CLOSED)
    answer = client.post(OPENED, json={"postcode": CAN_SIGN, "via": "mailto"})
    assert (answer.status_code, answer.json()["code"]) == (409, "letter_campaign_closed")
    assert client.get(f"/v1{TALLY}").json()["letters"]["opened"] == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [({"via": "fax"}, "via"), ({"postcode": "no"}, "postcode"), ({"name": "Anna"}, "name")],
)
def test_what_is_wrong_is_named(client: TestClient, change: dict[str, str], field: str) -> None:
    answer = client.post(OPENED, json={"postcode": CAN_SIGN, "via": "copy", **change})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_draft_campaign_counts_for_nobody(client: TestClient, lobby: Lobby) -> None:
    close_campaign(lobby, CampaignStatus.DRAFT)
    headers = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    answer = client.post(OPENED, json={"postcode": CAN_SIGN, "via": "copy"}, headers=headers)
    assert answer.status_code == 404


def test_the_page_counts_a_letter_that_was_sent_elsewhere(client: TestClient) -> None:
    page = client.post(LETTER, data={"postcode": CAN_SIGN})
    assert "Or send it from your own mail program" in visible(page)
    assert f'action="{LETTERS}/opened"' in page.text
    counted = client.post(f"{LETTERS}/opened", data={"postcode": CAN_SIGN})
    assert counted.status_code == 303
    assert "counted that a letter was opened" in visible(client.get(counted.headers["location"]))
    assert row(client)["letters_opened"] == 1
    tally = visible(client.get(TALLY))
    assert "1 letter opened in people’s own mail programs" in tally
    assert "1 opened" in tally


def test_the_page_of_a_vacant_seat_counts_nothing(client: TestClient) -> None:
    answer = client.post(f"{LETTERS}/opened", data={"postcode": VACANT})
    assert answer.status_code == 409
    assert client.post(f"{LETTERS}/opened", data={"postcode": "no"}).status_code == 422
    assert client.get(f"/v1{TALLY}").json()["letters"]["opened"] == 0


def test_the_links_of_the_page_open_the_letter_as_it_was_changed(client: TestClient) -> None:
    form = {"postcode": CAN_SIGN, "subject": "My own subject", "body": BODY}
    page = client.post(f"{LETTER}/check", data=form)
    assert page.status_code == 200
    assert "subject=My%20own%20subject" in page.text
    assert "ward%20depends%20on%20it" in page.text
    assert body_of(page).strip() == BODY.strip()
    smuggled = client.post(f"{LETTER}/check", data={**form, "subject": "a\r\nBcc: b@example.org"})
    assert smuggled.status_code == 200
    assert "Or send it" not in visible(smuggled)
    assert "Please leave out line breaks" in visible(smuggled)

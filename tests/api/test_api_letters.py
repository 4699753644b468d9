"""Tests letters in the JSON API."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, SIGNED
from tests.support.problems import assert_problem

ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
ADDRESS = {"line1": "1 Example Street", "town": "Edinburgh", "postcode": CAN_SIGN}
BODY = "Dear MP,\n\nPlease sign the motion. My ward depends on these nurses every night.\n"


def test_a_draft_follows_from_standing_and_eligibility(client: TestClient) -> None:
    drafts = {
        postcode: client.post(
            f"/v1/campaigns/{CAMPAIGN}/letters/draft",
            json={"postcode": postcode, "name": "Anna", "points": ["A point."], "personal": "Me."},
        ).json()
        for postcode in (CAN_SIGN, SIGNED, MINISTER)
    }
    assert [draft["variant"] for draft in drafts.values()] == ["ask", "thank", "minister"]
    assert all(draft["can_send"] for draft in drafts.values())
    ask = drafts[CAN_SIGN]
    assert "A point." in ask["body"]
    assert "Me." in ask["body"]
    assert ask["compose"]["mailto"].startswith("mailto:morag.ferncastle@example.org?subject=")
    assert "+" not in ask["compose"]["mailto"]
    assert "%0D%0A" in ask["compose"]["mailto"]


def test_no_letter_goes_to_a_vacant_seat_or_to_who_took_their_name_off(
    client: TestClient,
) -> None:
    for postcode, reason in (("NR2 1NH", "vacant"), ("BN1 1EE", "withdrawn")):
        draft = client.post(
            f"/v1/campaigns/{CAMPAIGN}/letters/draft", json={"postcode": postcode}
        ).json()
        assert draft["can_send"] is False
        assert draft["reason"] == reason
        letter = {
            **{name: ANNA[name] for name in ("name", "email")},
            "address": {**ADDRESS, "postcode": postcode},
            "subject": "A subject",
            "body": BODY,
        }
        response = client.post(f"/v1/campaigns/{CAMPAIGN}/letters", json=letter)
        assert_problem(response, 409, f"letter_{reason}")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": {**ADDRESS, "line1": ""}}, "address.line1"),
        ({"address": {**ADDRESS, "postcode": "nonsense"}}, "address.postcode"),
        ({"address": {**ADDRESS, "county": "Lothian"}}, "address.county"),
        ({"subject": "two\nlines"}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": "=?utf-8?q?x?="}, "subject"),
        ({"body": "short"}, "body"),
        ({"body": "x" * 10_001}, "body"),
        ({"body": BODY + "\x00"}, "body"),
    ],
)
def test_a_bad_letter_names_the_field(
    client: TestClient, change: dict[str, Any], field: str
) -> None:
    letter = {
        "name": "Anna Example",
        "email": "anna@example.org",
        "address": ADDRESS,
        "subject": "A subject",
        "body": BODY,
    }
    response = client.post(f"/v1/campaigns/{CAMPAIGN}/letters", json={**letter, **change})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]

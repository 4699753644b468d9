"""Tests that no input makes the Action Network API fail, and that errors have its format."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Scope
from services.assembly import Lobby
from tests.support.action_network import (
    READS,
    V2,
    Headers,
    campaign_id,
    id_of,
    person,
    signatures_of,
    token_for,
)

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["anna@example.org", "EH1 1YZ", "GB", "\u0000", "=?", "x" * 30_000, "cy"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
CONTACT = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("address", "status", "primary", "postal_code", "country", "address_lines"), JSON
    ),
)
PERSON = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("given_name", "family_name", "languages_spoken", "source"), JSON)
    | {
        name: st.lists(CONTACT, max_size=2) | JSON
        for name in ("email_addresses", "postal_addresses")
    },
)
BODY = st.fixed_dictionaries(
    {},
    optional={"person": PERSON | JSON, "_links": st.fixed_dictionaries({"osdi:person": JSON})}
    | dict.fromkeys(
        ("comments", "add_tags", "remove_tags", "name", "title", "target", "subject"), JSON
    )
    | dict.fromkeys(("petition_text", "action_network:hidden", "central_lobby:campaign"), JSON)
    | {"action_network:referrer_data": JSON, "message": JSON, "description": JSON},
)
FORM = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCOPES = (*READS, Scope.CAMPAIGNS_WRITE)


@pytest.fixture
def calls(client: TestClient, lobby: Lobby) -> tuple[Headers, list[tuple[str, str]]]:
    """Returns a token and every call that takes a body."""
    token = token_for(lobby, *SCOPES)
    signatures = signatures_of(lobby)
    signed = client.post(signatures, headers=token, json={"person": person()}).json()
    tag = id_of(client.post(f"{V2}/tags", headers=token, json={"name": "volunteer"}).json())
    return token, [
        ("POST", f"{V2}/people"),
        ("PUT", f"{V2}/people/{signed['action_network:person_id']}"),
        ("POST", signatures),
        ("PUT", f"{signatures}/{id_of(signed)}"),
        ("PUT", signatures.removesuffix("/signatures")),
        ("POST", f"{V2}/petitions"),
        ("POST", f"{V2}/tags"),
        ("POST", f"{V2}/tags/{tag}/taggings"),
        ("POST", f"{V2}/advocacy_campaigns/{campaign_id(lobby)}/outreaches"),
        ("POST", f"{V2}/advocacy_campaigns"),
        ("PUT", f"{V2}/advocacy_campaigns/{campaign_id(lobby)}"),
    ]


@pytest.mark.slow
def test_no_body_is_too_much(
    client: TestClient, calls: tuple[Headers, list[tuple[str, str]]]
) -> None:
    token, every = calls

    @FORM
    @given(BODY | PERSON | JSON)
    def send(body: Any) -> None:
        for method, path in every:
            for headers in (token, {}):
                answer = client.request(method, path, headers=headers, json=body)
                assert answer.status_code < 500
                assert answer.status_code == 200 or list(answer.json()) == ["error"]

    send()


@pytest.mark.slow
def test_no_filter_and_no_id_is_too_much(
    client: TestClient, calls: tuple[Headers, list[tuple[str, str]]]
) -> None:
    token, _ = calls
    word = st.text(max_size=10) | st.sampled_from(
        [
            "email_address",
            "modified_date",
            "eq",
            "gt",
            "and",
            "'2026-05-03'",
            "''",
            "'\u0000@b.org'",
        ]
    )

    @FORM
    @given(st.lists(word, max_size=6).map(" ".join), st.text(max_size=5))
    def ask(text: str, page: str) -> None:
        params = {"filter": text, "page": page or "1"}
        answer = client.get(f"{V2}/people", headers=token, params=params)
        assert answer.status_code in (200, 400)
        for path in ("people", "petitions", "tags"):
            by_id = client.get(f"{V2}/{path}/{text.encode().hex()}", headers=token)
            assert by_id.status_code in (200, 404)

    ask()

"""Tests the proof of work that is required when many people sign a petition without a key."""

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from altcha import v1 as altcha
from fastapi.testclient import TestClient

from api.front.rate_limiting import PROOF
from main import create_app
from models import Keyring, Scope
from services.assembly import Lobby, utc_now
from services.traffic import proof_of_work
from services.traffic.proof_of_work import ProofOfWork
from tests.support.action_network import V2, person, petition_id
from tests.support.common import CAN_SIGN, PETITION
from tests.support.keys import key_for
from tests.support.problems import assert_problem

SIGN = f"/v1/petitions/{PETITION}/signatures"
PAGE = f"/petitions/{PETITION}/sign"
RING = Keyring(["a secret for tests, long enough"])
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_of_work, "MOST_WORK", 500)


@contextmanager
def crowded_client(lobby: Lobby, *, share: int = 1) -> Iterator[TestClient]:
    limits = {"posts_per_address": 0, "posts_per_petition": share}
    app = create_app(lobby.settings.model_copy(update=limits), lobby=lobby)
    with TestClient(app, follow_redirects=False) as client:
        yield client


def anna(number: int) -> dict[str, str]:
    return {"name": "Anna", "email": f"anna{number}@example.org", "postcode": CAN_SIGN}


def solve(challenge: dict[str, Any], /, **changes: Any) -> str:
    """Solves the challenge as a browser does, and returns the proof as it is sent."""
    solution = altcha.solve_challenge(
        challenge["challenge"], challenge["salt"], "SHA-256", challenge["maxnumber"]
    )
    assert solution is not None
    parameters = {name: challenge[name] for name in ("algorithm", "challenge", "salt", "signature")}
    payload = parameters | {"number": solution.number} | changes
    return base64.b64encode(json.dumps(payload).encode()).decode()


def wanted_challenge(client: TestClient) -> dict[str, Any]:
    """Sends a request without a proof and returns the challenge of the refusal."""
    refused = client.post(SIGN, json=anna(99))
    assert_problem(refused, 429, "proof_wanted")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    challenge: dict[str, Any] = refused.json()["proof"]
    return challenge


@on_sqlite
def test_who_proves_work_signs_where_very_many_do(lobby: Lobby) -> None:
    with crowded_client(lobby) as client:
        assert client.post(SIGN, json=anna(1)).status_code == 201
        proof = solve(wanted_challenge(client))
        signed = client.post(SIGN, json=anna(2), headers={PROOF: proof})
        assert signed.status_code == 201
        again = client.post(SIGN, json=anna(3), headers={PROOF: proof})
        assert_problem(again, 429, "proof_wanted")


@on_sqlite
def test_a_key_needs_no_proof_and_takes_nobodys_place(lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE)
    with crowded_client(lobby) as client:
        statuses = [
            client.post(SIGN, json=anna(number), headers=key).status_code for number in range(3)
        ]
        assert statuses == [201, 201, 201]
        assert client.post(SIGN, json=anna(4)).status_code == 201
        assert client.post(SIGN, json=anna(5)).status_code == 429


@on_sqlite
def test_another_spelling_of_a_petitions_id_is_no_way_past_the_work(lobby: Lobby) -> None:
    petition = petition_id(lobby)
    spelt = [petition, petition.upper(), petition.replace("-", ""), f"{{{petition}}}"]
    paths = [f"{V2}/petitions/{spelling}/signatures" for spelling in spelt]
    paths += [f"{paths[0]}/", f"{paths[0]}//"]
    with crowded_client(lobby) as client:
        answers = [client.post(path, json={"person": person()}) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 429, 429, 429]
    message = answers[-1].json()["error"]
    assert "roof" not in message, "there is none in this answer"
    assert f"in {answers[-1].headers['retry-after']} seconds" in message


@on_sqlite
def test_other_petitions_and_other_calls_go_on(lobby: Lobby) -> None:
    with crowded_client(lobby) as client:
        client.post(SIGN, json=anna(1))
        wanted_challenge(client)
        assert client.post("/v1/petitions/another/signatures", json=anna(2)).status_code == 404
        assert client.get(f"/v1/petitions/{PETITION}").status_code == 200
        assert client.post("/v1/signatures/confirm", json={"token": "x"}).status_code != 429


@on_sqlite
def test_a_page_comes_back_with_what_was_typed(lobby: Lobby) -> None:
    with crowded_client(lobby) as client:
        client.post(SIGN, json=anna(1))
        form = anna(2) | {"updates": "no"}
        page = client.post(PAGE, data=form)
        assert page.status_code == 429
        assert "retry-after" in page.headers
        assert "Lots of people are signing at the moment. Your details are still here." in page.text
        assert "anna2@example.org" in page.text
        proof = solve(wanted_challenge(client))
        signed = client.post(PAGE, data=form, params={"proof": proof})
        assert (signed.status_code, "/signed?sent=" in signed.headers["location"]) == (303, True)


@on_sqlite
def test_no_limit_asks_for_no_proof(lobby: Lobby) -> None:
    with crowded_client(lobby, share=0) as client:
        assert [client.post(SIGN, json=anna(n)).status_code for n in range(3)] == [201] * 3


def accepted(proof: str) -> bool:
    return asyncio.run(ProofOfWork(RING, utc_now).accept(proof))


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 501},
        {"number": -1},
        {"number": "7"},
        {"number": True},
        {"salt": "another"},
        {"salt": 5},
        {"challenge": "0" * 64},
        {"signature": "0" * 64},
        {"algorithm": "SHA-1"},
        {"algorithm": None},
    ],
)
def test_a_proof_with_anything_changed_is_none(changes: dict[str, Any]) -> None:
    challenge = ProofOfWork(RING, utc_now).challenge()
    assert accepted(solve(challenge))
    assert not accepted(solve(challenge, **changes))


@pytest.mark.parametrize("proof", ["", "x", "e30=", "W10=", "bnVsbA==", "é", "=" * 5000])
def test_what_is_no_proof_is_none(proof: str) -> None:
    assert not accepted(proof)


def test_a_proof_for_another_service_is_none() -> None:
    others = Keyring(["another secret for tests, long enough"])
    assert not accepted(solve(ProofOfWork(others, utc_now).challenge()))


def test_a_proof_that_comes_late_is_none() -> None:
    def earlier() -> Any:
        return utc_now() - proof_of_work.LIFETIME - timedelta(seconds=5)

    assert not accepted(solve(ProofOfWork(RING, earlier).challenge()))


def test_nobody_gains_time_by_writing_a_later_end_into_a_challenge() -> None:
    challenge = ProofOfWork(RING, lambda: utc_now() - timedelta(hours=1)).challenge()
    later = int((utc_now() + timedelta(hours=1)).timestamp())
    salt, _, _ = challenge["salt"].partition("?")
    assert not accepted(solve(challenge, salt=f"{salt}?expires={later}&"))

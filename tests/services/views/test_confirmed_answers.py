"""Tests the answers to confirmations: one part is made for all signers, the rest is their own."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.answers import batches, confirmations
from api.answers.confirmed_answers import ConfirmedAnswers
from api.answers.state import AppState, state_of
from models import Private, Scope, SignatureState
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.letters.drafting import drafts
from services.signatures.confirming import StandingSignature
from services.signatures.recording import SignatureRequest
from services.traffic.group_commit import GroupCommit
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, SIGNED
from tests.support.keys import key_for

CONFIRM = "/v1/signatures/confirm"
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
NAMES = ("Anna", 'Zoë "Zed" O’Brien', "A\\b & <i>", "{{ name }}{% if %}", "")


@pytest.fixture
def state(client: TestClient) -> AppState:
    assert isinstance(client.app, FastAPI)
    return state_of({"app": client.app})


def person(number: int, **parts: object) -> SignatureRequest:
    values: dict[str, Any] = {"name": f"Anna {number}", "email": f"p{number}@example.org"}
    return replace(ANNA, **values | parts)


def post(lobby: Lobby, *requests: SignatureRequest) -> list[str]:
    """Records signatures, and returns the tokens that confirm them."""
    ids = [outcome.signature_id for outcome in signatures.record(lobby, requests)]
    return [lobby.tokens.issue(Purpose.CONFIRM, row_id) for row_id in ids if row_id]


def count(lobby: Lobby, slug: str = PETITION) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, slug).id)


def add_petition(lobby: Lobby) -> str:
    """Adds another open petition, and returns its slug."""
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "second", "action": "A second one", "addressed_to": "Them"}
        return petitions.create(session, campaign=campaign, values=values, now=lobby.clock()).slug


def confirm_together(state: AppState, tokens: Sequence[str]) -> list[Any]:
    """Confirms in one batch, and returns the answers, in order."""
    sizes: list[int] = []
    record = batches.confirmation_recorder(state.lobby)

    def recorder(ids: Sequence[UUID]) -> Any:
        sizes.append(len(ids))
        return record(ids)

    alone = replace(state, confirmations=GroupCommit(recorder))

    async def confirm_all() -> list[bytes]:
        waiting = [
            asyncio.create_task(confirmations.confirmed_content(alone, token)) for token in tokens
        ]
        await asyncio.sleep(0)  # all are queued before the thread starts
        alone.confirmations.start()
        return await asyncio.gather(*waiting)

    try:
        answers = asyncio.run(confirm_all())
    finally:
        alone.confirmations.stop()
    assert sizes == [len(tokens)]
    return [orjson.loads(answer) for answer in answers]


@pytest.mark.parametrize("name", NAMES)
def test_in_every_seat_the_letter_is_that_of_a_draft(
    lobby: Lobby, state: AppState, name: str
) -> None:
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
    answers = state.public_answers.confirmed.get(petition.id)
    board = answers.board
    variants = set()
    for code, situation in board.situations.items():
        signature = StandingSignature(
            petition.id,
            petition.id,
            code,
            Private(petition.organisation_id, name),
            None,
            lobby.clock(),
        )
        found = orjson.loads(answers.content(signature, 7))
        draft = drafts.draft(situation, name=name)
        variants.add(situation.variant)
        assert found["constituency"]["code"] == code
        assert found["petition"] == {"slug": PETITION, "signature_count": 7}
        assert (found["letter"] is None) == (situation.variant is None)
        if found["letter"]:
            own = {key: found["letter"][key] for key in ("subject", "body", "variant", "locale")}
            assert own == {
                "subject": draft.subject,
                "body": draft.body,
                "variant": situation.variant,
                "locale": draft.locale,
            }
    assert None in variants, "a vacant seat"
    assert len(variants) >= 4, "several kinds of letters"


def test_an_answer_is_what_the_same_person_drafts_over_http(
    lobby: Lobby, client: TestClient
) -> None:
    for number, postcode in enumerate((CAN_SIGN, SIGNED, CAN_SIGN)):
        request = person(number, name=f'Anna "{number}" Example', postcode=postcode)
        (token,) = post(lobby, request)
        letter = client.post(CONFIRM, json={"token": token}).json()["letter"]
        wanted = {"postcode": postcode, "name": request.name}
        draft = client.post(f"/v1/campaigns/{CAMPAIGN}/letters/draft", json=wanted).json()
        for part in ("subject", "body", "variant", "locale"):
            assert letter[part] == draft[part]


def test_letters_that_depend_on_the_name_are_each_signers_own(
    lobby: Lobby, state: AppState, client: TestClient
) -> None:
    texts = {
        "subject": "From {{ name }}",
        "opening": "{% if name == 'Ben' %}It's me.{% else %}I am {{ name }}.{% endif %}",
        "closing": "Goodbye.",
    }
    kinds = [{"name": act, "act": act, "texts": {"en": texts}} for act in ("thank", "another_way")]
    url = f"/v1/campaigns/{CAMPAIGN}/letters/variants"
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    put = client.put(url, json={"variants": kinds}, headers=key)
    assert put.status_code == 200, put.text
    tokens = post(lobby, person(1, name="Anna"), person(2, name="Ben"), person(3, name="Cara"))
    letters = [answer["letter"] for answer in confirm_together(state, tokens)]
    assert [letter["subject"] for letter in letters] == ["From Anna", "From Ben", "From Cara"]
    openings = [letter["body"].split("\n\n")[1] for letter in letters]
    assert openings == ["I am Anna.", "It's me.", "I am Cara."]
    assert [letter["body"].rpartition("\n")[2] for letter in letters] == ["Anna", "Ben", "Cara"]


def test_everybody_in_a_batch_of_two_petitions_gets_their_own_answer(
    lobby: Lobby, state: AppState
) -> None:
    slugs = [PETITION, add_petition(lobby)]
    people = [
        person(n, petition_slug=slugs[n % 2], postcode=(CAN_SIGN, SIGNED)[n // 2 % 2])
        for n in range(12)
    ]
    tokens, before = post(lobby, *people), [count(lobby, slug) for slug in slugs]
    answers = confirm_together(state, tokens)
    proofs = set()
    for number, (request, answer) in enumerate(zip(people, answers, strict=True)):
        of = number % 2
        assert answer["petition"] == {"slug": slugs[of], "signature_count": before[of] + 6}
        assert answer["constituency"]["name"].startswith(
            "Edinburgh" if request.postcode == CAN_SIGN else "Manchester"
        )
        assert answer["letter"]["body"].endswith(f"\n{request.name}")
        proofs.add(lobby.tokens.read(Purpose.WRITE, answer["letter"]["proof"]))
    assert proofs == {lobby.tokens.read(Purpose.CONFIRM, token) for token in tokens}


def test_the_count_has_ones_own_signature_although_the_rest_is_kept(
    lobby: Lobby, state: AppState, client: TestClient
) -> None:
    before = count(lobby)
    tokens = post(lobby, *(person(number) for number in range(8)))
    kept: list[ConfirmedAnswers | None] = []
    for place, token in enumerate(tokens, 1):
        answer = client.post(CONFIRM, json={"token": token}).json()
        assert answer["petition"]["signature_count"] == before + place
        read = client.get(f"/v1/petitions/{PETITION}").json()
        assert read["signature_count"] == before + place
        with lobby.database.read() as session:
            petition_id = petitions.public(session, PETITION).id
        kept.append(state.public_answers.confirmed.cached(petition_id))
    assert kept[0] is not None
    assert all(each is kept[0] for each in kept), "made once for all of them"


def test_a_second_click_gets_the_same_bytes(lobby: Lobby, client: TestClient) -> None:
    (token,) = post(lobby, ANNA)
    first, again = (client.post(CONFIRM, json={"token": token}) for _ in range(2))
    assert first.content == again.content
    assert first.headers["Cache-Control"] == "no-store"
    assert first.json()["status"] == first.json()["state"] == SignatureState.CONFIRMED


def test_an_error_of_one_changes_nothing_for_the_others(lobby: Lobby, client: TestClient) -> None:
    (good,) = post(lobby, ANNA)
    nobody = lobby.tokens.issue(Purpose.CONFIRM, UUID(int=1))
    assert client.post(CONFIRM, json={"token": nobody}).json()["code"] == "signature_expired"
    withdraw = lobby.tokens.issue(Purpose.WITHDRAW, lobby.tokens.read(Purpose.CONFIRM, good))
    assert client.post(CONFIRM, json={"token": withdraw}).status_code == 422
    assert client.post(CONFIRM, json={"token": good}).status_code == 200
    assert client.post("/v1/signatures/withdraw", json={"token": withdraw}).status_code == 200
    ended = client.post(CONFIRM, json={"token": good})
    assert (ended.status_code, ended.json()["code"]) == (409, "signature_ended")

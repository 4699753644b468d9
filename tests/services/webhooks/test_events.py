"""Tests that each event is queued for its subscribers in the transaction that causes it."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event as sa_event
from sqlmodel import Session, select

import worker
from models import (
    ApiKey,
    CampaignStatus,
    DeliveryState,
    LetterOutcome,
    LetterState,
    MessageState,
    Petition,
    ReplyKind,
    Scope,
    Signature,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.consents import preferences
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.keys.api_keys import Caller
from services.letters import answers, letter_queue, letter_states, uncertain
from services.letters.answers import NewAnswer
from services.mail.relay_logs import RelayLog
from services.organisations import organisations
from services.parliament import motions
from services.parliament.official import motions_api
from services.parliament_sync import motion_sync, sessions
from services.signatures import confirming, recording, signature_states
from services.signatures.recording import ImportOrigin, SignatureRequest
from services.webhooks import endpoints
from services.webhooks.endpoints import NewWebhook
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, PETITION, Clock
from tests.support.keys import OTHERS, add_campaign, key_for, others_key
from tests.support.letters import letters_of, put_into_state, uncertain_letter
from tests.support.outside.webhook_receiver import GO_ON, deliveries_held

URL = "https://hooks.example.org/lobby"
EDINBURGH = "S14000078"
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
ANSWER = json.loads((invented_campaign.FOLDER / "motion.json").read_bytes())
Listen = Callable[..., UUID]


def caller_for(lobby: Lobby, *, organisation: str | None = None) -> Caller:
    scopes = (Scope.WEBHOOKS_WRITE, Scope.SIGNATURES_READ)
    key = key_for(lobby, *scopes, organisation=organisation)["Authorization"]
    with lobby.database.read() as session:
        return api_keys.caller_of(session, key.removeprefix("Bearer "), now=lobby.clock())


def add_endpoint(lobby: Lobby, caller: Caller | None = None, **parts: Any) -> UUID:
    """Creates an endpoint, by default subscribed to every event; returns its id."""
    new = NewWebhook(**{"url": URL, "events": endpoints.SUBSCRIBABLE, **parts})
    by = caller or caller_for(lobby)
    with lobby.database.write() as session:
        made, _ = endpoints.create(session, new, by, to_loopback=False, now=lobby.clock())
        return made.endpoint.id


def queued_events(lobby: Lobby, endpoint_id: UUID | None = None) -> list[tuple[str, Any]]:
    """Returns the events queued so far, for all endpoints or for one."""
    return [
        (delivery.event.value, json.loads(delivery.payload)["data"])
        for delivery in deliveries_held(lobby)
        if endpoint_id in (None, delivery.endpoint_id)
    ]


def person(number: int, **parts: Any) -> SignatureRequest:
    return replace(ANNA, email=f"p{number}@example.org", **parts)


def record(session: Session, lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    results = recording.record(
        session,
        requests,
        postcodes=lobby.postcodes.lookup,
        keyring=lobby.keyring,
        now=lobby.clock(),
    )
    return [result.signature_id for result in results if result.signature_id]


def sign(lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    with lobby.database.write() as session:
        ids = record(session, lobby, *requests)
        confirming.confirm_all(session, ids, keyring=lobby.keyring, now=lobby.clock())
    return ids


def count_statements(lobby: Lobby, act: Callable[[Session], object]) -> Counter[str]:
    """Counts the statements sent; one statement for many rows counts once."""
    counts: Counter[str] = Counter()

    def note(_connection: object, _cursor: object, text: str, *_: object) -> None:
        counts[text.split("(", maxsplit=1)[0].strip()[:60]] += 1

    with lobby.database.write() as session:
        sa_event.listen(session.connection(), "before_cursor_execute", note)
        act(session)
    return counts


# ---- signatures


def test_a_signature_is_told_of_once_when_it_counts_and_when_it_does_no_more(
    lobby: Lobby, clock: Clock
) -> None:
    add_endpoint(lobby)
    (signature_id,) = sign(lobby, ANNA)
    sign(lobby, ANNA)
    clock.advance(minutes=1)
    with lobby.database.write() as session:
        for _ in range(2):
            signature_states.withdraw(session, signature_id, now=clock())
    about = {
        "signature_id": str(signature_id),
        "petition": PETITION,
        "campaign": CAMPAIGN,
        "constituency": EDINBURGH,
        "signed_at": "2026-07-01T12:00:00Z",
    }
    assert queued_events(lobby) == [
        ("signature.confirmed", about | {"confirmed_at": "2026-07-01T12:00:00Z"}),
        ("signature.withdrawn", about | {"reason": "withdrawn"}),
    ]


def test_who_was_told_that_it_counts_is_told_that_it_was_disowned(lobby: Lobby) -> None:
    add_endpoint(lobby)
    with lobby.database.write() as session:
        ids = record(session, lobby, person(1), person(2))
        confirming.confirm(session, ids[0], keyring=lobby.keyring, now=lobby.clock())
        for signature_id in ids:
            signature_states.disown(session, signature_id, now=lobby.clock())
    kinds = [(event, data.get("reason")) for event, data in queued_events(lobby)]
    assert kinds == [("signature.confirmed", None), ("signature.withdrawn", "disowned")]


def test_a_signature_and_its_webhook_land_together_or_not_at_all(lobby: Lobby) -> None:
    add_endpoint(lobby)
    with lobby.database.write() as session:
        (signature_id,) = record(session, lobby, ANNA)
    with suppress(_PowerFails), lobby.database.write() as session:
        confirming.confirm(session, signature_id, keyring=lobby.keyring, now=lobby.clock())
        assert session.exec(select(WebhookDelivery)).first() is not None
        raise _PowerFails
    assert queued_events(lobby) == []


def test_answers_are_told_of_when_they_change_and_not_when_they_are_given_again(
    lobby: Lobby, clock: Clock
) -> None:
    add_endpoint(lobby, events=[WebhookEvent.SUPPORTER_PREFERENCES_CHANGED])
    (signature_id,) = sign(lobby, replace(ANNA, updates=True))
    clock.advance(minutes=1)
    with lobby.database.write() as session:
        signature = session.get_one(Signature, signature_id)
        for _ in range(2):
            preferences.unsubscribe(session, signature.supporter_id, now=clock())
        session.refresh(signature)
        assert signature.changed_at == clock()
    about = {
        "signature_id": str(signature_id),
        "petition": PETITION,
        "campaign": CAMPAIGN,
        "constituency": EDINBURGH,
        "signed_at": "2026-07-01T12:00:00Z",
        "changed": ["updates"],
    }
    assert [data for _, data in queued_events(lobby)] == [
        about | {"consents": {"updates": wants_news, "partner": None}}
        for wants_news in (True, False)
    ]


class _PowerFails(Exception):
    """Simulates a power failure in the middle of a transaction."""


def test_imports_are_told_of_as_they_come_to_count(lobby: Lobby) -> None:
    add_endpoint(lobby)
    paper = ImportOrigin("paper, Leeds stall, 3 May 2026", lobby.clock() - timedelta(days=30))
    with lobby.database.write() as session:
        record(session, lobby, person(1))
        batch = [person(number, imported=paper) for number in (1, 2)]
        record(session, lobby, *batch)
        record(session, lobby, *batch)
    signed_at = [
        data["signed_at"] for event, data in queued_events(lobby) if event == "signature.confirmed"
    ]
    assert signed_at == ["2026-06-01T12:00:00Z"] * 2


@pytest.mark.parametrize("listeners", [0, 1, 3])
def test_telling_takes_as_many_statements_whatever_the_size(lobby: Lobby, listeners: int) -> None:
    caller = caller_for(lobby)
    for _ in range(listeners):
        add_endpoint(lobby, caller)

    def act(*requests: SignatureRequest) -> Counter[str]:
        with lobby.database.write() as session:
            ids = record(session, lobby, *requests)
        return count_statements(
            lobby,
            lambda session: confirming.confirm_all(
                session, ids, keyring=lobby.keyring, now=lobby.clock()
            ),
        )

    few = act(person(0), person(1))
    many = act(*(person(n, postcode=(CAN_SIGN, MINISTER)[n % 2]) for n in range(100, 700)))
    assert few.total() == many.total()
    looks = [text for text in many if text.startswith("SELECT webhook_endpoint")]
    assert [many[text] for text in looks] == [1]
    assert sum(many[text] for text in many if "webhook_delivery" in text) == min(listeners, 1)
    assert len(deliveries_held(lobby)) == 602 * listeners


def test_nothing_is_written_for_who_wants_something_else(lobby: Lobby) -> None:
    caller = caller_for(lobby)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "second", "action": "A second one", "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())
    add_campaign(lobby, "elsewhere")
    others_key(lobby, Scope.WEBHOOKS_WRITE)
    silent = [
        add_endpoint(lobby, caller, events=[WebhookEvent.LETTER_SENT]),
        add_endpoint(lobby, caller, petition="second"),
        add_endpoint(lobby, caller, campaign="elsewhere"),
        add_endpoint(lobby, caller_for(lobby, organisation=OTHERS)),
    ]
    hearing = [
        add_endpoint(lobby, caller),
        add_endpoint(lobby, caller, campaign=CAMPAIGN),
        add_endpoint(lobby, caller, petition=PETITION),
    ]
    sign(lobby, ANNA)
    assert [len(queued_events(lobby, endpoint_id)) for endpoint_id in silent] == [0] * 4
    assert [len(queued_events(lobby, endpoint_id)) for endpoint_id in hearing] == [1] * 3
    sign(lobby, replace(ANNA, petition_slug="second"))
    assert [len(queued_events(lobby, endpoint_id)) for endpoint_id in hearing] == [2, 2, 1]
    assert len(queued_events(lobby, silent[1])) == 1


# ---- goals


def set_goal(lobby: Lobby, goal: int | None) -> None:
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        petitions.update(session, petition, values={"goal": goal}, now=lobby.clock())


def count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, PETITION).id)


def test_a_goal_is_told_of_once_and_another_goal_anew(lobby: Lobby) -> None:
    add_endpoint(lobby, events=[WebhookEvent.PETITION_GOAL_REACHED])
    here = count(lobby)
    set_goal(lobby, here + 2)
    for number in range(4):
        worker.clean_up_webhooks(lobby, GO_ON)
        sign(lobby, person(number))
    about = {"petition": PETITION, "campaign": CAMPAIGN}
    reached = about | {"goal": here + 2, "signature_count": here + 2}
    assert queued_events(lobby) == [("petition.goal_reached", reached)]
    set_goal(lobby, here + 4)
    worker.clean_up_webhooks(lobby, GO_ON)
    assert queued_events(lobby)[1:] == [
        ("petition.goal_reached", about | {"goal": here + 4, "signature_count": here + 4})
    ]


def test_a_goal_that_is_not_reached_or_not_there_is_not_told_of(lobby: Lobby) -> None:
    add_endpoint(lobby)
    for goal in (None, count(lobby) + 1):
        set_goal(lobby, goal)
        worker.clean_up_webhooks(lobby, GO_ON)
    assert queued_events(lobby) == []
    with lobby.database.read() as session:
        assert session.exec(select(Petition.goal_reached_at)).one() is None


# ---- letters


def of_letter(lobby: Lobby, place: int) -> dict[str, Any]:
    letter, _ = letters_of(lobby)[place]
    return {
        "letter_id": str(letter.id),
        "campaign": CAMPAIGN,
        "motion_id": letter.motion_id,
        "member_id": letter.member_id,
        "constituency": letter.constituency_code,
    }


def test_a_letter_is_told_of_when_it_has_gone_and_never_who_wrote_it(
    lobby: Lobby, clock: Clock
) -> None:
    add_endpoint(lobby, is_personal=True)
    clock.advance(days=1)
    letter, _ = put_into_state(lobby, 0, LetterState.QUEUED)
    with lobby.database.write() as session:
        for state in (MessageState.DEFERRED, MessageState.REJECTED, MessageState.ACCEPTED):
            letter_states.record_delivery(
                session, letter.id, state, detail="250", keyring=lobby.keyring, now=clock()
            )
    sent = of_letter(lobby, 0) | {"sent_at": "2026-07-02T12:00:00Z"}
    assert queued_events(lobby) == [("letter.sent", sent)]
    (delivery,) = deliveries_held(lobby)
    assert letter.name.text not in delivery.payload


def test_a_letter_that_somebody_or_a_log_says_has_gone_is_told_of_too(
    lobby: Lobby, clock: Clock
) -> None:
    add_endpoint(lobby, campaign=CAMPAIGN)
    attempted = clock()
    clock.advance(days=1)
    by_hand, _ = uncertain_letter(lobby, 0, attempted)
    _, by_log = uncertain_letter(lobby, 1, attempted)
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        letter_queue.settle(
            session,
            by_hand.id,
            organisation_id=owner.id,
            was_sent=True,
            keyring=lobby.keyring,
            now=clock(),
        )
    log = RelayLog({by_log.id})
    log.taken, log.acceptances = {by_log.id}, 1
    with lobby.database.write() as session:
        query = uncertain.log_query(session, period=None)
        uncertain.settle(session, query, log, pace=lobby.pace, keyring=lobby.keyring, now=clock())
    assert queued_events(lobby) == [
        ("letter.sent", of_letter(lobby, 0) | {"sent_at": "2026-07-02T12:00:00Z"}),
        ("letter.sent", of_letter(lobby, 1) | {"sent_at": "2026-07-01T12:00:00Z"}),
    ]


def test_what_came_back_of_a_letter_is_told_of_but_not_its_words(
    lobby: Lobby, clock: Clock
) -> None:
    add_endpoint(lobby)
    clock.advance(days=15)
    letter, _ = letters_of(lobby)[0]
    answer = NewAnswer(LetterOutcome.ANSWERED, said=ReplyKind.WILL_SIGN, text="Of course I will.")
    with lobby.database.write() as session:
        answers.record(session, letter.id, answer, now=clock())
    more = {"outcome": "answered", "said": "will_sign", "said_on": None}
    assert queued_events(lobby) == [("letter.answered", of_letter(lobby, 0) | more)]


# ---- motions


def apply(lobby: Lobby, answer: dict[str, Any]) -> None:
    content = json.dumps(answer).encode()
    parsed = motions_api.read_saved_answer(content, "a test")
    with lobby.database.write() as session:
        motion_sync.apply_answer(session, parsed, now=lobby.clock())


@pytest.fixture
def answer() -> dict[str, Any]:
    """A changeable copy of the response for the demonstration's motion."""
    copied: dict[str, Any] = json.loads(json.dumps(ANSWER))
    return copied


def names_in(answer: dict[str, Any]) -> list[dict[str, Any]]:
    sponsors: list[dict[str, Any]] = answer["Response"]["Sponsors"]
    return sponsors


def test_a_name_that_comes_or_goes_is_told_of_with_its_seat(
    lobby: Lobby, answer: dict[str, Any]
) -> None:
    add_endpoint(lobby)
    add_endpoint(lobby, petition=PETITION)
    apply(lobby, answer)
    assert queued_events(lobby) == [], "nothing is new"
    stands = next(name for name in names_in(answer) if not name["IsWithdrawn"])
    stands["IsWithdrawn"], stands["WithdrawnDate"] = True, "2026-07-01T00:00:00"
    apply(lobby, answer)
    stands["IsWithdrawn"], stands["WithdrawnDate"] = False, None
    apply(lobby, answer)
    (left_event, left_data), (back_event, back_data) = queued_events(lobby)
    assert (left_event, back_event) == ("motion.withdrawn", "motion.signed")
    assert back_data["signed"] == left_data["signed"] + 1
    assert left_data["member"]["id"] == stands["MemberId"]
    assert set(left_data["member"]) == {"id", "name", "party", "constituency"}
    assert left_data["member"]["constituency"]
    assert left_data["campaigns"] == [CAMPAIGN]
    assert (left_data["happened_on"], left_data["motion"]["id"]) == (
        "2026-07-01",
        ANSWER["Response"]["Id"],
    )


@pytest.mark.parametrize("status", [CampaignStatus.OPEN, CampaignStatus.CLOSED])
def test_a_motion_that_lapses_is_told_of_while_the_campaign_goes_on(
    lobby: Lobby, status: CampaignStatus
) -> None:
    add_endpoint(lobby, campaign=CAMPAIGN)
    end = lobby.clock().date()
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        campaign.status = status
        motion = campaigns.motion_of(session, campaign.id)
        assert motion is not None
        name = motions.session_name(session, motion)
        assert name is not None
        starts_on = end - timedelta(days=300)
        sessions.save(session, name=name, starts_on=starts_on, ends_on=end)
    with lobby.database.write() as session:
        assert sessions.lapse_motions(session, now=lobby.clock()) == [motion.id]
    queued = [(event, data["member"], data["campaigns"]) for event, data in queued_events(lobby)]
    expected = ("motion.lapsed", None, [CAMPAIGN])
    assert queued == ([expected] if status is CampaignStatus.OPEN else [])


# ---- endpoints that end


@pytest.mark.parametrize("cause", ["disabled", "revoked", "expired"])
def test_who_does_not_listen_is_not_written_to(lobby: Lobby, cause: str) -> None:
    endpoint_id = add_endpoint(lobby)
    now = lobby.clock()
    with lobby.database.write() as session:
        endpoint = session.get_one(WebhookEndpoint, endpoint_id)
        key = session.get_one(ApiKey, endpoint.api_key_id)
        if cause == "disabled":
            endpoint.sqlmodel_update({"disabled_at": now, "disabled_reason": "by_hand"})
        else:
            key.sqlmodel_update({"revoked_at" if cause == "revoked" else "expires_at": now})
    sign(lobby, ANNA)
    assert queued_events(lobby) == []


def test_the_states_of_deliveries_begin_with_queued(lobby: Lobby) -> None:
    add_endpoint(lobby)
    sign(lobby, ANNA)
    (delivery,) = deliveries_held(lobby)
    assert (delivery.state, delivery.attempt) == (DeliveryState.QUEUED, 0)
    assert delivery.due_at == delivery.created_at == lobby.clock()

"""Tests what organisers see of dead addresses, a failing mail server and replies."""

import re

from fastapi.testclient import TestClient

from models import LetterAnswer, LetterOutcome, LetterState, Member
from services.assembly import Lobby
from services.mail import dead_addresses, relays
from tests.support.common import CAMPAIGN
from tests.support.letters import letters_of, put_into_state
from tests.support.pages import visible

QUEUE_PAGE = f"/organiser/campaigns/{CAMPAIGN}/letters"
ANSWERS = f"/organiser/campaigns/{CAMPAIGN}/letters/answers"


def test_a_dead_address_that_the_campaign_met_is_named_with_the_servers_words(
    signed_in: TestClient, lobby: Lobby
) -> None:
    assert "comes back" not in visible(signed_in.get(QUEUE_PAGE))
    letters = put_into_state(lobby, 0, LetterState.REJECTED)
    member_id = letters[0].member_id
    with lobby.database.write() as session:
        member = session.get_one(Member, member_id)
        index = dead_addresses.index_of(member.email or "", lobby.keyring)
        detail, now = "550 5.1.1 no such box", lobby.clock()
        dead_addresses.note(session, index, member_id=member_id, detail=detail, now=now)
    page_text = visible(signed_in.get(QUEUE_PAGE))
    assert re.search(f"Email to {member.name} +comes back", page_text)
    assert "550 5.1.1 no such box" in page_text


def test_a_mail_server_that_is_down_is_said_to_be(signed_in: TestClient, lobby: Lobby) -> None:
    queued = {"due_at": lobby.clock(), "attempt": 0, "claimed_at": None, "finished_at": None}
    put_into_state(lobby, 0, LetterState.QUEUED, message=queued)
    assert "Letters are being sent" in visible(signed_in.get(QUEUE_PAGE))
    with lobby.database.write() as session:
        relay, trouble = lobby.courier.relay, ["no route"] * relays.MOST_FAILURES
        relays.note_trouble(session, relay, trouble, now=lobby.clock())
    page_text = visible(signed_in.get(QUEUE_PAGE))
    assert "The mail server doesn’t answer" in page_text
    assert "Letters are being sent" not in page_text
    assert "Next letter now" not in " ".join(page_text.split())
    assert "no route" in page_text


def test_answers_are_summed_up_by_mp_and_never_by_writer(
    signed_in: TestClient, lobby: Lobby
) -> None:
    letter = letters_of(lobby)[0][0]
    with lobby.database.write() as session:
        now = lobby.clock()
        session.add(LetterAnswer(letter_id=letter.id, outcome=LetterOutcome.ANSWERED, given_at=now))
        name = session.get_one(Member, letter.member_id).name
    page_text = visible(signed_in.get(ANSWERS))
    row = page_text[page_text.index(name) :]
    assert "100%" in row.split("nothing known yet")[0]
    assert letter.name.text not in page_text
    assert f'href="{ANSWERS}"' in signed_in.get(QUEUE_PAGE).text

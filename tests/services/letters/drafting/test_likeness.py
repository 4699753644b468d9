"""Tests how similar a letter is to the letters that its MP already received."""

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import LetterSketch, LetterState, MessageState, Scope
from services.assembly import Lobby
from services.letters import letter_states
from services.letters.drafting import likeness
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, SIGNED, token_in
from tests.support.keys import key_for, others_key
from tests.support.pages import VACANT, Deliver, visible

LETTERS = f"/v1/campaigns/{CAMPAIGN}/letters"
KEY = b"a key"
SENTENCES = [
    "Ward nine of our hospital has had no permanent nurse since the spring of last year.",
    "Its matron told me that agencies charge double for the very same people.",
    "NHS Professionals pays its profits back, and the motion asks to keep it so.",
    "Selling it would bring the Treasury less than a single year of agency bills.",
    "My daughter trains there, and half of her cohort will leave for Australia.",
    "I have lived beside that hospital for forty years and know what it was.",
    "Please add your name, and tell me what the Secretary of State answers you.",
    "Nobody on our street, whatever they vote for, wants this to be sold.",
]
OTHER = [f"Quite another remark, number {word}, about {word} things." for word in "abcdefgh"]
BODY = "Dear Morag Ferncastle,\n\n" + " ".join(SENTENCES) + "\n\nYours sincerely,\nAnna Example"


def similarity(text: str, *others: str) -> float | None:
    sketches = [likeness.sketch(other, key=KEY) for other in others]
    return likeness.highest(likeness.sketch(text, key=KEY), sketches)


def letter(body: str = BODY, email: str = "anna@example.org", postcode: str = CAN_SIGN) -> object:
    address = {"line1": "1 Princes Street", "town": "Edinburgh", "postcode": postcode}
    person = {"name": "Anna Example", "email": email, "address": address}
    return {**person, "subject": "The motion", "body": body}


def confirm_letter(
    client: TestClient, deliver: Deliver, email: str = "anna@example.org", body: str = BODY
) -> str:
    """Writes and confirms a letter; returns its confirmation token."""
    deliver()
    assert client.post(LETTERS, json=letter(body, email)).status_code == 201
    (mail,) = deliver()
    token = token_in(mail, "letters/confirm")
    assert client.post("/v1/letters/confirm", json={"token": token}).status_code == 200
    return token


def check_letter(
    client: TestClient, body: str = BODY, postcode: str = CAN_SIGN
) -> dict[str, object]:
    request_body = {"postcode": postcode, "subject": "The motion", "body": body}
    answer = client.post(f"{LETTERS}/check", json=request_body)
    assert answer.status_code == 200
    result: dict[str, object] = answer.json()
    return result


def limit(client: TestClient, lobby: Lobby, percent: int | None, *, required: bool) -> None:
    change = {"likeness_limit": percent, "likeness_is_required": required}
    headers = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    answer = client.patch(f"/v1/campaigns/{CAMPAIGN}", json=change, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["likeness_limit"] == percent


@pytest.fixture
def nobody_wrote(lobby: Lobby) -> None:
    """Deletes the sketches of the demonstration's letters."""
    with lobby.database.write() as session:
        for row in session.exec(select(LetterSketch)):
            session.delete(row)


def test_the_same_text_is_wholly_alike_whatever_its_case_and_spacing() -> None:
    assert similarity(BODY, BODY) == 100
    text = " ".join(SENTENCES)
    assert similarity(BODY, text.upper().replace(" ", "\n ").replace(",", " –")) == 100


def test_different_texts_are_not_alike() -> None:
    assert similarity(BODY, "\n".join(OTHER)) == 0


def test_the_greeting_the_sign_off_and_what_is_below_do_not_count() -> None:
    other = "To my MP,\n" + " ".join(SENTENCES) + "\n\nKind regards,\nBob\n2 Elm Road\nLeeds"
    assert similarity(BODY, other) == 100


def test_a_sentence_that_begins_like_a_sign_off_counts() -> None:
    last = "Thank you for your answer of last month, which said nothing of the nurses at all."
    assert similarity(BODY, "\n".join([*SENTENCES, last])) != 100


def test_moving_sentences_about_hardly_helps() -> None:
    assert (similarity(BODY, " ".join(reversed(SENTENCES))) or 0) >= 80


def test_each_changed_sentence_makes_a_letter_less_alike() -> None:
    marks = [
        similarity(BODY, " ".join(OTHER[:changed] + SENTENCES[changed:])) or 0
        for changed in range(len(SENTENCES) + 1)
    ]
    assert marks[0] == 100
    assert marks[-1] == 0
    assert marks == sorted(marks, reverse=True)
    assert len(set(marks)) >= 7


def test_the_letter_most_alike_counts() -> None:
    assert similarity(BODY, " ".join(OTHER), BODY, " ".join(SENTENCES[:2])) == 100
    assert similarity(BODY) is None


def test_texts_of_few_words_or_none_have_a_likeness() -> None:
    assert similarity("one two", "one two") == 100
    assert similarity("", BODY) == 0
    assert similarity("...", BODY) == 0


def test_a_sketch_has_a_bounded_size_and_says_nothing_without_its_key() -> None:
    text = " ".join(f"word{number}" for number in range(2000))
    stored = likeness.pack(likeness.sketch(text, key=KEY))
    assert len(stored) == 4 * likeness.MOST
    assert likeness.unpack(stored) == likeness.sketch(text, key=KEY)
    assert b"word" not in stored
    shared = set(likeness.sketch(BODY, key=KEY)) & set(likeness.sketch(BODY, key=b"other"))
    assert not shared


def test_one_run_of_words_cannot_be_asked_for() -> None:
    assert similarity("My daughter trains", BODY) == 0


@pytest.mark.usefixtures("nobody_wrote")
def test_where_nobody_wrote_there_is_no_likeness(client: TestClient) -> None:
    assert check_letter(client)["similarity"] is None
    draft = client.post(f"{LETTERS}/draft", json={"postcode": CAN_SIGN}).json()
    assert draft["similarity"] is None
    assert draft["likeness"]["percent"] is None


@pytest.mark.usefixtures("nobody_wrote")
def test_a_letter_counts_once_it_is_confirmed_and_until_it_is_cancelled(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    client.post(LETTERS, json=letter())
    assert check_letter(client)["similarity"] is None, "an unconfirmed letter tells nothing"
    (mail,) = deliver()
    token = {"token": token_in(mail, "letters/confirm")}
    for _ in range(2):
        client.post("/v1/letters/confirm", json=token)
    assert check_letter(client)["similarity"] == 100
    assert client.post("/v1/letters/cancel", json=token).status_code == 200
    assert check_letter(client)["similarity"] is None


@pytest.mark.usefixtures("nobody_wrote")
def test_a_letter_that_is_held_or_refused_no_longer_counts(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirm_letter(client, deliver)
    confirm_letter(client, deliver, "bob@example.org")
    with lobby.database.write() as session:
        # The second call of `confirmed` may have sent the first letter already.
        held_id, refused_id = [row.letter_id for row in session.exec(select(LetterSketch))]
        letter_states.get(session, held_id).state = LetterState.QUEUED
        session.flush()
        now, keyring = lobby.clock(), lobby.keyring
        letter_states.hold(session, held_id, "vacant", keyring=keyring, now=now)
        letter_states.record_delivery(
            session, refused_id, MessageState.REJECTED, detail="no", keyring=keyring, now=now
        )
        assert session.exec(select(LetterSketch)).all() == []


@pytest.mark.usefixtures("nobody_wrote")
def test_letters_to_one_member_say_nothing_of_those_to_another(
    client: TestClient, deliver: Deliver
) -> None:
    confirm_letter(client, deliver)
    assert check_letter(client, postcode=SIGNED)["similarity"] is None
    assert check_letter(client, postcode=MINISTER)["similarity"] is None


def test_the_demonstration_shows_a_likeness(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.read() as session:
        sketches = session.exec(select(LetterSketch)).all()
    assert len(sketches) >= 10
    marks = {
        client.post(f"{LETTERS}/draft", json={"postcode": postcode}).json()["similarity"]
        for postcode in (CAN_SIGN, SIGNED, MINISTER)
    }
    assert any(mark and mark > 50 for mark in marks)


def test_above_the_limit_the_writer_is_advised_and_the_letter_is_taken(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirm_letter(client, deliver)
    limit(client, lobby, 60, required=False)
    result = check_letter(client)
    assert result["can_send"] is True
    assert result["likeness"]["limit"] == 60  # type: ignore[index] # an object
    assert "very similar letters" in result["likeness"]["advice"]  # type: ignore[index] # an object
    assert client.post(LETTERS, json=letter(email="bob@example.org")).status_code == 201


def test_above_the_limit_that_is_required_a_letter_is_refused(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirm_letter(client, deliver)
    limit(client, lobby, 60, required=True)
    answer = client.post(LETTERS, json=letter(email="bob@example.org"))
    assert (answer.status_code, answer.json()["code"]) == (422, "letter_too_alike")
    assert [error["field"] for error in answer.json()["errors"]] == ["body"]
    assert "add a sentence about you or where you live" in answer.json()["detail"]
    assert check_letter(client)["can_send"] is False
    own = " ".join(SENTENCES[:2] + OTHER[2:])
    assert check_letter(client, own)["can_send"] is True
    assert client.post(LETTERS, json=letter(own, "bob@example.org")).status_code == 201


def test_the_limit_itself_is_not_above_it(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirm_letter(client, deliver)
    limit(client, lobby, 100, required=True)
    assert check_letter(client)["can_send"] is True


def test_a_refusal_does_not_tell_who_wrote(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirm_letter(client, deliver)
    limit(client, lobby, 60, required=True)
    bodies = [letter(email=email) for email in ("anna@example.org", "bob@example.org")]
    answers = [client.post(LETTERS, json=body) for body in bodies]
    assert answers[0].status_code == answers[1].status_code == 422
    assert answers[0].json() == answers[1].json()


def test_a_letter_that_was_confirmed_is_refused_no_more(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    deliver()
    client.post(LETTERS, json=letter())
    (mail,) = deliver()
    limit(client, lobby, 1, required=True)
    token = {"token": token_in(mail, "letters/confirm")}
    for _ in range(2):
        assert client.post("/v1/letters/confirm", json=token).status_code == 200


def test_the_limit_is_cleared_by_null(client: TestClient, lobby: Lobby) -> None:
    limit(client, lobby, 60, required=True)
    limit(client, lobby, None, required=True)
    assert check_letter(client)["likeness"]["advice"] is None  # type: ignore[index] # an object


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"likeness_limit": 0}, "likeness_limit"),
        ({"likeness_limit": 101}, "likeness_limit"),
        ({"likeness_is_required": None}, "likeness_is_required"),
        ({"own_words_are_required": None}, "own_words_are_required"),
        ({"own_words_are_required": "sometimes"}, "own_words_are_required"),
    ],
)
def test_a_limit_that_is_none_is_refused(
    client: TestClient, lobby: Lobby, change: dict[str, object], field: str
) -> None:
    headers = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    answer = client.patch(f"/v1/campaigns/{CAMPAIGN}", json=change, headers=headers)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_another_organisation_sets_no_limit(client: TestClient, lobby: Lobby) -> None:
    headers = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    change = {"likeness_limit": 5}
    answer = client.patch(f"/v1/campaigns/{CAMPAIGN}", json=change, headers=headers)
    assert answer.status_code == 404


def codes(result: dict[str, object]) -> set[str]:
    return {problem["code"] for problem in result["problems"]}  # type: ignore[attr-defined] # a list


def test_a_check_names_what_to_look_at(client: TestClient) -> None:
    assert codes(check_letter(client)) == set()
    body = BODY + "\nSee https://example.org, as Adaeze Hartwhistle said."
    result = check_letter(client, body)
    assert codes(result) == {"link", "other_member"}
    assert result["can_send"] is False
    assert result["length"] == {"characters": len(body), "limit": 10_000}
    assert result["compose"]["text"] == body  # type: ignore[index] # an object


def test_a_check_names_what_would_be_refused(client: TestClient) -> None:
    for body, code in (("Too short.", "too_short"), ("word " * 2100, "too_long")):
        result = check_letter(client, body)
        assert code in codes(result)
        assert result["can_send"] is False


def test_a_draft_as_it_came_has_no_words_of_ones_own(client: TestClient) -> None:
    draft = client.post(f"{LETTERS}/draft", json={"postcode": CAN_SIGN}).json()["body"]
    assert "no_own_words" in codes(check_letter(client, draft))
    own = draft.replace("Yours", "My ward depends on it, and so do its nurses.\n\nYours")
    assert "no_own_words" not in codes(check_letter(client, own))
    assert "no_own_words" in codes(check_letter(client, draft + "\nAnna Example, Edinburgh"))
    postscript = draft + "\nPS: My mother was a nurse here for thirty years."
    assert "no_own_words" not in codes(check_letter(client, postscript))


def test_a_check_for_a_vacant_seat_says_why(client: TestClient) -> None:
    result = check_letter(client, postcode=VACANT)
    assert (result["can_send"], result["reason"]) == (False, "vacant")
    assert result["likeness"] is None
    assert result["compose"] is None


def test_the_page_judges_what_the_writer_added_and_names_no_percentage(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirm_letter(client, deliver)
    limit(client, lobby, 60, required=False)
    form = {"postcode": CAN_SIGN, "subject": "The motion"}
    draft = client.post(f"{LETTERS}/draft", json={"postcode": CAN_SIGN}).json()["body"]
    page = client.post(f"/campaigns/{CAMPAIGN}/letter/check", data={**form, "body": draft})
    assert "Same as others" in visible(page)
    own = client.post(f"/campaigns/{CAMPAIGN}/letter/check", data={**form, "body": OTHER[0] * 2})
    assert "Yours" in visible(own)
    assert not any("% like" in visible(shown) for shown in (page, own))


def test_who_added_words_of_their_own_is_not_advised_to_but_refused_where_the_limit_is_required(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirm_letter(client, deliver)
    limit(client, lobby, 60, required=False)
    assert "letter_too_alike" not in codes(check_letter(client)), "all of it is the writer's own"
    limit(client, lobby, 60, required=True)
    assert "letter_too_alike" in codes(check_letter(client))


def test_own_words_are_measured_without_the_points() -> None:
    frame = "I live in Leeds and I am one of your constituents. Would you add your name to it?"
    points = "It saves the NHS about seventy million pounds every year."
    own = "My mother was nursed on that ward."
    all_of_it = f"{frame}\n{points}"

    def share(body: str) -> float:
        return likeness.own_share(body, all_of_it, frame, besides="Anna Example")

    assert share(frame) == share(f"{frame}\n{points}") == 0
    assert share(f"{frame}\n{own}") == share(f"{frame}\n{own}\n{points}") == 7 / (7 + 18)
    assert share(own) == 1
    assert share("Anna Example, Anna Example.") == 0

"""Tests that mails to unconfirmed addresses hold no word of whoever typed the address.

Anybody can type anybody's address. So a stranger must not be able to send words of their own to it.
"""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from fastapi.testclient import TestClient

import worker
from models import Scope
from services.assembly import Lobby
from tests.support.action_network import V2, campaign_id, person, signatures_of, token_for
from tests.support.common import CAN_SIGN, PETITION, Clock, html_of, text_of, token_in, types_of
from tests.support.keys import key_for
from tests.support.pages import LETTERS, SIGN

Deliver = Callable[[], list[EmailMessage]]
Send = Callable[[TestClient, Lobby, str], Any]
ADDRESS = "owner@example.org"
WORD = "Quillfeather"  # stands in every field that a stranger can type
ABROAD = f"{WORD[:7]}9"
NAMES = (
    WORD,
    f"Prof. {WORD}, you have won",
    f"{WORD}: call 020 7946 0000 now!",
    f'"{WORD}" ü 李小龙',
    f"{{{{ action }}}} {WORD} {{name}} %s",
)
TEXT = f"Dear MP,\n\nPlease sign this motion. {WORD} says so, because my ward depends on it.\n"
STREET = {"line1": f"1 {WORD} Street", "line2": f"{WORD} House", "town": f"{WORD}ham"}
PLACE = {"address_lines": list(STREET.values())[:2], "locality": STREET["town"]}


def words_of(name: str) -> dict[str, Any]:
    return {"name": name, "email": ADDRESS, "comment": f"I am {WORD}.", "source": WORD.lower()}


def form_of(name: str) -> dict[str, Any]:
    return {**words_of(name), "abroad": "yes", "postcode": ABROAD, "updates": "no"}


def signature_of(name: str) -> dict[str, Any]:
    return {**words_of(name), "country": "FR", "postcode": ABROAD}


def by_api(client: TestClient, _lobby: Lobby, name: str) -> Any:
    return client.post(f"/v1/petitions/{PETITION}/signatures", json=signature_of(name))


def by_key(client: TestClient, lobby: Lobby, name: str) -> Any:
    key = key_for(lobby, Scope.SIGNATURES_WRITE, Scope.SIGNATURES_READ)
    path = f"/v1/petitions/{PETITION}/signatures"
    return client.post(path, json=signature_of(name), headers=key)


def in_bulk(client: TestClient, lobby: Lobby, name: str) -> Any:
    key = key_for(lobby, Scope.SIGNATURES_WRITE)
    path = f"/v1/petitions/{PETITION}/signatures/bulk"
    return client.post(path, json=[signature_of(name)], headers=key)


def on_page(client: TestClient, _lobby: Lobby, name: str) -> Any:
    return client.post(SIGN, data=form_of(name))


def in_frame(client: TestClient, _lobby: Lobby, name: str) -> Any:
    path = f"/embed/{PETITION}/sign?source={WORD.lower()}"
    return client.post(path, data=form_of(name))


def person_in_dialect(name: str, place: dict[str, Any]) -> dict[str, Any]:
    words = {"custom_fields": {"note": WORD}, "postal_addresses": [place | {"primary": True}]}
    return person(ADDRESS, given_name=name, family_name=WORD, **words)


def in_dialect(client: TestClient, lobby: Lobby, name: str) -> Any:
    who = person_in_dialect(name, {"postal_code": ABROAD, "country": "FR"} | PLACE)
    body = {"person": who, "comments": f"I am {WORD}.", "add_tags": []}
    headers = token_for(lobby, Scope.ACTION_NETWORK)
    return client.post(signatures_of(lobby), json=body, headers=headers)


def blindly_in_dialect(client: TestClient, lobby: Lobby, name: str) -> Any:
    who = person_in_dialect(name, {"postal_code": ABROAD, "country": "FR"})
    return client.post(signatures_of(lobby), json={"person": who, "comments": WORD})


def letter_by_api(client: TestClient, _lobby: Lobby, name: str) -> Any:
    address = {**STREET, "postcode": CAN_SIGN}
    words = {"name": name, "email": ADDRESS, "subject": f"{WORD} and EDM 152", "body": TEXT}
    return client.post(f"/v1{LETTERS}", json=words | {"address": address, "copy": True})


def letter_on_page(client: TestClient, _lobby: Lobby, name: str) -> Any:
    words = {"name": name, "email": ADDRESS, "subject": f"{WORD} and EDM 152", "body": TEXT}
    own = {"personal": WORD, "postcode": CAN_SIGN, "updates": "no"}
    return client.post(LETTERS, data={**words, **STREET, **own})


def letter_of_parts(client: TestClient, _lobby: Lobby, name: str) -> Any:
    own = {"personal": f"{WORD} says that my ward depends on it.", "others": [WORD]}
    data = {"name": name, "email": ADDRESS, "postcode": CAN_SIGN, "updates": "no", **STREET, **own}
    return client.post(LETTERS, data={**data, "subject": f"{WORD} and EDM 152"})


def letter_in_dialect(client: TestClient, lobby: Lobby, name: str) -> Any:
    who = person_in_dialect(name, {"postal_code": CAN_SIGN, "country": "GB"} | PLACE)
    body = {"person": who, "subject": f"{WORD} and EDM 152", "message": TEXT}
    path = f"{V2}/advocacy_campaigns/{campaign_id(lobby)}/outreaches"
    return client.post(path, json=body, headers=token_for(lobby, Scope.ACTION_NETWORK))


SIGNATURES = [by_api, by_key, in_bulk, on_page, in_frame, in_dialect, blindly_in_dialect]
LETTERS_SENT = [letter_by_api, letter_on_page, letter_of_parts, letter_in_dialect]


def mail_of(
    client: TestClient, lobby: Lobby, deliver: Deliver, send: Send, name: str = WORD
) -> EmailMessage:
    """Sends a signature or a letter, and returns the one mail that follows."""
    deliver()
    answer = send(client, lobby, name)
    assert answer.status_code < 400, answer.text
    (mail,) = deliver()
    assert mail["To"] == ADDRESS
    return mail


def everything_in(mail: EmailMessage) -> str:
    """Returns what a mail holds, as it was sent and decoded: headers, and all parts."""
    parts = [part for part in mail.walk() if not part.is_multipart()]
    assert types_of(mail) == ["text/plain", "text/html"]
    headers = [f"{name}: {value}" for name, value in mail.items()]
    return "\n".join([mail.as_string(), *headers, *(part.get_content() for part in parts)])


def without_tokens(mail: EmailMessage) -> str:
    headers = [f"{name}: {mail[name]}" for name in ("From", "To", "Subject", "X-Campaign")]
    parts = "\n".join([text_of(mail), html_of(mail)])
    links = re.sub(r"(testserver/[a-z/]+/)[\w.-]{60,}", r"\1", parts)
    assert len(links) < len(parts) - 400, "the tokens are gone"
    return "\n".join([*headers, re.sub(r"until \d+ \w+ \d{4}", "until a day", links)])


@pytest.mark.parametrize("send", SIGNATURES + LETTERS_SENT)
def test_no_word_of_the_sender_is_in_a_mail_to_an_unconfirmed_address(
    client: TestClient, lobby: Lobby, deliver: Deliver, send: Send
) -> None:
    mail = mail_of(client, lobby, deliver, send)
    whole = everything_in(mail)
    for word in (WORD, ABROAD, CAN_SIGN, CAN_SIGN.replace(" ", ""), "Dear "):
        assert word.lower() not in whole.lower()
    assert text_of(mail).count(ADDRESS) == 0
    assert ADDRESS not in str(mail["Reply-To"])
    assert ADDRESS not in html_of(mail)
    assert text_of(mail).startswith("Hello,\n\n")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("send", [by_api, on_page, letter_by_api, letter_on_page, letter_of_parts])
def test_the_mail_is_the_same_whatever_the_sender_types(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock, send: Send
) -> None:
    mails = set()
    for name in NAMES:
        mails.add(without_tokens(mail_of(client, lobby, deliver, send, name)))
        clock.advance(days=1)  # a mailbox gets few such mails a day
    assert len(mails) == 1


def test_a_later_word_of_a_stranger_reaches_nobody_who_has_signed(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    mail = mail_of(client, lobby, deliver, by_api, "Anna Example")
    confirmed = client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    assert confirmed.status_code == 200
    again = mail_of(client, lobby, deliver, by_api, f"A stranger, {WORD}")
    assert text_of(again).startswith("Dear Anna Example,\n")
    assert WORD.lower() not in everything_in(again).lower()


# ---- what such a mail says


def test_a_mail_about_a_signature_says_what_happened_and_where_to_say_not_me(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    mail = mail_of(client, lobby, deliver, by_api)
    paragraphs = text_of(mail).split("\n\n")
    assert paragraphs[1] == (
        'Thank you for signing "Stop the sale of NHS Professionals", a petition by '
        "Public Health Alliance (demonstration). Your signature counts as soon as you confirm it."
    )
    link = f"http://testserver/disown/{token_in(mail, 'disown')}"
    assert text_of(mail).rstrip().splitlines()[-1] == (
        "Didn't sign? Ignore this email, and nothing will be counted. Or tell us, and we won't "
        f"email you about this petition for 90 days. It wasn't me: {link}"
    )


def test_a_mail_about_a_letter_says_what_happened_and_where_to_say_not_me(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    mail = mail_of(client, lobby, deliver, letter_by_api)
    text = text_of(mail)
    ready = "Your letter to Morag Ferncastle, MP for Edinburgh East and Musselburgh, is ready."
    assert ready in text
    assert 'the campaign "Keep NHS Professionals public" by Public Health Alliance' in text
    link = f"http://testserver/letters/disown/{token_in(mail, 'letters/disown')}"
    assert text.rstrip().splitlines()[-1] == (
        "Didn't write a letter? Ignore this email, and nothing will be sent. Or tell us, and we "
        f"won't email you about letters in this campaign for 90 days. It wasn't me: {link}"
    )
    assert mail["List-Unsubscribe"] == f"<{link}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (
        "Don’t send it" in client.get(f"/letters/confirm/{token_in(mail, 'letters/confirm')}").text
    )


@pytest.mark.parametrize("send", [by_api, letter_by_api])
def test_the_last_line_leads_a_known_supporter_to_preferences(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock, send: Send
) -> None:
    first = mail_of(client, lobby, deliver, by_api)
    client.post("/v1/signatures/confirm", json={"token": token_in(first, "confirm")})
    client.post("/v1/signatures/withdraw", json={"token": token_in(first, "withdraw")})
    clock.advance(days=1)
    mail = mail_of(client, lobby, deliver, send)
    last = text_of(mail).rstrip().splitlines()[-1]
    assert last.startswith("Change what Public Health Alliance (demonstration) emails you")
    assert last.endswith(f": http://testserver/unsubscribe/{token_in(mail, 'unsubscribe')}")
    assert "\nDidn't " in text_of(mail)
    assert WORD.lower() not in everything_in(mail).lower()


@pytest.mark.parametrize("send", [by_api, letter_by_api])
@pytest.mark.parametrize(
    ("now", "named", "end"),
    [
        # A submission is deleted 14 days after it came, so that its last whole day is the 13th.
        ("2026-11-30T15:00", "13 December 2026", "2026-12-13T23:59"),
        ("2026-06-30T23:30", "14 July 2026", "2026-07-14T22:59"),  # in London it is July already
    ],
)
def test_the_day_that_the_mail_names_is_the_last_until_whose_end_its_link_works(
    client: TestClient,
    lobby: Lobby,
    deliver: Deliver,
    clock: Clock,
    send: Send,
    now: str,
    named: str,
    end: str,
) -> None:
    clock.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
    mail = mail_of(client, lobby, deliver, send)
    assert f"The link works until {named}." in text_of(mail)
    path = "confirm" if send is by_api else "letters/confirm"
    link = f"/{path}/{token_in(mail, path)}"
    clock.now = datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert client.get(link).status_code == 200
    clock.now = datetime.fromisoformat(now).replace(tzinfo=UTC) + timedelta(days=14, seconds=1)
    worker.retention.delete_old_submissions(lobby, threading.Event())
    assert client.get(link).status_code == 410


def test_a_mail_that_comes_late_names_the_day_of_the_request(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    by_api(client, lobby, WORD)
    asked_at = clock.now
    clock.advance(days=3)
    (mail,) = deliver()
    assert f"until {(asked_at.day + 13)} July 2026." in text_of(mail)

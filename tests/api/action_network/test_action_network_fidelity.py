"""Tests that the dialect takes what Action Network takes, where its clients rely on it."""

from collections.abc import Callable
from email.message import EmailMessage
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

import worker
from api.action_network.tag_names import IGNORED
from models import PetitionTally, Scope, Signature, Submission, Supporter, Tag
from models.constituency import UNKNOWN
from services.assembly import Lobby
from services.signatures.recording import SignatureRequest
from services.supporters.supporters import EmailAddress
from tests.support.action_network import (
    READS,
    V2,
    Headers,
    Json,
    id_of,
    person,
    petition_id,
    signatures_of,
    token_for,
)
from tests.support.common import CAN_SIGN, PETITION, token_in
from tests.support.keys import key_for
from tests.support.partners import SECOND, add_second_petition
from tests.support.signatures import confirm_all, sign_and_confirm, sign_and_sort

Deliver = Callable[[], list[EmailMessage]]
EMAIL = "anna@example.org"
EDINBURGH = "S14000078"
ADDRESS_ALONE: Json = {"person": {"email_addresses": [{"address": EMAIL}]}}


@pytest.fixture
def poster(lobby: Lobby) -> Headers:
    """Returns the token of a key that may only post."""
    return token_for(lobby)


@pytest.fixture
def signatures(lobby: Lobby) -> str:
    return signatures_of(lobby)


# ---- tags


@pytest.mark.parametrize("scopes", [READS, (Scope.ACTION_NETWORK,)])
def test_a_tag_that_does_not_exist_is_ignored_and_a_header_names_it(
    client: TestClient, lobby: Lobby, signatures: str, scopes: tuple[Scope, ...]
) -> None:
    key = token_for(lobby, *scopes)
    client.post(f"{V2}/tags", headers=key, json={"name": "donor"})
    unknown = ["volunteer", "Leith, caffi", "caf\u00e9", "x\u0000", ""]
    body = {"person": person(), "add_tags": ["donor", *unknown, "volunteer"]}
    ignored = "volunteer, Leith%2C%20caffi, caf%C3%A9, x%00"
    once = {"Idempotency-Key": "one"}
    signed = client.post(signatures, headers=key | once, json=body)
    introduced = client.post(f"{V2}/people", headers=key, json=body)
    for answer in (signed, client.post(signatures, headers=key | once, json=body), introduced):
        assert answer.status_code == 200, answer.text
        assert answer.headers[IGNORED] == ignored
    known = {"person": person(), "add_tags": ["donor"]}
    assert IGNORED not in client.post(f"{V2}/people", headers=key, json=known).headers
    assert IGNORED not in client.post(signatures, json=body).headers, "the public form has no tags"
    with lobby.database.read() as session:
        assert session.exec(select(Tag.name)).all() == ["donor"]


def test_the_header_of_ignored_tags_is_bounded(client: TestClient, poster: Headers) -> None:
    names = [f"{number}" + "\u00e9" * 99 for number in range(100)]
    body = {"person": person(), "add_tags": names}
    header = client.post(f"{V2}/people", headers=poster, json=body).headers[IGNORED]
    assert (len(header) < 2_100, header.endswith("..."), header.count(", ")) == (True, True, 3)


# ---- people without a name or a postcode


@pytest.mark.parametrize("who", ["reader", "poster", "partner", "browser"])
def test_an_address_is_enough_to_sign_and_its_owner_confirms(
    client: TestClient, lobby: Lobby, signatures: str, deliver: Deliver, who: str
) -> None:
    tokens = {
        "reader": token_for(lobby, *READS),
        "poster": token_for(lobby),
        "partner": token_for(lobby, partner="mine"),
        "browser": {},
    }
    before = of_seat(lobby, UNKNOWN)
    answer = client.post(signatures, headers=tokens[who], json=ADDRESS_ALONE)
    assert answer.status_code == 200, answer.text
    (mail,) = deliver()
    token = token_in(mail, "confirm")
    page = client.get(f"/confirm/{token}").text
    assert ("<dt>Petition</dt>" in page, "<dt>Name</dt>" in page, "<dt>Postcode" in page) == (
        True,
        False,
        False,
    )
    assert of_seat(lobby, UNKNOWN) == before, "nothing counts before its signer confirms"
    thanks = client.post(f"/confirm/{token}")
    shown = client.get(thanks.headers["Location"]).text
    assert "Thank you. You’re number" in shown
    assert "We don’t know your constituency." in shown
    assert of_seat(lobby, UNKNOWN) == before + 1
    supporter = stored(lobby)
    assert (supporter.name, supporter.postcode, supporter.constituency_code) == (None,) * 3
    again = client.post("/v1/signatures/confirm", json={"token": token}).json()
    assert (again["status"], again["constituency"], again["letter"]) == ("confirmed", None, None)
    (listed,) = [
        row
        for row in client.get(
            f"/v1/petitions/{PETITION}/signatures?limit=100&state=confirmed&since=2026-07-01T12:00:00Z",
            headers=key_for(lobby, Scope.SIGNATURES_READ),
        ).json()
        if row["email"] == EMAIL
    ]
    assert (listed["name"], listed["postcode"], listed["constituency"]) == ("", "", UNKNOWN)


def stored(lobby: Lobby, email: str = EMAIL) -> Supporter:
    with lobby.database.read() as session:
        owner = session.exec(select(Supporter.organisation_id)).first()
        assert owner is not None
        index = EmailAddress.of(owner, email, lobby.keyring).index
        return session.exec(select(Supporter).where(Supporter.email_index == index)).one()


def of_seat(lobby: Lobby, code: str) -> int:
    with lobby.database.read() as session:
        row = session.get(PetitionTally, (UUID(petition_id(lobby)), code))
        return row.confirmed if row else 0


def test_a_name_and_a_place_that_somebody_did_not_give_stay_as_they_were(lobby: Lobby) -> None:
    """Of one batch, each person keeps what they said nothing about."""
    add_second_petition(lobby)
    known = [f"{name}@example.org" for name in ("anna", "berta", "carla", "dora")]
    sign_and_confirm(
        lobby, *(SignatureRequest(PETITION, "Old Name", email, CAN_SIGN) for email in known)
    )
    given = [("", ""), ("New Name", ""), ("", "M1 1AE"), ("New Name", "M1 1AE")]
    ids = sign_and_sort(
        lobby,
        *(
            SignatureRequest(SECOND, name, email, postcode)
            for email, (name, postcode) in zip(known, given, strict=True)
        ),
    )
    confirm_all(lobby, ids)
    people = [stored(lobby, email) for email in known]
    assert [(one.name.text, one.postcode.text) for one in people] == [
        ("Old Name", CAN_SIGN),
        ("New Name", CAN_SIGN),
        ("Old Name", "M1 1AE"),
        ("New Name", "M1 1AE"),
    ]
    assert [one.constituency_code == EDINBURGH for one in people] == [True, True, False, False]
    with lobby.database.read() as session:
        made = [session.get_one(Signature, row_id) for row_id in ids]
        assert [row.constituency_code == UNKNOWN for row in made] == [True, True, False, False]


def test_a_key_that_may_read_signs_with_the_name_and_place_that_are_stored(
    client: TestClient, poster: Headers, lobby: Lobby
) -> None:
    """For any other key nothing is looked up, and so the place is unknown."""
    reader = token_for(lobby, *READS)
    client.post(f"{V2}/people", headers=reader, json={"person": person()})
    path = signatures_of(lobby)
    link = client.post(f"{V2}/people", headers=reader, json=ADDRESS_ALONE).json()["_links"]["self"]
    for body in (ADDRESS_ALONE, {"_links": {"osdi:person": link}}):
        signed = client.post(path, headers=reader, json=body).json()
        assert signed["central_lobby:constituency"] == EDINBURGH
    client.post(path, headers=poster, json=ADDRESS_ALONE)
    worker.sort_submissions(lobby)
    with lobby.database.read() as session:
        statement = select(Submission.constituency_code).order_by(col(Submission.id))
        codes = session.exec(statement).all()
    assert codes == [EDINBURGH, EDINBURGH, UNKNOWN]
    assert id_of(signed)


def test_who_signed_without_a_name_writes_a_letter_with_the_form_that_asks_for_it(
    client: TestClient, signatures: str, deliver: Deliver
) -> None:
    client.post(signatures, json={"person": person(given_name="", family_name="")})
    (mail,) = deliver()
    thanks = client.post(f"/confirm/{token_in(mail, 'confirm')}").headers["Location"]
    assert "Morag Ferncastle" in client.get(thanks).text
    written = client.get(f"{thanks}/letter")
    assert written.headers["Location"] == "/campaigns/nhs-professionals/letter"
    posted = client.post(f"{thanks}/letter", data={"personal": "Please."})
    assert posted.headers["Location"] == "/campaigns/nhs-professionals/letter"


def test_mails_to_who_has_no_name_greet_nobody_by_it(
    client: TestClient, signatures: str, deliver: Deliver
) -> None:
    for _ in "12":
        client.post(signatures, json=ADDRESS_ALONE)
        (mail,) = deliver()
        if "confirm" in mail["Subject"].lower():
            client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    assert "already signed" in mail["Subject"]
    text = mail.get_body(("plain",))
    assert text is not None
    assert "Hello," in text.get_content()
    assert "Dear" not in text.get_content()

"""Tests what the Action Network API shows of signatures before and after they are confirmed."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, col, func, select

import worker
from api.action_network.places import Places, Veil
from models import (
    Campaign,
    Consent,
    Petition,
    Signature,
    SignatureState,
    Submission,
    SubmissionKind,
    SubmissionState,
    Supporter,
    Tagging,
)
from services.assembly import Lobby
from services.database.time_windows import PageRange
from services.errors import NotFound, Unavailable
from services.signatures import signature_pages, signature_states
from services.signatures.recording import ImportOrigin, SignatureRequest
from services.signatures.signature_pages import SignatureFilter, SignatureView
from services.supporters.supporters import EmailAddress
from tests.support.action_network import (
    READS,
    TOKEN,
    V2,
    Headers,
    Json,
    assert_error,
    every_page,
    id_of,
    person,
    petition_id,
    signatures_of,
    token_for,
)
from tests.support.common import CAN_SIGN, PETITION, Clock, token_in
from tests.support.database.query_plans import Statement, sent_statements
from tests.support.partners import SECOND, add_second_petition, secret
from tests.support.signatures import confirm, record, sign_and_confirm, sign_and_sort

Deliver = Callable[[], list[EmailMessage]]
EMAIL = "anna@example.org"
PAPER = ImportOrigin("paper, Leeds stall, 3 May 2026")


@pytest.fixture
def reader(lobby: Lobby) -> Headers:
    """Returns the token of an organisation's key that may read."""
    return token_for(lobby, *READS)


@pytest.fixture
def poster(lobby: Lobby) -> Headers:
    """Returns the token of a key that may only post."""
    return token_for(lobby)


@pytest.fixture
def signatures(lobby: Lobby) -> str:
    return signatures_of(lobby)


def request_of(email: str = EMAIL, slug: str = PETITION, **values: Any) -> SignatureRequest:
    return SignatureRequest(slug, "Anna Example", email, CAN_SIGN, **values)


def post(client: TestClient, path: str, token: Headers, email: str = EMAIL, **parts: Any) -> Json:
    answer = client.post(path, headers=token, json={"person": person(email)} | parts)
    assert answer.status_code == 200, answer.text
    signature: Json = answer.json()
    return signature


def read(client: TestClient, token: Headers, thing: Json) -> Json:
    """Reads a resource by its own link."""
    path = urlsplit(thing["_links"]["self"]["href"]).path
    answer = client.get(path, headers=token)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def person_path(signature: Json) -> str:
    return str(urlsplit(signature["_links"]["osdi:person"]["href"]).path)


def confirm_in_mail(client: TestClient, mail: EmailMessage) -> None:
    answer = client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    assert answer.status_code == 200, answer.text


def index_of(lobby: Lobby, email: str = EMAIL) -> bytes:
    with lobby.database.read() as session:
        owner = session.exec(select(Campaign.organisation_id)).one()
    return EmailAddress.of(owner, email, lobby.keyring).index


def supporter_of(session: Session, lobby: Lobby, email: str = EMAIL) -> Supporter | None:
    statement = select(Supporter).where(Supporter.email_index == index_of(lobby, email))
    return session.exec(statement).first()


def add_tag(client: TestClient, token: Headers, name: str = "volunteer") -> str:
    return id_of(client.post(f"{V2}/tags", headers=token, json={"name": name}).json())


def taggings(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Tagging)).one()


# ---- keys that may only post


def people_in_every_state(client: TestClient, lobby: Lobby, poster: Headers) -> list[str]:
    """Returns an unknown address first, and then one in each state that the service knows."""
    states = ("new", "asked", "confirmed", "withdrawn", "disowned", "imported", "introduced")
    emails = {state: f"{state}@example.org" for state in states}
    (confirmed, withdrawn, disowned) = sign_and_confirm(
        lobby, *(request_of(emails[state]) for state in ("confirmed", "withdrawn", "disowned"))
    )
    with lobby.database.write() as session:
        signature_states.withdraw(session, withdrawn, now=lobby.clock())
        signature_states.disown(session, disowned, now=lobby.clock())
    assert confirmed
    record(lobby, [request_of(emails["imported"], imported=PAPER)])
    sign_and_sort(lobby, request_of(emails["asked"]))
    record(lobby, [request_of(emails["new"])])
    body = {"person": person(emails["introduced"])}
    assert client.post(f"{V2}/people", headers=poster, json=body).status_code == 200
    return ["unknown@example.org", *emails.values()]


@pytest.mark.slow
@pytest.mark.parametrize("is_partner", [False, True])
@pytest.mark.parametrize("is_keyed", [False, True])
def test_a_post_sends_the_same_statements_whatever_is_known_of_the_address(
    client: TestClient,
    lobby: Lobby,
    poster: Headers,
    signatures: str,
    is_partner: bool,
    is_keyed: bool,
) -> None:
    token = token_for(lobby, partner="mine") if is_partner else poster
    add_tag(client, poster)
    unknown, *known = people_in_every_state(client, lobby, poster)
    post(client, signatures, token, "warm@example.org")

    def statements(email: str, **parts: Any) -> list[str]:
        headers = token | ({"Idempotency-Key": f"{email} {len(parts)}"} if is_keyed else {})
        with sent_statements() as sent:
            post(client, signatures, headers, email, **parts)
        assert not knows(sent, index_of(lobby, email))
        return [text for text, _ in sent if "SET last_used_at" not in text]

    for parts in ({}, {"add_tags": ["volunteer"]}):
        expected = statements(unknown, **parts)
        assert len([text for text in expected if "INSERT INTO submission" in text]) == 1
        assert not [text for text in expected if "supporter" in text or "FROM signature" in text]
        for email in known:
            assert statements(email, **parts) == expected, email


def test_a_post_by_a_key_that_may_read_looks_the_address_up(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str
) -> None:
    """It shows that the test above would see a look-up."""
    with sent_statements() as sent:
        post(client, signatures, reader)
    assert knows(sent, index_of(lobby))


def knows(sent: list[Statement], email_index: bytes) -> bool:
    """Returns whether a statement has an address's index among its parameters."""
    return any(repr(email_index)[2:-1] in repr(values) for _, values in sent) or any(
        email_index.hex() in repr(values) for _, values in sent
    )


@pytest.mark.slow
def test_a_post_has_an_id_of_its_own_and_the_person_is_the_same_whenever_asked(
    client: TestClient,
    lobby: Lobby,
    reader: Headers,
    poster: Headers,
    signatures: str,
    deliver: Deliver,
) -> None:
    first, second = (post(client, signatures, poster) for _ in "12")
    assert id_of(first) != id_of(second)
    someone = person_path(first)
    assert_error(client.get(someone, headers=reader), 404, "person")
    assert_error(client.get(f"{someone}/signatures", headers=reader), 404, "person")
    worker.sort_submissions(lobby)
    assert_error(client.get(someone, headers=reader), 404, "person")
    mail, _ = deliver()
    confirm_in_mail(client, mail)
    third = post(client, signatures, poster)
    people = [signature["action_network:person_id"] for signature in (first, second, third)]
    assert people == [someone.rpartition("/")[2]] * 3
    anna = client.get(someone, headers=reader).json()
    assert id_of(anna) == people[0]
    assert anna in every_page(client, f"{V2}/people", reader, "people")
    assert (
        id_of(client.post(f"{V2}/people", headers=poster, json={"person": person()}).json())
        == (people[0])
    )


def test_all_that_is_told_of_a_person_has_one_id(
    client: TestClient, lobby: Lobby, reader: Headers, poster: Headers, signatures: str
) -> None:
    tag = add_tag(client, reader)
    sign_and_confirm(lobby, request_of())
    anna = post(client, signatures, poster)["action_network:person_id"]
    link = {"_links": {"osdi:person": {"href": f"https://actionnetwork.org/api/v2/people/{anna}"}}}
    tagging = client.post(f"{V2}/tags/{tag}/taggings", headers=reader, json=link).json()
    by_link = client.post(signatures, headers=reader, json=link).json()
    someone = f"{V2}/people/{anna}"
    told = [
        tagging,
        by_link,
        read(client, reader, tagging),
        *every_page(client, f"{V2}/tags/{tag}/taggings", reader, "taggings"),
        *every_page(client, f"{someone}/taggings", reader, "taggings"),
        *every_page(client, f"{someone}/signatures", reader, "signatures"),
    ]
    assert len(told) == 6
    assert {each["action_network:person_id"] for each in told} == {anna}
    assert {person_path(each) for each in told} == {someone}


def test_an_id_of_a_person_that_was_stored_before_still_leads_to_them(
    client: TestClient, lobby: Lobby, reader: Headers
) -> None:
    """It used to be the encrypted id of the supporter's row."""
    tag = add_tag(client, reader)
    sign_and_confirm(lobby, request_of())
    with lobby.database.read() as session:
        supporter = supporter_of(session, lobby)
    assert supporter is not None
    places = Places(lobby, supporter.organisation_id)
    old = places.hide(Veil.PERSON, supporter.id)
    someone = f"{V2}/people/{old}"
    anna = client.get(someone, headers=reader).json()
    assert id_of(anna) == str(places.person(supporter.email_index)) != str(old)
    link = {"_links": {"osdi:person": {"href": f"/people/{old}"}}}
    assert client.put(someone, headers=reader, json={"given_name": "Anne"}).status_code == 200
    assert client.post(f"{V2}/tags/{tag}/taggings", headers=reader, json=link).status_code == 200
    signed = client.post(signatures_of(lobby), headers=reader, json=link).json()
    assert signed["action_network:person_id"] == id_of(anna)
    assert len(every_page(client, f"{someone}/signatures", reader, "signatures")) == 1
    assert len(every_page(client, f"{someone}/taggings", reader, "taggings")) == 1


def test_another_organisation_gets_another_id_for_the_same_address(
    client: TestClient, lobby: Lobby, poster: Headers, signatures: str
) -> None:
    ours = post(client, signatures, poster)["action_network:person_id"]
    with lobby.database.read() as session:
        owner = session.exec(select(Campaign.organisation_id)).one()
    theirs = UUID(int=7)
    index = EmailAddress.of(theirs, EMAIL, lobby.keyring).index
    assert str(Places(lobby, owner).person(index_of(lobby))) == ours
    assert str(Places(lobby, theirs).person(index)) != ours
    assert Places(lobby, theirs).show(Veil.PERSON, UUID(ours)).bytes != index[:16]


def test_tags_of_a_key_that_may_only_post_are_put_on_once_the_signer_confirms(
    client: TestClient,
    lobby: Lobby,
    reader: Headers,
    poster: Headers,
    signatures: str,
    deliver: Deliver,
) -> None:
    tag = add_tag(client, reader)
    signed = post(client, signatures, poster, add_tags=["volunteer"])
    worker.sort_submissions(lobby)
    assert taggings(lobby) == 0
    (mail,) = deliver()
    confirm_in_mail(client, mail)
    (tagging,) = every_page(client, f"{V2}/tags/{tag}/taggings", reader, "taggings")
    assert tagging["action_network:person_id"] == signed["action_network:person_id"]


def test_a_post_with_a_key_or_without_one_says_whence_it_came(
    client: TestClient, lobby: Lobby, reader: Headers, poster: Headers, signatures: str
) -> None:
    for token in (reader, poster, {}, poster | {"Idempotency-Key": "k"}, {"Idempotency-Key": "k"}):
        client.post(signatures, headers=token, json={"person": person()})
    with lobby.database.read() as session:
        by_time = select(Submission.sender_index).order_by(col(Submission.id))
        senders = list(session.exec(by_time))
    assert None not in senders
    assert senders[1] == senders[3]
    assert senders[2] == senders[4]
    assert len(set(senders)) == 3, "two keys and a network"


# ---- keys that may read


@pytest.mark.slow
def test_a_key_that_may_read_introduces_and_tags_the_signer_and_reads_the_signature_at_once(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str, deliver: Deliver
) -> None:
    add_tag(client, reader)
    signed = post(client, signatures, reader, add_tags=["volunteer"], comments="Please")
    assert signed["central_lobby:state"] == "pending"
    assert signed["comments"] == "Please"
    assert read(client, reader, signed) == signed
    anna = client.get(person_path(signed), headers=reader).json()
    assert (anna["given_name"], anna["family_name"]) == ("Anna", "Example")
    assert anna["postal_addresses"][0]["postal_code"] == CAN_SIGN
    assert id_of(anna) == signed["action_network:person_id"]
    assert taggings(lobby) == 1
    of_anna = f"{person_path(signed)}/signatures"
    by_id = client.get(f"{of_anna}/{id_of(signed)}", headers=reader)
    assert by_id.json() == signed
    assert signed not in every_page(client, signatures, reader, "signatures")
    assert every_page(client, of_anna, reader, "signatures") == []
    worker.sort_submissions(lobby)
    assert every_page(client, signatures, reader, "signatures")[-1] == signed
    assert every_page(client, of_anna, reader, "signatures") == [signed]
    (mail,) = deliver()
    confirm_in_mail(client, mail)
    confirmed = read(client, reader, signed)
    assert confirmed == signed | {"central_lobby:state": "confirmed"}
    assert every_page(client, signatures, reader, "signatures")[-1] == confirmed
    assert every_page(client, of_anna, reader, "signatures") == [confirmed]
    assert taggings(lobby) == 1


def test_a_tag_that_an_organiser_removes_does_not_come_back_with_the_confirmation(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str, deliver: Deliver
) -> None:
    add_tag(client, reader)
    signed = post(client, signatures, reader, add_tags=["volunteer"])
    body = {"remove_tags": ["volunteer"]}
    assert client.put(person_path(signed), headers=reader, json=body).status_code == 200
    (mail,) = deliver()
    confirm_in_mail(client, mail)
    assert taggings(lobby) == 0


@pytest.mark.parametrize("is_imported", [False, True])
def test_a_key_that_may_read_gets_the_confirmed_signature_of_who_has_one(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str, is_imported: bool
) -> None:
    request = request_of(comment="The first", imported=PAPER if is_imported else None)
    if is_imported:
        (outcome,) = record(lobby, [request])
        standing = outcome.signature_id
    else:
        (standing,) = sign_and_confirm(lobby, request)
    signed = post(client, signatures, reader, comments="The second")
    assert signed["identifiers"][1] == f"central_lobby:{standing}"
    assert (signed["central_lobby:state"], signed["comments"]) == ("confirmed", "The first")
    assert read(client, reader, signed) == signed


@pytest.mark.parametrize("end", [signature_states.withdraw, signature_states.disown])
def test_who_has_ended_a_signature_signs_again_with_another_id(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str, end: Callable[..., Any]
) -> None:
    (ended,) = sign_and_confirm(lobby, request_of())
    with lobby.database.write() as session:
        end(session, ended, now=lobby.clock())
    signed = post(client, signatures, reader)
    assert signed["central_lobby:state"] == "pending"
    assert signed["identifiers"][1] != f"central_lobby:{ended}"
    places = Places(lobby, owner_of(lobby))
    old = client.get(f"{signatures}/{places.hide(Veil.SIGNATURE, ended)}", headers=reader).json()
    assert old["central_lobby:state"] in ("withdrawn", "rejected")


def owner_of(lobby: Lobby) -> UUID:
    with lobby.database.read() as session:
        return session.exec(select(Campaign.organisation_id)).one()


def test_a_signature_by_a_key_that_may_read_changes_nothing_that_its_signer_confirmed(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str
) -> None:
    sign_and_confirm(lobby, request_of(updates=True))
    addresses = [{"address": EMAIL, "status": "unsubscribed"}]
    body = {"person": person(given_name="Mallory", email_addresses=addresses)}
    signed = client.post(signatures, headers=reader, json=body).json()
    anna = client.get(person_path(signed), headers=reader).json()
    assert anna["given_name"] == "Anna"
    assert anna["email_addresses"][0]["status"] == "subscribed"
    with lobby.database.read() as session:
        supporter = supporter_of(session, lobby)
        assert supporter is not None
        answers = session.exec(
            select(Consent.granted).where(Consent.supporter_id == supporter.id)
        ).all()
    assert list(answers) == [True]


def test_a_key_for_one_petition_introduces_the_signer_and_sees_the_signature(
    client: TestClient, lobby: Lobby, signatures: str
) -> None:
    narrow = {TOKEN: secret(lobby, *READS, petition_slugs=[PETITION])}
    signed = post(client, signatures, narrow)
    assert read(client, narrow, signed) == signed
    with lobby.database.read() as session:
        assert supporter_of(session, lobby) is not None


def test_keys_that_may_only_post_and_browsers_introduce_nobody(
    client: TestClient, lobby: Lobby, poster: Headers, signatures: str
) -> None:
    for token in (poster, token_for(lobby, partner="mine"), {}):
        client.post(signatures, headers=token, json={"person": person()})
    worker.sort_submissions(lobby)
    with lobby.database.read() as session:
        assert supporter_of(session, lobby) is None


def test_a_submission_that_is_gone_already_is_none(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        petition = session.exec(select(Petition)).one()
        found = signature_pages.posted(
            session,
            UUID(int=1),
            petition_id=petition.id,
            supporter_id=UUID(int=2),
            keyring=lobby.keyring,
        )
    assert found is None


def test_a_comment_of_a_pending_signature_cannot_be_changed(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str, deliver: Deliver
) -> None:
    signed = post(client, signatures, reader, comments="Please")
    path = f"{signatures}/{id_of(signed)}"
    for _ in range(2):  # before it is sorted, and after
        refused = client.put(path, headers=reader, json={"comments": "Changed"})
        assert_error(refused, 409, "not confirmed yet")
        assert client.put(path, headers=reader, json={}).json() == signed
        worker.sort_submissions(lobby)
    assert read(client, reader, signed) == signed
    (mail,) = deliver()
    confirm_in_mail(client, mail)
    assert read(client, reader, signed)["comments"] == "Please"
    changed = client.put(path, headers=reader, json={"comments": "Changed"}).json()
    assert (changed["comments"], read(client, reader, signed)) == ("Changed", changed)
    assert client.put(path, headers=reader, json={"comments": ""}).json()["comments"] is None


# ---- lists


def matching(client: TestClient, path: str, token: Headers, text: str) -> list[str]:
    answer = client.get(path, headers=token, params={"filter": text})
    assert answer.status_code == 200, answer.text
    return [id_of(signature) for signature in answer.json()["_embedded"]["osdi:signatures"]]


def test_a_copy_that_is_kept_by_creation_date_gets_who_confirms_late_and_imports(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str, clock: Clock
) -> None:
    clock.advance(days=1)
    (anna, berta) = sign_and_sort(lobby, request_of(), request_of("berta@example.org"))
    places = Places(lobby, owner_of(lobby))
    first, second = (str(places.hide(Veil.SIGNATURE, row_id)) for row_id in (anna, berta))
    assert matching(client, signatures, reader, "created_date ge '2026-07-02'") == [first, second]
    clock.advance(days=5)
    confirm(lobby, anna)
    paper = ImportOrigin("paper", clock().replace(year=2024))
    (imported,) = record(lobby, [request_of("carla@example.org", imported=paper)])
    assert imported.signature_id is not None
    third = str(places.hide(Veil.SIGNATURE, imported.signature_id))
    for field in ("created_date", "modified_date"):
        since = matching(client, signatures, reader, f"{field} gt '2026-07-06'")
        assert sorted(since) == sorted([first, third])
        until = f"{field} ge '2026-07-02' and {field} lt '2026-07-06'"
        assert matching(client, signatures, reader, until) == [second], "it is still pending"
    signature = client.get(f"{signatures}/{first}", headers=reader).json()
    assert signature["created_date"] == signature["modified_date"] == "2026-07-07T12:00:00Z"
    pending = client.get(f"{signatures}/{second}", headers=reader).json()
    assert pending["created_date"] == pending["modified_date"] == "2026-07-02T12:00:00Z"


@pytest.fixture
def mixed(lobby: Lobby, clock: Clock) -> list[UUID]:
    """Signs in turn what is confirmed, what is pending, and what is not sorted or has ended."""
    add_second_petition(lobby)
    submitted: list[UUID] = []
    for number in range(24):
        clock.advance(seconds=1)
        slug = SECOND if number % 8 else PETITION
        submitted += sign_and_sort(lobby, request_of(f"p{number % 20}@example.org", slug))
    for number, row_id in enumerate(submitted):
        if number % 3 == 0:
            confirm(lobby, row_id)
        if number % 9 == 0:
            with lobby.database.write() as session:
                signature_states.withdraw(session, row_id, now=lobby.clock())
    record(lobby, [request_of("new@example.org", SECOND)])
    return submitted


@pytest.mark.slow
def test_pages_of_any_size_have_signatures_and_submissions_once_and_in_order(
    lobby: Lobby, mixed: list[UUID]
) -> None:
    with lobby.database.read() as session:
        second = session.exec(select(Petition.id).where(Petition.slug == SECOND)).one()
        expected = sorted(
            [
                *session.exec(
                    select(Signature.id).where(
                        Signature.petition_id == second,
                        Signature.state == SignatureState.CONFIRMED,
                    )
                ),
                *session.exec(
                    select(Submission.id).where(
                        Submission.petition_id == second, Submission.state != SubmissionState.NEW
                    )
                ),
            ]
        )
        of_second = SignatureFilter(petition_id=second)

        def page(offset: int, limit: int) -> list[SignatureView]:
            where = PageRange(offset, limit)
            return signature_pages.page(session, of_second, where, keyring=lobby.keyring)

        whole = page(0, 100)
        assert [view.id for view in whole] == expected
        states = [view.state for view in whole]
        assert {SignatureState.PENDING, SignatureState.CONFIRMED} == set(states)
        assert states not in (sorted(states), sorted(states, reverse=True)), "they are mixed"
        for offset in range(len(expected) + 2):
            for limit in (1, 2, 3, 7):
                assert page(offset, limit) == whole[offset : offset + limit]
    assert len(set(expected) & set(mixed)) > 10


def test_a_signature_keeps_its_place_in_the_list_when_it_is_confirmed(
    client: TestClient, lobby: Lobby, reader: Headers, mixed: list[UUID]
) -> None:
    with lobby.database.read() as session:
        second = session.exec(select(Petition.id).where(Petition.slug == SECOND)).one()
    pending = mixed[2]
    path = f"{V2}/petitions/{second}/signatures"
    before = every_page(client, path, reader, "signatures")
    confirm(lobby, pending)
    after = every_page(client, path, reader, "signatures")
    assert [id_of(each) for each in after] == [id_of(each) for each in before]
    changed = [each for each in after if each not in before]
    assert [each["identifiers"][1] for each in changed] == [f"central_lobby:{pending}"]


def test_a_persons_list_has_their_signatures_and_submissions_and_nothing_else(
    client: TestClient, lobby: Lobby, reader: Headers
) -> None:
    add_second_petition(lobby)
    (confirmed,) = sign_and_confirm(lobby, request_of())
    (pending,) = sign_and_sort(lobby, request_of(slug=SECOND))
    sign_and_sort(lobby, request_of("berta@example.org"), request_of("berta@example.org", SECOND))
    letter_id = add_letter_submission(lobby, pending)
    places = Places(lobby, owner_of(lobby))
    anna = f"{V2}/people/{places.person(index_of(lobby))}"
    listed = every_page(client, f"{anna}/signatures", reader, "signatures")
    assert [each["identifiers"][1] for each in listed] == [
        f"central_lobby:{row_id}" for row_id in (confirmed, pending)
    ]
    for each in listed:
        assert client.get(f"{anna}/signatures/{id_of(each)}", headers=reader).json() == each
    letter = places.hide(Veil.SIGNATURE, letter_id)
    assert_error(client.get(f"{anna}/signatures/{letter}", headers=reader), 404, "signature")
    client.post(f"{V2}/people", headers=reader, json={"person": person("berta@example.org")})
    berta = f"{V2}/people/{places.person(index_of(lobby, 'berta@example.org'))}"
    for each in listed:
        path = f"{berta}/signatures/{id_of(each)}"
        assert_error(client.get(path, headers=reader), 404, "signature")


def add_letter_submission(lobby: Lobby, like: UUID) -> UUID:
    """Adds the submission of a letter by the same address."""
    with lobby.database.write() as session:
        submission = session.get_one(Submission, like)
        letter = Submission(
            kind=SubmissionKind.LETTER,
            campaign_id=session.exec(select(Campaign.id)).one(),
            constituency_code=submission.constituency_code,
            received_at=submission.received_at,
            payload=submission.payload,
            state=SubmissionState.ASKED,
            address_index=submission.address_index,
        )
        session.add(letter)
        session.flush()
        return letter.id


def test_a_pending_signature_is_of_its_own_petition_alone(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str
) -> None:
    add_second_petition(lobby)
    signed = post(client, signatures, reader)
    with lobby.database.read() as session:
        second = session.exec(select(Petition.id).where(Petition.slug == SECOND)).one()
    path = f"{V2}/petitions/{second}/signatures/{id_of(signed)}"
    assert_error(client.get(path, headers=reader), 404, "signature")
    narrow = {TOKEN: secret(lobby, *READS, petition_slugs=[SECOND])}
    assert_error(client.get(f"{signatures}/{id_of(signed)}", headers=narrow), 403, "petition")


@pytest.mark.slow
def test_a_submission_that_does_not_open_stops_no_page(
    client: TestClient, lobby: Lobby, reader: Headers, signatures: str
) -> None:
    damaged, good = sign_and_sort(lobby, request_of(comment="A"), request_of("b@example.org"))
    (new,) = (outcome.signature_id for outcome in record(lobby, [request_of("c@example.org")]))
    assert new is not None
    with lobby.database.write() as session:
        for row_id in (damaged, new):
            session.connection().exec_driver_sql(
                f"UPDATE submission SET payload = substr(payload, 1, 60) WHERE id = "
                f"'{row_id.hex if lobby.database.is_sqlite else row_id}'"
            )
    listed = every_page(client, signatures, reader, "signatures")[-2:]
    assert [each["identifiers"][1] for each in listed] == [
        f"central_lobby:{row_id}" for row_id in (damaged, good)
    ]
    assert listed[0]["comments"] is None
    assert listed[0]["action_network:person_id"] == str(
        Places(lobby, owner_of(lobby)).person(index_of(lobby))
    )
    of_petition = SignatureFilter(petition_id=UUID(petition_id(lobby)))
    with lobby.database.read() as session, pytest.raises(Unavailable):
        signature_pages.get(session, new, of_petition, keyring=lobby.keyring)
    worker.sort_submissions(lobby)
    assert len(every_page(client, signatures, reader, "signatures")[-2:]) == 2
    with lobby.database.read() as session, pytest.raises(NotFound):
        signature_pages.get(session, UUID(int=1), of_petition, keyring=lobby.keyring)


def test_what_is_recorded_by_nobody_is_in_no_list(lobby: Lobby) -> None:
    """A submission that its sorter could not decrypt has no address, and so no person."""
    (row_id,) = (outcome.signature_id for outcome in record(lobby, [request_of()]))
    with lobby.database.write() as session:
        submission = session.get_one(Submission, row_id)
        submission.state, submission.due_at = SubmissionState.WAITING, lobby.clock()
    of_petition = SignatureFilter(petition_id=UUID(petition_id(lobby)))
    with lobby.database.read() as session:
        views = signature_pages.page(
            session, of_petition, PageRange(0, 1000), keyring=lobby.keyring
        )
    assert views
    assert row_id not in [view.id for view in views]

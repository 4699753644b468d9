"""Tests people, tags and letters in the Action Network API."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, func, select

from api.action_network.tag_names import IGNORED
from models import Consent, Constituency, Keyring, Partner, Scope, Signature, Supporter, Tagging
from models.base import new_id
from services.assembly import Lobby
from services.signatures.recording import SignatureRequest
from tests.support.action_network import (
    READS,
    TOKEN,
    V2,
    Headers,
    Json,
    assert_error,
    campaign_id,
    every_page,
    id_of,
    others_token,
    person,
    signatures_of,
    token_for,
)
from tests.support.common import CAN_SIGN, PETITION, SIGNED, Clock, token_in
from tests.support.partners import SECOND, add_second_petition, secret
from tests.support.signatures import sign_and_confirm

Deliver = Callable[[], list[EmailMessage]]
LETTERS = (*READS, Scope.LETTERS_READ, Scope.LETTERS_WRITERS)
EMAIL = "anna@example.org"


@pytest.fixture
def reader(lobby: Lobby) -> Headers:
    """Returns the token of an organisation's key that may read."""
    return token_for(lobby, *READS)


@pytest.fixture
def poster(lobby: Lobby) -> Headers:
    """Returns the token of a key that may only post."""
    return token_for(lobby)


def introduce(client: TestClient, token: Headers, **parts: Any) -> Json:
    answer = client.post(f"{V2}/people", headers=token, json={"person": person(**parts)})
    assert answer.status_code == 200, answer.text
    supporter: Json = answer.json()
    return supporter


def found_by(client: TestClient, token: Headers, text: str) -> list[Json]:
    answer = client.get(f"{V2}/people", headers=token, params={"filter": text})
    assert answer.status_code == 200, answer.text
    people: list[Json] = answer.json()["_embedded"]["osdi:people"]
    return people


def confirm_all(client: TestClient, mails: list[EmailMessage]) -> None:
    for mail in mails:
        answer = client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
        assert answer.status_code == 200, answer.text


def link_to(person_id: str) -> Json:
    href = f"https://actionnetwork.org/api/v2/people/{person_id}"
    return {"_links": {"osdi:person": {"href": href}}}


def supporters(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Supporter)).one()


# ---- people


def test_a_person_is_added_and_found_again_by_address(
    client: TestClient, reader: Headers, lobby: Lobby
) -> None:
    before = supporters(lobby)
    supporter = introduce(client, reader)
    assert (supporter["given_name"], supporter["family_name"]) == ("Anna", "Example")
    assert supporter["email_addresses"] == [
        {"primary": True, "address": EMAIL, "status": "unsubscribed"}
    ]
    assert supporter["postal_addresses"][0]["postal_code"] == CAN_SIGN
    assert supporter["postal_addresses"][0]["primary"] is True
    assert supporter["phone_numbers"][0]["primary"] is True
    assert supporter["languages_spoken"] == ["en"]
    with lobby.database.read() as session:
        code = lobby.postcodes.lookup(CAN_SIGN).constituency_code
        assert session.get(Constituency, code)
    assert supporter["custom_fields"] == {"constituency": code}
    for name in ("email_address", "email"):
        assert found_by(client, reader, f"{name} eq '{EMAIL}'") == [supporter]
    assert found_by(client, reader, "email_address eq 'ANNA@Example.org'") == []
    assert found_by(client, reader, "email_address eq 'no address'") == []
    assert (
        found_by(client, reader, f"email_address eq '{EMAIL}' and created_date gt 2030-01-01") == []
    )
    assert supporters(lobby) == before + 1
    assert id_of(introduce(client, reader)) == id_of(supporter)
    assert supporters(lobby) == before + 1


def test_an_address_in_a_filter_stands_in_no_link(client: TestClient, reader: Headers) -> None:
    introduce(client, reader)
    for page in (1, 2):
        params = {"filter": f"email_address eq '{EMAIL}'", "page": page, "per_page": 1}
        answer = client.get(f"{V2}/people", headers=reader, params=params).json()
        links = {name: link for name, link in answer["_links"].items() if name != "osdi:people"}
        assert "example" not in str(links)


def test_what_somebody_confirmed_is_not_overridden_by_who_introduces_them(
    client: TestClient, reader: Headers, poster: Headers, deliver: Deliver, lobby: Lobby
) -> None:
    client.post(signatures_of(lobby), json={"person": person()})
    (mail,) = deliver()
    client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    for token in (reader, poster):
        other = [{"postal_code": SIGNED}]
        introduce(client, token, given_name="Mallory", postal_addresses=other)
    (supporter,) = found_by(client, reader, f"email_address eq '{EMAIL}'")
    assert supporter["given_name"] == "Anna"
    assert supporter["postal_addresses"][0]["postal_code"] == CAN_SIGN


def test_a_key_that_may_not_read_is_answered_what_it_sent(
    client: TestClient, poster: Headers, lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    client.post(signatures_of(lobby), json={"person": person()})
    (mail,) = deliver()
    client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    clock.advance(days=2)
    old = introduce(client, poster, given_name="A", email_addresses=[{"address": EMAIL}])
    new = introduce(client, poster, given_name="A", email_addresses=[{"address": "b@example.org"}])
    for supporter in (old, new):
        assert supporter["given_name"] == "A"
        assert supporter["created_date"] == supporter["modified_date"] == "2026-07-03T12:00:00Z"
        assert len(supporter["identifiers"]) == 1
    assert old.keys() == new.keys()
    assert_error(client.get(f"{V2}/people/{id_of(old)}", headers=poster), 403)


def test_a_key_that_may_not_read_cannot_sign_for_somebody_by_a_link(
    client: TestClient, poster: Headers, reader: Headers, lobby: Lobby
) -> None:
    """A different answer would tell whether we hold the name and postcode of an earlier signer."""
    supporter = introduce(client, poster)
    path = signatures_of(lobby)
    complete = client.post(path, headers=poster, json=link_to(id_of(supporter)))
    unknown = client.post(path, headers=poster, json=link_to(str(uuid4())))
    assert_error(complete, 403, "signatures:read")
    assert complete.json() == unknown.json()
    assert client.post(path, headers=reader, json=link_to(id_of(supporter))).status_code == 200
    assert_error(client.post(path, headers=reader, json=link_to(str(uuid4()))), 404)
    bare = client.post(
        f"{V2}/people",
        headers=reader,
        json={"person": {"email_addresses": [{"address": "c@d.org"}]}},
    )
    answer = client.post(path, headers=reader, json=link_to(id_of(bare.json())))
    assert answer.json()["central_lobby:constituency"] == "unknown"


def test_a_person_is_changed_and_moves_in_the_list_of_changes(
    client: TestClient, reader: Headers, clock: Clock
) -> None:
    supporter = introduce(client, reader)
    clock.advance(days=1)
    path = f"{V2}/people/{id_of(supporter)}"
    body = {"family_name": "Other", "postal_addresses": [{"postal_code": SIGNED}]}
    changed = client.put(path, headers=reader, json=body).json()
    assert (changed["given_name"], changed["family_name"]) == ("Anna", "Other")
    assert changed["postal_addresses"][0]["postal_code"] == SIGNED
    assert changed["custom_fields"] != supporter["custom_fields"]
    assert changed["created_date"] == supporter["created_date"] == "2026-07-01T12:00:00Z"
    assert changed["modified_date"] == "2026-07-02T12:00:00Z"
    assert found_by(client, reader, "modified_date gt '2026-07-02'") == [changed]
    assert changed not in found_by(client, reader, "modified_date lt '2026-07-02'")


def test_an_address_is_not_changed(client: TestClient, reader: Headers) -> None:
    supporter = introduce(client, reader)
    path = f"{V2}/people/{id_of(supporter)}"
    other = {"email_addresses": [{"address": "other@example.org"}]}
    assert_error(client.put(path, headers=reader, json=other), 400, "email_addresses")
    same = {"email_addresses": [{"address": EMAIL}], "given_name": "Anne"}
    assert client.put(path, headers=reader, json=same).json()["given_name"] == "Anne"


def test_a_form_that_is_labelled_json_is_understood(
    client: TestClient, reader: Headers, lobby: Lobby, deliver: Deliver
) -> None:
    signed = client.post(signatures_of(lobby), headers=reader, json={"person": person()}).json()
    confirm_all(client, deliver())
    headers = reader | {"Content-Type": "application/json"}
    path = urlsplit(signed["_links"]["self"]["href"]).path
    changed = client.put(path, headers=headers, content=b"comments=Stop+%26+think&_links=x")
    assert changed.json()["comments"] == "Stop & think"
    someone = urlsplit(signed["_links"]["osdi:person"]["href"]).path
    named = client.put(someone, headers=headers, content=b"given_name=Zo%C3%AB&family_name=Example")
    assert named.json()["given_name"] == "Zoë"


def test_a_no_to_news_holds_at_once_and_a_yes_waits_for_their_own_word(
    client: TestClient, reader: Headers, lobby: Lobby, deliver: Deliver
) -> None:
    def status(text: str) -> str:
        supporter = introduce(client, reader, email_addresses=[{"address": EMAIL, "status": text}])
        return str(supporter["email_addresses"][0]["status"])

    def consents() -> list[bool]:
        with lobby.database.read() as session:
            anna = Supporter.id == UUID(introduce(client, reader)["identifiers"][1][14:])
            return list(
                session.exec(
                    select(Consent.granted)
                    .join(Supporter, col(Supporter.id) == Consent.supporter_id)
                    .where(anna)
                )
            )

    assert status("subscribed") == "unsubscribed"
    assert consents() == []
    subscribed = person(email_addresses=[{"address": EMAIL, "status": "subscribed"}])
    client.post(signatures_of(lobby), headers=reader, json={"person": subscribed})
    assert status("") == "unsubscribed"
    (mail,) = deliver()
    client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    assert status("") == "subscribed"
    assert status("unsubscribed") == status("unsubscribed") == "unsubscribed"
    assert sorted(consents()) == [False, True]


def test_another_organisations_people_and_tags_are_not_there(
    client: TestClient, reader: Headers, lobby: Lobby
) -> None:
    ours = introduce(client, reader)
    tag = id_of(client.post(f"{V2}/tags", headers=reader, json={"name": "volunteer"}).json())
    other = others_token(lobby, *LETTERS)
    someone = f"{V2}/people/{id_of(ours)}"
    for path in (someone, f"{someone}/signatures", f"{someone}/taggings", f"{someone}/outreaches"):
        assert_error(client.get(path, headers=other), 404, "person")
    assert_error(client.put(someone, headers=other, json={"given_name": "X"}), 404, "person")
    assert_error(client.get(f"{V2}/tags/{tag}", headers=other), 404, "tag")
    tagging = client.post(f"{V2}/tags/{tag}/taggings", headers=other, json=link_to(id_of(ours)))
    assert_error(tagging, 404, "tag")
    theirs = id_of(client.post(f"{V2}/tags", headers=other, json={"name": "volunteer"}).json())
    assert theirs != tag
    tagging = client.post(f"{V2}/tags/{theirs}/taggings", headers=other, json=link_to(id_of(ours)))
    assert_error(tagging, 404, "person")
    campaign = f"{V2}/advocacy_campaigns/{campaign_id(lobby)}"
    assert_error(client.get(campaign, headers=other), 404)
    assert_error(client.get(f"{campaign}/outreaches", headers=other), 404)


# ---- partners


def test_a_partners_key_posts_signatures_that_are_known_as_its_own(
    client: TestClient, lobby: Lobby, reader: Headers, deliver: Deliver
) -> None:
    path = signatures_of(lobby)
    partner = token_for(lobby, partner="mine")
    client.post(f"{V2}/tags", headers=token_for(lobby), json={"name": "volunteer"})
    body = {"person": person(), "comments": "Please", "add_tags": ["volunteer"]}
    answer = client.post(path, headers=partner, json=body)
    assert answer.status_code == 200
    assert len(answer.json()["identifiers"]) == 1
    for readable in ("petitions", "tags", "advocacy_campaigns"):
        assert client.get(f"{V2}/{readable}", headers=partner).status_code == 200
    confirm_all(client, deliver())
    someone = urlsplit(answer.json()["_links"]["osdi:person"]["href"]).path
    assert tags_of(client, reader, someone) == ["volunteer"]
    with lobby.database.read() as session:
        (partner_id,) = session.exec(select(Partner.id))
        statement = select(func.count()).where(Signature.partner_id == partner_id)
        assert session.exec(statement).one() == 1


def test_a_partners_key_is_told_nothing_of_people(client: TestClient, lobby: Lobby) -> None:
    scopes = (Scope.ACTION_NETWORK, Scope.SIGNATURES_READ, Scope.SIGNATURES_WRITE)
    partner = token_for(lobby, *scopes, partner="mine")
    tag = id_of(client.post(f"{V2}/tags", headers=token_for(lobby), json={"name": "x"}).json())
    campaign = f"{V2}/advocacy_campaigns/{campaign_id(lobby)}"
    path = signatures_of(lobby)
    for read in (f"{V2}/people", path, f"{V2}/tags/{tag}/taggings", f"{campaign}/outreaches"):
        assert_error(client.get(read, headers=partner), 403, "partner")
    signed = client.post(path, headers=partner, json={"person": person()}).json()
    address = f"{path}/{id_of(signed)}"
    assert_error(client.get(address, headers=partner), 403, "partner")
    assert_error(client.put(address, headers=partner, json={"comments": "x"}), 403, "partner")
    for path in (f"{V2}/people", f"{V2}/tags", f"{campaign}/outreaches"):
        assert_error(client.post(path, headers=partner, json={"person": person()}), 403, "partner")
    linked = client.post(signatures_of(lobby), headers=partner, json=link_to(str(uuid4())))
    assert_error(linked, 403)


# ---- keys for some petitions


@pytest.mark.slow
def test_a_key_for_one_petition_reads_its_signatures_and_nobodys_others(
    client: TestClient, lobby: Lobby
) -> None:
    add_second_petition(lobby)
    ids = sign_and_confirm(
        lobby, *(SignatureRequest(slug, "Anna", EMAIL, CAN_SIGN) for slug in (PETITION, SECOND))
    )
    with lobby.database.read() as session:
        first, second = (session.get_one(Signature, signature_id) for signature_id in ids)
    whole = token_for(lobby, *READS)
    narrow = {TOKEN: secret(lobby, *READS, petition_slugs=[SECOND])}
    mine = f"{V2}/petitions/{second.petition_id}/signatures"
    (signature,) = every_page(client, mine, narrow, "signatures")
    assert f"central_lobby:{second.id}" in signature["identifiers"]
    anna = f"{V2}/people/{signature['action_network:person_id']}"
    theirs = f"{V2}/petitions/{first.petition_id}/signatures"
    for path in (theirs, f"{V2}/people", anna, f"{anna}/signatures", f"{anna}/taggings"):
        assert client.get(path, headers=whole).status_code == 200
        assert_error(client.get(path, headers=narrow), 403, "petition")
    assert_error(client.put(anna, headers=narrow, json={"given_name": "Eve"}), 403, "petition")
    linked = link_to(signature["action_network:person_id"])
    assert client.post(mine, headers=whole, json=linked).status_code == 200
    assert_error(client.post(mine, headers=narrow, json=linked), 403, "petitions")
    added = client.post(f"{V2}/people", headers=narrow, json={"person": person("ben@example.org")})
    assert len(added.json()["identifiers"]) == 1, "told what it sent"


# ---- tags


def test_tags_are_put_on_with_a_signature_or_a_person_and_taken_off(
    client: TestClient, reader: Headers, lobby: Lobby
) -> None:
    for name in ("volunteer", "donor"):
        client.post(f"{V2}/tags", headers=reader, json={"name": name})
    body = {"person": person(), "add_tags": ["volunteer"]}
    signed = [client.post(signatures_of(lobby), headers=reader, json=body).json() for _ in "12"]
    someone = urlsplit(signed[0]["_links"]["osdi:person"]["href"]).path
    assert tags_of(client, reader, someone) == ["volunteer"]
    more = {"person": person(), "add_tags": ["donor", "volunteer"]}
    client.post(f"{V2}/people", headers=reader, json=more)
    assert tags_of(client, reader, someone) == ["donor", "volunteer"]
    fewer = {"person": person(), "remove_tags": ["donor"]}
    client.post(f"{V2}/people", headers=reader, json=fewer)
    assert tags_of(client, reader, someone) == ["volunteer"]
    none_left = {"remove_tags": ["volunteer", "no such tag"], "add_tags": ["nor this"]}
    changed = client.put(someone, headers=reader, json=none_left)
    assert changed.headers[IGNORED] == "nor%20this, no%20such%20tag"
    assert tags_of(client, reader, someone) == []


def tags_of(client: TestClient, token: Headers, path: str) -> list[str]:
    listed = client.get(f"{path}/taggings", headers=token).json()["_embedded"]["osdi:taggings"]
    links = [urlsplit(tagging["_links"]["osdi:tag"]["href"]).path for tagging in listed]
    return sorted(client.get(link, headers=token).json()["name"] for link in links)


def test_a_tag_of_one_name_is_one_and_a_tag_is_on_somebody_once(
    client: TestClient, reader: Headers, lobby: Lobby, clock: Clock
) -> None:
    made = [client.post(f"{V2}/tags", headers=reader, json={"name": " volunteer "}) for _ in "12"]
    tag = id_of(made[0].json())
    assert id_of(made[1].json()) == tag
    supporter = introduce(client, reader)
    path = f"{V2}/tags/{tag}/taggings"
    first = client.post(path, headers=reader, json=link_to(id_of(supporter))).json()
    clock.advance(days=1)
    again = client.post(path, headers=reader, json=link_to(id_of(supporter))).json()
    assert first == again
    with lobby.database.read() as session:
        assert session.exec(select(func.count()).select_from(Tagging)).one() == 1


def test_a_key_that_may_not_read_people_cannot_ask_by_a_tagging_who_is_known(
    client: TestClient, reader: Headers, poster: Headers, lobby: Lobby
) -> None:
    tag = id_of(client.post(f"{V2}/tags", headers=reader, json={"name": "volunteer"}).json())
    introduce(client, reader)
    path = f"{V2}/tags/{tag}/taggings"
    narrow = {TOKEN: secret(lobby, *READS, petition_slugs=[PETITION])}
    for token in (poster, narrow):
        refused = []
        for address in (EMAIL, "nobody@example.org"):
            body = {"person": person(address)}
            signed = client.post(signatures_of(lobby), headers=poster, json=body).json()
            someone = link_to(signed["action_network:person_id"])
            refused.append(client.post(path, headers=token, json=someone))
        known, unknown = refused
        assert_error(known, 403)
        assert unknown.content == known.content
    with lobby.database.read() as session:
        assert session.exec(select(func.count()).select_from(Tagging)).one() == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", 5, None])
def test_a_tag_needs_a_name_of_one_line(client: TestClient, poster: Headers, name: object) -> None:
    assert_error(client.post(f"{V2}/tags", headers=poster, json={"name": name}), 400, "name")


@pytest.mark.parametrize("tags", ["volunteer", [5], ["x"] * 101, {"a": 1}])
def test_tags_that_are_no_list_of_names_are_refused(
    client: TestClient, poster: Headers, tags: object
) -> None:
    body = {"person": person(), "add_tags": tags}
    assert_error(client.post(f"{V2}/people", headers=poster, json=body), 400, "add_tags")


# ---- letters


def test_letters_are_told_by_scope(client: TestClient, lobby: Lobby) -> None:
    path = f"{V2}/advocacy_campaigns/{campaign_id(lobby)}/outreaches"
    without_writers, with_writers = (
        token_for(lobby, Scope.ACTION_NETWORK, Scope.LETTERS_READ),
        token_for(lobby, *LETTERS),
    )
    assert_error(client.get(path, headers=token_for(lobby, *READS)), 403, "letters:read")
    seen = client.get(path, headers=without_writers).json()["_embedded"]["osdi:outreaches"]
    assert seen
    assert not [row for row in seen if row["message"] or "action_network:person_id" in row]
    assert all(row["targets"][0]["family_name"] for row in seen)
    with_people = client.get(path, headers=with_writers).json()["_embedded"]["osdi:outreaches"]
    assert [id_of(row) for row in with_people] == [id_of(row) for row in seen]
    assert all(row["message"] and row["subject"] for row in with_people)
    someone = urlsplit(with_people[0]["_links"]["osdi:person"]["href"]).path
    theirs = client.get(f"{someone}/outreaches", headers=with_writers)
    assert with_people[0] in theirs.json()["_embedded"]["osdi:outreaches"]
    assert_error(
        client.get(f"{someone}/outreaches", headers=without_writers), 403, "letters:writers"
    )


def test_a_letter_is_taken_in_and_goes_once_confirmed(
    client: TestClient, poster: Headers, lobby: Lobby, deliver: Deliver
) -> None:
    path = f"{V2}/advocacy_campaigns/{campaign_id(lobby)}/outreaches"
    home = {"address_lines": ["1 High Street"], "locality": "Edinburgh", "postal_code": CAN_SIGN}
    words = "Please sign Early Day Motion 152. My sister is a nurse at the Infirmary here."
    body = {
        "person": person(postal_addresses=[home]),
        "subject": "Early Day Motion 152",
        "message": words,
    }
    answer = client.post(path, headers=poster, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["central_lobby:state"] == "pending"
    assert answer.json()["targets"]
    (mail,) = deliver()
    confirmed = client.post(
        "/v1/letters/confirm", json={"token": token_in(mail, "letters/confirm")}
    )
    assert confirmed.status_code == 200
    body = {"person": person(), "subject": "x", "message": "y"}
    wrong = client.post(path, headers=poster, json=body)
    assert_error(wrong, 400, "address_lines", "locality", "message")


# ---- ids


def test_an_id_that_is_told_leads_back_and_is_another_for_everybody() -> None:
    old, new = Keyring(["an old secret"]), Keyring(["a new secret", "an old secret"])
    row_id, ours, theirs = new_id(), uuid4(), uuid4()
    veiled = old.veil(ours, row_id, "person")
    assert old.unveil(ours, veiled, "person") == row_id
    assert new.veil(ours, row_id, "person") == veiled, "ids that were written down stay"
    others = {
        old.veil(theirs, row_id, "person"),
        old.veil(ours, row_id, "signature"),
        Keyring(["another secret"]).veil(ours, row_id, "person"),
    }
    assert len(others | {veiled, row_id}) == 5

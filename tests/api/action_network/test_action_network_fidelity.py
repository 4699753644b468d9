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
from services.database.totals import MOST_COUNTED as MOST
from services.signatures import signature_pages
from services.signatures.recording import SignatureRequest
from services.signatures.signature_pages import SignatureFilter
from services.supporters import supporter_pages
from services.supporters.supporters import EmailAddress
from tests.support.action_network import (
    READS,
    V2,
    Headers,
    Json,
    assert_error,
    campaign_id,
    id_of,
    others_token,
    person,
    petition_id,
    signatures_of,
    token_for,
)
from tests.support.common import CAN_SIGN, PETITION, token_in
from tests.support.database.query_plans import sent_statements
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


# ---- totals


@pytest.mark.parametrize(
    "kind", ["people", "petitions", "tags", "advocacy_campaigns", "outreaches"]
)
def test_every_page_has_the_number_of_rows_that_the_database_has(
    client: TestClient, lobby: Lobby, kind: str
) -> None:
    """The numbers are compared with those of SQL of its own, and with what the pages have."""
    token = token_for(lobby, *READS, Scope.LETTERS_READ, Scope.CAMPAIGNS_WRITE)
    for number in range(7):
        client.post(f"{V2}/petitions", headers=token, json={"title": f"Petition {number}"})
        client.post(f"{V2}/tags", headers=token, json={"name": f"tag {number}"})
    others_token(lobby)
    path = f"{V2}/{kind}"
    if kind == "outreaches":
        path = f"{V2}/advocacy_campaigns/{campaign_id(lobby)}/outreaches"
    with lobby.database.read() as session:
        expected = session.connection().exec_driver_sql(COUNTS[kind]).scalar_one()
    listed = pages_of(client, path, token, kind, expected)
    assert len({id_of(row) for row in listed}) == len(listed) == expected > 0


COUNTS = {
    "people": "SELECT count(*) FROM supporter",
    "petitions": "SELECT count(*) FROM petition",
    "tags": "SELECT count(*) FROM tag",
    "advocacy_campaigns": "SELECT count(*) FROM campaign",
    "outreaches": "SELECT count(*) FROM letter",
}


def pages_of(client: TestClient, path: str, token: Headers, kind: str, expected: int) -> list[Json]:
    """Reads as many pages as the first one announces; `expected` is on every page, also after."""
    listed: list[Json] = []
    for size in (7, 25):
        listed.clear()
        first = client.get(path, headers=token, params={"per_page": size}).json()
        for number in range(1, first["total_pages"] + 1):
            params = {"page": number, "per_page": size}
            page = client.get(path, headers=token, params=params).json()
            assert (page["total_records"], page["total_pages"]) == (expected, first["total_pages"])
            assert page["per_page"] == size
            listed += page["_embedded"][f"osdi:{kind}"]
        after = client.get(path, headers=token, params={"page": 999, "per_page": size}).json()
        assert (after["total_records"], after["_embedded"][f"osdi:{kind}"]) == (expected, [])
    return listed


def test_the_total_of_signatures_is_the_tally_and_what_waits_for_its_signers(
    client: TestClient, lobby: Lobby, signatures: str, deliver: Deliver
) -> None:
    token = token_for(lobby, *READS)
    for name in ("anna", "berta"):
        body = {"person": person(f"{name}@example.org")}
        signed = client.post(signatures, headers=token, json=body).json()
    mails = deliver()
    expected = live_signatures(lobby)
    assert len(pages_of(client, signatures, token, "signatures", expected)) == expected
    client.post("/v1/signatures/confirm", json={"token": token_in(mails[0], "confirm")})
    assert live_signatures(lobby) == expected
    pages_of(client, signatures, token, "signatures", expected)
    client.post("/v1/signatures/disown", json={"token": token_in(mails[0], "disown")})
    pages_of(client, signatures, token, "signatures", expected - 1)
    of_person = f"{V2}/people/{signed['action_network:person_id']}/signatures"
    pages_of(client, of_person, token, "signatures", 1)


def live_signatures(lobby: Lobby) -> int:
    statements = (
        "SELECT count(*) FROM signature WHERE state IN ('pending', 'confirmed')",
        "SELECT count(*) FROM submission WHERE state <> 'new'",
    )
    with lobby.database.read() as session:
        connection = session.connection()
        counts = [connection.exec_driver_sql(text).scalar_one() for text in statements]
        return int(sum(counts))


def test_a_list_that_is_filtered_tells_its_total_on_its_last_page_alone(
    client: TestClient, poster: Headers
) -> None:
    for number in range(8):
        client.post(f"{V2}/tags", headers=poster, json={"name": f"tag {number}"})

    def totals(**params: str) -> list[tuple[int | None, int | None]]:
        return [
            (page.get("total_records"), page.get("total_pages"))
            for page in (
                client.get(f"{V2}/tags", headers=poster, params=params | {"page": n}).json()
                for n in ("1", "2", "3", "4")
            )
        ]

    unknown, known = (None, None), (8, 3)
    assert totals(per_page="3") == [known] * 4
    since = "modified_date ge '2026-01-01'"
    assert totals(per_page="3", filter=since) == [unknown, unknown, known, unknown]


@pytest.mark.slow
def test_more_than_ten_thousand_rows_are_not_counted(
    client: TestClient, poster: Headers, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        owner = session.exec(select(Supporter.organisation_id).limit(1)).one()
        new = (
            Tag(organisation_id=owner, name=f"{n}", created_at=lobby.clock()) for n in range(MOST)
        )
        session.add_all(new)
    path = f"{V2}/tags"
    full = client.get(path, headers=poster).json()
    assert (full["total_records"], full["total_pages"]) == (10_000, 400)
    client.post(path, headers=poster, json={"name": "one more"})
    assert "total_records" not in client.get(path, headers=poster).json()
    last = client.get(path, headers=poster, params={"page": 401}).json()
    assert (last["total_records"], len(last["_embedded"]["osdi:tags"])) == (10_001, 1)


def test_counting_reads_no_more_rows_than_it_counts(lobby: Lobby) -> None:
    with lobby.database.read() as session, sent_statements() as sent:
        owner = session.exec(select(Supporter.organisation_id)).first()
        assert owner is not None
        assert supporter_pages.total(session, owner)
        assert signature_pages.total(session, SignatureFilter(petition_id=UUID(petition_id(lobby))))
    counts = [text for text, _ in sent if "count(*)" in text]
    assert len(counts) == 2
    assert all(text.count("count(*)") == text.count("LIMIT") for text in counts)
    assert "petition_tally" in counts[1]


# ---- what clients send for nothing


@pytest.mark.parametrize(
    "query",
    ["page=None", "per_page=None", "filter=None", "page=1&per_page=25filter=None"],
)
def test_a_none_of_python_is_nothing(client: TestClient, poster: Headers, query: str) -> None:
    plain = client.get(f"{V2}/petitions", headers=poster)
    answer = client.get(f"{V2}/petitions?{query}", headers=poster)
    assert (answer.status_code, answer.json()) == (200, plain.json())


@pytest.mark.parametrize(
    "query", ["per_page=25filter=modified_date gt '2026-01-01'", "page=1filter=None", "page="]
)
def test_a_filter_that_is_lost_in_another_field_is_refused(
    client: TestClient, poster: Headers, query: str
) -> None:
    assert_error(client.get(f"{V2}/petitions?{query}", headers=poster), 400, "page: ")

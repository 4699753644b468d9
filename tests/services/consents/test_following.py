"""Tests that copies of signatures learn of every change of what their signers agreed to."""

import csv
import io
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from models import PetitionTally, Scope, Signature, WebhookEvent
from services.assembly import Lobby
from services.campaigns import petitions
from services.common.tokens import Purpose
from services.consents import preferences
from services.database.time_windows import ChangePosition, ChangeWindow
from services.errors import Conflict
from services.signatures import by_partner, confirming, signature_states
from services.signatures.recording import ImportOrigin, SignatureRequest
from tests.support.action_network import READS, V2, person, token_for
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, START, Clock
from tests.support.database.query_plans import pretend_to_be_large, sent_statements
from tests.support.exports import csv_rows, file_of, letters_export
from tests.support.keys import Headers, key_for
from tests.support.mail import write_letter
from tests.support.outside.webhook_receiver import deliveries_held
from tests.support.partners import (
    PAPER,
    RADIO,
    ROUTE,
    SECOND,
    add_partner,
    add_second_petition,
    partner_key,
    signed,
)
from tests.support.signatures import record, record_in
from tests.support.webhooks import create_webhook

EMAIL = "anna@example.org"
EDINBURGH = "S14000078"
CHANGED = WebhookEvent.SUPPORTER_PREFERENCES_CHANGED.value
LATER = "2026-07-02T12:00:00Z"
Row = dict[str, Any]
Change = Callable[[TestClient, Lobby, str], None]


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.SIGNATURES_READ, Scope.WEBHOOKS_WRITE)


@pytest.fixture
def twice(client: TestClient, lobby: Lobby, key: Headers, clock: Clock) -> list[str]:
    """Anna signs two petitions, and wants news; a day passes. Returns the signatures' ids."""
    add_second_petition(lobby)
    create_webhook(client, key, "https://hooks.example.org/lobby", events=[CHANGED])
    ids = [str(signed(lobby, EMAIL, slug, updates=True)) for slug in (PETITION, SECOND)]
    clock.advance(days=1)
    return ids


def changed(client: TestClient, key: Headers, since: str = LATER, slug: str = PETITION) -> Any:
    answer = client.get(f"/v1/petitions/{slug}/signatures?since={since}", headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


def in_files(client: TestClient, key: Headers, slug: str = PETITION) -> list[Row]:
    """Returns what changed as the file has it, which is the same with and without sealed data."""
    route = f"/v1/petitions/{slug}/signatures.csv?since={LATER}"
    whole, plain = (
        list(csv.DictReader(io.StringIO(client.get(f"{route}{more}", headers=key).text)))
        for more in ("", "&personal=false")
    )
    assert [row["id"] for row in whole] == [row["id"] for row in plain]
    return whole


def told(lobby: Lobby) -> list[Row]:
    """Returns the data of the events that were queued a day after the beginning."""
    return [
        json.loads(delivery.payload)["data"]
        for delivery in deliveries_held(lobby)
        if delivery.event == CHANGED and delivery.created_at > START
    ]


def supporter_of(lobby: Lobby, signature_id: str) -> UUID:
    with lobby.database.read() as session:
        return session.get_one(Signature, UUID(signature_id)).supporter_id


def counted(lobby: Lobby) -> dict[tuple[UUID, str], int]:
    with lobby.database.read() as session:
        rows = session.exec(select(PetitionTally)).all()
        return {(row.petition_id, row.constituency_code): row.confirmed for row in rows}


def choose(lobby: Lobby, signature_id: str, **choices: Any) -> None:
    with lobby.database.write() as session:
        supporter_id = session.get_one(Signature, UUID(signature_id)).supporter_id
        preferences.change(session, supporter_id, **choices, now=lobby.clock())


# ---- every way to unsubscribe


def token(lobby: Lobby, signature_id: str) -> str:
    return lobby.tokens.issue(Purpose.UNSUBSCRIBE, supporter_of(lobby, signature_id))


def by_one_click(client: TestClient, lobby: Lobby, signature_id: str) -> None:
    address = f"/unsubscribe/{token(lobby, signature_id)}"
    assert client.post(address, data={"List-Unsubscribe": "One-Click"}).status_code == 200


def on_the_page(client: TestClient, lobby: Lobby, signature_id: str) -> None:
    address = f"/unsubscribe/{token(lobby, signature_id)}"
    answer = client.post(address, data={"shown": "yes", "questions": "yes"}, follow_redirects=False)
    assert answer.status_code == 303


def without_any_email(client: TestClient, lobby: Lobby, signature_id: str) -> None:
    body = {"token": token(lobby, signature_id), "mail": False}
    assert client.post("/v1/preferences", json=body).status_code == 200


def over_the_api(client: TestClient, lobby: Lobby, signature_id: str) -> None:
    body = {"token": token(lobby, signature_id), "updates": False}
    assert client.post("/v1/preferences", json=body).status_code == 200


def by_the_organisation(client: TestClient, lobby: Lobby, _signature_id: str) -> None:
    """Adds the person again, in the dialect, as somebody who wants no news."""
    details = person(email_addresses=[{"address": EMAIL, "status": "unsubscribed"}])
    token = token_for(lobby, *READS)
    answer = client.post(f"{V2}/people", headers=token, json={"person": details})
    assert answer.status_code == 200, answer.text


def by_a_change_of_the_person(client: TestClient, lobby: Lobby, _signature_id: str) -> None:
    token = token_for(lobby, *READS)
    found = client.get(f"{V2}/people?filter=email_address eq '{EMAIL}'", headers=token).json()
    (known,) = found["_embedded"]["osdi:people"]
    address = known["_links"]["self"]["href"].removeprefix(lobby.settings.base_url)
    body = {"email_addresses": [{"address": EMAIL, "status": "unsubscribed"}]}
    assert client.put(address, headers=token, json=body).status_code == 200


def with_a_letter(_client: TestClient, lobby: Lobby, _signature_id: str) -> None:
    with suppress(Conflict):  # the second time
        write_letter(lobby, email=EMAIL, updates=False)


UNSUBSCRIBES = (
    by_one_click,
    on_the_page,
    without_any_email,
    over_the_api,
    by_the_organisation,
    by_a_change_of_the_person,
    with_a_letter,
)


@pytest.mark.parametrize("unsubscribe", UNSUBSCRIBES, ids=lambda way: way.__name__)
def test_every_unsubscribe_reaches_lists_files_and_webhooks_and_no_tally(
    client: TestClient, lobby: Lobby, key: Headers, twice: list[str], unsubscribe: Change
) -> None:
    slugs = (PETITION, SECOND)
    assert [changed(client, key, slug=slug) for slug in slugs] == [[], []]
    before = [changed(client, key, "2026-07-01T12:00:00Z", slug)[-1] for slug in slugs]
    assert [row["consents"] for row in before] == [{"updates": True, "partner": None}] * 2
    tallies = counted(lobby)
    unsubscribe(client, lobby, twice[0])
    unsubscribe(client, lobby, twice[0])
    after = {"consents": {"updates": False, "partner": None}, "changed_at": LATER}
    for place, slug in enumerate(slugs):
        assert changed(client, key, slug=slug) == [before[place] | after], "the rest is as it was"
        (line,) = in_files(client, key, slug)
        assert (line["id"], line["updates"]) == (twice[place], "no")
    about: Row = {"campaign": CAMPAIGN, "constituency": EDINBURGH}
    about |= {"signed_at": "2026-07-01T12:00:00Z"}
    about |= {"changed": ["updates"], "consents": {"updates": False, "partner": None}}
    assert told(lobby) == [
        {"signature_id": signature_id, "petition": slug} | about
        for signature_id, slug in zip(twice, slugs, strict=True)
    ], "once each, although it was done twice"
    assert counted(lobby) == tallies


def test_the_dialect_lists_signatures_and_people_again(
    client: TestClient, lobby: Lobby, twice: list[str]
) -> None:
    choose(lobby, twice[0], updates=False)
    token = token_for(lobby, *READS)
    with lobby.database.read() as session:
        petition_id = petitions.public(session, PETITION).id
    for path, status in ((f"petitions/{petition_id}/signatures", None), ("people", "unsubscribed")):
        for condition, number in (("ge", 1), ("gt", 0)):
            query = {"filter": f"modified_date {condition} '{LATER}'"}
            content = client.get(f"{V2}/{path}", headers=token, params=query).json()
            (found,) = (rows for kind, rows in content["_embedded"].items())
            assert [row["modified_date"] for row in found] == [LATER] * number
            addresses = [row["email_addresses"][0] for row in found if status]
            assert [each["status"] for each in addresses] == [status] * len(addresses)


def test_emails_that_are_turned_on_again_are_told_too(
    client: TestClient, lobby: Lobby, key: Headers, twice: list[str], clock: Clock
) -> None:
    choose(lobby, twice[0], mail=False)
    clock.advance(days=1)
    choose(lobby, twice[0], mail=True)
    (row,) = changed(client, key, "2026-07-03T12:00:00Z")
    assert row["consents"]["updates"] is True
    assert [each["consents"]["updates"] for each in told(lobby)] == [False, False, True, True]
    dialect = token_for(lobby, *READS)
    query = {"filter": "modified_date ge '2026-07-03T12:00:00Z'"}
    people = client.get(f"{V2}/people", headers=dialect, params=query).json()
    (known,) = people["_embedded"]["osdi:people"]
    assert known["modified_date"] == "2026-07-03T12:00:00Z"


def test_a_transaction_that_fails_tells_nothing(
    client: TestClient, lobby: Lobby, key: Headers, twice: list[str]
) -> None:
    def fail() -> None:
        with lobby.database.write() as session:
            preferences.unsubscribe(session, supporter_of(lobby, twice[0]), now=lobby.clock())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (changed(client, key), told(lobby)) == ([], [])


# ---- consent that is given


def test_consent_that_is_granted_later_is_told_as_that_of_a_new_sign_up(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    create_webhook(client, key, "https://hooks.example.org/lobby", events=[CHANGED])
    silent = str(signed(lobby, EMAIL))
    clock.advance(days=1)
    choose(lobby, silent, updates=True)
    new = str(signed(lobby, "ben@example.org", updates=True))
    signed(lobby, "cara@example.org")
    rows = {row["id"]: row["consents"] for row in changed(client, key)}
    assert rows[silent] == rows[new] == {"updates": True, "partner": None}
    events = {each["signature_id"]: each for each in told(lobby)}
    assert events.keys() == {silent, new}, "nobody asked the third"
    assert {name: value for name, value in events[silent].items() if name[:9] != "signature"} == {
        "petition": PETITION,
        "campaign": CAMPAIGN,
        "constituency": EDINBURGH,
        "signed_at": "2026-07-01T12:00:00Z",
        "changed": ["updates"],
        "consents": {"updates": True, "partner": None},
    }
    assert events[silent].keys() == events[new].keys()


@pytest.mark.parametrize(("answer", "is_change"), [(True, False), (None, False), (False, True)])
def test_a_later_signature_changes_the_earlier_ones_if_it_has_another_answer(
    client: TestClient,
    lobby: Lobby,
    key: Headers,
    clock: Clock,
    answer: bool | None,
    is_change: bool,
) -> None:
    add_second_petition(lobby)
    create_webhook(client, key, "https://hooks.example.org/lobby", events=[CHANGED])
    first = str(signed(lobby, EMAIL, updates=True))
    clock.advance(days=1)
    second = str(signed(lobby, EMAIL, SECOND, updates=answer))
    assert [row["id"] for row in changed(client, key)] == [first] * is_change
    now = {"updates": answer is not False, "partner": None}
    assert [row["consents"] for row in changed(client, key, slug=SECOND)] == [now]
    ids = {each["signature_id"] for each in told(lobby)}
    assert ids == ({first, second} if is_change else {second})
    assert all(each["consents"] == now for each in told(lobby))


def test_an_import_changes_what_was_not_answered_here(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    add_second_petition(lobby)
    silent = str(signed(lobby, EMAIL))
    signed(lobby, "ben@example.org", updates=False)
    clock.advance(days=1)
    paper = ImportOrigin("paper, Leeds stall, 3 May 2026")
    requests = [
        SignatureRequest(SECOND, "Anna", email, CAN_SIGN, updates=True, imported=paper)
        for email in (EMAIL, "ben@example.org", "new@example.org")
    ]
    record(lobby, requests)
    assert [(row["id"], row["consents"]["updates"]) for row in changed(client, key)] == [
        (silent, True)
    ]


def test_two_signatures_of_a_person_that_are_confirmed_together_show_the_last_answer(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    add_second_petition(lobby)
    create_webhook(client, key, "https://hooks.example.org/lobby", events=[CHANGED])
    clock.advance(days=1)
    with lobby.database.write() as session:
        ids = []
        for slug, answer in ((PETITION, True), (SECOND, False)):
            request = SignatureRequest(slug, "Anna", EMAIL, CAN_SIGN, updates=answer)
            clock.advance(minutes=1)
            (outcome,) = record_in(session, lobby, [request])
            assert outcome.signature_id
            ids.append(outcome.signature_id)
        confirming.confirm_all(session, ids, keyring=lobby.keyring, now=lobby.clock())
    shown = [row["consents"]["updates"] for row in changed(client, key)]
    shown += [row["consents"]["updates"] for row in changed(client, key, slug=SECOND)]
    assert shown == [False, False]
    assert sorted(each["signature_id"] for each in told(lobby)) == sorted(map(str, ids))
    assert {each["consents"]["updates"] for each in told(lobby)} == {False}


def test_confirming_new_people_reads_no_answers_unless_somebody_is_told(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    def statements(*emails: str) -> list[str]:
        requests = [
            SignatureRequest(PETITION, "A", email, CAN_SIGN, updates=True) for email in emails
        ]
        ids = [outcome.signature_id for outcome in record(lobby, requests)]
        with lobby.database.write() as session, sent_statements() as sent:
            confirming.confirm_all(
                session, [each for each in ids if each], keyring=lobby.keyring, now=lobby.clock()
            )
        return [text for text, _ in sent]

    def reads(texts: list[str]) -> int:
        return sum("FROM consent" in text for text in texts)

    statements("first@example.org")  # writes the wording
    alone = statements("anna@example.org")
    assert reads(alone) == 0
    create_webhook(client, key, "https://hooks.example.org/lobby", events=[CHANGED])
    one = statements("ben@example.org")
    many = statements(*(f"p{number}@example.org" for number in range(40)))
    assert reads(one) == reads(many) == 1
    assert len(one) == len(many) == len(alone) + 2, "the answers, and their deliveries"


def test_letters_of_somebody_who_answers_otherwise_are_in_the_file_again(
    lobby: Lobby, clock: Clock
) -> None:
    letter = write_letter(lobby, email=EMAIL, updates=True)
    clock.advance(days=1)
    for wants_mail in (False, True):
        with lobby.database.write() as session:
            preferences.change(session, letter.supporter_id, mail=wants_mail, now=lobby.clock())
        (row,) = csv_rows(file_of(lobby, letters_export(lobby, since=lobby.clock())))
        assert (row["id"], row["updates"]) == (str(letter.id), "yes" if wants_mail else "no")
        plain = letters_export(lobby, since=lobby.clock(), is_personal=False)
        assert csv_rows(file_of(lobby, plain)) == [], "without personal data it looks as before"
        clock.advance(days=1)


# ---- partners


@pytest.fixture
def of_partners(lobby: Lobby, clock: Clock) -> dict[str, str]:
    """People who let the partner that they came through contact them, by the partner's slug."""
    ids = {}
    for slug in (PAPER, RADIO):
        add_partner(lobby, slug)
        email = f"{slug}@example.org"
        answers: Row = {"partner": slug, "partner_contact": True, "updates": True}
        ids[slug] = str(signed(lobby, email, **answers))
    clock.advance(days=1)
    return ids


def test_a_partner_learns_of_its_own_consent_and_of_no_other_answer(
    client: TestClient, lobby: Lobby, key: Headers, of_partners: dict[str, str], clock: Clock
) -> None:
    keys = {slug: partner_key(lobby, slug) for slug in (PAPER, RADIO)}
    choose(lobby, of_partners[PAPER], updates=False)
    assert [row["id"] for row in changed(client, key)] == [of_partners[PAPER]]
    for reader in keys.values():
        assert changed(client, reader) == in_files(client, reader) == []
    clock.advance(days=1)
    choose(lobby, of_partners[PAPER], partners=[])
    (row,) = changed(client, keys[PAPER])
    assert (row["id"], row["contact"], row["email"]) == (of_partners[PAPER], False, None)
    assert (row["changed_at"], "consents" in row) == ("2026-07-03T12:00:00Z", False)
    (line,) = in_files(client, keys[PAPER])
    assert (line["contact"], line["email"]) == ("no", "")
    assert changed(client, keys[RADIO]) == []
    (own,) = changed(client, key)
    assert (own["partner"], own["consents"]) == (PAPER, {"updates": False, "partner": False})


def test_the_event_says_which_answers_changed(
    client: TestClient, lobby: Lobby, key: Headers, of_partners: dict[str, str]
) -> None:
    create_webhook(client, key, "https://hooks.example.org/lobby", events=[CHANGED])
    choose(lobby, of_partners[PAPER], partners=[])
    choose(lobby, of_partners[RADIO], mail=False)
    assert [(each["changed"], each["consents"]) for each in told(lobby)] == [
        (["partner"], {"updates": True, "partner": False}),
        (["updates", "partner"], {"updates": False, "partner": False}),
    ]


def test_a_withdrawn_signature_is_told_of_once_and_shows_its_partner_nothing(
    client: TestClient, lobby: Lobby, key: Headers, of_partners: dict[str, str]
) -> None:
    create_webhook(client, key, "https://hooks.example.org/lobby", events=[CHANGED])
    with lobby.database.write() as session:
        signature_states.withdraw(session, UUID(of_partners[PAPER]), now=lobby.clock())
    for reader in (key, partner_key(lobby)):
        (row,) = changed(client, reader)
        assert (row["state"], row["changed_at"]) == ("withdrawn", LATER)
    assert told(lobby) == [], "signature.withdrawn tells it"
    choose(lobby, of_partners[PAPER], updates=False)
    assert [each["changed"] for each in told(lobby)] == [["updates"]]


# ---- reading page by page


def page_after(client: TestClient, address: str, key: Headers) -> tuple[list[Row], str | None]:
    answer = client.get(address, headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.links.get("next", {}).get("url")


def test_nothing_is_lost_while_rows_change_between_the_pages(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    ids = []
    for number in range(12):
        clock.advance(seconds=1)
        ids.append(str(signed(lobby, f"p{number}@example.org", updates=True)))
    address: str | None = f"{ROUTE}?since=2026-07-01T12:00:01Z&limit=3"
    copy: dict[str, bool] = {}
    read: list[str] = []
    # Rows that were read already and rows that were not, one of them twice.
    changes = iter([((0, False), (1, False), (5, False)), ((2, False), (6, False)), ((5, True),)])
    while address:
        rows, address = page_after(client, address, key)
        copy |= {row["id"]: row["consents"]["updates"] for row in rows}
        read += [row["id"] for row in rows]
        for number, answer in next(changes, ()):
            clock.advance(seconds=1)
            choose(lobby, ids[number], updates=answer)
    assert copy == {row_id: place not in (0, 1, 2, 6) for place, row_id in enumerate(ids)}
    moved = [ids[number] for number in (0, 1, 2, 6, 5)]
    assert read[-5:] == moved, "what changes moves to the end"
    assert len(read) == 12 + 4, "and comes again only if it was read already"


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_of_any_size_have_each_row_once_also_where_times_are_equal(
    client: TestClient, lobby: Lobby, key: Headers, limit: int
) -> None:
    ids = {str(signed(lobby, f"p{number}@example.org")) for number in range(7)}
    address: str | None = f"{ROUTE}?since=2026-07-01T12:00:00Z&limit={limit}"
    read: list[str] = []
    while address:
        rows, address = page_after(client, address, key)
        read += [row["id"] for row in rows]
    assert len(read) == len(set(read))
    assert set(read) >= ids


def test_a_cursor_of_the_other_order_is_refused(client: TestClient, key: Headers) -> None:
    _, by_id = page_after(client, f"{ROUTE}?limit=1", key)
    _, by_change = page_after(client, f"{ROUTE}?limit=1&since=2020-01-01T00:00:00Z", key)
    assert by_id
    assert by_change
    cursor = by_change.partition("cursor=")[2]
    for address in (f"{by_id}&since=2020-01-01T00:00:00Z", f"{ROUTE}?cursor={cursor}"):
        answer = client.get(address, headers=key)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "cursor"


def plan_of(session: Session, statement: tuple[str, Any]) -> str:
    connection = session.connection()
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{explain} {statement[0]}", statement[1])
    return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.slow
@pytest.mark.own_database
def test_a_page_of_changes_is_read_from_its_index_and_nothing_is_sorted(lobby: Lobby) -> None:
    add_partner(lobby)
    for number in range(300):
        signed(lobby, f"p{number}@example.org", partner=PAPER, partner_contact=True)
    now = lobby.clock()
    windows = ChangeWindow(now), ChangeWindow(now, ChangePosition(now, UUID(int=0)))
    with lobby.database.read() as session, sent_statements() as sent:
        petition = petitions.public(session, PETITION)
        signature = session.exec(select(Signature).where(Signature.partner_id != None)).first()  # noqa: E711 - SQL
        assert signature is not None
        assert signature.partner_id is not None
        for window in windows:
            signature_states.changes(session, petition.id, state=None, window=window, limit=51)
            by_partner.changes(
                session,
                petition.id,
                partner_id=signature.partner_id,
                state=None,
                window=window,
                limit=51,
            )
    pretend_to_be_large(lobby)
    statements = [statement for statement in sent if "FROM signature JOIN" in statement[0]]
    assert len(statements) == 4
    with lobby.database.read() as session:
        for place, statement in enumerate(statements):
            plan = plan_of(session, statement)
            index = "partner_id_partner_changed_at" if place % 2 else "petition_id_changed_at"
            assert f"ix_signature_{index}" in plan, plan
            # Many rows can have one time: those of an import.
            is_within = "changed_at,id)>" in plan.replace(" ", "")
            assert is_within is (place >= 2), plan
            sorts = [
                line for line in plan.splitlines() if "Sort Key" in line or "TEMP B-TREE" in line
            ]
            # The last answer of each person is sorted among their own.
            assert len(sorts) == plan.count("consent_supporter_id"), plan

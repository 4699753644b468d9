"""Tests signatures that came through a partner: their consents, and what the partner can read."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlmodel import col, select

import worker
from models import Consent, Partner, Scope, Submission, Wording
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.consents import preferences
from services.files.export_lines import FileFormat
from services.organisations import partners
from services.signatures import signature_states
from services.signatures.recording import SignatureRequest
from services.submissions import ending
from services.supporters import supporters
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock, token_in
from tests.support.exports import csv_rows, file_of, json_rows, signatures_export
from tests.support.keys import Headers, key_for, others_key
from tests.support.pages import radios_of, sign, visible
from tests.support.partners import (
    NAMES,
    PAPER,
    RADIO,
    ROUTE,
    SECOND,
    WRITE_AND_READ,
    add_partner,
    add_second_petition,
    bearer,
    confirm,
    confirm_newest,
    newest,
    partner_key,
    record,
    secret,
    signed,
)
from tests.support.problems import assert_problem

ANNA: dict[str, Any] = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
BEN = ANNA | {"name": "Ben Example", "email": "ben@example.org"}
PERSONAL = ("name", "email", "postcode", "comment")
CONSENT_TEXT = "Yes, A Paper can contact me. It gets my name, email address, postcode and comment."
Deliver = Callable[[], list[EmailMessage]]


@pytest.fixture
def paper(lobby: Lobby) -> Partner:
    return add_partner(lobby)


@pytest.fixture
def radio(lobby: Lobby) -> Partner:
    return add_partner(lobby, RADIO)


def post_signature(client: TestClient, key: Headers | None = None, **changes: Any) -> Any:
    return client.post(ROUTE, json=ANNA | changes, headers=key)


def consents_of(lobby: Lobby, signature_id: UUID) -> list[tuple[str, bool, bool, str]]:
    """Returns the kind, the answer, whether it is in effect, and the wording of each consent."""
    with lobby.database.read() as session:
        statement = (
            select(Consent, Wording.text)
            .join(Wording, col(Wording.id) == Consent.wording_id)
            .where(Consent.signature_id == signature_id)
            .order_by(col(Consent.kind))
        )
        return [
            (consent.kind, consent.granted, consent.effective_at is not None, text)
            for consent, text in session.exec(statement)
        ]


def rows_of(client: TestClient, key: Headers, path: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{ROUTE}{path}", headers=key)
    assert answer.status_code == 200, answer.text
    return json_rows(answer.content) if path.startswith(".") else answer.json()


def delete_old(lobby: Lobby) -> None:
    """Deletes what was not confirmed in time."""
    with lobby.database.write() as session:
        ending.delete_old(session, now=lobby.clock() + timedelta(days=15))


# ---- partner and source of a signature


def test_a_signature_carries_the_partner_that_it_names_and_its_tracking_code(
    client: TestClient, lobby: Lobby, paper: Partner
) -> None:
    assert post_signature(client, partner=PAPER, source="front-page").status_code == 201
    signature = confirm_newest(lobby)
    assert (signature.partner_id, signature.source) == (paper.id, "front-page")


@pytest.mark.usefixtures("paper")
@pytest.mark.parametrize("slug", ["nobody", "theirs"])
def test_a_partner_that_is_not_the_organisations_is_told_by_its_field(
    client: TestClient, lobby: Lobby, slug: str
) -> None:
    others_key(lobby, Scope.SIGNATURES_READ)
    add_partner(lobby, RADIO, organisation="others")
    partner_slug = RADIO if slug == "theirs" else slug
    assert_problem(post_signature(client, partner=partner_slug), 422, "partner_unknown", "partner")
    with lobby.database.read() as session:
        assert session.exec(select(Submission.id)).all() == []


@pytest.mark.usefixtures("paper", "radio")
def test_who_speaks_with_a_partners_key_is_that_partner_and_no_other(
    client: TestClient, lobby: Lobby, paper: Partner
) -> None:
    key = partner_key(lobby)
    assert_problem(post_signature(client, key, partner=RADIO), 422, "partner_unknown", "partner")
    assert post_signature(client, key, partner=PAPER).status_code == 201
    assert confirm_newest(lobby).partner_id == paper.id
    assert post_signature(client, key, email="ben@example.org").status_code == 201
    assert confirm_newest(lobby).partner_id == paper.id


@pytest.mark.usefixtures("paper")
def test_an_answer_to_nobody_is_told_by_its_field(client: TestClient, lobby: Lobby) -> None:
    answer: dict[str, Any] = {"consents": {"partner": True}}
    assert_problem(post_signature(client, **answer), 422, "partner_missing", "consents.partner")
    key = key_for(lobby, Scope.SIGNATURES_WRITE)
    rows = [ANNA | answer, BEN | answer | {"partner": PAPER}]
    report = client.post(f"{ROUTE}/bulk", json=rows, headers=key).json()
    assert [result["status"] for result in report["results"]] == ["rejected", "accepted"]
    assert [error["field"] for error in report["results"][0]["errors"]] == ["consents.partner"]


@pytest.mark.usefixtures("paper")
def test_what_was_said_to_a_partner_elsewhere_is_not_imported(
    client: TestClient, lobby: Lobby
) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE, Scope.SIGNATURES_IMPORT)
    row = ANNA | {"provenance": "paper", "partner": PAPER}
    report = client.post(
        f"{ROUTE}/bulk", json=[row | {"consents": {"partner": True}}, row], headers=key
    ).json()
    assert [result["status"] for result in report["results"]] == ["rejected", "accepted"]
    assert report["results"][0]["errors"][0]["field"] == "consents.partner"


# ---- consents to the partner


@pytest.mark.usefixtures("paper")
def test_a_partners_question_is_kept_in_its_own_words_and_holds_from_the_confirmation_on(
    lobby: Lobby,
) -> None:
    row_id = record(lobby, "anna@example.org", partner=PAPER, partner_contact=True, updates=False)
    assert consents_of(lobby, row_id) == []
    confirm(lobby, row_id)
    ours, theirs = sorted(consents_of(lobby, row_id), reverse=True)
    assert theirs == (f"partner:{PAPER}", True, True, CONSENT_TEXT)
    assert ours[:3] == ("updates", False, True)


@pytest.mark.usefixtures("paper")
def test_a_yes_to_a_partner_is_none_to_news_nor_to_another_partner(lobby: Lobby) -> None:
    add_partner(lobby, RADIO)
    signed(lobby, "anna@example.org", partner=PAPER, partner_contact=True)
    with lobby.database.read() as session:
        assert supporters.wants_updates(session, newest(lobby).supporter_id) is False
    signed(lobby, "ben@example.org", partner=RADIO, updates=True)
    ben, anna = csv_rows(file_of(lobby, signatures_export(lobby)))[:-3:-1]
    assert (anna["updates"], anna["partner"], anna["partner_contact"]) == ("", PAPER, "yes")
    assert (ben["updates"], ben["partner"], ben["partner_contact"]) == ("yes", RADIO, "")


def test_a_partner_with_a_new_name_asks_in_new_words_and_old_answers_keep_theirs(
    lobby: Lobby, paper: Partner
) -> None:
    first = signed(lobby, "anna@example.org", partner=PAPER, partner_contact=True)
    for name in ("The Times", NAMES[PAPER]):  # the last one is the old name
        with lobby.database.write() as session:
            partners.change(session, session.get_one(Partner, paper.id), name=name)
        second = signed(lobby, f"{len(name)}@example.org", partner=PAPER, partner_contact=True)
        assert consents_of(lobby, second)[0][3].startswith(f"Yes, {name} can contact me.")
    assert consents_of(lobby, first)[0][3] == CONSENT_TEXT


@pytest.mark.usefixtures("paper")
def test_a_signature_without_a_partner_takes_no_statement_more(lobby: Lobby) -> None:
    def statements(**values: Any) -> int:
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, text: str, *_others: Any) -> None:
            sent.append(text)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            request = SignatureRequest(PETITION, "Anna", "a@example.org", CAN_SIGN, **values)
            signatures.record(lobby, [request])
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        return sum(not text.startswith("BEGIN") for text in sent)

    plain = statements()
    assert plain == 2
    assert statements(partner=PAPER) == plain + 1
    assert statements(partner=PAPER, partner_contact=True) == plain + 1


@pytest.mark.parametrize("way", ["page", "api"])
def test_a_yes_to_a_partner_is_taken_back_with_the_link_in_every_mail(
    client: TestClient, lobby: Lobby, clock: Clock, paper: Partner, radio: Partner, way: str
) -> None:
    for partner in (PAPER, RADIO):
        signed(lobby, "anna@example.org", partner=partner, partner_contact=True)
        with lobby.database.write() as session:
            signature_states.withdraw(session, newest(lobby).id, now=clock.now)
        clock.advance(minutes=1)
    signed(lobby, "anna@example.org", partner=PAPER)
    token = lobby.tokens.issue(Purpose.UNSUBSCRIBE, newest(lobby).supporter_id)
    current = client.post("/v1/preferences/read", json={"token": token}).json()
    assert current["partners"] == [
        {"slug": partner.slug, "name": partner.name} for partner in (paper, radio)
    ]
    key = partner_key(lobby)
    # The first signature through it was withdrawn.
    assert [row["contact"] for row in rows_of(client, key)] == [False, True]
    clock.advance(minutes=1)
    if way == "page":
        page = client.get(f"/unsubscribe/{token}")
        assert "A Paper" in visible(page)
        data = {"shown": "yes", "questions": "yes", "partners": RADIO}
        saved = client.post(f"/unsubscribe/{token}", data=data)
        assert saved.headers["Location"] == f"/unsubscribe/{token}?saved=yes"
    else:
        body = {"token": token, "partners": [RADIO, "nobody"]}
        current = client.post("/v1/preferences", json=body).json()
        assert [partner["slug"] for partner in current["partners"]] == [RADIO]
    assert [row["contact"] for row in rows_of(client, key)] == [False, False]
    again = client.post("/v1/preferences", json={"token": token, "partners": [PAPER, RADIO]})
    assert [partner["slug"] for partner in again.json()["partners"]] == [RADIO], (
        "nobody is let in here"
    )


# ---- the page


def test_the_page_asks_the_partners_question_beside_ours_and_answers_neither(
    client: TestClient, lobby: Lobby, deliver: Deliver, paper: Partner
) -> None:
    deliver()
    page = client.get(f"/campaigns/{CAMPAIGN}?partner={PAPER}&source=front-page")
    assert "Can A Paper contact you too?" in visible(page)
    assert CONSENT_TEXT in visible(page)
    buttons = radios_of(page, "partner_contact")
    assert [('value="yes"' in tag, "checked" in tag) for tag in buttons] == [
        (True, False),
        (False, False),
    ]
    for name, value in (("partner", PAPER), ("source", "front-page")):
        assert f'type="hidden" name="{name}" value="{value}"' in page.text
    hidden = {"partner": PAPER, "source": "front-page"}
    assert sign(client, **hidden, partner_contact="yes").status_code == 303
    (mail,) = deliver()
    confirm_page = client.get(f"/confirm/{token_in(mail, 'confirm')}")
    assert CONSENT_TEXT in visible(confirm_page), "who confirms sees what they agree to"
    client.post(f"/confirm/{token_in(mail, 'confirm')}")
    signature = newest(lobby)
    assert (signature.partner_id, signature.source) == (paper.id, "front-page")
    by_kind = {kind: consent for kind, *consent in consents_of(lobby, signature.id)}
    assert by_kind[f"partner:{PAPER}"] == [True, True, CONSENT_TEXT]


@pytest.mark.usefixtures("paper")
def test_the_partners_question_has_to_be_answered_and_a_form_with_a_mistake_keeps_it_all(
    client: TestClient, lobby: Lobby
) -> None:
    hidden = {"partner": PAPER, "source": "front-page"}
    again = sign(client, **hidden, postcode="nonsense", partner_contact="yes")
    assert again.status_code == 422
    assert f'name="partner" value="{PAPER}"' in again.text
    assert 'name="source" value="front-page"' in again.text
    yes, no = radios_of(again, "partner_contact")
    assert ("checked" in yes, "checked" in no) == (True, False)
    unanswered = sign(client, **hidden)
    assert unanswered.status_code == 422
    assert '<a href="#partner_contact">Choose whether they can contact you</a>' in unanswered.text
    assert sign(client, **hidden, partner_contact="no").status_code == 303
    signature = confirm_newest(lobby)
    by_kind = {kind: consent[0] for kind, *consent in consents_of(lobby, signature.id)}
    assert by_kind[f"partner:{PAPER}"] is False


@pytest.mark.parametrize("query", ["partner=nobody", "partner=A%00", "source=%00", "partner=", ""])
def test_a_link_with_a_mistake_in_it_is_still_a_link_to_the_petition(
    client: TestClient, query: str
) -> None:
    page = client.get(f"/campaigns/{CAMPAIGN}?{query}")
    assert page.status_code == 200
    assert "partner" not in page.text
    assert 'name="source"' not in page.text


def test_a_forged_partner_in_the_form_is_told_and_loses_nothing(client: TestClient) -> None:
    for partner in ("nobody", "a\x00b"):
        again = sign(client, partner=partner)
        assert again.status_code == 422
        assert ANNA["email"] in again.text
        assert 'name="partner"' not in again.text


# ---- what the partner sees


@pytest.mark.slow
@pytest.mark.usefixtures("radio")
def test_a_partner_sees_what_came_through_it_and_whose_it_is_only_after_a_yes(
    client: TestClient, lobby: Lobby, paper: Partner
) -> None:
    ids = {
        agrees: signed(
            lobby,
            f"{agrees}@example.org",
            partner=PAPER,
            partner_contact=agrees,
            comment="Mine",
            source="front-page",
        )
        for agrees in (True, False, None)
    }
    signed(lobby, "radio@example.org", partner=RADIO, partner_contact=True)
    signed(lobby, "nobody@example.org")
    key = partner_key(lobby)
    listed = rows_of(client, key)
    assert [UUID(row["id"]) for row in listed] == list(ids.values())
    assert [row["contact"] for row in listed] == [True, False, None]
    for rows in (listed, rows_of(client, key, ".jsonl")):
        assert [row["contact"] for row in rows] == [True, False, None]
        assert [rows[0][name] for name in PERSONAL] == [
            "Anna Example",
            "True@example.org",
            CAN_SIGN,
            "Mine",
        ]
        for row in rows[1:]:
            assert [row[name] for name in PERSONAL] == [None] * 4
            assert (row["state"], row["source"]) == ("confirmed", "front-page")
    content = client.get(f"{ROUTE}.csv", headers=key).content
    assert [row["contact"] for row in csv_rows(content)] == ["yes", "no", ""]
    assert [row["email"] for row in csv_rows(content)] == ["True@example.org", "", ""]
    plain = rows_of(client, key, ".jsonl?personal=false")
    assert [row["id"] for row in plain] == [row["id"] for row in listed]
    assert not set(PERSONAL) & plain[0].keys()


@pytest.mark.usefixtures("paper")
def test_a_yes_ends_with_the_signature_with_a_later_no_and_where_no_mail_is_wanted(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    key = partner_key(lobby)
    yes: dict[str, Any] = {"partner": PAPER, "partner_contact": True}
    withdrawn = signed(lobby, "a@example.org", **yes)
    signed(lobby, "b@example.org", **yes)
    without_mail = newest(lobby).supporter_id
    signed(lobby, "c@example.org", **yes)
    assert [row["contact"] for row in rows_of(client, key)] == [True, True, True]
    clock.advance(minutes=1)
    with lobby.database.write() as session:
        signature_states.withdraw(session, withdrawn, now=clock.now)
        preferences.change(session, without_mail, mail=False, now=clock.now)
    rows = rows_of(client, key)
    assert [row["contact"] for row in rows] == [False, False, True]
    assert [row["email"] for row in rows] == [None, None, "c@example.org"]
    assert [row["state"] for row in rows] == ["withdrawn", "confirmed", "confirmed"]


@pytest.mark.slow
@pytest.mark.usefixtures("paper")
@pytest.mark.parametrize("before", ["nothing", "pending", "confirmed", "withdrawn", "disowned"])
def test_a_partner_cannot_find_out_who_is_here_already(
    client: TestClient, lobby: Lobby, clock: Clock, before: str
) -> None:
    """Every response equals the response for an address that has never signed."""
    if before != "nothing":
        earlier = record(lobby, ANNA["email"])
        if before in ("confirmed", "withdrawn"):
            confirm(lobby, earlier)
        with lobby.database.write() as session:
            if before == "withdrawn":
                signature_states.withdraw(session, earlier, now=clock.now)
            if before == "disowned":
                signature_states.disown(session, earlier, now=clock.now)
    clock.advance(minutes=1)
    key = partner_key(lobby)
    yes = {"consents": {"partner": True}}
    single = post_signature(client, key, **yes)
    assert (single.status_code, single.json()["id"]) == (201, None)
    bulk = client.post(f"{ROUTE}/bulk", json=[ANNA | yes], headers=key).json()
    nothing = {"id": None, "errors": None}
    assert bulk["results"] == [{"index": 0, "status": "accepted"} | nothing]
    for then in (None, worker.sort_submissions, delete_old):
        if then:
            then(lobby)
        assert rows_of(client, key) == rows_of(client, key, ".jsonl") == []
        assert rows_of(client, key, "?state=pending") == []
        assert rows_of(client, key, ".jsonl?state=pending") == []
        summary = client.get(f"/v1/partners/{PAPER}/summary", headers=key).json()
        assert summary["petitions"] == []


@pytest.mark.usefixtures("paper")
def test_duplicates_are_told_a_partner_within_its_own_rows_alone(
    client: TestClient, lobby: Lobby
) -> None:
    signed(lobby, ANNA["email"], partner=PAPER, partner_contact=False)
    key = partner_key(lobby)
    report = client.post(f"{ROUTE}/bulk", json=[ANNA, BEN, BEN], headers=key).json()
    assert [result["status"] for result in report["results"]] == [
        "accepted",
        "accepted",
        "duplicate",
    ]
    assert {result["id"] for result in report["results"]} == {None}


@pytest.mark.usefixtures("paper")
def test_a_draft_is_not_there_for_a_partner(client: TestClient, lobby: Lobby) -> None:
    body = {"slug": "new", "action": "Do it", "addressed_to": "Them", "state": "draft"}
    ours = key_for(lobby, Scope.CAMPAIGNS_WRITE, Scope.SIGNATURES_READ)
    response = client.post("/v1/campaigns/nhs-professionals/petitions", json=body, headers=ours)
    assert response.status_code == 201
    assert client.get("/v1/petitions/new/signatures", headers=ours).status_code == 200
    for path in ("", "/signatures", "/signatures.csv"):
        answer = client.get(f"/v1/petitions/new{path}", headers=partner_key(lobby))
        assert_problem(answer, 404, "petition_unknown")


@pytest.mark.usefixtures("paper")
def test_a_partner_reads_page_by_page_and_what_is_new(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    ids = [str(signed(lobby, f"p{n}@example.org", partner=PAPER)) for n in range(3)]
    clock.advance(minutes=1)
    ids.append(str(signed(lobby, "later@example.org", partner=PAPER)))
    key = partner_key(lobby)
    first = client.get(f"{ROUTE}?limit=3", headers=key)
    second = client.get(first.links["next"]["url"], headers=key)
    assert [row["id"] for row in first.json() + second.json()] == ids
    since = f"?since={clock.now:%Y-%m-%dT%H:%M:%SZ}"
    assert [row["id"] for row in rows_of(client, key, since)] == ids[3:]


# ---- numbers


def test_a_partner_and_its_organisation_see_how_many_came_through_it(
    client: TestClient, lobby: Lobby, clock: Clock, paper: Partner
) -> None:
    signed(lobby, "a@example.org", partner=PAPER, source="front-page")
    withdrawn = signed(lobby, "b@example.org", partner=PAPER, source="front-page")
    clock.advance(days=1)
    signed(lobby, "c@example.org", partner=PAPER)
    record(lobby, "d@example.org", partner=PAPER)
    signed(lobby, "e@example.org")
    with lobby.database.write() as session:
        signature_states.withdraw(session, withdrawn, now=clock.now)
    path = f"/v1/partners/{PAPER}/summary"
    own = client.get(path, headers=partner_key(lobby)).json()
    assert (own["partner"], own["name"]) == (PAPER, paper.name)
    (of_petition,) = own["petitions"]
    assert of_petition == {
        "petition": PETITION,
        "states": {"pending": 0, "confirmed": 2, "withdrawn": 1, "rejected": 0, "expired": 0},
        "sources": [{"source": None, "confirmed": 1}, {"source": "front-page", "confirmed": 1}],
        "other_sources": 0,
        "days": [{"day": "2026-07-01", "confirmed": 1}, {"day": "2026-07-02", "confirmed": 1}],
    }
    ours = key_for(lobby, Scope.SIGNATURES_READ)
    seen = client.get(f"{path}?days=1", headers=ours).json()["petitions"][0]
    assert seen["states"] == of_petition["states"], "what waits is counted by petition alone"
    assert seen["days"] == [{"day": "2026-07-02", "confirmed": 1}]


@pytest.mark.slow
@pytest.mark.usefixtures("paper")
def test_what_a_summary_tells_is_bounded(client: TestClient, lobby: Lobby) -> None:
    for number in range(52):
        signed(lobby, f"p{number}@example.org", partner=PAPER, source=f"s{number:02}")
    signed(lobby, "again@example.org", partner=PAPER, source="s51")
    path = f"/v1/partners/{PAPER}/summary"
    key = key_for(lobby, Scope.SIGNATURES_READ)
    (summary,) = client.get(path, headers=key).json()["petitions"]
    assert len(summary["sources"]) == 50
    assert summary["sources"][0] == {"source": "s51", "confirmed": 2}
    assert summary["other_sources"] == 2
    for days in (0, 367):
        assert client.get(f"{path}?days={days}", headers=key).status_code == 422


@pytest.mark.usefixtures("paper", "radio")
def test_a_summary_is_for_its_partner_and_its_organisation_alone(
    client: TestClient, lobby: Lobby
) -> None:
    path = f"/v1/partners/{PAPER}/summary"
    assert_problem(client.get(path, headers=partner_key(lobby, RADIO)), 404, "partner_unknown")
    theirs = others_key(lobby, *WRITE_AND_READ)
    assert_problem(client.get(path, headers=theirs), 404, "partner_unknown")
    without = partner_key(lobby, PAPER, Scope.SIGNATURES_WRITE)
    assert_problem(client.get(path, headers=without), 403, "scope_missing")


@pytest.mark.usefixtures("paper")
def test_a_key_for_one_petition_sums_up_no_other(client: TestClient, lobby: Lobby) -> None:
    add_second_petition(lobby)
    for slug in (PETITION, SECOND):
        signed(lobby, "anna@example.org", slug, partner=PAPER)
    key = bearer(secret(lobby, Scope.SIGNATURES_READ, partner_slug=PAPER, petition_slugs=[SECOND]))
    path = f"/v1/partners/{PAPER}/summary"
    rows = client.get(path, headers=key).json()["petitions"]
    assert [row["petition"] for row in rows] == [SECOND]
    ours = key_for(lobby, Scope.SIGNATURES_READ)
    rows = client.get(path, headers=ours).json()["petitions"]
    assert [row["petition"] for row in rows] == [PETITION, SECOND]


@pytest.mark.usefixtures("paper")
@pytest.mark.parametrize("form", FileFormat)
def test_the_organisations_file_keeps_all_that_it_has_and_tells_what_was_said_to_partners(
    lobby: Lobby, form: FileFormat
) -> None:
    signed(lobby, "anna@example.org", partner=PAPER, partner_contact=False)
    parse: Any = csv_rows if form is FileFormat.CSV else json_rows
    row = parse(file_of(lobby, signatures_export(lobby), form))[-1]
    assert row["partner_contact"] in ("no", False)
    assert row["email"] == "anna@example.org"

"""Tests letters of a campaign that has no motion, from the draft to the tally."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from models import (
    CampaignStatus,
    Letter,
    LetterState,
    LetterTally,
    Member,
    Membership,
    Motion,
    MotionStatus,
    Office,
    OfficeKind,
    Petition,
    Scope,
    Signature,
    WebhookDelivery,
)
from models.base import new_id, table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.letters import letter_links
from services.letters.drafting import drafts, situations
from services.letters.kinds import coverage, variants
from services.operations import recounts
from services.supporters import seat_watches
from tests.support.campaigns import (
    A_MOTION,
    PETITION,
    SLUG,
    URL,
    add_campaign,
    add_open_campaign,
    link_motion,
    ours,
)
from tests.support.common import CAN_SIGN, MINISTER, SIGNED, Clock, text_of, token_in
from tests.support.keys import key_for
from tests.support.outside.motions_api import KNOWN
from tests.support.pages import ANNA, HOME, SIGNER, VACANT, Deliver, visible

REFUSES, BELFAST_WEST = "CO15 1SE", "N05000004"
MORAG = 900001
BODY = "Dear MP,\n\nMy aunt cannot reach her mother without the bus. Please ask for these passes.\n"
MEMBERS = 13  # of the demonstration
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def campaign(lobby: Lobby, deliver: Deliver) -> None:
    """An open campaign without a motion."""
    add_open_campaign(lobby)
    deliver()


def draft(client: TestClient, postcode: str = CAN_SIGN, **more: Any) -> Json:
    answer = client.post(f"{URL}/letters/draft", json={"postcode": postcode, **more})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def letter(**changes: Any) -> Json:
    person = {"name": ANNA["name"], "email": ANNA["email"]}
    address = {**HOME, "postcode": changes.pop("postcode", CAN_SIGN)}
    return {**person, "address": address, "subject": "Bus passes", "body": BODY, **changes}


def submit(client: TestClient, **changes: Any) -> Json:
    answer = client.post(f"{URL}/letters", json=letter(**changes))
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def submitted_token(client: TestClient, deliver: Deliver, **changes: Any) -> str:
    """Writes a letter, and returns the token in the mail that asks to confirm it."""
    submit(client, **changes)
    (mail,) = deliver()
    assert not A_MOTION.search(f"{mail['Subject']}\n{text_of(mail)}")
    return token_in(mail, "letters/confirm")


def confirm(client: TestClient, token: str) -> Any:
    return client.post("/v1/letters/confirm", json={"token": token})


def send(client: TestClient, deliver: Deliver, **changes: Any) -> None:
    """Writes, confirms and sends a letter."""
    assert confirm(client, submitted_token(client, deliver, **changes)).status_code == 200
    assert "morag.ferncastle@example.org" in {mail["To"] for mail in deliver()}


def proof_of(client: TestClient, deliver: Deliver) -> str:
    """Signs and confirms; returns the proof in the answer."""
    assert client.post(f"/petitions/{PETITION}/sign", data=SIGNER).status_code == 303
    (mail,) = deliver()
    assert not A_MOTION.search(text_of(mail))
    token = token_in(mail, "confirm")
    answer = client.post("/v1/signatures/confirm", json={"token": token}).json()
    assert answer["letter"]["variant"] == "write_to_minister"
    proof: str = answer["letter"]["proof"]
    return proof


def stored(lobby: Lobby) -> list[Letter]:
    with lobby.database.read() as session:
        of_ours = select(Letter).where(Letter.campaign_id == ours(session).id)
        return list(session.exec(of_ours.order_by(col(Letter.id))))


def only(lobby: Lobby) -> Letter:
    (found,) = stored(lobby)
    return found


def wrong_counts(lobby: Lobby) -> list[Any]:
    with lobby.database.read() as session:
        return recounts.wrong_letters(session)


def tally_of(client: TestClient) -> Json:
    tally: Json = client.get(f"{URL}/tally").json()
    return tally


# ---- the draft


@pytest.mark.parametrize(
    ("postcode", "eligibility", "variant"),
    [
        (CAN_SIGN, "can_sign", "write_to_minister"),
        (SIGNED, "can_sign", "write_to_minister"),
        (MINISTER, "convention", "raise_in_government"),
        (REFUSES, "refuses", "write_to_minister"),
    ],
)
def test_every_mp_is_asked_to_turn_to_the_minister_of_the_petition(
    client: TestClient, postcode: str, eligibility: str, variant: str
) -> None:
    found = draft(client, postcode, name="Anna Example")
    assert (found["standing"], found["eligibility"]) == ("not_signed", eligibility)
    assert found["variant"] == found["act"] == variant
    assert found["can_send"]
    assert found["reason"] is None
    assert "the Transport Secretary" in found["body"]
    assert 'I support the petition "Give every carer a bus pass"' in found["body"]
    assert not A_MOTION.search(found["subject"] + found["body"])


def test_an_mp_who_does_not_take_their_seat_is_asked_to_write_too(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        situation = situations.of_seat(
            session, ours(session), BELFAST_WEST, keyring=lobby.keyring, now=lobby.clock()
        )
    found = drafts.draft(situation)
    assert (situation.standing, situation.eligibility) == ("not_signed", "cannot")
    assert (situation.variant, situation.reason) == ("write_to_minister", None)
    assert not A_MOTION.search(found.subject + found.body)


def test_a_vacant_seat_gets_no_letter(client: TestClient) -> None:
    found = draft(client, VACANT)
    assert (found["eligibility"], found["reason"]) == ("vacant", "vacant")
    assert not found["can_send"]
    answer = client.post(f"{URL}/letters", json=letter(postcode=VACANT))
    assert (answer.status_code, answer.json()["code"]) == (409, "letter_vacant")


def test_the_draft_is_there_in_welsh(client: TestClient) -> None:
    found = draft(client, locale="cy")
    assert found["locale"] == "cy"
    assert "A wnewch chi ysgrifennu at y gweinidog cyfrifol ar fy rhan" in found["body"]
    assert not A_MOTION.search(found["subject"] + found["body"])


def test_the_petition_that_is_open_is_named_before_one_that_has_closed(
    client: TestClient, lobby: Lobby
) -> None:
    second = {"slug": "second", "action": "A second one", "addressed_to": "the Mayor"}
    with lobby.database.write() as session:
        petitions.create(session, campaign=ours(session), values=second, now=lobby.clock())
    assert "the Transport Secretary" in draft(client)["body"]
    with lobby.database.write() as session:
        first = petitions.by_slug(session, PETITION)
        petitions.update(session, first, values={"state": "closed"}, now=lobby.clock())
    assert "the Mayor" in draft(client)["body"]
    with lobby.database.write() as session:
        session.execute(sa.delete(Petition).where(col(Petition.campaign_id) == ours(session).id))
    assert "write to the minister responsible for me" in draft(client)["body"]


# ---- from the form to the MP


def test_a_letter_goes_to_the_mp_once_its_writer_confirms_it_and_is_counted(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    token = submitted_token(client, deliver)
    assert stored(lobby) == []
    assert confirm(client, token).json()["status"] == "queued"
    assert confirm(client, token).status_code == 200, "again"
    (mail,) = deliver()
    assert mail["To"] == "morag.ferncastle@example.org"
    assert "cannot reach her mother" in text_of(mail)
    assert "EH1 1YZ" in text_of(mail)
    sent = only(lobby)
    assert (sent.state, sent.motion_id) == (LetterState.SENT, None)
    assert (sent.act, sent.variant) == ("write_to_minister", "write_to_minister")
    tally = tally_of(client)
    assert tally["motion"] is None
    assert tally["letters"] == {"sent": 1, "opened": 0}
    (row,) = [row for row in tally["rows"] if row["letters_sent"]]
    assert row["constituency"]["code"] == sent.constituency_code
    assert client.get(URL).json()["totals"]["letters_sent"] == 1
    assert wrong_counts(lobby) == []


def test_with_a_proof_it_is_queued_at_once_and_a_second_one_is_refused(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    proof = proof_of(client, deliver)
    assert submit(client, proof=proof)["status"] == "queued"
    again = client.post(f"{URL}/letters", json=letter(proof=proof, body=BODY + "Once more.\n"))
    assert (again.status_code, again.json()["code"]) == (409, "letter_sent")
    assert not A_MOTION.search(again.json()["detail"])
    (mail,) = deliver()
    assert mail["To"] == "morag.ferncastle@example.org"
    assert only(lobby).motion_id is None


def test_of_two_letters_to_one_mp_the_first_that_is_confirmed_stands(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    tokens = [submitted_token(client, deliver) for _ in range(2)]
    assert confirm(client, tokens[1]).status_code == 200
    refused = confirm(client, tokens[0])
    assert (refused.status_code, refused.json()["code"]) == (409, "letter_sent")
    assert len(stored(lobby)) == 1
    submit(client)
    assert [mail["To"] for mail in deliver()] == ["morag.ferncastle@example.org"], "no third link"


def test_a_letter_that_was_cancelled_is_replaced(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    token = submitted_token(client, deliver)
    confirm(client, token)
    assert client.post("/v1/letters/cancel", json={"token": token}).status_code == 200
    assert confirm(client, submitted_token(client, deliver)).status_code == 200
    assert only(lobby).state is LetterState.QUEUED


def test_the_database_refuses_a_second_letter_and_knows_campaigns_apart(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    send(client, deliver)
    table, first = table_of(Letter), only(lobby)
    values = {column.name: getattr(first, column.name) for column in table.columns}
    with pytest.raises(IntegrityError), lobby.database.write() as session:
        session.execute(sa.insert(table).values(values | {"id": new_id()}))
    add_campaign(lobby, "another", status=CampaignStatus.OPEN)
    with lobby.database.write() as session:
        other = campaigns.by_slug(session, "another").id
        session.execute(sa.insert(table).values(values | {"id": new_id(), "campaign_id": other}))
        session.execute(sa.insert(table).values(values | {"id": new_id(), "motion_id": KNOWN}))
        found = letter_links.sent_by(
            session,
            first.supporter_id,
            member_id=first.member_id,
            motion_id=None,
            campaign_id=first.campaign_id,
        )
    assert found == first.id


def test_the_key_of_a_count_is_that_of_its_motion(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        code = session.exec(select(Letter.constituency_code)).first()
        campaign_id = ours(session).id
    assert code
    for key, motion_id in ((KNOWN, None), (0, KNOWN)):
        wrong = LetterTally(
            campaign_id=campaign_id, motion_key=key, motion_id=motion_id, constituency_code=code
        )
        with pytest.raises(IntegrityError), lobby.database.write() as session:
            session.add(wrong)


def test_letters_from_own_programs_are_counted_beside_those_that_were_sent(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    token = draft(client)["opened_token"]
    opened = {"postcode": CAN_SIGN, "token": token, "via": "mailto"}
    assert client.post(f"{URL}/letters/opened", json=opened).status_code == 202
    send(client, deliver)
    send(client, deliver, email="bela@example.org", name="Bela Example")
    assert tally_of(client)["letters"] == {"sent": 2, "opened": 1}
    with lobby.database.read() as session:
        (row,) = session.exec(
            select(LetterTally).where(LetterTally.campaign_id == ours(session).id)
        ).all()
    assert (row.motion_key, row.motion_id, row.sent, row.opened) == (0, None, 2, 1)


# ---- changes before it is sent


def test_a_motion_that_is_linked_in_between_holds_the_letter(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    token = submitted_token(client, deliver)
    confirm(client, token)
    link_motion(lobby)
    page = client.get(f"/letters/confirm/{token}")
    assert "There is a motion in Parliament about this now" in visible(page)
    (mail,) = deliver()
    assert mail["To"] == ANNA["email"]
    assert "There is a motion in Parliament about this now" in text_of(mail)
    assert f"/campaigns/{SLUG}/letter" in text_of(mail)
    held = only(lobby)
    assert (held.state, held.reason) == (LetterState.HELD, "motion_linked")
    found = draft(client)
    assert (found["variant"], found["standing"]) == ("ask", "not_signed")
    assert "Early Day Motion" in found["body"]
    assert draft(client, SIGNED)["variant"] == "thank"


def test_a_letter_that_is_confirmed_after_a_motion_was_linked_is_held_too(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    token = submitted_token(client, deliver)
    link_motion(lobby)
    assert confirm(client, token).status_code == 200
    deliver()
    assert (only(lobby).state, only(lobby).reason) == (LetterState.HELD, "motion_linked")


def test_letters_from_before_the_motion_stay_what_they_were(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    send(client, deliver)
    link_motion(lobby)
    assert only(lobby).motion_id is None
    assert tally_of(client)["letters"] == {"sent": 0, "opened": 0}, "those about the motion"
    assert client.get(URL).json()["totals"]["letters_sent"] == 1
    token = submitted_token_about_a_motion(client, deliver)
    assert confirm(client, token).status_code == 200, "another one, about the motion"
    deliver()
    assert [row.motion_id for row in stored(lobby)] == [None, KNOWN]
    assert tally_of(client)["letters"]["sent"] == 1
    assert client.get(URL).json()["totals"]["letters_sent"] == 2
    assert wrong_counts(lobby) == []


def submitted_token_about_a_motion(client: TestClient, deliver: Deliver) -> str:
    submit(client, subject="Please sign EDM 152", body="Dear MP,\n\n" + "Please sign it. " * 6)
    (mail,) = deliver()
    return token_in(mail, "letters/confirm")


def test_when_a_motion_that_was_linked_falls_no_letter_goes(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    confirm(client, submitted_token(client, deliver))
    link_motion(lobby)
    with lobby.database.write() as session:
        session.get_one(Motion, KNOWN).status = MotionStatus.LAPSED
    deliver()
    assert (only(lobby).state, only(lobby).reason) == (LetterState.HELD, "motion_ended")
    assert draft(client)["reason"] == "motion_ended"


def test_an_mp_who_takes_an_office_in_between_does_not_get_the_old_letter(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    token = submitted_token(client, deliver)
    confirm(client, token)
    with lobby.database.write() as session:
        office = Office(
            member_id=only(lobby).member_id,
            kind=OfficeKind.MINISTER,
            title="Minister of State",
            starts_on=clock.now.date(),
        )
        session.add(office)
    page = visible(client.get(f"/letters/confirm/{token}"))
    assert "Your MP has changed office since you wrote it" in page
    (mail,) = deliver()
    assert (only(lobby).state, only(lobby).reason) == (LetterState.HELD, "standing_changed")
    assert "Your MP has changed office" in text_of(mail)
    for text in (page, text_of(mail)):
        assert not A_MOTION.search(text)


# ---- organisers' own letters


def own(act: str, name: str | None = None, **more: Any) -> Json:
    texts = {"subject": "Ours", "opening": f"{{{{ petition }}}}: {act}.", "closing": "Yours."}
    return {"name": name or act, "act": act, "texts": {"en": texts | more.pop("texts", {})}, **more}


def test_own_letters_are_used_in_their_order_and_those_about_a_motion_wait(
    client: TestClient, lobby: Lobby
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    labour = own("write_to_minister", "labour", conditions={"party": ["Labour"]})
    both = [own("thank"), labour, own("another_way"), own("write_to_minister")]
    put = client.put(f"{URL}/letters/variants", json={"variants": both}, headers=key)
    assert put.status_code == 200, put.text
    assert [row["name"] for row in put.json()["variants"]] == [row["name"] for row in both]
    party = draft(client)["member"]["party"]
    assert draft(client)["variant"] == ("labour" if party == "Labour" else "write_to_minister")
    assert draft(client, MINISTER)["variant"] in ("labour", "write_to_minister")
    assert "Give every carer a bus pass: write_to_minister." in draft(client)["body"]
    link_motion(lobby)
    assert draft(client)["variant"] == "another_way"


def test_a_set_without_own_letters_is_built_in(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    body = {"variants": [own("write_to_minister")]}
    assert client.put(f"{URL}/letters/variants", json=body, headers=key).status_code == 200
    link_motion(lobby)
    assert draft(client)["variant"] == "ask"
    motions = {"variants": [own("thank"), own("another_way")]}
    assert client.put(f"{URL}/letters/variants", json=motions, headers=key).status_code == 200
    assert draft(client)["variant"] == "another_way"
    with lobby.database.read() as session:
        found = variants.of_campaign(session, ours(session).id, has_motion=False)
    assert (found.is_built_in, len(found.in_order)) == (True, 2)


@pytest.mark.parametrize(
    ("variant", "field", "code"),
    [
        (
            own("write_to_minister", texts={"opening": "EDM {{ motion_number }}"}),
            "variants.0.texts.en.opening",
            "template_wrong",
        ),
        (
            own("write_to_minister", texts={"closing": "Please sign it."}),
            "variants.0.texts.en.closing",
            "asks_to_sign",
        ),
        (
            own("write_to_minister", "signed", conditions={"standing": ["signed"]}),
            "variants.0.conditions",
            "conditions_never_hold",
        ),
        (
            own("write_to_minister", "sponsors", conditions={"role": ["sponsor"]}),
            "variants.0.conditions",
            "conditions_never_hold",
        ),
        (own("raise_in_government"), "variants", "fallback_missing"),
    ],
)
def test_what_does_not_fit_a_letter_without_a_motion_is_refused(
    client: TestClient, lobby: Lobby, variant: Json, field: str, code: str
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    body = {"variants": [variant]}
    refused = client.put(f"{URL}/letters/variants", json=body, headers=key)
    assert refused.status_code == 422
    assert (field, code) in {(row["field"], row["code"]) for row in refused.json()["errors"]}


def test_every_mp_gets_exactly_one_of_the_built_in_letters(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        found = coverage.of_members(
            variants.in_use(session, ours(session)).in_order,
            coverage.sitting_members(session, ours(session), None, now=lobby.clock()),
        )
    counts = {name: len(members) for name, members in found.by_variant.items()}
    assert counts.keys() == {"raise_in_government", "write_to_minister"}
    assert min(counts.values()) > 0
    assert sum(counts.values()) == found.total == MEMBERS
    assert (found.left_out, found.took_name_off) == ((), ())


# ---- what leaves the service


def test_an_event_and_an_export_have_no_motion(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    key = key_for(lobby, Scope.LETTERS_READ, Scope.WEBHOOKS_WRITE)
    hook = {"url": "https://hooks.example.org/lobby", "events": ["letter.sent"]}
    assert client.post("/v1/webhooks", json=hook, headers=key).status_code == 201
    send(client, deliver)
    with lobby.database.read() as session:
        (event,) = session.exec(select(WebhookDelivery)).all()
    data = json.loads(event.payload)["data"]
    assert (data["campaign"], data["motion_id"]) == (SLUG, None)
    exported = client.get(f"{URL}/letters.jsonl?personal=false", headers=key)
    (row,) = [json.loads(line) for line in exported.text.splitlines()]
    assert (row["motion_id"], row["act"]) == (None, "write_to_minister")


def test_the_news_of_a_new_mp_says_nothing_of_signing(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    form = SIGNER | {"postcode": VACANT}
    assert client.post(f"/petitions/{PETITION}/sign", data=form).status_code == 303
    (mail,) = deliver()
    client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    with lobby.database.write() as session:
        signature = session.exec(select(Signature).order_by(col(Signature.id).desc())).first()
        assert signature
        seat_watches.add(session, signature, now=clock())
        member = session.get_one(Member, MORAG)
        values = member.model_dump() | {"id": 900099, "name": "Ada Newcome"}
        session.add(Member(**values))
        session.flush()
        session.add(
            Membership(
                member_id=900099,
                constituency_code=signature.constituency_code,
                starts_on=clock.now.date(),
            )
        )
        session.flush()
        seat_watches.queue_mails(session, keyring=lobby.keyring, now=clock())
    (mail,) = [mail for mail in deliver() if mail["To"] == ANNA["email"]]
    assert "Here's a letter to Ada Newcome" in text_of(mail)
    assert not A_MOTION.search(text_of(mail))

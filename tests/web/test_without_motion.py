"""Tests the pages of a campaign that has no motion: they offer letters, and name no motion."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import CampaignStatus, Letter, Role
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.letters.kinds import variants
from services.letters.kinds.conditions import Variant
from tests.support.campaigns import (
    A_MOTION,
    DRAFT,
    EDIT,
    PETITION,
    SLUG,
    add_open_campaign,
    add_ready_draft,
    link_motion,
    ours,
)
from tests.support.common import CAN_SIGN, MINISTER, text_of, token_in
from tests.support.desk import DeskClient, as_role, fields_on
from tests.support.pages import ANNA, HOME, SIGNER, VACANT, Deliver, Page, body_of, hidden, visible

CAMPAIGN = f"/campaigns/{SLUG}"
LETTERS = f"/organiser/campaigns/{SLUG}/edit/letters"
MEMBERS = 13  # of the demonstration
OWN = "My aunt cannot reach her mother without the bus, and a pass would change that at once."
MORAG = 900001


@pytest.fixture(autouse=True)
def campaign(lobby: Lobby, deliver: Deliver) -> None:
    add_open_campaign(lobby)
    deliver()


def without_motion(page: Page) -> str:
    """Returns the text of a page, in which there is no word of motions."""
    assert page.status_code == 200, page.text
    text = visible(page)
    assert not A_MOTION.search(text)
    return text


# ---- what the public reads


def test_no_public_page_names_a_motion_and_all_offer_letters(client: TestClient) -> None:
    text = without_motion(client.get(CAMPAIGN))
    assert "Write to them. We’ll give you a letter to start from." in text
    text = without_motion(client.get(f"{CAMPAIGN}/mps/{MORAG}"))
    assert "You can ask Morag Ferncastle to write to the minister." in text
    assert "Enter your postcode, and we’ll start a letter for you." in text
    without_motion(client.get(f"{CAMPAIGN}/mps"))
    assert "signed_on" not in client.get(f"{CAMPAIGN}/mps").text
    without_motion(client.get(f"{CAMPAIGN}/letter"))


@pytest.mark.parametrize(
    ("postcode", "stand"),
    [
        (CAN_SIGN, "You can ask Morag Ferncastle to write to the minister."),
        (MINISTER, "You can ask them to raise it with the minister."),
        (VACANT, "There will be a by-election."),
    ],
)
def test_somebody_who_has_not_signed_gets_a_letter(
    client: TestClient, postcode: str, stand: str
) -> None:
    text = without_motion(client.post(f"{CAMPAIGN}/letter", data={"postcode": postcode}))
    assert stand in text


def test_a_letter_by_email_is_written_confirmed_and_answered_without_a_motion(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    editor = client.post(f"{CAMPAIGN}/letter", data={"postcode": CAN_SIGN, **ANNA})
    assert "the Transport Secretary" in body_of(editor)
    form = {**ANNA, **HOME, "updates": "no", "personal": OWN, "wants_copy": "yes"}
    form["drafted_for"] = hidden(editor, "drafted_for")
    assert client.post(f"{CAMPAIGN}/letters", data=form).status_code == 303
    (mail,) = deliver()
    assert not A_MOTION.search(f"{mail['Subject']}{text_of(mail)}")
    path = f"/letters/confirm/{token_in(mail, 'letters/confirm')}"
    without_motion(client.get(path))
    without_motion(client.post(path))
    letter, copy = deliver()
    assert (letter["To"], copy["To"]) == ("morag.ferncastle@example.org", ANNA["email"])
    for each in (letter, copy):
        assert not A_MOTION.search(f"{each['Subject']}{text_of(each)}")
    without_motion(client.get(path))
    with lobby.database.read() as session:
        written = select(Letter.id).where(Letter.campaign_id == ours(session).id)
        token = lobby.tokens.issue(Purpose.LETTER_ANSWER, session.exec(written).one())
    answer = client.get(f"/letters/answer/{token}")
    assert "They passed on a minister’s reply" in without_motion(answer)
    assert "sign it" not in visible(answer)


def test_a_signer_writes_from_the_thank_you_page(client: TestClient, deliver: Deliver) -> None:
    assert client.post(f"/petitions/{PETITION}/sign", data=SIGNER).status_code == 303
    (mail,) = deliver()
    confirmed = client.post(f"/confirm/{token_in(mail, 'confirm')}")
    thanks = confirmed.headers["Location"]
    page = client.get(thanks)
    assert "You can ask Morag Ferncastle to write to the minister." in without_motion(page)
    saved = client.post(f"{thanks}/letter", data={"personal": OWN, "version": "0"})
    assert saved.status_code in (200, 303)
    editor = client.get(f"{thanks}/letter")
    assert OWN in body_of(editor)
    without_motion(editor)
    check = client.get(f"{thanks}/letter/check")
    without_motion(check)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', check.text))
    sent = client.post(f"{thanks}/letter/check", data={**fields, **HOME})
    assert sent.status_code == 303, visible(sent)
    (letter,) = deliver()
    assert letter["To"] == "morag.ferncastle@example.org"
    assert "the Transport Secretary" in text_of(letter)
    again = without_motion(client.get(thanks))
    assert "See my letter" in again


def test_the_page_says_so_where_a_motion_was_linked_in_between(
    client: TestClient, lobby: Lobby
) -> None:
    editor = client.post(f"{CAMPAIGN}/letter", data={"postcode": CAN_SIGN, **ANNA})
    form = {**ANNA, **HOME, "updates": "no", "personal": OWN}
    form["drafted_for"] = hidden(editor, "drafted_for")
    link_motion(lobby)
    changed = client.post(f"{CAMPAIGN}/letters", data=form)
    assert changed.status_code == 409
    assert "There’s a motion in Parliament about this now." in visible(changed)
    assert OWN in body_of(changed)
    assert "Early Day Motion" in body_of(changed)


# ---- the desk


def counts_on(page: Page) -> list[int]:
    main = page.text.partition('<ol class="choices">')[2].partition("</ol>")[0]
    return [int(count) for count in re.findall(r"<strong>(\d+) MPs?</strong>", main)]


def own(lobby: Lobby) -> tuple[Variant, ...]:
    with lobby.database.read() as session:
        return variants.own(session, ours(session).id)


def test_the_builder_counts_every_mp_and_names_no_mp_who_signs(signed_in: DeskClient) -> None:
    page = signed_in.get(LETTERS)
    text = visible(page)
    assert sum(counts_on(page)) == MEMBERS
    assert f"Together they cover all {MEMBERS} MPs." in text
    assert "letters ask MPs to write to the Transport Secretary" in text
    assert "MPs who hold an office, such as ministers and whips." in text
    assert "All MPs." in text
    assert "signed" not in text


def test_a_preview_shows_every_kind_of_mp(signed_in: DeskClient) -> None:
    page = signed_in.get(f"{LETTERS}/write_to_minister")
    text = visible(page)
    assert re.search(r"No office \(\d+\) In office \(\d+\) Others \(\d+\)", text)
    assert "Would you write to the Transport Secretary for me" in text
    assert "motion_number" not in text
    office = visible(signed_in.get(f"{LETTERS}/write_to_minister?preview=in-office"))
    assert "gets another letter: Ask to raise it in government" in office
    signed = visible(signed_in.get(f"{LETTERS}/write_to_minister?preview=has-signed"))
    assert "gets no letter" not in signed
    welsh = visible(signed_in.get(f"{LETTERS}/write_to_minister?lang=cy"))
    assert "A wnewch chi ysgrifennu at y gweinidog cyfrifol" in welsh


def test_an_own_letter_is_written_and_letters_about_a_motion_are_kept(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        about = variants.built_in()
        variants.save(session, ours(session), about, now=lobby.clock())
    form = fields_on(signed_in.get(f"{LETTERS}/write_to_minister"))
    form["subject"] = "{{ addressed_to }}: please ask them"
    saved = signed_in.post(f"{LETTERS}/write_to_minister", data=form)
    assert saved.status_code == 303, visible(saved)
    assert [letter.name for letter in own(lobby)] == [
        *("raise_in_government", "write_to_minister"),
        *("thank", "ask", "minister", "another_way"),
    ]
    assert own(lobby)[1].texts["en"].subject == "{{ addressed_to }}: please ask them"
    removed = signed_in.post(f"{LETTERS}/write_to_minister/remove")
    assert removed.status_code == 409
    assert "Keep as the last one “Ask them to write to the minister” for everybody." in visible(
        removed
    ) or "“Ask them to write to the minister”, for all parties" in visible(removed)
    assert signed_in.post(f"{LETTERS}/raise_in_government/remove").status_code == 303
    assert signed_in.post(f"{LETTERS}/write_to_minister/remove").status_code == 303
    assert own(lobby) == about


def test_a_form_from_before_a_motion_was_linked_adds_nothing_to_its_letters(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    form = fields_on(signed_in.get(f"{LETTERS}/write_to_minister"))
    link_motion(lobby)
    late = signed_in.post(f"{LETTERS}/write_to_minister", data=form)
    assert late.status_code == 409
    again = signed_in.post(f"{LETTERS}/new", data=form | {"name": "Write"})
    assert again.status_code == 422
    assert "Choose what the letter asks." in visible(again)
    assert own(lobby) == ()


def test_a_letter_that_asks_to_sign_is_refused_where_there_is_nothing_to_sign(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    form = fields_on(signed_in.get(f"{LETTERS}/write_to_minister"))
    for closing, why in (
        ("Please sign it.", "This campaign has no motion that MPs could sign."),
        ("It is {{ motion_number }}.", "cannot be used in a letter that is about no motion"),
    ):
        refused = signed_in.post(f"{LETTERS}/write_to_minister", data=form | {"closing": closing})
        assert refused.status_code == 422
        assert why in visible(refused)
    assert own(lobby) == ()


def test_a_draft_without_a_motion_lacks_its_letters_until_they_reach_everybody(
    client: DeskClient, lobby: Lobby
) -> None:
    add_ready_draft(lobby)
    as_role(lobby, client, Role.OWNER)
    page = visible(client.get(f"{EDIT}/open"))
    assert "Add the missing letters" not in page
    assert "lets people write to their MP" in page
    raise_it = next(each for each in variants.built_in(has_motion=False) if each.name[0] == "r")
    with lobby.database.write() as session:
        draft = campaigns.by_slug(session, DRAFT)
        variants.save(session, draft, [raise_it], now=lobby.clock(), is_unfinished=True)
    assert "Add the missing letters" in visible(client.get(f"{EDIT}/open"))
    assert "MPs would get nothing" in visible(client.get(f"{EDIT}/letters"))
    client.post(f"{EDIT}/open", data={"do": "open"})
    with lobby.database.read() as session:
        assert campaigns.by_slug(session, DRAFT).status is CampaignStatus.DRAFT


def test_the_desk_counts_letters_without_a_motion(
    signed_in: DeskClient, client: TestClient, deliver: Deliver
) -> None:
    form = {**ANNA, **HOME, "updates": "no", "personal": OWN}
    assert client.post(f"{CAMPAIGN}/letters", data=form).status_code == 303
    (mail,) = deliver()
    client.post(f"/letters/confirm/{token_in(mail, 'letters/confirm')}")
    deliver()
    card = visible(signed_in.get("/organiser")).partition("Bus passes for carers")[2]
    assert "1 letter" in card

"""Tests the letter of a signer: its draft, its pages, and sending it without a second email."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

import worker
from models import (
    Campaign,
    CampaignStatus,
    Letter,
    LetterDraft,
    LetterState,
    Member,
    MotionSignatory,
    Scope,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import LIFETIMES, Purpose
from services.letters import letter_drafts
from services.letters.letter_drafts import DraftContent
from tests.support.common import CAMPAIGN, CAN_SIGN, Clock, text_of
from tests.support.keys import key_for
from tests.support.letters import Signer, confirmed_signer, stored_draft, use_browser_of
from tests.support.pages import (
    ANNA,
    HOME,
    VACANT,
    Deliver,
    Page,
    body_of,
    close_campaign,
    hidden,
    value_of,
    visible,
)

OWN = "My mother was nursed on Ward 12, and agency staff cost the hospital twice as much."
OTHER = "I worked nights there myself for eleven years, so I know what short wards mean."
CARDIFF = "CF10 1EP"


@pytest.fixture
def signer(client: TestClient, deliver: Deliver, lobby: Lobby) -> Signer:
    """A signer in Edinburgh, with the client as the browser that confirmed the signature."""
    signer = confirmed_signer(client, deliver, lobby)
    use_browser_of(client, signer)
    return signer


def save(client: TestClient, signer: Signer, **fields: Any) -> Page:
    """Sends the letter's page as its form would, at the newest version unless `fields` names it."""
    shown = client.get(signer.letter)
    assert shown.status_code == 200, shown.text
    form = {"version": hidden(shown, "version"), "action": "preview"}
    return client.post(signer.letter, data=form | fields)


def send(client: TestClient, signer: Signer, **changes: str) -> Page:
    """Opens the page that sends the letter, and sends its form."""
    shown = client.get(signer.check)
    assert shown.status_code == 200, shown.headers
    form = {name: hidden(shown, name) for name in ("version", "drafted_for")}
    return client.post(signer.check, data=HOME | form | changes)


def own_words(page: Page) -> str:
    match = re.search(r'<textarea id="personal"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)
    assert match, "no field for own words"
    return match.group(1)


def campaign_points(lobby: Lobby) -> list[str]:
    with lobby.database.read() as session:
        return campaigns.public(session, CAMPAIGN).letter_points


def drafts(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(LetterDraft)).all())


def letters_of_anna(lobby: Lobby) -> list[Letter]:
    with lobby.database.read() as session:
        found = session.exec(select(Letter).order_by(col(Letter.id))).all()
        return [letter for letter in found if letter.name.text == ANNA["name"]]


def lets_sign(session: Session, name: str) -> None:
    """Puts an MP's name under the motion."""
    member = session.exec(select(Member).where(Member.name == name)).one()
    other = session.exec(select(MotionSignatory)).first()
    assert other
    session.add(
        MotionSignatory(
            **other.model_dump()
            | {"id": 999_001, "member_id": member.id, "is_withdrawn": False}
            | {"withdrawn_on": None, "sponsoring_order": 99}
        )
    )


# ---- the way through


def test_own_words_from_the_thank_you_page_are_saved_and_stand_first_in_the_letter(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    saved = client.post(signer.letter, data={"personal": OWN})
    assert (saved.status_code, saved.headers["Location"]) == (303, signer.letter)
    assert stored_draft(lobby, signer).content.personal == OWN
    page = client.get(signer.letter)
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "private, no-cache")
    assert own_words(page) == OWN
    assert body_of(page).startswith(
        "Dear Ms Ferncastle,\n\nI live in Edinburgh East and Musselburgh and I am one of your "
        f"constituents. {OWN}\n\nI am writing about Early Day Motion 152, which asks the "
        "government to stop the sale of NHS Professionals, the NHS's own staff bank."
    )
    assert "Hasn’t signed yet" in visible(page)


def test_a_letter_is_written_checked_and_sent_without_a_second_email(
    client: TestClient, signer: Signer, lobby: Lobby, deliver: Deliver
) -> None:
    points = campaign_points(lobby)[:2]
    assert save(client, signer, personal=OWN, points=points).headers["Location"] == (
        f"{signer.letter}#letter"
    )
    to_check = save(client, signer, personal=OWN, points=points, action="check")
    assert (to_check.status_code, to_check.headers["Location"]) == (303, signer.check)
    page = client.get(signer.check)
    assert page.headers["Cache-Control"] == "no-store"
    for shown in (ANNA["name"], ANNA["email"], CAN_SIGN, OWN, " ".join(points)):
        assert shown in visible(page)
    for name in ("line1", "line2", "town"):
        assert value_of(page, name) == ""
    for name in ("name", "email", "postcode"):
        assert f'<input id="{name}"' not in page.text, "it is known, and not asked for again"
    sent = send(client, signer, wants_copy="yes")
    assert sent.status_code == 303
    assert "Your letter is on its way" in visible(client.get(sent.headers["Location"]))
    to_member, copy = deliver()
    assert (to_member["To"], copy["To"]) == ("morag.ferncastle@example.org", ANNA["email"])
    assert f"constituents. {OWN}" in " ".join(text_of(to_member).split())
    assert text_of(to_member).endswith(
        "Yours sincerely,\nAnna Example\n1 Princes Street\nEdinburgh\nEH1 1YZ\n"
    )
    assert letters_of_anna(lobby)[0].state is LetterState.SENT


def test_the_letter_that_is_shown_is_the_letter_that_goes(
    client: TestClient, signer: Signer, deliver: Deliver
) -> None:
    save(client, signer, personal=OWN, subject="Ward 12 and EDM 152", subject_was="another")
    shown = body_of(client.get(signer.check))
    send(client, signer)
    (letter,) = deliver()
    assert letter["Subject"] == "Ward 12 and EDM 152"
    assert text_of(letter) == f"{shown}\n1 Princes Street\nEdinburgh\nEH1 1YZ\n"


@pytest.mark.slow
def test_sending_twice_sends_once_and_back_shows_that_it_was_sent(
    client: TestClient, signer: Signer, lobby: Lobby, deliver: Deliver
) -> None:
    save(client, signer, personal=OWN)
    shown = client.get(signer.check)
    form = HOME | {name: hidden(shown, name) for name in ("version", "drafted_for")}
    first, second = (client.post(signer.check, data=form) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    for page in (second, client.get(signer.check), client.get(signer.letter)):
        assert page.status_code == 303
        path = page.headers["Location"]
        assert path.startswith("/letters/confirm/")
        assert "on its way" in visible(client.get(path))
    late = client.post(signer.letter, data={"version": "1", "personal": OTHER})
    assert late.headers["Location"].startswith("/letters/confirm/")
    assert len(deliver()) == 1
    assert len(letters_of_anna(lobby)) == 1
    assert drafts(lobby) == 0


def test_a_letter_can_be_sent_without_anything_of_ones_own(
    client: TestClient, signer: Signer, deliver: Deliver
) -> None:
    assert send(client, signer).status_code == 303
    assert len(deliver()) == 1


# ---- three parts


@pytest.mark.slow
def test_a_tick_never_changes_what_was_written(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    points = campaign_points(lobby)
    save(client, signer, personal=OWN)
    for chosen in (points[:1], points[:3], [], points):
        save(client, signer, personal=OWN, points=chosen)
        page = client.get(signer.letter)
        assert own_words(page) == OWN
        assert OWN in body_of(page)
        assert [point in body_of(page) for point in points] == [p in chosen for p in points]
    assert f"{points[0]} {points[1]}" in body_of(page), "they are one paragraph"


@pytest.mark.slow
def test_a_letter_changed_by_hand_stays_as_it_is_and_starting_again_keeps_everything(
    client: TestClient, signer: Signer, lobby: Lobby, deliver: Deliver
) -> None:
    points = campaign_points(lobby)[:2]
    save(client, signer, personal=OWN, points=points, action="by_hand")
    page = client.get(signer.letter)
    assert "You’ve changed the whole letter by hand." in visible(page)
    assert OWN in body_of(page)
    mine = "Dear Morag,\n\nThis is all mine now, every word of it, and it is long enough.\n\nAnna"
    kept = {"personal": OWN, "points": points, "by_hand": "yes", "subject": "Mine, please read"}
    save(client, signer, body=mine, **kept)
    assert body_of(client.get(signer.letter)) == mine
    save(client, signer, body=mine, action="start_again", **kept)
    page = client.get(signer.letter)
    assert own_words(page) == OWN
    assert len(re.findall(r'name="points"[^>]* checked', page.text)) == 2
    assert "This is all mine now" in visible(page), "the text before is shown beside it"
    assert body_of(page) != mine
    save(client, signer, personal=OWN, points=points, action="drop:0")
    save(client, signer, personal=OWN, points=points, action="by_hand")
    save(client, signer, body=mine, **kept)
    send(client, signer)
    (letter,) = deliver()
    assert letter["Subject"] == "Mine, please read"
    assert text_of(letter).startswith(mine)


@pytest.mark.slow
def test_a_subject_follows_the_campaigns_text_until_it_is_changed(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    page = client.get(signer.letter)
    default = value_of(page, "subject")
    save(client, signer, subject=default, subject_was=default)
    assert stored_draft(lobby, signer).content.subject == ""
    save(client, signer, subject="Mine", subject_was=default)
    assert value_of(client.get(signer.letter), "subject") == "Mine"


# ---- versions: two devices


@pytest.mark.slow
def test_an_old_page_overwrites_nothing_and_loses_nothing(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    save(client, signer, personal="First words.")
    save(client, signer, personal=OWN, version="1")  # one device
    late = save(client, signer, personal=OTHER, version="1")  # another, from the same page
    assert late.headers["Location"] == f"{signer.letter}?changed=yes"
    page = client.get(late.headers["Location"])
    assert "You changed this letter in another tab or on another device." in visible(page)
    assert own_words(page) == OWN
    assert OTHER in visible(page)
    assert OTHER not in body_of_sheet(page)
    stored = stored_draft(lobby, signer)
    assert (stored.version, stored.content.others) == (2, (OTHER,))
    save(client, signer, personal=OWN, action="add:0")
    page = client.get(signer.letter)
    assert own_words(page) == f"{OWN}\n\n{OTHER}"
    assert "You also wrote this" not in visible(page)


def body_of_sheet(page: Page) -> str:
    """Returns the letter in the sheet, not other texts that are shown."""
    sheet = re.search(r'class="letter-sheet".*?</section>', page.text, re.DOTALL)
    assert sheet
    return sheet.group()


def test_the_second_of_two_devices_can_go_on_after_the_first(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    save(client, signer, personal=OTHER, version="0")
    save(client, signer, personal=OWN, version="0")  # began before the first had saved
    assert stored_draft(lobby, signer).content == DraftContent(personal=OTHER, others=(OWN,))
    save(client, signer, personal=f"{OTHER} {OWN}", version="1")
    assert stored_draft(lobby, signer).content.personal == f"{OTHER} {OWN}"
    save(client, signer, personal=OTHER, version="0")
    stored = stored_draft(lobby, signer)
    assert stored.content.personal == f"{OTHER} {OWN}"
    assert set(stored.content.others) == {OWN, OTHER}


@pytest.mark.slow
def test_the_page_that_saved_last_can_save_again_after_back(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    save(client, signer, personal=OWN, version="0", page="one")
    save(client, signer, personal=f"{OWN} And more.", version="0", page="one")
    content = stored_draft(lobby, signer).content
    assert (content.personal, content.others) == (f"{OWN} And more.", ())
    save(client, signer, personal=OTHER, version="2", page="two")
    save(client, signer, personal=OWN, version="0", page="one")
    content = stored_draft(lobby, signer).content
    assert (content.personal, content.others) == (OTHER, (OWN,))


def test_words_from_the_thank_you_page_do_not_replace_a_draft(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    save(client, signer, personal=OWN, points=campaign_points(lobby)[:1])
    client.post(signer.letter, data={"personal": ""})
    client.post(signer.letter, data={"personal": OTHER})
    content = stored_draft(lobby, signer).content
    assert (content.personal, content.others) == (OWN, (OTHER,))
    assert content.points == tuple(campaign_points(lobby)[:1])


def test_a_script_saves_words_and_points_by_version(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    path, points = f"{signer.letter}/draft", campaign_points(lobby)[:1]
    first = client.put(path, json={"version": 0, "personal": OWN, "points": points})
    assert (first.status_code, first.json()) == (200, {"version": 1})
    late = client.put(path, json={"version": 0, "personal": OTHER, "points": []})
    assert late.status_code == 409
    assert late.json() == {"version": 1, "personal": OWN, "points": points}
    assert stored_draft(lobby, signer).content == DraftContent(OWN, tuple(points))
    next_one = client.put(path, json={"version": 1, "personal": OTHER, "points": []})
    assert next_one.json() == {"version": 2}
    assert own_words(client.get(signer.letter)) == OTHER


@pytest.mark.parametrize(
    "body",
    [
        {"version": -1, "personal": "", "points": []},
        {"version": 0, "personal": "x" * 3001, "points": []},
        {"version": 0, "personal": "", "points": ["x" * 401]},
        {"version": 0, "personal": "", "points": [], "line1": "1 Princes Street"},
        {"version": 0, "personal": "a\0b", "points": []},
        [],
    ],
)
def test_a_script_that_sends_something_else_is_refused(
    client: TestClient, signer: Signer, lobby: Lobby, body: Any
) -> None:
    assert client.put(f"{signer.letter}/draft", json=body).status_code == 422
    assert drafts(lobby) == 0


@pytest.mark.slow
def test_what_is_sent_is_what_the_page_showed(
    client: TestClient, signer: Signer, lobby: Lobby, deliver: Deliver
) -> None:
    save(client, signer, personal=OWN)
    shown = client.get(signer.check)
    save(client, signer, personal=OTHER)
    form = {name: hidden(shown, name) for name in ("version", "drafted_for")}
    page = client.post(signer.check, data=HOME | form)
    assert page.status_code == 409
    assert "Your letter has changed since you opened this page." in visible(page)
    assert OTHER in visible(page)
    assert value_of(page, "line1") == HOME["line1"], "what was typed is kept"
    assert deliver() == []
    assert drafts(lobby) == 1
    form = {name: hidden(page, name) for name in ("version", "drafted_for")}
    assert client.post(signer.check, data=HOME | form).status_code == 303


# ---- strangers


@pytest.mark.parametrize("cookie", ["none", "forged", "of another", "expired", "of the address"])
def test_a_stranger_with_the_address_can_read_and_send_nothing(
    client: TestClient,
    signer: Signer,
    lobby: Lobby,
    deliver: Deliver,
    clock: Clock,
    cookie: str,
) -> None:
    save(client, signer, personal=OWN)
    client.cookies.clear()
    other = confirmed_signer(client, deliver, lobby, email="other@example.org")
    cookies = {
        "none": "",
        "forged": "a" * 75,
        "of another": other.cookie,
        "expired": signer.cookie,
        "of the address": signer.token,
    }
    if cookies[cookie]:
        client.cookies.set("lobby_signer", cookies[cookie], path=signer.thanks)
    if cookie == "expired":
        clock.advance(seconds=LIFETIMES[Purpose.SIGNER].total_seconds() + 2)
    form = HOME | {"version": "1", "personal": OTHER, "action": "preview", "drafted_for": ""}
    script = {"version": 1, "personal": OTHER, "points": []}
    answers = [
        client.get(signer.letter),
        client.get(signer.check),
        client.post(signer.letter, data=form),
        client.post(signer.check, data=form),
        client.put(f"{signer.letter}/draft", json=script),
    ]
    assert [page.status_code for page in answers] == [303, 303, 303, 303, 403]
    assert all(page.headers["Location"] == signer.thanks for page in answers[:4])
    assert client.get(f"{signer.letter}/draft").headers["Location"] == signer.letter
    for page in answers:
        assert not any(private in page.text for private in (*ANNA.values(), OWN))
    for path in (signer.letter, signer.check, f"{signer.letter}/draft"):
        for method in ("PUT", "PATCH", "DELETE", "POST"):
            answer = client.request(method, path)
            assert answer.status_code in (303, 403, 405, 422)
            assert OWN not in answer.text
    assert stored_draft(lobby, signer).content.personal == OWN
    assert deliver() == []


def test_a_bad_address_is_an_error_for_everybody(client: TestClient, signer: Signer) -> None:
    for path in ("/thanks/nonsense/letter", "/thanks/nonsense/letter/check"):
        assert client.get(path).status_code == 422
    assert client.get(f"/thanks/{signer.withdraw}/letter").status_code == 422


# ---- what happens in between


def test_a_signature_that_was_withdrawn_in_between_sends_nothing(
    client: TestClient, signer: Signer, lobby: Lobby, deliver: Deliver
) -> None:
    save(client, signer, personal=OWN)
    shown = client.get(signer.check)
    form = HOME | {name: hidden(shown, name) for name in ("version", "drafted_for")}
    assert client.post(f"/withdraw/{signer.withdraw}").status_code == 200
    assert drafts(lobby) == 0
    for page in (
        client.post(signer.check, data=form),
        client.post(signer.letter, data={"version": "1", "personal": OTHER}),
        client.get(signer.letter),
    ):
        assert (page.status_code, page.headers["Location"]) == (303, signer.thanks)
    script = {"version": 1, "personal": OTHER, "points": []}
    assert client.put(f"{signer.letter}/draft", json=script).status_code == 403
    assert drafts(lobby) == 0
    assert deliver() == []


@pytest.mark.slow
def test_an_mp_who_signs_in_between_gets_a_letter_that_fits_around_the_same_words(
    client: TestClient, signer: Signer, lobby: Lobby, deliver: Deliver
) -> None:
    save(client, signer, personal=OWN)
    shown = client.get(signer.check)
    with lobby.database.write() as session:
        lets_sign(session, "Morag Ferncastle")
    form = HOME | {name: hidden(shown, name) for name in ("version", "drafted_for")}
    page = client.post(signer.check, data=form)
    assert page.status_code == 409
    assert "Morag Ferncastle’s position on the motion has changed" in visible(page)
    assert OWN in body_of(page)
    assert "Thank you for adding your name" in body_of(page)
    assert value_of(page, "town") == HOME["town"]
    assert (deliver(), drafts(lobby)) == ([], 1)
    assert send(client, signer).status_code == 303
    (letter,) = deliver()
    assert letter["Subject"].startswith("Thank you for signing EDM 152")


def test_a_campaign_that_ends_in_between_keeps_the_words(
    client: TestClient, signer: Signer, lobby: Lobby, deliver: Deliver
) -> None:
    save(client, signer, personal=OWN)
    shown = client.get(signer.check)
    close_campaign(lobby, CampaignStatus.CLOSED)
    form = HOME | {name: hidden(shown, name) for name in ("version", "drafted_for")}
    page = client.post(signer.check, data=form)
    assert page.status_code == 409
    assert "letters are closed" in visible(page)
    assert "Send my letter" not in visible(page)
    page = client.get(signer.letter)
    assert own_words(page) == OWN
    assert "Check before sending" not in visible(page)
    assert client.get(signer.check).headers["Location"] == signer.letter
    assert deliver() == []


def test_a_signer_of_a_vacant_seat_sees_that_nobody_is_there_to_write_to(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    signer = confirmed_signer(client, deliver, lobby, postcode=VACANT)
    use_browser_of(client, signer)
    page = client.get(signer.letter)
    assert page.status_code == 200
    assert "There&#39;s no MP for this constituency" in visible(page)
    assert "Check before sending" not in visible(page)


def test_a_signer_abroad_has_no_letter(client: TestClient, deliver: Deliver, lobby: Lobby) -> None:
    signer = confirmed_signer(client, deliver, lobby, abroad="yes", postcode="")
    use_browser_of(client, signer)
    for page in (client.get(signer.letter), client.get(signer.check)):
        assert page.headers["Location"] == signer.thanks


# ---- errors


def test_errors_stand_at_their_fields_and_lose_nothing(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    save(client, signer, personal=OWN)
    long = "x" * 3001
    page = save(client, signer, personal=long)
    assert page.status_code == 422
    assert '<a href="#personal">' in page.text
    assert own_words(page) == long
    assert stored_draft(lobby, signer).content.personal == OWN
    linked = f"{OWN} See https://example.org/nurses and ask Adaeze Hartwhistle."
    page = save(client, signer, personal=linked, action="check")
    assert page.status_code == 422
    assert "Remove the link. MPs&#39; spam filters block emails with links." in visible(page)
    assert "Your letter names another MP: Adaeze Hartwhistle." in visible(page)
    assert '<a href="#personal">' in page.text
    assert "<title>Error: " in page.text
    assert stored_draft(lobby, signer).content.personal == linked, "it is saved all the same"
    assert client.get(signer.check).headers["Location"] == signer.letter


def test_a_wrong_address_is_said_at_its_field_and_kept(
    client: TestClient, signer: Signer, lobby: Lobby, deliver: Deliver
) -> None:
    save(client, signer, personal=OWN)
    page = send(client, signer, line1="", line2="<b>Flat</b>", town="x" * 101, wants_copy="yes")
    assert page.status_code == 422
    assert "Enter address line 1." in visible(page)
    assert ('href="#line1"' in page.text, 'href="#town"' in page.text) == (True, True)
    assert value_of(page, "town") == "x" * 101
    assert re.search(r'name="wants_copy"[^>]* checked', page.text)
    page = send(client, signer, line2="<b>Flat</b>")
    assert (page.status_code, 'href="#line2"' in page.text) == (422, True)
    assert (deliver(), drafts(lobby)) == ([], 1)


def test_where_own_words_are_required_a_letter_without_them_goes_no_further(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        campaign = session.exec(select(Campaign).where(Campaign.slug == CAMPAIGN)).one()
        campaign.own_words_are_required = True
        session.add(campaign)
    page = save(client, signer, points=campaign_points(lobby), action="check")
    assert page.status_code == 422
    assert "You haven&#39;t added anything of your own yet." in visible(page)
    assert save(client, signer, personal=OWN, action="check").status_code == 303


# ---- what is kept, and how long


def test_a_draft_is_sealed_and_never_has_the_street_address(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    save(client, signer, personal=OWN, **HOME)
    address = {"line1": "221B Baker Street", "town": "Auchtermuchty", "line2": "Flat 9"}
    with lobby.database.write() as session:  # so that sending fails after the address was typed
        lets_sign(session, "Morag Ferncastle")
    shown = client.get(signer.check)
    form = {"version": hidden(shown, "version"), "drafted_for": "1-ask"}
    assert client.post(signer.check, data=address | form).status_code == 409
    with lobby.database.read() as session:
        row = session.exec(select(LetterDraft)).one()
        content = row.content.text
        sealed = bytes(
            session.connection().exec_driver_sql("SELECT content FROM letter_draft").scalar_one()
        )
    assert OWN in content
    for part in (*address.values(), *HOME.values()):
        assert not part or part not in content
    assert OWN.encode() not in sealed


def test_a_draft_is_deleted_when_its_letter_is_sent_by_the_api(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    save(client, signer, personal=OWN)
    letter = {
        **{name: ANNA[name] for name in ("name", "email")},
        "address": {**HOME, "postcode": CAN_SIGN},
        "subject": "Please sign EDM 152",
        "body": f"Dear Ms Ferncastle,\n\n{OWN}\n",
        "proof": lobby.tokens.issue(Purpose.WRITE, signer.signature_id),
    }
    answer = client.post(f"/v1/campaigns/{CAMPAIGN}/letters", json=letter)
    assert answer.json()["status"] == "queued"
    assert drafts(lobby) == 0


@pytest.mark.parametrize("end", ["withdraw", "disown"])
def test_a_draft_ends_with_its_signature(
    client: TestClient, signer: Signer, lobby: Lobby, end: str
) -> None:
    save(client, signer, personal=OWN)
    assert client.post(f"/{end}/{getattr(signer, end)}").status_code == 200
    assert drafts(lobby) == 0


def test_a_draft_is_deleted_14_days_after_its_last_save(
    client: TestClient, signer: Signer, lobby: Lobby, clock: Clock
) -> None:
    save(client, signer, personal=OWN)
    clock.advance(days=1)
    save(client, signer, personal=OTHER)
    clock.now += letter_drafts.KEPT_FOR - timedelta(seconds=1)
    assert worker.delete_old_drafts(lobby, threading.Event()) == 0
    clock.advance(seconds=1)
    assert worker.delete_old_drafts(lobby, threading.Event()) == 1
    assert drafts(lobby) == 0


# ---- Welsh


@pytest.mark.slow
def test_a_letter_in_welsh_offers_translated_points_only_and_says_its_language(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    signer = confirmed_signer(client, deliver, lobby, postcode=CARDIFF)
    use_browser_of(client, signer)
    english = campaign_points(lobby)
    save(client, signer, personal="Fy mam oedd yno.", points=[english[0], english[1]])
    save(client, signer, personal="Fy mam oedd yno.", points=english[:2], action="cy")
    page = client.get(signer.letter)
    labels = re.findall(r'<label for="point-\d+"([^>]*)>([^<]*)<', page.text)
    assert [lang for lang, _ in labels] == [' lang="cy"'] * 2
    assert all("NHS" in text or "Hebddo" in text for _, text in labels)
    assert re.search(r'<div class="letter" lang="cy">Annwyl Mr Tregaroth,', page.text)
    assert re.search(r'<dd lang="cy">Cais i lofnodi', page.text)
    assert re.search(r'<input id="subject"[^>]* lang="cy"', page.text)
    letter = body_of(page)
    assert "Mae NHS Professionals yn arbed" in letter
    assert english[1] not in letter, "it is not translated"
    assert "sy'n galw ar y llywodraeth i atal gwerthu NHS Professionals" in letter
    save(client, signer, personal="Fy mam oedd yno.", points=english[:2], action="en")
    page = client.get(signer.letter)
    assert english[0] in body_of(page)
    assert english[1] in body_of(page), "it was kept while it was not offered"


def test_points_in_welsh_are_set_by_the_api_and_go_with_their_english(
    client: TestClient, lobby: Lobby
) -> None:
    key, path = key_for(lobby, Scope.CAMPAIGNS_WRITE), f"/v1/campaigns/{CAMPAIGN}"
    both = {"letter_points": ["One.", "Two."], "letter_points_welsh": ["Un.", "Dau."]}
    answer = client.patch(path, json=both, headers=key)
    assert {name: answer.json()[name] for name in both} == both
    changed = client.patch(path, json={"letter_points": ["One.", "2."]}, headers=key)
    assert changed.json()["letter_points_welsh"] == ["Un.", ""]
    more = client.patch(path, json={"letter_points_welsh": ["a", "b", "c"]}, headers=key)
    assert (more.status_code, more.json()["errors"][0]["field"]) == (422, "letter_points_welsh")
    new = {"slug": "new-one", "title": "New", "summary": "New.", "letter_points_welsh": ["Un."]}
    refused = client.post("/v1/campaigns", json=new, headers=key)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (
        422,
        "letter_points_welsh",
    )


# ---- the meter


@pytest.mark.slow
def test_the_meter_judges_only_what_the_writer_added(
    client: TestClient, signer: Signer, lobby: Lobby
) -> None:
    points = campaign_points(lobby)

    def meter(**fields: Any) -> str:
        save(client, signer, **fields)
        tags = re.findall(r'<span class="tag[^"]*">([^<]*)</span>', client.get(signer.letter).text)
        return str(tags[-1])

    assert meter(personal="") == "Same as others"
    assert meter(personal="", points=points) == "Same as others"
    assert meter(personal="My mother was nursed there.") == "Partly yours"
    assert meter(personal=f"{OWN} {OTHER}") == "Yours"
    assert meter(personal=f"{OWN} {OTHER}", points=points) == "Yours", "ticks do not count against"

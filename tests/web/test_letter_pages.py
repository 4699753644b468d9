"""Tests the pages where supporters write, read and send letters."""

import re
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from models import CampaignStatus, LetterState, Member, Scope, Submission
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.letters import letter_links
from services.letters.drafting import situations
from services.parliament.standing import Eligibility, Role, Standing
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, SIGNED, text_of, token_in
from tests.support.keys import key_for
from tests.support.pages import (
    ANNA,
    BODY,
    HOME,
    LETTER,
    LETTERS,
    RAW_VALUES,
    VACANT,
    Deliver,
    body_of,
    close_campaign,
    letter_path,
    sign,
    undo_form,
    value_of,
    visible,
    write,
)
from web.base import words


def test_a_postcode_finds_the_mp_and_drafts_a_letter(client: TestClient) -> None:
    page = client.post(LETTER, data={"postcode": CAN_SIGN.lower(), "name": "Anna Example"})
    assert page.status_code == 200
    assert "Morag Ferncastle hasn’t signed the motion yet." in visible(page)
    assert body_of(page).rstrip().endswith("Anna Example")
    for program in ("mailto:", "https://mail.google.com/", "https://outlook.office.com/"):
        assert f'href="{program}' in page.text


@pytest.mark.parametrize(
    ("postcode", "message"),
    [
        (SIGNED, "Adaeze Hartwhistle has signed the motion."),
        (MINISTER, "people in such an office don’t sign motions"),
        ("CO15 1SE", "has said that they sign no motions"),
    ],
)
def test_the_standing_of_the_mp_is_said_in_words(
    client: TestClient, postcode: str, message: str
) -> None:
    page = client.post(LETTER, data={"postcode": postcode})
    assert message in visible(page)
    assert not RAW_VALUES.search(visible(page))


def test_where_no_letter_is_possible_the_reason_stands_there(client: TestClient) -> None:
    page = client.post(LETTER, data={"postcode": VACANT})
    assert page.status_code == 200
    assert "There&#39;s no MP for this constituency at the moment." in visible(page)
    assert "we can email you when there’s a new MP" in visible(page)
    assert "<textarea" not in page.text
    assert 'id="email"' not in page.text, "a stranger leaves no address here"


def test_only_the_letter_page_of_a_vacant_seat_speaks_of_a_coming_mp(
    client: TestClient, lobby: Lobby
) -> None:
    for postcode in (CAN_SIGN, MINISTER):
        page = client.post(LETTER, data={"postcode": postcode})
        assert "when there’s a new MP" not in visible(page)
    close_campaign(lobby, CampaignStatus.CLOSED)
    page = client.post(LETTER, data={"postcode": VACANT})
    assert "when there’s a new MP" not in visible(page)


def test_points_and_a_sentence_of_ones_own_go_into_the_draft(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.read() as session:
        point = campaigns.public(session, CAMPAIGN).letter_points[1]
    chosen = {**ANNA, "points": [point, "Not one of the campaign's points."]}
    page = client.post(LETTER, data={**chosen, "personal": "My mother was nursed there."})
    assert point in body_of(page)
    assert "My mother was nursed there." in body_of(page)
    assert "Not one of" not in body_of(page)
    assert len(re.findall(r'name="points"[^>]* checked', page.text)) == 1
    assert value_of(page, "email") == ANNA["email"]


@pytest.mark.parametrize(
    ("postcode", "message"),
    [
        ("nonsense", "Enter a full UK postcode"),
        ("", "Enter your postcode."),
        ("ZE3 9JW", "We can&#39;t find that postcode. Check it and try again."),
        ("JE2 3AB", "Jersey isn&#39;t represented in the UK Parliament"),
    ],
)
def test_a_postcode_without_an_mp_is_told_beside_its_field(
    client: TestClient, postcode: str, message: str
) -> None:
    for page in (
        client.post(LETTER, data={"postcode": postcode, "name": "Anna Example"}),
        write(client, postcode=postcode),
    ):
        assert page.status_code == 422
        assert message in visible(page)
        assert 'id="postcode-error"' in page.text
        assert value_of(page, "name") == "Anna Example"
    assert body_of(page).strip() == BODY.strip()


def test_wrong_fields_of_a_letter_are_all_told_and_everything_is_kept(
    client: TestClient,
) -> None:
    wrong = {"subject": "", "body": "Too short.", "email": "no", "line1": "", "town": "x" * 101}
    page = write(client, **wrong)
    assert page.status_code == 422
    for name in wrong:
        assert f'<a href="#{name}">' in page.text
    assert body_of(page) == "Too short."
    assert value_of(page, "town") == wrong["town"]
    assert value_of(page, "postcode") == CAN_SIGN


def test_a_letter_is_read_sent_and_said_to_be_sent(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    path = letter_path(client, deliver)
    page = client.get(path)
    assert "Morag Ferncastle, MP for Edinburgh East and Musselburgh" in visible(page)
    assert "my ward depends on it. Anna Example 1 Princes Street Edinburgh EH1 1YZ" in visible(page)
    assert deliver() == []  # a GET sends nothing
    assert "Your letter is on its way" in visible(client.post(path))
    (letter,) = deliver()
    assert "my ward depends on it" in text_of(letter)
    shown = re.search(r'<div class="letter"[^>]*>(.*?)</div>', page.text, re.DOTALL)
    assert shown
    assert shown.group(1).strip() == text_of(letter).strip()
    assert "Your letter has been sent" in visible(client.get(path))
    assert client.post(path.replace("confirm", "cancel")).status_code == 409


def test_the_address_of_the_mps_office_is_shown_to_nobody(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    page = client.get(letter_path(client, deliver))
    with lobby.database.read() as session:
        letter_id = lobby.tokens.read(Purpose.LETTER, urlsplit(str(page.url)).path.split("/")[-1])
        letter = letter_links.find(session, letter_id, keyring=lobby.keyring)
        member = session.get_one(Member, letter.member_id)
    assert member.email
    assert member.email not in page.text


def test_a_cancelled_letter_is_not_sent(client: TestClient, deliver: Deliver) -> None:
    path = letter_path(client, deliver)
    cancel = path.replace("confirm", "cancel")
    assert client.get(cancel).headers["Location"] == path
    cancelled = client.post(cancel)
    assert "Your letter won’t be sent" in visible(cancelled)
    assert "my ward depends on it" in visible(cancelled), "what was typed is not lost"
    assert "Send my letter" not in visible(cancelled)
    again = client.post(cancel)
    assert (again.status_code, "This letter is gone" in visible(again)) == (200, True)
    assert [client.post(path).status_code, client.get(path).status_code] == [410, 410]
    assert deliver() == []


def test_a_confirmed_letter_can_be_cancelled_until_it_goes(
    client: TestClient, deliver: Deliver
) -> None:
    path = letter_path(client, deliver)
    assert client.post(path).status_code == 200
    cancelled = client.post(path.replace("confirm", "cancel"))
    assert "Your letter won’t be sent" in visible(cancelled)
    assert "Your letter won’t be sent" in visible(client.get(path))
    assert client.post(path).status_code == 409
    assert deliver() == []


def test_a_letter_has_the_hash_of_the_network_or_key_that_it_came_from(
    client: TestClient, lobby: Lobby
) -> None:
    """By it, mails to one mailbox are shared out among those who ask for them."""
    words = {"subject": "Please sign EDM 152", "body": BODY, "name": ANNA["name"]}
    body = words | {"email": ANNA["email"], "address": {**HOME, "postcode": CAN_SIGN}}
    assert client.post(f"/v1{LETTERS}", json=body).status_code == 201
    assert write(client).status_code == 303
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    assert client.post(f"/v1{LETTERS}", json=body, headers=key).status_code == 201
    with lobby.database.read() as session:
        by_api, by_page, by_key = session.exec(
            select(Submission.sender_index).order_by(col(Submission.id))
        )
    assert by_api
    assert by_api == by_page
    assert by_key not in (None, by_api)


def not_me(client: TestClient, deliver: Deliver) -> str:
    """Writes a letter; returns the path of the link for 'not me' in the mail."""
    deliver()
    assert write(client).status_code == 303
    (mail,) = deliver()
    return f"/letters/disown/{token_in(mail, 'letters/disown')}"


def waiting(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(Submission)).all())


def test_the_owner_of_an_address_says_not_me_and_gets_no_more_mails_about_letters(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    path = not_me(client, deliver)
    page = client.get(path)
    assert "Did someone use your email address?" in visible(page)
    assert "Morag Ferncastle" in visible(page)
    assert "my ward depends on it" not in page.text
    assert waiting(lobby) == 1, "a GET changes nothing"
    done = client.post(path)
    assert (done.status_code, done.headers["Cache-Control"]) == (200, "no-store")
    assert "Letter deleted" in visible(done)
    assert waiting(lobby) == 0
    assert "This letter is gone" in visible(client.get(path))
    assert write(client).status_code == 303
    assert deliver() == []
    assert sign(client).status_code == 303
    (mail,) = deliver()
    assert "Confirm your signature" in mail["Subject"], "that is something else"


def test_one_click_in_a_mail_program_does_what_not_me_does(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    path = not_me(client, deliver)
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert waiting(lobby) == 0
    write(client)
    assert deliver() == []


def test_not_me_can_be_taken_back_on_its_page(client: TestClient, deliver: Deliver) -> None:
    path = not_me(client, deliver)
    undo, fields = undo_form(client.post(path))
    assert set(fields) == {"campaign", "address"}
    wrong = client.post(undo, data=fields | {"address": fields["address"][:-1]})
    assert wrong.status_code == 422
    answer = client.post(undo, data=fields)
    assert answer.status_code == 303
    lifted = client.get(answer.headers["Location"])
    assert "<title>You can write again – " in lifted.text
    assert "You can write again" in visible(lifted)
    assert write(client).status_code == 303
    (mail,) = deliver()
    assert "is ready to send" in mail["Subject"]


@pytest.mark.slow
def test_not_me_after_the_confirmation_cancels_the_letter_until_it_has_gone(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    for is_sent in (False, True):
        email = f"owner{is_sent}@example.org".lower()
        write(client, email=email)
        (mail,) = deliver()
        assert (
            client.post(f"/letters/confirm/{token_in(mail, 'letters/confirm')}").status_code == 200
        )
        if is_sent:
            assert len(deliver()) == 1
        done = client.post(f"/letters/disown/{token_in(mail, 'letters/disown')}")
        heading = "This letter was confirmed" if is_sent else "Letter deleted"
        assert heading in visible(done)
    assert deliver() == []


def test_the_page_of_a_letter_shows_all_of_it_and_a_get_changes_nothing(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    deliver()
    write(client, wants_copy="yes", line2="Flat 3", subject="Sign EDM 152, please")
    (mail,) = deliver()
    path = f"/letters/confirm/{token_in(mail, 'letters/confirm')}"
    for _ in range(2):
        page = client.get(path)
        assert page.headers["Cache-Control"] == "no-store"
        shown = visible(page)
        assert "Sign EDM 152, please" in shown
        assert "Anna Example 1 Princes Street Flat 3 Edinburgh EH1 1YZ" in shown
        assert "We’ll email you a copy." in shown
    assert waiting(lobby) == 1
    client.post(path)
    (to_member, copy) = deliver()
    assert (to_member["Subject"], copy["To"]) == ("Sign EDM 152, please", ANNA["email"])


def test_a_letter_whose_postcode_leads_to_another_mp_is_shown_once_more(
    client: TestClient, deliver: Deliver
) -> None:
    drafted = client.post(LETTER, data={"postcode": SIGNED})
    mark = re.search(r'name="drafted_for" value="([^"]+)"', drafted.text)
    assert mark
    deliver()
    page = write(client, drafted_for=mark.group(1))
    assert page.status_code == 409
    assert "Your MP is now Morag Ferncastle. Check that your text still fits." in visible(page)
    assert '<a href="#postcode">' in page.text
    assert "Morag Ferncastle" in visible(page)
    assert body_of(page).strip() == BODY.strip()
    newer = re.search(r'name="drafted_for" value="([^"]+)"', page.text)
    assert newer
    assert write(client, drafted_for=newer.group(1)).status_code == 303


def test_a_letter_to_a_vacant_seat_is_refused_and_kept(client: TestClient) -> None:
    page = write(client, postcode=VACANT)
    assert page.status_code == 409
    assert "There&#39;s no MP for this constituency at the moment." in visible(page)
    assert body_of(page).strip() == BODY.strip()


IN_WELSH = "Ysgrifennwch yn Gymraeg"
CARDIFF = "CF10 1EP"


@pytest.mark.slow
def test_a_letter_to_an_mp_for_wales_can_be_written_in_welsh_and_back_in_english(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    page = client.post(LETTER, data={"postcode": CARDIFF, "name": "Anna Example"})
    assert IN_WELSH in visible(page)
    assert body_of(page).startswith("Dear Mr Tregaroth,")
    form = {"postcode": CARDIFF, "name": "Anna Example", "locale": "en", "language": "cy"}
    welsh = client.post(LETTER, data={**form, "personal": "Fy mam oedd yno."})
    assert body_of(welsh).startswith("Annwyl Mr Tregaroth,")
    assert "Fy mam oedd yno." in body_of(welsh)
    assert 'name="locale" value="cy"' in welsh.text
    assert (IN_WELSH in visible(welsh), "Write in English" in visible(welsh)) == (False, True)
    again = client.post(LETTER, data={**form, "locale": "cy", "language": ""})
    assert body_of(again).startswith("Annwyl"), "points are put into the letter as it is"
    english = client.post(LETTER, data={**form, "locale": "cy", "language": "en"})
    assert body_of(english).startswith("Dear")
    deliver()
    sent = {"postcode": CARDIFF, "locale": "cy", "subject": value_of(welsh, "subject")}
    assert write(client, **sent, body=body_of(welsh)).status_code == 303
    (mail,) = deliver()
    letter_id = lobby.tokens.read(Purpose.LETTER, token_in(mail, "letters/confirm"))
    with lobby.database.read() as session:
        assert letter_links.find(session, letter_id, keyring=lobby.keyring).locale == "cy"


def test_a_letter_to_an_mp_elsewhere_is_in_english(client: TestClient) -> None:
    page = client.post(LETTER, data={"postcode": CAN_SIGN, "locale": "cy", "language": "cy"})
    assert body_of(page).startswith("Dear Ms Ferncastle,")
    assert IN_WELSH not in visible(page)


def test_whoever_signs_in_wales_is_offered_a_letter_in_welsh(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    sign(client, postcode=CARDIFF)
    (mail,) = deliver()
    assert client.post(f"/confirm/{token_in(mail, 'confirm')}").status_code == 303
    assert IN_WELSH in visible(client.post(LETTER, data={"postcode": CARDIFF}))


def test_without_words_in_welsh_there_is_no_button_for_them(
    client: TestClient, lobby: Lobby
) -> None:
    words_in_english = {"subject": "Beds", "opening": "More beds.", "closing": "Thank you."}
    texts = {"en": words_in_english}
    other = {"name": "other", "act": "another_way", "conditions": {}, "texts": texts}
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    thanks = {**other, "name": "thanks", "act": "thank"}
    saved = client.put(
        f"/v1/campaigns/{CAMPAIGN}/letters/variants",
        json={"variants": [thanks, other]},
        headers=key,
    )
    assert saved.status_code == 200, saved.text
    page = client.post(LETTER, data={"postcode": CARDIFF, "language": "cy"})
    assert "More beds." in body_of(page)
    assert IN_WELSH not in visible(page)


def test_every_reason_against_a_letter_and_every_state_has_words() -> None:
    assert set(words.LETTER_STATES) == set(LetterState)
    assert set(words.STANDINGS) == set(Standing)
    assert set(words.ROLES) == set(Role)
    assert set(words.ELIGIBILITIES) == set(Eligibility)
    assert set(words.CAMPAIGN_STATUSES) == set(CampaignStatus)
    assert all(reason.endswith(".") for reason in situations.REASONS.values())

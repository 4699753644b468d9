"""Tests of the page after confirming: for the signer, for a stranger, and on another device."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import Session, select

import worker
from main import create_app
from models import (
    Campaign,
    CampaignStatus,
    Member,
    Motion,
    MotionStatus,
    PetitionTally,
    SeatWatch,
    Signature,
)
from models.constituency import OVERSEAS, UNKNOWN
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.parliament import constituencies
from services.signatures import signature_states
from services.signatures.recording import ImportOrigin, SignatureRequest
from tests.support import signatures
from tests.support.common import (
    CAMPAIGN,
    CAN_SIGN,
    PETITION,
    START,
    Clock,
    token_in,
)
from tests.support.pages import (
    SIGNER,
    VACANT,
    Deliver,
    Page,
    close_campaign,
    confirmed_count,
    sign,
    signed_token,
    thanked,
    visible,
)
from web.public.signatures.thanks import greeting_of

EDINBURGH = "S14000078"
IS_THIS_YOU = "Is this you? Open the link in your email on this device and press Continue"
REMOVED = "This signature has been removed"


def confirm(client: TestClient, deliver: Deliver, **changes: str) -> str:
    """Signs and confirms in this browser; returns the path of the thank-you page."""
    deliver()
    assert sign(client, **changes).status_code == 303
    (mail,) = deliver()
    answer = client.post(f"/confirm/{token_in(mail, 'confirm')}")
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def token_of(path: str) -> str:
    return path.removeprefix("/thanks/").partition("?")[0]


def signature_of(lobby: Lobby, path: str) -> UUID:
    return lobby.tokens.read(Purpose.THANKS, token_of(path))


@pytest.fixture
def stranger(lobby: Lobby) -> Iterator[TestClient]:
    """Another browser, which has confirmed nothing."""
    app = create_app(lobby.settings, lobby=lobby)
    with TestClient(app, client=("127.0.0.1", 50001), follow_redirects=False) as other:
        yield other


@contextmanager
def noting() -> Iterator[list[str]]:
    """Notes the statements of all connections."""
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


# ---- for the signer


def test_confirming_leads_to_a_page_that_thanks_in_person(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    before = confirmed_count(lobby)
    page = client.get(confirm(client, deliver))
    text = visible(page)
    assert page.status_code == 200
    assert re.search(rf"Thank you, Anna \. You’re number {before + 1}\.", text)
    assert "Morag Ferncastle hasn’t signed the motion yet." in text
    assert "Why does this matter to you?" in text
    assert "Tell one person" in text
    assert "Example" not in text, "the first name is enough"
    assert "<title>Thank you – Public Health Alliance" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert '<meta name="robots" content="noindex">' in page.text


def test_its_form_asks_for_own_words_and_leads_to_the_letter(
    client: TestClient, deliver: Deliver
) -> None:
    path = confirm(client, deliver)
    page = client.get(path)
    assert f'<form method="post" action="{path}/letter" ' in page.text
    assert re.findall(r'<textarea [^>]*name="(\w+)"', page.text) == ["personal"]
    assert "email" not in re.findall(r'<input [^>]*name="(\w+)"', page.text)


def test_back_and_reload_show_the_same_page_and_count_nothing(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    path = confirm(client, deliver)
    count = confirmed_count(lobby)
    first, second = client.get(path), client.get(path)
    assert first.text == second.text
    assert confirmed_count(lobby) == count


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("Anna Example", "Anna"),
        ("Anna", "Anna"),
        ("Dr Anna Example", "Dr Anna Example"),
        ("Mrs. Example", "Mrs. Example"),
        ("A. B. Example", "A. B. Example"),
        ("J Smith", "J Smith"),
        ("Siân Mair Owen", "Siân"),
        ("محمد علي", "محمد"),
        ("Drew Example", "Drew"),
        ("李 明", "李 明"),
    ],
)
def test_a_person_is_called_by_the_first_name_where_there_is_one(name: str, greeting: str) -> None:
    assert greeting_of(name) == greeting


def test_a_name_of_another_direction_or_with_markup_does_no_harm(
    client: TestClient, deliver: Deliver
) -> None:
    page = client.get(confirm(client, deliver, name="<b>Anna</b>"))
    assert "Thank you, <bdi>&lt;b&gt;Anna&lt;/b&gt;</bdi>" in page.text


def test_the_first_signer_is_thanked_for_starting_it(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        values = {"slug": "new", "action": "A new one", "addressed_to": "Somebody"}
        campaign = campaigns.public(session, CAMPAIGN)
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())
    client.post(
        "/petitions/new/sign",
        data=SIGNER,
    )
    (mail,) = [mail for mail in deliver() if mail["To"] == "anna@example.org"]
    text = visible(thanked(client, token_in(mail, "confirm")))
    assert "You’re the first to sign, Anna" in text
    assert "Thank you for starting this." in text
    assert "number 1" not in text


@pytest.mark.parametrize(("confirmed", "shown"), [(5, None), (6, "5"), (1234, "1,233")])
def test_neighbours_are_counted_without_the_signer_and_where_there_are_five(
    client: TestClient, deliver: Deliver, lobby: Lobby, confirmed: int, shown: str | None
) -> None:
    """Small numbers would tell who has signed."""
    path = confirm(client, deliver)
    with lobby.database.write() as session:
        petition_id = petitions.public(session, PETITION).id
        session.get_one(PetitionTally, (petition_id, EDINBURGH)).confirmed = confirmed
    text = visible(client.get(path))
    assert ("neighbours" in text) == (shown is not None)
    if shown:
        assert f"{shown} of your neighbours have signed." in text


def test_the_page_takes_few_statements(client: TestClient, deliver: Deliver) -> None:
    path = confirm(client, deliver)
    client.get(path)  # fills the cache of the seats
    with noting() as statements:
        client.get(path)
    reads = [each for each in statements if each.lstrip().upper().startswith("SELECT")]
    assert len(reads) <= 6, "a draft and a letter among them"
    assert len(statements) - len(reads) <= 4, "and it writes nothing"
    assert not any(re.match(r"\s*(INSERT|UPDATE|DELETE)", each) for each in statements)


# ---- what an MP has done, and seats from which no letter goes


def move(lobby: Lobby, path: str, code: str) -> None:
    """Moves the signature to another seat."""
    with lobby.database.write() as session:
        session.get_one(Signature, signature_of(lobby, path)).constituency_code = code


def code_of(lobby: Lobby, name: str) -> str:
    with lobby.database.read() as session:
        seats = constituencies.by_code(session)
    return next(code for code, seat in seats.items() if seat.name == name)


@pytest.mark.parametrize(
    ("seat", "tag", "words"),
    [
        ("Manchester Central", "Has signed", "Adaeze Hartwhistle has signed the motion."),
        ("Cities of London and Westminster", "Doesn’t sign motions", "raise it with the minister"),
        ("Belfast West", "Can’t sign", "doesn’t take their seat"),
        ("Clacton", "Signs no motions", "has said that they sign no motions"),
    ],
)
def test_an_mps_stand_is_said_and_a_letter_is_offered_all_the_same(
    client: TestClient, deliver: Deliver, lobby: Lobby, seat: str, tag: str, words: str
) -> None:
    path = confirm(client, deliver)
    move(lobby, path, code_of(lobby, seat))
    page = client.get(path)
    assert re.search(rf'<span class="tag[^"]*">{tag}</span>', page.text)
    assert words in visible(page)
    assert f'action="{path}/letter"' in page.text


def end_motion(session: Session, _campaign: Campaign) -> None:
    motion = session.exec(select(Motion)).first()
    assert motion
    motion.status = MotionStatus.LAPSED


def drop_address(session: Session, _campaign: Campaign) -> None:
    member = session.exec(select(Member).where(Member.name == "Morag Ferncastle")).one()
    member.email = None


def win(session: Session, campaign: Campaign) -> None:
    campaign.status, campaign.outcome = CampaignStatus.WON, "The sale was stopped."


def lose(session: Session, campaign: Campaign) -> None:
    campaign.status = CampaignStatus.LOST


@pytest.mark.parametrize(
    ("code", "change", "words"),
    [
        (OVERSEAS, None, "You don’t have an MP because you live outside the UK."),
        (UNKNOWN, None, "We don’t know your constituency."),
        ("E14001409", None, "There’s no MP for Norwich South at the moment."),
        (EDINBURGH, end_motion, "MPs can’t sign it any more"),
        (EDINBURGH, drop_address, "We don’t have an email address for Morag Ferncastle."),
        (EDINBURGH, win, "We won. The sale was stopped."),
        (OVERSEAS, lose, "This campaign has ended, so letters are closed."),
    ],
)
def test_where_no_letter_goes_the_page_says_why_and_sharing_comes_first(
    client: TestClient,
    deliver: Deliver,
    lobby: Lobby,
    code: str,
    change: Callable[[Session, Campaign], None] | None,
    words: str,
) -> None:
    path = confirm(client, deliver)
    move(lobby, path, code)
    if change:
        with lobby.database.write() as session:
            change(session, campaigns.public(session, CAMPAIGN))
    page = client.get(path)
    text = visible(page)
    assert page.status_code == 200
    assert words in re.sub(r" ([.,])", r"\1", text)
    assert "<textarea" not in page.text
    assert f'action="{path}/letter"' not in page.text
    assert text.index("Tell one person") < text.index(words[:20])
    assert "Write to your MP" not in text


def test_without_a_motion_an_mp_is_asked_to_write_to_the_minister(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        owner = campaigns.public(session, CAMPAIGN).organisation_id
        values = {"slug": "plain", "title": "Plain", "summary": "s", "status": "open"}
        campaign = campaigns.create(
            session, organisation_id=owner, values=values, now=lobby.clock()
        )
        campaign.status = CampaignStatus.OPEN
        values = {"slug": "plain", "action": "A plain one", "addressed_to": "Somebody"}
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())
    deliver()
    client.post(
        "/petitions/plain/sign",
        data=SIGNER,
    )
    (mail,) = deliver()
    page = thanked(client, token_in(mail, "confirm"))
    assert "You can ask Morag Ferncastle to write to the minister." in visible(page)
    assert "<textarea" in page.text
    assert "otion" not in visible(page)


# ---- news of a vacant seat


def watches(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(SeatWatch)).all())


def test_somebody_in_a_vacant_seat_asks_on_the_page_for_an_email(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    path, before = confirm(client, deliver, postcode=VACANT), watches(lobby)
    assert "Email me when there’s a new MP" in visible(client.get(path))
    assert client.get(f"{path}/watch").headers["Location"] == path
    assert watches(lobby) == before, "a GET changes nothing"
    for _ in range(2):
        answer = client.post(f"{path}/watch")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}#your-mp")
    assert watches(lobby) == before + 1
    page = client.get(path)
    assert "We’ll email you once, when Norwich South has a new MP." in visible(page)
    assert f"{path}/watch" not in page.text


def test_a_stranger_cannot_ask_for_the_signer(
    client: TestClient, stranger: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    path, before = confirm(client, deliver, postcode=VACANT), watches(lobby)
    assert stranger.post(f"{path}/watch").headers["Location"].startswith(path)
    assert watches(lobby) == before
    assert "watch" not in stranger.get(path).text


def test_a_seat_with_an_mp_cannot_be_watched(client: TestClient, deliver: Deliver) -> None:
    path = confirm(client, deliver)
    assert client.post(f"{path}/watch").status_code == 409


# ---- for everybody else


def test_a_stranger_with_the_address_sees_no_person_and_can_send_nothing(
    client: TestClient, stranger: TestClient, deliver: Deliver
) -> None:
    path = confirm(client, deliver)
    page = stranger.get(path)
    text = visible(page)
    assert page.status_code == 200
    for hidden in ("Anna", "number", "neighbours", "361", "EH1", "Why does this matter", "@"):
        assert hidden not in text
    assert "anna" not in page.text.lower()
    assert "<form" not in page.text
    assert "<textarea" not in page.text
    assert "Stop the sale of NHS Professionals" in text
    assert "Morag Ferncastle" in text
    assert "Tell one person" in text
    assert IS_THIS_YOU in text
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "cookie", ["", "nonsense", "a.b.c", "é", "thanks token", "confirm token", "another signature"]
)
def test_no_other_cookie_makes_a_stranger_the_signer(
    client: TestClient, stranger: TestClient, deliver: Deliver, lobby: Lobby, cookie: str
) -> None:
    path = confirm(client, deliver)
    name = next(name for name in client.cookies if name.startswith("lobby_signer"))
    signature_id = signature_of(lobby, path)
    value = {
        "thanks token": token_of(path),
        "confirm token": lobby.tokens.issue(Purpose.CONFIRM, signature_id),
        "another signature": lobby.tokens.issue(Purpose.SIGNER, UUID(int=signature_id.int + 1)),
    }.get(cookie, cookie)
    headers = [(b"cookie", f"{name}={value}".encode())]
    page = stranger.get(path, headers=headers)
    assert IS_THIS_YOU in visible(page)


def test_a_cookie_opens_its_own_signatures_page_only(
    client: TestClient, stranger: TestClient, deliver: Deliver
) -> None:
    annas = confirm(client, deliver)
    bens = confirm(stranger, deliver, name="Ben Example", email="ben@example.org")
    assert IS_THIS_YOU in visible(stranger.get(annas))
    assert IS_THIS_YOU in visible(client.get(bens))
    assert "Thank you, Ben" in visible(stranger.get(bens))


def test_one_browser_can_be_that_of_two_signers(client: TestClient, deliver: Deliver) -> None:
    annas = confirm(client, deliver)
    bens = confirm(client, deliver, name="Ben Example", email="ben@example.org")
    assert "Thank you, Anna" in visible(client.get(annas))
    assert "Thank you, Ben" in visible(client.get(bens))


def test_the_cookie_is_for_these_pages_alone_and_two_days(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    token = signed_token(client, deliver)
    answer = client.post(f"/confirm/{token}")
    cookie = answer.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=lax", "Path=/thanks", "Max-Age=172800"):
        assert part in cookie
    assert "Secure" not in cookie  # this service is at a plain http address
    path = answer.headers["Location"]
    clock.advance(days=2, seconds=2)
    assert IS_THIS_YOU in visible(client.get(path))


def test_behind_https_the_cookie_is_secure(lobby: Lobby, deliver: Deliver) -> None:
    settings = lobby.settings.model_copy(update={"base_url": "https://lobby.example.org"})
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    base = "https://lobby.example.org"
    with TestClient(app, base_url=base, follow_redirects=False) as client:
        sign(client)
        (mail,) = [mail for mail in deliver() if mail["To"] == "anna@example.org"]
        answer = client.post(f"/confirm/{token_in(mail, 'confirm')}")
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "Thank you, Anna" in visible(client.get(answer.headers["Location"]))


def test_on_another_device_continue_leads_to_the_page(
    client: TestClient, stranger: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    token = signed_token(client, deliver)
    thanked(client, token)
    count = confirmed_count(lobby)
    page = stranger.get(f"/confirm/{token}")
    assert "You’ve already signed" in visible(page)
    assert "Next: write to your MP." in visible(page)
    assert "<button>Continue</button>" in page.text
    assert "set-cookie" not in page.headers
    assert "Thank you, Anna" in visible(thanked(stranger, token))
    assert confirmed_count(lobby) == count


def test_without_cookies_the_page_works_and_says_what_to_do(
    client: TestClient, deliver: Deliver
) -> None:
    token = signed_token(client, deliver)
    for _ in range(2):
        answer = client.post(f"/confirm/{token}")
        client.cookies.clear()
        page = client.get(answer.headers["Location"])
        assert page.status_code == 200
    text = visible(page)
    assert "your browser blocks cookies. Allow them for this site" in text
    assert f'href="/campaigns/{CAMPAIGN}/letter"' in page.text


# ---- forgetting


def test_a_device_forgets_its_signer_at_all_addresses(
    client: TestClient, deliver: Deliver, clock: Clock, lobby: Lobby
) -> None:
    token = signed_token(client, deliver)
    first = client.post(f"/confirm/{token}").headers["Location"]
    clock.advance(minutes=1)
    second = client.post(f"/confirm/{token}").headers["Location"]
    assert first != second
    assert client.get(f"{second}/forget").headers["Location"] == second
    assert "Thank you, Anna" in visible(client.get(second)), "a GET changes nothing"
    answer = client.post(f"{second}/forget")
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"])
    assert "This device has forgotten you. Your signature still counts." in visible(page)
    assert "<title>Forgotten on this device" in page.text
    for path in (first, second):
        assert "Anna" not in client.get(path).text
    assert "Thank you, Anna" in visible(thanked(client, token)), "the email's link still works"
    assert confirmed_count(lobby) > 0


def test_a_device_can_forget_after_the_address_has_expired(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    path = confirm(client, deliver)
    clock.advance(days=15)
    assert client.post(f"{path}/forget").status_code == 303


# ---- ended signatures and links


@pytest.mark.parametrize("how", ["withdrawn", "disowned", "erased"])
def test_of_a_removed_signature_nothing_is_shown_and_how_it_ended_is_not_told(
    client: TestClient, deliver: Deliver, lobby: Lobby, how: str
) -> None:
    path = confirm(client, deliver)
    signature_id = signature_of(lobby, path)
    if how == "erased":
        path = f"/thanks/{lobby.tokens.issue(Purpose.THANKS, uuid4())}"
    else:
        end = signature_states.withdraw if how == "withdrawn" else signature_states.disown
        with lobby.database.write() as session:
            end(session, signature_id, now=lobby.clock())
    page = client.get(path)
    assert page.status_code == 410
    text = visible(page).partition("> ")[2]
    assert text == f"{REMOVED} It no longer counts. See all campaigns"
    assert "Anna" not in page.text
    assert f"<title>{REMOVED}" in page.text
    assert client.post(f"{path}/watch").status_code == (303 if how == "erased" else 409)


def test_an_expired_address_leads_to_the_petition(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    path = confirm(client, deliver)
    clock.advance(days=15)
    page = client.get(path)
    assert page.status_code == 410
    assert "This link has expired" in visible(page)
    assert f'href="/petitions/{PETITION}"' in page.text
    assert "Anna" not in page.text


def test_an_address_that_is_not_whole_gets_a_page_that_says_so(
    client: TestClient, deliver: Deliver
) -> None:
    path = confirm(client, deliver)
    for token in ("x", "a.b.c", "%00", token_of(path)[:-1]):
        assert client.get(f"/thanks/{token}").status_code == 422


def test_a_mailed_link_is_no_address_of_this_page(client: TestClient, deliver: Deliver) -> None:
    assert client.get(f"/thanks/{signed_token(client, deliver)}").status_code == 422


def test_of_two_links_the_one_that_lost_sets_no_cookie_and_changes_nothing(
    client: TestClient, stranger: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    own = signed_token(client, deliver)
    other = signed_token(stranger, deliver)
    thanked(client, own)
    count = confirmed_count(lobby)
    pressed = stranger.post(f"/confirm/{other}")
    assert (pressed.status_code, pressed.headers["Location"]) == (303, f"/confirm/{other}")
    assert "set-cookie" not in pressed.headers
    assert confirmed_count(lobby) == count
    page = stranger.get(f"/confirm/{other}")
    assert "This link changes nothing." in visible(page)
    assert "<button" not in page.text


def test_who_had_signed_on_paper_is_thanked_too(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    paper = SignatureRequest(
        PETITION,
        "Anna Example",
        "anna@example.org",
        CAN_SIGN,
        imported=ImportOrigin("paper, Leeds stall"),
    )
    signatures.record(lobby, [paper])
    count = confirmed_count(lobby)
    path = confirm(client, deliver)
    assert "Thank you, Anna" in visible(client.get(path))
    assert confirmed_count(lobby) == count


# ---- the links in the email


def expired(client: TestClient, token: str) -> Page:
    page = client.get(f"/confirm/{token}")
    assert page.status_code == 410
    assert "<title>This link has expired – " in page.text
    assert client.post(f"/confirm/{token}").text == page.text
    return page


def test_an_expired_link_knows_its_petition_although_nothing_is_left(
    client: TestClient, deliver: Deliver, clock: Clock, lobby: Lobby
) -> None:
    token = signed_token(client, deliver)
    let_expire(lobby, clock, days=15)
    page = expired(client, token)
    assert "Sign the petition again" in visible(page)
    assert f'href="/petitions/{PETITION}"' in page.text
    assert "Anna" not in page.text


def let_expire(lobby: Lobby, clock: Clock, *, days: int) -> None:
    """Lets the submissions expire, and has the job delete them."""
    clock.advance(days=days)
    worker.delete_old_submissions(lobby, threading.Event())


def test_the_expired_link_of_a_closed_petition_offers_no_form(
    client: TestClient, deliver: Deliver, clock: Clock, lobby: Lobby
) -> None:
    token = signed_token(client, deliver)
    close_campaign(lobby, CampaignStatus.WON)
    clock.advance(days=15)
    text = visible(expired(client, token))
    assert "has closed" in text
    assert "Sign the petition again" not in text


def test_an_expired_link_of_a_draft_or_of_before_leads_to_all_campaigns(
    client: TestClient, deliver: Deliver, clock: Clock, lobby: Lobby
) -> None:
    token = signed_token(client, deliver)
    before = lobby.tokens.issue(Purpose.CONFIRM, lobby.tokens.read(Purpose.CONFIRM, token))
    clock.advance(days=15)
    assert "See all campaigns" in visible(expired(client, before))
    close_campaign(lobby, CampaignStatus.DRAFT)
    page = expired(client, token)
    assert "See all campaigns" in visible(page)
    assert "Stop the sale" not in page.text


@pytest.mark.parametrize(
    ("action", "title"),
    [
        (None, "Confirm your signature"),
        ("confirm", "You’ve already signed"),
        ("withdraw", "This link has expired"),
        ("confirm, withdraw", REMOVED),
        ("confirm, disown", REMOVED),
    ],
)
def test_the_title_of_the_link_follows_the_state(
    client: TestClient, deliver: Deliver, action: str | None, title: str
) -> None:
    deliver()
    sign(client)
    (mail,) = deliver()
    for step in action.split(", ") if action else ():
        client.post(f"/{step}/{token_in(mail, step)}")
    page = client.get(f"/confirm/{token_in(mail, 'confirm')}")
    assert f"<title>{title} – " in page.text
    assert f"<h1>{title}</h1>" in page.text


def test_a_petition_that_has_closed_still_takes_what_was_sent_in_time(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    token = signed_token(client, deliver)
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        petitions.update(session, petition, values={"closes_at": START}, now=lobby.clock())
    page = client.get(f"/confirm/{token}")
    assert "This petition has closed. You signed in time" in visible(page)
    assert thanked(client, token).status_code == 200


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("withdraw", "Remove your signature?", "Your signature has been removed"),
        ("disown", "Did someone use your email address?", "Signature removed"),
    ],
)
def test_the_titles_of_endings_follow_the_state(
    client: TestClient, deliver: Deliver, path: str, before: str, after: str
) -> None:
    deliver()
    sign(client)
    (mail,) = deliver()
    client.post(f"/confirm/{token_in(mail, 'confirm')}")
    link = f"/{path}/{token_in(mail, path)}"
    for page, title in (
        (client.get(link), before),
        (client.post(link), after),
        (client.get(link), after),
    ):
        assert f"<title>{title} – Public Health Alliance" in page.text
        assert f"<h1>{title}</h1>" in page.text

"""Tests the desk in a real browser: from an empty database to an open campaign, and a team."""

from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from services.accounts import first_owner
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from tests.support.browser import MARKS, content_width, on_sqlite, served
from tests.support.common import CAN_SIGN, Clock, token_in
from tests.support.outside.pictures import photograph

pytestmark = [*MARKS, pytest.mark.slow]
Deliver = Callable[[], list[EmailMessage]]
PASSWORD = "seven quiet otters"
ANNA, BEN, VERA = "anna@union.example.org", "ben@union.example.org", "vera@union.example.org"
SLUG = "free-bus-passes-for-carers"


@pytest.fixture
def lobby(empty_lobby: Lobby) -> Lobby:
    """A lobby without an organisation, which knows the seats, the MPs and one motion."""
    with empty_lobby.database.write() as session:
        invented_campaign.load_parliament(session, empty_lobby.clock())
    return empty_lobby


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application and yields its address."""
    with served(lobby, unused_port) as address:
        yield address


def page_of(browser: Browser, address: str, width: int = 1280) -> Page:
    size: ViewportSize = {"width": width, "height": 844}
    context = browser.new_context(viewport=size, base_url=address)
    context.set_default_timeout(10_000)
    return context.new_page()


def press(page: Page, name: str) -> None:
    """Presses a button of the page, or follows a link that looks like one."""
    main = page.get_by_role("main")
    button = main.get_by_role("button", name=name, exact=True)
    button.or_(main.get_by_role("link", name=name, exact=True)).first.click()
    page.wait_for_load_state()
    width = page.viewport_size
    assert width
    assert content_width(page) <= width["width"], page.url


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def fill(page: Page, **values: str) -> None:
    """Types into fields by their ids."""
    for name, text in values.items():
        page.locator(f"#{name}").fill(text)


def set_up_second_step(page: Page, clock: Clock) -> pyotp.TOTP:
    """Sets up two-step sign-in with the key that the page shows in text."""
    heading(page, "Set up two-step sign-in")
    page.get_by_text("I can’t scan it").click()
    key = page.locator("details code").inner_text()
    totp = pyotp.TOTP(key.replace(" ", ""))
    fill(page, code=totp.at(int(clock().timestamp())))
    press(page, "Turn it on")
    heading(page, "Your recovery codes")
    assert page.locator(".recovery-codes li").count() == 10
    press(page, "I’ve kept them")
    return totp


def begin(page: Page, lobby: Lobby, clock: Clock) -> pyotp.TOTP:
    """Makes the organisation and its first owner, as the link of the first start does."""
    page.goto(f"/set-up/{first_owner.issue_token(lobby.tokens)}")
    fill(page, name="Our Union", slug="our-union", email=ANNA, password=PASSWORD)
    press(page, "Set up")
    return set_up_second_step(page, clock)


def build_campaign(page: Page, picture: Path) -> None:
    """Goes through the seven steps, and leaves the page on the last."""
    page.goto("/organiser/campaigns/new")
    fill(page, title="Free bus passes for carers")
    press(page, "Start the draft")
    heading(page, "Campaign")
    fill(page, summary="Unpaid carers spend £33 a week on buses. We ask for a free pass.")
    press(page, "Save and continue")

    heading(page, "Petition")
    fill(page, action="Give every unpaid carer a free bus pass")
    fill(page, addressed_to="the Secretary of State for Transport")
    press(page, "Save and continue")

    heading(page, "Motion")
    page.get_by_role("main").get_by_label("Words from its title", exact=False).fill("152")
    press(page, "Search Parliament’s list")
    page.get_by_role("main").get_by_role("button", name="Choose this motion").first.click()
    expect(page.get_by_text("EDM 152").first).to_be_visible()
    fill(page, purpose="give every unpaid carer a free bus pass")
    press(page, "Save and continue")

    heading(page, "Letters to MPs")
    press(page, "Start from the built-in letters")
    write_letter(page, "Ask to sign", "Will you sign the motion about bus passes?")
    write_letter(page, "Thank", "Thank you for signing the motion about bus passes")
    page.goto(f"/organiser/campaigns/{SLUG}/edit/letters")
    press(page, "Continue to Partners")

    heading(page, "Partners")
    page.goto("/organiser/partners/new")
    fill(page, name="Carers Together", slug="carers-together")
    press(page, "Add the partner")
    page.goto(f"/organiser/campaigns/{SLUG}/edit/partners")
    expect(page.get_by_text("Carers Together").first).to_be_visible()

    page.goto(f"/organiser/campaigns/{SLUG}/edit/look")
    page.locator("#picture").set_input_files(picture)
    fill(page, alt="Three carers at a bus stop")
    press(page, "Save and continue")
    page.goto("/organiser/look")
    fill(page, brand_colour="#005eb8", contact_email="hello@union.example.org")
    page.get_by_role("main").get_by_role("button", name="Save", exact=True).first.click()
    page.wait_for_load_state()


def write_letter(page: Page, name: str, subject: str) -> None:
    """Changes a letter's subject, and sees it in the preview."""
    page.goto(f"/organiser/campaigns/{SLUG}/edit/letters")
    page.get_by_role("main").get_by_role("link", name=name, exact=True).click()
    fill(page, subject=subject)
    press(page, "Save")
    expect(page.locator("#subject")).to_have_value(subject)


def publish_notice(page: Page) -> None:
    page.goto("/organiser/look")
    press(page, "Publish the notice")


def invite(page: Page, email: str, role: str) -> None:
    page.goto("/organiser/people/invite")
    fill(page, email=email, password=PASSWORD)
    page.get_by_role("radio", name=role, exact=False).check()
    press(page, "Send the invitation")


def join(page: Page, mail: EmailMessage) -> None:
    page.goto(f"/invitation/{token_in(mail, 'invitation')}")
    fill(page, password=PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_load_state()


@on_sqlite
@pytest.mark.parametrize("width", [390, 1280])
def test_from_an_empty_database_to_an_open_campaign_and_a_team_without_a_command(
    browser: Browser,
    address: str,
    lobby: Lobby,
    clock: Clock,
    deliver: Deliver,
    tmp_path: Path,
    width: int,
) -> None:
    picture = tmp_path / "carers.jpg"
    picture.write_bytes(photograph())
    page = page_of(browser, address, width)
    begin(page, lobby, clock)
    build_campaign(page, picture)

    page.goto(f"/organiser/campaigns/{SLUG}/edit/open")
    expect(page.get_by_role("button", name="Open the campaign")).to_be_disabled()
    publish_notice(page)
    page.goto(f"/organiser/campaigns/{SLUG}/edit/open")
    press(page, "Open the campaign")
    press(page, "Yes, open it")

    public = page_of(browser, address, width)
    public.goto(f"/campaigns/{SLUG}")
    expect(public.get_by_role("heading", level=1)).to_have_text(
        "Give every unpaid carer a free bus pass"
    )
    public.get_by_label("Full name").fill("Olive Example")
    public.get_by_label("Email", exact=True).fill("olive@example.org")
    public.get_by_label("Postcode", exact=True).fill(CAN_SIGN)
    public.get_by_label("No, thank you").check()
    public.get_by_role("button", name="Sign the petition").click()
    heading(public, "One more step: check your email")
    public.context.close()

    invite(page, BEN, "Editor")
    invite(page, VERA, "Viewer")
    mails = {mail["To"]: mail for mail in deliver()}
    editor = page_of(browser, address, width)
    join(editor, mails[BEN])
    set_up_second_step(editor, clock)
    editor.goto(f"/organiser/campaigns/{SLUG}/edit/campaign")
    fill(editor, hero_line="A bus to hospital must not cost a meal.")
    press(editor, "Save and continue")
    assert line_of(lobby) == "A bus to hospital must not cost a meal."
    editor.goto(f"/organiser/campaigns/{SLUG}/edit/open/close")
    heading(editor, "You can’t do this")

    viewer = page_of(browser, address, width)
    join(viewer, mails[VERA])
    viewer.goto("/organiser")
    expect(viewer.get_by_role("link", name="Free bus passes for carers").first).to_be_visible()
    assert viewer.get_by_role("link", name="Start a campaign").count() == 0
    assert_changes_nothing(viewer, lobby)

    editor.goto(f"/organiser/campaigns/{SLUG}/edit/campaign")
    fill(editor, hero_line="Words of somebody who has left.")
    remove(page, BEN)
    press(editor, "Save and continue")
    heading(editor, "Sign in to save your changes")
    assert line_of(lobby) == "A bus to hospital must not cost a meal."
    for each in (page, editor, viewer):
        each.context.close()


def line_of(lobby: Lobby) -> str:
    with lobby.database.read() as session:
        return campaigns.by_slug(session, SLUG).hero_line


def assert_changes_nothing(page: Page, lobby: Lobby) -> None:
    """Sends a form with the viewer's own token to a page that a viewer may not use."""
    before = line_of(lobby)
    token = page.locator("input[name=form_token]").first.get_attribute("value") or ""
    answer = page.request.post(
        f"/organiser/campaigns/{SLUG}/edit/campaign",
        form={"form_token": token, "title": "Taken over", "hero_line": "Taken over"},
    )
    assert answer.status == 403
    assert line_of(lobby) == before


def remove(page: Page, email: str) -> None:
    page.goto("/organiser/people")
    page.get_by_role("listitem").filter(has_text=email).get_by_role("link", name="Remove").click()
    fill(page, password=PASSWORD)
    press(page, "Remove them")

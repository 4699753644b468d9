"""Tests the pages in a real browser without scripts on a small phone."""

import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page

from models import PARTNER_SCOPES
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations, partners
from tests.support.browser import MARKS, PHONE, content_width, on_sqlite, other_scripts, served
from tests.support.common import CAMPAIGN, CAN_SIGN, ORGANISERS_PASSWORD, PETITION, token_in
from tests.support.contract.worked_examples import worked_example
from tests.support.letters import uncertain_letter

pytestmark = [*MARKS, pytest.mark.slow]
PATHS = (
    "/",
    f"/campaigns/{CAMPAIGN}",
    f"/petitions/{PETITION}",
    f"/campaigns/{CAMPAIGN}/letter",
    f"/campaigns/{CAMPAIGN}/mps",
    "/sign-in",
    "/nothing-here",
)


@pytest.fixture
def address(lobby: Lobby, unused_port: int) -> Iterator[str]:
    """Serves the application and yields its address."""
    with served(lobby, unused_port) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Opens a page 320 pixels wide without scripts."""
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    yield context.new_page()
    context.close()


def test_a_supporter_signs_and_confirms_on_a_phone_without_scripts(
    page: Page, address: str, deliver: Callable[[], list[EmailMessage]]
) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))

    page.goto(f"{address}/campaigns/{CAMPAIGN}")
    page.get_by_label("Full name").fill("Anna Example")
    page.get_by_label("Email", exact=True).fill("anna@example.org")
    page.get_by_label("Postcode").fill("not a postcode")
    page.get_by_role("button", name="Sign the petition").click()
    assert "There is a problem" in page.content()
    assert page.get_by_role("link", name="Choose whether we can email you").is_visible()
    assert page.get_by_label("Full name").input_value() == "Anna Example"
    page.get_by_label("Postcode").fill(CAN_SIGN.lower())
    page.get_by_label("No, thank you").check()
    page.get_by_role("button", name="Sign the petition").click()
    assert page.url.startswith(f"{address}/campaigns/{CAMPAIGN}/signed?sent=")

    (mail,) = deliver()
    page.goto(f"{address}/confirm/{token_in(mail, 'confirm')}")
    assert "Anna Example" in page.content()
    page.get_by_role("button").first.click()
    assert page.url.startswith(f"{address}/thanks/")
    assert "Morag Ferncastle" in page.content()
    assert page.get_by_label("Why does this matter to you?").is_visible()
    assert page.get_by_role("button", name="See my letter").is_visible()

    page.goto(f"{address}/campaigns/{CAMPAIGN}/mps")
    assert "Edinburgh East and Musselburgh" in page.content()
    assert all(url.startswith(address) for url in urls), "nothing is loaded from elsewhere"


@on_sqlite
def test_somebody_who_has_not_signed_writes_and_confirms_by_mail_without_scripts(
    page: Page, address: str, deliver: Callable[[], list[EmailMessage]]
) -> None:
    deliver()
    page.goto(f"{address}/campaigns/{CAMPAIGN}/letter")
    page.get_by_label("Postcode").fill(CAN_SIGN)
    page.get_by_role("button", name="Find my MP").click()
    page.get_by_label("Full name").fill("Anna Example")
    page.get_by_label("Email", exact=True).fill("anna@example.org")
    page.get_by_label("Address line 1").fill("1 Example Street")
    page.get_by_label("Town or city").fill("Edinburgh")
    page.get_by_label("No, thank you").check()
    page.get_by_role("button", name="Continue").click()
    assert page.url == f"{address}/campaigns/{CAMPAIGN}/letters/check-your-mail"

    (mail,) = deliver()
    page.goto(f"{address}/letters/confirm/{token_in(mail, 'letters/confirm')}")
    assert "1 Example Street" in page.content()
    page.get_by_role("button", name="Send my letter").click()
    (letter,) = deliver()
    assert letter["To"] == "morag.ferncastle@example.org"


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/sign-in")
    page.get_by_label("Email", exact=True).fill(invented_campaign.ORGANISER)
    page.get_by_label("Password").fill(ORGANISERS_PASSWORD)
    page.get_by_role("button", name="Continue").click()


def from_menu(page: Page, name: str) -> None:
    """Opens the menu of a phone, and follows one of its links."""
    page.get_by_role("link", name="Menu").first.click()
    page.get_by_role("navigation", name="Desk").get_by_role("link", name=name).click()


def test_an_organiser_looks_after_letters_on_a_phone_without_scripts(
    page: Page, address: str, lobby: Lobby
) -> None:
    letter, _ = uncertain_letter(lobby, 0, lobby.clock())
    sign_in(page, address)
    page.get_by_role("main").get_by_role("link", name="Letters of").click()
    page.get_by_role("button", name="Pause letters").click()
    assert page.get_by_role("heading", name="Paused: no letters are being sent").is_visible()
    page.get_by_role("button", name="Resume letters").click()
    page.get_by_label("Letters an hour").fill("none")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_label("Letters an hour").input_value() == "none"
    assert page.get_by_role("link", name="Letters an hour: Give a whole number").is_visible()
    page.get_by_label("Letters an hour").fill("200")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_label("Letters an hour").input_value() == "200"
    page.get_by_role("link", name="Uncertain 1").click()
    page.get_by_role("link", name="Say what became of it").click()
    assert page.url == f"{address}/organiser/letters/{letter.id}/settle"
    page.get_by_role("button", name="It was sent").click()
    assert page.get_by_text("We’ve counted the letter as sent.").is_visible()


@on_sqlite
def test_an_organiser_adds_a_partner_and_makes_and_revokes_its_key_on_a_phone_without_scripts(
    page: Page, address: str
) -> None:
    sign_in(page, address)
    from_menu(page, "Partners and keys")
    page.get_by_role("link", name="Add a partner").first.click()
    page.get_by_label("Name", exact=True).fill("A Paper")
    page.get_by_label("Short name").fill("a-paper")
    page.get_by_label("Sites that may show your form").fill("paper.example.org")
    page.get_by_role("button", name="Add the partner").click()
    assert page.get_by_role("link", name="begin with https://").is_visible()
    page.get_by_label("Sites that may show your form").fill("https://paper.example.org")
    page.get_by_role("button", name="Add the partner").click()
    assert page.url == f"{address}/organiser/partners/a-paper?done=added"
    assert "partner=a-paper" in page.get_by_label("Link, for newsletters").first.input_value()
    page.get_by_role("link", name="Make a key for A Paper").click()
    page.get_by_label("Name", exact=True).fill("their form")
    page.get_by_label("signatures:write").check()
    page.get_by_label("Your password").fill(ORGANISERS_PASSWORD)
    page.get_by_role("button", name="Make the key").click()
    key = page.get_by_label("Key", exact=True).input_value()
    assert key.startswith("lobby_")
    page.reload()
    assert page.get_by_role("heading", name="This key has been made already").is_visible()
    assert key not in page.content()
    page.get_by_role("link", name="Revoke it").click()
    page.get_by_role("button", name="Revoke the key").click()
    assert page.get_by_text("The key is revoked").is_visible()


@on_sqlite
def test_pages_of_partners_and_keys_do_not_scroll_sideways(
    browser: Browser, address: str, lobby: Lobby
) -> None:
    host = "https://a-very-long-name-of-a-site." + "b" * 50 + ".example.org"
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        partners.create(
            session,
            organisation=owner,
            name="Nurses" * 20,
            slug="n" * 80,
            website=f"{host}/{'c' * 300}",
            allowed_origins=[host],
            is_public=True,
            now=lobby.clock(),
        )
        key = api_keys.create(
            session,
            organisation=owner,
            scopes=list(PARTNER_SCOPES),
            partner_slug="n" * 80,
            name="form" * 30,
            petition_slugs=[PETITION],
            now=lobby.clock(),
        )
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    sign_in(page, address)
    partner_path = f"/partners/{'n' * 80}"
    new = f"/keys/new?partner={'n' * 80}"
    revoke = f"/keys/{key.split('_')[1]}/revoke"
    for path in ("/partners", "/partners/new", partner_path, new, revoke):
        page.goto(f"{address}/organiser{path}")
        assert content_width(page) <= 320, path
        assert other_scripts(page) == []
    page.goto(f"{address}/organiser{new}")
    page.get_by_label("Name", exact=True).fill("another")
    page.get_by_label("signatures:read").check()
    page.get_by_role("button", name="Make the key").click()
    for _ in range(2):  # the key, and the page that says that it was made
        assert content_width(page) <= 320
        page.reload()
    page.goto(f"{address}/campaigns/{CAMPAIGN}")
    assert content_width(page) <= 320
    context.close()


@on_sqlite
def test_the_letters_of_a_campaign_do_not_scroll_sideways(
    browser: Browser, address: str, lobby: Lobby
) -> None:
    letter, _ = uncertain_letter(lobby, 0, lobby.clock())
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    sign_in(page, address)
    for path in (
        "",
        f"/campaigns/{CAMPAIGN}/letters",
        f"/campaigns/{CAMPAIGN}/letters/answers",
        f"/letters/{letter.id}/settle",
    ):
        page.goto(f"{address}/organiser{path}")
        assert content_width(page) <= 320
        assert other_scripts(page) == []
    context.close()


@on_sqlite
def test_an_organiser_makes_and_ends_a_webhook_on_a_phone_without_scripts(
    page: Page, address: str
) -> None:
    sign_in(page, address)
    from_menu(page, "Webhooks")
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("Address").fill("http://hooks.example.org/in/5ecre7")
    page.get_by_label("An MP signed the motion").check()
    page.get_by_role("button", name="Make it").click()
    assert page.get_by_role("link", name="It must begin with https://.").is_visible()
    assert page.get_by_label("An MP signed the motion").is_checked()
    page.get_by_label("Address").fill("https://hooks.example.org/in/5ecre7")
    page.get_by_role("button", name="Make it").click()
    assert page.get_by_label("Secret").input_value().startswith("whsec_")
    page.reload()
    assert page.get_by_text("made this webhook already").is_visible()
    page.get_by_role("button", name="Send a test").click()
    assert page.get_by_role("rowheader", name="webhook.test").is_visible()
    page.get_by_role("button", name="Get a new secret").click()
    assert page.get_by_label("Secret").input_value().startswith("whsec_")
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Disable it").click()
    assert page.get_by_role("heading", name="Disabled: we send nothing").is_visible()
    page.get_by_role("link", name="Webhooks").click()
    assert page.get_by_role("article").count() == 1, "the reload made no second"
    page.get_by_role("link", name="hooks.example.org").click()
    page.get_by_role("link", name="Delete this webhook").click()
    page.get_by_role("button", name="Delete it").click()
    assert page.get_by_text("No webhooks yet.").is_visible()


@on_sqlite
def test_the_pages_of_webhooks_do_not_scroll_sideways(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()

    def assert_fits() -> None:
        assert content_width(page) <= 320
        assert other_scripts(page) == []

    sign_in(page, address)
    page.goto(f"{address}/organiser/webhooks/new")
    assert_fits()
    page.get_by_label("Address").fill(f"https://{'a-long-name.' * 8}example.org/{'x' * 300}")
    page.get_by_label("A signature counts").check()
    page.get_by_role("button", name="Make it").click()
    assert_fits()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Send a test").click()
    assert_fits()
    page.get_by_role("link", name="Delete it").click()
    assert_fits()
    page.get_by_role("link", name="Webhooks").click()
    assert_fits()
    context.close()


@on_sqlite
def test_no_page_scrolls_sideways_on_a_small_phone(browser: Browser, address: str) -> None:
    # With scripts, because the measurement needs them.
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    for path in PATHS:
        page.goto(address + path)
        assert content_width(page) <= 320, path
        assert other_scripts(page) == [], path
    context.close()


# ---- scripts in pages of other sites


@pytest.fixture
def other_site() -> Iterator[str]:
    """Serves another site. Another port makes another origin."""

    class Blank(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Blank)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@on_sqlite
@pytest.mark.parametrize(
    ("section", "output"),
    [("A supporter's page", "Morag Ferncastle 360"), ("An organiser's tool", "4 have signed")],
)
def test_the_examples_for_pages_run_in_a_page_of_another_site(
    browser: Browser, address: str, other_site: str, section: str, output: str
) -> None:
    page = browser.new_page()
    page.goto(other_site)
    lines: list[str] = []
    page.on("console", lambda message: lines.append(message.text))
    source = worked_example(section, "js").replace("http://127.0.0.1:8000", address)
    page.evaluate(f"async () => {{ {source} }}")
    page.close()
    assert lines[-1].endswith(output), lines


@on_sqlite
def test_a_page_of_another_site_cannot_use_a_key(
    browser: Browser, address: str, other_site: str
) -> None:
    page = browser.new_page()
    page.goto(other_site)
    reading = f"""async () => {{
        const headers = {{ Authorization: "Bearer lobby_a_b" }};
        try {{
            return (await fetch("{address}/v1/campaigns", {{ headers }})).status;
        }} catch (error) {{
            return error.name;
        }}
    }}"""
    assert page.evaluate(reading) == "TypeError"
    page.close()

"""Tests the widget in a real browser, on a page of another site."""

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, FrameLocator, Page, Route, expect
from sqlmodel import select

from models import CampaignStatus, Organisation, Signature
from services.assembly import Lobby
from services.common.tokens import Purpose
from tests.support.browser import MARKS, PHONE, content_width, on_sqlite, served
from tests.support.common import CAN_SIGN, PETITION, token_in
from tests.support.embeds import EMBED, PARTNER, add_partner, newest_signature
from tests.support.pages import close_campaign, confirmed_count

pytestmark = [*MARKS, pytest.mark.slow]
# The minimum that a page with a strict policy has to allow.
STRICT = (
    "default-src 'none'; script-src {0} 'sha256-{1}'; frame-src {0}; "
    "require-trusted-types-for 'script'"
)
# Collects the events of the element in the page around it.
LISTENING = (
    "window.heard = [];"
    "for (const name of ['lobby:ready', 'lobby:signed'])"
    "addEventListener(name, ({ type, detail }) => heard.push([type, detail]));"
)


@dataclass
class Site:
    """Another site on a port of its own, with the pages that a test puts there."""

    port: int
    pages: dict[str, str] = field(default_factory=dict)
    policy: str | None = None

    @property
    def origin(self) -> str:
        """The origin in the form of browsers. Its host name differs from the service's."""
        return f"http://localhost:{self.port}"

    def put(self, element: str, service: str, path: str = "/", after: str = "") -> str:
        """Adds a page with the widget and returns its address."""
        self.pages[path] = (
            "<!doctype html><html lang=en><title>Nurses Together</title>"
            "<meta name=viewport content='width=device-width'>"
            f"<script>{LISTENING}</script><h1>Our campaign</h1>"
            f'<script src="{service}/widget/v1.js" defer></script>{element}<p>Below.</p>{after}'
        )
        return f"{self.origin}{path}"


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = site.pages.get(urlsplit(self.path).path, "").encode()
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if site.policy:
                self.send_header("Content-Security-Policy", site.policy)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site(port=0)) as site:
        yield site


@pytest.fixture
def service(lobby: Lobby, unused_port: int) -> Iterator[str]:
    with served(lobby, unused_port) as address:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def element(service: str, more: str = f'partner="{PARTNER}"', inner: str = "") -> str:
    link = f'<a href="{service}/petitions/{PETITION}">Sign our petition</a>'
    return f'<lobby-petition petition="{PETITION}" {more}>{link}{inner}</lobby-petition>'


def frame_of(page: Page) -> FrameLocator:
    return page.frame_locator("lobby-petition iframe")


def is_ready(page: Page) -> None:
    page.wait_for_function("heard.some(([type]) => type === 'lobby:ready')")


def height_of(page: Page) -> float:
    box = page.locator("lobby-petition iframe").bounding_box()
    assert box
    return box["height"]


def has_no_scroll_bar(page: Page) -> None:
    """Waits until the frame is as tall as its content, within a pixel of rounding."""
    page.wait_for_function(
        "([inner]) => Math.abs(document.querySelector('lobby-petition')"
        ".shadowRoot.querySelector('iframe').clientHeight - inner) <= 1",
        arg=[
            frame_of(page).locator("body").evaluate("body => body.getBoundingClientRect().height")
        ],
    )


def fill_in(page: Page) -> None:
    frame = frame_of(page)
    frame.get_by_label("Full name").fill("Anna Example")
    frame.get_by_label("Email", exact=True).fill("anna@example.org")
    frame.get_by_label("Postcode", exact=True).fill(CAN_SIGN)
    for answer in frame.get_by_label("No, thank you").all():
        answer.check()


def test_somebody_signs_on_a_partners_page_and_leaves_nothing_in_the_browser(
    page: Page,
    context: BrowserContext,
    site: Site,
    service: str,
    lobby: Lobby,
    deliver: Callable[[], list[EmailMessage]],
) -> None:
    partner_id, before = add_partner(lobby, site.origin), confirmed_count(lobby)
    deliver()
    cookies: list[str | None] = []
    page.on("response", lambda response: cookies.append(response.header_value("Set-Cookie")))
    page.goto(site.put(element(service), service, "/join") + "?source=spring%20mailing")
    is_ready(page)
    expect(page.get_by_role("link", name="Sign our petition")).to_be_hidden()
    has_no_scroll_bar(page)
    tall = height_of(page)
    frame = frame_of(page)
    frame.get_by_role("button", name="Sign the petition").click()
    expect(frame.get_by_text("There is a problem")).to_be_visible()
    page.wait_for_function(
        "tall => document.querySelector('lobby-petition').shadowRoot"
        ".querySelector('iframe').clientHeight > tall + 100",
        arg=tall,
    )
    has_no_scroll_bar(page)

    fill_in(page)
    frame.get_by_role("button", name="Sign the petition").click()
    expect(frame.get_by_role("heading", name="One more step: check your email")).to_be_focused()
    page.wait_for_function("heard.length > 1")
    assert page.evaluate("heard") == [
        ["lobby:ready", {"petition": PETITION}],
        ["lobby:signed", {"petition": PETITION}],
    ]
    has_no_scroll_bar(page)
    assert height_of(page) < tall

    assert [cookie for cookie in cookies if cookie] == []
    assert context.storage_state() == {"cookies": [], "origins": []}

    (mail,) = deliver()
    token = token_in(mail, "confirm")
    page.request.post(f"{service}/confirm/{token}")
    assert confirmed_count(lobby) == before + 1
    with lobby.database.read() as session:
        signature = session.get_one(Signature, lobby.tokens.read(Purpose.CONFIRM, token))
    assert (signature.partner_id, signature.source) == (partner_id, "spring mailing")


@on_sqlite
def test_a_site_that_is_not_the_partners_shows_only_the_link(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, "https://elsewhere.example.org")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(site.put(element(service), service))
    frame = page.locator("lobby-petition iframe")
    expect(frame).to_be_hidden()
    expect(page.get_by_role("link", name="Sign our petition")).to_be_visible()
    expect(frame).to_have_css("display", "none", timeout=10_000)
    assert any("frame-ancestors" in complaint for complaint in complaints)
    assert page.evaluate("heard") == []
    assert frame_of(page).locator("form").count() == 0


@on_sqlite
@pytest.mark.parametrize(
    ("more", "query", "source"),
    [
        ("", "?source=spring&utm_source=mail", "spring"),
        ("", "?utm_source=mail", "mail"),
        ('source="our own"', "?source=spring", "our own"),
        ('source=""', "?source=spring", None),
        ("", "", None),
    ],
)
def test_the_source_is_the_elements_or_else_the_pages(
    page: Page,
    site: Site,
    service: str,
    lobby: Lobby,
    more: str,
    query: str,
    source: str | None,
) -> None:
    add_partner(lobby, site.origin)
    page.goto(site.put(element(service, f'partner="{PARTNER}" {more}'), service) + query)
    is_ready(page)
    fill_in(page)
    frame_of(page).get_by_role("button", name="Sign the petition").click()
    expect(
        frame_of(page).get_by_role("heading", name="One more step: check your email")
    ).to_be_visible()
    assert newest_signature(lobby).source == source


@on_sqlite
def test_without_scripts_the_link_is_there(
    browser: Browser, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.put(element(service), service))
    assert page.get_by_role("link", name="Sign our petition").is_visible()
    assert page.locator("iframe").count() == 0
    page.get_by_role("link", name="Sign our petition").click()
    assert page.get_by_role("heading", name="Sign the petition").is_visible()
    context.close()


@on_sqlite
def test_the_form_in_a_plain_frame_works_without_scripts(
    browser: Browser, site: Site, service: str, lobby: Lobby
) -> None:
    partner_id = add_partner(lobby, site.origin)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    address = f"{service}{EMBED}?partner={PARTNER}&source=plain"
    site.pages["/"] = f'<!doctype html><lobby-petition><iframe src="{address}" height=900></iframe>'
    page.goto(site.origin)
    fill_in(page)
    frame_of(page).get_by_role("button", name="Sign the petition").click()
    frame_of(page).get_by_role("heading", name="One more step: check your email").wait_for()
    signature = newest_signature(lobby)
    assert (signature.partner_id, signature.source) == (partner_id, "plain")
    context.close()


@on_sqlite
def test_a_page_with_a_strict_policy_allows_the_script_and_the_frame_and_no_more(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    digest = base64.b64encode(hashlib.sha256(LISTENING.encode()).digest()).decode()
    site.policy = STRICT.format(service, digest)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(site.put(element(service), service))
    expect(frame_of(page).get_by_label("Full name")).to_be_visible()
    expect(page.get_by_role("link", name="Sign our petition")).to_be_hidden()
    assert [heard[0] for heard in page.evaluate("heard")] == ["lobby:ready"]
    assert [text for text in complaints if "Policy" in text or "TrustedHTML" in text] == []


def add_frame(page: Page, address: str) -> Frame:
    """Adds a frame to the page beside the element's."""
    page.evaluate(
        """address => new Promise(done => {
          const other = document.body.appendChild(document.createElement('iframe'));
          other.onload = done;
          other.src = address;
        })""",
        address,
    )
    return page.frames[-1]


@on_sqlite
def test_the_element_believes_nobody_but_its_own_frame(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    page.goto(site.put(element(service), service))
    is_ready(page)
    tall = height_of(page)
    stranger = add_frame(page, f"{service}{EMBED}?partner={PARTNER}")
    for speaker, whom in ((page, "window"), (stranger, "parent")):
        speaker.evaluate(f"{whom}.postMessage({{ lobby: 'height', height: 7 }}, '*')")
        speaker.evaluate(f"{whom}.postMessage({{ lobby: 'signed' }}, '*')")
    page.wait_for_timeout(300)
    assert height_of(page) == tall
    assert page.evaluate("heard.map(([type]) => type)") == ["lobby:ready"]


@on_sqlite
def test_the_element_believes_its_frame_no_more_when_that_has_gone_elsewhere(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    site.pages["/stranger"] = (
        "<!doctype html><p>Not the form<script>"
        "for (const lobby of ['height', 'signed']) parent.postMessage({ lobby, height: 7 }, '*');"
        "</script>"
    )
    page.goto(site.put(element(service), service))
    is_ready(page)
    tall = height_of(page)
    page.evaluate(
        "document.querySelector('lobby-petition').shadowRoot.querySelector('iframe')"
        ".contentWindow.location = '/stranger'"
    )
    frame_of(page).get_by_text("Not the form").wait_for()
    page.wait_for_timeout(300)
    assert height_of(page) == tall
    assert page.evaluate("heard.map(([type]) => type)") == ["lobby:ready"]


@on_sqlite
def test_the_frame_is_silent_on_a_site_that_its_policy_would_have_kept_away(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    def without_policy(route: Route) -> None:
        answer = route.fetch()
        headers = {k: v for k, v in answer.headers.items() if k != "content-security-policy"}
        route.fulfill(response=answer, headers=headers)

    add_partner(lobby, "https://elsewhere.example.org")
    page.route("**/embed/**", without_policy)
    page.goto(site.put(element(service), service))
    frame_of(page).locator("form").wait_for(state="attached")
    expect(page.locator("lobby-petition iframe")).to_have_css("display", "none")
    assert page.evaluate("heard") == []


@on_sqlite
def test_the_frame_answers_nobody_but_the_page_around_it(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    site.pages["/"] = site.pages["/stranger"] = "<!doctype html><p>A page"
    page.goto(site.origin)
    add_frame(page, f"{service}{EMBED}?partner={PARTNER}")
    stranger = add_frame(page, f"{site.origin}/stranger")
    page.evaluate("got = []; addEventListener('message', ({ data }) => got.push(data.lobby))")
    stranger.evaluate("parent.frames[0].postMessage('lobby:hello', '*')")
    page.wait_for_timeout(300)
    assert page.evaluate("got") == []
    page.evaluate("frames[0].postMessage('lobby:hello', '*')")
    page.wait_for_function("got.includes('height')")


@on_sqlite
def test_the_keyboard_goes_through_the_frame_and_out_again(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    after = '<button id="after">After</button>'
    page.goto(site.put(element(service), service, after=after))
    is_ready(page)
    assert page.locator("lobby-petition iframe").get_attribute("title") == "Sign our petition"
    assert page.evaluate("document.activeElement === document.body"), "it takes no focus by itself"
    visited = []
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "after":
            break
        visited.append(page.frames[1].evaluate("document.activeElement.id"))
    assert page.evaluate("document.activeElement.id") == "after"
    assert visited[:5] == ["name", "email", "postcode", "abroad", "updates"]


@on_sqlite
def test_a_frame_far_below_is_loaded_only_when_somebody_comes_near(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    paths: list[str] = []
    page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    far_below = f'<div style="height: 20000px"></div>{element(service)}'
    page.goto(site.put(far_below, service))
    page.wait_for_function("!!customElements.get('lobby-petition')")
    page.wait_for_load_state("networkidle")
    assert EMBED not in paths
    page.locator("lobby-petition").scroll_into_view_if_needed()
    is_ready(page)
    assert EMBED in paths


@on_sqlite
def test_the_element_can_change_move_and_go(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    page.goto(site.put(element(service), service))
    is_ready(page)
    page.evaluate("document.querySelector('lobby-petition').setAttribute('source', 'later')")
    page.wait_for_function("heard.length === 2")
    assert "source=later" in page.frames[1].url
    page.evaluate("document.body.prepend(document.querySelector('lobby-petition'))")
    page.wait_for_function("heard.length === 3")
    page.evaluate("document.querySelector('lobby-petition').remove()")
    expect(page.locator("iframe")).to_have_count(0)


@on_sqlite
def test_an_element_that_learns_its_petition_late_shows_it_then(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    page.goto(site.put("<lobby-petition></lobby-petition>", service))
    page.wait_for_function("!!customElements.get('lobby-petition')")
    attributes = {"partner": PARTNER, "petition": PETITION}
    for name, value in attributes.items():
        page.locator("lobby-petition").evaluate(
            "(it, told) => it.setAttribute(...told)", [name, value]
        )
    is_ready(page)


@on_sqlite
def test_an_element_without_a_petition_says_so_and_keeps_its_link(
    page: Page, site: Site, service: str
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    without = '<lobby-petition><a href="/elsewhere">Sign here</a></lobby-petition>'
    page.goto(site.put(without, service))
    page.wait_for_function("!!customElements.get('lobby-petition')")
    assert page.get_by_role("link", name="Sign here").is_visible()
    assert "<lobby-petition> needs the attribute petition." in complaints


@on_sqlite
def test_on_a_phone_what_comes_next_is_seen_without_scrolling_back(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    page.set_viewport_size(PHONE)
    spacer = '<div style="height: 1500px">Our story</div>'
    page.goto(site.put(f"{spacer}{element(service)}{spacer}", service))
    page.locator("lobby-petition").scroll_into_view_if_needed()
    is_ready(page)
    frame = frame_of(page)
    frame.get_by_role("button", name="Sign the petition").click()
    expect(frame.get_by_text("There is a problem")).to_be_in_viewport()
    fill_in(page)
    frame.get_by_role("button", name="Sign the petition").click()
    expect(frame.get_by_role("heading", name="One more step: check your email")).to_be_in_viewport()
    page.wait_for_function(
        "document.querySelector('lobby-petition').getBoundingClientRect().y >= 0"
    )
    assert content_width(page) == 320


@on_sqlite
def test_the_form_is_light_where_its_visitor_likes_dark_pages(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    page.emulate_media(color_scheme="dark")
    page.goto(site.put(element(service), service))
    is_ready(page)
    body = frame_of(page).locator("body")
    expect(body).to_have_css("background-color", "rgb(255, 255, 255)")
    page.goto(f"{service}/petitions/{PETITION}")
    expect(page.locator("body")).not_to_have_css("background-color", "rgb(255, 255, 255)")


@on_sqlite
@pytest.mark.parametrize("sandbox", ["", 'sandbox="allow-scripts allow-forms"'])
def test_the_form_has_its_colours_and_its_font_also_in_a_sandboxed_frame(
    page: Page, site: Site, service: str, lobby: Lobby, sandbox: str
) -> None:
    with lobby.database.write() as session:
        session.exec(select(Organisation)).one().brand_colour = "#7a1f5c"
    add_partner(lobby, site.origin)
    address = f"{service}{EMBED}?partner={PARTNER}"
    site.pages["/"] = f'<!doctype html><iframe src="{address}" {sandbox} height=900></iframe>'
    page.goto(site.origin)
    page.frame_locator("iframe").get_by_label("Full name").wait_for()
    button = page.frame_locator("iframe").get_by_role("button", name="Sign the petition")
    expect(button).to_have_css("background-color", "rgb(122, 31, 92)")
    loaded = (
        "document.fonts.ready.then("
        "fonts => [...fonts].filter(({ family, status }) =>"
        " family.includes('Public Sans') && status === 'loaded').length)"
    )
    assert page.frames[1].evaluate(loaded) >= 1


@on_sqlite
def test_nothing_in_the_frame_scrolls_sideways_at_280_pixels(
    page: Page, site: Site, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, site.origin)
    narrow = f'<div style="width: 280px">{element(service)}</div>'
    page.goto(site.put(narrow, service))
    is_ready(page)
    wide = "document.documentElement.scrollWidth"
    assert page.frames[1].evaluate(wide) == 280
    frame_of(page).get_by_role("button", name="Sign the petition").click()
    frame_of(page).get_by_text("There is a problem").wait_for()
    assert page.frames[1].evaluate(wide) == 280
    fill_in(page)
    frame_of(page).get_by_role("button", name="Sign the petition").click()
    frame_of(page).get_by_role("heading", name="One more step: check your email").wait_for()
    assert page.frames[1].evaluate(wide) == 280
    close_campaign(lobby, CampaignStatus.WON)
    page.reload()
    frame_of(page).get_by_text("This petition has closed.").wait_for()
    assert page.frames[1].evaluate(wide) == 280


@on_sqlite
def test_the_builder_makes_copies_and_shows_the_line(
    context: BrowserContext, page: Page, service: str, lobby: Lobby
) -> None:
    add_partner(lobby, "https://nurses.example.org")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{service}/petitions/{PETITION}/embed")
    page.get_by_label("Your partner name").fill(PARTNER)
    page.get_by_label("Source").fill("spring")
    page.get_by_role("button", name="Get the code").click()
    expect(frame_of(page).get_by_label("Full name")).to_be_visible()
    assert page.frames[1].url == f"{service}{EMBED}?partner={PARTNER}&source=spring"
    page.get_by_role("button", name="Copy the code").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.get_by_label("Copy this code into your page").input_value()
    assert f'partner="{PARTNER}" source="spring"' in copied


@on_sqlite
def test_the_builder_works_on_a_phone_without_scripts(
    browser: Browser, service: str, lobby: Lobby
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(f"{service}/petitions/{PETITION}/embed")
    page.get_by_label("Source").fill("spring")
    page.get_by_role("button", name="Get the code").click()
    assert 'source="spring"' in page.get_by_label("Copy this code into your page").input_value()
    preview = page.frame_locator("noscript iframe, .preview iframe")
    preview.get_by_label("Full name").wait_for()
    context.close()
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.goto(f"{service}/petitions/{PETITION}/embed")
    assert content_width(page) <= 320
    context.close()

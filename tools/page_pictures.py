"""Takes the pictures of the public pages and of the desk in docs/pictures/.

`python -m tools.page_pictures` serves the demonstration and writes a WebP file for each page at the
width of a phone (390) and of a desk (1280). Long pages are cut at the bottom. `--only NAME` takes
one of them again.
"""

import argparse
import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from core import logs
from core.settings import ROOT
from main import create_app
from services.assembly import open_lobby
from tools import desk_pages, public_pages, sample_data
from tools.chromium import CHROMIUM, QUIET
from tools.databases import fresh_database
from tools.desk_pages import DeskScene
from tools.live_service import http_server
from tools.public_pages import PageState, Scene, Stage
from tools.settings import throwaway_settings

FOLDER = ROOT / "docs" / "pictures"
SIZES = {390: 1800, 1280: 1400}
"""The greatest height (pixels) for each width."""
NAMES = {
    "home": "home",
    "campaign": "campaign",
    "sign form with problems": "mistakes",
    "check your email": "one-more-step",
    "confirm": "confirm",
    "thank you": "thank-you",
    "thank you, a stranger": "thank-you-stranger",
    "thank you, no MP": "thank-you-no-mp",
    "signer's letter": "letter",
    "signer's letter, check": "check",
    "signer's letter, sent": "sent",
    "MPs": "mps",
    "one MP": "mp",
    "update": "update",
    "privacy": "privacy",
    "embed": "embed",
}
"""The file's name for each public page of the first stage that has a picture."""
DESK_NAMES = {
    "home, new": "desk-welcome",
    "home": "desk-home",
    "second step, new": "desk-second-step",
    "account": "desk-account",
    "people": "desk-people",
    "overview": "desk-overview",
    "map": "desk-map",
    "who to ask": "desk-ask",
    "phone list": "desk-phone-list",
    "all MPs": "desk-mps",
    "MP": "desk-mp",
    "did the letters matter": "desk-letters-effect",
    "petition room": "desk-petition",
    "supporters": "desk-supporters",
    "alerts": "desk-alerts",
    "letters": "desk-letters",
    "news": "desk-news",
    "draft, campaign": "desk-step-campaign",
    "step petition": "desk-step-petition",
    "step motion": "desk-step-motion",
    "step letters": "desk-step-letters",
    "letter, built-in": "desk-letter",
    "step look": "desk-step-look",
    "draft, open": "desk-step-open",
    "changed by a colleague": "desk-changed",
    "organisation": "desk-organisation",
    "not allowed": "desk-not-allowed",
}
"""The same for pages of the desk, of any stage."""


def picture(page: Page, width: int) -> bytes:
    """Returns what the browser shows as a WebP file."""
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": height})  # bars are at the bottom
    page.wait_for_timeout(200)  # the font replaces its fallback
    with Image.open(io.BytesIO(page.screenshot(full_page=True))) as shot:
        cut = shot.convert("RGB").crop((0, 0, width, min(shot.height, SIZES[width])))
    written = io.BytesIO()
    cut.save(written, "WEBP", quality=80, method=6)
    return written.getvalue()


def take(browser: Browser, scene: Scene, state: PageState, name: str) -> None:
    """Writes the pictures of one page."""
    with public_pages.visitors(browser) as page_of:
        for width in SIZES:
            page = page_of(width, "light")
            state.open(page, scene)
            (FOLDER / f"{name}-{width}.webp").write_bytes(picture(page, width))


def take_all(
    browser: Browser,
    scene: Scene,
    stages: Sequence[Stage],
    names: dict[str, str],
    only: str | None,
) -> None:
    """Writes the pictures of the pages that have a name, or of the one that is asked for."""
    for stage in stages:
        stage.begin(scene)
        for state in stage.pages:
            name = names.get(state.name)
            if name is not None and only in (None, name):
                take(browser, scene, state, name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools.page_pictures", description=__doc__)
    parser.add_argument("--only", choices=[*NAMES.values(), *DESK_NAMES.values()])
    only = parser.parse_args().only
    FOLDER.mkdir(exist_ok=True)
    logs.configure(level="CRITICAL")
    with fresh_database("sqlite") as (folder, url), sync_playwright() as playwright:
        settings = throwaway_settings(folder, url)
        lobby = open_lobby(settings)
        sample_data.load_demonstration(lobby)
        limitless = {"posts_per_address": 0, "gets_per_address": 0}
        local = settings.model_copy(update={"base_url": "http://127.0.0.1"} | limitless)
        app = create_app(local, lobby=replace(lobby, settings=local))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        with http_server(app) as address:
            take_all(browser, Scene(lobby, address), public_pages.STAGES[:1], NAMES, only)
            take_all(browser, DeskScene(lobby, address), desk_pages.STAGES, DESK_NAMES, only)
        lobby.close()


if __name__ == "__main__":
    main()

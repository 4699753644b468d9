"""Opens every page in every state, at three widths, light and dark, and runs axe on it.

`python -m drills.pages` prints a Markdown table, and each finding with its page, rule and element.
The lists of pages are `STAGES` in `tools/public_pages.py` and in `tools/desk_pages.py`. It needs
Chromium.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count

from playwright.sync_api import Browser, Page, sync_playwright
from rich.progress import track

from core import logs
from main import create_app
from services.assembly import Lobby, open_lobby
from tools import desk_pages, public_pages, sample_data
from tools.chromium import CHROMIUM, QUIET
from tools.databases import fresh_database
from tools.desk_pages import DeskScene
from tools.live_service import http_server
from tools.public_pages import SCHEMES, WIDTHS, Finding, PageState, Scene, Scheme, Stage
from tools.settings import throwaway_settings


class Pages(StrEnum):
    """For whom pages are."""

    PUBLIC = "public"
    DESK = "desk"


STAGES = {Pages.PUBLIC: public_pages.STAGES, Pages.DESK: desk_pages.STAGES}
SCENES: dict[Pages, type[Scene]] = {Pages.PUBLIC: Scene, Pages.DESK: DeskScene}


@dataclass
class PageReport:
    """How many pages were opened, the heading in each state, and what was found on them."""

    opened: int = 0
    headings: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    too_wide: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.findings or self.too_wide)


def visit(
    browser: Browser,
    scene: Scene,
    stages: Sequence[Stage],
    *,
    whole: bool,
    shows_progress: bool = False,
) -> PageReport:
    """Visits all pages of all stages. If not `whole`, each state at one width in one scheme."""
    report, turn = PageReport(), count()
    for stage in stages:
        stage.begin(scene)
        with public_pages.visitors(browser) as page_of:
            for state in track(stage.pages, stage.name, disable=not shows_progress, transient=True):
                named = replace(state, name=f"{state.name} ({stage.name})")
                for width, scheme in _views(next(turn), whole=whole):
                    _look(page_of(width, scheme), scene, named, width, scheme, report)
    return report


def _views(turn: int, *, whole: bool) -> Iterator[tuple[int, Scheme]]:
    every = [(width, scheme) for scheme in SCHEMES for width in WIDTHS]
    yield from every if whole else [every[turn % len(every)]]


def _look(
    page: Page,
    scene: Scene,
    state: PageState,
    width: int,
    scheme: Scheme,
    report: PageReport,
) -> None:
    page.set_viewport_size({"width": width, "height": public_pages.HEIGHT})
    state.open(page, scene)
    report.opened += 1
    report.headings[state.name] = page.locator("h1").first.inner_text()
    _show_whole(page, width)
    report.findings += public_pages.axe_findings(page, state.name, width, scheme)
    found = page.evaluate("document.documentElement.scrollWidth")
    if found > width:
        report.too_wide.append(f"{state.name} at {width} px in {scheme}: {found} px")


def _show_whole(page: Page, width: int) -> None:
    """Makes the window as high as a page of the desk.

    Otherwise axe counts what lies under the bar of shortcuts as too small, before one scrolls.
    """
    if page.locator(".shortcuts").count():
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": height})


def serve_and_visit(
    browser: Browser,
    lobby: Lobby,
    pages: Pages = Pages.PUBLIC,
    *,
    whole: bool,
    shows_progress: bool = False,
) -> PageReport:
    """Serves a lobby that has the demonstration, as on a developer's machine, and visits it."""
    settings = lobby.settings.model_copy(
        update={"base_url": "http://127.0.0.1", "posts_per_address": 0, "gets_per_address": 0}
    )
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    with http_server(app) as url:
        scene, stages = SCENES[pages](lobby, url), STAGES[pages]
        return visit(browser, scene, stages, whole=whole, shows_progress=shows_progress)


def main() -> None:
    """Exits with status 1 when there was a finding."""
    parser = argparse.ArgumentParser(prog="drills.pages", description=__doc__)
    parser.add_argument("--short", action="store_true", help="each state once")
    whole = not parser.parse_args().short
    logs.configure(level="CRITICAL")
    reports = [_report(pages, whole=whole) for pages in Pages]
    sys.exit(0 if all(report.is_good for report in reports) else 1)


def _report(pages: Pages, *, whole: bool) -> PageReport:
    with fresh_database("sqlite") as (folder, url):
        lobby = open_lobby(throwaway_settings(folder, url))
        sample_data.load_demonstration(lobby)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            report = serve_and_visit(browser, lobby, pages, whole=whole, shows_progress=True)
            browser.close()
        lobby.close()
    _print(pages, report)
    return report


def _print(pages: Pages, report: PageReport) -> None:
    print(f"Pages: {pages}\n")
    print("| states | pages opened | findings of axe | too wide |\n|---|---|---|---|")
    row = (len(report.headings), report.opened, len(report.findings), len(report.too_wide))
    print(f"| {' | '.join(map(str, row))} |")
    for finding in report.findings:
        print(f"- {finding}")
    for line in report.too_wide:
        print(f"- {line}")


if __name__ == "__main__":
    main()

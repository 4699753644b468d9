"""Opens every public page in every state, at three widths, light and dark, and runs axe on it.

`python -m drills.pages` prints a Markdown table, and each finding with its page, rule and element.
The list of pages is `STAGES` in `tools/public_pages.py`. It needs Chromium.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from playwright.sync_api import Browser, Page, sync_playwright
from rich.progress import track

from core import logs
from main import create_app
from services.assembly import Lobby, open_lobby
from tools import public_pages, sample_data
from tools.chromium import CHROMIUM, QUIET
from tools.databases import fresh_database
from tools.live_service import http_server
from tools.public_pages import SCHEMES, STAGES, WIDTHS, Finding, PageState, Scene, Scheme
from tools.settings import throwaway_settings


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
    browser: Browser, scene: Scene, *, whole: bool, shows_progress: bool = False
) -> PageReport:
    """Visits all pages of all stages. If not `whole`, each state at one width in one scheme."""
    report, turn = PageReport(), count()
    for stage in STAGES:
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
    state.open(page, scene)
    report.opened += 1
    report.headings[state.name] = page.locator("h1").first.inner_text()
    report.findings += public_pages.axe_findings(page, state.name, width, scheme)
    found = page.evaluate("document.documentElement.scrollWidth")
    if found > width:
        report.too_wide.append(f"{state.name} at {width} px in {scheme}: {found} px")


def serve_and_visit(
    browser: Browser, lobby: Lobby, *, whole: bool, shows_progress: bool = False
) -> PageReport:
    """Serves a lobby that has the demonstration, as on a developer's machine, and visits it."""
    settings = lobby.settings.model_copy(
        update={"base_url": "http://127.0.0.1", "posts_per_address": 0, "gets_per_address": 0}
    )
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    with http_server(app) as url:
        return visit(browser, Scene(lobby, url), whole=whole, shows_progress=shows_progress)


def main() -> None:
    """Exits with status 1 when there was a finding."""
    parser = argparse.ArgumentParser(prog="drills.pages", description=__doc__)
    parser.add_argument("--short", action="store_true", help="each state once")
    whole = not parser.parse_args().short
    logs.configure(level="CRITICAL")
    with fresh_database("sqlite") as (folder, url):
        lobby = open_lobby(throwaway_settings(folder, url))
        sample_data.load_demonstration(lobby)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            report = serve_and_visit(browser, lobby, whole=whole, shows_progress=True)
            browser.close()
        lobby.close()
    _print(report)
    sys.exit(0 if report.is_good else 1)


def _print(report: PageReport) -> None:
    print("| states | pages opened | findings of axe | too wide |\n|---|---|---|---|")
    row = (len(report.headings), report.opened, len(report.findings), len(report.too_wide))
    print(f"| {' | '.join(map(str, row))} |")
    for finding in report.findings:
        print(f"- {finding}")
    for line in report.too_wide:
        print(f"- {line}")


if __name__ == "__main__":
    main()

"""The first view of a campaign's page on a slow phone: bytes, requests, LCP and layout shift.

Chromium loads the page of the demonstration with an empty cache over a link of 1.6 Mbit/s and
150 ms, with a CPU four times slower. Each round also loads a page of the same server with a heading
only, so that other load on the machine affects both. Figures are medians of the rounds.

LCP (largest contentful paint) is in seconds. CLS is the cumulative layout shift, without a unit.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, sync_playwright

from bench import servers
from tools.chromium import CHROMIUM, QUIET

MBIT = 1_000_000 / 8  # bytes a second
PAGES = {"the campaign": "/campaigns/nhs-professionals", "a heading": "/campaigns/no-such-page"}
MOST_ROUNDS = 20
_WATCH = """
window.figures = {lcp: 0, cls: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.figures.lcp = entry.startTime / 1000;
}).observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput) window.figures.cls += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@dataclass(frozen=True, slots=True)
class View:
    """One load of a page. `kilobytes` is what crossed the network, compressed."""

    kilobytes: float
    requests: int
    lcp: float
    cls: float


def load(browser: Browser, address: str) -> View:
    """Loads a page with an empty cache, on a slow link and a slow CPU."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True)
    page = context.new_page()
    session = context.new_cdp_session(page)
    sizes = _slowed(session)
    page.add_init_script(_WATCH)
    page.goto(address, wait_until="networkidle")
    page.wait_for_timeout(500)
    figures = page.evaluate("window.figures")
    context.close()
    return View(sum(sizes) / 1000, len(sizes), figures["lcp"], figures["cls"])


def _slowed(session: CDPSession) -> list[float]:
    """Slows the page, and returns a list to which the bytes of each answer will be added."""
    sizes: list[float] = []
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    speeds = {"downloadThroughput": 1.6 * MBIT, "uploadThroughput": 0.75 * MBIT}
    session.send("Network.emulateNetworkConditions", {"offline": False, "latency": 150, **speeds})
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    return sizes


def views(url: str, rounds: int) -> dict[str, list[View]]:
    """Loads the pages in turn, `rounds` times each."""
    loaded: dict[str, list[View]] = {name: [] for name in PAGES}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for _ in range(rounds):
            for name, path in PAGES.items():
                loaded[name].append(load(browser, url + path))
        browser.close()
    return loaded


def table(loaded: dict[str, list[View]]) -> Iterator[str]:
    """Yields the lines of a Markdown table."""
    yield "| page | KB | requests | LCP s | CLS |"
    yield "|---|---|---|---|---|"
    for name, of_page in loaded.items():
        yield (
            f"| {name} | {_median(of_page, 'kilobytes'):.1f} | {_median(of_page, 'requests'):.0f} "
            f"| {_median(of_page, 'lcp'):.2f} | {_median(of_page, 'cls'):.3f} |"
        )


def _median(of_page: Sequence[View], name: str) -> float:
    return float(statistics.median(getattr(view, name) for view in of_page))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    if not 1 <= rounds <= MOST_ROUNDS:
        parser.error(f"at most {MOST_ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers.demonstrate(folder, {})
        with servers.serving("lobby", folder, {}) as (port, _):
            print("\n".join(table(views(f"http://localhost:{port}", rounds))))


if __name__ == "__main__":
    main()

"""`pytest --quick` leaves out tests on PostgreSQL, in the browser, on real data, and slow ones.

tests/conftest.py loads it as a plugin. The last line of a run says how many tests were left out.
"""

from collections import Counter
from typing import Any

import pytest

MARKS = ("browser", "real_data", "slow")
LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "leave out tests on PostgreSQL, in the browser, on real data, and slow ones"
    parser.addoption("--quick", action="store_true", help=help_text)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = Counter()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("quick"):
        return
    reasons = [(item, reason_to_leave_out(item)) for item in items]
    config.stash[LEFT_OUT] = Counter(reason for _, reason in reasons if reason)
    config.hook.pytest_deselected(items=[item for item, reason in reasons if reason])
    items[:] = [item for item, reason in reasons if not reason]


def reason_to_leave_out(item: pytest.Item) -> str | None:
    """Returns 'PostgreSQL' or the mark, or None for a test that a quick run includes."""
    parameters = getattr(item, "callspec", None)
    is_on_postgres = parameters and parameters.params.get("backend") == "postgresql"
    if is_on_postgres or "postgres" in getattr(item, "fixturenames", ()):
        return "PostgreSQL"
    return next((mark for mark in MARKS if item.get_closest_marker(mark)), None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hands the counts of a worker of pytest-xdist to the process that prints."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        counts = session.config.stash[LEFT_OUT]
        output["left_out"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each worker of pytest-xdist collects all tests, so one worker's counts are those of all."""
    counts: dict[str, int] = getattr(node, "workeroutput", {}).get("left_out", {})
    if counts:
        node.config.stash[LEFT_OUT] = Counter(counts)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not config.getoption("quick"):
        return
    counts = config.stash[LEFT_OUT]
    parts = [f"{reason} {count:,}" for reason, count in sorted(counts.items())]
    total = f"--quick left out {counts.total():,} tests"
    terminalreporter.write_line(f"{total}: {', '.join(parts)}" if parts else total)

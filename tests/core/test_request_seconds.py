"""Tests that the histogram of requests is the one that prometheus_client would make."""

import random
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from core.request_seconds import BOUNDS, LABELS, NAME, RequestSeconds

ODD = ("(none)", 'with "quotes"', "back\\slash", "line\nend", "/é/{slug}", "")


def text_of(registry: CollectorRegistry) -> str:
    """The metrics without the moments of creation, which differ."""
    text = generate_latest(registry).decode()
    return re.sub(r"(_created\{.*\}) [0-9.e+]+", r"\1 MOMENT", text)


def both() -> tuple[RequestSeconds, CollectorRegistry, Histogram, CollectorRegistry]:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram(NAME, "Duration of requests", LABELS, registry=theirs)
    return RequestSeconds(ours), ours, histogram, theirs


def test_it_tells_what_a_histogram_of_prometheus_client_tells() -> None:
    ours, our_registry, theirs, their_registry = both()
    assert text_of(our_registry) == text_of(their_registry), "before the first request"
    chance = random.Random(21)
    at_bounds = [bound + more for bound in BOUNDS[:-1] for more in (-1e-9, 0, 1e-9)]
    for seconds in (*at_bounds, 0.0, 1e-9, 3600.0, *(chance.expovariate(20) for _ in range(2000))):
        labels = chance.choice(("GET", "POST")), chance.choice(ODD), chance.choice((200, 404, 500))
        ours.observe(*labels, seconds)
        theirs.labels(*labels).observe(seconds)
    assert "_created{" in text_of(our_registry)
    assert text_of(our_registry) == text_of(their_registry)


@pytest.mark.parametrize("value", ["true", "1", "False"])
def test_the_variable_that_turns_moments_of_creation_off_counts_here_too(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PROMETHEUS_DISABLE_CREATED_SERIES", value)
    ours, registry, *_ = both()
    ours.observe("GET", "/", 200, 0.1)
    assert ("_created" in text_of(registry)) == (value == "False")


def test_requests_of_many_threads_are_all_counted_while_metrics_are_read() -> None:
    ours, registry, *_ = both()

    def observe(status: int) -> None:
        for n in range(2000):
            ours.observe("GET", "/", status, 0.25)
            if n % 100 == 0:
                text_of(registry)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(observe, (0, 1) * 4))
    for status in (0, 1):
        labels = {"method": "GET", "route": "/", "status": str(status)}
        assert registry.get_sample_value(f"{NAME}_count", labels) == 8000
        assert registry.get_sample_value(f"{NAME}_sum", labels) == 2000
        at_most = registry.get_sample_value(f"{NAME}_bucket", labels | {"le": "0.1"})
        assert at_most == 0

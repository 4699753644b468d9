"""Compares the curve of names on a real motion with a computation from the recorded answers alone.

The service reads the answers through its sync. The computation reads the files with the standard
library only, and shares no code with the service.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import httpx2
import pytest
from fastapi.testclient import TestClient

import worker
from models import Motion
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Unavailable
from services.organisations import organisations
from services.tallies import histories, name_changes
from tests.support.common import REAL_DATA, Clock, needs_real_data

pytestmark = [needs_real_data, pytest.mark.real_data, pytest.mark.slow]
FILES = sorted((REAL_DATA / "edm" / "65938-history").glob("*.json"))
MOTION, SLUG = 65938, "a-campaign"
MINUTE, INSTANT = timedelta(minutes=1), timedelta(microseconds=1)


# ---- the computation


class Name(NamedTuple):
    """When a name came onto the motion, and when it was withdrawn."""

    begins: datetime
    ends: datetime | None


def saved_at(file: Path) -> datetime:
    """Reads the time in a file's name, which has the offset from UTC without its sign."""
    moment = file.name.partition("_")[0]
    local = datetime.strptime(moment[:-4], "%Y-%m-%dT%H%M%S").replace(tzinfo=UTC)
    return local - timedelta(hours=int(moment[-4:-2]), minutes=int(moment[-2:]))


def in_utc(london: str) -> datetime:
    """Reads a time of clocks in London, with any number of digits of a second."""
    seconds, _, fraction = london.partition(".")
    moment = datetime.fromisoformat(seconds)
    micro = int(fraction[:6].ljust(6, "0") or 0)
    return moment.replace(microsecond=micro, tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)


def names_in(files: Sequence[Path], seen_at: Callable[[Path], datetime]) -> dict[int, Name]:
    """Returns the names by Parliament's id of their rows.

    A name counts from its `CreatedWhen` to its `WithdrawnDate`, but from no later than the first
    answer that has it.
    """
    names: dict[int, Name] = {}
    for file in files:
        response = json.loads(file.read_bytes())["Response"]
        for row in response["Sponsors"] if response else []:
            if row["Id"] in names:
                continue
            ends = row["WithdrawnDate"] and in_utc(row["WithdrawnDate"])
            begins = min(in_utc(row["CreatedWhen"]), seen_at(file))
            assert (ends is not None) is row["IsWithdrawn"]
            assert ends is None or begins < ends <= seen_at(file)
            names[row["Id"]] = Name(begins, ends)
    return names


def total(names: dict[int, Name], moment: datetime) -> int:
    return sum(
        name.begins <= moment and (name.ends is None or name.ends > moment)
        for name in names.values()
    )


def minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def minutes_of(names: dict[int, Name]) -> list[datetime]:
    """Returns every minute within which a name came on or off, in order."""
    moments = [moment for name in names.values() for moment in name if moment]
    return sorted({minute_of(moment) for moment in moments})


# ---- the service


@pytest.fixture
def lobby(make_lobby: Callable[..., Lobby], clock: Clock) -> Iterator[Lobby]:
    """A lobby whose Parliament gives the newest of the answers that were recorded by now."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == f"/EarlyDayMotion/{MOTION}"
        newest = [file for file in FILES if saved_at(file) <= clock.now][-1]
        return httpx2.Response(200, content=newest.read_bytes())

    transport = httpx2.MockTransport(answer)
    with httpx2.Client(transport=transport, base_url="http://127.0.0.1") as parliament:
        yield make_lobby("empty", motions_api=parliament)


def link(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        owner = organisations.create(session, name="A union", slug="a-union", now=lobby.clock())
        values = {"slug": SLUG, "title": "A campaign", "summary": "About it.", "status": "open"}
        campaigns.create(
            session, organisation_id=owner.id, values=values, motion_id=MOTION, now=lobby.clock()
        )


def curve_of(lobby: Lobby) -> dict[datetime, int]:
    """Returns the service's number of names at the end of each minute that changed it."""
    with lobby.database.read() as session:
        campaign = campaigns.public(session, SLUG)
        changes = name_changes.of_campaign(session, campaign.id).changes
    curve: dict[datetime, int] = {}
    count = 0
    for change in changes:
        count += change.step
        curve[minute_of(change.at)] = count
    return curve


def counts_around(client: TestClient, minute: datetime) -> tuple[int, int]:
    """Asks the API for the history of a minute: the counts just before it and at its end."""
    span = {"from": minute - INSTANT, "to": minute + MINUTE - INSTANT}
    query = {name: moment.isoformat() for name, moment in span.items()} | {"every": "hour"}
    response = client.get(f"/v1/campaigns/{SLUG}/tally/history", params=query)
    assert response.status_code == 200, response.text
    before, *_, after = (point["signatories"] for point in response.json()["points"])
    return before, after


def compare(lobby: Lobby, client: TestClient, names: dict[int, Name]) -> None:
    minutes = minutes_of(names)
    expected = {minute: total(names, minute + MINUTE - INSTANT) for minute in minutes}
    assert curve_of(lobby) == expected
    first, last = minutes[0] - timedelta(days=1), minutes[-1] + timedelta(days=1)
    chosen = random.Random(65938).sample(range(int((last - first) / MINUTE)), 40)
    for minute in [*minutes, *(first + place * MINUTE for place in chosen)]:
        expected_around = (total(names, minute - INSTANT), total(names, minute + MINUTE - INSTANT))
        assert counts_around(client, minute) == expected_around, minute
    whole = client.get(f"/v1/campaigns/{SLUG}/tally/history").json()
    assert whole["points"][0]["at"].startswith(f"{min(names.values()).begins:%Y-%m-%dT%H:%M:%S}")
    for point in whole["points"]:
        moment = datetime.fromisoformat(point["at"])
        assert point["signatories"] == total(names, moment), moment
    with lobby.database.read() as session:
        days = histories.by_day(session, campaigns.public(session, SLUG), now=lobby.clock())
    for day, count in zip(days.days, days.signatories, strict=True):
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Europe/London"))
        end = (midnight + timedelta(days=1)).astimezone(UTC) - INSTANT
        assert count == total(names, min(end, lobby.clock())), day


def test_the_backfilled_curve_of_a_motion_linked_late_is_parliaments_to_the_minute(
    lobby: Lobby, client: TestClient, clock: Clock
) -> None:
    clock.now = saved_at(FILES[-1]) + timedelta(days=3)
    worker.sync_motion(lobby, MOTION)
    link(lobby)
    names = names_in(FILES[-1:], lambda _file: clock.now)
    assert len(names) == 169
    assert total(names, clock.now) == 167
    assert any(name.ends for name in names.values())
    compare(lobby, client, names)


def test_the_curve_of_a_motion_followed_from_answer_to_answer_is_theirs_to_the_minute(
    lobby: Lobby, client: TestClient, clock: Clock
) -> None:
    """The way in which it was followed makes no difference: no answer has a name too early."""
    good = 0
    for file in FILES:
        clock.now = saved_at(file)
        with suppress(Unavailable):
            worker.sync_motion(lobby, MOTION, sleep=lambda _seconds: None)
            good += 1
        if file is FILES[9]:
            link(lobby)
    assert (len(FILES), good) == (29, 27)
    with lobby.database.read() as session:
        assert session.get_one(Motion, MOTION).synced_at == clock.now
    clock.advance(days=1)
    names = names_in(FILES, saved_at)
    assert names == names_in(FILES[-1:], lambda _file: clock.now)
    assert total(names, clock.now) == 167
    compare(lobby, client, names)


@pytest.mark.parametrize(
    ("local", "moment"),
    [
        ("2026-06-02T12:02:52.4666667", "2026-06-02T11:02:52.466666+00:00"),
        ("2026-11-02T12:02:52", "2026-11-02T12:02:52+00:00"),
    ],
)
def test_the_computation_itself_reads_times_of_london(local: str, moment: str) -> None:
    assert in_utc(local) == datetime.fromisoformat(moment)

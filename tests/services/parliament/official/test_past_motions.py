"""Tests loading past motions: the pages of the official list, then each motion."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from cli import app, parliament
from cli.parliament import PastMotionsLoad
from models import Motion, MotionStatus
from services.assembly import Lobby
from services.errors import Unavailable
from services.parliament import motions
from services.parliament.official import http
from tests.support.common import SECRET
from tests.support.outside.motions_api import (
    FAILURE,
    JSON,
    KNOWN,
    Parliament,
    Reply,
    answer,
    envelope,
    serving_as,
    sponsor,
)

FROM = date(2024, 9, 1)
LIMITED = Reply(b"", 429, {"Retry-After": "3100"})
LIST = "/EarlyDayMotions/list"


class Archive(Parliament):
    """Serves the official list and its motions; `ids` are the motion ids, oldest first.

    `instead` overrides replies, by motion id or by the page's offset ('skip 100').
    """

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[int] = []
        self.instead: dict[int | str, Reply] = {}

    def next_reply(self) -> Reply:
        parts = urlsplit(self.asked[-1])
        if parts.path == LIST:
            skip = int(parse_qs(parts.query)["parameters.skip"][0])
            return self.instead.get(f"skip {skip}") or page(self.ids, skip)
        motion_id = int(parts.path.rpartition("/")[2])
        return self.instead.get(motion_id) or Reply(motion(motion_id), headers=JSON)

    @property
    def asked_motions(self) -> list[int]:
        """Returns the ids of the requested motions, in order."""
        paths = [path for path in self.asked if not path.startswith(LIST)]
        return [int(path.rpartition("/")[2]) for path in paths]

    @property
    def queries(self) -> list[dict[str, str]]:
        """Returns the query parameters of the requested pages."""
        query_strings = [urlsplit(path).query for path in self.asked if path.startswith(LIST)]
        return [
            {name: value for name, (value,) in parse_qs(query).items()} for query in query_strings
        ]


def motion(motion_id: int) -> bytes:
    rows = [sponsor(motion_id * 10 + place, place, MemberId=place) for place in (1, 2)]
    return answer(*rows, Id=motion_id, DateTabled="2024-09-02T00:00:00")


def page(ids: list[int], skip: int, **changes: Any) -> Reply:
    """Builds a page of the list, with a hundred motions at most."""
    rows = [
        {
            "Id": motion_id,
            "UINWithAmendmentSuffix": str(motion_id),
            "Title": f"Motion {motion_id}",
            "DateTabled": "2024-09-02T00:00:00",
        }
        for motion_id in ids[skip : skip + 100]
    ]
    paging = {"Skip": skip, "Take": 100, "Total": len(ids), "GlobalTotal": 70_000}
    fields = {"PagingInfo": paging, **changes}
    return Reply(envelope(fields.pop("Response", rows), **fields), headers=JSON)


@pytest.fixture
def api() -> Iterator[Archive]:
    with serving_as(Archive) as server:
        server.ids = [60_001, 60_002, 60_003]
        yield server


@dataclass
class Load:
    """Loads past motions; records the complaints, the waits and the progress."""

    lobby: Lobby
    complaints: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    seen: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, *, limit: int = 200, tabled_to: date | None = None) -> PastMotionsLoad:
        return parliament.load_past_motions(
            self.lobby,
            tabled_from=FROM,
            tabled_to=tabled_to,
            limit=limit,
            report_failure=self.complaints.append,
            report_progress=lambda *far: self.seen.append(far),
            sleep=self.waits.append,
        )


@pytest.fixture
def load(lobby: Lobby, api: Archive) -> Iterator[Load]:
    with http.make_client(api.url) as client:
        yield Load(replace(lobby, motions_api=client))


def stored_motions(lobby: Lobby) -> list[int]:
    """Returns the stored motions without the demonstration's."""
    with lobby.database.read() as session:
        return [
            motion_id for motion_id in range(60_000, 61_000) if motions.is_known(session, motion_id)
        ]


# ---- what is loaded


@pytest.mark.slow
def test_every_motion_of_the_list_comes_with_its_names(
    load: Load, api: Archive, lobby: Lobby
) -> None:
    assert load() == PastMotionsLoad(loaded=3, already_known=0, failed=0, remaining=0)
    assert stored_motions(lobby) == api.ids == api.asked_motions
    with lobby.database.read() as session:
        assert motions.live_count(motions.signatories(session, 60_002)) == 2
    assert load.seen == [(1, 3), (2, 3), (3, 3)]
    assert load.complaints == []


def test_the_list_is_asked_for_by_prefixed_names_and_page_by_page(load: Load, api: Archive) -> None:
    api.ids = list(range(60_001, 60_251))
    load(limit=1, tabled_to=date(2025, 1, 31))
    whole = {
        "parameters.tabledStartDate": "2024-09-01",
        "parameters.tabledEndDate": "2025-01-31",
        "parameters.orderBy": "DateTabledAsc",
        "parameters.take": "100",
    }
    assert api.queries == [{**whole, "parameters.skip": skip} for skip in ("0", "100", "200")]
    assert len(load.waits) == 3, "between two pages, and before the motion"


def test_a_motion_of_an_earlier_session_has_fallen(load: Load, lobby: Lobby) -> None:
    load()
    with lobby.database.read() as session:
        assert session.get_one(Motion, 60_001).status is MotionStatus.LAPSED
        assert motions.published_ids(session) == [KNOWN], "it is followed no more"


def test_an_empty_list_is_told_as_it_is(load: Load, api: Archive) -> None:
    api.ids = []
    assert load() == PastMotionsLoad(loaded=0, already_known=0, failed=0, remaining=0)


# ---- resuming


def test_what_is_held_from_a_good_answer_is_not_asked_for_again(load: Load, api: Archive) -> None:
    assert load(limit=2) == PastMotionsLoad(loaded=2, already_known=0, failed=0, remaining=1)
    assert load(limit=2) == PastMotionsLoad(loaded=1, already_known=2, failed=0, remaining=0)
    assert load(limit=2) == PastMotionsLoad(loaded=0, already_known=3, failed=0, remaining=0)
    assert api.asked_motions == api.ids


def test_a_run_that_was_interrupted_goes_on_where_it_stopped(
    load: Load, api: Archive, lobby: Lobby
) -> None:
    def interrupt(_far: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parliament.load_past_motions(
            load.lobby,
            tabled_from=FROM,
            tabled_to=None,
            limit=200,
            report_failure=load.complaints.append,
            report_progress=interrupt,
        )
    assert stored_motions(lobby) == [60_001]
    assert load() == PastMotionsLoad(loaded=2, already_known=1, failed=0, remaining=0)
    assert api.asked_motions == api.ids


# ---- faults


@pytest.mark.parametrize(
    "bad", [Reply(FAILURE), Reply(b"{}", 404), Reply(motion(1))], ids=["failure", "404", "another"]
)
def test_a_bad_motion_is_named_and_the_run_goes_on(
    bad: Reply, load: Load, api: Archive, lobby: Lobby
) -> None:
    api.instead[60_002] = bad
    assert load() == PastMotionsLoad(loaded=2, already_known=0, failed=1, remaining=0)
    (complaint,) = load.complaints
    assert "60002" in complaint
    assert stored_motions(lobby) == [60_001, 60_003]
    api.instead.clear()
    assert load() == PastMotionsLoad(loaded=1, already_known=2, failed=0, remaining=0)


def test_a_request_to_wait_ends_the_run_with_what_was_done(
    load: Load, api: Archive, lobby: Lobby
) -> None:
    api.instead[60_002] = LIMITED
    assert load() == PastMotionsLoad(
        loaded=1, already_known=0, failed=0, remaining=2, is_limited=True
    )
    assert stored_motions(lobby) == [60_001]
    assert api.asked_motions == [60_001, 60_002]
    with pytest.raises(Unavailable, match="asked us to wait"):
        load()


WHOLE = list(range(60_001, 60_251))
SHIFTED = [*WHOLE[:99], 60_999, *WHOLE[99:]]
BAD_PAGES: dict[str, Reply] = {
    "a failure with HTTP 200": Reply(FAILURE),
    "another form": Reply(b"<p>Maintenance</p>"),
    "no count": page(WHOLE, 100, PagingInfo=None),
    "another count": page(WHOLE[:249], 100),
    "a motion twice": page(WHOLE, 99),
    "too few": page(WHOLE, 100, Response=[]),
    "shifted by one that came": page(SHIFTED, 100),
    "limited": LIMITED,
    "HTTP 500": Reply(b"", 500),
}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("case", list(BAD_PAGES))
def test_a_page_that_is_bad_or_does_not_continue_the_others_is_refused(
    case: str, load: Load, api: Archive
) -> None:
    api.ids = WHOLE
    api.instead["skip 100"] = BAD_PAGES[case]
    with pytest.raises(Unavailable, match="page 2 of the list"):
        load()
    assert api.asked_motions == []


# ---- the command


@pytest.fixture
def command(lobby: Lobby, api: Archive) -> Any:
    """Runs `lobby sync motions` on the same data."""
    ours = {
        "LOBBY_DATA_DIR": str(lobby.settings.data_dir),
        "LOBBY_DATABASE_URL": lobby.settings.database_url,
        "LOBBY_SECRET_KEY": SECRET,
        "LOBBY_MOTIONS_API_URL": api.url,
        "COLUMNS": "200",
    }

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["sync", "motions", *arguments], env=ours)

    return command


def test_the_command_says_what_it_came_to(command: Any, api: Archive) -> None:
    done = command("--tabled-from", "2024-09-01", "--tabled-to", "2024-09-30", "--limit", "2")
    assert (done.exit_code, done.stdout) == (
        0,
        "2 motions loaded, 0 held already, 0 failed; the list has 1 more.\n",
    )
    api.instead[60_003] = Reply(FAILURE)
    done = command("--tabled-from", "2024-09-01")
    assert done.exit_code == 1
    assert done.stdout == "0 motions loaded, 2 held already, 1 failed; the list has 0 more.\n"
    assert "motion 60003" in done.stderr


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_command_ends_with_what_was_done_where_it_has_to_wait(
    command: Any, api: Archive
) -> None:
    api.instead[60_002] = LIMITED
    done = command("--tabled-from", "2024-09-01")
    assert done.exit_code == 1
    assert done.stdout == "1 motions loaded, 0 held already, 0 failed; the list has 2 more.\n"
    assert "429" in done.stderr


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "arguments",
    [
        ("--tabled-from", "2024-09-01", "60001"),
        ("--tabled-from", "2024-09-01", "--again"),
        ("--tabled-from", "2024-09-01", "--file", "saved.json"),
        ("--tabled-from", "2024-09-01", "--tabled-to", "2024-08-31"),
        ("--tabled-from", "September"),
        ("--tabled-from", "2024-09-01", "--limit", "0"),
        ("--tabled-to", "2024-09-01"),
        ("--limit", "5"),
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_refused(
    arguments: tuple[str, ...], command: Any, api: Archive
) -> None:
    done = command(*arguments)
    assert done.exit_code == 2
    assert "tabled" in done.stderr or "limit" in done.stderr
    assert api.asked == []

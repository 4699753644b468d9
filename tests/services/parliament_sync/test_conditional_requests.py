"""Tests conditional requests to Parliament with `ETag` and `Last-Modified` validators."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import SQLModel
from typer.testing import CliRunner

import worker
from cli import app
from models import (
    CampaignMotion,
    Member,
    Motion,
    MotionEvent,
    MotionSignatory,
    MotionStatus,
    Organisation,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.errors import LobbyError, Unavailable
from services.organisations import organisations
from services.parliament import motions
from services.parliament.official import http
from services.parliament_sync.motion_sync import MotionSync
from tests.support.common import CAMPAIGN, SECRET, START, Clock, rows_of
from tests.support.outside.motions_api import (
    FAILURE,
    JSON,
    KNOWN,
    MOTION,
    Parliament,
    Reply,
    answer,
    serving,
    sponsor,
)

ETAG = 'W/"abc-1"'
MODIFIED = "Wed, 01 Jul 2026 09:00:00 GMT"
BOTH = {"ETag": ETAG, "Last-Modified": MODIFIED}
UNCHANGED = Reply(status=304)
TABLES: tuple[type[SQLModel], ...] = (Motion, MotionSignatory, MotionEvent, Member)


@pytest.fixture
def api() -> Iterator[Parliament]:
    with serving() as server:
        yield server


@pytest.fixture
def asking(lobby: Lobby, api: Parliament) -> Iterator[Lobby]:
    """A lobby whose Motions API is a server on loopback."""
    with http.make_client(api.url) as client:
        yield replace(lobby, motions_api=client)


Sync = Callable[..., MotionSync]


@pytest.fixture
def sync(asking: Lobby, api: Parliament) -> Sync:
    """Returns a function that syncs the motion against one reply."""

    def sync(reply: Reply | bytes, *, again: bool = False) -> MotionSync:
        api.answers(reply)
        return worker.sync_motion(asking, MOTION, again=again)

    return sync


def good_reply(*names: int, **headers: str) -> Reply:
    """Builds a good reply with the names of some members and optional headers."""
    own_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        answer(*(sponsor(name, name) for name in names)), headers=JSON | (own_headers or BOTH)
    )


def conditions(api: Parliament) -> dict[str, str]:
    """Returns the conditional headers of the last request."""
    names = ("If-None-Match", "If-Modified-Since")
    return {name: api.headers[-1][name] for name in names if name in api.headers[-1]}


def motion_row(lobby: Lobby) -> Motion:
    with lobby.database.read() as session:
        return session.get_one(Motion, MOTION)


def validators(lobby: Lobby) -> tuple[str | None, str | None]:
    row = motion_row(lobby)
    return row.etag, row.last_modified


# ---- asking


def test_the_first_request_has_no_condition_and_the_next_has_what_came_with_it(
    sync: Sync, api: Parliament
) -> None:
    sync(good_reply(1))
    assert conditions(api) == {}
    sync(good_reply(1))
    assert conditions(api) == {"If-None-Match": ETAG, "If-Modified-Since": MODIFIED}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_only_what_was_given_is_sent(sync: Sync, api: Parliament) -> None:
    sync(good_reply(1, ETag=ETAG))
    sync(good_reply(1, Last_Modified=MODIFIED))
    assert conditions(api) == {"If-None-Match": ETAG}
    sync(answer(sponsor(1, 1)))
    assert conditions(api) == {"If-Modified-Since": MODIFIED}
    sync(good_reply(1))
    assert conditions(api) == {}, "the last answer came without any"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("odd", ['"caf\xe9"', '"' + "a" * 300 + '"'], ids=["accents", "long"])
def test_what_could_not_be_sent_back_is_not_kept(odd: str, sync: Sync, lobby: Lobby) -> None:
    sync(good_reply(1, ETag=odd))
    assert validators(lobby) == (None, None)


# ---- unchanged


def test_unchanged_is_as_good_as_another_answer_and_changes_nothing_else(
    sync: Sync, lobby: Lobby, clock: Clock
) -> None:
    sync(good_reply(1, 2))
    before = rows_of(lobby, TABLES)
    with pytest.raises(Unavailable):
        sync(FAILURE)
    assert motion_row(lobby).sync_failed_at == START
    clock.advance(hours=1)
    assert sync(UNCHANGED) == MotionSync(MOTION, signed=0, withdrawn=0, restored=0, live=2)
    after = motion_row(lobby)
    assert (after.synced_at, after.sync_failed_at, after.sync_error) == (clock.now, None, None)
    (row,) = [row for row in before["Motion"] if row["id"] == MOTION]
    row["synced_at"] = after.model_dump(mode="json")["synced_at"]
    assert rows_of(lobby, TABLES) == before


def test_a_lapsed_motion_that_is_unchanged_stays_lapsed(sync: Sync, lobby: Lobby) -> None:
    sync(good_reply(1))
    with lobby.database.write() as session:
        session.get_one(Motion, MOTION).status = MotionStatus.LAPSED
    sync(UNCHANGED)
    assert motion_row(lobby).status is MotionStatus.LAPSED


def test_unchanged_to_a_request_without_a_condition_is_a_fault(sync: Sync, lobby: Lobby) -> None:
    sync(answer(sponsor(1, 1)))
    with pytest.raises(Unavailable, match="304"):
        sync(UNCHANGED)
    assert motion_row(lobby).sync_failed_at is not None


# ---- stored validators


@pytest.mark.parametrize(
    "bad",
    [
        Reply(FAILURE, headers={"ETag": '"bad"'}),
        Reply(answer(), headers={"ETag": '"bad"'}),
        Reply(answer(sponsor(1, 1))[:-9], headers={"ETag": '"bad"'}),
        Reply(answer(sponsor(1, 1)), 500, headers={"ETag": '"bad"'}),
    ],
    ids=["a failure", "no names", "cut", "HTTP 500"],
)
def test_what_comes_with_a_bad_answer_is_not_kept(bad: Reply, sync: Sync, lobby: Lobby) -> None:
    sync(good_reply(1))
    with pytest.raises(LobbyError):
        sync(bad)
    assert validators(lobby) == (ETAG, MODIFIED)


def test_an_answer_from_a_file_is_not_compared_with_an_earlier_one(
    sync: Sync, lobby: Lobby, tmp_path: Path
) -> None:
    sync(good_reply(1))
    saved = tmp_path / "saved.json"
    saved.write_bytes(answer(sponsor(1, 1), sponsor(2, 2)))
    worker.sync_saved_motion(lobby, saved)
    assert validators(lobby) == (None, None)


# ---- unconditional requests


def test_a_row_that_is_missing_for_less_than_a_day_has_to_be_read(
    sync: Sync, lobby: Lobby, api: Parliament, clock: Clock
) -> None:
    sync(good_reply(1, 2))
    sync(good_reply(1))
    clock.advance(hours=12)
    sync(good_reply(1))
    assert conditions(api) == {}, "whether the second name is back has to be seen"
    clock.advance(hours=12)
    assert sync(good_reply(1)).withdrawn == 1
    assert conditions(api) == {}
    sync(UNCHANGED)
    assert conditions(api) == {"If-None-Match": ETAG, "If-Modified-Since": MODIFIED}


def test_a_row_that_came_back_is_in_doubt_no_more(sync: Sync, api: Parliament) -> None:
    sync(good_reply(1, 2))
    sync(good_reply(1))
    sync(good_reply(1, 2))
    assert conditions(api) == {}
    sync(UNCHANGED)
    assert conditions(api) != {}


def test_a_motion_can_be_read_again_though_it_is_unchanged(sync: Sync, api: Parliament) -> None:
    sync(good_reply(1))
    assert sync(good_reply(1, 2), again=True).live == 2
    assert conditions(api) == {}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_command_reads_again_what_is_unchanged(
    sync: Sync, lobby: Lobby, api: Parliament
) -> None:
    sync(good_reply(1))
    settings = lobby.settings
    ours = {
        "LOBBY_DATA_DIR": str(settings.data_dir),
        "LOBBY_DATABASE_URL": settings.database_url,
        "LOBBY_SECRET_KEY": SECRET,
        "LOBBY_MOTIONS_API_URL": api.url,
    }
    api.answers(UNCHANGED, good_reply(1, 2))
    result = CliRunner().invoke(app, ["sync", "motions", str(MOTION)], env=ours)
    assert result.stdout.startswith(f"Motion {MOTION}: 1 names stand"), result
    result = CliRunner().invoke(app, ["sync", "motions", "--again", str(MOTION)], env=ours)
    assert result.stdout.startswith(f"Motion {MOTION}: 2 names stand"), result
    assert conditions(api) == {}


# ---- amendments


def test_which_motion_an_amendment_amends_is_read(sync: Sync, lobby: Lobby) -> None:
    sync(answer(sponsor(1, 1), AmendmentToMotionId=KNOWN))
    assert motion_row(lobby).amends_id == KNOWN
    sync(answer(sponsor(1, 1), AmendmentToMotionId=None))
    assert motion_row(lobby).amends_id is None
    sync(answer(sponsor(1, 1)))
    assert motion_row(lobby).amends_id is None, "the key may be absent"


def test_an_id_that_no_motion_has_is_refused(sync: Sync) -> None:
    with pytest.raises(Unavailable, match="AmendmentToMotionId"):
        sync(answer(sponsor(1, 1), AmendmentToMotionId="the first"))


def test_amendments_of_an_open_campaign_are_followed(sync: Sync, lobby: Lobby) -> None:
    sync(answer(sponsor(1, 1), AmendmentToMotionId=KNOWN))
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        link = CampaignMotion(
            campaign_id=campaign.id, motion_id=MOTION, is_current=False, linked_at=START
        )
        session.add(link)
        owner: Organisation = organisations.by_slug(session, invented_campaign.about().organisation)
        owner.is_demonstration = False
        session.add(owner)
        assert motions.followed_ids(session) == [KNOWN], "an earlier motion is not"
        link.is_amendment = True
        session.flush()
        assert motions.followed_ids(session) == [MOTION, KNOWN]

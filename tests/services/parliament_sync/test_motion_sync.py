"""Tests the sync of motions with Parliament's Motions API, on a real HTTP server on loopback.

The responses are hand-made in the form of real ones. Recorded responses are replayed if they are
available.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlmodel import SQLModel, select

from models import Member, Motion, MotionSignatory, MotionStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Conflict, LobbyError, NotFound, Unavailable
from services.parliament import motion_history, motions
from services.parliament.official import http, motions_api
from services.parliament.standing import Role, Standing
from services.parliament_sync import motion_sync
from services.parliament_sync.motion_sync import MotionSync
from services.tallies import seat_table
from tests.support.common import CAMPAIGN, REAL_DATA, SECRET, START, Clock, needs_real_data
from tests.support.outside.motions_api import (
    DEMONSTRATION,
    FAILURE,
    KNOWN,
    MOTION,
    Parliament,
    Reply,
    answer,
    demonstration_with,
    envelope,
    motion,
    serving,
    sponsor,
    withdrawn,
    without,
)
from tools import forked_commands
from tools.forked_commands import Done

COMMAND = Path(sys.executable).with_name("lobby")
REAL_MOTION = 65938
HISTORY = REAL_DATA / "edm" / "65938-history"


@pytest.fixture
def api() -> Iterator[Parliament]:
    with serving() as server:
        yield server


@pytest.fixture
def parliament_client(api: Parliament) -> Iterator[httpx2.Client]:
    with http.make_client(api.url) as client:
        yield client


Follow = Callable[..., MotionSync]


@pytest.fixture
def follow(lobby: Lobby, api: Parliament, parliament_client: httpx2.Client) -> Follow:
    """Returns a function that serves a reply and syncs a motion; a refusal is raised."""

    def follow(reply: Reply | bytes, motion_id: int = MOTION) -> MotionSync:
        api.answers(reply)
        return sync(lobby, parliament_client, motion_id)

    return follow


def sync(lobby: Lobby, client: httpx2.Client, motion_id: int) -> MotionSync:
    """Syncs one motion as `lobby sync motions` does."""
    now = lobby.clock()
    try:
        fetched = motions_api.fetch_motion(client, motion_id)
        with lobby.database.write() as session:
            return motion_sync.apply_answer(session, fetched.answer, now=now)
    except LobbyError as error:
        with lobby.database.write() as session:
            motion_sync.note_failure(session, motion_id, error, now=now)
        raise


# ---- stored rows


def rows_of(lobby: Lobby, model: type[SQLModel]) -> list[dict[str, Any]]:
    with lobby.database.read() as session:
        rows = [row.model_dump() for row in session.exec(select(model))]
    return sorted(rows, key=lambda row: row["id"])


def stored_rows(lobby: Lobby, *, with_sync: bool = False) -> dict[str, Any]:
    """Returns all rows that a response could change; sync times and errors only on request."""
    motion_rows = rows_of(lobby, Motion)
    if not with_sync:
        for row in motion_rows:
            del row["synced_at"], row["sync_failed_at"], row["sync_error"]
    return {
        "motions": motion_rows,
        "names": rows_of(lobby, MotionSignatory),
        "members": rows_of(lobby, Member),
    }


def motion_of(lobby: Lobby, motion_id: int = MOTION) -> Motion:
    with lobby.database.read() as session:
        return session.get_one(Motion, motion_id)


def names_of(lobby: Lobby, motion_id: int = MOTION) -> dict[int, MotionSignatory]:
    with lobby.database.read() as session:
        return {row.id: row for row in motions.signatories(session, motion_id)}


def live_count(lobby: Lobby, motion_id: int = MOTION) -> int:
    with lobby.database.read() as session:
        return motions.live_count(motions.signatories(session, motion_id))


# ---- good answers


def test_a_first_answer_brings_the_motion_and_its_names(
    lobby: Lobby, follow: Follow, api: Parliament
) -> None:
    done = follow(answer(sponsor(1, 1), sponsor(2, 2), withdrawn(3)))
    assert done == MotionSync(MOTION, signed=2, withdrawn=0, restored=0, live=2)
    assert api.asked == [f"/EarlyDayMotion/{MOTION}"]
    stored_motion = motion_of(lobby)
    assert (stored_motion.number, stored_motion.title) == ("77", "Beds in hospitals")
    assert (stored_motion.tabled_on, stored_motion.status) == (
        date(2026, 6, 1),
        MotionStatus.PUBLISHED,
    )
    assert (stored_motion.synced_at, stored_motion.sync_failed_at, stored_motion.sync_error) == (
        START,
        None,
        None,
    )
    with lobby.database.read() as session:
        assert motions.session_name(session, stored_motion) == "2026-27"


def test_the_same_answer_again_changes_no_row(lobby: Lobby, follow: Follow, clock: Clock) -> None:
    same = answer(sponsor(1, 1), sponsor(2, 99999), withdrawn(3))
    follow(same)
    before = stored_rows(lobby)
    clock.advance(hours=1)
    assert follow(same) == MotionSync(MOTION, signed=0, withdrawn=0, restored=0, live=2)
    assert stored_rows(lobby) == before
    assert motion_of(lobby).synced_at == clock.now


def test_the_demonstrations_motion_is_an_answer_like_any_other(
    lobby: Lobby, follow: Follow
) -> None:
    before = stored_rows(lobby)
    assert follow(DEMONSTRATION, KNOWN) == MotionSync(KNOWN, 0, 0, 0, live=4)
    assert stored_rows(lobby) == before


def test_a_number_that_restarts_with_a_session_makes_another_motion(
    lobby: Lobby, follow: Follow
) -> None:
    follow(answer(sponsor(1, 1)))
    earlier = answer(sponsor(2, 1), Id=MOTION - 1, DateTabled="2024-07-18T00:00:00")
    follow(earlier, MOTION - 1)
    with lobby.database.read() as session:
        stored = [session.get_one(Motion, number) for number in (MOTION - 1, MOTION)]
        names = [motions.session_name(session, stored_motion) for stored_motion in stored]
    assert {stored_motion.number for stored_motion in stored} == {"77"}
    assert names == ["2024-26", "2026-27"]


def test_an_amendment_has_its_suffix_in_its_number(lobby: Lobby, follow: Follow) -> None:
    follow(answer(sponsor(1, 1), UINWithAmendmentSuffix="77A1"))
    assert motion_of(lobby).number == "77A1"


def test_a_motion_that_is_withdrawn_keeps_its_names(lobby: Lobby, follow: Follow) -> None:
    follow(answer(sponsor(1, 1)))
    follow(answer(sponsor(1, 1), Status=1))
    assert motion_of(lobby).status is MotionStatus.WITHDRAWN
    assert live_count(lobby) == 1


@pytest.mark.parametrize(
    ("word", "status"),
    [("Withdrawn", MotionStatus.WITHDRAWN), ("1", MotionStatus.WITHDRAWN),
     ("Published", MotionStatus.PUBLISHED), ("0", MotionStatus.PUBLISHED)],
)  # fmt: skip
def test_a_status_may_be_a_word(
    lobby: Lobby, follow: Follow, word: str, status: MotionStatus
) -> None:
    follow(answer(sponsor(1, 1), Status=word))
    with lobby.database.read() as session:
        assert session.get_one(Motion, MOTION).status is status


def test_a_motion_without_a_text_keeps_the_one_that_we_have(lobby: Lobby, follow: Follow) -> None:
    assert follow(answer(sponsor(1, 1), MotionText=None)).live == 1
    follow(answer(sponsor(1, 1)))
    assert follow(answer(sponsor(1, 1), sponsor(2, 2), MotionText=None)).live == 2
    with lobby.database.read() as session:
        assert session.get_one(Motion, MOTION).text == "That this House wants more of them."
    kinds = [kind for kind, _, _ in events_of(lobby)]
    assert kinds.count("amended") == 1, "only the text that came later"


def test_a_lapsed_motion_stays_lapsed(lobby: Lobby, follow: Follow) -> None:
    follow(answer(sponsor(1, 1)))
    with lobby.database.write() as session:
        session.get_one(Motion, MOTION).status = MotionStatus.LAPSED
    follow(answer(sponsor(1, 1), sponsor(2, 2)))
    assert motion_of(lobby).status is MotionStatus.LAPSED


def test_only_published_motions_are_followed(lobby: Lobby, follow: Follow) -> None:
    follow(answer(sponsor(1, 1)))
    follow(answer(sponsor(2, 1), Id=MOTION + 1, Status=1), MOTION + 1)
    with lobby.database.read() as session:
        assert motions.published_ids(session) == [MOTION, KNOWN]


# ---- names


def test_a_name_withdrawn_is_kept_with_our_own_first_day(
    lobby: Lobby, follow: Follow, clock: Clock
) -> None:
    follow(answer(sponsor(1, 1), sponsor(2, 2)))
    clock.advance(days=20)
    done = follow(answer(sponsor(1, 1), withdrawn(2)))
    assert done == MotionSync(MOTION, signed=0, withdrawn=1, restored=0, live=1)
    row = names_of(lobby)[2]
    assert (row.is_withdrawn, row.withdrawn_on) == (True, date(2026, 6, 20))
    assert row.signed_on == date(2026, 6, 2), "Parliament rewrites CreatedWhen: ours stays"
    assert row.first_seen_at == START
    assert row.sponsoring_order is None


def test_a_restored_name_counts_again(lobby: Lobby, follow: Follow) -> None:
    follow(answer(sponsor(1, 1), sponsor(2, 2)))
    follow(answer(sponsor(1, 1), withdrawn(2)))
    done = follow(answer(sponsor(1, 1), sponsor(2, 2)))
    assert done == MotionSync(MOTION, signed=0, withdrawn=0, restored=1, live=2)
    row = names_of(lobby)[2]
    assert (row.is_withdrawn, row.withdrawn_on, row.sponsoring_order) == (False, None, 2)


def test_who_signs_again_after_withdrawing_stands_with_a_new_row(
    lobby: Lobby, follow: Follow
) -> None:
    follow(answer(sponsor(1, 1), withdrawn(2)))
    done = follow(answer(sponsor(1, 1), withdrawn(2), sponsor(3, 9, MemberId=2)))
    assert (done.signed, done.restored, done.live) == (0, 1, 2)
    with lobby.database.read() as session:
        position = motions.position_of_member(session, MOTION, 2)
    assert (position.standing, position.role) == (Standing.SIGNED, Role.SUPPORTER)


def test_a_repeated_member_is_counted_once(lobby: Lobby, follow: Follow) -> None:
    done = follow(answer(sponsor(1, 1), sponsor(2, 2), sponsor(3, 3, MemberId=2)))
    assert (done.signed, done.live) == (2, 2)
    with lobby.database.read() as session:
        positions = motions.positions(session, MOTION)
    assert positions[2].role is Role.SPONSOR
    done = follow(answer(sponsor(1, 1), withdrawn(2), sponsor(3, 3, MemberId=2)))
    assert done.live == 2, "the other of the two names still stands"


def test_a_row_that_is_repeated_is_taken_once(lobby: Lobby, follow: Follow) -> None:
    done = follow(answer(sponsor(1, 1), sponsor(2, 2), sponsor(2, 2)))
    assert (done.signed, done.live) == (2, 2)
    assert follow(answer(sponsor(1, 1), sponsor(2, 2), sponsor(2, 2))).signed == 0


def test_order_99999_means_that_parliament_does_not_know_it(lobby: Lobby, follow: Follow) -> None:
    follow(answer(sponsor(1, 99999), sponsor(2, 8)))
    assert [row.sponsoring_order for row in names_of(lobby).values()] == [None, 8]


@pytest.mark.parametrize("order", [0, -1, 2**40])
def test_an_order_that_makes_no_sense_is_not_known(order: int) -> None:
    parsed = motions_api.read_answer(answer(sponsor(1, order)), MOTION)
    assert parsed.sponsors[0].sponsoring_order is None


def test_an_order_that_becomes_known_is_taken_in(lobby: Lobby, follow: Follow) -> None:
    follow(answer(sponsor(1, 99999)))
    follow(answer(sponsor(1, 1)))
    assert names_of(lobby)[1].sponsoring_order == 1


def test_a_motion_without_its_primary_sponsor_has_none(lobby: Lobby, follow: Follow) -> None:
    assert follow(answer(sponsor(2, 2), sponsor(5, 5), sponsor(9, 9))).live == 3
    with lobby.database.read() as session:
        roles = {id_: position.role for id_, position in motions.positions(session, MOTION).items()}
    assert roles == {2: Role.SPONSOR, 5: Role.SPONSOR, 9: Role.SUPPORTER}


@pytest.mark.parametrize("digits", range(8))
def test_times_may_have_any_number_of_digits(digits: int) -> None:
    fraction = "." + "9876543"[:digits] if digits else ""
    when = f"2026-06-23T23:59:59{fraction}"
    rows = (sponsor(1, 1, CreatedWhen=when), withdrawn(2, when))
    parsed = motions_api.read_answer(
        answer(*rows, DateTabled=f"2026-06-01T00:00:00{fraction}"), MOTION
    )
    assert parsed.tabled_on == date(2026, 6, 1)
    assert [row.signed_on for row in parsed.sponsors] == [date(2026, 6, 23)] * 2
    assert parsed.sponsors[1].withdrawn_on == date(2026, 6, 23)


def test_a_member_whom_we_have_not_met_gets_a_row(lobby: Lobby, follow: Follow) -> None:
    newcomer = {"MnisId": 31, "Name": "Nóra Fictional", "Party": None}
    follow(answer(sponsor(1, 1, MemberId=31, Member=newcomer)))
    with lobby.database.read() as session:
        met = session.get_one(Member, 31)
    assert (met.name, met.party, met.email) == ("Nóra Fictional", "Unknown", None)


def test_a_motions_answer_never_changes_a_member_whom_we_know(lobby: Lobby, follow: Follow) -> None:
    before = rows_of(lobby, Member)
    other = {"MnisId": 900002, "Name": "Of Today", "Party": "Of Today"}
    follow(answer(sponsor(1, 1, MemberId=900002, Member=other)))
    assert rows_of(lobby, Member) == before


def test_a_row_that_good_answers_leave_out_for_a_day_is_kept_as_withdrawn(
    lobby: Lobby, follow: Follow, clock: Clock
) -> None:
    follow(answer(sponsor(1, 1), sponsor(2, 2), withdrawn(3)))
    done = follow(answer(sponsor(1, 1)))
    assert done == MotionSync(MOTION, signed=0, withdrawn=0, restored=0, live=2, missing=1)
    clock.advance(hours=23)
    assert follow(answer(sponsor(1, 1))).live == 2, "not sooner: it may be an old cache"
    clock.advance(hours=1)
    done = follow(answer(sponsor(1, 1)))
    assert done == MotionSync(MOTION, signed=0, withdrawn=1, restored=0, live=1, missing=1)
    rows = names_of(lobby)
    assert rows[2].withdrawn_on == clock.now.date()
    assert rows[3].withdrawn_on == date(2026, 6, 20), "it was withdrawn before"
    clock.advance(days=1)
    before = stored_rows(lobby)
    assert follow(answer(sponsor(1, 1))).withdrawn == 0
    assert stored_rows(lobby) == before
    assert follow(answer(sponsor(1, 1), sponsor(2, 2))).restored == 1


def test_a_row_that_comes_back_in_time_was_never_off(
    lobby: Lobby, follow: Follow, clock: Clock
) -> None:
    follow(answer(sponsor(1, 1), sponsor(2, 2)))
    before = stored_rows(lobby)
    follow(answer(sponsor(1, 1)))
    clock.advance(hours=20)
    done = follow(answer(sponsor(1, 1), sponsor(2, 2)))
    assert (done.restored, done.missing, done.live) == (0, 0, 2)
    assert stored_rows(lobby) == before


def test_an_answer_with_names_of_another_motion_is_refused(lobby: Lobby, follow: Follow) -> None:
    follow(answer(sponsor(1, 1)))
    before = stored_rows(lobby)
    theirs = next(iter(names_of(lobby, KNOWN)))
    with pytest.raises(Conflict) as refused:
        follow(answer(sponsor(1, 1), sponsor(theirs, 2)))
    assert refused.value.code == "motion_names_foreign"
    assert stored_rows(lobby) == before


def test_names_of_one_motion_do_not_touch_another(lobby: Lobby, follow: Follow) -> None:
    before = names_of(lobby, KNOWN)
    follow(answer(sponsor(1, 1)))
    follow(answer(sponsor(2, 1)))
    assert names_of(lobby, KNOWN) == before


def test_the_tally_of_a_campaign_follows(lobby: Lobby, follow: Follow) -> None:
    taken_off = json.loads(DEMONSTRATION)["Response"]["Sponsors"]
    taken_off[0] |= {"IsWithdrawn": True, "WithdrawnDate": "2026-06-30T12:00:00"}
    follow(demonstration_with(Sponsors=taken_off), KNOWN)
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        tally = seat_table.of_campaign(session, campaign, now=lobby.clock())
    assert (tally.signed, tally.withdrawn) == (3, 2)
    (row,) = [row for row in tally.rows if row.constituency.name == "Manchester Central"]
    assert (row.standing, row.role, row.signed_on) == (Standing.WITHDRAWN, None, None)


# ---- bad responses: nothing changes, and the error is reported

LOST_ALL = "no names where some are known"
BAD: dict[str, Reply] = {
    "a failure with HTTP 200": Reply(FAILURE),
    "a failure that holds a motion": Reply(
        envelope(motion(sponsor(1, 1), Id=KNOWN), Success=False, Errors=None)
    ),
    "no response": Reply(envelope(None)),
    "HTTP 500": Reply(b"Internal Server Error", 500),
    "HTTP 503 with a good body": Reply(DEMONSTRATION, 503),
    "HTTP 204": Reply(b"", 204),
    "a redirect": Reply(b"", 302, {"Location": "/elsewhere"}),
    "HTTP 429": Reply(b"", 429, {"Retry-After": "3100"}),
    "a closed connection": Reply(breaks=True),
    "a body that ends early": Reply(DEMONSTRATION[:500], headers={"Content-Length": "9000"}),
    "a body that is not what it says": Reply(DEMONSTRATION, headers={"Content-Encoding": "gzip"}),
    "a page": Reply(b"<!DOCTYPE html><title>Maintenance</title>"),
    "nothing": Reply(b""),
    "cut JSON": Reply(DEMONSTRATION[: len(DEMONSTRATION) // 2]),
    "not UTF-8": Reply(DEMONSTRATION.replace(b"Adaeze", b"Ada\xe9ze")),
    "a list": Reply(b"[]"),
    "null": Reply(b"null"),
    "a number": Reply(b"1"),
    "a list as response": Reply(envelope([motion(sponsor(1, 1), Id=KNOWN)])),
    "an empty response": Reply(envelope({})),
    LOST_ALL: Reply(demonstration_with(Sponsors=[])),
    "names as an object": Reply(demonstration_with(Sponsors={})),
    "names null": Reply(demonstration_with(Sponsors=None)),
    "another motion": Reply(demonstration_with(Id=KNOWN + 1)),
    "no title": Reply(demonstration_with(Title="")),
    "no day": Reply(demonstration_with(DateTabled=None)),
    "a day that is none": Reply(demonstration_with(DateTabled="31/05/2026")),
    "an id that no column holds": Reply(demonstration_with(Sponsors=[sponsor(2**63, 1)])),
    "a character that no column holds": Reply(demonstration_with(Title="Sale\x00of")),
    **{
        f"no {key}": Reply(envelope(without(motion(sponsor(1, 1), Id=KNOWN), key)))
        for key in ("Id", "Status", "Title", "MotionText", "DateTabled", "Sponsors")
    },
    **{
        f"a name without {key}": Reply(demonstration_with(Sponsors=[without(sponsor(1, 1), key)]))
        for key in without(sponsor(1, 1), "Party")
    },
    "a name without a day": Reply(demonstration_with(Sponsors=[sponsor(1, 1, CreatedWhen="")])),
    "a member without a name": Reply(demonstration_with(Sponsors=[sponsor(1, 1, Member={})])),
    "one bad name among good ones": Reply(
        demonstration_with(Sponsors=[sponsor(1, 1), sponsor(2, "second")])  # type: ignore[arg-type] # bad
    ),
}


@pytest.mark.parametrize("case", [case for case in BAD if case != LOST_ALL])
def test_a_bad_answer_is_refused_with_the_motions_id(
    case: str, api: Parliament, parliament_client: httpx2.Client
) -> None:
    api.answers(BAD[case])
    with pytest.raises(Unavailable, match=str(KNOWN)) as refusal:
        motions_api.fetch_motion(parliament_client, KNOWN)
    code = "motions_api_limited" if case == "HTTP 429" else "motions_api_failed"
    assert refusal.value.code == code
    assert "\n" not in refusal.value.message


@pytest.mark.slow
def test_whatever_bad_answer_comes_nothing_changes_and_it_is_told(
    lobby: Lobby, follow: Follow, clock: Clock
) -> None:
    before, synced_at = stored_rows(lobby), motion_of(lobby, KNOWN).synced_at
    for case, reply in BAD.items():
        clock.advance(hours=1)
        with pytest.raises((Unavailable, Conflict)) as refusal:
            follow(reply, KNOWN)
        assert stored_rows(lobby) == before, case
        after = motion_of(lobby, KNOWN)
        assert (after.synced_at, after.sync_failed_at) == (synced_at, clock.now), case
        assert after.sync_error == refusal.value.message, case


def test_a_good_answer_clears_the_failure(lobby: Lobby, follow: Follow, clock: Clock) -> None:
    with pytest.raises(Unavailable):
        follow(FAILURE, KNOWN)
    clock.advance(hours=1)
    follow(DEMONSTRATION, KNOWN)
    after = motion_of(lobby, KNOWN)
    assert (after.synced_at, after.sync_failed_at, after.sync_error) == (clock.now, None, None)


def test_no_names_at_all_are_believed_only_of_a_new_motion(lobby: Lobby, follow: Follow) -> None:
    assert follow(answer()).live == 0
    follow(answer(sponsor(1, 1)))
    with pytest.raises(Conflict) as refusal:
        follow(answer())
    assert refusal.value.code == "motion_lost_all_names"
    assert live_count(lobby) == 1


def test_a_failure_names_parliaments_own_words(follow: Follow) -> None:
    with pytest.raises(Unavailable, match=r"Object reference not set\.$"):
        follow(FAILURE)


def test_a_failure_about_a_motion_that_is_new_leaves_nothing(lobby: Lobby, follow: Follow) -> None:
    before = stored_rows(lobby, with_sync=True)
    with pytest.raises(Unavailable):
        follow(FAILURE)
    assert stored_rows(lobby, with_sync=True) == before


def test_a_motion_that_parliament_does_not_know_is_not_found(lobby: Lobby, follow: Follow) -> None:
    before = stored_rows(lobby, with_sync=True)
    with pytest.raises(NotFound):
        follow(Reply(b"{}", 404))
    assert stored_rows(lobby, with_sync=True) == before


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3100", 3100), ("0", 0), (None, 60), ("soon", 60), ("²", 60), ("-5", 60)],
)
def test_how_long_parliament_wants_us_to_wait_is_kept(
    api: Parliament, parliament_client: httpx2.Client, header: str | None, seconds: int
) -> None:
    api.answers(Reply(b"", 429, {} if header is None else {"Retry-After": header}))
    with pytest.raises(Unavailable, match="429") as refusal:
        motions_api.fetch_motion(parliament_client, MOTION)
    assert refusal.value.retry_after == seconds


@pytest.mark.slow
def test_silence_ends_in_a_refusal(lobby: Lobby, api: Parliament) -> None:
    api.answers(Reply(hangs=True))
    before = stored_rows(lobby)
    with (
        httpx2.Client(base_url=api.url, timeout=0.2) as impatient,
        pytest.raises(Unavailable, match="ReadTimeout"),
    ):
        sync(lobby, impatient, KNOWN)
    assert stored_rows(lobby) == before
    assert motion_of(lobby, KNOWN).sync_failed_at == lobby.clock()


def test_nobody_listening_ends_in_a_refusal() -> None:
    with Parliament() as closed:
        url = closed.url
    with http.make_client(url) as client, pytest.raises(Unavailable, match="ConnectError"):
        motions_api.fetch_motion(client, MOTION)


def test_no_request_waits_for_ever() -> None:
    with http.make_client("http://127.0.0.1:9") as client:
        limits = client.timeout.as_dict()
    assert all(seconds is not None and 0 < seconds <= 30 for seconds in limits.values())


def test_we_tell_parliament_who_asks(api: Parliament, parliament_client: httpx2.Client) -> None:
    assert parliament_client.headers["User-Agent"].startswith("CentralLobby/")


# ---- the command


@dataclass
class Command:
    """Runs `lobby sync motions` beside a running service, with the API on loopback."""

    lobby: Lobby
    api: Parliament

    def __call__(self, *ids: int) -> Done:
        settings = self.lobby.settings
        environment = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME")
        }
        ours = {
            "LOBBY_DATA_DIR": str(settings.data_dir),
            "LOBBY_DATABASE_URL": settings.database_url,
            "LOBBY_SECRET_KEY": SECRET,
            "LOBBY_MOTIONS_API_URL": self.api.url,
        }
        return forked_commands.run(
            [COMMAND, "sync", "motions", *map(str, ids)],
            cwd=settings.data_dir,
            env=environment | ours,
            timeout=60,
        )


@pytest.fixture
def command(lobby: Lobby, api: Parliament) -> Command:
    return Command(lobby, api)


@pytest.mark.slow
def test_the_command_brings_a_motion_and_says_what_changed(lobby: Lobby, command: Command) -> None:
    command.api.answers(answer(sponsor(1, 1), sponsor(2, 2), withdrawn(3)))
    done = command(MOTION)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"Motion {MOTION}: 2 names stand; new: 2, withdrawn: 0, restored: 0.\n")
    assert live_count(lobby) == 2


@pytest.mark.slow
def test_the_command_asks_for_every_motion_that_is_followed(
    lobby: Lobby, command: Command, follow: Follow
) -> None:
    follow(answer(sponsor(1, 1)))
    command.api.asked.clear()
    command.api.answers(answer(sponsor(1, 1)), DEMONSTRATION)
    assert command().returncode == 0
    assert command.api.asked == [f"/EarlyDayMotion/{MOTION}", f"/EarlyDayMotion/{KNOWN}"]


@pytest.mark.slow
def test_the_command_tells_of_a_bad_answer_and_goes_on(lobby: Lobby, command: Command) -> None:
    before = stored_rows(lobby)
    command.api.answers(FAILURE, demonstration_with(Sponsors=[]), answer(sponsor(1, 1)))
    done = command(KNOWN, KNOWN, MOTION)
    assert done.returncode == 1
    assert done.stdout.startswith(f"Motion {MOTION}: 1 names stand")
    complaints = done.stderr.splitlines()
    assert len(complaints) == 2, "one line each"
    assert all(str(KNOWN) in line for line in complaints)
    after = stored_rows(lobby)
    assert [row for row in after["names"] if row["motion_id"] == KNOWN] == before["names"]
    assert "no names" in (motion_of(lobby, KNOWN).sync_error or "")


@pytest.mark.slow
def test_the_command_stops_asking_when_parliament_wants_it_to_wait(
    lobby: Lobby, command: Command
) -> None:
    command.api.answers(Reply(b"", 429, {"Retry-After": "3100"}), answer(sponsor(1, 1)))
    done = command(KNOWN, MOTION)
    assert done.returncode == 1
    assert command.api.asked == [f"/EarlyDayMotion/{KNOWN}"]
    assert "429" in done.stderr
    assert "Traceback" not in done.stderr


# ---- recorded responses


def recorded() -> list[bytes]:
    return [file.read_bytes() for file in sorted(HISTORY.glob("*.json"))]


@needs_real_data
@pytest.mark.real_data
def test_the_real_history_of_a_motion_replays(lobby: Lobby, follow: Follow, clock: Clock) -> None:
    counts: list[int] = []
    failures, previous = [], stored_rows(lobby)
    for place, body in enumerate(recorded()):
        clock.now = START + timedelta(days=place)
        try:
            done = follow(body, REAL_MOTION)
        except Unavailable:
            failures.append(place)
            assert stored_rows(lobby) == previous
            assert motion_of(lobby, REAL_MOTION).sync_failed_at == clock.now
            continue
        after = motion_of(lobby, REAL_MOTION)
        assert (after.synced_at, after.sync_failed_at, after.sync_error) == (clock.now, None, None)
        now_live = live_count(lobby, REAL_MOTION)
        assert done.live == now_live
        assert now_live == (counts[-1] if counts else 0) + done.signed - done.withdrawn
        counts.append(now_live)
        previous = stored_rows(lobby)
    assert (len(counts), failures) == (27, [25, 27])
    assert (counts[0], counts[-1]) == (132, 167)
    assert counts == sorted(counts)
    rows = names_of(lobby, REAL_MOTION).values()
    assert (len(rows), sum(row.is_withdrawn for row in rows)) == (169, 2)

    assert follow(recorded()[-1], REAL_MOTION).signed == 0
    assert stored_rows(lobby) == previous


def events_of(lobby: Lobby, motion_id: int = MOTION) -> list[tuple[str, date, int | None]]:
    with lobby.database.read() as session:
        events = motion_history.of_motion(session, motion_id)
    return [(event.kind.value, event.happened_on, event.member_id) for event in events]


def test_every_difference_is_an_event_once(lobby: Lobby, follow: Follow, clock: Clock) -> None:
    first = answer(sponsor(1, 1), sponsor(2, 2), withdrawn(3))
    follow(first)
    assert events_of(lobby) == [
        ("tabled", date(2026, 6, 1), None),
        ("signed", date(2026, 6, 2), 1),
        ("signed", date(2026, 6, 2), 2),
        ("withdrawn", date(2026, 6, 20), 3),
    ]
    follow(first)
    assert len(events_of(lobby)) == 4, "the same answer again tells nothing new"
    clock.advance(days=3)
    changed = {"MotionText": "Another text.", "Status": 1, "StatusDate": "2026-07-03T10:00:00"}
    follow(answer(sponsor(1, 1), withdrawn(2, "2026-07-02T09:00:00"), **changed))
    follow(answer(sponsor(1, 1), sponsor(2, 2), MotionText="Another text."))
    assert events_of(lobby)[4:] == [
        ("amended", date(2026, 7, 4), None),
        ("motion_withdrawn", date(2026, 7, 3), None),
        ("withdrawn", date(2026, 7, 2), 2),
        ("motion_restored", date(2026, 7, 4), None),
        ("restored", date(2026, 7, 4), 2),
    ]


@needs_real_data
@pytest.mark.real_data
def test_the_events_of_the_real_history_are_right_and_are_not_doubled(
    lobby: Lobby, follow: Follow
) -> None:
    for _ in range(2):
        for body in recorded():
            with suppress(Unavailable):
                follow(body, REAL_MOTION)
    events = events_of(lobby, REAL_MOTION)
    kinds = Counter(kind for kind, _, _ in events)
    assert kinds == {"tabled": 1, "signed": 167, "withdrawn": 2}
    sponsors = json.loads(recorded()[-1])["Response"]["Sponsors"]
    days = {row["MemberId"]: row for row in sponsors}
    for kind, day, member_id in events[1:]:
        row = days[member_id]
        key = "WithdrawnDate" if kind == "withdrawn" else "CreatedWhen"
        assert day.isoformat() == row[key][:10]


@needs_real_data
@pytest.mark.real_data
def test_replaying_the_real_history_twice_ends_the_same(lobby: Lobby, follow: Follow) -> None:
    def replay() -> dict[str, Any]:
        for body in recorded():
            with suppress(Unavailable):  # two of them are errors
                follow(body, REAL_MOTION)
        return stored_rows(lobby)

    once = replay()
    # Names that are missing from the first responses only briefly leave no event.
    assert replay() == once
    assert live_count(lobby, REAL_MOTION) == 167


@needs_real_data
@pytest.mark.real_data
def test_the_real_error_is_a_failure_and_not_a_motion_without_names(
    lobby: Lobby, follow: Follow
) -> None:
    with pytest.raises(Unavailable, match="Object reference not set"):
        follow((REAL_DATA / "edm" / "error-envelope-http200.json").read_bytes(), KNOWN)
    assert live_count(lobby, KNOWN) == 4


@pytest.mark.slow
@needs_real_data
@pytest.mark.real_data
def test_the_command_takes_a_real_answer(lobby: Lobby, command: Command) -> None:
    command.api.answers(recorded()[-1])
    done = command(REAL_MOTION)
    assert (done.returncode, done.stderr) == (0, "")
    assert "167 names stand; new: 167" in done.stdout

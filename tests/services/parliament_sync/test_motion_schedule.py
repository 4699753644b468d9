"""Tests the worker's motion sync: on time, one at a time, within rate limits; lapsed motions."""

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import pytest

import worker
from models import Campaign, MotionEventKind, MotionStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.errors import Invalid, Unavailable
from services.letters.drafting import situations
from services.organisations import organisations
from services.parliament import motion_history
from services.parliament.official import backoff, motions_api
from services.parliament_sync import leases, motion_sync, schedules, sessions
from services.signatures import recording
from services.signatures.recording import SignatureRequest
from services.tallies import seat_table
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock
from tests.support.outside.motions_api import FAILURE

KNOWN = 900152
ANSWER = (invented_campaign.FOLDER / "motion.json").read_bytes()


@pytest.fixture
def real(lobby: Lobby) -> Lobby:
    """Makes the organisation of the demonstration's campaign a real one."""
    with lobby.database.write() as session:
        slug = invented_campaign.about().organisation
        session.add(organisations.by_slug(session, slug).sqlmodel_update(_REAL))
    return lobby


_REAL = {"is_demonstration": False}


def serving(lobby: Lobby, *answers: httpx2.Response) -> tuple[Lobby, list[str]]:
    """Returns a lobby whose Motions API sends these responses, repeating the last, and a list
    that collects the requested paths.
    """
    paths: list[str] = []
    left = list(answers)

    def handle(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        response = left.pop(0) if len(left) > 1 else left[0]
        return httpx2.Response(
            response.status_code, headers=response.headers, content=response.content
        )

    transport = httpx2.MockTransport(handle)
    client = httpx2.Client(transport=transport, base_url="http://127.0.0.1")
    return replace(lobby, motions_api=client), paths


def ok(content: bytes = ANSWER) -> httpx2.Response:
    return httpx2.Response(200, content=content)


def run(lobby: Lobby) -> int | None:
    return worker.sync_if_due(lobby, threading.Event())


def status(lobby: Lobby) -> MotionStatus:
    with lobby.database.read() as session:
        motion = campaigns.motion_of(session, campaigns.public(session, CAMPAIGN).id)
    assert motion is not None
    return motion.status


def test_campaign_motions_are_asked_for_when_due_and_not_before(real: Lobby, clock: Clock) -> None:
    lobby, paths = serving(real, ok())
    assert run(lobby) == 1
    assert paths == [f"/EarlyDayMotion/{KNOWN}"]
    assert run(lobby) is None
    clock.advance(minutes=14)
    assert run(lobby) is None
    clock.advance(minutes=1)
    assert run(lobby) == 1


def test_a_demonstrations_motion_is_never_asked_for(lobby: Lobby) -> None:
    lobby, paths = serving(lobby, ok())
    assert run(lobby) == 0
    assert paths == []


@pytest.mark.parametrize("change", [{"status": "closed"}, {"status": "won"}], ids=["closed", "won"])
def test_the_motion_of_a_campaign_that_is_over_is_not_asked_for(
    real: Lobby, change: dict[str, Any]
) -> None:
    with real.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        campaigns.update(session, campaign, values=change, now=real.clock())
    lobby, paths = serving(real, ok())
    run(lobby)
    assert paths == []


def test_of_two_workers_at_once_one_asks(real: Lobby) -> None:
    lobby, paths = serving(real, ok())
    done: list[int | None] = []
    threads = [threading.Thread(target=lambda: done.append(run(lobby))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done, key=str) == [1, None, None, None]
    assert len(paths) == 1


@pytest.mark.slow
def test_mail_does_not_wait_for_a_parliament_that_is_slow(real: Lobby, clock: Clock) -> None:
    was_asked, may_answer, stop = threading.Event(), threading.Event(), threading.Event()

    def handle(_request: httpx2.Request) -> httpx2.Response:
        was_asked.set()
        may_answer.wait(10)
        return ok()

    client = httpx2.Client(transport=httpx2.MockTransport(handle), base_url="http://127.0.0.1")
    lobby = replace(real, motions_api=client)
    working = threading.Thread(target=worker.run, args=(lobby, stop))
    working.start()
    assert was_asked.wait(10)
    request = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
    with lobby.database.write() as session:
        lookup, keyring = lobby.postcodes.lookup, lobby.keyring
        recording.record(session, [request], postcodes=lookup, keyring=keyring, now=clock.now)
    folder = lobby.mail_folder
    assert folder is not None
    for _ in range(100):
        if list(folder.folder.glob("*.eml")):
            break
        stop.wait(0.1)
    has_arrived = bool(list(folder.folder.glob("*.eml")))
    may_answer.set()
    stop.set()
    working.join()
    assert has_arrived


def test_a_runner_that_died_is_followed_by_another_and_cannot_end_its_run(
    lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        dead = leases.acquire(session, leases.MOTIONS, now=clock.now)
        assert dead is not None
        assert leases.acquire(session, leases.MOTIONS, now=clock.now) is None
    clock.advance(minutes=16)
    later = clock.now + timedelta(hours=1)
    with lobby.database.write() as session:
        living = leases.acquire(session, leases.MOTIONS, now=clock.now)
        assert living is not None
        assert not leases.finish(session, dead, now=clock.now, next_due=later)
        assert leases.finish(session, living, now=clock.now, next_due=later)


def test_a_request_to_wait_is_obeyed_in_full_and_outlives_a_restart(
    real: Lobby, clock: Clock
) -> None:
    limited = httpx2.Response(429, headers={"Retry-After": "3100"})
    lobby, paths = serving(real, limited, ok())
    assert run(lobby) == 1
    clock.advance(seconds=3099)
    with pytest.raises(Unavailable) as refused:
        worker.sync_motion(serving(real, ok())[0], KNOWN)
    assert refused.value.code == "motions_api_limited"
    assert len(paths) == 1
    clock.advance(seconds=2)
    assert worker.sync_motion(lobby, KNOWN).live == 4
    with lobby.database.read() as session:
        backoff.require_allowed(session, backoff.MOTIONS, now=clock.now)


def test_a_failure_of_one_motion_does_not_keep_us_from_the_next_request(
    real: Lobby, clock: Clock
) -> None:
    lobby, paths = serving(real, ok(FAILURE), ok())
    assert run(lobby) == 1
    clock.advance(hours=1)
    assert run(lobby) == 1
    assert len(paths) == 2
    with lobby.database.read() as session:
        motion = campaigns.motion_of(session, campaigns.public(session, CAMPAIGN).id)
    assert motion is not None
    assert motion.sync_failed_at is None


@pytest.mark.parametrize(
    ("moment", "minutes"),
    [
        (datetime(2026, 7, 1, 11, 0, tzinfo=UTC), 15),  # a Wednesday at noon in London
        (datetime(2026, 7, 1, 3, 0, tzinfo=UTC), 60),
        (datetime(2026, 7, 4, 11, 0, tzinfo=UTC), 60),  # a Saturday
        (datetime(2026, 7, 3, 16, 0, tzinfo=UTC), 60),  # a Friday at five
        (datetime(2026, 1, 5, 22, 30, tzinfo=UTC), 15),  # a Monday late, in winter
        (datetime(2026, 7, 6, 22, 30, tzinfo=UTC), 60),  # the same in summer: half past eleven
    ],
)
def test_parliament_is_asked_more_often_while_it_sits(moment: datetime, minutes: int) -> None:
    assert schedules.next_sync(moment) == moment + timedelta(minutes=minutes)


def test_a_motion_falls_when_its_session_ends_and_its_tally_stays(
    lobby: Lobby, clock: Clock
) -> None:
    before = _tally(lobby)
    _end_session(lobby, clock.now.date() + timedelta(days=1))
    worker.clean_up(lobby)
    assert status(lobby) is MotionStatus.PUBLISHED, "not before its last day"
    clock.advance(days=1)
    for _ in range(2):
        worker.clean_up(lobby)
    assert status(lobby) is MotionStatus.LAPSED
    assert _tally(lobby) == before
    with lobby.database.read() as session:
        kinds = [event.kind for event in motion_history.of_motion(session, KNOWN)]
        assert kinds.count(MotionEventKind.LAPSED) == 1
        campaign = campaigns.public(session, CAMPAIGN)
        answer = lobby.postcodes.lookup(CAN_SIGN)
        situation = situations.of_postcode(
            session, campaign, answer, keyring=lobby.keyring, now=clock.now
        )
    assert situation.reason == "motion_ended"


def test_a_motion_falls_when_a_later_session_has_begun(lobby: Lobby, clock: Clock) -> None:
    with lobby.database.write() as session:
        sessions.save(session, name="2027-28", starts_on=clock.now.date(), ends_on=None)
    worker.clean_up(lobby)
    assert status(lobby) is MotionStatus.LAPSED


def test_a_lapsed_motion_is_not_asked_for_and_does_not_come_back(real: Lobby, clock: Clock) -> None:
    _end_session(real, clock.now.date())
    worker.clean_up(real)
    lobby, paths = serving(real, ok())
    assert run(lobby) == 0
    assert paths == []
    worker.sync_motion(lobby, KNOWN)
    assert status(lobby) is MotionStatus.LAPSED


def test_a_successor_is_linked_in_one_call_and_the_old_signatories_are_known(
    lobby: Lobby, clock: Clock
) -> None:
    _end_session(lobby, clock.now.date())
    worker.clean_up(lobby)
    answer_json = json.loads(ANSWER)
    answer_json["Response"] |= {"Id": 900153, "UINWithAmendmentSuffix": "9", "Sponsors": []}
    answer_json["Response"]["DateTabled"] = "2026-07-02T00:00:00"
    with lobby.database.write() as session:
        sessions.save(session, name="2027", starts_on=clock.now.date(), ends_on=None)
        answer = motions_api.read_answer(json.dumps(answer_json).encode(), 900153)
        motion_sync.apply_answer(session, answer, now=clock.now)
        campaign = campaigns.public(session, CAMPAIGN)
        campaigns.update(session, campaign, values={}, motion_id=900153, now=clock.now)
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        tally = seat_table.of_campaign(session, campaign, now=clock.now)
        answer_now = lobby.postcodes.lookup(CAN_SIGN)
        situation = situations.of_postcode(
            session, campaign, answer_now, keyring=lobby.keyring, now=clock.now
        )
    assert (tally.signed, tally.motion and tally.motion.number) == (0, "9")
    earlier = {row.member.name for row in tally.rows if row.signed_earlier and row.member}
    assert earlier == {
        "Adaeze Hartwhistle",
        "Fionnuala McKestrel",
        "Harpreet Sandhollow",
        "Imani Larkspur",
    }
    assert tally.confirmed == 360, "signatures are the petition's"
    assert situation.reason is None, "letters go on"


def test_motions_are_found_in_the_official_list_by_prefixed_names(lobby: Lobby) -> None:
    answer_json = json.loads(ANSWER)
    listed = {**answer_json, "Response": [answer_json["Response"]], "PagingInfo": {"Total": 1}}
    queries: list[dict[str, str]] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        queries.append(dict(request.url.params))
        return httpx2.Response(200, json=listed)

    transport = httpx2.MockTransport(handle)
    client = httpx2.Client(transport=transport, base_url="http://127.0.0.1")
    (motion,) = motions_api.search_motions(
        client, query="NHS Professionals", tabled_from=date(2026, 5, 1), limit=10
    )
    assert (motion.id, motion.number, motion.title) == (KNOWN, "152", "Sale of NHS Professionals")
    assert queries == [
        {
            "parameters.searchTerm": "NHS Professionals",
            "parameters.tabledStartDate": "2026-05-01",
            "parameters.orderBy": "DateTabledDesc",
            "parameters.take": "10",
        }
    ]


@pytest.mark.parametrize(
    "content", [b"<html>", b"[]", b'{"Success": false, "Response": null}', b'{"Response": [{}]}']
)
def test_a_bad_answer_to_a_search_is_told(content: bytes, lobby: Lobby) -> None:
    client = serving(lobby, ok(content))[0].motions_api
    with pytest.raises(Unavailable, match="search"):
        motions_api.search_motions(client, query="x", tabled_from=None, limit=1)


def test_a_session_cannot_end_before_it_began(lobby: Lobby) -> None:
    day = date(2027, 1, 1)
    with lobby.database.write() as session, pytest.raises(Invalid):
        sessions.save(session, name="x", starts_on=day, ends_on=day)


def test_a_motion_belongs_to_the_session_in_which_it_was_tabled(lobby: Lobby) -> None:
    days = {
        date(2017, 7, 18): "2017-19",
        date(2019, 10, 20): "2019",
        date(2023, 11, 6): "2022-23",
        date(2026, 6, 1): "2026-27",
    }
    with lobby.database.write() as session:
        for day, name in days.items():
            parliament_session = sessions.session_on(session, day)
            assert parliament_session is not None
            assert parliament_session.name == name
        assert sessions.session_on(session, date(2010, 1, 1)) is None


def test_a_saved_answer_is_taken_in_and_a_bad_file_is_named(lobby: Lobby, tmp_path: Any) -> None:
    answer_json = json.loads(ANSWER)
    answer_json["Response"]["Sponsors"].pop(0)
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps(answer_json))
    assert worker.sync_saved_motion(lobby, saved).missing == 1
    saved.write_text("[]")
    with pytest.raises(Invalid, match=r"saved\.json"):
        worker.sync_saved_motion(lobby, saved)
    with pytest.raises(Invalid, match=r"none\.json"):
        worker.sync_saved_motion(lobby, tmp_path / "none.json")


def _end_session(lobby: Lobby, day: date) -> None:
    with lobby.database.write() as session:
        sessions.save(session, name="2026-27", starts_on=date(2026, 5, 13), ends_on=day)


def _tally(lobby: Lobby) -> tuple[int, int, int]:
    with lobby.database.read() as session:
        campaign: Campaign = campaigns.public(session, CAMPAIGN)
        tally = seat_table.of_campaign(session, campaign, now=lobby.clock())
    return tally.signed, tally.confirmed, tally.letters_sent

"""Runs a short letter drill and checks that it detects faults; `make drill` runs it in full."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.settings import Settings
from drills import confirmation_mails, letter_audit
from drills.letters import Drill, run
from models import Letter, LetterState, LetterTally, MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby
from tests.support.common import Mailbox
from tools import sample_data
from tools.settings import throwaway_settings
from tools.smtp_sink import SinkEntry

pytestmark = pytest.mark.slow

LETTERS, KILLS = 200, 4
_letter, _outbox, _tally = table_of(Letter), table_of(OutboxMessage), table_of(LetterTally)


@pytest.fixture
def drill_settings(empty_lobby: Lobby) -> Settings:
    return throwaway_settings(empty_lobby.settings.data_dir, empty_lobby.settings.database_url)


def test_no_letter_is_lost_or_doubled_when_the_worker_is_killed(drill_settings: Settings) -> None:
    outcome = run(Drill(letters=LETTERS, kills=KILLS), drill_settings)
    report = outcome.report
    assert report.faults == {}
    assert outcome.killed_at_work == KILLS
    assert report.letters == LETTERS == report.sent + report.rejected
    assert report.uncertain == report.uncertain_went + report.uncertain_stayed
    assert report.deferrals  # the sink did misbehave as configured


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_workers_side_by_side_send_no_letter_twice(drill_settings: Settings) -> None:
    outcome = run(Drill(letters=100, kills=2, workers=2), drill_settings)
    assert outcome.report.faults == {}
    assert outcome.killed_at_work == 2


def test_no_mail_to_confirm_is_lost_when_the_worker_is_killed(drill_settings: Settings) -> None:
    outcome = confirmation_mails.run(Drill(letters=LETTERS, kills=KILLS), drill_settings)
    report = outcome.report
    assert report.faults == {}
    assert outcome.killed_at_work == KILLS
    assert report.mails == LETTERS == report.accepted + report.rejected
    assert report.deferrals  # the sink did misbehave as configured


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_workers_side_by_side_repeat_no_mail_to_confirm(drill_settings: Settings) -> None:
    outcome = confirmation_mails.run(
        Drill(LETTERS, kills=0, workers=2, is_calm=True), drill_settings
    )
    assert outcome.report.faults == {}
    assert (outcome.report.accepted, outcome.report.repeated) == (LETTERS, 0)


def test_a_drill_is_bounded() -> None:
    with pytest.raises(ValueError, match="at most 12000 letters"):
        Drill(letters=12_001)


def test_mails_that_disagree_with_the_record_are_found(empty_lobby: Lobby) -> None:
    sample_data.queue_confirmations(empty_lobby, 4)
    accepted, rejected, waiting, good = confirmation_mails.states(empty_lobby)
    for name, state in (
        (accepted, MessageState.ACCEPTED),
        (rejected, MessageState.REJECTED),
        (good, MessageState.ACCEPTED),
    ):
        with empty_lobby.database.write() as session:
            row = _outbox.c.id == UUID(name.strip("<>").partition("@")[0])
            session.connection().execute(sa.update(_outbox).where(row).values(state=state))
    entries = [
        SinkEntry(outcome, good, "a@example.org", 0.0) for outcome in ("taken", "lost_taken")
    ]
    report = confirmation_mails.compare(empty_lobby, entries)
    assert report.faults == {"lost": 1, "unsettled": 1, "refused_without_550": 1}
    assert (report.repeated, report.answers_lost) == (1, 1)
    assert confirmation_mails.states(empty_lobby)[waiting] is MessageState.QUEUED


def accept_all(lobby: Lobby) -> list[SinkEntry]:
    """Returns the record of a sink that accepted every demonstration letter once."""
    ends = letter_audit.ends(lobby)
    assert set(ends.values()) == {"sent"}
    return [SinkEntry("taken", name, "member@example.org", 0.0) for name in ends]


def change_first(
    lobby: Lobby, entries: list[SinkEntry], message: MessageState, letter: LetterState
) -> None:
    message_id = entries[0].message_id.strip("<>").partition("@")[0]
    with lobby.database.write() as session:
        rows = session.connection().execute(sa.select(_outbox.c.id, _outbox.c.subject_id)).all()
        row = next(row for row in rows if str(row[0]) == message_id)
        for table, key, state in ((_outbox, row[0], message), (_letter, row[1], letter)):
            session.connection().execute(
                sa.update(table).where(table.c.id == key).values(state=state)
            )


def test_a_record_that_agrees_shows_no_fault(lobby: Lobby) -> None:
    assert letter_audit.compare(lobby, accept_all(lobby)).faults == {}


def test_a_letter_that_was_taken_twice_is_found(lobby: Lobby) -> None:
    entries = accept_all(lobby)
    again = SinkEntry("lost_taken", entries[0].message_id, entries[0].recipient, 1.0)
    assert letter_audit.compare(lobby, [*entries, again]).faults == {"doubled": 1}


def test_a_letter_that_was_never_taken_is_found(lobby: Lobby) -> None:
    assert letter_audit.compare(lobby, accept_all(lobby)[1:]).faults == {"lost": 1}


@pytest.mark.parametrize(
    ("message", "letter", "faults"),
    [
        (MessageState.ACCEPTED, LetterState.QUEUED, {"unsettled": 1}),
        (MessageState.QUEUED, LetterState.QUEUED, {"unsettled": 1}),
        (MessageState.REJECTED, LetterState.REJECTED, {"refused_without_550": 1}),
        (MessageState.UNCERTAIN, LetterState.UNCERTAIN, {"left_uncertain": 1}),
    ],
)
def test_states_that_disagree_with_the_record_are_found(
    lobby: Lobby, message: MessageState, letter: LetterState, faults: dict[str, int]
) -> None:
    entries = accept_all(lobby)
    change_first(lobby, entries, message, letter)
    is_certain = letter is not LetterState.UNCERTAIN
    extra_faults = {"taken_but_not_told": 1} if is_certain else {}
    report = letter_audit.compare(lobby, entries)
    # In every case there is one sent letter fewer than the tally counts.
    assert report.faults == {**faults, **extra_faults, "miscounted": 1}


@pytest.mark.parametrize(("went", "again"), [(1, 0), (0, 1)])
def test_uncertain_letters_are_settled_by_the_record(lobby: Lobby, went: int, again: int) -> None:
    entries = accept_all(lobby)
    change_first(lobby, entries, MessageState.UNCERTAIN, LetterState.UNCERTAIN)
    since = lobby.clock() - timedelta(hours=1)
    settled = letter_audit.settle(lobby, entries if went else entries[1:], since=since)
    assert (settled.sent, settled.again, settled.uncertain) == (went, again, 0)
    Mailbox(lobby).deliver()
    assert set(letter_audit.ends(lobby).values()) == {"sent"}


def test_a_record_with_a_hole_sends_nothing_again(lobby: Lobby) -> None:
    entries = accept_all(lobby)
    change_first(lobby, entries, MessageState.UNCERTAIN, LetterState.UNCERTAIN)
    settled = letter_audit.settle(lobby, entries[2:], since=lobby.clock() - timedelta(hours=1))
    assert (settled.again, settled.uncertain, settled.missing) == (0, 1, 1)
    assert letter_audit.compare(lobby, entries).faults["left_uncertain"] == 1

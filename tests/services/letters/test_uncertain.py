"""Tests that the relay's log settles letters whose delivery is uncertain."""

import gzip
import io
import random
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from cli import app
from models import LetterState, MessageState
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Invalid
from services.letters import letter_queue, uncertain
from services.letters.uncertain import LogPeriod, SettlementResult
from services.mail import relay_logs
from services.mail.pacing import AT_ONCE
from services.mail.relay_logs import RelayLog
from tests.support.common import CAMPAIGN, SECRET, Clock
from tests.support.letters import letters_of, sent, sent_in_tally, uncertain_letter

Deliver = Callable[[], list[EmailMessage]]
OURS = UUID("0197c000-1111-7222-8333-444455556666")
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
EVENING = NOON + timedelta(hours=6)
TAG = "Jul  1 13:00:02 relay1"


def arrival_line(queue_id: str, message_id: str, tag: str = f"{TAG} postfix") -> str:
    return f"{tag}/cleanup[4711]: {queue_id}: message-id={message_id}"


def active_line(queue_id: str, tag: str = f"{TAG} postfix") -> str:
    details = "from=<post@lobby.example.org>, size=2311, nrcpt=1 (queue active)"
    return f"{tag}/qmgr[77]: {queue_id}: {details}"


def log_of(*lines: str, wanted: Iterable[UUID] = (OURS,)) -> RelayLog:
    log = RelayLog(frozenset(wanted))
    for line in lines:
        log.read(f"{line}\n".encode())
    return log


# ---- what a log proves


@pytest.mark.parametrize("queue_id", ["3F2A91C04B", "4bSx7k2Qz9z6tQw"])
@pytest.mark.parametrize(
    "tag",
    [
        f"{TAG} postfix",
        "2026-07-01T13:00:02.123456+01:00 relay1 postfix-out",
        "<22>Jul  1 13:00:02 relay1 postfix/submission",
        "postfix",
    ],
)
def test_what_postfix_puts_into_its_queue_was_taken(queue_id: str, tag: str) -> None:
    log = log_of(
        arrival_line(queue_id, f"<{OURS}@lobby.example.org>", tag), active_line(queue_id, tag)
    )
    assert log.taken == {OURS}
    assert log.acceptances == 1


def test_headers_that_arrived_prove_nothing() -> None:
    log = log_of(arrival_line("3F2A91C04B", f"<{OURS}@lobby.example.org>"))
    assert (log.taken, log.doubtful, log.acceptances) == (set(), set(), 0)
    assert log.knows_us


def test_a_queue_id_that_is_used_again_is_another_mails() -> None:
    log = log_of(
        arrival_line("3F2A91C04B", f"<{OURS}@lobby.example.org>"),
        arrival_line("3F2A91C04B", "<another@example.org>"),
        active_line("3F2A91C04B"),
    )
    assert log.taken == set()


def test_another_mails_queue_id_says_nothing_of_ours() -> None:
    log = log_of(
        arrival_line("3F2A91C04B", f"<{OURS}@lobby.example.org>"), active_line("3F2A91C04C")
    )
    assert log.taken == set()


def test_a_relay_that_keeps_mails_back_leaves_doubt() -> None:
    hold_line = f"{TAG} postfix/cleanup[4711]: 3F2A91C04B: hold: header Subject: EDM from localhost"
    log = log_of(
        hold_line,
        arrival_line("3F2A91C04B", f"<{OURS}@lobby.example.org>"),
        active_line("9A9A9A9A9A"),
    )
    assert (log.taken, log.doubtful) == (set(), {OURS})


@pytest.mark.parametrize("exim_id", ["1tAbCd-0001Xy-2B", "1tAbCd-00000000X1y-2Bcd"])
@pytest.mark.parametrize(
    "time",
    [
        "2026-07-01 13:00:02",
        "2026-07-01 13:00:02.123 +0100 [812]",
        "Jul  1 13:00:02 relay1 exim[812]: 2026-07-01 13:00:02",
    ],
)
def test_what_exim_lets_in_was_taken(exim_id: str, time: str) -> None:
    head = f"{time} {exim_id} <= post@lobby.example.org H=lobby [127.0.0.1] P=esmtps S=2311"
    assert log_of(f"{head} id={OURS}@lobby.example.org").taken == {OURS}
    assert log_of(f'{head} id={OURS}@lobby.example.org T="Please sign"').taken == {OURS}


def test_a_subject_proves_nothing() -> None:
    message_id = f"id={OURS}@lobby.example.org"
    head = "2026-07-01 13:00:02 1tAbCd-0001Xy-2B <= who@example.org H=x P=esmtp S=1"
    assert log_of(f'{head} id=other@example.org T="{message_id}"').taken == set()
    assert log_of(f'{head} T="about {message_id}"').taken == set()
    refused = f"2026-07-01 13:00:02 1tAbCd-0001Xy-2B rejected after DATA: {message_id}"
    assert log_of(refused).taken == set()
    warning = f"{TAG} postfix/cleanup[4711]: 3F2A: warning: header Subject: message-id=<{OURS}@x>"
    assert log_of(warning, active_line("3F2A")).taken == set()


@pytest.mark.parametrize("form", ["<{}@lobby.example.org>", "{}@lobby.example.org", "  <{}@x>\r"])
def test_a_list_of_message_ids_is_a_log_too(form: str) -> None:
    assert log_of(form.format(OURS)).taken == {OURS}
    assert log_of(form.format(str(OURS).upper())).taken == {OURS}


def test_ids_of_others_are_not_kept() -> None:
    lines = []
    for _ in range(500):
        other = f"<{uuid4()}@example.org>"
        lines += [arrival_line(uuid4().hex[:10].upper(), other), other]
    log = log_of(*lines)
    assert (log.taken, log.acceptances) == (set(), 500)
    assert log._arriving == {}


def test_nothing_in_a_line_can_break_the_reading() -> None:
    chance = random.Random(7)
    log = log_of()
    for line in (b"", b"\x00\xff" * 40, b"/cleanup[1]: " * 500, b" <= " * 500, b"@" * 5000):
        log.read(line)
    for _ in range(300):
        log.read(chance.randbytes(200))
    assert log.taken == set()


def test_logs_are_read_line_by_line_packed_or_not() -> None:
    text = b"one\n" + b"x" * 200_000 + b"\ntwo\nno end"
    for content in (text, gzip.compress(text), gzip.compress(text[:4]) + gzip.compress(text[4:])):
        lines = list(relay_logs.lines_of(io.BufferedReader(io.BytesIO(content))))
        assert lines[0] == b"one\n"
        assert len(lines[1]) == relay_logs.LONGEST_LINE
        assert lines[2:] == [b"two\n", b"no end"]


def test_the_parts_of_a_log_are_put_in_order_by_their_first_lines() -> None:
    at = {
        line: relay_logs.begins_at(line.encode(), now=NOON)
        for line in (
            "2026-06-30T23:59:59+01:00 relay",
            "Jul  1 00:00:02 relay",
            "Dec 31 23:59:59 relay",
            "Feb 29 10:00:00 relay",
            f"<{OURS}@x>",
        )
    }
    assert [moment and moment.isoformat() for moment in at.values()] == [
        "2026-06-30T23:59:59",
        "2026-07-01T00:00:02",
        "2025-12-31T23:59:59",
        None,
        None,
    ]


# ---- what follows for letters


def settle(
    lobby: Lobby, *ids: UUID, span: LogPeriod | None = None, is_dry: bool = False
) -> SettlementResult:
    """Settles with a log of these accepted messages and one email of another sender."""
    with lobby.database.read() as session:
        query = uncertain.log_query(session, period=span)
    lines = [f"<{message_id}@lobby.example.org>" for message_id in ids]
    log = log_of("<other@example.org>", *lines, wanted=query.wanted)
    with lobby.database.write() as session:
        return uncertain.settle(
            session,
            query,
            log,
            pace=lobby.pace,
            keyring=lobby.keyring,
            now=lobby.clock(),
            is_dry=is_dry,
        )


def sent_message_ids(lobby: Lobby) -> list[UUID]:
    """Returns the message ids of the letters that the relay accepted."""
    return [
        message.id for _, message in letters_of(lobby) if message.state is MessageState.ACCEPTED
    ]


WHOLE = LogPeriod(NOON - timedelta(hours=2), EVENING)


@pytest.fixture
def evening(clock: Clock) -> Clock:
    clock.now = EVENING
    return clock


def test_what_the_relay_took_was_sent_and_is_counted_once(
    lobby: Lobby, evening: Clock, deliver: Deliver
) -> None:
    before = sent_in_tally(lobby)
    letter, message = uncertain_letter(lobby, 0, NOON)
    uncertain_letter(lobby, 1, NOON)
    assert settle(lobby, message.id) == SettlementResult(sent=1, uncertain=1, is_whole=True)
    letter, message = letters_of(lobby)[0]
    assert (letter.state, letter.reason, letter.sent_at) == (LetterState.SENT, None, NOON)
    assert message.state is MessageState.ACCEPTED
    assert sent_in_tally(lobby) == before - 1 == sent(lobby)
    assert settle(lobby, message.id) == SettlementResult(uncertain=1, is_whole=False)
    assert sent_in_tally(lobby) == before - 1


def test_without_a_whole_log_nothing_goes_again(
    lobby: Lobby, evening: Clock, deliver: Deliver
) -> None:
    deliver()
    uncertain_letter(lobby, 0, NOON)
    assert settle(lobby, *sent_message_ids(lobby)).uncertain == 1
    assert deliver() == []


def test_what_a_whole_log_does_not_know_goes_again(
    lobby: Lobby, evening: Clock, deliver: Deliver
) -> None:
    deliver()
    before = sent_in_tally(lobby)
    _, missing_message = uncertain_letter(lobby, 0, NOON)
    _, lost = uncertain_letter(lobby, 1, NOON)
    result = settle(lobby, *sent_message_ids(lobby), missing_message.id, span=WHOLE)
    assert result == SettlementResult(sent=1, again=1)
    letter, message = letters_of(lobby)[1]
    assert (letter.state, letter.reason, message.state) == (
        LetterState.QUEUED,
        None,
        MessageState.QUEUED,
    )
    assert len(deliver()) == 1
    letter, message = letters_of(lobby)[1]
    assert (letter.state, message.attempt) == (LetterState.SENT, lost.attempt + 1)
    assert sent_in_tally(lobby) == before == sent(lobby)
    assert settle(lobby, *sent_message_ids(lobby), span=WHOLE) == SettlementResult()


@pytest.mark.parametrize("minutes", [-1, 1])
def test_an_attempt_at_the_edge_of_the_log_stays_uncertain(
    lobby: Lobby, evening: Clock, minutes: int
) -> None:
    _, message = uncertain_letter(lobby, 0, NOON)
    assert message.claimed_at is not None
    margin, second = uncertain.MARGIN, timedelta(seconds=minutes)
    for span in (
        LogPeriod(message.claimed_at - margin - second, EVENING),
        LogPeriod(NOON - timedelta(hours=2), NOON + margin + second),
    ):
        result = settle(lobby, *sent_message_ids(lobby), span=span, is_dry=True)
        assert (result.again, result.uncertain) == ((1, 0) if minutes > 0 else (0, 1))


def test_a_log_that_lacks_a_mail_that_went_is_not_whole(lobby: Lobby, evening: Clock) -> None:
    _, message = uncertain_letter(lobby, 0, NOON)
    uncertain_letter(lobby, 1, NOON)
    result = settle(lobby, *sent_message_ids(lobby)[1:], message.id, span=WHOLE)
    assert result == SettlementResult(sent=1, uncertain=1, missing=1, is_whole=False)
    assert letters_of(lobby)[1][0].state is LetterState.UNCERTAIN


def test_a_log_that_knows_none_of_our_mails_is_another_relays(lobby: Lobby, evening: Clock) -> None:
    uncertain_letter(lobby, 0, NOON + timedelta(hours=3))
    later = LogPeriod(NOON + timedelta(hours=2), EVENING)
    result = settle(lobby, span=later)
    assert (result.again, result.uncertain, result.is_whole) == (0, 1, False)


def test_a_letter_that_somebody_said_was_sent_does_not_stand_against_a_log(
    lobby: Lobby, evening: Clock, deliver: Deliver
) -> None:
    letter, _ = uncertain_letter(lobby, 0, NOON)
    uncertain_letter(lobby, 1, NOON)
    others = sent_message_ids(lobby)
    with lobby.database.write() as session:
        letter_queue.settle(
            session,
            letter.id,
            organisation_id=campaigns.public(session, CAMPAIGN).organisation_id,
            was_sent=True,
            keyring=lobby.keyring,
            now=NOON + timedelta(hours=1),
        )
    assert settle(lobby, *others, span=WHOLE) == SettlementResult(again=1)


def test_a_file_that_is_no_log_settles_nothing(lobby: Lobby, evening: Clock) -> None:
    uncertain_letter(lobby, 0, NOON)
    with lobby.database.read() as session:
        query = uncertain.log_query(session, period=WHOLE)
    log = log_of("nothing of the kind", "", wanted=query.wanted)
    with lobby.database.write() as session, pytest.raises(Invalid, match="No line here"):
        uncertain.settle(session, query, log, pace=AT_ONCE, keyring=lobby.keyring, now=EVENING)


def test_a_letter_that_became_uncertain_while_the_log_was_read_is_left(
    lobby: Lobby, evening: Clock
) -> None:
    with lobby.database.read() as session:
        query = uncertain.log_query(session, period=WHOLE)
    uncertain_letter(lobby, 0, NOON)
    log = log_of(
        *(f"<{message_id}@x.example>" for message_id in sent_message_ids(lobby)),
        wanted=query.wanted,
    )
    with lobby.database.write() as session:
        result = uncertain.settle(
            session, query, log, pace=AT_ONCE, keyring=lobby.keyring, now=EVENING
        )
    assert (result.sent, result.again) == (0, 0)
    assert letters_of(lobby)[0][0].state is LetterState.UNCERTAIN


def test_a_dry_run_changes_nothing(lobby: Lobby, evening: Clock) -> None:
    _, message = uncertain_letter(lobby, 0, NOON)
    uncertain_letter(lobby, 1, NOON)
    before = letters_of(lobby)
    result = settle(lobby, *sent_message_ids(lobby), message.id, span=WHOLE, is_dry=True)
    assert result == SettlementResult(sent=1, again=1)
    assert letters_of(lobby) == before


def test_what_goes_again_keeps_its_campaigns_pace_and_pause(
    lobby: Lobby, evening: Clock, deliver: Deliver
) -> None:
    deliver()
    for place in range(6):
        uncertain_letter(lobby, place, NOON)
    with lobby.database.write() as session:
        campaigns.public(session, CAMPAIGN).letters_per_hour = 2
    assert settle(lobby, *sent_message_ids(lobby), span=WHOLE).again == 6
    due = [message.due_at for _, message in letters_of(lobby)[:6]]
    assert [sum(moment.hour == EVENING.hour + hour for moment in due) for hour in range(3)] == [
        2,
        2,
        2,
    ]


def test_two_runs_at_once_settle_once(lobby: Lobby, evening: Clock) -> None:
    before = sent_in_tally(lobby)
    ids = [uncertain_letter(lobby, place, NOON)[1].id for place in range(4)]
    with lobby.database.read() as session:
        query = uncertain.log_query(session, period=WHOLE)
    log = log_of(
        *(f"<{message_id}@x.example>" for message_id in [*sent_message_ids(lobby), *ids]),
        wanted=query.wanted,
    )
    results: list[SettlementResult] = []
    barrier = threading.Barrier(3)

    def run() -> None:
        barrier.wait()
        with lobby.database.write() as session:
            now, keyring = lobby.clock(), lobby.keyring
            results.append(
                uncertain.settle(session, query, log, pace=lobby.pace, keyring=keyring, now=now)
            )

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.sent for result in results) == [0, 0, 4]
    assert sent_in_tally(lobby) == before == sent(lobby)


def test_a_span_is_refused_that_is_none_or_not_over() -> None:
    with pytest.raises(Invalid, match="ends before it begins"):
        LogPeriod.checked(NOON, NOON, now=EVENING)
    with pytest.raises(Invalid, match="not over yet"):
        LogPeriod.checked(NOON, EVENING + timedelta(seconds=1), now=EVENING)


# ---- the command


@pytest.fixture
def mail_settle(lobby: Lobby) -> Callable[..., Result]:
    """Runs `lobby mail settle` on the same data with the real clock."""
    settings = {
        "LOBBY_DATABASE_URL": lobby.settings.database_url,
        "LOBBY_DATA_DIR": str(lobby.settings.data_dir),
        "LOBBY_SECRET_KEY": SECRET,
    }

    def run(*arguments: str | Path, piped: bytes = b"") -> Result:
        command_line = ["mail", "settle", *map(str, arguments)]
        return CliRunner().invoke(app, command_line, env=settings, input=piped)

    return run


def counts(result: Result) -> list[int]:
    """Returns the letters settled as sent, sent again and still uncertain."""
    assert result.exit_code == 0, (result.stderr, result.exception)
    return [int(line.split()[-1].replace(",", "")) for line in result.stdout.splitlines()]


@pytest.fixture
def lately() -> datetime:
    """Returns the time three hours ago, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)


def whole_log_options(moment: datetime) -> tuple[str, ...]:
    """Returns the options for a log that is complete for an hour either side of a moment."""
    since, until = moment - timedelta(hours=1), moment + timedelta(hours=1)
    return ("--complete-since", since.isoformat(), "--complete-until", until.isoformat())


def test_the_command_reads_parts_of_a_log_in_any_order(
    lobby: Lobby, mail_settle: Callable[..., Result], tmp_path: Path, lately: datetime
) -> None:
    """The email arrives at the end of the older part and is accepted in the newer one."""
    _, message = uncertain_letter(lobby, 0, lately)
    uncertain_letter(lobby, 1, lately)
    queue_id, tag = "4bSx7k2Qz9z6tQw", "relay1 postfix"
    older, newer = tmp_path / "mail.log.1.gz", tmp_path / "mail.log"
    arrival = arrival_line(
        queue_id, f"<{message.id}@lobby.example.org>", f"{lately.isoformat()} {tag}"
    )
    older.write_bytes(gzip.compress(f"{arrival}\n".encode()))
    later = (lately + timedelta(seconds=1)).isoformat()
    newer.write_text(f"{active_line(queue_id, f'{later} {tag}')}\n")
    options = whole_log_options(lately)
    assert counts(mail_settle(newer, older, *options, "--dry-run")) == [1, 1, 0]
    assert letters_of(lobby)[0][0].state is LetterState.UNCERTAIN
    assert counts(mail_settle(newer, older, *options)) == [1, 1, 0]
    assert letters_of(lobby)[0][0].state is LetterState.SENT
    assert letters_of(lobby)[1][0].state is LetterState.QUEUED
    assert counts(mail_settle(newer, older)) == [0, 0, 0]
    assert sent_in_tally(lobby) == sent(lobby)


def test_the_command_reads_what_is_piped_in(
    lobby: Lobby, mail_settle: Callable[..., Result], lately: datetime
) -> None:
    _, message = uncertain_letter(lobby, 0, lately)
    uncertain_letter(lobby, 1, lately)
    listed = f"<{message.id}@lobby.example.org>\n".encode()
    assert counts(mail_settle("-", piped=gzip.compress(listed))) == [1, 0, 1]


def test_the_command_says_what_is_wrong(
    lobby: Lobby, mail_settle: Callable[..., Result], tmp_path: Path, lately: datetime
) -> None:
    uncertain_letter(lobby, 0, lately)
    log, damaged = tmp_path / "log", tmp_path / "log.gz"
    log.write_text("<other@example.org>\n")
    damaged.write_bytes(gzip.compress(b"<other@example.org>\n" * 9)[:-12])
    since, until = "--complete-since", "--complete-until"
    for arguments, sentence in (
        ((damaged,), "is damaged"),
        ((log, since, "2026-07-01"), "Give both"),
        ((log, since, "noon", until, "2026-07-01T12:00Z"), "'noon' is no time"),
        ((log, since, "2026-07-01T12:00Z", until, "2026-07-01T12:59"), "ends before it begins"),
        ((log, since, "2026-07-01T12:00Z", until, "2999-07-01T12:00"), "not over yet"),
    ):
        assert sentence in str(mail_settle(*arguments).exception)
    assert isinstance(mail_settle(tmp_path / "none").exception, FileNotFoundError)
    strange = mail_settle(log, *whole_log_options(lately))
    assert strange.exit_code == 1
    assert "know no mail of ours" in strange.stderr
    assert letters_of(lobby)[0][0].state is LetterState.UNCERTAIN


def test_a_log_with_a_hole_is_told_and_ends_badly(
    lobby: Lobby, mail_settle: Callable[..., Result], tmp_path: Path, lately: datetime
) -> None:
    _, message = uncertain_letter(lobby, 0, lately)
    _, went = uncertain_letter(lobby, 1, lately)
    uncertain_letter(lobby, 2, lately)
    with lobby.database.write() as session:
        session.add(went.sqlmodel_update({"state": MessageState.ACCEPTED, "detail": "250 ok"}))
    log = tmp_path / "log"
    log.write_text(f"<{message.id}@x.example>\n")
    result = mail_settle(log, *whole_log_options(lately))
    assert result.exit_code == 1
    assert "lack 1 mail" in result.stderr
    assert letters_of(lobby)[2][0].state is LetterState.UNCERTAIN

"""Migrates a filled database to submissions and back, and looks for what was lost or forged.

A database of the version before submissions gets as many signatures of each kind as `--rows` says:
young and old pending ones, expired, confirmed, withdrawn and rejected ones, with consents and with
mails that wait. It goes up, and people confirm through the links in their mails from before, before
and after the job has adopted their signatures. Then it goes down again. See
docs/operators/drills.md. `python -m drills.migration` prints a Markdown table.
"""

import argparse
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import sqlalchemy as sa

import worker
from core import logs
from core.settings import Settings
from drills import earlier_rows
from drills.earlier_rows import FilledRow, Rows
from main import create_app
from models import Consent, Signature, SignatureState, Submission, Supporter
from models.base import table_of
from services.assembly import Lobby, open_lobby
from services.common.tokens import Purpose
from services.database import engine
from services.operations import recounts
from services.signatures import confirming
from services.supporters.supporters import EmailAddress
from tools import sample_data
from tools.databases import fresh_database
from tools.live_service import http_server
from tools.settings import throwaway_settings

ROWS = 200_000
BEFORE, AFTER = "0015", "head"
MAILS, CLICKS = 1000, 100  # mails that wait, and links that are opened over HTTP
OF_A_BATCH = 100
_signature, _submission = table_of(Signature), table_of(Submission)
_consent, _supporter = table_of(Consent), table_of(Supporter)
Answers = dict[UUID, dict[str, bool]]


@dataclass
class MovedClock:
    """A clock that the drill sets, so that links are as old as their signatures."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Report:
    """Figures and faults of a run. Times are in seconds; `faults` should be empty."""

    up: float = 0.0
    adopted_a_second: float = 0.0
    confirmed_a_second: float = 0.0
    given_back_a_second: float = 0.0
    down: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def check(self, name: str, wrong: int) -> None:
        """Adds to the faults of a kind."""
        if wrong:
            self.faults[name] += wrong


@contextmanager
def prepared(rows: int, settings: Settings) -> Iterator["MigrationDrill"]:
    """Fills the empty database of `settings`, at the version before submissions."""
    clock = MovedClock(datetime.now(UTC).replace(microsecond=0))
    lobby = open_lobby(settings, clock=clock)
    try:
        sample_data.load_demonstration(lobby)
        _deliver(lobby)
        partner = earlier_rows.add_partner(lobby, now=clock.now)
        engine.migrate(lobby.database, BEFORE)
        filled = earlier_rows.fill(lobby, rows, partner, now=clock.now)
        if not lobby.database.is_sqlite:  # its autovacuum would have done it long ago
            with lobby.database.connection() as connection:
                connection.exec_driver_sql("ANALYZE")
        tokens = _tokens(lobby, clock, filled["young"])
        yield MigrationDrill(lobby, filled, tokens)
    finally:
        lobby.close()


def run(rows: int, settings: Settings) -> Report:
    """Fills the empty database of `settings`, and takes it up and down."""
    with prepared(rows, settings) as drill:
        return drill.run()


class MigrationDrill:
    """A filled database, what was written into it, and the links in the mails from before."""

    def __init__(self, lobby: Lobby, filled: Rows, tokens: dict[UUID, str]) -> None:
        self.lobby, self.filled, self.tokens = lobby, filled, tokens
        self._report = Report()
        young = filled["young"]
        # Thirds: confirmed before the job has adopted them, confirmed afterwards, and never.
        third = len(young) // 3
        self._before, self._after, self._never = (
            young[:third],
            young[third : 2 * third],
            young[2 * third :],
        )

    def run(self) -> Report:
        """Goes up, adopts, confirms and goes down, and compares after each step."""
        lobby, report = self.lobby, self._report
        mails = self._never[-MAILS:]
        earlier_rows.queue_mails(lobby, mails, now=lobby.clock())
        report.up = _timed(lambda: engine.migrate(lobby.database, AFTER))
        self._check_rows("states after the way up", self.filled)
        sent = self._sent()
        worker.deliver_due(lobby)
        self._confirm(self._before)
        self._adopt()
        report.confirmed_a_second = self._confirm(self._after)
        _deliver(lobby)
        report.check("mails lost or doubled", abs(len(mails) - (self._sent() - sent)))
        self._check_confirmed()
        self._go_down()
        return report

    def _adopt(self) -> None:
        lobby, report = self.lobby, self._report
        count = len(self._after) + len(self._never)
        count += len(self.filled["old"]) + len(self.filled["expired"])
        job = worker.SignatureAdoption()
        seconds = _timed(lambda: job(lobby, threading.Event()))
        report.adopted_a_second = count / seconds
        adopted = {row.id for row in (*self._after, *self._never)}
        report.check("not adopted", len(adopted - self._ids(_submission)))
        report.check("adopted wrongly", len(self._ids(_submission) - adopted))
        gone = [*self.filled["old"], *self.filled["expired"]]
        report.check("not deleted", len({row.id for row in gone} & self._ids(_signature)))
        known = self._known_addresses()
        report.check("supporters left", sum(self._index(row) in known for row in gone))
        report.check("answers left", len(self._answers(gone)))
        report.check("answers in force early", len(self._answers(self._never)))

    def _confirm(self, rows: Sequence[FilledRow]) -> float:
        """Confirms through the links, some of them over HTTP; returns how many a second."""
        self._report.check("links over HTTP", self._click(rows[:CLICKS]))
        lobby, others, wrong = self.lobby, rows[CLICKS:], 0
        started = time.monotonic()
        for some in _batches(others):
            ids = [lobby.tokens.read(Purpose.CONFIRM, self.tokens[row.id]) for row in some]
            with lobby.database.write() as session:
                outcomes = confirming.confirm_all(
                    session, ids, keyring=lobby.keyring, now=lobby.clock()
                )
            wrong += sum(
                outcome.signature is None or outcome.signature.id != row_id
                for row_id, outcome in zip(ids, outcomes, strict=True)
            )
        self._report.check("links", wrong)
        return len(others) / (time.monotonic() - started)

    def _click(self, rows: Sequence[FilledRow]) -> int:
        lobby = self.lobby
        limitless = {"gets_per_address": 0, "posts_per_address": 0}
        app = create_app(lobby.settings.model_copy(update=limitless), lobby=lobby)
        wrong = 0
        with http_server(app) as url, httpx2.Client(base_url=url) as client:
            for row in rows:
                token = self.tokens[row.id]
                page = client.get(f"/confirm/{token}")
                answer = client.post("/v1/signatures/confirm", json={"token": token})
                is_shown = page.status_code == 200 and row.signature.name in page.text
                wrong += not (is_shown and answer.status_code == 200)
        return wrong

    def _check_confirmed(self) -> None:
        report, confirmed = self._report, [*self._before, *self._after]
        self._check_rows("states after confirming", self._now(confirmed))
        self._check_answers(confirmed, "answers after confirming")
        self._check_answers(self.filled["confirmed"], "answers from before")
        with self.lobby.database.read() as session:
            report.check("tallies", len(recounts.wrong_signatures(session)))
            report.check("sums of tallies", len(recounts.compare_sums(session)))

    def _go_down(self) -> None:
        lobby, report = self.lobby, self._report
        seconds = _timed(lambda: worker.give_back_submissions(lobby))
        report.given_back_a_second = len(self._never) / seconds
        report.down = _timed(lambda: engine.migrate(lobby.database, BEFORE))
        confirmed = [*self._before, *self._after]
        self._check_rows("states after the way down", self._now(confirmed) | {"p": self._never})
        for rows in (confirmed, self.filled["confirmed"], self._never):
            self._check_answers(rows, "answers after the way down")
        waiting = self._answers(self._never, is_effective=True)
        report.check("answers in force early", len(waiting))
        with lobby.database.read() as session:
            report.check("tallies", len(recounts.wrong_signatures(session)))

    def _now(self, confirmed: Sequence[FilledRow]) -> Rows:
        ended = {kind: self.filled[kind] for kind in ("confirmed", "withdrawn", "rejected")}
        return ended | {"now": list(confirmed)}

    def _check_rows(self, name: str, kinds: Rows) -> None:
        """Compares the states of signatures; those that were confirmed here count as confirmed."""
        expected = {
            row.id: SignatureState.CONFIRMED if kind == "now" else row.signature.state
            for kind, rows in kinds.items()
            for row in rows
        }
        ours = {row.id for rows in self.filled.values() for row in rows}
        with self.lobby.database.read() as session:
            statement = sa.select(_signature.c.id, _signature.c.state)
            found = {
                row_id: state
                for row_id, state in session.connection().execute(statement)
                if row_id in ours
            }
        wrong = [row_id for row_id in ours if expected.get(row_id) != found.get(row_id)]
        self._report.check(name, len(wrong))

    def _check_answers(self, rows: Sequence[FilledRow], name: str) -> None:
        found = self._answers(rows)
        wrong = sum(found.get(row.id, {}) != row.answers for row in rows)
        self._report.check(name, wrong)

    def _answers(self, rows: Iterable[FilledRow], *, is_effective: bool = False) -> Answers:
        """Returns the stored answers that came with these signatures."""
        ids = {row.id for row in rows}
        statement = sa.select(_consent.c.signature_id, _consent.c.kind, _consent.c.granted)
        if is_effective:
            statement = statement.where(_consent.c.effective_at.is_not(None))
        answers: Answers = {}
        with self.lobby.database.read() as session:
            for row_id, kind, granted in session.connection().execute(statement):
                if row_id in ids:
                    answers.setdefault(row_id, {})[kind] = granted
        return answers

    def _ids(self, table: sa.Table) -> set[UUID]:
        with self.lobby.database.read() as session:
            return set(session.connection().execute(sa.select(table.c.id)).scalars())

    def _known_addresses(self) -> set[bytes]:
        with self.lobby.database.read() as session:
            statement = sa.select(_supporter.c.email_index)
            return set(map(bytes, session.connection().execute(statement).scalars()))

    def _index(self, row: FilledRow) -> bytes:
        keyring = self.lobby.keyring
        return EmailAddress.of(self._owner, row.signature.email, keyring).index

    @property
    def _owner(self) -> UUID:
        partners = (row.signature.partner for row in self.filled["young"])
        return next(partner.organisation_id for partner in partners if partner is not None)

    def _sent(self) -> int:
        folder = self.lobby.mail_folder
        return sum(1 for _ in folder.folder.glob("*.eml")) if folder else 0


def _tokens(lobby: Lobby, clock: MovedClock, rows: Iterable[FilledRow]) -> dict[UUID, str]:
    """Issues the links of mails that were sent a minute after each was signed."""
    present, tokens = clock.now, {}
    for row in rows:
        clock.now = row.signature.signed_at + timedelta(minutes=1)
        tokens[row.id] = lobby.tokens.issue(Purpose.CONFIRM, row.id)
    clock.now = present
    return tokens


def _deliver(lobby: Lobby) -> None:
    while worker.deliver_due(lobby):
        pass


def _batches(rows: Sequence[FilledRow]) -> Iterable[Sequence[FilledRow]]:
    return (rows[start : start + OF_A_BATCH] for start in range(0, len(rows), OF_A_BATCH))


def _timed(task: Callable[[], Any]) -> float:
    started = time.monotonic()
    task()
    return time.monotonic() - started


def main() -> None:
    """Exits with status 1 when there was a fault."""
    parser = argparse.ArgumentParser(prog="drills.migration", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="signatures of each kind")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    # By default SIGTERM would end this process and leave its database server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    logs.configure(level="ERROR")
    figures = [each.name for each in fields(Report) if each.name != "faults"]
    names = [name.replace("_", " ") for name in figures]
    cells = ["database", "rows of each kind", *names, "faults"]
    print(f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}", flush=True)
    is_good = True
    for backend in ("sqlite", "postgresql"):
        if arguments.only in (None, backend):
            with fresh_database(backend) as (folder, url):
                report = run(arguments.rows, throwaway_settings(folder, url))
            values = [f"{getattr(report, name):,.1f}" for name in figures]
            faults = ", ".join(f"{name}: {count}" for name, count in report.faults.items())
            row = [backend, f"{arguments.rows:,}", *values, faults or "0"]
            print(f"| {' | '.join(row)} |", flush=True)
            is_good = is_good and not report.faults
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()

"""Kills workers with `kill -9` while they send mails that ask to confirm a signature: none is lost.

Such a mail may be sent twice, so copies are counted and no fault; without a kill and a lost answer
there are none. See docs/operators/drills.md. `python -m drills.confirmation_mails` prints a table.
"""

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields

import sqlalchemy as sa

from core.settings import Settings
from drills import letter_audit, letters
from drills.letters import Drill, WorkerPool
from models import MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby, open_lobby
from services.mail import mail_builder
from tools import sample_data, smtp_sink
from tools.databases import fresh_database
from tools.settings import throwaway_settings
from tools.smtp_sink import SinkEntry

MAILS, KILLS = 2000, 30
_outbox = table_of(OutboxMessage)


@dataclass(frozen=True, slots=True)
class MailReport:
    """Counts at the end of a drill. Every field from `lost` on must be 0.

    `repeated` counts the copies that the sink took beyond the first of each mail; `answers_lost`
    the mails that it took without giving an answer.
    """

    mails: int
    accepted: int
    rejected: int
    deferrals: int
    answers_lost: int
    repeated: int
    lost: int
    unsettled: int
    refused_without_550: int

    @property
    def faults(self) -> dict[str, int]:
        """Returns the counts that should be 0 and are not, by name."""
        return {
            name: getattr(self, name)
            for name in ("lost", "unsettled", "refused_without_550")
            if getattr(self, name)
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a drill. `rate` is in mails per second; see `letters.Outcome`."""

    report: MailReport
    killed_at_work: int
    rate: float


def run(drill: Drill, settings: Settings) -> Outcome:
    """Adds `drill.letters` unconfirmed signatures to the empty database of `settings`, sends their
    mails under kills, and compares."""
    record = settings.data_dir / "sink.tsv"
    options = ["--seed", str(drill.seed), *(["--calm"] if drill.is_calm else [])]
    lobby = open_lobby(settings)
    try:
        sample_data.queue_confirmations(lobby, drill.letters)
        with smtp_sink.running(record, *options) as address:
            workers = WorkerPool(settings.model_copy(update={"smtp_url": address}), drill.workers)
            try:
                killed_at_work = letters.kill_workers(lobby, workers, drill, record)
                letters.drain(lobby, workers, drill)
            finally:
                workers.stop()
        entries = smtp_sink.entries_in(record)
        return Outcome(compare(lobby, entries), killed_at_work, letter_audit.rate(entries))
    finally:
        lobby.close()


def compare(lobby: Lobby, entries: Iterable[SinkEntry]) -> MailReport:
    """Compares each mail with the record of the sink."""
    state_by_id = states(lobby)
    mail_entries = [entry for entry in entries if entry.message_id in state_by_id]
    taken = Counter(entry.message_id for entry in mail_entries if entry.was_taken)
    refused = {entry.message_id for entry in mail_entries if entry.outcome == "refused"}
    accepted = {key for key, state in state_by_id.items() if state is MessageState.ACCEPTED}
    rejected = {key for key, state in state_by_id.items() if state is MessageState.REJECTED}
    return MailReport(
        mails=len(state_by_id),
        accepted=len(accepted),
        rejected=len(rejected),
        deferrals=sum(entry.outcome == "deferred" for entry in mail_entries),
        answers_lost=sum(entry.outcome == "lost_taken" for entry in mail_entries),
        repeated=taken.total() - len(taken),
        lost=len(accepted - taken.keys()),
        unsettled=len(state_by_id) - len(accepted) - len(rejected),
        refused_without_550=len(rejected - refused),
    )


def states(lobby: Lobby) -> dict[str, MessageState]:
    """Returns the state of each mail that asks to confirm a signature, by Message-ID."""
    statement = sa.select(_outbox.c.id, _outbox.c.state).where(
        _outbox.c.kind == MessageKind.CONFIRM_SIGNATURE, _outbox.c.state != MessageState.DROPPED
    )
    domain = mail_builder.domain_of(lobby.settings.mail_from)
    with lobby.database.read() as session:
        rows = session.connection().execute(statement).all()
    return {f"<{row.id}@{domain}>": row.state for row in rows}


def main() -> None:
    """Exits with status 1 when there was a fault."""
    parser = argparse.ArgumentParser(prog="drills.confirmation_mails", description=__doc__)
    parser.add_argument("--mails", type=int, default=MAILS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--calm", action="store_true", help="a sink that takes everything")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    # By default SIGTERM would end this process and leave its children running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = [field.name for field in fields(MailReport)]
    cells = ["database", *(name.replace("_", " ") for name in names), "killed at work"]
    print(f"| {' | '.join(cells)} | mails a second |\n|{'---|' * (len(cells) + 1)}", flush=True)
    is_good = True
    for backend in [arguments.only] if arguments.only else ["sqlite", "postgresql"]:
        with fresh_database(backend) as (folder, url):
            drill = Drill(arguments.mails, arguments.kills, is_calm=arguments.calm)
            outcome = run(drill, throwaway_settings(folder, url))
        is_good = is_good and not outcome.report.faults
        row = [backend, *(getattr(outcome.report, name) for name in names), outcome.killed_at_work]
        print(f"| {' | '.join(map(str, row))} | {outcome.rate:.0f} |", flush=True)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()

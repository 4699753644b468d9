"""Mails that ask to confirm a signature, under `kill -9`: none lost. See docs/drills.md.

They may be repeated, so that copies are counted and not forbidden; but without a kill and without a
lost answer there are none. `python -m drills.mails` prints its figures.
"""

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields

import sqlalchemy as sa

from core.settings import Settings
from drills import ledger, post_room
from drills.ledger import Dot
from drills.post_room import Crew, Drill
from models import MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby, open_lobby
from services.mail import mail_builder
from tools import sample_data, smtp_sink
from tools.databases import fresh_database
from tools.settings import throwaway_settings

MAILS, KILLS = 2000, 30
_outbox = table_of(OutboxMessage)


@dataclass(frozen=True, slots=True)
class Found:
    """How a drill ended. `repeated` is how many copies too many the sink took, `answers_lost` after
    how many of those that it took it gave no answer. Everything from `lost` on has to be 0.
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
        """The promises that were broken, with how often."""
        return {
            name: getattr(self, name)
            for name in ("lost", "unsettled", "refused_without_550")
            if getattr(self, name)
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, how many workers were killed at work, and the rate in mails a second."""

    found: Found
    killed_at_work: int
    rate: float


def run(drill: Drill, settings: Settings) -> Outcome:
    """Fill the empty database of `settings` with `letters` people who signed, deliver their mails
    under fire, and compare."""
    record = settings.data_dir / "sink.tsv"
    options = ["--seed", str(drill.seed), *(["--calm"] if drill.is_calm else [])]
    lobby = open_lobby(settings)
    try:
        sample_data.queue_confirmations(lobby, drill.letters)
        with smtp_sink.running(record, *options) as address:
            crew = Crew(settings.model_copy(update={"smtp_url": address}), drill.workers)
            try:
                killed_at_work = post_room.harass(lobby, crew, drill, record)
                post_room.finish(lobby, crew, drill)
            finally:
                crew.stop()
        dots = ledger.dots_in(record)
        return Outcome(compare(lobby, dots), killed_at_work, ledger.rate(dots))
    finally:
        lobby.close()


def compare(lobby: Lobby, dots: Iterable[Dot]) -> Found:
    """Hold each mail against the sink's record."""
    by_id = states(lobby)
    of_mails = [dot for dot in dots if dot.message_id in by_id]
    taken = Counter(dot.message_id for dot in of_mails if dot.was_taken)
    refused = {dot.message_id for dot in of_mails if dot.fate == "refused"}
    accepted = {key for key, state in by_id.items() if state is MessageState.ACCEPTED}
    rejected = {key for key, state in by_id.items() if state is MessageState.REJECTED}
    return Found(
        mails=len(by_id),
        accepted=len(accepted),
        rejected=len(rejected),
        deferrals=sum(dot.fate == "deferred" for dot in of_mails),
        answers_lost=sum(dot.fate == "lost_taken" for dot in of_mails),
        repeated=taken.total() - len(taken),
        lost=len(accepted - taken.keys()),
        unsettled=len(by_id) - len(accepted) - len(rejected),
        refused_without_550=len(rejected - refused),
    )


def states(lobby: Lobby) -> dict[str, MessageState]:
    """By Message-ID, how each mail that asks to confirm a signature ended."""
    statement = sa.select(_outbox.c.id, _outbox.c.state).where(
        _outbox.c.kind == MessageKind.CONFIRM_SIGNATURE, _outbox.c.state != MessageState.DROPPED
    )
    domain = mail_builder.domain_of(lobby.settings.mail_from)
    with lobby.database.read() as session:
        rows = session.connection().execute(statement).all()
    return {f"<{row.id}@{domain}>": row.state for row in rows}


def main() -> None:
    """Run what is asked for; status 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="drills.mails", description=__doc__)
    parser.add_argument("--mails", type=int, default=MAILS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--calm", action="store_true", help="a sink that takes everything")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    told = parser.parse_args()
    # Without it, the end of the drill would leave its processes running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = [field.name for field in fields(Found)]
    cells = ["database", *(name.replace("_", " ") for name in names), "killed at work"]
    print(f"| {' | '.join(cells)} | mails a second |\n|{'---|' * (len(cells) + 1)}", flush=True)
    is_good = True
    for backend in [told.only] if told.only else ["sqlite", "postgresql"]:
        with fresh_database(backend) as (folder, url):
            drill = Drill(told.mails, told.kills, is_calm=told.calm)
            outcome = run(drill, throwaway_settings(folder, url))
        is_good = is_good and not outcome.found.faults
        row = [backend, *(getattr(outcome.found, name) for name in names), outcome.killed_at_work]
        print(f"| {' | '.join(map(str, row))} | {outcome.rate:.0f} |", flush=True)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()

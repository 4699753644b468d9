"""What the sink wrote down, against what the database says."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from models import Letter, LetterState, LetterTally, MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby
from services.letters import uncertain
from services.letters.uncertain import LogPeriod, SettlementResult
from services.mail import mail_builder
from services.mail.relay_logs import RelayLog

_letter, _outbox, _tally = table_of(Letter), table_of(OutboxMessage), table_of(LetterTally)
ENDS = {
    (MessageState.ACCEPTED, LetterState.SENT): "sent",
    (MessageState.REJECTED, LetterState.REJECTED): "rejected",
    (MessageState.UNCERTAIN, LetterState.UNCERTAIN): "uncertain",
}


@dataclass(frozen=True, slots=True)
class Dot:
    """One final dot, as the sink saw it."""

    fate: str
    message_id: str
    recipient: str
    at: float

    @property
    def was_taken(self) -> bool:
        """Whether the sink has the message, whatever it answered."""
        return self.fate in ("taken", "lost_taken")


@dataclass(frozen=True, slots=True)
class Found:
    """How a drill ended: `uncertain` letters were settled by the record, of which some had gone and
    the others went again. Everything from `doubled` on has to be 0."""

    letters: int
    sent: int
    rejected: int
    uncertain: int
    uncertain_went: int
    uncertain_stayed: int
    deferrals: int
    doubled: int
    lost: int
    unsettled: int
    left_uncertain: int
    taken_but_not_told: int
    refused_without_550: int
    miscounted: int

    @property
    def faults(self) -> dict[str, int]:
        """The promises that were broken, with how often."""
        names = [field.name for field in fields(self)]
        wrong = names[names.index("doubled") :]
        return {name: getattr(self, name) for name in wrong if getattr(self, name)}


def dots_in(record: Path) -> list[Dot]:
    """The whole lines of a record; one that is being written is left out."""
    lines = record.read_text().splitlines(keepends=True)
    parts = [line.split("\t") for line in lines if line.endswith("\n")]
    return [Dot(fate, name, to, float(at)) for fate, name, to, at in parts]


def settle(lobby: Lobby, dots: Iterable[Dot], *, since: datetime) -> SettlementResult:
    """Settle uncertain letters as an operator does who has a list of all that the sink took.

    It is whole to this moment: whoever handed anything over has ended, and had an answer or none.
    """
    span = LogPeriod(since, lobby.clock(), margin=timedelta(0))
    with lobby.database.read() as session:
        asked = uncertain.log_query(session, period=span)
    log = RelayLog(asked.wanted)
    for dot in dots:
        if dot.was_taken:
            log.read(dot.message_id.encode())
    with lobby.database.write() as session:
        pace, now = lobby.pace, lobby.clock()
        return uncertain.settle(session, asked, log, pace=pace, keyring=lobby.keyring, now=now)


def compare(lobby: Lobby, dots: Iterable[Dot], settled: Iterable[SettlementResult] = ()) -> Found:
    """Hold each letter against the record, after its uncertain ones were `settled`."""
    by_id = ends(lobby)
    told = {name: {key for key, end in by_id.items() if end == name} for name in ENDS.values()}
    of_letters = [dot for dot in dots if dot.message_id in by_id]
    taken = Counter(dot.message_id for dot in of_letters if dot.was_taken)
    refused = {dot.message_id for dot in of_letters if dot.fate == "refused"}
    went, stayed = 0, 0
    for each in settled:
        went, stayed = went + each.sent, stayed + each.again
    return Found(
        letters=len(by_id),
        sent=len(told["sent"]),
        rejected=len(told["rejected"]),
        uncertain=went + stayed,
        uncertain_went=went,
        uncertain_stayed=stayed,
        deferrals=sum(dot.fate == "deferred" for dot in of_letters),
        doubled=sum(times > 1 for times in taken.values()),
        lost=len(told["sent"] - taken.keys()),
        unsettled=sum(end is None for end in by_id.values()),
        left_uncertain=len(told["uncertain"]),
        taken_but_not_told=len(taken.keys() - told["sent"] - told["uncertain"]),
        refused_without_550=len(told["rejected"] - refused),
        miscounted=abs(_counted(lobby) - len(told["sent"])),
    )


def rate(dots: list[Dot]) -> float:
    """Letters a second, from the first dot to the last."""
    return (len(dots) - 1) / (dots[-1].at - dots[0].at)


def ends(lobby: Lobby) -> dict[str, str | None]:
    """By Message-ID, how each letter ended; None where its two rows do not tell one end."""
    statement = (
        sa.select(_outbox.c.id, _outbox.c.state, _letter.c.state)
        .join(_letter, _letter.c.id == _outbox.c.subject_id)
        .where(_outbox.c.kind == MessageKind.LETTER)
    )
    domain = mail_builder.domain_of(lobby.settings.mail_from)
    with lobby.database.read() as session:
        rows = session.connection().execute(statement).all()
    return {f"<{row[0]}@{domain}>": ENDS.get((row[1], row[2])) for row in rows}


def _counted(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        total = session.connection().execute(sa.select(sa.func.sum(_tally.c.sent))).scalar()
    return int(total or 0)

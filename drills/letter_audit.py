"""Compares the record of the SMTP sink with the letters and messages in the database."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import sqlalchemy as sa

from models import Letter, LetterState, LetterTally, MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby
from services.letters import uncertain
from services.letters.uncertain import LogPeriod, SettlementResult
from services.mail import mail_builder
from services.mail.relay_logs import RelayLog
from tools.smtp_sink import SinkEntry

_letter, _outbox, _tally = table_of(Letter), table_of(OutboxMessage), table_of(LetterTally)
ENDS = {
    (MessageState.ACCEPTED, LetterState.SENT): "sent",
    (MessageState.REJECTED, LetterState.REJECTED): "rejected",
    (MessageState.UNCERTAIN, LetterState.UNCERTAIN): "uncertain",
}


@dataclass(frozen=True, slots=True)
class LetterReport:
    """Counts at the end of a drill. Every field from `doubled` on must be 0.

    Of the `uncertain` letters, the record showed that some had gone (`uncertain_went`); the others
    were sent again (`uncertain_stayed`).
    """

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
        """Returns the counts that should be 0 and are not, by name."""
        names = [field.name for field in fields(self)]
        must_be_zero = names[names.index("doubled") :]
        return {name: getattr(self, name) for name in must_be_zero if getattr(self, name)}


def settle(lobby: Lobby, entries: Iterable[SinkEntry], *, since: datetime) -> SettlementResult:
    """Settles uncertain letters as an operator does, from a list of all that the sink took.

    No worker may be running: the list must be complete up to now.
    """
    span = LogPeriod(since, lobby.clock(), margin=timedelta(0))
    with lobby.database.read() as session:
        question = uncertain.log_query(session, period=span)
    log = RelayLog(question.wanted)
    for entry in entries:
        if entry.was_taken:
            log.read(entry.message_id.encode())
    with lobby.database.write() as session:
        pace, now = lobby.pace, lobby.clock()
        return uncertain.settle(session, question, log, pace=pace, keyring=lobby.keyring, now=now)


def compare(
    lobby: Lobby, entries: Iterable[SinkEntry], settled: Iterable[SettlementResult] = ()
) -> LetterReport:
    """Compares each letter with the record. `settled` are the earlier results of `settle`."""
    end_by_id = ends(lobby)
    ids_by_end = {
        name: {key for key, end in end_by_id.items() if end == name} for name in ENDS.values()
    }
    letter_entries = [entry for entry in entries if entry.message_id in end_by_id]
    taken = Counter(entry.message_id for entry in letter_entries if entry.was_taken)
    refused = {entry.message_id for entry in letter_entries if entry.outcome == "refused"}
    rounds = list(settled)
    went, stayed = sum(r.sent for r in rounds), sum(r.again for r in rounds)
    return LetterReport(
        letters=len(end_by_id),
        sent=len(ids_by_end["sent"]),
        rejected=len(ids_by_end["rejected"]),
        uncertain=went + stayed,
        uncertain_went=went,
        uncertain_stayed=stayed,
        deferrals=sum(entry.outcome == "deferred" for entry in letter_entries),
        doubled=sum(times > 1 for times in taken.values()),
        lost=len(ids_by_end["sent"] - taken.keys()),
        unsettled=sum(end is None for end in end_by_id.values()),
        left_uncertain=len(ids_by_end["uncertain"]),
        taken_but_not_told=len(taken.keys() - ids_by_end["sent"] - ids_by_end["uncertain"]),
        refused_without_550=len(ids_by_end["rejected"] - refused),
        miscounted=abs(_letters_in_tally(lobby) - len(ids_by_end["sent"])),
    )


def rate(entries: list[SinkEntry]) -> float:
    """Returns messages per second, from the first entry to the last."""
    return (len(entries) - 1) / (entries[-1].at - entries[0].at)


def ends(lobby: Lobby) -> dict[str, str | None]:
    """Returns how each letter ended, by Message-ID.

    None: its row and its message's row do not agree on one end.
    """
    statement = (
        sa.select(_outbox.c.id, _outbox.c.state, _letter.c.state)
        .join(_letter, _letter.c.id == _outbox.c.subject_id)
        .where(_outbox.c.kind == MessageKind.LETTER)
    )
    domain = mail_builder.domain_of(lobby.settings.mail_from)
    with lobby.database.read() as session:
        rows = session.connection().execute(statement).all()
    return {f"<{row[0]}@{domain}>": ENDS.get((row[1], row[2])) for row in rows}


def _letters_in_tally(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        total = session.connection().execute(sa.select(sa.func.sum(_tally.c.sent))).scalar()
    return int(total or 0)

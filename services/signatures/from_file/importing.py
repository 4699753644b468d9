"""Signatures from somebody's file: paper that was typed in, or a list from another system.

Here a row becomes a request, or what is wrong with it; recording is done by
`services.signatures.recording`, as for everybody. Nothing is written here without the transaction
of whoever calls.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from sqlmodel import Session, col, select

from models import Campaign, Keyring, Petition, SignatureState
from services.campaigns import petitions
from services.common import texts
from services.errors import FieldError, Invalid, LobbyError, NotFound
from services.files.csv_reading import CsvRecord, CsvRecords
from services.signatures import recording
from services.signatures.from_file.columns import FileColumns
from services.signatures.from_file.fields import read
from services.signatures.recording import Import, Lookup, Outcome, SignatureRequest

BATCH = 2000
_BY_THEIR_SIGNERS = (SignatureState.WITHDRAWN, SignatureState.REJECTED)


@dataclass(frozen=True, slots=True)
class Source:
    """Whither signatures go and whence they come. Without `is_confirmed` they are asked for by
    mail."""

    petition_slug: str
    provenance: str
    is_confirmed: bool = True


@dataclass(slots=True)
class FileRow:
    """A row of the file: a request, or problems."""

    record: CsvRecord
    request: SignatureRequest | None = None
    problems: tuple[FieldError, ...] = ()


@dataclass(slots=True)
class FileImportCounts:
    """How many rows came to what. `recorded` are new and count, or are asked by mail; `repeated`
    stand in the file before; `here` were here already; `taken_back` are left as their signers left
    them."""

    read: int = 0
    recorded: int = 0
    repeated: int = 0
    here: int = 0
    taken_back: int = 0
    rejected: int = 0
    _seen: set[int] = field(default_factory=set, repr=False)

    def add(self, batch: Sequence[FileRow], outcomes: Sequence[Outcome | None]) -> None:
        """Note what became of each row."""
        for row, outcome in zip(batch, outcomes, strict=True):
            self.read += 1
            if row.request is None or outcome is None or row.problems:
                self.rejected += 1
            else:
                self._add(row.request, outcome)

    def _add(self, request: SignatureRequest, outcome: Outcome) -> None:
        # Not the addresses themselves: a million of them need not be held.
        key = hash(texts.canonical_email(request.email))
        if key in self._seen:
            self.repeated += 1
        elif outcome.is_new or outcome.is_counted:
            self.recorded += 1
        elif outcome.state in _BY_THEIR_SIGNERS:
            self.taken_back += 1
        else:
            self.here += 1
        self._seen.add(key)


def require_possible(session: Session, source: Source, *, now: datetime) -> None:
    """Refuse beforehand what would have every row refused: a petition that takes no signatures, or
    no word of where they come from."""
    Import.of(source.provenance, now=now)
    slug = source.petition_slug
    statement = (
        select(Petition, col(Campaign.status))
        .join(Campaign, col(Campaign.id) == Petition.campaign_id)
        .where(Petition.slug == slug)
    )
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    petitions.require_open(found[0], campaign_status=found[1], now=now)


def rows(
    records: CsvRecords, columns: FileColumns, source: Source, *, now: datetime
) -> Iterator[FileRow]:
    """Every row of a file, one after the other."""
    for record in records:
        row = FileRow(record)
        try:
            row.request = _request(record, columns, source, now)
        except LobbyError as error:
            row.problems = _problems(error)
        yield row


def batches(rows: Iterable[FileRow]) -> Iterator[list[FileRow]]:
    """As many as share a transaction: so few that others wait for it a tenth of a second."""
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def record(
    session: Session,
    batch: Sequence[FileRow],
    *,
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
    is_rehearsal: bool = False,
) -> list[Outcome | None]:
    """Record the requests of a batch; what became of each row, None where it was no request. A
    rehearsal does all of that and takes it back."""
    requests = [row.request for row in batch if row.request is not None]
    with suppress(_TakenBack), session.begin_nested():
        told = recording.record(session, requests, postcodes=postcodes, keyring=keyring, now=now)
        if is_rehearsal:
            raise _TakenBack
    left = iter(told)
    outcomes = [next(left) if row.request is not None else None for row in batch]
    for row, outcome in zip(batch, outcomes, strict=True):
        if outcome is not None and outcome.error is not None:
            row.problems = _problems(outcome.error)
    return outcomes


class _TakenBack(Exception):
    """Ends a rehearsal."""


def _request(
    record: CsvRecord, columns: FileColumns, source: Source, now: datetime
) -> SignatureRequest:
    if record.problem:
        raise Invalid.field("row", "row_invalid", f"This row {record.problem}.")
    return read(
        columns.values(record.cells),
        petition_slug=source.petition_slug,
        provenance=source.provenance,
        is_confirmed=source.is_confirmed,
        now=now,
    )


def _problems(error: LobbyError) -> tuple[FieldError, ...]:
    fields = error.fields if isinstance(error, Invalid) else ()
    return fields or (FieldError("row", error.code, error.message),)

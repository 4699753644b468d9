"""Imports signatures from a CSV file: signatures on paper, or a list from another system.

Each row becomes a request or a list of problems; requests are recorded by
`services.signatures.recording`, like all others. The caller owns the transaction.
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
from services.signatures.recording import ImportOrigin, Lookup, Outcome, SignatureRequest

BATCH = 2000
_ENDED_BY_SIGNER = (SignatureState.WITHDRAWN, SignatureState.REJECTED)


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """The petition of an import, and where its signatures come from.

    Without `is_confirmed` their signers are asked by email to confirm them.
    """

    petition_slug: str
    provenance: str
    is_confirmed: bool = True


@dataclass(slots=True)
class FileRow:
    """A row of the file, with its request or its problems."""

    record: CsvRecord
    request: SignatureRequest | None = None
    problems: tuple[FieldError, ...] = ()


@dataclass(slots=True)
class FileImportCounts:
    """The number of rows by outcome.

    `recorded` rows are new, and count or need confirmation by email; `repeated` ones occur earlier
    in the file; `existing` ones were recorded before the import; `withdrawn` ones were withdrawn or
    disowned by their signers and stay so.
    """

    read: int = 0
    recorded: int = 0
    repeated: int = 0
    existing: int = 0
    withdrawn: int = 0
    rejected: int = 0
    _seen: set[int] = field(default_factory=set, repr=False)

    def add(self, batch: Sequence[FileRow], outcomes: Sequence[Outcome | None]) -> None:
        """Count the outcomes of a batch."""
        for row, outcome in zip(batch, outcomes, strict=True):
            self.read += 1
            if row.request is None or outcome is None or row.problems:
                self.rejected += 1
            else:
                self._add(row.request, outcome)

    def _add(self, request: SignatureRequest, outcome: Outcome) -> None:
        # Hashes instead of the email addresses: they take less memory for a million rows.
        key = hash(texts.canonical_email(request.email))
        if key in self._seen:
            self.repeated += 1
        elif outcome.is_new or outcome.is_counted:
            self.recorded += 1
        elif outcome.state in _ENDED_BY_SIGNER:
            self.withdrawn += 1
        else:
            self.existing += 1
        self._seen.add(key)


def require_possible(session: Session, target: ImportTarget, *, now: datetime) -> None:
    """Raises the errors that would reject every row: an unknown or closed petition, or a missing
    provenance."""
    ImportOrigin.of(target.provenance, now=now)
    slug = target.petition_slug
    statement = (
        select(Petition, col(Campaign.status))
        .join(Campaign, col(Campaign.id) == Petition.campaign_id)
        .where(Petition.slug == slug)
    )
    row = session.exec(statement).first()
    if row is None:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    petition, campaign_status = row
    petitions.require_open(petition, campaign_status=campaign_status, now=now)


def rows(
    records: CsvRecords, columns: FileColumns, target: ImportTarget, *, now: datetime
) -> Iterator[FileRow]:
    """Yields every row of a file."""
    for record in records:
        row = FileRow(record)
        try:
            row.request = _request(record, columns, target, now)
        except LobbyError as error:
            row.problems = _problems(error)
        yield row


def batches(rows: Iterable[FileRow]) -> Iterator[list[FileRow]]:
    """Yields batches for one transaction each, short enough to block others for 0.1 seconds."""
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
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
    """Record the requests of a batch; returns the outcome of each row, None if it has no request.

    A rehearsal does the same and rolls it back.
    """
    requests = [row.request for row in batch if row.request is not None]
    with suppress(_RolledBack), session.begin_nested():
        recorded = recording.record(
            session, requests, postcodes=postcodes, keyring=keyring, now=now
        )
        if is_rehearsal:
            raise _RolledBack
    remaining = iter(recorded)
    outcomes = [next(remaining) if row.request is not None else None for row in batch]
    for row, outcome in zip(batch, outcomes, strict=True):
        if outcome is not None and outcome.error is not None:
            row.problems = _problems(outcome.error)
    return outcomes


class _RolledBack(Exception):
    """Rolls a rehearsal back."""


def _request(
    record: CsvRecord, columns: FileColumns, target: ImportTarget, now: datetime
) -> SignatureRequest:
    if record.problem:
        raise Invalid.field("row", "row_invalid", f"This row {record.problem}.")
    return read(
        columns.values(record.cells),
        petition_slug=target.petition_slug,
        provenance=target.provenance,
        is_confirmed=target.is_confirmed,
        now=now,
    )


def _problems(error: LobbyError) -> tuple[FieldError, ...]:
    fields = error.fields if isinstance(error, Invalid) else ()
    return fields or (FieldError("row", error.code, error.message),)

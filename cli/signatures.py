"""`lobby import signatures`: signatures from a CSV file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli.lazy import ExplainedInterrupt
from cli.output import File, opened, progress, tell
from core import garbage
from services.assembly import Lobby
from services.files import csv_reading
from services.files.csv_reading import CsvRecords
from services.signatures.from_file import columns, importing, rejects
from services.signatures.from_file.columns import FIELDS, FileColumns
from services.signatures.from_file.importing import FileImportCounts, FileRow, ImportTarget
from services.signatures.recording import Outcome

SOME_REJECTED = 3  # exit status; 2 means that the command line is wrong


def import_signatures(
    file: File,
    petition: Annotated[str, typer.Option(help="The petition's slug.")],
    provenance: Annotated[
        str, typer.Option(help="Where people signed: 'paper, Leeds stall, 3 May 2026'.")
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="FIELD=HEADER if a header is not recognised; repeat for more. "
            f"FIELD is one of {', '.join(FIELDS)}."
        ),
    ] = None,
    encoding: Annotated[str, typer.Option(help="The file's encoding.")] = csv_reading.UTF_8,
    pending: Annotated[
        bool,
        typer.Option("--pending", help="Email people to confirm; signatures count after that."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="A new CSV for rejected rows, with the reasons.", resolve_path=True),
    ] = None,
) -> None:
    """Record signatures from a CSV: typed in from paper, or a list from another system.

    They count at once and no emails are sent, except with --pending. Importing the same file again
    adds nothing. Exits with status 3 if some rows were rejected and the others recorded.
    """
    source = ImportTarget(petition, provenance, is_confirmed=not pending)
    summary = FileImportCounts()
    with opened() as lobby, csv_reading.open_records(file, encoding=encoding) as records:
        known_columns = columns.find(records.header, column or ())
        with lobby.database.read() as session:
            importing.require_possible(session, source, now=lobby.clock())
        _tell_columns(records, known_columns)
        garbage.calm()
        rows = importing.rows(records, known_columns, source, now=lobby.clock())
        with (
            rejects.writing(report, records.header) as write,
            progress(f"Reading {file.name}") as show,
            _explain_interruption(summary),
        ):
            for batch in importing.batches(rows):
                summary.add(batch, _record(lobby, batch, is_rehearsal=dry_run))
                write(batch)
                show(records.bytes_read, records.size)
    _tell_summary(summary, pending=pending, dry_run=dry_run)
    if summary.rejected:
        raise typer.Exit(SOME_REJECTED)


def _record(lobby: Lobby, batch: list[FileRow], *, is_rehearsal: bool) -> list[Outcome | None]:
    # A transaction per batch, so that other writers need not wait for the whole file.
    with lobby.database.write(is_count=True) as session:
        return importing.record(
            session,
            batch,
            postcodes=lobby.postcodes.lookup,
            keyring=lobby.keyring,
            now=lobby.clock(),
            is_rehearsal=is_rehearsal,
        )


@contextmanager
def _explain_interruption(summary: FileImportCounts) -> Iterator[None]:
    """Says how to go on if the import stops half-way."""
    try:
        yield
    except BaseException as error:
        # Also after 0 rows: a batch may be recorded and not counted yet.
        tell(
            f"Stopped behind {summary.read:,} rows. Run the same again: it adds nothing twice.",
            "yellow",
        )
        if isinstance(error, KeyboardInterrupt):
            raise ExplainedInterrupt from error
        raise


def _tell_columns(records: CsvRecords, known_columns: FileColumns) -> None:
    used = [f"{field} from '{records.header[at]}'" for field, at in known_columns.positions.items()]
    taken = set(known_columns.positions.values())
    unused = [name for place, name in enumerate(records.header) if place not in taken and name]
    tell(f"Taking {', '.join(used)}.")
    if unused:
        tell(f"Leaving out {', '.join(unused)}.")


def _tell_summary(summary: FileImportCounts, *, pending: bool, dry_run: bool) -> None:
    recorded = "to be asked by mail" if pending else "recorded as confirmed"
    rows = {
        "rows read": summary.read,
        recorded: summary.recorded,
        "twice in the file": summary.repeated,
        "here already": summary.existing,
        "taken back by their signers": summary.withdrawn,
        "rejected": summary.rejected,
    }
    for name, count in rows.items():
        typer.echo(f"{name:32} {count:>12,}")
    if dry_run:
        tell("This was a rehearsal: nothing has changed.")

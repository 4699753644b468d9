"""`lobby export`: signatures, letters and the tally as files."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.examples import examples
from cli.output import moment, opened, progress, tell
from core import logs
from models import LetterState, SignatureState
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.errors import Invalid
from services.files import exports
from services.files.export_lines import FileFormat
from services.files.exports import Export
from services.letters import letter_exports
from services.signatures import signature_exports
from services.tallies import seat_table, tally_exports

app = typer.Typer(
    no_args_is_help=True,
    help="Write signatures, letters or the tally to a file.",
    epilog=examples("lobby export signatures stop-the-sale signatures.csv"),
)
STANDARD_OUTPUT = Path("-")
Write = Callable[[bytes], object]

Target = Annotated[Path, typer.Argument(help="The file to write, or '-' for standard output.")]
PetitionSlug = Annotated[str, typer.Argument(help="The petition's slug.")]
CampaignSlug = Annotated[str, typer.Argument(help="The campaign's slug.")]
Format = Annotated[FileFormat, typer.Option("--format", help="CSV, or JSON lines.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only rows changed since then, such as 2026-07-01T09:00."),
]
WithoutPersonalData = Annotated[
    bool,
    typer.Option(
        "--without-personal-data", help="No names, addresses or comments: nothing is decrypted."
    ),
]


@app.command(
    "signatures",
    epilog=examples(
        "lobby export signatures stop-the-sale signatures.csv",
        "lobby export signatures stop-the-sale new.csv --since 2026-07-01T09:00",
        "lobby export signatures stop-the-sale - --format jsonl | head -1",
    ),
)
def export_signatures(
    petition: PetitionSlug,
    file: Target,
    form: Format = FileFormat.CSV,
    state: Annotated[
        SignatureState | None,
        typer.Option(help="Only signatures in this state. Pending ones are in no other file."),
    ] = None,
    since: Since = None,
    without_personal_data: WithoutPersonalData = False,
) -> None:
    """Write the signatures of a petition, with personal data. See docs/guide/exports.md."""
    with opened() as lobby:
        with lobby.database.read() as session:
            petition_row = petitions.by_slug(session, petition)
        export = signature_exports.of_petition(
            petition_row,
            state=state,
            since=moment(since, "since") if since else None,
            is_personal=not without_personal_data,
        )
        _write(lobby, export, form, file)


@app.command(
    "letters",
    epilog=examples(
        "lobby export letters our-nhs letters.csv --state sent --bodies",
        "lobby export letters our-nhs letters.csv --without-personal-data",
    ),
)
def export_letters(
    campaign: CampaignSlug,
    file: Target,
    form: Format = FileFormat.CSV,
    state: Annotated[LetterState | None, typer.Option(help="Only letters in this state.")] = None,
    since: Since = None,
    without_personal_data: WithoutPersonalData = False,
    bodies: Annotated[bool, typer.Option("--bodies", help="With subjects and bodies.")] = False,
) -> None:
    """Write the letters of a campaign, with their writers. Their text needs --bodies."""
    with opened() as lobby:
        with lobby.database.read() as session:
            campaign_row = campaigns.by_slug(session, campaign)
        export = letter_exports.of_campaign(
            campaign_row,
            state=state,
            since=moment(since, "since") if since else None,
            is_personal=not without_personal_data,
            has_words=bodies,
        )
        _write(lobby, export, form, file)


@app.command("tally", epilog=examples("lobby export tally our-nhs tally.csv"))
def export_tally(campaign: CampaignSlug, file: Target, form: Format = FileFormat.CSV) -> None:
    """Write the tally of a campaign, one line per seat. It has no personal data."""
    with opened() as lobby, lobby.database.read() as session:
        campaign_row = campaigns.by_slug(session, campaign)
        rows = seat_table.of_campaign(session, campaign_row, now=lobby.clock()).rows
    with _open_for_writing(file) as write:
        write(tally_exports.tally_file(rows, form).encode())
    tell(f"{len(rows):,} seats.")


def _write(lobby: Lobby, export: Export, form: FileFormat, file: Path) -> None:
    logs.configure()  # to standard error: standard output may be the file
    with lobby.database.read() as session:
        total = exports.count(session, export)
    unlogged = exports.chunks(lobby.database, export, form, keyring=lobby.keyring)
    rows = 0
    with (
        _open_for_writing(file) as write,
        progress(f"Writing {total:,} rows") as report,
        closing(exports.logged(unlogged, export, by="command", form=form)) as chunks,
    ):
        for chunk in chunks:
            write(chunk.content)
            rows += chunk.rows
            report(rows, total)
    tell(f"{rows:,} rows.")


@contextmanager
def _open_for_writing(file: Path) -> Iterator[Write]:
    """Yields a function that writes bytes. The file gets its name only when it is complete."""
    if file == STANDARD_OUTPUT:
        piped: Any = sys.stdout.buffer
        yield piped.write
        piped.flush()
        return
    file = file.absolute()  # messages name the whole path
    if file.exists() and not file.is_file():
        raise Invalid.field("file", "not_a_file", f"{file} is there, and is no file.")
    if not file.parent.is_dir():
        raise Invalid.field("file", "folder_missing", f"There is no folder {file.parent}.")
    # mkstemp makes a file that only its owner can read.
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    part = Path(name)
    try:
        with os.fdopen(number, "wb") as stream:
            yield stream.write
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

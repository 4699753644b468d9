"""`lobby import`: postcodes, constituencies, a map, members and signatures from files."""

from typing import Annotated

import typer

from cli.examples import examples
from cli.output import File, opened, progress, tell
from cli.signatures import import_signatures
from services.assembly import Lobby
from services.parliament import constituencies, map_tiles, members
from services.postcodes import ons_import

app = typer.Typer(
    no_args_is_help=True,
    help="Import postcodes, constituencies, a map, members or signatures.",
    epilog=examples("lobby import postcodes ONSPD_LATEST.zip"),
)
app.command(
    "signatures",
    epilog=examples(
        "lobby import signatures stall.csv --petition stop-the-sale \\",
        "    --provenance 'paper, Leeds stall, 3 May 2026' --dry-run",
        "lobby import signatures list.csv --petition stop-the-sale \\",
        "    --provenance 'old list' --column email=Mail --report rejected.csv",
    ),
)(import_signatures)


@app.command(
    "postcodes",
    epilog=examples(
        "lobby import postcodes ONSPD_LATEST.zip",
        "lobby import postcodes ONSPD_LATEST.zip --northern-ireland",
    ),
)
def import_postcodes(
    file: File,
    northern_ireland: Annotated[
        bool,
        typer.Option(
            "--northern-ireland",
            help="Import BT postcodes too: using them needs a separate licence (see docs).",
        ),
    ] = False,
) -> None:
    """Build the postcode directory from an ONSPD or NSPL file: csv, csv.gz, or zip as published."""
    with opened() as lobby, progress(f"Reading {file.name}") as report:
        summary = ons_import.import_postcodes(
            file,
            lobby.settings.postcode_file,
            northern_ireland=northern_ireland,
            progress=report,
        )
        if summary.constituencies:
            with lobby.database.write() as session:
                constituencies.save_facts(session, summary.constituencies)
            place_tiles(lobby)
    rows = {
        "rows read": summary.read,
        "live, with a constituency": summary.found,
        "terminated": summary.terminated,
        "without constituency": summary.without_constituency,
        "not in the UK Parliament": summary.not_in_uk_parliament,
        **{f"left out: {reason}": count for reason, count in summary.left_out.items()},
        "postcodes in the directory": summary.postcodes,
        "bytes": summary.bytes,
        "constituencies from the file": len(summary.constituencies),
    }
    for name, count in rows.items():
        typer.echo(f"{name:32} {count:>12,}")


@app.command("constituencies", epilog=examples("lobby import constituencies constituencies.csv"))
def import_constituencies(file: File) -> None:
    """Add or update constituencies from a CSV."""
    with opened() as lobby:
        with lobby.database.write() as session:
            count = constituencies.import_csv(session, file)
        place_tiles(lobby)
    typer.echo(f"{count} constituencies.")


@app.command(
    "map",
    epilog=examples(
        "lobby import map map.hexjson",
        "lobby import map map.hexjson --credit 'Map: A. Author (CC BY 4.0)'",
    ),
)
def import_map(
    file: File,
    credit: Annotated[
        str,
        typer.Option(help="The authors and the licence, as pages show them. Replaces the file's."),
    ] = "",
) -> None:
    """Replace the map of hexagons by one in HexJSON (layout odd-q), with a tile for each seat."""
    with opened() as lobby, lobby.database.write() as session:
        count = map_tiles.import_file(session, file, credit=credit, now=lobby.clock())
    typer.echo(f"{count} tiles.")


@app.command("members", epilog=examples("lobby import members members.csv"))
def import_members(file: File) -> None:
    """Update members, their seats and their offices from a CSV."""
    with opened() as lobby, lobby.database.write() as session:
        summary = members.import_csv(session, file, today=lobby.clock().date())
    filled = summary.read - summary.vacant
    typer.echo(
        f"{summary.read} seats: {filled} filled, {summary.vacant} vacant. Memberships "
        f"begun: {summary.begun}, ended: {summary.ended}. "
        f"Members without email: {summary.without_email}."
    )


def place_tiles(lobby: Lobby) -> None:
    """Places seats on the map that have no tile yet, and names what an imported map lacks."""
    with lobby.database.write() as session:
        missing = map_tiles.place(session, now=lobby.clock())
    if missing:
        what = f"{missing} seats have no tile" if missing > 1 else "1 seat has no tile"
        tell(f"{what} on the imported map: import one with all seats.", "yellow")

"""Commands on Parliament: update members and motions, search motions, record sessions.

`load_past_motions` fetches the motions of past days, whose names show which members sign which
motions.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

import worker
from cli.examples import examples
from cli.output import opened, progress, tell
from services.assembly import Lobby
from services.errors import LobbyError
from services.parliament import motions
from services.parliament.official import backoff, http, motions_api, past_motions
from services.parliament.official.http import Sleep
from services.parliament_sync import sessions
from services.parliament_sync.motion_sync import MotionSync

DAY = "%Y-%m-%d"
MOST_PAST_MOTIONS = 200  # in one run without --limit: about four minutes

app = typer.Typer()
syncs = typer.Typer(
    no_args_is_help=True,
    help="Ask Parliament's official APIs.",
    epilog=examples("lobby sync members", "lobby sync motions 65938"),
)
motion_commands = typer.Typer(
    no_args_is_help=True,
    help="Motions in Parliament's own list.",
    epilog=examples("lobby motions search 'NHS Professionals'"),
)


@syncs.command(
    "members", epilog=examples("lobby sync members", "lobby sync members --no-biographies")
)
def sync_members(
    no_biographies: Annotated[
        bool,
        typer.Option("--no-biographies", help="Half the requests; posts stay as they are."),
    ] = False,
) -> None:
    """Bring members, their seats, addresses and posts in line with Parliament: all or nothing."""
    with opened() as lobby, progress("Asking Parliament") as report:
        result = worker.sync_members(lobby, biographies=not no_biographies, progress=report)
    typer.echo(
        f"{result.filled} seats filled, {len(result.vacated)} fell vacant. Memberships begun: "
        f"{result.begun}, ended: {result.ended}. Posts begun: {result.offices_begun}, ended: "
        f"{result.offices_ended}. Members without email: {result.without_email}. Members with "
        f"a telephone number: {result.with_telephone}."
    )
    for name in result.vacated:
        tell(f"Vacant now: {name}.")
    for name in result.unmatched:
        tell(f"None of our constituencies has this name, and nothing was changed there: {name}.")


@syncs.command(
    "motions",
    epilog=examples(
        "lobby sync motions",
        "lobby sync motions 65938",
        "lobby sync motions --tabled-from 2026-07-01 --tabled-to 2026-07-31",
    ),
)
def sync_motions(
    ids: Annotated[list[int] | None, typer.Argument(help="Parliament's ids; none: all.")] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(help="A saved answer, instead of asking; repeat for more.", resolve_path=True),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read them even where nothing has changed.")
    ] = False,
    tabled_from: Annotated[
        datetime | None,
        typer.Option(formats=[DAY], help="Load the motions tabled since this day that we lack."),
    ] = None,
    tabled_to: Annotated[
        datetime | None, typer.Option(formats=[DAY], help="With --tabled-from: the last day.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --tabled-from: at most so many; 200 if unsaid.")
    ] = None,
) -> None:
    """Bring motions in line with Parliament. A bad answer changes nothing and is reported."""
    if tabled_from is not None:
        if ids or file or again:
            raise typer.BadParameter("--tabled-from goes without ids, --file and --again.")
        _load_past(tabled_from, tabled_to, limit or MOST_PAST_MOTIONS)
    elif tabled_to is not None or limit is not None:
        raise typer.BadParameter("--tabled-to and --limit go with --tabled-from.")
    elif file:
        _sync_saved(file)
    else:
        _sync_each(ids or [], again=again)


@motion_commands.command(
    "search",
    epilog=examples(
        "lobby motions search 'NHS Professionals'",
        "lobby motions search hospitals --tabled-from 2026-07-01 --limit 5",
    ),
)
def search_motions(
    query: Annotated[str, typer.Argument(help="Words of the title.")],
    tabled_from: Annotated[
        datetime | None, typer.Option(formats=[DAY], help="Tabled on or after this day.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 25,
) -> None:
    """Find a motion in Parliament's own list, newest first."""
    with opened() as lobby, lobby.parliament_request(backoff.MOTIONS):
        results = motions_api.search_motions(
            lobby.motions_api,
            query=query,
            tabled_from=tabled_from.date() if tabled_from else None,
            limit=limit,
        )
    for motion in results:
        typer.echo(f"{motion.id:>8}  EDM {motion.number:<6} {motion.tabled_on}  {motion.title}")


@app.command(
    "parliament-session",
    epilog=examples(
        "lobby parliament-session 2026-27 --starts 2026-05-12",
        "lobby parliament-session 2026-27 --starts 2026-05-12 --ends 2027-04-29",
    ),
)
def set_parliament_session(
    name: Annotated[str, typer.Argument(help="As Parliament names it, such as 2026-27.")],
    starts: Annotated[datetime, typer.Option(formats=[DAY], help="Its first day.")],
    ends: Annotated[
        datetime | None,
        typer.Option(formats=[DAY], help="The day of prorogation or dissolution."),
    ] = None,
) -> None:
    """Add or correct a session of Parliament. Motions fall when theirs ends."""
    with opened() as lobby, lobby.database.write() as session:
        ends_on = ends.date() if ends else None
        sessions.save(session, name=name, starts_on=starts.date(), ends_on=ends_on)
        lapsed = sessions.lapse_motions(session, now=lobby.clock())
    typer.echo(f"Session {name} saved; {len(lapsed)} motions have lapsed.")


def _load_past(tabled_from: datetime, tabled_to: datetime | None, limit: int) -> None:
    if tabled_to is not None and tabled_to < tabled_from:
        raise typer.BadParameter("--tabled-to is before --tabled-from.")
    with opened() as lobby, progress("Loading motions") as report:
        result = load_past_motions(
            lobby,
            tabled_from=tabled_from.date(),
            tabled_to=tabled_to.date() if tabled_to else None,
            limit=limit,
            report_failure=lambda message: tell(message, "red"),
            report_progress=report,
        )
    typer.echo(
        f"{result.loaded} motions loaded, {result.already_known} held already, "
        f"{result.failed} failed; the list has {result.remaining} more."
    )
    if result.failed or result.is_limited:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class PastMotionsLoad:
    """Counts of a run: motions loaded, known before, failed, and remaining for later runs.

    `is_limited` is True where the run ended early because Parliament asked us to wait.
    """

    loaded: int
    already_known: int
    failed: int
    remaining: int
    is_limited: bool = False


def load_past_motions(
    lobby: Lobby,
    *,
    tabled_from: date,
    tabled_to: date | None,
    limit: int,
    report_failure: Callable[[str], None],
    report_progress: Callable[[int, int], None] = lambda _done, _total: None,
    sleep: Sleep = time.sleep,
) -> PastMotionsLoad:
    """Fetches motions of Parliament's list that we do not have, oldest first and at most `limit`.

    Each motion is stored in its own transaction, so after a run that ended early the next one
    continues there. `report_failure` gets the message of each motion that failed; `report_progress`
    gets the number of motions done and the total. Raises Unavailable, with nothing loaded, where
    the list itself is bad.
    """
    pause = http.pause_between(lobby.motions_api)
    with lobby.parliament_request(backoff.MOTIONS):
        ids = past_motions.list_ids(
            lobby.motions_api,
            tabled_from=tabled_from,
            tabled_to=tabled_to,
            pause=lambda: sleep(pause),
            sleep=sleep,
        )
    with lobby.database.read() as session:
        missing = past_motions.not_yet_loaded(session, ids)
    loaded, failed, is_limited = 0, 0, False
    for motion_id in missing[:limit]:
        sleep(pause)
        try:
            worker.sync_motion(lobby, motion_id, sleep=sleep)
            loaded += 1
        except LobbyError as error:
            report_failure(error.message)
            if is_limited := error.code.endswith("_limited"):
                break  # more requests would make it worse
            failed += 1
        report_progress(loaded + failed, min(limit, len(missing)))
    with lobby.database.write() as session:
        sessions.lapse_motions(session, now=lobby.clock())
    return PastMotionsLoad(
        loaded=loaded,
        already_known=len(ids) - len(missing),
        failed=failed,
        remaining=len(missing) - loaded - failed,
        is_limited=is_limited,
    )


def _sync_saved(files: list[Path]) -> None:
    with opened() as lobby:
        for file in files:
            _print_result(worker.sync_saved_motion(lobby, file))


def _sync_each(ids: list[int], *, again: bool) -> None:
    failed = 0
    with opened() as lobby:
        pause = http.pause_between(lobby.motions_api)
        with lobby.database.read() as session:
            motion_ids = ids or motions.published_ids(session)
        for count, motion_id in enumerate(motion_ids):
            time.sleep(pause if count else 0)
            failed += not _sync_motion(lobby, motion_id, again=again)
    if failed:
        raise typer.Exit(1)


def _sync_motion(lobby: Lobby, motion_id: int, *, again: bool) -> bool:
    try:
        result = worker.sync_motion(lobby, motion_id, again=again)
    except LobbyError as error:
        tell(error.message, "red")
        if error.code.endswith("_limited"):
            raise typer.Exit(1) from error  # more requests would make it worse
        return False
    _print_result(result)
    return True


def _print_result(result: MotionSync) -> None:
    typer.echo(
        f"Motion {result.motion_id}: {result.live} names stand; new: {result.signed}, "
        f"withdrawn: {result.withdrawn}, restored: {result.restored}."
    )
    if result.missing:
        tell(
            f"Motion {result.motion_id}: the answer leaves out {result.missing} names that we know."
        )

"""Asking Parliament: members, motions, and the sessions in which they live.

Loading past motions with their names, so that we learn who signs what.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

import worker
from cli.output import opened, progress, tell
from services.assembly import Lobby
from services.errors import LobbyError
from services.parliament import motions
from services.parliament.official import backoff, http, motions_api, past_motions
from services.parliament.official.http import Sleep
from services.parliament_sync import sessions
from services.parliament_sync.motion_sync import MotionSync

DAY = "%Y-%m-%d"
MOST_PAST_MOTIONS = 200  # in one run, where nothing else is asked for: some four minutes

app = typer.Typer()
syncs = typer.Typer(no_args_is_help=True, help="Ask Parliament's official APIs.")
motion_commands = typer.Typer(no_args_is_help=True, help="Motions in Parliament's own list.")


@dataclass(frozen=True, slots=True)
class PastMotionsLoad:
    """What a run came to. `held` we had before, `left` the list has beyond; `is_limited` where
    Parliament asked us to wait."""

    loaded: int
    held: int
    failed: int
    left: int
    is_limited: bool = False


@syncs.command("members")
def sync_members(
    no_biographies: Annotated[
        bool,
        typer.Option("--no-biographies", help="Half the requests; posts stay as they are."),
    ] = False,
) -> None:
    """Bring members, their seats, addresses and posts in line with Parliament: all or nothing."""
    with opened() as lobby, progress("Asking Parliament") as report:
        done = worker.sync_members(lobby, biographies=not no_biographies, progress=report)
    typer.echo(
        f"{done.filled} seats filled, {len(done.vacated)} fell vacant. Memberships begun: "
        f"{done.begun}, ended: {done.ended}. Posts begun: {done.offices_begun}, ended: "
        f"{done.offices_ended}. Members without e-mail: {done.without_email}."
    )
    for name in done.vacated:
        tell(f"Vacant now: {name}.")
    for name in done.unmatched:
        tell(f"None of our constituencies has this name, and nothing was changed there: {name}.")


@syncs.command("motions")
def sync_motions(
    ids: Annotated[list[int] | None, typer.Argument(help="Parliament's ids; none: all.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option(help="A saved answer, instead of asking; repeat for more.")
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


def _load_past(tabled_from: datetime, tabled_to: datetime | None, limit: int) -> None:
    if tabled_to is not None and tabled_to < tabled_from:
        raise typer.BadParameter("--tabled-to is before --tabled-from.")
    with opened() as lobby, progress("Loading motions") as report:
        done = load_past_motions(
            lobby,
            tabled_from=tabled_from.date(),
            tabled_to=tabled_to.date() if tabled_to else None,
            limit=limit,
            complain=lambda text: tell(text, "red"),
            progress=report,
        )
    typer.echo(
        f"{done.loaded} motions loaded, {done.held} held already, {done.failed} failed; "
        f"the list has {done.left} more."
    )
    if done.failed or done.is_limited:
        raise typer.Exit(1)


def _sync_saved(files: list[Path]) -> None:
    with opened() as lobby:
        for saved in files:
            _tell_sync(worker.sync_saved_motion(lobby, saved))


def _sync_each(ids: list[int], *, again: bool) -> None:
    failed = 0
    with opened() as lobby:
        pause = http.pause_between(lobby.motions_api)
        with lobby.database.read() as session:
            wanted = ids or motions.published_ids(session)
        for place, motion_id in enumerate(wanted):
            time.sleep(pause if place else 0)
            failed += not _sync_motion(lobby, motion_id, again=again)
    if failed:
        raise typer.Exit(1)


def _sync_motion(lobby: Lobby, motion_id: int, *, again: bool) -> bool:
    try:
        done = worker.sync_motion(lobby, motion_id, again=again)
    except LobbyError as error:
        tell(error.message, "red")
        if error.code.endswith("_limited"):
            raise typer.Exit(1) from error  # to go on asking would make it worse
        return False
    _tell_sync(done)
    return True


def _tell_sync(done: MotionSync) -> None:
    typer.echo(
        f"Motion {done.motion_id}: {done.live} names stand; new: {done.signed}, "
        f"withdrawn: {done.withdrawn}, restored: {done.restored}."
    )
    if done.missing:
        tell(f"Motion {done.motion_id}: the answer leaves out {done.missing} names that we know.")


@motion_commands.command("search")
def search_motions(
    query: Annotated[str, typer.Argument(help="Words of the title.")],
    tabled_from: Annotated[
        datetime | None, typer.Option(formats=[DAY], help="Tabled on or after this day.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 25,
) -> None:
    """Find a motion in Parliament's own list, newest first."""
    with opened() as lobby, lobby.parliament_request(backoff.MOTIONS):
        found = motions_api.search_motions(
            lobby.motions_api,
            query=query,
            tabled_from=tabled_from.date() if tabled_from else None,
            limit=limit,
        )
    for motion in found:
        typer.echo(f"{motion.id:>8}  EDM {motion.number:<6} {motion.tabled_on}  {motion.title}")


@app.command("parliament-session")
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


def load_past_motions(
    lobby: Lobby,
    *,
    tabled_from: date,
    tabled_to: date | None,
    limit: int,
    complain: Callable[[str], None],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    sleep: Sleep = time.sleep,
) -> PastMotionsLoad:
    """Ask for the motions of the official list that we lack, oldest first and at most `limit`.

    Each is taken in by itself, so that a run which ends early goes on where it stopped. `complain`
    is told of each that failed; a list that is bad is raised, with nothing loaded.
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
        lacking = past_motions.not_yet_loaded(session, ids)
    loaded, failed, is_limited = 0, 0, False
    for motion_id in lacking[:limit]:
        sleep(pause)
        try:
            worker.sync_motion(lobby, motion_id, sleep=sleep)
            loaded += 1
        except LobbyError as error:
            complain(error.message)
            if is_limited := error.code.endswith("_limited"):
                break  # to go on asking would make it worse
            failed += 1
        progress(loaded + failed, min(limit, len(lacking)))
    with lobby.database.write() as session:
        sessions.lapse_motions(session, now=lobby.clock())
    left = len(lacking) - loaded - failed
    return PastMotionsLoad(loaded, len(ids) - len(lacking), failed, left, is_limited)

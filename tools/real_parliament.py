"""Loads the real Parliament: 650 seats, their members, and a motion with its recorded history.

The files are not part of the project. They lie in a folder beside the checkout, or nowhere.
"""

from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session

from core.settings import ROOT
from services.errors import Unavailable
from services.parliament import constituencies, members
from services.parliament.official import motions_api
from services.parliament_sync import motion_sync

DATA = ROOT.parent / "shared" / "data"
MOTION = 65938


def load(session: Session, folder: Path = DATA) -> None:
    """Loads seats, members and the motion, with each recorded answer at its own time."""
    files = recordings(folder)
    load_members(session, recorded_at(files[0]), folder)
    for file in files:
        try:
            answer = motions_api.read_answer(file.read_bytes(), MOTION)
        except Unavailable:  # some are recorded failures
            continue
        motion_sync.apply_answer(session, answer, now=recorded_at(file))


def load_members(session: Session, now: datetime, folder: Path = DATA) -> None:
    """Loads the seats and who holds them. Offices begin on the day of `now`."""
    constituencies.import_csv(session, folder / "parliament" / "constituencies.csv")
    members.import_csv(session, folder / "parliament" / "mps.csv", today=now.date())


def recordings(folder: Path = DATA) -> list[Path]:
    """Returns the files with Parliament's answers about the motion, in order of time."""
    return sorted((folder / "edm" / f"{MOTION}-history").glob("*.json"))


def recorded_at(file: Path) -> datetime:
    """Returns the time in the file's name, which is local and has a UTC offset."""
    moment = file.name.partition("_")[0]
    return datetime.strptime(f"{moment[:-4]}+{moment[-4:]}", "%Y-%m-%dT%H%M%S%z").astimezone(UTC)

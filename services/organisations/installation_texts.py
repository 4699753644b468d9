"""Texts of the operator for the whole installation, such as the accessibility statement."""

from datetime import datetime

from sqlmodel import Session

from models import InstallationText, InstallationTextName
from services.common import texts

LONGEST = 20_000


def find(session: Session, name: InstallationTextName) -> InstallationText | None:
    """Returns a text; None if the operator has written none."""
    return session.get(InstallationText, name)


def write(session: Session, name: InstallationTextName, text: str, *, now: datetime) -> None:
    """Writes a text in place of an earlier one. Raises Invalid."""
    checked = texts.paragraphs(text, "text", longest=LONGEST, shortest=1)
    session.merge(InstallationText(name=name, text=checked, updated_at=now))
    session.flush()


def remove(session: Session, name: InstallationTextName) -> None:
    """Removes a text, so that pages show the one that comes with the service."""
    row = find(session, name)
    if row is not None:
        session.delete(row)
        session.flush()

"""The emails of the demonstration, shown to browsers on this machine only."""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from api.http.dependencies import ReadSession, TheLobby
from services.assembly import Lobby
from services.errors import NotFound
from services.organisations import organisations
from web.base.local import is_on_this_machine
from web.base.rendering import page

NEWEST = 100
router = APIRouter()


@dataclass(frozen=True, slots=True)
class DemonstrationMail:
    """An email in the folder. In a list, `text` is empty."""

    name: str
    sender: str
    recipient: str
    subject: str
    date: datetime | None
    text: str


def is_shown(request: Request, lobby: Lobby, session: Session) -> bool:
    """Returns True in the demonstration, for a browser on this machine."""
    return (
        lobby.mail_folder is not None
        and is_on_this_machine(request, lobby.settings)
        and organisations.has_demonstration(session)
    )


@router.get("/dev/mail")
def list_mails(request: Request, lobby: TheLobby, session: ReadSession) -> Response:
    """Lists the newest emails."""
    files = _files(request, lobby, session)
    mails = [_read(file, with_text=False) for file in files[:NEWEST]]
    return page("public/dev_mails.html", session, is_private=True, mails=mails)


@router.get("/dev/mail/{name}")
def show_mail(name: str, request: Request, lobby: TheLobby, session: ReadSession) -> Response:
    """Shows one email with clickable links."""
    # The name is compared with those of the files: it is never part of a path.
    for file in _files(request, lobby, session):
        if file.name == name:
            mail = _read(file, with_text=True)
            return page("public/dev_mail.html", session, is_private=True, mail=mail)
    raise NotFound("mail_unknown", "There is no such mail.")


def _files(request: Request, lobby: Lobby, session: Session) -> list[Path]:
    """Returns the files of all emails, newest first; NotFound where they are not shown."""
    if lobby.mail_folder is None or not is_shown(request, lobby, session):
        raise NotFound("page_unknown", "There is no such page.")
    files = lobby.mail_folder.folder.glob("*.eml")
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)


def _read(file: Path, *, with_text: bool) -> DemonstrationMail:
    parser: BytesParser[EmailMessage] = BytesParser(policy=policy.default)
    message = parser.parsebytes(file.read_bytes(), headersonly=not with_text)
    body = message.get_body(("plain",)) if with_text else None
    date = message["Date"]
    return DemonstrationMail(
        name=file.name,
        sender=str(message["From"] or ""),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or "(no subject)"),
        date=date.datetime if date else None,
        text=str(body.get_content()) if body else "",
    )

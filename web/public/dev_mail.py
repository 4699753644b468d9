"""The mails of the demonstration, readable in the browser, on this machine only."""

import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from ipaddress import ip_address
from pathlib import Path

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from api.http.dependencies import ReadSession, TheLobby
from services.assembly import Lobby
from services.errors import NotFound
from services.organisations import organisations
from web.base.rendering import page

NEWEST = 100
_LOOPBACK_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)
router = APIRouter()


@dataclass(frozen=True, slots=True)
class FoundMail:
    """A mail in the folder. `text` is empty in a list."""

    name: str
    sender: str
    recipient: str
    subject: str
    date: datetime | None
    text: str


def is_shown(request: Request, lobby: Lobby, session: Session) -> bool:
    """Only in the demonstration, and only to a browser on this machine that says so."""
    return (
        lobby.mail_folder is not None
        and lobby.settings.is_on_loopback
        and _is_loopback(request)
        and organisations.has_demonstration(session)
    )


@router.get("/dev/mail")
def mails(request: Request, lobby: TheLobby, session: ReadSession) -> Response:
    """All mails, newest first."""
    files = _files(request, lobby, session)
    found = [_read(file, with_text=False) for file in files[:NEWEST]]
    return page("public/dev_mails.html", session, is_private=True, mails=found)


@router.get("/dev/mail/{name}")
def mail(name: str, request: Request, lobby: TheLobby, session: ReadSession) -> Response:
    """One mail, its links clickable."""
    # Looked up among the files that are there, so that no name can lead out of the folder.
    for file in _files(request, lobby, session):
        if file.name == name:
            found = _read(file, with_text=True)
            return page("public/dev_mail.html", session, is_private=True, mail=found)
    raise NotFound("mail_unknown", "There is no such mail.")


def _is_loopback(request: Request) -> bool:
    """The address guards against the network, the Host header against DNS rebinding."""
    host = request.headers.get("Host", "")
    try:
        is_near = request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    return is_near and _LOOPBACK_HOST.fullmatch(host) is not None


def _files(request: Request, lobby: Lobby, session: Session) -> list[Path]:
    """The folder's mails, newest first; NotFound where they are not to be shown."""
    if lobby.mail_folder is None or not is_shown(request, lobby, session):
        raise NotFound("page_unknown", "There is no such page.")
    files = lobby.mail_folder.folder.glob("*.eml")
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)


def _read(file: Path, *, with_text: bool) -> FoundMail:
    parser: BytesParser[EmailMessage] = BytesParser(policy=policy.default)
    message = parser.parsebytes(file.read_bytes(), headersonly=not with_text)
    body = message.get_body(("plain",)) if with_text else None
    date = message["Date"]
    return FoundMail(
        name=file.name,
        sender=str(message["From"] or ""),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or "(no subject)"),
        date=date.datetime if date else None,
        text=str(body.get_content()) if body else "",
    )

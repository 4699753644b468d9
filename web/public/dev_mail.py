"""The emails of the demonstration, shown to browsers on this machine only."""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Literal

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from api.http.dependencies import ReadSession, TheLobby
from api.http.late_routes import Router
from api.http.response_headers import POLICY
from services.assembly import Lobby
from services.errors import NotFound
from services.organisations import organisations
from web.base.local import is_on_this_machine
from web.base.rendering import page

NEWEST = 100
# The HTML part of an email has inline styles, and loads nothing.
HTML_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; sandbox"
)
router = Router()


@dataclass(frozen=True, slots=True)
class DemonstrationMail:
    """An email in the folder. In a list, `text` and `html` are empty. Letters have no HTML."""

    name: str
    sender: str
    recipient: str
    subject: str
    date: datetime | None
    text: str
    html: str


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
    """Shows the text part of one email with clickable links."""
    mail = _named(name, request, lobby, session)
    return page("public/dev_mail.html", session, is_private=True, mail=mail)


@router.get("/dev/mail/{name}/html")
def show_html(name: str, request: Request, lobby: TheLobby, session: ReadSession) -> Response:
    """Shows the HTML part of one email as an email program does."""
    mail = _named(name, request, lobby, session)
    if not mail.html:
        raise NotFound("mail_unknown", "This email has no HTML part.")
    return HTMLResponse(mail.html, headers={POLICY: HTML_POLICY, "Cache-Control": "no-store"})


def _named(name: str, request: Request, lobby: Lobby, session: Session) -> DemonstrationMail:
    # The name is compared with those of the files: it is never part of a path.
    for file in _files(request, lobby, session):
        if file.name == name:
            return _read(file, with_text=True)
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
    date = message["Date"]
    return DemonstrationMail(
        name=file.name,
        sender=str(message["From"] or ""),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or "(no subject)"),
        date=date.datetime if date else None,
        text=_part(message, "plain") if with_text else "",
        html=_part(message, "html") if with_text else "",
    )


def _part(message: EmailMessage, kind: Literal["plain", "html"]) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body else ""

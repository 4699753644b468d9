"""Downloading the details of those who signed: for owners, with a reason and their password."""

from functools import partial
from typing import Annotated

from fastapi import Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.downloads import download
from api.http.late_routes import Router
from models import AccountEventKind, Petition
from services.accounts import record
from services.assembly import Lobby
from services.campaigns import petitions
from services.common import texts
from services.errors import Invalid, Limited
from services.files.export_lines import FileFormat
from services.signatures import signature_exports
from web.base import forms
from web.base.desk import Desk, OwnerDesk
from web.organisers.accounts import cookies, password_again

PATH = "/organiser/supporters/download"
SHORTEST_REASON, LONGEST_REASON = 3, 200
NO_REASON = "Say what you need the file for."
router = Router()


class DownloadFields(BaseModel):
    """The fields as sent. `petition` is a slug."""

    petition: str = ""
    reason: str = ""
    password: str = ""


@router.get(PATH)
def ask_what_to_download(desk: OwnerDesk, session: ReadSession, petition: str = "") -> Response:
    """Shows the form, with the petition of the link chosen."""
    return _page(desk, session, forms.Form({"petition": petition}))


@router.post(PATH)
def download_signatures(
    fields: Annotated[DownloadFields, Form()],
    request: Request,
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Streams every signature of a petition as CSV, and records who took it and why."""
    form = forms.Form(fields.model_dump())
    try:
        slug, reason = _checked(form, request, desk)
    except (Invalid, Limited) as error:
        return password_again.refused(form, error, partial(_page, desk, session, form))
    with lobby.database.write(is_public=False) as writing:
        petition = petitions.own(writing, slug, organisation_id=desk.organisation_id)
        record.note(
            writing,
            AccountEventKind.DOWNLOADED,
            organisation_id=desk.organisation_id,
            now=now,
            organiser=desk.organiser,
            device=cookies.device_of(request),
            detail=f"{slug}: {reason}",
        )
    return _file(request, lobby, desk, petition)


def _checked(form: forms.Form, request: Request, desk: Desk) -> tuple[str, str]:
    """Returns the slug and the reason; raises Invalid with all that is wrong."""
    slug = form.check(
        "petition", partial(texts.slug, field="petition"), missing="Choose a petition."
    )
    line = partial(texts.line, field="reason", shortest=SHORTEST_REASON, longest=LONGEST_REASON)
    reason = form.check("reason", line, missing=NO_REASON)
    password_again.check(form, request, desk)
    form.finish()
    return slug, reason


def _file(request: Request, lobby: Lobby, desk: Desk, petition: Petition) -> Response:
    export = signature_exports.of_petition(petition)
    by, name = f"organiser {desk.organiser.id}", f"{petition.slug}-signatures"
    return download(request, lobby, export, FileFormat.CSV, name=name, by=by)


def _page(desk: Desk, session: Session, form: forms.Form, *, status: int = 200) -> Response:
    own = petitions.of_organisation(session, desk.organisation_id)
    if len(own) == 1:
        form.put(petition=own[0].slug)
    return desk.page(
        "organisers/download.html",
        status=status,
        form=form,
        petitions={petition.slug: petition.action for petition in own},
        longest=LONGEST_REASON,
    )

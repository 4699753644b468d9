"""Private notes on MPs, and the days on which to ring their offices back."""

from typing import Annotated
from uuid import UUID

from fastapi import Form, Response

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from services.campaigns import member_notes, quick_answers
from services.errors import Invalid
from services.parliament import members
from web.base import forms
from web.base.desk import EditorDesk
from web.organisers.campaign import own
from web.organisers.members import ask_query, asking, team_forms
from web.organisers.members.asking import FailedNote
from web.organisers.members.team_forms import BackFields

router = Router()


class NoteFields(BackFields):
    """The fields as sent."""

    text: str = ""
    ring_back_on: str = ""


@router.post(f"{ask_query.PAGE_PATH}/{{member_id}}/notes")
def add(
    slug: Slug,
    member_id: int,
    fields: Annotated[NoteFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves a note, and leads back to the row of the MP."""
    try:
        member_notes.checked(fields.text, fields.ring_back_on, now=now)
    except Invalid as error:
        form, query = forms.Form(fields.model_dump()), ask_query.read_back(fields.back)
        form.note(error)
        campaign = own.of_page(desk, session, slug)
        quick_answers.require_member(session, member_id)
        failed = FailedNote(members.get(session, member_id), form)
        return asking.page(desk, session, campaign, query, now=now, failed=failed)
    with team_forms.writing(lobby, desk, slug) as (writing, campaign):
        note = member_notes.add(
            writing,
            campaign,
            member_id=member_id,
            text=fields.text,
            ring_back_on=fields.ring_back_on,
            organiser=desk.organiser,
            now=now,
        )
        note_id = note.id
    return team_forms.back(slug, fields, member_id, noted=note_id)


@router.post(f"{ask_query.PAGE_PATH}/notes/{{note_id}}/rung-back")
def note_rung_back(
    slug: Slug,
    note_id: UUID,
    fields: Annotated[BackFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Notes that somebody rang back."""
    with team_forms.writing(lobby, desk, slug) as (session, campaign):
        note = member_notes.note_rung_back(session, campaign, note_id, now=now)
        member_id, day = note.member_id, note.ring_back_on
    return team_forms.back(slug, fields, member_id, rung=member_id, day=day)


@router.post(f"{ask_query.PAGE_PATH}/notes/{{note_id}}/remove")
def remove(
    slug: Slug,
    note_id: UUID,
    fields: Annotated[BackFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
) -> Response:
    """Deletes a note for good."""
    with team_forms.writing(lobby, desk, slug) as (session, campaign):
        member_id = member_notes.remove(session, campaign, note_id)
    return team_forms.back(slug, fields, member_id, undone=member_id)

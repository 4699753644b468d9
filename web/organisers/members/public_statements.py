"""What the team records about an MP with a link, which the campaign's pages show."""

from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response
from pydantic import BaseModel

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import OverrideKind
from services.campaigns import campaigns
from services.common import texts, urls
from services.errors import Invalid
from services.parliament import member_overrides
from services.parliament.member_overrides import NewOverride
from services.views import member_views
from web.base import forms
from web.base.desk import EditorDesk
from web.base.rendering import see_other
from web.organisers.members import one_member

LONGEST_REASON = 500
STATEMENTS = f"{one_member.MEMBER_PATH}/statements"
router = Router()


class StatementFields(BaseModel):
    """The fields as sent."""

    kind: str = ""
    link: str = ""
    reason: str = ""


@router.post(STATEMENTS)
def record(
    slug: Slug,
    member_id: int,
    fields: Annotated[StatementFields, Form()],
    request: Request,
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Records a statement in place of an earlier one on the same matter."""
    form = forms.Form(fields.model_dump())
    try:
        new = _checked(form)
    except Invalid as error:
        form.note(error)
        visit = one_member.visit_of(slug, request, desk, session, lobby, now)
        return one_member.page(visit, member_id, form=form)
    with lobby.database.write() as writing:
        campaign = campaigns.own(writing, slug, organisation_id=desk.organisation_id)
        member_overrides.record(
            writing,
            new,
            organisation_id=desk.organisation_id,
            member=member_views.get_member(writing, member_id),
            campaign=campaign if new.kind.is_of_campaign else None,
            organiser_id=desk.organiser.id,
            now=now,
        )
    return see_other(_back(slug, member_id, "stated"))


@router.post(f"{STATEMENTS}/{{override_id}}/end")
def end(
    slug: Slug, member_id: int, override_id: UUID, desk: EditorDesk, lobby: TheLobby, now: Now
) -> Response:
    """Ends a statement today. It stays in the MP's history."""
    with lobby.database.write() as session:
        campaigns.own(session, slug, organisation_id=desk.organisation_id)
        member_overrides.end(
            session,
            override_id,
            organisation_id=desk.organisation_id,
            ends_on=now.date(),
            now=now,
        )
    return see_other(_back(slug, member_id, "ended"))


def _checked(form: forms.Form) -> NewOverride:
    """Raises Invalid with all that is wrong."""
    kind = form.check("kind", _kind, missing="Choose what to record.")
    link = form.check("link", urls.web_link, missing="Enter the link to where it was said.")
    reason = form.check("reason", _reason, missing="Say in a few words how you know.")
    form.finish()
    return NewOverride(OverrideKind(kind), reason=reason, link=link)


def _kind(text: str) -> str:
    if text not in set(OverrideKind):
        raise Invalid.field("kind", "choice_unknown", "Choose what to record.")
    return text


def _reason(text: str) -> str:
    return texts.line(text, "reason", longest=LONGEST_REASON)


def _back(slug: str, member_id: int, done: str) -> str:
    path = one_member.MEMBER_PATH.format(slug=slug, member_id=member_id)
    return f"{path}?done={done}#m{member_id}"

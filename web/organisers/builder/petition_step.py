"""The builder's second step: the petitions of a campaign. Most have one."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Form, Query, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, Petition
from models.base import new_id
from services.building import drafts
from services.campaigns import campaigns, petition_texts, petitions
from services.common import texts
from services.errors import Conflict, Invalid, NotFound
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.organisers.builder import frame, step_forms, versions
from web.organisers.builder.frame import Done, Step
from web.organisers.builder.step_forms import OwnFields

PATH = "/organiser/campaigns/{slug}/edit/petition"
ONE = PATH + "/{petition_slug}"
Another = Annotated[str, Query(max_length=10)]
router = Router()


class PetitionFields(OwnFields):
    """The fields as sent."""

    action: str = ""
    addressed_to: str = ""
    background: str = ""
    goal: str = ""
    closes_on: str = ""
    closes_time: str = ""
    slug: str = ""


Fields = Annotated[PetitionFields, Form()]


@router.get(PATH)
def show_first(
    slug: Slug,
    desk: EditorDesk,
    session: ReadSession,
    now: Now,
    another: Another = "",
    done: Done = "",
) -> Response:
    """Shows the first petition or, without one or with `?another=yes`, an empty form."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    first = next(iter(_petitions(session, campaign)), None)
    if first is None or another:
        return _page(desk, session, campaign, None, forms.Form({"id": new_id()}), now, done=done)
    return _page(desk, session, campaign, first, _form(first), now, done=done)


@router.post(PATH)
def add(
    slug: Slug,
    fields: Fields,
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Adds a draft of a petition and leads to the next step."""
    petition_id = fields.id or new_id()
    form = forms.Form(fields.model_dump() | {"id": petition_id})
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            values = _checked(form, None, now=now)
            drafts.add_petition(writing, campaign, petition_id=petition_id, values=values, now=now)
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, field_of_conflict="slug")
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        return _page(desk, session, campaign, None, form, now, status=status)
    return frame.to_next(slug, Step.PETITION)


@router.get(ONE)
def show_one(
    slug: Slug,
    petition_slug: Slug,
    desk: EditorDesk,
    session: ReadSession,
    now: Now,
    done: Done = "",
) -> Response:
    """Shows one of several petitions."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    petition = own(session, campaign, petition_slug)
    return _page(desk, session, campaign, petition, _form(petition), now, done=done)


@router.post(ONE)
def save(
    slug: Slug,
    petition_slug: Slug,
    fields: Fields,
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves a petition and leads to the next step, or shows the form again with its problems."""
    form, typed = forms.Form(fields.model_dump()), fields.model_dump()
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            petition = own_locked(writing, campaign, petition_slug)
            if not drafts.is_hidden(petition, campaign):
                typed["slug"] = petition.slug  # the form does not ask for it any more
            form.put(slug=typed["slug"])
            values = _checked(form, petition, now=now)
            versions.require(fields.version, shown(petition), typed)
            drafts.change_petition(writing, petition, campaign, values=values, now=now)
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, typed, field_of_conflict="slug")
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        petition = own(session, campaign, petition_slug)
        return _page(desk, session, campaign, petition, form, now, status=status)
    return frame.to_next(slug, Step.PETITION)


def own(session: Session, campaign: Campaign, slug: str) -> Petition:
    """Returns a petition of this campaign; raises NotFound for any other."""
    found = petitions.own(session, slug, organisation_id=campaign.organisation_id)
    if found.campaign_id != campaign.id:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    return found


def own_locked(session: Session, campaign: Campaign, slug: str) -> Petition:
    """Returns the same as it is now, with its row locked until the transaction ends."""
    found = own(session, campaign, slug)
    locked = petitions.of_campaign_locked(session, campaign.id)
    return next(petition for petition in locked if petition.id == found.id)


def shown(petition: Petition) -> dict[str, str]:
    """Returns the values of a petition as the form shows them."""
    closes_on, closes_time = petition_texts.closes_as_typed(petition.closes_at)
    return {
        "action": petition.action,
        "addressed_to": petition.addressed_to,
        "background": petition.background,
        "goal": str(petition.goal or ""),
        "closes_on": closes_on,
        "closes_time": closes_time,
        "slug": petition.slug,
    }


def _form(petition: Petition) -> forms.Form:
    values = shown(petition)
    return forms.Form({**values, "version": versions.of(values)})


def _checked(form: forms.Form, petition: Petition | None, *, now: datetime) -> dict[str, Any]:
    """Returns the values to keep. A new petition may go without a slug. Raises Invalid."""
    goal = form.check("goal", petition_texts.goal, missing="")
    values: dict[str, Any] = {
        "action": form.check("action", petition_texts.action, missing="Enter what you ask for."),
        "addressed_to": form.check(
            "addressed_to", petition_texts.addressed_to, missing="Enter whom you ask."
        ),
        "background": form.check("background", petition_texts.background, missing=""),
        "goal": int(goal) if goal else None,
    }
    if petition is not None or form.value("slug").strip():
        values["slug"] = form.check("slug", _slug, missing="Enter an address.")
    values["closes_at"] = _closes_at(form, petition, now)
    form.finish()
    return values


def _closes_at(form: forms.Form, petition: Petition | None, now: datetime) -> datetime | None:
    """Returns the closing time. One that has not changed keeps its seconds."""
    typed = form.value("closes_on").strip(), form.value("closes_time").strip()
    before = petition.closes_at if petition else None
    if typed == petition_texts.closes_as_typed(before):
        return before
    try:
        chosen = petition_texts.closes_at(*typed)
        if chosen is not None and chosen <= now:
            message = "Choose a day and time to come, or leave it empty."
            raise Invalid.field("closes_on", "day_passed", message)
    except Invalid as error:
        form.collect(error)
        return before
    return chosen


def _slug(text: str) -> str:
    return texts.slug(text.strip())


def _petitions(session: Session, campaign: Campaign) -> list[Petition]:
    return petitions.of_campaigns(session, [campaign.id], with_drafts=True)[campaign.id]


def _page(
    desk: Desk,
    session: Session,
    campaign: Campaign,
    petition: Petition | None,
    form: forms.Form,
    now: datetime,
    *,
    status: int = 200,
    done: str = "",
) -> Response:
    rows = _petitions(session, campaign)
    path = frame.path_of(campaign.slug, Step.PETITION)
    return frame.show(
        desk,
        session,
        campaign,
        Step.PETITION,
        "organisers/builder/petition.html",
        now=now,
        status=status,
        saved_at=max(campaign.updated_at, petition.updated_at) if petition else None,
        done=done,
        form=form,
        petition=petition,
        petitions=rows,
        path=path,
        action=f"{path}/{petition.slug}" if petition else path,
        is_hidden=petition is None or drafts.is_hidden(petition, campaign),
    )

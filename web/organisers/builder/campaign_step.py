"""A new campaign, and the builder's first step: its title, address and texts."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, CampaignStatus
from models.base import new_id
from services.building import drafts
from services.campaigns import campaign_texts, campaigns
from services.common import texts
from services.errors import Conflict, Invalid
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers.builder import frame, step_forms, versions
from web.organisers.builder.frame import Done, Step

NEW = "/organiser/campaigns/new"
PATH = "/organiser/campaigns/{slug}/edit/campaign"
NATIONS = ("England", "Scotland", "Wales", "Northern Ireland")
MISSING_TITLE = "Enter a title."
router = Router()


class NewCampaignFields(BaseModel):
    """The fields as sent. `id` was chosen when the form was shown: sent twice, it makes one."""

    id: UUID | None = None
    title: str = ""
    slug: str = ""


class CampaignFields(BaseModel):
    """The fields as sent. Unticked boxes are left out; without any, it runs in the whole UK."""

    version: str = ""
    title: str = ""
    slug: str = ""
    summary: str = ""
    hero_line: str = ""
    body: str = ""
    nations: list[str] = Field(default_factory=list)


@router.get(NEW)
def ask_for_new(desk: EditorDesk) -> Response:
    """Shows an empty form."""
    return _new_page(desk, forms.Form({"id": new_id()}))


@router.post(NEW)
def begin(
    fields: Annotated[NewCampaignFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Makes a draft and leads to its first step."""
    campaign_id = fields.id or new_id()
    form = forms.Form(fields.model_dump() | {"id": campaign_id})
    try:
        title = form.check("title", campaign_texts.title, missing=MISSING_TITLE)
        slug = _slug(form) if fields.slug.strip() else ""
        form.finish()
        with lobby.database.write(is_public=False) as writing:
            campaign = drafts.begin(
                writing,
                campaign_id=campaign_id,
                organisation_id=desk.organisation_id,
                title=title,
                slug=slug,
                now=now,
            )
            slug = campaign.slug
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, field_of_conflict="slug")
        return _new_page(desk, form, status=status)
    return see_other(f"{frame.path_of(slug, Step.CAMPAIGN)}?done=added")


@router.get(PATH)
def show(slug: Slug, desk: EditorDesk, session: ReadSession, now: Now, done: Done = "") -> Response:
    """Shows the texts of a campaign."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    values = shown(campaign)
    form = forms.Form({**values, "version": versions.of(values)})
    return _page(desk, session, campaign, form, now, done=done)


@router.post(PATH)
def save(
    slug: Slug,
    fields: Annotated[CampaignFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves the texts and leads to the next step, or shows the form again with its problems."""
    form, typed = forms.Form(fields.model_dump()), fields.model_dump()
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            if campaign.status is not CampaignStatus.DRAFT:
                typed["slug"] = campaign.slug  # the form does not ask for it any more
            form.put(slug=typed["slug"])
            values = _checked(form, campaign, fields)
            versions.require(fields.version, shown(campaign), typed)
            new_slug = drafts.change(writing, campaign, values=values, now=now).slug
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, typed, field_of_conflict="slug")
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        return _page(desk, session, campaign, form, now, status=status)
    return frame.to_next(new_slug, Step.CAMPAIGN)


def shown(campaign: Campaign) -> dict[str, str | list[str]]:
    """Returns the values of a campaign as the form shows them."""
    return {
        "title": campaign.title,
        "slug": campaign.slug,
        "summary": campaign.summary,
        "hero_line": campaign.hero_line,
        "body": campaign.body,
        "nations": list(campaign.nations or ()),
    }


def _checked(form: forms.Form, campaign: Campaign, fields: CampaignFields) -> dict[str, Any]:
    """Returns the values to keep. A draft may go without a summary. Raises Invalid."""
    is_draft = campaign.status is CampaignStatus.DRAFT
    values: dict[str, Any] = {
        "title": form.check("title", campaign_texts.title, missing=MISSING_TITLE),
        "slug": _slug(form),
        "summary": form.check("summary", _summary(is_draft=is_draft), missing="Enter a summary."),
        "hero_line": form.check("hero_line", campaign_texts.hero_line, missing=""),
        "body": form.check("body", campaign_texts.body, missing=""),
        "nations": [nation for nation in NATIONS if nation in fields.nations] or None,
    }
    form.finish()
    if values["nations"] == list(NATIONS):
        values["nations"] = None
    return values


def _summary(*, is_draft: bool) -> Callable[[str], str]:
    def rule(text: str) -> str:
        return "" if is_draft and not text.strip() else campaign_texts.summary(text)

    return rule


def _slug(form: forms.Form) -> str:
    def rule(text: str) -> str:
        return texts.slug(text.strip())

    return form.check("slug", rule, missing="Enter an address.")


def _new_page(desk: Desk, form: forms.Form, *, status: int = 200) -> Response:
    template = "organisers/builder/new_campaign.html"
    return desk.page(template, status=status, form=form)


def _page(
    desk: Desk,
    session: Session,
    campaign: Campaign,
    form: forms.Form,
    now: datetime,
    *,
    status: int = 200,
    done: str = "",
) -> Response:
    return frame.show(
        desk,
        session,
        campaign,
        Step.CAMPAIGN,
        "organisers/builder/campaign.html",
        now=now,
        status=status,
        done=done,
        form=form,
        nations=dict(zip(NATIONS, NATIONS, strict=True)),
        longest_summary=campaign_texts.LONGEST_SUMMARY,
    )

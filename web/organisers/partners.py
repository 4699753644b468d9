"""An organisation's partners, for its organisers: who they are, and what came through them."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from models import Organisation, Partner, SignatureState
from services.assembly import Lobby
from services.campaigns import petitions
from services.errors import Conflict, FieldError, Invalid
from services.keys import key_views
from services.keys.key_views import KeyView
from services.organisations import partners
from services.signatures import by_partner
from services.signatures.by_partner import MOST_COUNTED, PartnerSummary
from web.base import forms
from web.base.dependencies import AtDesk, OnlyAtDesk
from web.base.rendering import page, see_other

DAYS = 30
LIST = "/organiser/partners"
DONE = {
    "added": "The partner is there. Now give it a key, or its line of HTML.",
    "saved": "Saved.",
    "revoked": "The key is revoked: it is refused from now on.",
}
LABELS = {
    "name": "Name",
    "slug": "Short name",
    "website": "Website",
    "allowed_origins": "Sites",
    "is_public": "Show to the public",
}
Done = Annotated[str, Query(max_length=20)]
router = APIRouter()


class PartnerFields(BaseModel):
    """The form as it comes: one origin a line, and a box without a tick is not sent."""

    name: str = ""
    slug: str = ""
    website: str = ""
    allowed_origins: str = ""
    is_public: str = ""

    @property
    def origins(self) -> list[str]:
        """Lines with something on them."""
        return [line.strip() for line in self.allowed_origins.splitlines() if line.strip()]


@dataclass(frozen=True, slots=True)
class Card:
    """A partner in the list; `confirmed` counts no further than `is_more`."""

    partner: Partner
    confirmed: int
    keys: list[KeyView]

    @property
    def is_more(self) -> bool:
        """Whether there are more than were counted."""
        return self.confirmed > MOST_COUNTED


@router.get(LIST)
def list_partners(organiser: AtDesk, session: ReadSession, now: Now, done: Done = "") -> Response:
    """Every partner with its live keys, and the organisation's own keys, in a handful of
    statements."""
    owner = organiser.organisation_id
    keys = key_views.live(session, owner, now=now)
    counts = by_partner.count_by_partner(session, owner)
    cards = [
        Card(each, counts[each.id], [key for key in keys if key.key.partner_id == each.id])
        for each in partners.of_organisation(session, owner)
    ]
    return page(
        "organisers/partners.html",
        session,
        is_private=True,
        organisation=session.get_one(Organisation, owner),
        cards=cards,
        keys=[key for key in keys if key.key.partner_id is None],
        counted=MOST_COUNTED,
        done=DONE.get(done),
    )


@router.get(f"{LIST}/new", dependencies=[OnlyAtDesk])
def ask_for_partner(session: ReadSession) -> Response:
    """An empty form."""
    return page("organisers/new_partner.html", session, is_private=True, form=forms.Form())


@router.post(f"{LIST}/new")
def add_partner(
    fields: Annotated[PartnerFields, Form()],
    organiser: AtDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Add one; what is wrong is told beside what was typed."""
    try:
        with lobby.database.write() as writing:
            made = partners.create(
                writing,
                organisation=writing.get_one(Organisation, organiser.organisation_id),
                name=fields.name,
                slug=fields.slug.strip(),
                website=fields.website.strip() or None,
                allowed_origins=fields.origins,
                is_public=bool(fields.is_public),
                now=now,
            )
    except (Invalid, Conflict) as error:
        form = _noted(fields, error)
        return page("organisers/new_partner.html", session, status=422, is_private=True, form=form)
    return see_other(f"{LIST}/{made.slug}?done=added")


@router.get(LIST + "/{slug}")
def show_partner(
    slug: Slug, organiser: AtDesk, lobby: TheLobby, session: ReadSession, done: Done = ""
) -> Response:
    """One partner: what can be changed, what to give it, its keys, and what came through it."""
    partner = partners.own(session, slug, organisation_id=organiser.organisation_id)
    shown = partner.model_dump(include={"name", "website", "is_public"})
    shown["allowed_origins"] = "\n".join(partner.allowed_origins)
    return _page(session, lobby, partner, forms.Form(shown), done=done)


@router.post(LIST + "/{slug}")
def change_partner(
    slug: Slug,
    fields: Annotated[PartnerFields, Form()],
    organiser: AtDesk,
    lobby: TheLobby,
    session: ReadSession,
) -> Response:
    """Change all but the slug."""
    owner = organiser.organisation_id
    try:
        with lobby.database.write() as writing:
            partners.change(
                writing,
                partners.own(writing, slug, organisation_id=owner),
                name=fields.name,
                website=fields.website.strip(),
                allowed_origins=fields.origins,
                is_public=bool(fields.is_public),
            )
    except (Invalid, Conflict) as error:
        partner = partners.own(session, slug, organisation_id=owner)
        return _page(session, lobby, partner, _noted(fields, error), status=422)
    return see_other(f"{LIST}/{slug}?done=saved")


def _noted(fields: PartnerFields, error: Invalid | Conflict) -> forms.Form:
    """The form as it came, with what is wrong: of each origin beside the field for all of them."""
    form = forms.Form(fields.model_dump())
    if isinstance(error, Conflict):
        field = "slug" if error.code == "exists_already" else "is_public"
        error = Invalid.field(field, error.code, error.message)
    form.note(Invalid(error.code, error.message, tuple(map(_labelled, error.fields))))
    return form


def _labelled(item: FieldError) -> FieldError:
    field = item.field.partition(".")[0]
    return replace(item, field=field, message=f"{LABELS[field]}: {item.message}")


def _page(
    session: Session,
    lobby: Lobby,
    partner: Partner,
    form: forms.Form,
    *,
    done: str = "",
    status: int = 200,
) -> Response:
    now, owner = lobby.clock(), partner.organisation_id
    summaries = by_partner.of_partner(session, partner, is_own=False, days=DAYS, now=now)
    return page(
        "organisers/partner.html",
        session,
        status=status,
        is_private=True,
        partner=partner,
        form=form,
        petitions=petitions.open_of(session, owner, now=now),
        keys=key_views.live(session, owner, now=now, partner_id=partner.id),
        summaries=summaries,
        confirmed=_confirmed(summaries),
        days=DAYS,
        base_url=lobby.settings.base_url,
        done=DONE.get(done),
    )


def _confirmed(summaries: list[PartnerSummary]) -> int:
    return sum(each.states[SignatureState.CONFIRMED] for each in summaries)

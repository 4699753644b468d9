"""An organisation's partners for its organisers: details, keys, and signatures through them."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Form, Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Partner, SignatureState
from services.assembly import Lobby
from services.campaigns import petitions
from services.errors import Conflict, FieldError, Invalid
from services.keys import key_views
from services.keys.key_views import KeyView
from services.organisations import organisations, partners
from services.signatures import by_partner
from services.signatures.by_partner import MOST_COUNTED, PartnerSummary
from web.base import forms
from web.base.desk import Desk, OwnerDesk
from web.base.rendering import see_other

DAYS = 30
LIST = "/organiser/partners"
NOTICES = {
    "added": "Partner added. Now give it its link or its code, both below.",
    "saved": "Saved.",
    "revoked": "The key is revoked. We refuse it from now on.",
}
LABELS = {
    "name": "Name",
    "slug": "Short name",
    "website": "Website",
    "allowed_origins": "Sites",
    "is_public": "Show to the public",
}
Done = Annotated[str, Query(max_length=20)]
router = Router()


class PartnerFields(BaseModel):
    """The fields as sent: one origin per line, and an unticked box is left out."""

    name: str = ""
    slug: str = ""
    website: str = ""
    allowed_origins: str = ""
    is_public: str = ""

    @property
    def origins(self) -> list[str]:
        """Returns the lines that are not empty."""
        return [line.strip() for line in self.allowed_origins.splitlines() if line.strip()]


@dataclass(frozen=True, slots=True)
class ListedPartner:
    """A partner in the list. `confirmed` stops at one more than `MOST_COUNTED`."""

    partner: Partner
    confirmed: int
    keys: list[KeyView]

    @property
    def is_more(self) -> bool:
        """Returns whether there are more than `MOST_COUNTED`."""
        return self.confirmed > MOST_COUNTED


@router.get(LIST)
def list_partners(
    desk: OwnerDesk, lobby: TheLobby, session: ReadSession, now: Now, done: Done = ""
) -> Response:
    """Lists the partners with their live keys, and the organisation's own keys.

    The number of statements does not depend on the number of partners.
    """
    organisation_id = desk.organisation_id
    keys = key_views.live(session, organisation_id, now=now)
    counted = by_partner.recent_counts(session, organisation_id, counts=lobby.minute_counts)
    listed = [
        ListedPartner(
            partner=partner,
            confirmed=counted.value.get(partner.id, 0),
            keys=[view for view in keys if view.key.partner_id == partner.id],
        )
        for partner in partners.of_organisation(session, organisation_id)
    ]
    return desk.page(
        "organisers/partners.html",
        organisation=desk.organisation,
        partners=listed,
        counted_at=counted.at,
        keys=[view for view in keys if view.key.partner_id is None],
        count_limit=MOST_COUNTED,
        notice=NOTICES.get(done),
    )


@router.get(f"{LIST}/new")
def ask_for_partner(desk: OwnerDesk) -> Response:
    """Shows an empty form."""
    return desk.page("organisers/new_partner.html", form=forms.Form())


@router.post(f"{LIST}/new")
def add_partner(
    fields: Annotated[PartnerFields, Form()],
    desk: OwnerDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Adds a partner, or shows the form again with its problems."""
    try:
        with lobby.database.write() as writing:
            partner = partners.create(
                writing,
                organisation=organisations.get(writing, desk.organisation_id),
                name=fields.name,
                slug=fields.slug.strip(),
                website=fields.website.strip() or None,
                allowed_origins=fields.origins,
                is_public=bool(fields.is_public),
                now=now,
            )
    except (Invalid, Conflict) as error:
        form = _form_with_problems(fields, error)
        return desk.page("organisers/new_partner.html", status=422, form=form)
    return see_other(f"{LIST}/{partner.slug}?done=added")


@router.get(LIST + "/{slug}")
def show_partner(
    slug: Slug, desk: OwnerDesk, lobby: TheLobby, session: ReadSession, done: Done = ""
) -> Response:
    """Shows a partner: its keys, the HTML and links to give it, its counts, and a form."""
    partner = partners.own(session, slug, organisation_id=desk.organisation_id)
    values = partner.model_dump(include={"name", "website", "is_public"})
    values["allowed_origins"] = "\n".join(partner.allowed_origins)
    return _page(session, desk, lobby, partner, forms.Form(values), done=done)


@router.post(LIST + "/{slug}")
def change_partner(
    slug: Slug,
    fields: Annotated[PartnerFields, Form()],
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
) -> Response:
    """Changes everything but the slug."""
    organisation_id = desk.organisation_id
    try:
        with lobby.database.write() as writing:
            partners.change(
                writing,
                partners.own(writing, slug, organisation_id=organisation_id),
                name=fields.name,
                website=fields.website.strip(),
                allowed_origins=fields.origins,
                is_public=bool(fields.is_public),
            )
    except (Invalid, Conflict) as error:
        partner = partners.own(session, slug, organisation_id=organisation_id)
        return _page(session, desk, lobby, partner, _form_with_problems(fields, error), status=422)
    return see_other(f"{LIST}/{slug}?done=saved")


def _form_with_problems(fields: PartnerFields, error: Invalid | Conflict) -> forms.Form:
    """Returns the form with its problems; those of single origins are shown at their field."""
    form = forms.Form(fields.model_dump())
    if isinstance(error, Conflict):
        field = "slug" if error.code == "exists_already" else "is_public"
        error = Invalid.field(field, error.code, error.message)
    form.note(Invalid(error.code, error.message, tuple(map(_with_label, error.fields))))
    return form


def _with_label(item: FieldError) -> FieldError:
    field = item.field.partition(".")[0]
    return replace(item, field=field, message=f"{LABELS[field]}: {item.message}")


def _page(
    session: Session,
    desk: Desk,
    lobby: Lobby,
    partner: Partner,
    form: forms.Form,
    *,
    done: str = "",
    status: int = 200,
) -> Response:
    now, organisation_id = lobby.clock(), partner.organisation_id
    counted = by_partner.recent(session, partner, days=DAYS, counts=lobby.minute_counts, now=now)
    summaries = counted.value
    return desk.page(
        "organisers/partner.html",
        status=status,
        partner=partner,
        form=form,
        petitions=petitions.open_of(session, organisation_id, now=now),
        keys=key_views.live(session, organisation_id, now=now, partner_id=partner.id),
        summaries=summaries,
        counted_at=counted.at,
        confirmed=_confirmed(summaries),
        days=DAYS,
        base_url=lobby.settings.base_url,
        notice=NOTICES.get(done),
    )


def _confirmed(summaries: list[PartnerSummary]) -> int:
    return sum(summary.states[SignatureState.CONFIRMED] for summary in summaries)

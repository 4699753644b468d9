"""The people whom an organisation knows: counts for all, and one person for owners."""

from datetime import datetime
from typing import Annotated

from fastapi import Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.csv_answers import cacheable_csv
from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import AccountEventKind
from services.accounts import record
from services.assembly import Lobby
from services.errors import Invalid
from services.views.desk import one_supporter, small_groups, supporter_counts
from services.views.desk.one_supporter import KnownSupporter
from services.views.desk.supporter_counts import ByPlace, Contact, Place
from web.base import forms
from web.base.charts.tables import Table
from web.base.desk import Desk, OwnerDesk, ViewerDesk
from web.organisers.accounts import cookies

PATH = "/organiser/supporters"
TOP = 10
CONTACTS = {
    Contact.YES: "say yes to email",
    Contact.NO: "say no, or didn’t answer",
    Contact.UNSUBSCRIBED: "unsubscribed",
    Contact.UNREACHABLE: "can’t be reached",
}
FOUND, NOT_FOUND = "Found", "Nobody found"
router = Router()


class SearchFields(BaseModel):
    """The address as sent."""

    email: str = ""


@router.get(PATH)
def show_supporters(desk: ViewerDesk, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Shows how many people there are, by consent and by place."""
    return _page(desk, lobby, session, forms.Form({}), now)


@router.post(PATH)
def look_up(
    fields: Annotated[SearchFields, Form()],
    request: Request,
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Shows what is kept about one person, and records that somebody looked them up.

    The address is in the body of the request, and in neither an address nor the record.
    """
    form = forms.Form(fields.model_dump())
    try:
        with lobby.database.write() as writing:
            found = one_supporter.find(
                writing,
                form.value("email"),
                organisation_id=desk.organisation_id,
                keyring=lobby.keyring,
            )
            record.note(
                writing,
                AccountEventKind.LOOKED_UP,
                organisation_id=desk.organisation_id,
                now=now,
                organiser=desk.organiser,
                device=cookies.device_of(request),
                detail=FOUND if found else NOT_FOUND,
            )
    except Invalid as error:
        form.note(error)
        return _page(desk, lobby, session, form, now, status=422)
    if found is None:
        return _page(desk, lobby, session, form, now, is_unknown=True)
    return _one(desk, found, now)


@router.get(f"{PATH}/places.csv")
def places_file(
    request: Request, desk: ViewerDesk, lobby: TheLobby, session: ReadSession
) -> Response:
    """Answers with the regions and constituencies of five people or more."""
    counted = supporter_counts.of_organisation(
        session, desk.organisation_id, counts=lobby.minute_counts
    )
    places = supporter_counts.by_place(session, counted.value)
    text = places_table(places).csv
    return cacheable_csv(request, text, name="supporters-by-place.csv", is_public=False)


def places_table(places: ByPlace) -> Table:
    """Returns the places of five people or more. Fewer than five who say yes are an empty cell."""
    kinds = (("region", places.regions), ("constituency", places.constituencies))
    rows = [
        (kind, place.name, place.people, small_groups.at_least(place.yes))
        for kind, found in kinds
        for place in listed(found)
    ]
    return Table(("Kind", "Place", "People", "Say yes"), tuple(rows))


def listed(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Returns the places of five people or more."""
    return tuple(place for place in places if place.people >= small_groups.FEWEST)


def _page(
    desk: Desk,
    lobby: Lobby,
    session: Session,
    form: forms.Form,
    now: datetime,
    *,
    status: int = 200,
    is_unknown: bool = False,
) -> Response:
    counted = supporter_counts.of_organisation(
        session, desk.organisation_id, counts=lobby.minute_counts
    )
    places = supporter_counts.by_place(session, counted.value)
    return desk.page(
        "organisers/supporters.html",
        status=status,
        counted=counted,
        contacts=CONTACTS,
        has_small=None in map(small_groups.at_least, counted.value.by_contact.values()),
        regions=listed(places.regions),
        top=listed(places.constituencies)[:TOP],
        fewest=small_groups.FEWEST,
        form=form,
        is_unknown=is_unknown,
        now=now,
    )


def _one(desk: Desk, found: KnownSupporter, now: datetime) -> Response:
    return desk.page(
        "organisers/supporter.html",
        found=found,
        contact=CONTACTS[found.contact],
        now=now,
    )

"""Privacy notices, contact addresses and the accessibility statement."""

from typing import Annotated

from fastapi import Query, Response

from api.http.dependencies import ReadSession, Slug
from api.http.late_routes import Router
from models import InstallationTextName
from services.campaigns import campaigns
from services.organisations import faces, installation_texts, notices, organisations
from web.base.rendering import page

LARGEST_VERSION = 2**31 - 1
Version = Annotated[int | None, Query(ge=1, le=LARGEST_VERSION)]
router = Router()


@router.get("/privacy/{organisation}")
def show_privacy(organisation: Slug, session: ReadSession, version: Version = None) -> Response:
    """Shows the privacy notice of an organisation, of now or of an earlier version.

    Without one of its own, it shows the notice that the service writes.
    """
    owner = organisations.by_slug(session, organisation)
    face = faces.of_organisation(session, owner)
    versions = notices.every_version(session, owner.id)
    if version is None:
        notice = versions[0] if versions else None
    else:
        notice = notices.version(session, owner.id, version)
    return page(
        "public/privacy.html",
        session,
        face=face,
        notice=notice,
        versions=versions,
        sections=() if notice else notices.generated(face),
    )


@router.get("/contact")
def list_contacts(session: ReadSession) -> Response:
    """Lists every organisation that has a campaign in public, with its contact address."""
    owners = campaigns.organisations_in_public(session)
    by_id = faces.of_organisations(session, owners)
    return page("public/contacts.html", session, faces=[by_id[owner.id] for owner in owners])


@router.get("/contact/{organisation}")
def show_contact(organisation: Slug, session: ReadSession) -> Response:
    """Shows how to reach an organisation."""
    owner = organisations.by_slug(session, organisation)
    face = faces.of_organisation(session, owner)
    return page("public/contact.html", session, face=face)


@router.get("/accessibility")
def show_accessibility(session: ReadSession) -> Response:
    """Shows the operator's accessibility statement, or the one that comes with the service."""
    text = installation_texts.find(session, InstallationTextName.ACCESSIBILITY)
    return page("public/accessibility.html", session, statement=text)

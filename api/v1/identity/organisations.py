"""The key's own organisation: who it is, and its privacy notice."""

from fastapi import Response
from sqlmodel import Session

from api.http.dependencies import CampaignsWriter, Now, ReadSession, TheLobby, WriteSession
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.schemas.organisation import (
    NewNotice,
    NoticeAnswer,
    OrganisationChange,
    OwnOrganisationAnswer,
    notice_answer,
    organisation_answer,
)
from models import Organisation
from services.assembly import Lobby
from services.organisations import identity, notices, organisations
from services.pictures import pictures

router = Router(tags=["organisation"])


@router.get("/organisation")
def read_organisation(
    caller: CampaignsWriter, session: ReadSession, lobby: TheLobby
) -> OwnOrganisationAnswer:
    """Read the key's organisation, with its logo and the privacy notice in force.

    Needs a key with `campaigns:write`, which no partner's key has.
    """
    return _answer(session, organisations.get(session, caller.organisation_id), lobby)


@router.patch("/organisation")
def change_organisation(
    body: OrganisationChange, caller: CampaignsWriter, session: WriteSession, lobby: TheLobby
) -> OwnOrganisationAnswer:
    """Change the given fields of the key's organisation. `null` removes a field.

    Needs a key with `campaigns:write`.
    """
    organisation = organisations.get(session, caller.organisation_id)
    identity.change(session, organisation, body.model_dump(exclude_unset=True))
    return _answer(session, organisation, lobby)


@router.post(
    "/organisation/privacy-notice",
    status_code=201,
    response_model=NoticeAnswer,
    responses=once_responses(),
)
def publish_notice(
    body: NewNotice, caller: CampaignsWriter, once: Once, now: Now, lobby: TheLobby
) -> Response:
    """Publish a version of the privacy notice. Earlier versions stay readable.

    The text of the current version changes nothing. Needs a key with `campaigns:write`.
    """

    def publish(session: Session) -> NoticeAnswer:
        organisation = organisations.get(session, caller.organisation_id)
        notice = notices.publish(session, organisation, body.text, now=now)
        return notice_answer(notice, organisation, lobby.settings.base_url)

    return once.answer(publish)


def _answer(session: Session, organisation: Organisation, lobby: Lobby) -> OwnOrganisationAnswer:
    return organisation_answer(
        organisation,
        logo=pictures.logo(session, organisation.id),
        notice=notices.current(session, organisation.id),
        base_url=lobby.settings.base_url,
    )

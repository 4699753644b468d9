"""Partners, their keys, and signatures that came through them."""

from typing import Any
from uuid import UUID

from sqlmodel import select

from models import Partner, Scope, Signature, Submission
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations, partners
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION
from tests.support.keys import Headers

PAPER, RADIO = "a-paper", "a-radio"
NAMES = {PAPER: "A Paper", RADIO: "A Radio"}
SECOND = "second"
WRITE_AND_READ = (Scope.SIGNATURES_WRITE, Scope.SIGNATURES_READ)
ROUTE = f"/v1/petitions/{PETITION}/signatures"


def add_partner(lobby: Lobby, slug: str = PAPER, *, organisation: str | None = None) -> Partner:
    with lobby.database.write() as session:
        owner = organisations.by_slug(
            session, organisation or invented_campaign.about().organisation
        )
        now = lobby.clock()
        return partners.create(session, organisation=owner, name=NAMES[slug], slug=slug, now=now)


def secret(lobby: Lobby, *scopes: Scope, organisation: str | None = None, **parts: Any) -> str:
    """Creates a key of the demonstration's organisation, or of another; returns it."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(
            session, organisation or invented_campaign.about().organisation
        )
        return api_keys.create(
            session, organisation=owner, scopes=list(scopes), now=lobby.clock(), **parts
        )


def bearer(key: str) -> Headers:
    return {"Authorization": f"Bearer {key}"}


def partner_key(lobby: Lobby, slug: str = PAPER, *scopes: Scope, **parts: Any) -> Headers:
    """Creates a key of an existing partner; without scopes it may write and read signatures."""
    return bearer(secret(lobby, *(scopes or WRITE_AND_READ), partner_slug=slug, **parts))


def add_second_petition(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        values = {"slug": SECOND, "action": "A second one", "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())


def record(lobby: Lobby, email: str, slug: str = PETITION, **values: Any) -> UUID:
    """Records and sorts a signature that is not confirmed yet; returns its id."""
    request = SignatureRequest(slug, "Anna Example", email, CAN_SIGN, **values)
    (row_id,) = signatures.sign_and_sort(lobby, request)
    return row_id


def confirm(lobby: Lobby, row_id: UUID) -> None:
    signatures.confirm(lobby, row_id)


def signed(lobby: Lobby, email: str, slug: str = PETITION, **values: Any) -> UUID:
    """Records and confirms a signature; returns its id."""
    row_id = record(lobby, email, slug, **values)
    confirm(lobby, row_id)
    return row_id


def newest(lobby: Lobby) -> Signature:
    """Returns the signature that was confirmed last."""
    with lobby.database.read() as session:
        return max(
            session.exec(select(Signature)),
            key=lambda signature: (signature.confirmed_at, signature.id),
        )


def confirm_newest(lobby: Lobby) -> Signature:
    """Confirms the submission that arrived last; returns its signature."""
    with lobby.database.read() as session:
        row_id = max(session.exec(select(Submission.id)))
    return signatures.confirm(lobby, row_id)

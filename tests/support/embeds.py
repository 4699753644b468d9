"""Partners with sites of their own, for tests of forms in other sites."""

from uuid import UUID

from sqlmodel import col, select

from models import Partner, Signature, Submission
from models.base import new_id
from services.assembly import Lobby
from services.campaigns import petitions
from tests.support import signatures
from tests.support.common import PETITION

PARTNER = "nurses-together"
THEIRS = "https://nurses.example.org"
EMBED = f"/embed/{PETITION}"


def add_partner(lobby: Lobby, *origins: str, slug: str = PARTNER) -> UUID:
    """Adds a partner of the petition's organisation that has these sites; returns its id."""
    partner_id = new_id()
    with lobby.database.write() as session:
        partner = Partner(
            id=partner_id,
            organisation_id=petitions.by_slug(session, PETITION).organisation_id,
            slug=slug,
            name="Nurses Together",
            allowed_origins=list(origins),
            created_at=lobby.clock(),
        )
        session.add(partner)
    return partner_id


def newest_signature(lobby: Lobby) -> Signature:
    """Confirms the newest submission, and returns its signature: ids grow with time."""
    with lobby.database.read() as session:
        newest = select(Submission.id).order_by(col(Submission.id).desc()).limit(1)
        submission_id = session.exec(newest).one()
    return signatures.confirm(lobby, submission_id)

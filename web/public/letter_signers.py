"""Who may see and send the letter of a signature: the browser that confirmed it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from models import Campaign, Signature
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.errors import NotFound
from services.letters import letter_links, proofs
from services.letters.drafting import editors, situations
from services.letters.drafting.editors import EditedLetter, LetterParts
from services.letters.drafting.rules import Writer
from services.letters.drafting.situations import Situation
from services.signatures import signature_states
from services.signatures.recording import HOME
from services.supporters import supporters
from web.base import stands
from web.base.forms import Form
from web.base.rendering import see_other
from web.base.signer_cookies import is_signer


@dataclass(frozen=True, slots=True)
class LetterSigner:
    """A signer who may write now, with what their letter needs."""

    token: str
    signature_id: UUID
    constituency_code: str
    name: str
    email: str
    postcode: str
    campaign: Campaign
    situation: Situation

    @property
    def writer(self) -> Writer:
        """Returns what the rules of letters need to know of the writer."""
        return Writer(self.postcode, self.name)

    def letter(self, parts: LetterParts) -> EditedLetter:
        """Returns the letter that the parts make."""
        return editors.edit(self.situation, parts, name=self.name)


def find(
    session: Session, request: Request, token: str, lobby: Lobby, now: datetime
) -> LetterSigner | Response:
    """Returns the signer, or the redirect for everybody else.

    A stranger, somebody whose signature has ended, and somebody whose seat is unknown are sent to
    the page that shows no person; somebody who has written already to the letter, and somebody who
    signed without a name to the form for everybody. Raises Gone or Invalid for a token that is no
    good.
    """
    signature_id = lobby.tokens.read(Purpose.THANKS, token)
    to_thanks = see_other(f"/thanks/{token}")
    if not is_signer(request, lobby, signature_id):
        return to_thanks
    signature = signature_states.get(session, signature_id)
    if not proofs.can_prove(signature):
        return to_thanks
    campaign = campaigns.get(session, petitions.get(session, signature.petition_id).campaign_id)
    if not signature.name.text:
        # A letter needs a name, which the form for everybody asks for.
        return see_other(f"/campaigns/{campaign.slug}/letter")
    code = signature.constituency_code
    try:
        situation = situations.of_seat(session, campaign, code, keyring=lobby.keyring, now=now)
    except NotFound:
        return to_thanks
    if sent := _sent(session, lobby, signature, situation):
        return sent
    return LetterSigner(
        token,
        signature_id,
        code,
        name=signature.name.text,
        email=supporters.get(session, signature.supporter_id).email.text,
        postcode=signature.postcode.text if signature.country == HOME else "",
        campaign=campaign,
        situation=situation,
    )


def _sent(
    session: Session, lobby: Lobby, signature: Signature, situation: Situation
) -> Response | None:
    if situation.member is None:
        return None
    letter_id = letter_links.sent_by(
        session,
        signature.supporter_id,
        member_id=situation.member.id,
        motion_id=situation.motion.id if situation.motion else None,
        campaign_id=situation.campaign.id,
    )
    if letter_id is None:
        return None
    return see_other(f"/letters/confirm/{lobby.tokens.issue(Purpose.LETTER, letter_id)}")


def values_of(signer: LetterSigner, letter: EditedLetter, form: Form) -> dict[str, Any]:
    """Returns what the templates of both pages need."""
    situation = signer.situation
    member = situation.member
    return {
        "signer": signer,
        "campaign": signer.campaign,
        "situation": situation,
        "member": member,
        "letter": letter,
        "form": form,
        "stand": stands.of_situation(member.name, situation) if member else None,
        "no_letter": situations.REASONS[situation.reason] if situation.reason else None,
    }

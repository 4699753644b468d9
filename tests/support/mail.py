"""Signatures and letters whose mails wait in the outbox, and their delivery."""

import worker
from models import (
    Letter,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.letters import intake, letter_states
from services.letters.drafting import situations
from services.letters.intake import NewLetter
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION

LETTER_BODY = "Dear MP,\n\nPlease sign.\n.\n..dots\nand a very long line: " + "word " * 300


def sign(lobby: Lobby, email: str = "anna@example.org") -> None:
    """Signs, so that a mail is queued."""
    signatures.sign_and_sort(lobby, SignatureRequest(PETITION, "Anna Example", email, CAN_SIGN))


def write_letter(lobby: Lobby, *, postcode: str = CAN_SIGN, body: str = LETTER_BODY) -> Letter:
    """Writes and confirms a letter, so that it is queued; returns it."""
    now = lobby.clock()
    address = intake.PostalAddress("1 Example Street", "Anytown", postcode)
    new = NewLetter("Anna Example", "anna@example.org", address, "A subject", body)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        situation = situations.of_postcode(
            session, campaign, lobby.postcodes.lookup(postcode), keyring=lobby.keyring, now=now
        )
        letter_id = intake.take_in(session, situation, new, keyring=lobby.keyring, now=now)
        return letter_states.confirm(session, letter_id, keyring=lobby.keyring, now=now)


def deliver_due(lobby: Lobby) -> None:
    """Sorts and delivers what is due."""
    worker.sort_submissions(lobby)
    while worker.deliver_due(lobby):
        pass

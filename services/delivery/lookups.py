"""Prefetches what a batch of messages needs, so that it is not looked up for each message."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session, SQLModel, col, select

from models import Campaign, Keyring, Letter, MessageKind, OutboxMessage, Supporter
from services.letters import letter_requests
from services.letters.drafting import situations
from services.letters.drafting.situations import Situation
from services.letters.letter_requests import LetterRequest
from services.signatures import signature_mails
from services.signatures.signature_mails import MailData

Row = TypeVar("Row", Letter, Supporter)


@dataclass(frozen=True, slots=True)
class Prefetched:
    """What a batch of messages needs.

    `rows` keeps references to rows, so that the session finds them by id without a statement.
    `signatures` are by the message's kind and subject, `letter_requests` by id, None if they were
    not looked up; one that is missing does not exist.
    `situations` are by the id of the letter; a missing one is looked up by the message that needs
    it.
    """

    rows: tuple[SQLModel, ...] = ()
    signatures: MailData | None = None
    letter_requests: Mapping[UUID, LetterRequest] | None = None
    situations: Mapping[UUID, Situation] = field(default_factory=dict)


NOTHING_PREFETCHED = Prefetched()


def prefetch(
    session: Session, messages: Sequence[OutboxMessage], *, keyring: Keyring, now: datetime
) -> Prefetched:
    """Looks everything up in a fixed number of statements per campaign.

    Raises if an encrypted row cannot be decrypted.
    """
    gathered = (*signature_mails.KINDS, *letter_requests.KINDS)
    about_letters = [message for message in messages if message.kind not in gathered]
    letters = _rows(session, Letter, {message.subject_id for message in about_letters})
    supporters = _rows(session, Supporter, {letter.supporter_id for letter in letters})
    to_members = {message.subject_id for message in messages if message.kind is MessageKind.LETTER}
    letter_situations = _situations(
        session,
        [letter for letter in letters if letter.id in to_members],
        keyring=keyring,
        now=now,
    )
    about_signatures = [message for message in messages if message.kind in signature_mails.KINDS]
    signatures = signature_mails.gather(
        session, about_signatures, keyring=keyring, today=now.date()
    )
    asking = [message for message in messages if message.kind in letter_requests.KINDS]
    requests = letter_requests.gather(session, asking, keyring=keyring)
    return Prefetched((*letters, *supporters), signatures, requests, letter_situations)


def _rows(session: Session, model: type[Row], ids: Collection[UUID]) -> list[Row]:
    return list(session.exec(select(model).where(col(model.id).in_(ids)))) if ids else []


def _situations(
    session: Session, letters: Sequence[Letter], *, keyring: Keyring, now: datetime
) -> dict[UUID, Situation]:
    by_campaign: dict[UUID, list[Letter]] = defaultdict(list)
    for letter in letters:
        by_campaign[letter.campaign_id].append(letter)
    by_letter: dict[UUID, Situation] = {}
    for campaign_id, campaign_letters in by_campaign.items():
        campaign = session.get_one(Campaign, campaign_id)
        codes = {letter.constituency_code for letter in campaign_letters}
        by_code = situations.of_seats(session, campaign, codes, keyring=keyring, now=now)
        by_letter |= {
            letter.id: by_code[letter.constituency_code]
            for letter in campaign_letters
            if letter.constituency_code in by_code
        }
    return by_letter

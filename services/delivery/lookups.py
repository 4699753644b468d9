"""What messages that are made together need, looked up once for all of them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session, SQLModel, col, select

from models import Campaign, Keyring, Letter, MessageKind, OutboxMessage, Supporter
from services.errors import Conflict
from services.letters.drafting import situations
from services.letters.drafting.situations import Situation
from services.signatures import signature_mails
from services.signatures.signature_mails import SignatureMailData

Row = TypeVar("Row", Letter, Supporter)


@dataclass(frozen=True, slots=True)
class Gathered:
    """`rows` are held so that the session does not forget them: it then finds them by their ids.

    `situations` are by campaign and constituency; what is missing is looked up by itself.
    `signatures` are all that there are of those that mails are about; None: nobody has looked.
    """

    rows: tuple[SQLModel, ...] = ()
    signatures: Mapping[UUID, SignatureMailData] | None = None
    situations: Mapping[tuple[UUID, str], Situation] = field(default_factory=dict)


NOTHING = Gathered()


def gather(
    session: Session, messages: Sequence[OutboxMessage], *, keyring: Keyring, now: datetime
) -> Gathered:
    """In a fixed handful of statements a campaign. Raises where a sealed row does not open."""
    of_letters = {each.subject_id for each in messages if each.kind not in signature_mails.KINDS}
    letters = _rows(session, Letter, of_letters)
    supporters = _rows(session, Supporter, {each.supporter_id for each in letters})
    going = {each.subject_id for each in messages if each.kind is MessageKind.LETTER}
    letter_situations = _situations(
        session, [each for each in letters if each.id in going], keyring=keyring, now=now
    )
    of_signatures = {each.subject_id for each in messages if each.kind in signature_mails.KINDS}
    signatures = signature_mails.gather(session, of_signatures, today=now.date())
    return Gathered((*letters, *supporters), signatures, letter_situations)


def _rows(session: Session, model: type[Row], ids: Collection[UUID]) -> list[Row]:
    return list(session.exec(select(model).where(col(model.id).in_(ids)))) if ids else []


def _situations(
    session: Session, letters: Sequence[Letter], *, keyring: Keyring, now: datetime
) -> dict[tuple[UUID, str], Situation]:
    codes: dict[UUID, set[str]] = defaultdict(set)
    for letter in letters:
        codes[letter.campaign_id].add(letter.constituency_code)
    found: dict[tuple[UUID, str], Situation] = {}
    for campaign_id, its_codes in codes.items():
        campaign = session.get_one(Campaign, campaign_id)
        try:
            by_code = situations.of_seats(session, campaign, its_codes, keyring=keyring, now=now)
        except Conflict:  # each of its letters meets that by itself, and is held for it
            continue
        found |= {(campaign_id, code): situation for code, situation in by_code.items()}
    return found

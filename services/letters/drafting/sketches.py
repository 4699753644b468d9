"""Stores sketches (hashes) of the letters to each MP, to measure how like them a new one is.

A letter has a sketch while it is queued or sent. It is stored when the letter is confirmed, and
deleted when the letter is held, rejected or cancelled, because the office did not get it then. So a
rewritten letter is not compared with its earlier version.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Campaign, Keyring, Letter, LetterSketch
from models.base import table_of
from services.errors import Invalid
from services.letters.drafting import likeness

_sketch = table_of(LetterSketch)
# The newest show what an office receives now, and a limit bounds the time of a comparison.
MOST_COMPARED = 10_000


@dataclass(frozen=True, slots=True)
class Likeness:
    """How similar a text is to the most similar earlier letter of the campaign to the same MP.

    `percent` is None if there is no earlier letter, `limit` if the organiser set none.
    """

    percent: float | None
    limit: int | None
    is_required: bool

    @property
    def is_above(self) -> bool:
        """True if the text is above the organiser's limit."""
        return self.percent is not None and self.limit is not None and self.percent > self.limit

    @property
    def is_refused(self) -> bool:
        """True if the text is above a limit that refuses letters."""
        return self.is_above and self.is_required

    @property
    def advice(self) -> str | None:
        """A sentence that tells the writer what to do; None if the text is not above the limit."""
        if not self.is_above:
            return None
        change = "Please change yours: add" if self.is_required else "Add"
        advice = f"{change} a sentence about you or where you live."
        return f"Your MP has had very similar letters. {advice}"


def compare(
    session: Session, campaign: Campaign, member_id: int, body: str, *, keyring: Keyring
) -> Likeness:
    """Compares a text with earlier letters of a campaign to a member. Nothing is stored."""
    key = _key(keyring, campaign.organisation_id, campaign.id, member_id)
    statement = (
        sa.select(_sketch.c.hashes)
        .where(_sketch.c.campaign_id == campaign.id, _sketch.c.member_id == member_id)
        .order_by(_sketch.c.made_at.desc())
        .limit(MOST_COMPARED)
    )
    stored = session.connection().execute(statement).scalars()
    earlier = (likeness.unpack(bytes(hashes)) for hashes in stored)
    percent = likeness.highest(likeness.sketch(body, key=key), earlier)
    return Likeness(percent, campaign.likeness_limit, campaign.likeness_is_required)


def refuse_too_alike(
    session: Session, campaign: Campaign, member_id: int, body: str, *, keyring: Keyring
) -> None:
    """Raises Invalid if the text is above a limit that refuses letters."""
    # Without such a limit the earlier letters need not be read.
    if campaign.likeness_is_required and campaign.likeness_limit is not None:
        result = compare(session, campaign, member_id, body, keyring=keyring)
        if result.is_refused:
            raise Invalid.field("body", "letter_too_alike", result.advice or "")


def store(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> None:
    """Stores the sketch of a letter that is queued."""
    organisation_id: UUID = letter.body.organisation_id
    key = _key(keyring, organisation_id, letter.campaign_id, letter.member_id)
    hashes = likeness.pack(likeness.sketch(letter.body.text, key=key))
    session.connection().execute(
        sa.insert(_sketch).values(
            letter_id=letter.id,
            campaign_id=letter.campaign_id,
            member_id=letter.member_id,
            hashes=hashes,
            made_at=now,
        )
    )


def delete(session: Session, letter_id: UUID) -> None:
    """Deletes the sketch of a letter that the office does not get, if there is one."""
    session.connection().execute(sa.delete(_sketch).where(_sketch.c.letter_id == letter_id))


def _key(keyring: Keyring, organisation_id: UUID, campaign_id: UUID, member_id: int) -> bytes:
    """A key per member and campaign: sketches do not reveal who sent the same text to two."""
    return keyring.blind_index(organisation_id, f"likeness {campaign_id} {member_id}")

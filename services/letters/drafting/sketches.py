"""What is kept of the letters that an MP got, to tell how alike a new one is.

A sketch is there while its letter is on its way or has gone: it is made when the letter is
confirmed, and forgotten when the letter is held, refused or cancelled, for then the office never
got it. So a letter written anew is not compared with itself.
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
# Newer ones tell what an office sees today, and the time that comparing takes stays bounded.
MOST_COMPARED = 10_000


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike a text is to what its MP already got from the campaign.

    `percent` is None where nobody wrote yet, `limit` where the organiser set none.
    """

    percent: float | None
    limit: int | None
    is_required: bool

    @property
    def is_above(self) -> bool:
        """More alike than the organiser wants letters to be."""
        return self.percent is not None and self.limit is not None and self.percent > self.limit

    @property
    def is_refused(self) -> bool:
        """Too alike to be taken in."""
        return self.is_above and self.is_required

    @property
    def advice(self) -> str | None:
        """What to do about it; None where nothing needs doing."""
        if not self.is_above:
            return None
        must = "Please change it" if self.is_required else "It will count for more if you change it"
        return (
            f"This letter is {self.percent:.0f}% like one that your MP has already got. {must}: "
            "say in your own words why this matters to you or where you live, and leave out what "
            "others have said."
        )


def compare(
    session: Session, campaign: Campaign, member_id: int, body: str, *, keyring: Keyring
) -> Likeness:
    """Compare a text with the earlier letters of a campaign to a member. Nothing is kept."""
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
    """Invalid where the organiser wants no letter so like the earlier ones."""
    # Where nothing is refused, the earlier letters need not be read.
    if campaign.likeness_is_required and campaign.likeness_limit is not None:
        found = compare(session, campaign, member_id, body, keyring=keyring)
        if found.is_refused:
            raise Invalid.field("body", "letter_too_alike", found.advice or "")


def keep(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> None:
    """Make the sketch of a letter that goes on its way."""
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


def forget(session: Session, letter_id: UUID) -> None:
    """Delete the sketch of a letter that the office does not get, if there is one."""
    session.connection().execute(sa.delete(_sketch).where(_sketch.c.letter_id == letter_id))


def _key(keyring: Keyring, organisation_id: UUID, campaign_id: UUID, member_id: int) -> bytes:
    """Of its own for each member and campaign: sketches do not show who wrote the same to two."""
    return keyring.blind_index(organisation_id, f"likeness {campaign_id} {member_id}")

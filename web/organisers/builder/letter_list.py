"""The letters of a campaign as the builder lists them: in order, with the MPs who get each."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Campaign, Motion
from services.campaigns import campaigns
from services.letters.kinds import coverage, variants
from services.letters.kinds.conditions import Variant
from services.letters.kinds.coverage import Coverage, SittingMember
from web.organisers.builder import letter_words


@dataclass(frozen=True, slots=True)
class ListedLetter:
    """A letter in the list, with the number of MPs who get it today."""

    variant: Variant
    count: int
    is_first: bool
    is_last: bool

    @property
    def title(self) -> str:
        """The name of the letter, for people."""
        return letter_words.title(self.variant.name)

    @property
    def whom(self) -> str:
        """For which MPs it is."""
        return letter_words.whom(self.variant)

    @property
    def has_welsh(self) -> bool:
        """Returns whether it has a text in Welsh."""
        return "cy" in self.variant.texts


@dataclass(frozen=True, slots=True)
class LetterList:
    """All letters in order, and who gets them. `motion` is the campaign's current one.

    The letters are about a motion, or without one, as the campaign uses today.
    """

    motion: Motion | None
    variants: tuple[Variant, ...]
    is_built_in: bool
    members: tuple[SittingMember, ...]
    coverage: Coverage

    @property
    def has_motion(self) -> bool:
        """Returns whether the letters are about a motion."""
        return self.motion is not None

    @property
    def letters(self) -> list[ListedLetter]:
        """The letters from top to bottom."""
        last = len(self.variants) - 1
        return [
            ListedLetter(
                variant, len(self.coverage.by_variant[variant.name]), place == 0, place == last
            )
            for place, variant in enumerate(self.variants)
        ]

    def without(self, name: str) -> Coverage:
        """Returns who would get which letter without this one."""
        rest = [variant for variant in self.variants if variant.name != name]
        return coverage.of_members(rest, self.members)


def of_campaign(session: Session, campaign: Campaign, *, now: datetime) -> LetterList:
    """Returns the letters of a campaign, in a fixed number of statements."""
    motion = campaigns.motion_of(session, campaign.id)
    found = variants.of_campaign(session, campaign.id, has_motion=motion is not None)
    members = coverage.sitting_members(session, campaign, motion, now=now)
    covered = coverage.of_members(found.in_order, members)
    return LetterList(motion, found.in_order, found.is_built_in, members, covered)

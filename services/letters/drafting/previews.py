"""What each kind of member would read, before anybody writes to them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from models import Campaign, LetterAct, Motion
from services.campaigns import campaigns
from services.errors import Conflict, NotFound
from services.letters.drafting import composing, facts
from services.letters.drafting.composing import LetterFacts
from services.letters.kinds.conditions import Reader, Variant, choose, every_kind
from services.letters.kinds.variant_texts import LOCALES
from services.letters.kinds.variants import built_in
from services.mail.text_templates import Text
from services.parliament import motions, seats
from services.parliament.standing import Eligibility, Standing

_EARLIER = "123"
NO_TEXT = Text("", "")


@dataclass(frozen=True, slots=True)
class Preview:
    """A kind of member and what they would get; without a variant, no letter is written."""

    reader: Reader
    variant: str | None = None
    act: LetterAct | None = None
    locale: str | None = None
    text: Text = NO_TEXT


def of_kinds(
    variants: Sequence[Variant], campaign: Campaign, motion: Motion | None, *, locale: str
) -> list[Preview]:
    """For every standing, eligibility and role, and whoever else a condition singles out.

    A kind that signed an earlier motion stands apart only where that changes its letter.
    """
    found: list[Preview] = []
    for reader in every_kind():
        plain = of_reader(variants, reader, sample_facts(campaign, motion, reader), locale=locale)
        found.append(plain)
        returning = replace(reader, signed_earlier=True)
        letter_facts = sample_facts(campaign, motion, returning)
        other = of_reader(variants, returning, letter_facts, locale=locale)
        if (other.variant, other.text) != (plain.variant, plain.text):
            found.append(other)
    seen = {preview.variant for preview in found}
    for variant in variants:
        sample = variant.sample()
        if variant.name not in seen and sample and choose(variants, sample) is variant:
            letter_facts = sample_facts(campaign, motion, sample)
            found.append(of_reader(variants, sample, letter_facts, locale=locale))
    return found


def of_member(
    session: Session,
    campaign: Campaign,
    variants: Sequence[Variant],
    *,
    member_id: int,
    locale: str,
    now: datetime,
) -> Preview:
    """For a real one, as they stand today. NotFound where they hold no seat."""
    motion = campaigns.motion_of(session, campaign.id)
    if motion is None:
        raise Conflict("campaign_without_motion", "This campaign has no motion to write about yet.")
    house = seats.all_seats(session, today=now.date(), organisation_id=campaign.organisation_id)
    seat = next((seat for seat in house if seat.member and seat.member.id == member_id), None)
    if seat is None:
        raise NotFound("member_unknown", f"No member {member_id} holds a seat today.")
    position = motions.position_of_member(session, motion.id, member_id)
    eligibility = seats.seat_eligibility(seat, position.standing)
    told = facts.background(session, campaign, motion, seat)
    reader = facts.reader_of(seat, position, eligibility, told)
    letter_facts = facts.facts_of(campaign, motion, seat, told, locale=locale)
    return of_reader(variants, reader, letter_facts, locale=locale)


def of_reader(
    variants: Sequence[Variant], reader: Reader, letter_facts: LetterFacts, *, locale: str
) -> Preview:
    """For one member."""
    variant = choose(variants, reader)
    if variant is None:
        return Preview(reader)
    words = composing.worded(variant.texts, locale)
    text = composing.write(words, letter_facts)
    return Preview(reader, variant.name, variant.act, words.locale, text)


def unreached(variants: Sequence[Variant], previews: Sequence[Preview]) -> list[str]:
    """Names of variants that earlier ones leave nobody for, as far as the previews tell."""
    seen = {preview.variant for preview in previews}
    return [variant.name for variant in variants if variant.name not in seen]


def sample_facts(campaign: Campaign, motion: Motion | None, reader: Reader) -> LetterFacts:
    """Made up, but for the campaign's own title and motion."""
    return LetterFacts(
        member="Alex Example",
        constituency="Exampleton North",
        party=reader.party or "",
        motion_number=motion.number if motion else "1",
        motion_title=motion.title if motion else "A motion to be tabled",
        campaign=campaign.title,
        organisation="Our organisation",
        earlier_motion_number=_EARLIER if reader.signed_earlier else None,
        signatures=250,
        letters=reader.letters,
    )


def table() -> str:
    """Every standing, eligibility and language with the built-in letter, in Markdown.

    `docs/guide/letters.md` holds it, and a test compares the two.
    """
    lines = ["| standing | eligibility | language | letter |", "|---|---|---|---|"]
    for standing in Standing:
        for eligibility in Eligibility:
            for locale in LOCALES:
                variant = choose(built_in(), Reader(standing, eligibility))
                name = f"`{variant.name}`" if variant and locale in variant.texts else "none"
                lines.append(f"| `{standing}` | `{eligibility}` | `{locale}` | {name} |")
    return "\n".join(lines)

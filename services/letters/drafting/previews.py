"""Previews the letter that each kind of member would get."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from sqlmodel import Session

from models import Campaign, LetterAct, Motion, Petition
from services.campaigns import campaigns
from services.errors import NotFound
from services.letters.drafting import composing, facts
from services.letters.drafting.composing import LetterFacts
from services.letters.drafting.facts import Background
from services.letters.kinds.conditions import MemberProfile, Variant, choose, every_kind
from services.letters.kinds.coverage import SittingMember
from services.letters.kinds.variant_texts import LOCALES
from services.letters.kinds.variants import built_in
from services.mail.text_templates import MailText
from services.parliament import motions, seats
from services.parliament.standing import Eligibility, Standing, position_of

_EARLIER = "123"
# Never stored.
_SAMPLE_MOTION = Motion(
    id=0, number="1", title="A motion to be tabled", text="", tabled_on=date.min
)
NO_TEXT = MailText("", "")
INVENTED_SEAT = "Exampleton North"
# What a preview shows where a writer's own words and the points that they tick will be.
OWN_WORDS = "(Their own sentences go here.)"
CHOSEN_POINTS = "(The points that they tick go here.)"


@dataclass(frozen=True, slots=True)
class Preview:
    """A kind of member and their letter; they get none if `variant` is None."""

    profile: MemberProfile
    variant: str | None = None
    act: LetterAct | None = None
    locale: str | None = None
    text: MailText = NO_TEXT


def of_kinds(
    variants: Sequence[Variant],
    campaign: Campaign,
    motion: Motion | None,
    petition: Petition | None,
    *,
    locale: str,
) -> list[Preview]:
    """Previews every standing, eligibility and role, and a sample for each variant not yet shown.

    Members who signed an earlier motion are listed separately if their letter differs. Letters
    about a motion are previewed with an invented one if the campaign has none. Those without one
    are previewed for members who have not signed: without a motion, nobody has.
    """
    about, without = (_of_set(variants, has_motion) for has_motion in (True, False))
    found: list[Preview] = []
    if about:
        shown = motion or _SAMPLE_MOTION
        facts_in = partial(sample_facts, campaign, shown, petition)
        found += _of_kinds(about, every_kind(), facts_in, locale=locale)
    if without:
        kinds = [kind for kind in every_kind() if kind.standing is Standing.NOT_SIGNED]
        facts_in = partial(sample_facts, campaign, None, petition)
        found += _of_kinds(without, kinds, facts_in, locale=locale)
    return found


def _of_set(variants: Sequence[Variant], has_motion: bool) -> list[Variant]:
    return [each for each in variants if each.act.is_about_motion is has_motion]


def _of_kinds(
    variants: Sequence[Variant],
    kinds: Sequence[MemberProfile],
    facts_of: Callable[[MemberProfile, str], LetterFacts],
    *,
    locale: str,
) -> list[Preview]:
    previews: list[Preview] = []
    for profile in kinds:
        preview = of_profile(variants, profile, partial(facts_of, profile), locale=locale)
        previews.append(preview)
        returning = replace(profile, signed_earlier=True)
        other = of_profile(variants, returning, partial(facts_of, returning), locale=locale)
        if (other.variant, other.text) != (preview.variant, preview.text):
            previews.append(other)
    seen = {preview.variant for preview in previews}
    for variant in variants:
        sample = variant.sample()
        if variant.name not in seen and sample and choose(variants, sample) is variant:
            previews.append(of_profile(variants, sample, partial(facts_of, sample), locale=locale))
    return previews


def of_member(
    session: Session,
    campaign: Campaign,
    variants: Sequence[Variant],
    *,
    member_id: int,
    locale: str,
    now: datetime,
) -> Preview:
    """Previews the letter to a member, by today's data. NotFound if they hold no seat.

    Only variants of the set in use count: for a motion, or without one.
    """
    motion = campaigns.motion_of(session, campaign.id)
    has_motion = motion is not None
    variants = _of_set(variants, has_motion) or built_in(has_motion=has_motion)
    all_seats = seats.all_seats(session, today=now.date(), organisation_id=campaign.organisation_id)
    seat = next((seat for seat in all_seats if seat.member and seat.member.id == member_id), None)
    if seat is None:
        raise NotFound("member_unknown", f"No member {member_id} holds a seat today.")
    position = (
        motions.position_of_member(session, motion.id, member_id) if motion else position_of(())
    )
    eligibility = seats.seat_eligibility(seat, position.standing)
    background = facts.background(session, campaign, motion, seat)
    profile = facts.profile_of(seat, position, eligibility, background)

    def facts_in(locale: str) -> LetterFacts:
        return facts.facts_of(campaign, motion, seat, background, locale=locale)

    return of_profile(variants, profile, facts_in, locale=locale)


def of_sitting_member(
    background: Background,
    campaign: Campaign,
    motion: Motion | None,
    variants: Sequence[Variant],
    found: SittingMember,
    *,
    locale: str,
) -> Preview:
    """Previews the letter to an MP as a draft begins, with marks for what its writer adds.

    `background` is that of the MP (`facts.background_of`).
    """

    def facts_in(locale: str) -> LetterFacts:
        values = facts.facts_of(campaign, motion, found.seat, background, locale=locale)
        return _marked(values, campaign, variants, found.profile)

    return of_profile(variants, found.profile, facts_in, locale=locale)


def of_invented_member(
    campaign: Campaign,
    motion: Motion | None,
    petition: Petition | None,
    variants: Sequence[Variant],
    profile: MemberProfile,
    *,
    locale: str,
) -> Preview:
    """Previews the same letter to an invented MP, where no real one is of this kind."""

    def facts_in(locale: str) -> LetterFacts:
        values = sample_facts(campaign, motion, petition, profile, locale)
        return _marked(values, campaign, variants, profile)

    return of_profile(variants, profile, facts_in, locale=locale)


def _marked(
    values: LetterFacts, campaign: Campaign, variants: Sequence[Variant], profile: MemberProfile
) -> LetterFacts:
    variant = choose(variants, profile)
    has_own = variant is not None and any(texts.points for texts in variant.texts.values())
    points = (CHOSEN_POINTS,) if has_own or campaign.letter_points else ()
    return replace(values, personal=OWN_WORDS, points=points)


def of_profile(
    variants: Sequence[Variant],
    profile: MemberProfile,
    facts_in: Callable[[str], LetterFacts],
    *,
    locale: str,
) -> Preview:
    """Previews the letter to one kind of member. `facts_in` takes the language of its text."""
    variant = choose(variants, profile)
    if variant is None:
        return Preview(profile)
    wording = composing.texts_in(variant.texts, locale)
    text = composing.write(wording, facts_in(wording.locale))
    return Preview(profile, variant.name, variant.act, wording.locale, text)


def unreached(variants: Sequence[Variant], previews: Sequence[Preview]) -> list[str]:
    """Returns the names of variants that no preview shows: earlier variants come first."""
    seen = {preview.variant for preview in previews}
    return [variant.name for variant in variants if variant.name not in seen]


def sample_facts(
    campaign: Campaign,
    motion: Motion | None,
    petition: Petition | None,
    profile: MemberProfile,
    locale: str,
) -> LetterFacts:
    """Returns invented values, with the campaign's own title, motion and petition."""
    return LetterFacts(
        member="Alex Example",
        constituency=INVENTED_SEAT,
        party=profile.party or "",
        motion_number=motion.number if motion else "",
        motion_title=motion.title if motion else "",
        campaign=campaign.title,
        organisation="Our organisation",
        purpose=facts.purpose_of(campaign, locale),
        petition=petition.action if petition else "",
        addressed_to=petition.addressed_to if petition else "",
        earlier_motion_number=_EARLIER if profile.signed_earlier else None,
        signatures=250,
        letters=profile.letters,
    )


def table() -> str:
    """Returns a Markdown table of the built-in letter by motion, standing, eligibility, language.

    `docs/guide/letters.md` contains it, and a test compares the two.
    """
    lines = ["| motion | standing | eligibility | language | letter |", "|---|---|---|---|---|"]
    for has_motion, standing in (
        *((True, each) for each in Standing),
        (False, Standing.NOT_SIGNED),
    ):
        for eligibility in Eligibility:
            for locale in LOCALES:
                profile = MemberProfile(standing, eligibility)
                variant = choose(built_in(has_motion=has_motion), profile)
                name = f"`{variant.name}`" if variant and locale in variant.texts else "none"
                motion = "yes" if has_motion else "none"
                row = (motion, f"`{standing}`", f"`{eligibility}`", f"`{locale}`", name)
                lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)

"""A campaign's kinds of letter: its own, or else the built-in ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Campaign, CampaignMotion, LetterAct, LetterVariant
from models.base import table_of
from services.errors import Conflict, FieldError, Invalid
from services.letters.kinds import variant_texts
from services.letters.kinds.conditions import Conditions, Reader, Variant, choose
from services.letters.kinds.variant_texts import Texts
from services.parliament import motions, seats
from services.parliament.seats import Seat
from services.parliament.standing import Position, Standing, position_of

MOST_VARIANTS = 30
_NAMED = 3
_variant = table_of(LetterVariant)


@dataclass(frozen=True, slots=True)
class Variants:
    """In the order in which they are tried."""

    found: tuple[Variant, ...]
    is_built_in: bool


def built_in() -> tuple[Variant, ...]:
    """What a campaign uses that has none of its own; named as their acts."""
    order = (LetterAct.THANK, LetterAct.ASK, LetterAct.MINISTER, LetterAct.ANOTHER_WAY)
    return tuple(Variant(act.value, act, texts=variant_texts.built_in()[act]) for act in order)


def of_campaign(session: Session, campaign_id: UUID) -> Variants:
    """A campaign's own, or else the built-in ones."""
    statement = select(LetterVariant).where(LetterVariant.campaign_id == campaign_id)
    rows = session.exec(statement.order_by(col(LetterVariant.position))).all()
    if not rows:
        return Variants(built_in(), is_built_in=True)
    return Variants(tuple(_variant_of(row) for row in rows), is_built_in=False)


def save(
    session: Session, campaign: Campaign, variants: Sequence[Variant], *, now: datetime
) -> Variants:
    """Replace all of a campaign's own; with none, it goes back to the built-in ones.

    Invalid names every mistake with its line; Conflict where some member would get no letter.
    """
    given = checked(variants)
    # Of two who save at once, the second waits here and replaces what the first wrote.
    session.exec(select(Campaign.id).where(Campaign.id == campaign.id).with_for_update()).one()
    if given:
        _require_complete(session, campaign, given, now)
    session.connection().execute(sa.delete(_variant).where(_variant.c.campaign_id == campaign.id))
    session.add_all(_row(campaign, number, each, now) for number, each in enumerate(given))
    session.flush()
    return of_campaign(session, campaign.id)


def checked(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """With line breaks and spaces put right. Invalid names every mistake; none at all are good."""
    clean: list[Variant] = []
    wrong: list[FieldError] = []
    for number, variant in enumerate(variants):
        put_right, its_faults = _cleaned(variant)
        clean.append(put_right)
        faults = its_faults or _faults(put_right, {each.name for each in variants[:number]})
        wrong += [replace(each, field=f"variants.{number}.{each.field}") for each in faults]
    if variants and not _ends_in_fallback(variants):
        message = "The last letter must be for everybody: no conditions, and the act another_way."
        wrong.append(FieldError("variants", "fallback_missing", message))
    if wrong:
        raise Invalid("letters_wrong", "Some letters need another look.", tuple(wrong))
    return tuple(clean)


def require_complete(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Conflict where a campaign's letters leave some member out. The built-in ones never do."""
    variants = of_campaign(session, campaign.id)
    if not variants.is_built_in:
        _require_complete(session, campaign, variants.found, now)


def _require_complete(
    session: Session, campaign: Campaign, variants: Sequence[Variant], now: datetime
) -> None:
    """The fallback is for all who have not signed, so what can be missing is a thank-you."""
    if _thanks_everybody(variants) and _ends_in_fallback(variants):
        return
    left_out = _left_out(session, campaign, variants, now)
    names = ", ".join(left_out[:_NAMED]) or "whoever signs from now on"
    more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
    message = (
        f"There would be no letter to some members: {names}{more}. Add a letter with the act "
        "'thank' and no conditions, and as the last one a letter with the act 'another_way' and "
        "no conditions."
    )
    raise Conflict("letters_incomplete", message)


def _thanks_everybody(variants: Sequence[Variant]) -> bool:
    """Narrower ones that cover all of today's members would leave out one who signs tomorrow."""
    everybody = (Conditions(), Conditions(standing=(Standing.SIGNED,)))
    return any(each.act is LetterAct.THANK and each.conditions in everybody for each in variants)


def _ends_in_fallback(variants: Sequence[Variant]) -> bool:
    last = variants[-1]
    return last.conditions.is_empty and last.act is LetterAct.ANOTHER_WAY


def _left_out(
    session: Session, campaign: Campaign, variants: Sequence[Variant], now: datetime
) -> list[str]:
    """Today's members without a letter, but those who took their name off, in order of seats."""
    current = select(CampaignMotion.motion_id).where(
        CampaignMotion.campaign_id == campaign.id, col(CampaignMotion.is_current)
    )
    motion_id = session.exec(current).first()
    positions = motions.positions(session, motion_id) if motion_id else {}
    earlier = motions.signed_earlier(session, campaign.id)
    house = seats.all_seats(session, today=now.date(), organisation_id=campaign.organisation_id)
    found = []
    for seat in house:
        if seat.member is None:
            continue
        position = positions.get(seat.member.id, position_of(()))
        reader = _reader(seat, position, signed_earlier=seat.member.id in earlier)
        if position.standing is not Standing.WITHDRAWN and choose(variants, reader) is None:
            found.append(f"{seat.member.name} ({seat.constituency.name})")
    return found


def _reader(seat: Seat, position: Position, *, signed_earlier: bool) -> Reader:
    party = seat.member.party if seat.member else None
    return Reader(
        position.standing,
        seats.seat_eligibility(seat, position.standing),
        position.role,
        party=party,
        nation=seat.constituency.nation,
        signed_earlier=signed_earlier,
    )


def _cleaned(variant: Variant) -> tuple[Variant, list[FieldError]]:
    clean: dict[str, Texts] = {}
    wrong: list[FieldError] = []
    for locale, given in variant.texts.items():
        try:
            clean[locale] = variant_texts.cleaned(given)
        except Invalid as error:
            wrong += [replace(e, field=f"texts.{locale}.{e.field}") for e in error.fields]
    return replace(variant, texts=clean), wrong


def _faults(variant: Variant, taken: set[str]) -> list[FieldError]:
    found = []
    if variant.name in taken:
        found.append(FieldError("name", "name_taken", "Another letter has this name already."))
    if variant.name in set(LetterAct) and variant.name != variant.act:
        message = f"'{variant.name}' is the name of another act; choose another name."
        found.append(FieldError("name", "name_of_another_act", message))
    if not variant.suits_some():
        message = f"No member can ever get this: '{variant.act}' does not go with these conditions."
        found.append(FieldError("conditions", "conditions_never_hold", message))
    knows_earlier = variant.conditions.signed_earlier is True
    for locale, texts in variant.texts.items():
        faults = variant_texts.faults(texts, variant.act, knows_earlier=knows_earlier)
        found += [replace(each, field=f"texts.{locale}.{each.field}") for each in faults]
    return found


def _variant_of(row: LetterVariant) -> Variant:
    texts = {locale: Texts.from_json(kept) for locale, kept in row.texts.items()}
    return Variant(row.name, row.act, Conditions.from_json(row.conditions), texts)


def _row(campaign: Campaign, number: int, variant: Variant, now: datetime) -> LetterVariant:
    return LetterVariant(
        campaign_id=campaign.id,
        position=number,
        name=variant.name,
        act=variant.act,
        conditions=variant.conditions.as_json(),
        texts={locale: texts.as_json() for locale, texts in variant.texts.items()},
        updated_at=now,
    )

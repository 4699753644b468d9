"""The kinds of letter of a campaign: its own, or the built-in ones if it has none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Campaign, LetterAct, LetterVariant
from models.base import table_of
from services.campaigns import campaigns
from services.errors import Conflict, FieldError, Invalid
from services.letters.kinds import coverage, variant_texts
from services.letters.kinds.conditions import Conditions, Variant
from services.letters.kinds.variant_texts import VariantTexts
from services.parliament.standing import Standing

MOST_VARIANTS = 30
LONGEST_NAME = 40
RESERVED_NAMES = frozenset({"new"})
"""Names that would clash with the addresses of organisers' pages."""
_NAMED = 3
_variant = table_of(LetterVariant)


@dataclass(frozen=True, slots=True)
class Variants:
    """The kinds of letter of a campaign, in the order in which they are tried."""

    in_order: tuple[Variant, ...]
    is_built_in: bool


def built_in() -> tuple[Variant, ...]:
    """Returns the built-in kinds of letter, which are named like their acts."""
    order = (LetterAct.THANK, LetterAct.ASK, LetterAct.MINISTER, LetterAct.ANOTHER_WAY)
    return tuple(Variant(act.value, act, texts=variant_texts.built_in()[act]) for act in order)


def of_campaign(session: Session, campaign_id: UUID) -> Variants:
    """Returns a campaign's own kinds of letter, or the built-in ones if it has none."""
    statement = select(LetterVariant).where(LetterVariant.campaign_id == campaign_id)
    rows = session.exec(statement.order_by(col(LetterVariant.position))).all()
    if not rows:
        return Variants(built_in(), is_built_in=True)
    return Variants(tuple(_variant_of(row) for row in rows), is_built_in=False)


def leave_out_members(rows: Sequence[LetterVariant]) -> bool:
    """Returns whether a campaign's own kinds of letter, in their order, suit some members not.

    Without any, the campaign uses the built-in ones, which suit all.
    """
    return bool(rows) and not _is_complete([_variant_of(row) for row in rows])


def save(
    session: Session,
    campaign: Campaign,
    variants: Sequence[Variant],
    *,
    now: datetime,
    is_unfinished: bool = False,
) -> Variants:
    """Replaces all of a campaign's kinds of letter. With none it uses the built-in ones again.

    Invalid names every mistake with its line. Conflict if some member would get no letter, except
    with `is_unfinished`, for a draft made in the browser: it cannot open before everybody gets one.
    """
    new = checked(variants, is_unfinished=is_unfinished)
    # The second of two concurrent calls waits here, and then replaces what the first one wrote.
    lock(session, campaign)
    if new and not is_unfinished:
        _require_complete(session, campaign, new, now)
    session.connection().execute(sa.delete(_variant).where(_variant.c.campaign_id == campaign.id))
    session.add_all(_row(campaign, number, variant, now) for number, variant in enumerate(new))
    session.flush()
    return of_campaign(session, campaign.id)


def lock(session: Session, campaign: Campaign) -> None:
    """Lets only this transaction change the kinds of letter of a campaign until it ends."""
    session.exec(select(Campaign.id).where(Campaign.id == campaign.id).with_for_update()).one()


def checked(variants: Sequence[Variant], *, is_unfinished: bool = False) -> tuple[Variant, ...]:
    """Normalises line breaks and spaces. Invalid names every mistake; an empty list is valid.

    An unfinished list needs no last letter for everybody.
    """
    clean: list[Variant] = []
    all_errors: list[FieldError] = []
    for number, variant in enumerate(variants):
        cleaned, text_errors = _cleaned(variant)
        clean.append(cleaned)
        errors = text_errors or _faults(cleaned, {other.name for other in variants[:number]})
        all_errors += [replace(error, field=f"variants.{number}.{error.field}") for error in errors]
    if variants and not is_unfinished and not _ends_in_fallback(variants):
        message = "The last letter must be for everybody: no conditions, and the act another_way."
        all_errors.append(FieldError("variants", "fallback_missing", message))
    if all_errors:
        raise Invalid("letters_wrong", "Some letters need another look.", tuple(all_errors))
    return tuple(clean)


def require_complete(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Raises Conflict if some member would get no letter. With the built-in ones all get one."""
    variants = of_campaign(session, campaign.id)
    if not variants.is_built_in:
        _require_complete(session, campaign, variants.in_order, now)


def _require_complete(
    session: Session, campaign: Campaign, variants: Sequence[Variant], now: datetime
) -> None:
    if _is_complete(variants):
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


def _is_complete(variants: Sequence[Variant]) -> bool:
    """The fallback suits all who have not signed, so that only a thank-you can be missing."""
    return _thanks_everybody(variants) and _ends_in_fallback(variants)


def _thanks_everybody(variants: Sequence[Variant]) -> bool:
    """Narrower conditions may cover today's members, but not one who signs tomorrow."""
    everybody = (Conditions(), Conditions(standing=(Standing.SIGNED,)))
    return any(
        variant.act is LetterAct.THANK and variant.conditions in everybody for variant in variants
    )


def _ends_in_fallback(variants: Sequence[Variant]) -> bool:
    last = variants[-1]
    return last.conditions.is_empty and last.act is LetterAct.ANOTHER_WAY


def _left_out(
    session: Session, campaign: Campaign, variants: Sequence[Variant], now: datetime
) -> list[str]:
    """Returns today's members without a letter by seat, except those who withdrew their names."""
    motion = campaigns.motion_of(session, campaign.id)
    members = coverage.sitting_members(session, campaign, motion, now=now)
    return [
        f"{found.seat.member.name} ({found.seat.constituency.name})"
        for found in coverage.of_members(variants, members).left_out
        if found.seat.member
    ]


def _cleaned(variant: Variant) -> tuple[Variant, list[FieldError]]:
    clean: dict[str, VariantTexts] = {}
    wrong: list[FieldError] = []
    for locale, template_texts in variant.texts.items():
        try:
            clean[locale] = variant_texts.cleaned(template_texts)
        except Invalid as error:
            wrong += [replace(e, field=f"texts.{locale}.{e.field}") for e in error.fields]
    return replace(variant, texts=clean), wrong


def _faults(variant: Variant, taken: set[str]) -> list[FieldError]:
    errors = []
    if variant.name in RESERVED_NAMES:
        message = f"'{variant.name}' is a word of our own addresses; choose another name."
        errors.append(FieldError("name", "name_reserved", message))
    if variant.name in taken:
        errors.append(FieldError("name", "name_taken", "Another letter has this name already."))
    if variant.name in set(LetterAct) and variant.name != variant.act:
        message = f"'{variant.name}' is the name of another act; choose another name."
        errors.append(FieldError("name", "name_of_another_act", message))
    if not variant.suits_some():
        message = f"No member can ever get this: '{variant.act}' does not go with these conditions."
        errors.append(FieldError("conditions", "conditions_never_hold", message))
    knows_earlier = variant.conditions.signed_earlier is True
    for locale, texts in variant.texts.items():
        text_errors = variant_texts.faults(texts, variant.act, knows_earlier=knows_earlier)
        errors += [replace(error, field=f"texts.{locale}.{error.field}") for error in text_errors]
    return errors


def _variant_of(row: LetterVariant) -> Variant:
    texts = {locale: VariantTexts.from_json(stored) for locale, stored in row.texts.items()}
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

"""Slugs made from titles."""

from itertools import count as count_up

from sqlmodel import Session, col, or_, select

from models import Campaign, Petition
from services.common import texts

LONGEST_MADE = 60
"""Leaves room for a number to be appended."""


def made_of(title: str, *, otherwise: str) -> str:
    """Returns a slug with the words of a title; `otherwise` for one of another script."""
    return texts.as_slug(title, longest=LONGEST_MADE) or otherwise


def free(session: Session, model: type[Campaign] | type[Petition], wanted: str) -> str:
    """Returns the first of `wanted`, `wanted-2`, `wanted-3` and so on that no row has."""
    alike = or_(model.slug == wanted, col(model.slug).startswith(f"{wanted}-"))
    taken = set(session.exec(select(model.slug).where(alike)))
    slugs = (f"{wanted}-{number}" if number > 1 else wanted for number in count_up(1))
    return next(slug for slug in slugs if slug not in taken)

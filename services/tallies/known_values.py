"""Checks that a filter of the tally names a party, a nation and a region that there are.

A program that filters by a word that nothing has would take 'none' for the answer.
"""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, select

from models import Member
from models.constituency import NATIONS
from services.common.nearest import hint
from services.errors import FieldError, Invalid
from services.parliament import parties
from services.tallies.seat_table import TallyFilter, TallyRow


def require(session: Session, wanted: TallyFilter, rows: Sequence[TallyRow]) -> None:
    """Raises Invalid with the nearest name for each value that is unknown.

    Parties of members who have left Parliament are known, so that no filter breaks with a
    by-election. Case does not count.
    """
    faults = []
    if wanted.party is not None and not _is_in(wanted.party, parties_of(rows)):
        every = _all_parties(session)
        if not _is_in(wanted.party, every):
            faults.append(_fault("party", wanted.party, every))
    for field, value, known in (
        ("nation", wanted.nation, {*NATIONS.values(), *nations_of(rows)}),
        ("region", wanted.region, regions_of(rows)),
    ):
        if value is not None and not _is_in(value, known):
            faults.append(_fault(field, value, known))
    if faults:
        raise Invalid(faults[0].code, faults[0].message, tuple(faults))


def parties_of(rows: Sequence[TallyRow]) -> set[str]:
    """Returns each name by which the filter knows a party of these rows."""
    given = {row.party for row in rows if row.party}
    return {name for party in given for name in parties.names_of(party)}


def nations_of(rows: Sequence[TallyRow]) -> set[str]:
    return {row.constituency.nation for row in rows}


def regions_of(rows: Sequence[TallyRow]) -> set[str]:
    return {row.constituency.region for row in rows}


def _all_parties(session: Session) -> set[str]:
    given = session.exec(select(Member.party).distinct())
    return {name for party in given for name in parties.names_of(party)}


def _is_in(value: str, known: Iterable[str]) -> bool:
    return parties.group(value).casefold() in {name.casefold() for name in known}


def _fault(field: str, value: str, known: Iterable[str]) -> FieldError:
    message = f"There is no such {field}.{hint(value, known)}"
    return FieldError(field, f"{field}_unknown", message)

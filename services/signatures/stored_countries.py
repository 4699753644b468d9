"""Corrects signatures that were stored with the country `UK`, and finds codes of no country.

Earlier versions stored every two letters as they were sent, and counted `UK` abroad. All functions
can run beside processes of such a version: a row that one of them writes meanwhile is found by the
next look. When no process writes `UK` any more, `look` and `correct` can go.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Signature, SignatureState, Supporter
from models.base import table_of
from models.constituency import OVERSEAS
from services.common import countries
from services.common.countries import HOME
from services.errors import Invalid
from services.signatures.recording import Lookup, constituency_at
from services.tallies import counts

BEGINNING, _END = UUID(int=0), UUID(int=(1 << 128) - 1)
_UK = "UK"
_signature, _supporter = table_of(Signature), table_of(Supporter)
_IDS: sa.BindParameter[Sequence[UUID]] = sa.bindparam("ids", expanding=True)
# Sealed postcodes are read as bytes: a damaged one must not spoil the other rows of a statement.
# Locks that change no key let other transactions insert rows that refer to these.
_LOCKED = (
    sa.select(
        _signature.c.id,
        _signature.c.petition_id,
        _signature.c.supporter_id,
        _signature.c.state,
        _signature.c.constituency_code,
        _signature.c.confirmed_at,
        sa.type_coerce(_signature.c.postcode, sa.LargeBinary).label("postcode"),
    )
    .where(_signature.c.id.in_(_IDS), _signature.c.country == _UK)
    .order_by(_signature.c.id)
    .with_for_update(key_share=True)
)
_CORRECT = (
    sa.update(_signature)
    .where(_signature.c.id == sa.bindparam("row_id"))
    .values(country=HOME, constituency_code=sa.bindparam("new_code"))
)
_ABROAD_LOCKED = (
    sa.select(
        _supporter.c.id, sa.type_coerce(_supporter.c.postcode, sa.LargeBinary).label("postcode")
    )
    .where(_supporter.c.id.in_(_IDS), _supporter.c.constituency_code == OVERSEAS)
    .order_by(_supporter.c.id)
    .with_for_update(key_share=True)
)
_CORRECT_SUPPORTER = (
    sa.update(_supporter)
    .where(_supporter.c.id == sa.bindparam("row_id"))
    .values(constituency_code=sa.bindparam("new_code"))
)


@dataclass(frozen=True, slots=True)
class Part:
    """The ids of signatures to correct in a part of the table, and the part's last id.

    `last` is None for the last part.
    """

    ids: list[UUID]
    last: UUID | None


class Corrected(NamedTuple):
    """The number of signatures that were corrected, and the ids of those that could not be."""

    number: int
    left: list[UUID]


@dataclass(frozen=True, slots=True)
class _Correction:
    """A locked row of a signature, its postcode, and the constituency's code that it gets."""

    row: Any
    postcode: str
    code: str


def look(session: Session, *, after: UUID, limit: int) -> Part:
    """Finds the signatures to correct among the `limit` next ones, in the order of their ids.

    There is no index for it: the parts together read the whole table.
    """
    later = sa.select(_signature.c.id).where(_signature.c.id > after).order_by(_signature.c.id)
    last = session.connection().execute(later.offset(limit - 1).limit(1)).scalar()
    found = later.where(_signature.c.id <= (last or _END), _signature.c.country == _UK)
    return Part(list(session.connection().execute(found).scalars()), last)


def correct(
    session: Session, ids: Sequence[UUID], *, postcodes: Lookup, keyring: Keyring
) -> Corrected:
    """Makes `UK` the country `GB`, with the constituency of the postcode.

    A confirmed signature moves in the tally, and its supporter gets the same constituency if the
    details are from it. A signature whose postcode does not open or is malformed stays as it is.
    Locks are taken in the order of confirmations: signatures, tallies, supporters.
    """
    rows = session.connection().execute(_LOCKED, {"ids": sorted(ids)}).all()
    found = [
        correction
        for row in rows
        if (correction := _corrected(row, postcodes, keyring)) is not None
    ]
    if found:
        changes = [{"row_id": item.row.id, "new_code": item.code} for item in found]
        session.connection().execute(_CORRECT, changes)
        _move(session, found)
        _correct_supporters(session, found, keyring)
    left = {row.id for row in rows} - {item.row.id for item in found}
    return Corrected(len(found), sorted(left))


def unassigned(session: Session) -> dict[str, int]:
    """Returns how many signatures have which code of no country. Reads all signatures."""
    country = _signature.c.country
    statement = sa.select(country, sa.func.count()).group_by(country).order_by(country)
    rows = session.connection().execute(statement)
    return {code: count for code, count in rows if countries.is_unassigned(code)}


def _corrected(row: Any, postcodes: Lookup, keyring: Keyring) -> _Correction | None:
    postcode = _opened(row.postcode, "signature.postcode", keyring)
    if postcode is None:
        return None
    try:
        return _Correction(row, postcode, constituency_at(HOME, postcode, postcodes))
    except Invalid:
        return None


def _opened(sealed: bytes | None, purpose: str, keyring: Keyring) -> str | None:
    """Returns a decrypted text, or None if there is none or it is damaged."""
    try:
        return keyring.text_of(bytes(sealed), purpose) if sealed else None
    except ValueError:
        return None


def _move(session: Session, found: Iterable[_Correction]) -> None:
    changes: Counter[tuple[UUID, str]] = Counter()
    for item in found:
        if item.row.state is SignatureState.CONFIRMED:
            changes[item.row.petition_id, item.row.constituency_code] -= 1
            changes[item.row.petition_id, item.code] += 1
    counts.move_signatures(session, changes)


def _correct_supporters(session: Session, found: Iterable[_Correction], keyring: Keyring) -> None:
    """Corrects supporters abroad whose postcode is that of their signature.

    Details come with a confirmation, so a signature that was never confirmed changes nothing.
    """
    codes: defaultdict[UUID, dict[str, str]] = defaultdict(dict)
    for item in found:
        if item.row.confirmed_at is not None:
            codes[item.row.supporter_id][item.postcode] = item.code
    changes = []
    for supporter_id, sealed in session.connection().execute(
        _ABROAD_LOCKED, {"ids": sorted(codes)}
    ):
        postcode = _opened(sealed, "supporter.postcode", keyring)
        code = codes[supporter_id].get(postcode) if postcode is not None else None
        if code is not None:
            changes.append({"row_id": supporter_id, "new_code": code})
    if changes:
        session.connection().execute(_CORRECT_SUPPORTER, changes)

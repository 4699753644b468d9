"""Imported signatures whose signers are asked to confirm them.

The importer may know who has signed, so they are sorted in the transaction that inserts them: each
person is asked once, and nobody who has signed, withdrawn, or been asked already.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Signature, SignatureState, Submission, Supporter
from models.base import table_of
from services.database.bulk import BulkLookup
from services.signatures.entries import Outcome, SignatureEntry
from services.signatures.imported import STRONGEST_FIRST
from services.signatures.submitted import new_submission
from services.submissions import intake, sorting
from services.supporters.supporters import EmailAddress

_signature, _submission = table_of(Signature), table_of(Submission)
_supporter = table_of(Supporter)
_SIGNATURES = BulkLookup(
    lambda among: (
        sa.select(
            _signature.c.petition_id, _supporter.c.email_index, _signature.c.id, _signature.c.state
        )
        .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
        .where(
            among(_supporter.c.organisation_id, "organisations"),
            among(_supporter.c.email_index, "indexes"),
            _signature.c.state.in_(STRONGEST_FIRST),
        )
    ),
    is_long=True,
)
_SUBMISSIONS = BulkLookup(
    lambda among: sa.select(
        _submission.c.petition_id, _submission.c.address_index, _submission.c.id
    ).where(among(_submission.c.address_index, "indexes"), _submission.c.petition_id.is_not(None)),
    is_long=True,
)
_ROWS = BulkLookup(lambda among: sa.select(*sorting.COLUMNS).where(among(_submission.c.id, "ids")))
_Key = tuple[str, bytes]


def record(
    session: Session, entries: Iterable[SignatureEntry], *, keyring: Keyring, now: datetime
) -> dict[int, Outcome]:
    """Records the imports that need a confirmation; returns outcomes by position.

    Others are left out. The mails over a limit wait, as those of all submissions.
    """
    wanted = [
        (entry, _key(entry, keyring))
        for entry in entries
        if (origin := entry.request.imported) is not None and not origin.is_confirmed
    ]
    if not wanted:
        return {}
    # Before the look-up: two imports of the same people at once would ask each of them twice.
    sorting.wait_for_turn(session)
    known = _known(session, wanted)
    firsts: dict[_Key, SignatureEntry] = {}
    for entry, key in wanted:
        if key not in known:
            firsts.setdefault(key, entry)
    submissions = [new_submission(entry) for entry in firsts.values()]
    ids = dict(zip(firsts, intake.insert(session, submissions, now=now), strict=True))
    _sort(session, list(ids.values()), keyring, now)
    new = {key: (row_id, SignatureState.PENDING) for key, row_id in ids.items()}
    outcomes = {}
    for entry, key in wanted:
        row_id, state = (known | new)[key]
        is_new = firsts.get(key) is entry
        outcomes[entry.position] = Outcome(
            row_id=row_id,
            constituency_code=entry.code,
            is_new=is_new,
            is_repeat_in_batch=key in firsts and not is_new,
            state=state,
        )
    return outcomes


def _key(entry: SignatureEntry, keyring: Keyring) -> _Key:
    owner = entry.petition.organisation_id
    return entry.petition.id, EmailAddress.of(owner, entry.request.email, keyring).index


def _known(
    session: Session, wanted: Sequence[tuple[SignatureEntry, _Key]]
) -> dict[_Key, tuple[str, SignatureState]]:
    """Returns what people have already: the strongest signature, or else a submission."""
    indexes = list({index for _, (_, index) in wanted})
    owners = list({entry.petition.organisation_id for entry, _ in wanted})
    known: dict[_Key, tuple[str, SignatureState]] = {}
    for petition_id, index, row_id in _SUBMISSIONS.rows(session, indexes=indexes):
        known[petition_id.hex, bytes(index)] = (row_id.hex, SignatureState.PENDING)
    signatures = list(_SIGNATURES.rows(session, organisations=owners, indexes=indexes))
    for state in reversed(STRONGEST_FIRST):  # the strongest last, so that it stays
        for row in signatures:
            if row.state is state:
                known[row.petition_id.hex, bytes(row.email_index)] = (row.id.hex, state)
    return known


def _sort(session: Session, ids: Sequence[str], keyring: Keyring, now: datetime) -> None:
    for start in range(0, len(ids), sorting.BATCH):
        some = [UUID(row_id) for row_id in ids[start : start + sorting.BATCH]]
        rows = list(_ROWS.rows(session, ids=some))
        sorting.sort(session, sorting.prepare(rows, keyring=keyring), now=now)

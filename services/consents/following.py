"""Lets copies of signatures follow the answers of their signers.

What a signature shows depends on its signer's latest answers, wherever they were given. Whoever
changes answers of a supporter does it within `followed`.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Signature
from models.base import table_of
from services.database import bulk
from services.supporters import shown_consents
from services.webhooks import events
from services.webhooks.events import ConsentChange, SignatureFact

_signature = table_of(Signature)


@contextmanager
def followed(
    session: Session,
    supporter_ids: Collection[UUID],
    *,
    now: datetime,
    new: Collection[UUID] = (),
) -> Iterator[None]:
    """Runs a change of the answers of supporters, and dates and tells what it changes.

    The caller holds the locks of the supporters. Each of their signatures that shows another answer
    afterwards is dated to `now`, so that lists by the time of change have it again, and its event
    is queued. `new` are signatures that were inserted just now, and that others tell of. Signatures
    are locked by id, before any tally.
    """
    if not supporter_ids:
        yield
        return
    before = shown_consents.of_supporters(session, supporter_ids)
    yield
    if not before.keys() - set(new):
        return
    after = shown_consents.of_supporters(session, supporter_ids)
    changes = [
        ConsentChange(_fact(row), before[row.id].consents, row.consents)
        for row in after.values()
        if row.id not in new and row.id in before and row.consents != before[row.id].consents
    ]
    _date(session, changes, now)
    events.preferences_changed(session, changes, now=now)


def _fact(row: shown_consents.ShownSignature) -> SignatureFact:
    return SignatureFact(row.id, row.petition_id, row.constituency_code, row.signed_at)


def _date(session: Session, changes: Sequence[ConsentChange], now: datetime) -> None:
    all_ids = [change.signature.id for change in changes]
    bulk.update_columns(session, _signature, all_ids, {}, {"changed_at": now})
    # A partner must not learn that somebody has answered another question.
    own_ids = [change.signature.id for change in changes if "partner" in change.names]
    bulk.update_columns(session, _signature, own_ids, {}, {"partner_changed_at": now})

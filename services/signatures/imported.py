"""Imported signatures: given on paper or in another system.

They count at once, as vouched for by the importer, and never override what a person did here: a
confirmed signature stays unchanged, a withdrawn or disowned one does not count, and an answer about
news that was given here stays in force.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Signature, SignatureState
from models.base import table_of
from services.signatures import signature_states
from services.signatures.entries import SignatureEntry, origin_columns, signer_columns
from services.supporters import supporters
from services.tallies import counts
from services.webhooks import events
from services.webhooks.events import SignatureFact

_signature = table_of(Signature)
_CONFIRM = (
    sa.update(_signature)
    .where(
        _signature.c.id.in_(sa.bindparam("ids", expanding=True)),
        _signature.c.state.in_(signature_states.UNCONFIRMED),
    )
    .values(state=SignatureState.CONFIRMED, ended_at=None)
    .returning(_signature.c.id)
)
_OVERWRITTEN = (
    "constituency_code",
    "name",
    "postcode",
    "comment",
    "country",
    "locale",
    "source",
    "partner_id",
    "provenance",
    "signed_at",
    "confirmed_at",
)
_OVERWRITE = (
    sa.update(_signature)
    .where(_signature.c.id == sa.bindparam("row_id"))
    .values({name: sa.bindparam(f"new_{name}") for name in _OVERWRITTEN})
)


def count_imported(session: Session, entries: Sequence[SignatureEntry], *, now: datetime) -> None:
    """Count confirmed imports, each once, and set `is_counted` on their entries.

    New signatures count, and so do those that were here unconfirmed. Fills in the names and
    postcodes of supporters that had none.
    """
    for entry in entries:
        entry.is_counted = entry.is_new and entry.is_to_count
    _confirm_existing(session, entries, now)
    counted = [entry for entry in entries if entry.is_counted]
    if not counted:
        return
    by_seat = ((entry.petition.id, entry.code) for entry in counted)
    counts.count_signatures(session, by_seat, now=now)
    facts = (
        SignatureFact(entry.signature_id, entry.petition.id, entry.code, signed_at)
        for entry, signed_at in zip(
            counted, origin_columns(counted, now=now)["signed_at"], strict=True
        )
    )
    events.signatures_confirmed(session, facts, now=now)
    # New supporters were inserted with their details.
    existing = [entry for entry in counted if not (entry.is_new and entry.is_new_supporter)]
    supporters.fill_in_unknown(session, {entry.supporter_id: entry.address for entry in existing})


def note_answers(session: Session, entries: Sequence[SignatureEntry], *, now: datetime) -> None:
    """Save the imported answers about news of signatures that are new or newly counted."""
    answers = [
        supporters.ImportedAnswer(
            entry.petition.organisation_id,
            UUID(entry.supporter_id),
            entry.request.updates,
            signature_id=UUID(entry.signature_id),
            provenance=entry.request.imported.provenance,
            given_at=entry.request.imported.signed_at or now,
            effective_at=now if entry.is_counted else None,
        )
        for entry in entries
        if (entry.is_new or entry.is_counted)
        and entry.request.imported is not None
        and entry.request.updates is not None
    ]
    supporters.note_imported(session, answers, now=now)


def _confirm_existing(session: Session, entries: Sequence[SignatureEntry], now: datetime) -> None:
    unconfirmed: dict[UUID, SignatureEntry] = {}
    for entry in entries:
        if entry.is_to_count and not entry.is_new and entry.state in signature_states.UNCONFIRMED:
            unconfirmed.setdefault(UUID(entry.signature_id), entry)
    if not unconfirmed:
        return
    signature_states.lock(session, unconfirmed)
    changed = session.connection().execute(_CONFIRM, {"ids": list(unconfirmed)}).scalars()
    confirmed = {signature_id: unconfirmed[signature_id] for signature_id in sorted(changed)}
    if not confirmed:
        return
    for entry in confirmed.values():
        entry.is_counted, entry.state = True, SignatureState.CONFIRMED
    in_order = list(confirmed.values())
    columns = {"row_id": list(confirmed)}
    columns |= {
        f"new_{name}": values
        for name, values in (signer_columns(in_order) | origin_columns(in_order, now=now)).items()
    }
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    session.connection().execute(_OVERWRITE, rows)

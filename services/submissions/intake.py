"""Inserts submissions: one row a post, in one statement for any number of them.

The work depends on what was typed, and not on what we know of its sender: nothing is asked about
the address, and no digest is made of it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session

from models import Private, Submission, SubmissionKind, SubmissionState
from models.base import RowId, new_ids_at, table_of
from services.database import bulk

_submission = table_of(Submission)


class NewSubmission(NamedTuple):
    """A submission to insert. `subject_id` is the petition's id, of a letter the campaign's."""

    kind: SubmissionKind
    subject_id: RowId
    constituency_code: str
    payload: Private
    sender_index: bytes | None = None


def insert(session: Session, submissions: Sequence[NewSubmission], *, now: datetime) -> list[str]:
    """Inserts submissions and returns their ids in hex digits, in order. All are of one kind."""
    if not submissions:
        return []
    ids = new_ids_at(len(submissions), now)
    kind = submissions[0].kind
    subject = "petition_id" if kind is SubmissionKind.SIGNATURE else "campaign_id"
    varying: dict[str, Sequence[Any]] = {
        "id": ids,
        subject: [row.subject_id for row in submissions],
        "constituency_code": [row.constituency_code for row in submissions],
        "sender_index": [row.sender_index for row in submissions],
        "payload": [row.payload for row in submissions],
    }
    shared = {"kind": kind, "state": SubmissionState.NEW, "received_at": now}
    bulk.insert_columns(session, _submission, varying, shared, skip_existing=False)
    return ids

"""What senders ask on the page after sending: the email once more, or to delete the submission.

The page writes a request, and the sorter serves it. So the page does the same work for everybody,
and whoever pressed a button learns nothing about the submission: not even whether it is there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Keyring,
    MessageKind,
    OutboxMessage,
    RequestKind,
    Submission,
    SubmissionRequest,
    SubmissionState,
)
from models.base import table_of
from services.common.ids import first_id_at
from services.database.engine import insert_ignore
from services.mail import outbox
from services.mail.outbox import NewMessage
from services.submissions import ending, findings, mail_shares, sorting
from services.submissions.mail_shares import Send
from services.submissions.sorting import Candidate

KEPT_FOR = timedelta(days=1)
"""Longer than the page's token works, so that a request is served once."""
BATCH = 100
_request, _submission = table_of(SubmissionRequest), table_of(Submission)
_outbox = table_of(OutboxMessage)
_TO_SERVE = (
    sa.select(_request.c.submission_id, _request.c.kind)
    .where(_request.c.served_at.is_(None))
    .order_by(_request.c.asked_at)
    .limit(BATCH)
)
_ANY = sa.select(sa.literal(1)).where(_request.c.served_at.is_(None)).limit(1)
_IDS: sa.BindParameter[Sequence[UUID]] = sa.bindparam("ids", expanding=True)
# In the order of ids, as confirmations lock them. One that is being confirmed is left out.
_ASKED = (
    sa.select(*sorting.COLUMNS)
    .where(
        _submission.c.id.in_(_IDS),
        _submission.c.petition_id.is_not(None),
        _submission.c.state == SubmissionState.ASKED,
    )
    .order_by(_submission.c.id)
    .with_for_update(skip_locked=True)
)
_MAILS = (
    sa.select(_outbox.c.subject_id, _outbox.c.sender_index, _outbox.c.state)
    .where(_outbox.c.subject_id.in_(_IDS), _outbox.c.kind == MessageKind.CONFIRM_SIGNATURE)
    .order_by(_outbox.c.id)
)
_LOCKED = (
    sa.select(_submission.c.id)
    .where(_submission.c.id.in_(_IDS))
    .order_by(_submission.c.id)
    .with_for_update()
)


def ask(session: Session, submission_id: UUID, kind: RequestKind, *, now: datetime) -> None:
    """Records a request in one statement, whatever became of the submission. Once is enough."""
    row = {"submission_id": submission_id, "kind": kind, "asked_at": now}
    insert_ignore(session, _request, [row])


def is_any_left(session: Session) -> bool:
    """Returns whether a request is to be served."""
    return session.connection().execute(_ANY).first() is not None


def serve(session: Session, *, keyring: Keyring, now: datetime) -> int:
    """Serves the oldest requests, each once; returns how many, at most a hundred.

    A deletion is served before an email of the same submission. It waits for the sorter, because
    both of them count the mails of a mailbox.
    """
    sorting.wait_for_turn(session)
    by_kind: dict[RequestKind, list[UUID]] = defaultdict(list)
    for submission_id, kind in session.connection().execute(_TO_SERVE):
        by_kind[kind].append(submission_id)
    if doomed := by_kind[RequestKind.DELETE]:
        # A confirmation that came first has turned the submission into a signature.
        locked = session.connection().execute(_LOCKED, {"ids": doomed}).scalars()
        ending.delete_all(session, list(locked))
    if wanted := by_kind[RequestKind.SEND_AGAIN]:
        _send_again(session, wanted, keyring, now)
    for kind, ids in by_kind.items():
        _note_served(session, kind, ids, now)
    return sum(map(len, by_kind.values()))


def delete_old(session: Session, *, now: datetime) -> int:
    """Deletes the requests about submissions of yesterday and before; returns how many."""
    is_old = _request.c.submission_id < first_id_at(now - KEPT_FOR)
    return session.connection().execute(sa.delete(_request).where(is_old)).rowcount


def _send_again(session: Session, ids: Sequence[UUID], keyring: Keyring, now: datetime) -> None:
    """Queues the email once more for submissions that still wait for their signer.

    One whose first email is not out yet, or that is over a limit, gets none.
    """
    rows = session.connection().execute(_ASKED, {"ids": ids}).all()
    candidates = _with_mail_out(session, sorting.prepare(rows, keyring=keyring).candidates)
    if not candidates:
        return
    siblings = sorting.siblings(session, candidates)
    facts = findings.look_up(session, [*candidates, *siblings], now=now)
    wanted = [
        candidate
        for candidate in candidates
        if not facts.wants_no_mail(candidate) and facts.standing_signature(candidate) is None
    ]
    chosen = _within_limits(wanted, siblings, facts, now)
    outbox.insert(session, [_message(candidate) for candidate in chosen], now=now)


def _with_mail_out(session: Session, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Returns those with no email on its way, and with the sender of the first one.

    The sender's hash is in the outbox alone once an email was queued.
    """
    if not candidates:
        return []
    ids = {"ids": [candidate.id for candidate in candidates]}
    senders: dict[UUID, bytes | None] = {}
    on_their_way = set()
    for subject_id, sender, state in session.connection().execute(_MAILS, ids):
        senders.setdefault(subject_id, None if sender is None else bytes(sender))
        if state in outbox.WAITING:
            on_their_way.add(subject_id)
    return [
        replace(candidate, sender_index=senders.get(candidate.id))
        for candidate in candidates
        if candidate.id not in on_their_way
    ]


def _within_limits(
    wanted: Iterable[Candidate],
    siblings: Iterable[Candidate],
    facts: findings.Findings,
    now: datetime,
) -> list[Candidate]:
    """Returns those for which a mailbox has room, after others that wait for it."""
    by_mailbox: Mapping[bytes, list[Candidate]] = defaultdict(list)
    for candidate in wanted:
        by_mailbox[candidate.mailbox_index].append(candidate)
    waiting: Mapping[bytes, list[Candidate]] = defaultdict(list)
    for sibling in siblings:
        waiting[sibling.mailbox_index].append(sibling)
    chosen = []
    for mailbox, candidates in by_mailbox.items():
        mails = [sorting.wanted_mail(each, facts) for each in [*candidates, *waiting[mailbox]]]
        decisions = mail_shares.share(
            facts.sent.get(mailbox, ()), mails, already_noted=facts.noted, now=now
        )
        chosen += [each for each in candidates if isinstance(decisions[each.id], Send)]
    return chosen


def _message(candidate: Candidate) -> NewMessage:
    return NewMessage(
        MessageKind.CONFIRM_SIGNATURE,
        candidate.id,
        candidate.recipient,
        sender_index=candidate.sender_index,
    )


def _note_served(session: Session, kind: RequestKind, ids: Sequence[UUID], now: datetime) -> None:
    session.connection().execute(
        sa.update(_request)
        .where(_request.c.submission_id.in_(ids), _request.c.kind == kind)
        .values(served_at=now)
    )

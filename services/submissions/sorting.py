"""Sorts new submissions: which get a mail now, which wait, and which are deleted.

The answer to a post is the same whatever this module finds, and it comes before. `prepare` decrypts
outside of a transaction, `sort` decides and writes in one: mails and states are committed together
or not at all. Nothing here is remembered between two calls, so that a killed sorter loses nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from models import Keyring, MessageKind, Submission, SubmissionKind, SubmissionState
from models.base import table_of
from services.database import bulk
from services.database.bulk import BulkLookup
from services.database.engine import try_locks, wait_for_lock
from services.mail import outbox, recipients
from services.mail.outbox import NewMessage
from services.mail.recipients import Recipient
from services.submissions import findings, mail_shares, payload
from services.submissions.findings import Findings
from services.submissions.mail_shares import Decision, Send, Wait, WantedMail
from services.submissions.payload import LetterPayload, SignaturePayload, Unreadable
from services.submissions.standing_letters import LetterKey
from services.supporters.supporters import EmailAddress

BATCH = 100
TRY_AGAIN = timedelta(hours=1)
"""After this time an unreadable submission is tried again: its key may be back."""
MOST_SIBLINGS = 500
_LOCK = 0x1F0BB1
"""The number of the database's lock that one sorter holds at a time."""
_TO_SORT = (SubmissionState.NEW, SubmissionState.WAITING)
_STILL_TO_SORT = "state IN ('new', 'waiting')"
_submission = table_of(Submission)
COLUMNS = (
    _submission.c.id,
    _submission.c.kind,
    _submission.c.petition_id,
    _submission.c.campaign_id,
    _submission.c.sender_index,
    _submission.c.state,
    _submission.c.place_id,
    # Raw, so that one damaged row does not stop the batch.
    sa.type_coerce(_submission.c.payload, sa.LargeBinary).label("sealed"),
)
_LOCKED = BulkLookup(
    lambda among: (
        sa.select(_submission.c.id)
        .where(among(_submission.c.id, "ids"), _submission.c.state.in_(_TO_SORT))
        .order_by(_submission.c.id)
        .with_for_update(skip_locked=True)
    )
)
_SIBLINGS = BulkLookup(
    lambda among: (
        sa.select(
            _submission.c.id,
            _submission.c.kind,
            _submission.c.petition_id,
            _submission.c.campaign_id,
            _submission.c.sender_index,
            _submission.c.address_index,
            _submission.c.mailbox_index,
            _submission.c.place_id,
        )
        .where(
            among(_submission.c.mailbox_index, "mailboxes"),
            _submission.c.state == sa.literal_column("'waiting'"),
        )
        .order_by(_submission.c.place_id)
        .limit(MOST_SIBLINGS)
        .with_for_update(skip_locked=True)
    )
)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A submission that waits for its mail, with the digests of its address.

    `recipient` is None for a sibling of the batch: its address was not decrypted, so that it can
    only be made due. `letter` is set for a letter that was decrypted.
    """

    id: UUID
    kind: SubmissionKind
    subject_id: UUID
    sender_index: bytes | None
    address_index: bytes
    mailbox_index: bytes
    place_id: UUID | None
    recipient: Recipient | None = None
    organisation_id: UUID | None = None
    letter: LetterKey | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Submissions to sort, decrypted; `unreadable` are the ids of those that did not open."""

    candidates: tuple[Candidate, ...]
    unreadable: tuple[UUID, ...]

    @property
    def ids(self) -> list[UUID]:
        """The ids of all its submissions."""
        return [*(candidate.id for candidate in self.candidates), *self.unreadable]


@dataclass(slots=True)
class _Plan:
    """What happens to the submissions of a batch and their siblings."""

    ask: list[Candidate] = field(default_factory=list)
    tell: list[tuple[Candidate, UUID]] = field(default_factory=list)  # with the signature's id
    wait: list[tuple[Candidate, Wait]] = field(default_factory=list)
    delete: list[Candidate] = field(default_factory=list)


def read(session: Session, *, now: datetime, after: UUID | None = None, limit: int = BATCH) -> Any:
    """Returns the rows of new submissions from the id `after` on, and of those that are due."""
    new = sa.select(*COLUMNS).where(_submission.c.state == sa.literal_column("'new'"))
    if after is not None:
        new = new.where(_submission.c.id > after)
    due = (
        sa.select(*COLUMNS)
        .where(_submission.c.state == sa.literal_column("'waiting'"), _submission.c.due_at <= now)
        .order_by(_submission.c.due_at)
        .limit(limit)
    )
    rows = list(session.connection().execute(due))
    if len(rows) < limit:
        rows += session.connection().execute(
            new.order_by(_submission.c.id).limit(limit - len(rows))
        )
    return rows


def prepare(rows: Iterable[Any], *, keyring: Keyring) -> Batch:
    """Decrypts submissions and makes the digests of their addresses."""
    candidates, unreadable = [], []
    for row in rows:
        try:
            candidates.append(_candidate(row, keyring))
        except Unreadable:
            unreadable.append(row.id)
            log.error("submission_unreadable", submission=str(row.id))
    return Batch(tuple(candidates), tuple(unreadable))


def sort_if_alone(session: Session, batch: Batch, *, now: datetime) -> int:
    """Works like `sort`, and returns 0 if another sorter is at work."""
    return sort(session, batch, now=now) if try_locks(session, [_LOCK]) else 0


def wait_for_turn(session: Session) -> None:
    """Waits for another sorter; until this transaction ends, nobody else sorts."""
    wait_for_lock(session, _LOCK)


def sort(session: Session, batch: Batch, *, now: datetime) -> int:
    """Queues the mails of a batch and changes the states of its submissions; returns how many.

    It waits for another sorter: two would not see each other's mails, and exceed the limits
    together. Rows that were sorted meanwhile are left out.
    """
    wait_for_turn(session)
    locked = {row[0] for row in _LOCKED.rows(session, ids=batch.ids)}
    candidates = [candidate for candidate in batch.candidates if candidate.id in locked]
    if candidates:
        _carry_out(session, _plan(session, candidates, now), now)
    unreadable = [row_id for row_id in batch.unreadable if row_id in locked]
    _update(session, unreadable, state=SubmissionState.WAITING, due_at=now + TRY_AGAIN)
    return len(locked)


def _candidate(row: Any, keyring: Keyring) -> Candidate:
    organisation_id, contents = _open(row, keyring)
    address = EmailAddress.of(organisation_id, contents.email, keyring)
    recipient = recipients.recipient_of(contents.email, keyring)
    return Candidate(
        id=row.id,
        kind=row.kind,
        subject_id=row.petition_id or row.campaign_id,
        sender_index=row.sender_index,
        address_index=address.index,
        mailbox_index=recipient.mailbox_index,
        place_id=row.place_id,
        recipient=recipient,
        organisation_id=organisation_id,
        letter=LetterKey.of(
            address.index,
            member_id=contents.member_id,
            motion_id=contents.motion_id,
            campaign_id=row.campaign_id,
        )
        if isinstance(contents, LetterPayload)
        else None,
    )


def _open(row: Any, keyring: Keyring) -> tuple[UUID, SignaturePayload | LetterPayload]:
    if row.kind is SubmissionKind.LETTER:
        return payload.open_letter(row.sealed, keyring)
    return payload.open_sealed(row.sealed, keyring)


def _plan(session: Session, candidates: Sequence[Candidate], now: datetime) -> _Plan:
    others = siblings(session, candidates)
    everybody = [*candidates, *others]
    facts = findings.look_up(session, everybody, now=now)
    plan = _Plan(delete=[each for each in everybody if facts.wants_no_mail(each)])
    unwanted = {candidate.id for candidate in plan.delete}
    by_mailbox: dict[bytes, list[Candidate]] = defaultdict(list)
    for candidate in everybody:
        if candidate.id not in unwanted:
            by_mailbox[candidate.mailbox_index].append(candidate)
    for mailbox, wanted in by_mailbox.items():
        _share(plan, mailbox, wanted, facts, now)
    return plan


def siblings(session: Session, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Returns the other submissions that wait for a mail to one of these mailboxes."""
    known = {candidate.id for candidate in candidates}
    mailboxes = {candidate.mailbox_index for candidate in candidates}
    return [
        Candidate(
            id=row.id,
            kind=row.kind,
            subject_id=row.petition_id or row.campaign_id,
            sender_index=_bytes(row.sender_index),
            address_index=bytes(row.address_index),
            mailbox_index=bytes(row.mailbox_index),
            place_id=row.place_id,
        )
        for row in _SIBLINGS.rows(session, mailboxes=list(mailboxes))
        if row.id not in known
    ]


def wanted_mail(candidate: Candidate, facts: Findings) -> WantedMail:
    """Returns the mail that a submission is to get, for `mail_shares.share`."""
    return WantedMail(
        candidate.id,
        candidate.sender_index,
        candidate.subject_id,
        facts.standing_signature(candidate),
        candidate.place_id,
    )


def _share(
    plan: _Plan, mailbox: bytes, wanted: Sequence[Candidate], facts: Findings, now: datetime
) -> None:
    mails = [wanted_mail(candidate, facts) for candidate in wanted]
    decisions = mail_shares.share(
        facts.sent.get(mailbox, ()), mails, already_noted=facts.noted, now=now
    )
    for candidate in wanted:
        _note(plan, candidate, decisions[candidate.id], facts, now)


def _note(
    plan: _Plan, candidate: Candidate, decision: Decision, facts: Findings, now: datetime
) -> None:
    if isinstance(decision, Wait):
        plan.wait.append((candidate, decision))
    elif not isinstance(decision, Send):
        plan.delete.append(candidate)
    elif candidate.recipient is None:
        # Due at once: the next batch decrypts its address.
        plan.wait.append((candidate, Wait(now, candidate.place_id or candidate.id)))
    elif signature_id := facts.standing_signature(candidate):
        plan.tell.append((candidate, signature_id))
    else:
        plan.ask.append(candidate)


def _carry_out(session: Session, plan: _Plan, now: datetime) -> None:
    outbox.insert(session, _messages(plan), now=now)
    asked = [candidate.id for candidate in plan.ask]
    indexes = {"address_index": [candidate.address_index for candidate in plan.ask]}
    emptied = dict.fromkeys(("sender_index", "mailbox_index", "place_id", "due_at"))
    _update(session, asked, indexes, state=SubmissionState.ASKED, **emptied)
    waiting: dict[str, Sequence[Any]] = {
        "address_index": [candidate.address_index for candidate, _ in plan.wait],
        "mailbox_index": [candidate.mailbox_index for candidate, _ in plan.wait],
        "due_at": [wait.due_at for _, wait in plan.wait],
        "place_id": [wait.place_id for _, wait in plan.wait],
    }
    ids = [candidate.id for candidate, _ in plan.wait]
    _update(session, ids, waiting, state=SubmissionState.WAITING)
    gone = [*(candidate for candidate, _ in plan.tell), *plan.delete]
    if gone:
        doomed = [candidate.id for candidate in gone]
        session.connection().execute(sa.delete(_submission).where(_submission.c.id.in_(doomed)))


def _messages(plan: _Plan) -> list[NewMessage]:
    asking = {
        SubmissionKind.SIGNATURE: MessageKind.CONFIRM_SIGNATURE,
        SubmissionKind.LETTER: MessageKind.CONFIRM_LETTER,
    }
    confirm = [
        NewMessage(
            asking[candidate.kind],
            candidate.id,
            candidate.recipient,
            sender_index=candidate.sender_index,
        )
        for candidate in plan.ask
    ]
    already = [
        NewMessage(
            MessageKind.ALREADY_SIGNED,
            signature_id,
            candidate.recipient,
            sender_index=candidate.sender_index,
        )
        for candidate, signature_id in plan.tell
    ]
    return confirm + already


def _update(
    session: Session,
    ids: Sequence[UUID],
    varying: Mapping[str, Sequence[Any]] | None = None,
    **shared: Any,
) -> None:
    bulk.update_columns(session, _submission, ids, varying or {}, shared, condition=_STILL_TO_SORT)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)

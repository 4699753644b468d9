"""What the sorter needs to know about the addresses of a batch, in a fixed number of statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Letter,
    MessageKind,
    OutboxMessage,
    Refusal,
    Signature,
    SignatureState,
    Submission,
    SubmissionKind,
    Supporter,
)
from models.base import table_of
from services.database.bulk import BulkLookup
from services.mail import dead_addresses
from services.mail.recipients import Recipient
from services.submissions import standing_letters
from services.submissions.mail_shares import WINDOW, SentMail
from services.submissions.standing_letters import LetterKey

ASKED_FOR = (
    MessageKind.CONFIRM_SIGNATURE,
    MessageKind.ALREADY_SIGNED,
    MessageKind.CONFIRM_LETTER,
)
"""The kinds of mail that anybody can cause by entering somebody's address."""
_outbox, _refusal = table_of(OutboxMessage), table_of(Refusal)
_signature, _submission = table_of(Signature), table_of(Submission)
_letter = table_of(Letter)
_supporter = table_of(Supporter)
_SUPPORTERS = BulkLookup(
    lambda among: (
        sa.select(
            _supporter.c.email_index,
            _supporter.c.mail_off_at,
            _signature.c.id,
            _signature.c.petition_id,
        )
        .select_from(
            _supporter.outerjoin(
                _signature,
                sa.and_(
                    _signature.c.supporter_id == _supporter.c.id,
                    _signature.c.state == SignatureState.CONFIRMED,
                    # The signer of an import has confirmed nothing here yet: they are asked.
                    _signature.c.confirmed_by_signer,
                ),
            )
        )
        .where(
            among(_supporter.c.organisation_id, "organisations"),
            among(_supporter.c.email_index, "indexes"),
        )
    )
)
_REFUSALS = BulkLookup(
    lambda among: sa.select(_refusal.c.subject_id, _refusal.c.address_index).where(
        among(_refusal.c.subject_id, "subjects"), among(_refusal.c.address_index, "indexes")
    )
)
# Not joined like the others: PostgreSQL would read all letters.
_CAMPAIGN_OF_LETTER = (
    sa.select(_letter.c.campaign_id)
    .where(_letter.c.id == _outbox.c.subject_id)
    .correlate(_outbox)
    .scalar_subquery()
)
_SENT = BulkLookup(
    lambda among: (
        sa.select(
            _outbox.c.mailbox_index,
            _outbox.c.created_at,
            _outbox.c.kind,
            _outbox.c.sender_index,
            _outbox.c.subject_id,
            sa.func.coalesce(
                _submission.c.petition_id,
                _submission.c.campaign_id,
                _signature.c.petition_id,
                _CAMPAIGN_OF_LETTER,
            ).label("about_id"),
        )
        .select_from(
            _outbox.outerjoin(_submission, _submission.c.id == _outbox.c.subject_id).outerjoin(
                _signature, _signature.c.id == _outbox.c.subject_id
            )
        )
        .where(
            among(_outbox.c.mailbox_index, "mailboxes"),
            _outbox.c.created_at > sa.bindparam("since"),
        )
    )
)


class Sought(Protocol):
    """The attributes of a submission by which its findings are looked up."""

    @property
    def kind(self) -> SubmissionKind: ...

    @property
    def subject_id(self) -> UUID: ...

    @property
    def address_index(self) -> bytes: ...

    @property
    def mailbox_index(self) -> bytes: ...

    @property
    def recipient(self) -> Recipient | None: ...

    @property
    def organisation_id(self) -> UUID | None: ...

    @property
    def letter(self) -> LetterKey | None: ...


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known about the addresses of a batch.

    `standing` are ids of signatures that their signers confirmed, by petition and address, `silent`
    the addresses whose owners want no mail, `refused` pairs of a petition or campaign and an
    address, `dead` addresses across organisations. `sent` are the mails of the last 24 hours by
    mailbox, `noted` the signatures with an 'already signed' mail among them. `letters` are those on
    their way or gone.
    """

    standing: Mapping[tuple[UUID, bytes], UUID]
    silent: Set[bytes]
    refused: Set[tuple[UUID, bytes]]
    dead: Set[bytes]
    sent: Mapping[bytes, Sequence[SentMail]]
    noted: Set[UUID]
    letters: Set[LetterKey] = frozenset()

    def wants_no_mail(self, sought: Sought) -> bool:
        """Returns whether a submission's address is dead, or its owner wants no such mail.

        Nobody wants a mail about a letter that another one of theirs has made impossible.
        """
        return (
            sought.address_index in self.silent
            or (sought.subject_id, sought.address_index) in self.refused
            or (sought.recipient is not None and sought.recipient.address_index in self.dead)
            or sought.letter in self.letters
        )

    def standing_signature(self, sought: Sought) -> UUID | None:
        """Returns the confirmed signature of the same person and petition, if there is one."""
        if sought.kind is not SubmissionKind.SIGNATURE:
            return None
        return self.standing.get((sought.subject_id, sought.address_index))


def look_up(session: Session, sought: Sequence[Sought], *, now: datetime) -> Findings:
    """Looks up everything in four statements, and in one more if there are letters."""
    indexes = list({each.address_index for each in sought})
    standing, silent = _of_supporters(session, sought, indexes)
    subjects = list({each.subject_id for each in sought})
    refused = {
        (subject_id, bytes(index))
        for subject_id, index in _REFUSALS.rows(session, subjects=subjects, indexes=indexes)
    }
    everywhere = {each.recipient.address_index for each in sought if each.recipient}
    sent, noted = _sent(session, {each.mailbox_index for each in sought}, now)
    dead = dead_addresses.dead_indexes(session, everywhere)
    return Findings(standing, silent, refused, dead, sent, noted, _letters(session, sought))


def _letters(session: Session, sought: Sequence[Sought]) -> set[LetterKey]:
    letters = [each for each in sought if each.letter is not None]
    organisations = {each.organisation_id for each in letters if each.organisation_id}
    indexes = {each.address_index for each in letters}
    return standing_letters.of_addresses(session, organisations, indexes)


def _of_supporters(
    session: Session, sought: Sequence[Sought], indexes: list[bytes]
) -> tuple[dict[tuple[UUID, bytes], UUID], set[bytes]]:
    organisations = {each.organisation_id for each in sought if each.organisation_id}
    standing, silent = {}, set()
    rows = _SUPPORTERS.rows(session, organisations=list(organisations), indexes=indexes)
    for email_index, mail_off_at, signature_id, petition_id in rows:
        index = bytes(email_index)
        if mail_off_at is not None:
            silent.add(index)
        if signature_id is not None:
            standing[petition_id, index] = signature_id
    return standing, silent


def _sent(
    session: Session, mailboxes: Set[bytes], now: datetime
) -> tuple[dict[bytes, list[SentMail]], set[UUID]]:
    sent: dict[bytes, list[SentMail]] = defaultdict(list)
    noted = set()
    for row in _SENT.rows(session, mailboxes=list(mailboxes), since=now - WINDOW):
        sender = None if row.sender_index is None else bytes(row.sender_index)
        mail = SentMail(row.created_at, row.kind in ASKED_FOR, sender, row.about_id)
        sent[bytes(row.mailbox_index)].append(mail)
        if row.kind is MessageKind.ALREADY_SIGNED:
            noted.add(row.subject_id)
    return sent, noted

"""Letters that wait for their writers' confirmation, as they are read from submissions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from models import Keyring, Letter, LetterAct, Private, Submission, SubmissionKind
from models.base import table_of
from services.submissions import payload
from services.submissions.payload import LetterPayload, Unreadable
from services.submissions.standing_letters import LetterKey
from services.supporters.supporters import EmailAddress, SupporterDetails

_submission = table_of(Submission)
_IDS: sa.BindParameter[Sequence[UUID]] = sa.bindparam("ids", expanding=True)
_RAW = sa.select(
    _submission.c.id,
    _submission.c.campaign_id,
    _submission.c.constituency_code,
    _submission.c.received_at,
    sa.type_coerce(_submission.c.payload, sa.LargeBinary).label("sealed"),
).where(_submission.c.id.in_(_IDS), _submission.c.kind == SubmissionKind.LETTER)
_NOBODY = UUID(int=0)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SubmittedLetter:
    """A letter with what else its writer sent.

    `letter` is in no session: it is `pending`, has the submission's id, and no supporter yet.
    """

    letter: Letter
    organisation_id: UUID
    payload: LetterPayload

    def address(self, keyring: Keyring) -> EmailAddress:
        """Returns the writer's email address, with what the letter says of the writer."""
        contents, code = self.payload, self.letter.constituency_code
        details = SupporterDetails(contents.name, contents.postcode, code, contents.locale)
        return EmailAddress.of(self.organisation_id, contents.email, keyring, details=details)

    def key(self, keyring: Keyring) -> LetterKey:
        """Returns what there can be one letter of."""
        index = EmailAddress.of(self.organisation_id, self.payload.email, keyring).index
        return LetterKey.of(
            index,
            member_id=self.letter.member_id,
            motion_id=self.letter.motion_id,
            campaign_id=self.letter.campaign_id,
        )


def of_payload(
    row_id: UUID,
    contents: LetterPayload,
    *,
    organisation_id: UUID,
    campaign_id: UUID,
    constituency_code: str,
    received_at: datetime,
) -> SubmittedLetter:
    """Returns what a payload says, as a letter."""

    def private(text: str) -> Private:
        return Private(organisation_id, text)

    address = {name: getattr(contents, name) for name in ("line1", "line2", "town", "postcode")}
    letter = Letter(
        id=row_id,
        campaign_id=campaign_id,
        motion_id=contents.motion_id,
        member_id=contents.member_id,
        supporter_id=_NOBODY,
        constituency_code=constituency_code,
        act=LetterAct(contents.act),
        variant=contents.variant,
        locale=contents.locale,
        name=private(contents.name),
        address=private(json.dumps(address)),
        subject=private(contents.subject),
        body=private(contents.body),
        created_at=received_at,
        wants_copy=contents.wants_copy,
    )
    return SubmittedLetter(letter, organisation_id, contents)


def find(
    session: Session, row_id: UUID, *, keyring: Keyring, for_update: bool = False
) -> SubmittedLetter | None:
    """Returns a submitted letter, locked with `for_update`, or None.

    Raises Unavailable if it cannot be decrypted.
    """
    statement = _RAW.with_for_update() if for_update else _RAW
    row = session.connection().execute(statement, {"ids": [row_id]}).first()
    if row is None:
        return None
    try:
        return _of_row(row, keyring)
    except Unreadable:
        log.error("submission_unreadable", submission=str(row_id))
        raise payload.unreadable() from None


def find_all(
    session: Session, ids: Sequence[UUID], *, keyring: Keyring
) -> dict[UUID, SubmittedLetter]:
    """Returns those of these submitted letters that there are. Raises Unreadable."""
    rows = session.connection().execute(_RAW, {"ids": list(ids)})
    return {row.id: _of_row(row, keyring) for row in rows}


def delete(session: Session, row_id: UUID) -> None:
    """Deletes the submission of a letter that is stored now."""
    session.connection().execute(sa.delete(_submission).where(_submission.c.id == row_id))


def _of_row(row: Any, keyring: Keyring) -> SubmittedLetter:
    organisation_id, contents = payload.open_letter(row.sealed, keyring)
    return of_payload(
        row.id,
        contents,
        organisation_id=organisation_id,
        campaign_id=row.campaign_id,
        constituency_code=row.constituency_code,
        received_at=row.received_at,
    )

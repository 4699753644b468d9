"""Names what messages are about by ids and slugs, so that one can be followed through the log."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Campaign,
    Letter,
    MessageKind,
    OutboxMessage,
    Petition,
    SeatWatch,
    Signature,
    Submission,
)
from models.base import table_of
from services.letters import letter_mails, letter_requests

Trace = dict[str, str]
"""Fields of a line in the log. They contain no personal data."""
_IDS: sa.BindParameter[list[UUID]] = sa.bindparam("ids", expanding=True)


class _Source(NamedTuple):
    """Where the subjects of some kinds are, and what `owner` of theirs is named by its slug."""

    kinds: tuple[MessageKind, ...]
    owner: str
    slugs: sa.Select[Any]


def _slugs(subject: type[Any], owner: type[Any]) -> sa.Select[Any]:
    of, to = table_of(subject), table_of(owner)
    joined = of.join(to, to.c.id == of.c[f"{to.name}_id"])
    return sa.select(of.c.id, to.c.slug).select_from(joined).where(of.c.id.in_(_IDS))


_ABOUT_LETTERS = (MessageKind.LETTER, *letter_mails.SENT_KINDS, *letter_mails.STATES)
# Built once at import: building a statement costs more than executing it.
_SOURCES = (
    _Source(_ABOUT_LETTERS, "campaign", _slugs(Letter, Campaign)),
    _Source(letter_requests.KINDS, "campaign", _slugs(Submission, Campaign)),
    _Source((MessageKind.CONFIRM_SIGNATURE,), "petition", _slugs(Submission, Petition)),
    _Source((MessageKind.ALREADY_SIGNED,), "petition", _slugs(Signature, Petition)),
    _Source((MessageKind.SEAT_FILLED,), "campaign", _slugs(SeatWatch, Campaign)),
)
_SOURCE_OF = {kind: number for number, each in enumerate(_SOURCES) for kind in each.kinds}
_NAMED_BY_LETTER = frozenset((*_ABOUT_LETTERS, *letter_requests.KINDS))


def identify(message: OutboxMessage) -> Trace:
    """Returns the local part of a message's Message-ID, and the id of the letter it is about."""
    ids = {"message": str(message.id)}
    if message.kind in _NAMED_BY_LETTER:
        ids["letter"] = str(message.subject_id)
    return ids


def trace(session: Session, messages: Collection[OutboxMessage]) -> dict[UUID, Trace]:
    """Returns by message id what `identify` does, and the slug of a campaign or petition.

    It takes one statement for each sort of subject. The slug is left out if the subject is gone.
    """
    traces: dict[UUID, Trace] = {}
    by_source: dict[int, dict[UUID, list[Trace]]] = {}
    for message in messages:
        fields = traces[message.id] = identify(message)
        if (number := _SOURCE_OF.get(message.kind)) is not None:
            by_subject = by_source.setdefault(number, defaultdict(list))
            by_subject[message.subject_id].append(fields)
    for number, by_subject in by_source.items():
        source = _SOURCES[number]
        rows = session.connection().execute(source.slugs, {"ids": list(by_subject)})
        for subject_id, slug in rows:
            for fields in by_subject[subject_id]:
                fields[source.owner] = slug
    return traces

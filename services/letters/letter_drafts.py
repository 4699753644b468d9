"""What a signer has written to their MP so far: kept sealed, one draft a signature.

A letter has three parts: the frame, which the campaign's texts give, the writer's own words, and
the points that they chose. A draft holds the last two. The frame is never stored: it is composed
again for each preview, so that it fits the MP of today, and nothing overwrites what the writer
typed. Whoever changes the whole text by hand has a `body`: that text is sent as it is, and the
other parts wait, unchanged, until the writer starts again from the campaign's text.

Each save names the version that it read and makes the next one. A save from an older version
changes nothing that was stored: what it would have written, where it differs, is kept in `others`,
and the page shows both. So a second device or an old tab never loses words, its own or the newer
ones. 'Back' shows a page as it was, with its old version. So each page has an id, and a save from
the page that saved last is no conflict.

The street address is asked for when the letter is sent, and is never part of a draft.

A draft is deleted when its letter is sent, when its signature ends (`signature_states`), and 14
days after its last save.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import Session, select

from models import LetterDraft, Private, Signature, SignatureState
from models.base import table_of
from services.database.engine import upsert
from services.errors import Gone
from services.letters.drafting.editors import LetterParts

KEPT_FOR = timedelta(days=14)
MOST_OTHERS = 20
_AT_ONCE = 500
_VERSION = 1  # of the shape of the JSON
_draft = table_of(LetterDraft)


@dataclass(frozen=True, slots=True)
class DraftContent(LetterParts):
    """What a draft holds: the writer's parts, and texts that an older page sent (`others`).

    `page` is the id of the page that saved it.
    """

    others: tuple[str, ...] = ()
    page: str = ""

    def with_others(self, old: LetterParts) -> "DraftContent":
        """Returns this content, which keeps the texts of an older one where they differ."""
        typed = (old.personal, old.subject, old.body or "")
        kept = {self.personal, self.subject, self.body or "", *self.others}
        more = [text for text in dict.fromkeys(typed) if text.strip() and text not in kept]
        return replace(self, others=(*self.others, *more)[-MOST_OTHERS:])


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A draft as it is stored. `version` 0: none is."""

    version: int = 0
    content: DraftContent = DraftContent()


@dataclass(frozen=True, slots=True)
class Saved:
    """What is stored after a save. `is_newest`: it is what was to be saved."""

    draft: StoredDraft
    is_newest: bool


def read(session: Session, signature_id: UUID) -> StoredDraft:
    """Returns the draft of a signature."""
    statement = select(LetterDraft).where(LetterDraft.signature_id == signature_id)
    row = session.exec(statement, execution_options={"populate_existing": True}).first()
    return StoredDraft(row.version, _content_of(row.content.text)) if row else StoredDraft()


def save(
    session: Session,
    signature_id: UUID,
    content: DraftContent,
    *,
    version: int,
    now: datetime,
    keeps_other: bool = True,
) -> Saved:
    """Stores `content` if `version` is that of the stored draft (0: there is none), or the page is.

    If not, the stored draft stays, and with `keeps_other` gets what differs as one of its `others`.
    A draft that was deleted meanwhile is made again. Gone if the signature does not stand.
    """
    # Locked, so that saves come one after the other, and none follows a withdrawal.
    signature = session.get(Signature, signature_id, populate_existing=True, with_for_update=True)
    if signature is None or signature.state is not SignatureState.CONFIRMED:
        raise Gone("signature_ended", "This signature has been removed.")
    stored = read(session, signature_id)
    is_same_page = content.page != "" and content.page == stored.content.page
    if stored.version in (0, version) or is_same_page:
        new = StoredDraft(stored.version + 1, content)
        _write(session, signature, new, now)
        return Saved(new, is_newest=True)
    is_same = replace(content, others=(), page="") == replace(stored.content, others=(), page="")
    with_others = replace(stored, content=stored.content.with_others(content))
    if keeps_other and with_others != stored:
        _write(session, signature, with_others, now)
        stored = with_others
    return Saved(stored, is_newest=is_same)


def take(session: Session, signature_id: UUID, *, version: int) -> bool:
    """Deletes the draft that is to be sent; False if it has another version, or there is none.

    A save at the same moment waits until the transaction ends.
    """
    is_it = sa.and_(_draft.c.signature_id == signature_id, _draft.c.version == version)
    return session.connection().execute(sa.delete(_draft).where(is_it)).rowcount == 1


def delete(session: Session, signature_id: UUID) -> None:
    """Deletes the draft of a signature, if there is one."""
    session.connection().execute(sa.delete(_draft).where(_draft.c.signature_id == signature_id))


def delete_old(session: Session, *, now: datetime) -> int:
    """Deletes some drafts that nobody has saved for 14 days; returns how many."""
    old = sa.select(_draft.c.signature_id).where(_draft.c.expires_at <= now).limit(_AT_ONCE)
    statement = sa.delete(_draft).where(_draft.c.signature_id.in_(old), _draft.c.expires_at <= now)
    return session.connection().execute(statement).rowcount


def _write(session: Session, signature: Signature, draft: StoredDraft, now: datetime) -> None:
    owner: UUID = signature.name.organisation_id
    row = {
        "signature_id": signature.id,
        "version": draft.version,
        "content": Private(owner, _text_of(draft.content)),
        "updated_at": now,
        "expires_at": now + KEPT_FOR,
    }
    upsert(session, _draft, [row], key=["signature_id"])


def _text_of(content: DraftContent) -> str:
    return orjson.dumps({"v": _VERSION, **asdict(content)}).decode()


def _content_of(text: str) -> DraftContent:
    values: dict[str, Any] = orjson.loads(text)
    del values["v"]
    lists = {name: tuple(values[name]) for name in ("points", "others")}
    return DraftContent(**(values | lists))

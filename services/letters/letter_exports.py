"""The letters of a campaign as a file."""

import json
from datetime import datetime

import sqlalchemy as sa

from models import Campaign, Constituency, Letter, LetterState, Member, Supporter
from models.base import table_of
from services.errors import Invalid
from services.files.export_lines import Column, ColumnKind, EncryptedColumn, PlainColumn
from services.files.exports import Export
from services.supporters import supporters

_letter, _supporter = table_of(Letter), table_of(Supporter)
_constituency, _member = table_of(Constituency), table_of(Member)
_TIMES = ("created_at", "confirmed_at", "sent_at", "bounced_at")


def of_campaign(
    campaign: Campaign,
    *,
    state: LetterState | None = None,
    since: datetime | None = None,
    is_personal: bool = True,
    has_words: bool = False,
) -> Export:
    """All letters, those in one state, or those written, confirmed, sent or come back at `since`
    or later. `has_words` adds subject and body. Invalid without personal data: they are that."""
    if has_words and not is_personal:
        message = "What a letter says is personal data: leave out one of the two."
        raise Invalid.field("bodies", "bodies_are_personal", message)
    conditions = []
    if state is not None:
        conditions.append(_letter.c.state == state)
    if since is not None:
        conditions.append(sa.or_(*(_letter.c[name] >= since for name in _TIMES)))
    tables = _letter.join(_member, _member.c.id == _letter.c.member_id).outerjoin(
        _constituency, _constituency.c.code == _letter.c.constituency_code
    )
    if is_personal:
        tables = tables.join(_supporter, _supporter.c.id == _letter.c.supporter_id)
    rows = sa.select(_letter.c.id).select_from(tables).where(*conditions)
    labels = {"of": "letters", "campaign": campaign.slug, "words": has_words}
    return Export(
        key=_letter.c.id,
        owner=_letter.c.campaign_id,
        owner_id=campaign.id,
        has_index=False,
        columns=_columns(is_personal, has_words),
        rows=rows,
        labels=labels,
    )


def _columns(is_personal: bool, has_words: bool) -> tuple[Column, ...]:
    its = _letter.c
    personal = (
        EncryptedColumn("name", its.name),
        EncryptedColumn("email", _supporter.c.email),
        EncryptedColumn("address", its.address, _street_and_town),
        EncryptedColumn("postcode", its.address, _postcode),
        PlainColumn("updates", ColumnKind.FLAG, supporters.may_be_sent_updates()),
    )
    words = (EncryptedColumn("subject", its.subject), EncryptedColumn("body", its.body))
    return (
        PlainColumn("id", ColumnKind.ID, its.id),
        PlainColumn("state", ColumnKind.WORD, its.state),
        *(personal if is_personal else ()),
        PlainColumn("constituency_code", ColumnKind.WORD, its.constituency_code),
        PlainColumn("constituency_name", ColumnKind.TEXT, _constituency.c.name),
        PlainColumn("member_id", ColumnKind.NUMBER, its.member_id),
        PlainColumn("member", ColumnKind.TEXT, _member.c.name),
        PlainColumn("motion_id", ColumnKind.NUMBER, its.motion_id),
        PlainColumn("act", ColumnKind.WORD, its.act),
        PlainColumn("variant", ColumnKind.TEXT, its.variant),
        PlainColumn("locale", ColumnKind.WORD, its.locale),
        PlainColumn("reason", ColumnKind.TEXT, its.reason),
        *(PlainColumn(name, ColumnKind.MOMENT, its[name]) for name in _TIMES),
        *(words if has_words else ()),
    )


def _street_and_town(stored: str) -> str:
    home = json.loads(stored)
    return ", ".join(part for part in (home["line1"], home["line2"], home["town"]) if part)


def _postcode(stored: str) -> str:
    found: str = json.loads(stored)["postcode"]
    return found

"""Exports the letters of a campaign to a file."""

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
    """Describes the export of a campaign's letters, with or without personal data.

    `state` limits it to letters in one state, `since` to letters that were written, confirmed, sent
    or bounced then or later, or whose writer has answered since whether they want news, if the
    export shows it. `has_words` adds subject and body; both are personal data, so that
    `has_words` without `is_personal` is Invalid.
    """
    if has_words and not is_personal:
        message = "What a letter says is personal data: leave out one of the two."
        raise Invalid.field("bodies", "bodies_are_personal", message)
    conditions = []
    if state is not None:
        conditions.append(_letter.c.state == state)
    if since is not None:
        changes = [_letter.c[name] >= since for name in _TIMES]
        if is_personal:
            changes.append(supporters.has_answered_since(since))
        conditions.append(sa.or_(*changes))
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
    letter = _letter.c
    personal = (
        EncryptedColumn("name", letter.name),
        EncryptedColumn("email", _supporter.c.email),
        EncryptedColumn("address", letter.address, _street_and_town),
        EncryptedColumn("postcode", letter.address, _postcode),
        PlainColumn("updates", ColumnKind.FLAG, supporters.may_be_sent_updates()),
    )
    words = (EncryptedColumn("subject", letter.subject), EncryptedColumn("body", letter.body))
    return (
        PlainColumn("id", ColumnKind.ID, letter.id),
        PlainColumn("state", ColumnKind.WORD, letter.state),
        *(personal if is_personal else ()),
        PlainColumn("constituency_code", ColumnKind.WORD, letter.constituency_code),
        PlainColumn("constituency_name", ColumnKind.TEXT, _constituency.c.name),
        PlainColumn("member_id", ColumnKind.NUMBER, letter.member_id),
        PlainColumn("member", ColumnKind.TEXT, _member.c.name),
        PlainColumn("motion_id", ColumnKind.NUMBER, letter.motion_id),
        PlainColumn("act", ColumnKind.WORD, letter.act),
        PlainColumn("variant", ColumnKind.TEXT, letter.variant),
        PlainColumn("locale", ColumnKind.WORD, letter.locale),
        PlainColumn("reason", ColumnKind.TEXT, letter.reason),
        *(PlainColumn(name, ColumnKind.MOMENT, letter[name]) for name in _TIMES),
        *(words if has_words else ()),
    )


def _street_and_town(stored: str) -> str:
    home = json.loads(stored)
    return ", ".join(part for part in (home["line1"], home["line2"], home["town"]) if part)


def _postcode(stored: str) -> str:
    postcode: str = json.loads(stored)["postcode"]
    return postcode

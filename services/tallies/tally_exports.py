"""Exports the tally of a campaign, one line per seat. It contains no personal data."""

import json
from collections.abc import Sequence
from datetime import date

from services.files.csv_writing import csv_text, two_digits
from services.files.export_lines import FileFormat
from services.tallies.neighbours import FEWEST
from services.tallies.seat_table import TallyRow

EMAIL = "member_email"
"""The last column, which only some callers get: an MP's published address."""
FEW = f"fewer than {FEWEST}"
COLUMNS = (
    "constituency_code",
    "constituency",
    "nation",
    "region",
    "member_id",
    "member",
    "party",
    "standing",
    "role",
    "signed_on",
    "eligibility",
    "signatures",
    "letters_sent",
    "letters_opened",
    "signed_earlier",
    "electorate",
    "signatures_per_1000",
    "said",
    "reply",
    "reply_on",
    "party_name",
    "party_group",
)


def tally_file(rows: Sequence[TallyRow], form: FileFormat, *, has_emails: bool = False) -> str:
    """Returns the rows as CSV with a header, or as JSON lines; `reply` is the kind of the reply."""
    columns = (*COLUMNS, EMAIL) if has_emails else COLUMNS
    found = [(*_values(row), *([_email(row)] if has_emails else [])) for row in rows]
    if form is FileFormat.CSV:
        return csv_text(columns, ([_cell(value) for value in values] for values in found))
    lines = (dict(zip(columns, map(_json_value, values), strict=True)) for values in found)
    return "".join(f"{_json(line)}\n" for line in lines)


def public_csv(rows: Sequence[TallyRow]) -> str:
    """Returns the same as CSV without small numbers of people: a number under five is `FEW`."""
    return csv_text(COLUMNS, ([_cell(value) for value in _public_values(row)] for row in rows))


def _public_values(row: TallyRow) -> list[object]:
    counts = ("signatures", "letters_sent", "letters_opened")
    line = dict(zip(COLUMNS, _values(row), strict=True))
    line |= {name: FEW for name in counts if getattr(row, name) < FEWEST}
    if row.signatures < FEWEST:
        line["signatures_per_1000"] = None
    return list(line.values())


def _email(row: TallyRow) -> str | None:
    return row.member.email if row.member else None


def _values(row: TallyRow) -> tuple[object, ...]:
    """Returns the values in the order of `COLUMNS`."""
    seat, member, reply = row.constituency, row.member, row.reply
    return (
        seat.code,
        seat.name,
        seat.nation,
        seat.region,
        member.id if member else None,
        member.name if member else None,
        row.party,
        row.standing,
        row.role,
        row.signed_on,
        row.eligibility,
        row.signatures,
        row.letters_sent,
        row.letters_opened,
        row.signed_earlier,
        row.electorate,
        row.signatures_per_1000,
        row.said,
        reply.kind if reply else None,
        reply.said_on if reply else None,
        row.party_name,
        row.party_group,
    )


def _json(line: dict[str, object]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return two_digits(value) if isinstance(value, float) else value


def _json_value(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value

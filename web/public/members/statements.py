"""What a member said in public about a motion."""

from dataclasses import dataclass
from datetime import date

from services.tallies.seat_table import TallyRow
from web.base import words


@dataclass(frozen=True, slots=True)
class MemberStatement:
    """What a member said about the motion, on which day, and a link to the source."""

    text: str
    day: date
    link: str | None


def statements_of(row: TallyRow) -> list[MemberStatement]:
    """Returns the last verified reply and the organisers' last note, newest first.

    Where both say the same, only the newer one is returned.
    """
    statements = []
    if note := row.note:
        text = words.ORGANISER_NOTES[note.kind]
        statements.append(MemberStatement(text, note.starts_on, note.link))
    if reply := row.reply:
        text = words.REPLIES[reply.kind]
        statements.append(MemberStatement(text, reply.said_on, reply.link))
    statements.sort(key=lambda statement: statement.day, reverse=True)
    has_one_text = len({statement.text for statement in statements}) == 1
    return statements[:1] if has_one_text else statements

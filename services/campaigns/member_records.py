"""What an organisation keeps about a member: for a member who asks for it, as the law says."""

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session, col, select

from models import (
    Campaign,
    Member,
    MemberNote,
    MemberOverride,
    Organisation,
    Private,
    QuickAnswer,
)
from services.campaigns import member_replies
from services.common import times
from services.errors import NotFound
from services.parliament import contacts


def text_about(
    session: Session, organisation: Organisation, member_id: int, *, now: datetime
) -> str:
    """Returns everything as a text in plain lines, the oldest first within each part.

    Raises NotFound for an unknown member.
    """
    member = session.get(Member, member_id)
    if member is None:
        raise NotFound("member_unknown", f"There is no member {member_id}.")
    parts = {
        "From Parliament's directory": _from_directory(session, member),
        "Notes of the team (private)": _notes(session, organisation, member_id),
        "Answers of the office on the telephone (private)": _answers(
            session, organisation, member_id
        ),
        "Replies that constituents reported or organisers recorded": _replies(
            session, organisation, member_id
        ),
        "Statements with a link, which the campaign's pages show": _statements(
            session, organisation, member_id
        ),
    }
    head = f"What {organisation.name} keeps about {member.name}, member {member.id}"
    lines = [head, f"Written on {times.moment(now)}, London time."]
    for title, entries in parts.items():
        lines += ["", title, *(list(entries) or ["  nothing"])]
    return "\n".join(lines) + "\n"


def _from_directory(session: Session, member: Member) -> Iterator[str]:
    yield f"  Name: {member.name}. Party: {member.party}."
    if member.email:
        yield f"  Letters go to: {member.email}"
    for office in contacts.of_members(session, [member.id])[member.id]:
        found = ", ".join(filter(None, (office.telephone, office.email)))
        yield f"  Office ({office.place}): {found}. Read on {times.day(office.read_on)}."


def _notes(session: Session, organisation: Organisation, member_id: int) -> Iterator[str]:
    statement = (
        select(MemberNote, Campaign.slug)
        .join(Campaign, col(Campaign.id) == MemberNote.campaign_id)
        .where(MemberNote.organisation_id == organisation.id, MemberNote.member_id == member_id)
        .order_by(col(MemberNote.created_at), col(MemberNote.id))
    )
    for note, slug in session.exec(statement):
        yield f"  {times.moment(note.created_at)}, {slug}, by {note.author.text}"
        if note.text:
            yield from _indented(note.text)
        if note.ring_back_on:
            done = f", done {times.moment(note.rung_back_at)}" if note.rung_back_at else ""
            yield f"    To ring back on {times.day(note.ring_back_on)}{done}"


def _answers(session: Session, organisation: Organisation, member_id: int) -> Iterator[str]:
    statement = (
        select(QuickAnswer, Campaign.slug)
        .join(Campaign, col(Campaign.id) == QuickAnswer.campaign_id)
        .where(QuickAnswer.organisation_id == organisation.id, QuickAnswer.member_id == member_id)
        .order_by(col(QuickAnswer.recorded_at), col(QuickAnswer.id))
    )
    for answer, slug in session.exec(statement):
        when = times.moment(answer.recorded_at)
        yield f"  {when}, {slug}, by {answer.author.text}: {answer.kind}"


def _replies(session: Session, organisation: Organisation, member_id: int) -> Iterator[str]:
    views = member_replies.of_member(session, organisation_id=organisation.id, member_id=member_id)
    for view in reversed(views):
        reply = view.reply
        checked = f", checked by {reply.verified_by.text}" if reply.verified_by else ""
        link = f" {reply.link}" if reply.link else ""
        yield f"  {times.day(reply.said_on)}, {view.campaign_slug}: {reply.kind}{checked}{link}"
        if reply.text:
            yield from _indented(reply.text)


def _statements(session: Session, organisation: Organisation, member_id: int) -> Iterator[str]:
    statement = (
        select(MemberOverride)
        .where(
            MemberOverride.organisation_id == organisation.id,
            MemberOverride.member_id == member_id,
        )
        .order_by(col(MemberOverride.starts_on), col(MemberOverride.id))
    )
    for row in session.exec(statement):
        yield f"  {times.day(row.starts_on)}: {row.kind}. {row.reason} {row.link}"


def _indented(sealed: Private) -> Iterator[str]:
    return (f"    {line}" for line in sealed.text.splitlines())

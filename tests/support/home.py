"""What the tests of the desk's home share: causes of tasks and changes, and reading the page."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, select

from models import (
    Campaign,
    Member,
    Motion,
    MotionEvent,
    MotionEventKind,
    MotionSignatory,
    Organisation,
    Organiser,
)
from services.assembly import Lobby
from services.organisations import organisations
from tests.support.common import CAMPAIGN
from tests.support.desk import DeskClient, sign_in_as

MORAG, TOMASZ = "Morag Ferncastle", "Tomasz Wrenfield"  # of the demonstration: have not signed


def of_demonstration(session: Session) -> Campaign:
    """Returns the demonstration's campaign."""
    return session.exec(select(Campaign).where(Campaign.slug == CAMPAIGN)).one()


def change_campaign(lobby: Lobby, slug: str = CAMPAIGN, **values: Any) -> None:
    """Sets columns of a campaign."""
    with lobby.database.write() as session:
        session.exec(select(Campaign).where(Campaign.slug == slug)).one().sqlmodel_update(values)


def change_organisation(lobby: Lobby, **values: Any) -> None:
    """Sets columns of the demonstration's organisation."""
    with lobby.database.write() as session:
        owner = of_demonstration(session).organisation_id
        session.get_one(Organisation, owner).sqlmodel_update(values)


def add_organisation(lobby: Lobby, slug: str = "other") -> UUID:
    """Adds an organisation without anything."""
    with lobby.database.write() as session:
        return organisations.create(session, name=slug.title(), slug=slug, now=lobby.clock()).id


def name_on_motion(
    lobby: Lobby,
    kind: MotionEventKind,
    *,
    name: str = MORAG,
    at: datetime | None = None,
    with_signatory: bool = True,
) -> None:
    """Records what a look at Parliament's list found about a member's name."""
    now = at or lobby.clock()
    with lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.name == name)).one()
        motion = session.exec(select(Motion)).one()
        session.add(
            MotionEvent(
                motion_id=motion.id,
                member_id=member.id,
                kind=kind,
                happened_on=now.date(),
                seen_at=now,
            )
        )
        is_withdrawn = kind is MotionEventKind.WITHDRAWN
        of_member = select(MotionSignatory).where(MotionSignatory.member_id == member.id)
        rows = list(session.exec(of_member)) if with_signatory else []
        for row in rows:
            row.is_withdrawn = is_withdrawn
        if with_signatory and not rows:
            row = MotionSignatory(
                id=990000 + member.id,
                motion_id=motion.id,
                member_id=member.id,
                signed_on=now.date(),
                first_seen_at=now,
                is_withdrawn=is_withdrawn,
            )
            session.add(row)


def end_motion(lobby: Lobby, status: Any, on: date) -> None:
    """Ends the demonstration's motion."""
    with lobby.database.write() as session:
        motion = session.exec(select(Motion)).one()
        motion.status = status
        session.add(
            MotionEvent(
                motion_id=motion.id,
                kind=MotionEventKind.LAPSED,
                happened_on=on,
                seen_at=lobby.clock() - timedelta(days=60),
            )
        )


def come_back(client: DeskClient, lobby: Lobby) -> None:
    """Signs the demonstration's organiser in again: a session ends after 12 hours without use."""
    with lobby.database.read() as session:
        organiser = session.exec(select(Organiser)).one()
    sign_in_as(lobby, client, organiser)


def tasks_on(page: Any) -> list[str]:
    """Returns the titles of the tasks, in their order."""
    (part,) = re.findall(r'<ul class="tasks">(.*?)</ul>\s*(?:<p|</section>)', page.text, re.S) or [
        ""
    ]
    return [unescape(title) for title in re.findall(r"<h3>(.*?)</h3>", part)]


def figures_on(page: Any) -> list[tuple[int, int]]:
    """Returns the four figures, each with its change since yesterday."""
    found = re.findall(r"<li><strong>([\d,]+)</strong>.*?<em[^>]*>(.*?)</em>", page.text, re.S)
    return [(_whole(count), _whole(change)) for count, change in found]


def changes_on(page: Any) -> list[str]:
    """Returns what is said of each change, without markup."""
    (part,) = re.findall(r'<ol class="changes">(.*?)</ol>', page.text, re.S) or [""]
    lines = re.findall(r"</time><p>(.*?)</p>", part, re.S)
    return [" ".join(unescape(re.sub(r"<[^>]+>", "", line)).split()) for line in lines]


def statements(call: Callable[[], object]) -> list[str]:
    """Returns the statements that a call sends to the database, without those of transactions."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(sa.Engine, "before_cursor_execute", note)
    call()
    event.remove(sa.Engine, "before_cursor_execute", note)
    return [each for each in sent if each.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))]


def _whole(text: str) -> int:
    number = re.match(r"[+−]?[\d,]+", text)
    return int(number[0].replace(",", "").replace("−", "-")) if number else 0

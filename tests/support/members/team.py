"""What a campaign's team records about MPs, letters to one MP, and a House with more members."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    Constituency,
    ContactPlace,
    Letter,
    LetterState,
    LetterTally,
    Member,
    MemberContact,
    MemberNote,
    Membership,
    QuickAnswer,
    QuickAnswerKind,
    Role,
)
from services.assembly import Lobby
from services.campaigns import campaigns, member_notes, quick_answers, team_records
from services.campaigns.team_records import TeamEntry, TeamKnowledge
from services.tallies import counts
from tests.support.common import CAMPAIGN, START
from tests.support.desk import add_organiser

MORAG, EMLYN, TOMASZ = 900001, 900003, 900005
"""The members of the demonstration who can be asked; Tomasz comes first, and Emlyn last."""
ADAEZE = 900002
"""Has signed."""
ANN, BEN = "ann@team.example.org", "ben@team.example.org"
WILL_SIGN, WILL_NOT, NO_ANSWER = QuickAnswerKind
NOTE = "Caseworker: she'll sign when she's back."


class Team:
    """Two organisers of the demonstration, who have recorded nothing yet."""

    def __init__(self, lobby: Lobby) -> None:
        self.lobby = lobby
        with lobby.database.write() as session:
            for table in (QuickAnswer, MemberNote):  # those of the demonstration
                session.exec(sa.delete(table))
        self.people = {
            email: add_organiser(lobby, Role.EDITOR, email=email) for email in (ANN, BEN)
        }

    def write(self, call: Callable[[Session, Campaign], Any]) -> Any:
        with self.lobby.database.write() as session:
            return call(session, campaigns.by_slug(session, CAMPAIGN))

    def answer(
        self,
        kind: QuickAnswerKind,
        *,
        by: str = ANN,
        member_id: int = MORAG,
        days_ago: float = 0,
    ) -> QuickAnswer:
        def call(session: Session, campaign: Campaign) -> QuickAnswer:
            return quick_answers.record(
                session,
                campaign,
                member_id=member_id,
                kind=kind,
                organiser=self.people[by],
                now=self.lobby.clock() - timedelta(days=days_ago),
            )

        found: QuickAnswer = self.write(call)
        return found

    def note(
        self, text: str = NOTE, ring_back_on: str = "", *, member_id: int = MORAG
    ) -> MemberNote:
        def call(session: Session, campaign: Campaign) -> MemberNote:
            return member_notes.add(
                session,
                campaign,
                member_id=member_id,
                text=text,
                ring_back_on=ring_back_on,
                organiser=self.people[ANN],
                now=self.lobby.clock(),
            )

        found: MemberNote = self.write(call)
        return found

    def history(self) -> list[tuple[str, QuickAnswerKind]]:
        """Returns who recorded what of Morag, the newest first."""
        return [(entry.author, entry.kind) for entry in self.entries() if entry.kind]

    def entries(self, member_id: int = MORAG) -> list[TeamEntry]:
        found: list[TeamEntry] = self.write(
            lambda session, campaign: team_records.entries(session, campaign.id, [member_id])
        )[member_id]
        return found

    def newest(self) -> QuickAnswerKind | None:
        """Returns the answer about Morag that counts."""
        answer = self.known(START.date()).answers.get(MORAG)
        return answer.kind if answer else None

    def due(self, today: date) -> dict[int, date]:
        return self.known(today).ring_backs

    def known(self, today: date, just_recorded: UUID | None = None) -> TeamKnowledge:
        found: TeamKnowledge = self.write(
            lambda session, campaign: team_records.knowledge(
                session, campaign.id, today=today, just_recorded=just_recorded
            )
        )
        return found


def add_members(lobby: Lobby, count: int) -> list[int]:
    """Adds members of seats of their own, with offices; returns their ids."""
    ids = range(910001, 910001 + count)
    with lobby.database.write() as session:
        for number in ids:
            code = f"E1500{number - 910000:04}"
            session.add(
                Constituency(
                    code=code,
                    name=f"Seat {number}",
                    nation="England",
                    region="North East" if number % 2 else "London",
                    boundary_set="2024",
                )
            )
            session.add(Member(id=number, name=f"Member {number}", party="Green Party"))
        session.flush()
        for number in ids:
            session.add(
                Membership(
                    member_id=number,
                    constituency_code=f"E1500{number - 910000:04}",
                    starts_on=date(2024, 7, 4),
                )
            )
            session.add(
                MemberContact(
                    member_id=number,
                    place=ContactPlace.WESTMINSTER,
                    telephone=f"020 7946 0{number % 1000:03}",
                    email=f"member{number}@example.org",
                    read_on=START.date(),
                )
            )
    return list(ids)


def send_letters(lobby: Lobby, member_id: int, days_ago: list[float]) -> None:
    """Sends letters of the demonstration to a member, so many days ago, and counts these alone."""
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion is not None
        is_of_member = Membership.member_id == member_id
        code = session.exec(select(Membership.constituency_code).where(is_of_member)).one()
        letters = session.exec(select(Letter).order_by(col(Letter.id))).all()
        for place, letter in enumerate(letters):
            if place < len(days_ago):
                letter.member_id, letter.constituency_code = member_id, code
                letter.state = LetterState.SENT
                letter.sent_at = lobby.clock() - timedelta(days=days_ago[place])
            elif letter.member_id == member_id:
                letter.state, letter.sent_at = LetterState.HELD, None
        tally = LetterTally(
            campaign_id=campaign.id,
            motion_id=motion.id,
            motion_key=counts.motion_key(motion.id),
            constituency_code=code,
            sent=len(days_ago),
            opened=0,
        )
        session.merge(tally)

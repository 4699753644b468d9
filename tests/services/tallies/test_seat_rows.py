"""Tests the seats of a tally, which are read as columns: they are those of the models."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from models import Constituency, Member
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import campaigns
from services.parliament import motions, seats
from services.tallies import seat_rows, seat_table
from services.tallies.seat_rows import SeatConstituency, SeatMember
from tests.support.common import CAMPAIGN

STATEMENTS = 6


@pytest.fixture
def statements(lobby: Lobby) -> Iterator[list[str]]:
    """The statements of reading transactions from now on."""
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(lobby.database._reader, "before_cursor_execute", note)
    yield seen
    sa.event.remove(lobby.database._reader, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("light", "model"), [(SeatConstituency, Constituency), (SeatMember, Member)]
)
def test_seats_of_a_tally_have_every_column_of_the_models(light: Any, model: Any) -> None:
    assert light._fields == tuple(table_of(model).columns.keys())


def test_seats_of_a_tally_are_those_of_the_models(lobby: Lobby) -> None:
    today = lobby.clock().date()
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        scope: dict[str, Any] = {
            "organisation_id": campaign.organisation_id,
            "campaign_id": campaign.id,
        }
        light = seat_rows.all_seats(session, today=today, **scope).rows
        models = seats.all_seats(session, today=today, **scope)
        assert [
            (row.constituency._asdict(), row.member and row.member._asdict(), row.offices)
            for row in light
        ] == [
            (seat.constituency.model_dump(), seat.member and seat.member.model_dump(), seat.offices)
            for seat in models
        ]
        assert [tuple(row.notes) for row in light] == [seat.notes for seat in models]
    assert any(row.notes for row in light)
    assert any(row.offices for row in light)
    assert any(row.member is None for row in light)


def test_names_of_a_tally_are_those_of_the_models(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion
        positions, earlier = seat_rows.names(session, campaign.id)
        assert positions == motions.positions(session, motion.id) != {}
        assert earlier == set(motions.signed_earlier(session, campaign.id))


def test_a_tally_takes_a_fixed_number_of_statements(lobby: Lobby, statements: list[str]) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        begin = len(statements)
        tally = seat_table.of_campaign(session, campaign, now=lobby.clock())
    assert len(statements) - begin == STATEMENTS
    assert tally.motion is not None
    assert tally.rows

"""Tests what a tally reads of names, and in how many statements."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from services.assembly import Lobby
from services.campaigns import campaigns
from services.parliament import motions
from services.tallies import seat_rows, seat_table
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


def test_names_of_a_tally_are_those_of_the_models(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion
        positions, earlier, _ = seat_rows.names(session, campaign.id)
        of_models = motions.positions(session, motion.id)
        assert positions.keys() == of_models.keys() != set()
        for member_id, position in positions.items():
            model = of_models[member_id]
            for field in ("standing", "role", "signed_on"):
                assert getattr(position, field) == getattr(model, field)
        assert earlier == set(motions.signed_earlier(session, campaign.id))


def test_a_tally_takes_a_fixed_number_of_statements(lobby: Lobby, statements: list[str]) -> None:
    lobby.database.forget()
    for count in (STATEMENTS, STATEMENTS - 1):  # the second has the seats in memory
        with lobby.database.read() as session:
            campaign = campaigns.public(session, CAMPAIGN)
            begin = len(statements)
            tally = seat_table.of_campaign(session, campaign, now=lobby.clock())
        assert len(statements) - begin == count
        assert tally.motion is not None
        assert tally.rows

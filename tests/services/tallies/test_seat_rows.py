"""Tests what a tally reads of names, and in how many statements."""

from services.assembly import Lobby
from services.campaigns import campaigns
from services.parliament import motions
from services.tallies import seat_rows, seat_table
from tests.support.common import CAMPAIGN
from tools.statements import sent_by

STATEMENTS = 6


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


def test_a_tally_takes_a_fixed_number_of_statements(lobby: Lobby) -> None:
    lobby.database.forget()
    for count in (STATEMENTS, STATEMENTS - 1):  # the second has the seats in memory
        with lobby.database.read() as session:
            campaign = campaigns.public(session, CAMPAIGN)
            with sent_by(lobby) as sent:
                tally = seat_table.of_campaign(session, campaign, now=lobby.clock())
        assert len(sent) == count
        assert tally.motion is not None
        assert tally.rows

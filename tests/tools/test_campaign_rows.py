"""Tests the rows of large invented campaigns that benches, drills and pages are tried with."""

from datetime import timedelta

import pytest
from sqlmodel import Session, col, func, select

from models import Letter, LetterState, Signature
from services.assembly import Lobby
from services.campaigns import campaigns
from services.operations import recounts
from services.tallies import seat_table
from services.tallies.seat_table import Tally
from tests.support.common import CAMPAIGN, REAL_DATA, needs_real_data
from tools import campaign_rows, fill_campaign
from tools.campaign_rows import Size


def tally(session: Session, lobby: Lobby, slug: str) -> Tally:
    campaign = campaigns.by_slug(session, slug)
    return seat_table.of_campaign(session, campaign, now=lobby.clock())


def test_the_counters_are_those_of_the_rows(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        before = tally(session, lobby, CAMPAIGN)
    campaign_rows.fill(lobby, CAMPAIGN, Size(500, 100))
    campaign_rows.fill(lobby, CAMPAIGN, Size(300, 50), seed=1)
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []
        assert recounts.wrong_letters(session) == []
        assert recounts.compare_sums(session) == []
        after = tally(session, lobby, CAMPAIGN)
        written = session.exec(select(func.count()).select_from(Letter)).one()
        uncertain = select(Letter).where(Letter.state == LetterState.UNCERTAIN)
        assert session.exec(uncertain).first() is not None
    assert after.confirmed == before.confirmed + 800
    assert written >= 150
    assert before.letters_sent < after.letters_sent <= before.letters_sent + 150
    assert after.unknown > before.unknown
    assert after.overseas > before.overseas


def test_everybody_signed_within_the_days_and_their_rows_open(lobby: Lobby) -> None:
    now = lobby.clock()
    with lobby.database.read() as session:
        known = set(session.exec(select(Signature.id)))
    campaign_rows.fill(lobby, CAMPAIGN, Size(200, 20, days=3))
    with lobby.database.read() as session:
        rows = session.exec(select(Signature).where(col(Signature.id).not_in(known))).all()
        assert len(rows) == 200
        assert all(now - timedelta(days=3) <= row.signed_at <= now for row in rows)
        assert {row.name.text for row in rows} == {"Anna Example"}


def test_more_letters_than_people_are_refused_before_anything_is_written(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        before = tally(session, lobby, CAMPAIGN)
    with pytest.raises(ValueError, match="can write a letter, not 31"):
        campaign_rows.fill(lobby, CAMPAIGN, Size(30, 31))
    with lobby.database.read() as session:
        assert tally(session, lobby, CAMPAIGN).confirmed == before.confirmed


@needs_real_data
@pytest.mark.real_data
@pytest.mark.slow
def test_the_real_parliament_gets_an_invented_campaign_once(empty_lobby: Lobby) -> None:
    slug = fill_campaign.prepare(empty_lobby, real=REAL_DATA, days=50)
    assert fill_campaign.prepare(empty_lobby, real=REAL_DATA, days=50) == slug
    campaign_rows.fill(empty_lobby, slug, Size(1000, 200))
    with empty_lobby.database.read() as session:
        found = tally(session, empty_lobby, slug)
        assert recounts.wrong_letters(session) == []
    assert (found.total, found.signed, found.withdrawn) == (650, 167, 2)
    assert found.confirmed == 1000

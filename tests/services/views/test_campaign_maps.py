"""Tests what the map of a campaign shows: a mark for each seat, and a key that counts them."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.assembly import Lobby
from services.campaigns import campaigns
from services.parliament.hex_grid import Cell
from services.parliament.map_tiles import Tiles
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies import seat_table, tally_summaries
from services.tallies.seat_table import Tally
from services.views import campaign_maps
from services.views.campaign_maps import STEPS, CampaignMap, MapBy, Mark
from tests.support.common import CAMPAIGN
from tests.support.database.query_plans import sent_statements
from tests.support.made_up.tallies import row_of, tallies, tally_of

BY_COUNT = st.sampled_from([MapBy.SIGNATURES, MapBy.LETTERS])


def cells_of(tally: Tally) -> dict[str, Cell]:
    """Returns a cell for each seat, in rows of ten."""
    return {
        row.constituency.code: (number % 10, number // 10) for number, row in enumerate(tally.rows)
    }


def map_of(tally: Tally, by: MapBy, *, is_public: bool = False) -> CampaignMap:
    return campaign_maps.of_tiles(Tiles(cells_of(tally), ""), tally, by, is_public=is_public)


def counted(shown: CampaignMap) -> Counter[Mark]:
    """Returns the numbers in the key, which has each mark once."""
    assert len({entry.mark for entry in shown.key}) == len(shown.key)
    return +Counter({entry.mark: entry.seats for entry in shown.key})


@settings(max_examples=40)
@given(tallies(), st.sampled_from(MapBy), st.booleans())
def test_each_seat_is_drawn_once_and_counted_once(tally: Tally, by: MapBy, public: bool) -> None:
    shown = map_of(tally, by, is_public=public)
    assert {tile.code: tile.cell for tile in shown.tiles} == cells_of(tally)
    assert counted(shown) == Counter(tile.mark for tile in shown.tiles)
    assert sum(entry.seats for entry in shown.key) == tally.total == len(shown.tiles)


@settings(max_examples=40)
@given(tallies())
def test_the_key_by_standing_has_the_numbers_of_the_tally_and_of_its_sums(tally: Tally) -> None:
    key, summary = counted(map_of(tally, MapBy.STANDING)), tally_summaries.of_tally(tally)
    assert key[Mark.SIGNED] == sum(row.signed for row in summary.by_region) == tally.signed
    assert key[Mark.WITHDREW] == tally.withdrawn
    assert key[Mark.VACANT] == tally.total - tally.seats_filled
    withdrew = sum(
        row.standing is Standing.WITHDRAWN and row.eligibility is Eligibility.CAN_SIGN
        for row in tally.rows
    )
    left = key[Mark.NOT_YET] + key[Mark.WILL_SIGN] + withdrew
    assert key[Mark.SIGNED] + left == tally.can_sign


@settings(max_examples=40)
@given(tallies(), BY_COUNT)
def test_each_seat_is_in_the_step_that_has_its_number(tally: Tally, by: MapBy) -> None:
    shown = map_of(tally, by)
    bounds = {entry.mark: (entry.least, entry.below) for entry in shown.key}
    for row, tile in zip(tally.rows, shown.tiles, strict=True):
        value = campaign_maps.value_of(row, by)
        assert (value is None) == (tile.mark is Mark.NO_ELECTORATE)
        if value is not None:
            least, below = bounds[tile.mark]
            assert tile.mark in STEPS
            assert least is None or least <= value
            assert below is None or value < below


@pytest.mark.slow
@settings(max_examples=40)
@given(tallies(), BY_COUNT)
def test_steps_follow_each_other_without_a_gap_and_the_last_is_the_strongest(
    tally: Tally, by: MapBy
) -> None:
    steps = [entry for entry in map_of(tally, by).key if entry.mark in STEPS]
    assume(steps)
    assert all(entry.seats for entry in steps)
    assert [entry.mark for entry in steps] == list(STEPS[-len(steps) :])
    assert [entry.least for entry in steps[1:]] == [entry.below for entry in steps[:-1]]
    assert steps[-1].below is None


@settings(max_examples=40)
@given(tallies(), BY_COUNT)
def test_a_public_map_tells_nothing_of_numbers_under_five(tally: Tally, by: MapBy) -> None:
    shown = map_of(tally, by, is_public=True)
    for row, tile in zip(tally.rows, shown.tiles, strict=True):
        assert (tile.mark is Mark.FEW) == (campaign_maps.count_of(row, by) < 5)
    other = tally_of(
        [
            row._replace(
                signatures=row.signatures if row.signatures >= 5 else 4 - row.signatures,
                letters_sent=row.letters_sent if row.letters_sent >= 5 else 4 - row.letters_sent,
            )
            for row in tally.rows
        ]
    )
    assume(not shown.is_empty)
    assert map_of(other, by, is_public=True).key == shown.key
    assert map_of(other, by, is_public=True).tiles == shown.tiles


@pytest.mark.parametrize(
    ("standing", "eligibility", "said", "mark"),
    [
        (Standing.SIGNED, Eligibility.CAN_SIGN, None, Mark.SIGNED),
        (Standing.SIGNED, Eligibility.CAN_SIGN, StatedIntent.WILL_NOT, Mark.SIGNED),
        (Standing.WITHDRAWN, Eligibility.CAN_SIGN, None, Mark.WITHDREW),
        (Standing.WITHDRAWN, Eligibility.CONVENTION, None, Mark.WITHDREW),
        (Standing.NOT_SIGNED, Eligibility.CAN_SIGN, None, Mark.NOT_YET),
        (Standing.NOT_SIGNED, Eligibility.CAN_SIGN, StatedIntent.WILL_SIGN, Mark.WILL_SIGN),
        (Standing.NOT_SIGNED, Eligibility.CAN_SIGN, StatedIntent.WILL_NOT, Mark.NOT_YET),
        (Standing.NOT_SIGNED, Eligibility.CONVENTION, StatedIntent.WILL_SIGN, Mark.DOES_NOT_SIGN),
        (Standing.NOT_SIGNED, Eligibility.CANNOT, None, Mark.DOES_NOT_SIGN),
        (Standing.NOT_SIGNED, Eligibility.REFUSES, None, Mark.DOES_NOT_SIGN),
        (Standing.NOT_SIGNED, Eligibility.VACANT, None, Mark.VACANT),
    ],
)
def test_a_seat_has_the_mark_of_its_standing(
    standing: Standing, eligibility: Eligibility, said: StatedIntent | None, mark: Mark
) -> None:
    row = row_of(1, standing=standing, eligibility=eligibility, said=said)
    assert campaign_maps.mark_of(row) is mark


@pytest.mark.parametrize(
    ("values", "breaks"),
    [
        ([], ()),
        ([0, 0], ()),
        ([0.3] * 9, ()),
        ([0, 0.03], (0.03,)),
        ([0.47, 1.21, 1.41, 2.2, 3.3], (1.2, 1.5, 3)),
        ([number / 100 for number in range(1, 501)], (1, 2, 3, 4)),
        ([1000 * number for number in range(1, 101)], (20_000, 40_000, 60_000, 80_000)),
    ],
)
def test_steps_begin_at_round_numbers(values: list[float], breaks: tuple[float, ...]) -> None:
    assert campaign_maps.breaks_of(values) == breaks


@pytest.mark.slow
@given(st.lists(st.floats(0.01, 10_000).map(lambda value: round(value, 2)), min_size=100))
def test_no_step_is_empty_and_each_number_is_in_one(values: list[float]) -> None:
    breaks = campaign_maps.breaks_of(values)
    assert len(breaks) <= 4
    assert list(breaks) == sorted(set(breaks))
    edges = [0, *breaks, float("inf")]
    sizes = [sum(low <= value < high for value in values) for low, high in pairwise(edges)]
    assert all(sizes)
    assert sum(sizes) == len(values)


def test_nothing_is_drawn_before_there_is_something_to_tell() -> None:
    rows = [row_of(1), row_of(2, letters=1)]
    assert map_of(tally_of(rows, has_motion=False), MapBy.STANDING).is_empty
    assert not map_of(tally_of(rows), MapBy.STANDING).is_empty
    assert map_of(tally_of(rows), MapBy.SIGNATURES).is_empty
    assert not map_of(tally_of(rows), MapBy.LETTERS).is_empty


def test_a_map_of_a_tally_takes_no_statement(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        tally = seat_table.of_campaign(session, campaign, now=lobby.clock())
        with sent_statements() as sent:
            shown = campaign_maps.of_tally(tally, MapBy.STANDING)
    assert sent == []
    assert counted(shown)[Mark.SIGNED] == tally.signed

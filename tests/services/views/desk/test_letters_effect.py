"""Tests the comparison of 'Did the letters matter?' on worked examples and random MPs."""

from datetime import date, timedelta
from fractions import Fraction
from math import comb
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.views.desk import letters_effect
from services.views.desk.letters_effect import Group, Mp, Share

DAY = date(2026, 6, 15)
BEFORE, AFTER = DAY - timedelta(days=3), DAY + timedelta(days=3)
Z = Fraction(NormalDist().inv_cdf(0.975))
EXACT = Fraction(1, 10**12)


def mps(
    number: int,
    *,
    letters: int = 0,
    signed_on: date | None = None,
    party: str = "Labour",
    could_sign: bool = True,
) -> list[Mp]:
    return [
        Mp(
            index,
            f"Member {index}",
            "A seat",
            party,
            could_sign=could_sign,
            letters_by_day=letters,
            first_name_on=signed_on,
            is_on_motion=signed_on is not None,
        )
        for index in range(number)
    ]


def numbers(shares: tuple[Share, ...]) -> list[tuple[Group, int, int]]:
    return [(share.group, share.signed, share.members) for share in shares]


def compared(found: list[Mp], day: date = DAY) -> list[tuple[Group, int, int]]:
    return numbers(letters_effect.compare(letters_effect.followed(found, day), "Labour"))


def end_of_range(count: int, total: int, beyond: Fraction) -> Fraction:
    """Finds by halving the share p of the score equation between the count's share and `beyond`.

    There (share - p) squared is z squared times p * (1 - p) / total. Nothing is solved here: the
    two sides of the equation are compared, exactly.
    """
    share = within = Fraction(count, total)
    while abs(beyond - within) > EXACT:
        middle = (within + beyond) / 2
        is_possible = (share - middle) ** 2 <= Z**2 * middle * (1 - middle) / total
        within, beyond = (middle, beyond) if is_possible else (within, middle)
    return within


@pytest.mark.parametrize(
    ("count", "total"), [(0, 20), (1, 29), (7, 20), (15, 148), (81, 263), (650, 650)]
)
def test_the_range_solves_the_score_equation(count: int, total: int) -> None:
    low, high = letters_effect.wilson(count, total)
    assert low == pytest.approx(float(end_of_range(count, total, Fraction(0))), abs=1e-9)
    assert high == pytest.approx(float(end_of_range(count, total, Fraction(1))), abs=1e-9)


@given(st.integers(1, 700).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_range_holds_the_share_and_turns_round_with_it(case: tuple[int, int]) -> None:
    count, total = case
    low, high = letters_effect.wilson(count, total)
    assert 0 <= low <= count / total <= high <= 1
    assert low < high
    turned = letters_effect.wilson(total - count, total)
    assert (1 - high, 1 - low) == pytest.approx(turned)


@given(st.integers(20, 60).flatmap(lambda n: st.tuples(st.integers(1, n - 1), st.just(n))))
def test_a_count_at_the_end_of_its_range_is_two_standard_errors_off(case: tuple[int, int]) -> None:
    # The definition of the score interval: where (share - p) is z standard errors of p.
    count, total = case
    for end in letters_effect.wilson(count, total):
        error = (end * (1 - end) / total) ** 0.5
        assert abs(count / total - end) == pytest.approx(1.959964 * error, rel=1e-5)


def test_only_mps_who_could_sign_and_had_not_by_the_end_of_the_day_are_followed() -> None:
    signed_then = mps(1, signed_on=DAY)
    signed_before = mps(1, signed_on=BEFORE)
    ministers = mps(1, could_sign=False, signed_on=AFTER)
    later, never = mps(1, signed_on=AFTER), mps(1)
    found = letters_effect.followed([*signed_then, *signed_before, *ministers, *later, *never], DAY)
    assert found == [*later, *never]


def test_a_worked_example_in_three_groups() -> None:
    found = [
        *mps(30, letters=5, signed_on=AFTER),
        *mps(20, letters=9),
        *mps(5, letters=4, signed_on=AFTER),
        *mps(20, letters=1),
        *mps(2, letters=0, signed_on=AFTER),
        *mps(18, letters=0),
    ]
    assert compared(found) == [(Group.MANY, 30, 50), (Group.SOME, 5, 25), (Group.NONE, 2, 20)]


def test_groups_under_twenty_are_joined() -> None:
    few = [*mps(19, letters=3), *mps(40, signed_on=AFTER)]
    assert compared([*mps(20, letters=5), *few]) == [(Group.MANY, 0, 20), (Group.FEW, 40, 59)]
    assert compared([*mps(19, letters=5), *few]) == [(Group.ANY, 0, 38), (Group.NONE, 40, 40)]


@pytest.mark.parametrize(("many", "none"), [(19, 100), (100, 19), (0, 100), (0, 0)])
def test_nothing_is_compared_where_a_group_stays_too_small(many: int, none: int) -> None:
    assert compared([*mps(many, letters=5), *mps(none)]) == []


def test_a_comparison_is_within_one_party() -> None:
    found = [*mps(20, letters=5), *mps(20), *mps(50, letters=5, party="Plaid Cymru")]
    assert compared(found) == [(Group.MANY, 0, 20), (Group.FEW, 0, 20)]
    assert letters_effect.parties(found) == ("Plaid Cymru", "Labour")
    assert letters_effect.parties(mps(19)) == ()


def test_the_obvious_comparison_says_the_opposite() -> None:
    """Letters do nothing here: of 40 MPs on each side, as many sign soon after the day.

    Those who sign get no letters after it, and the others go on getting them until today.
    """
    by_day = [*mps(20, letters=6, signed_on=AFTER), *mps(20, letters=6)]
    by_day += [*mps(20, letters=2, signed_on=AFTER), *mps(20, letters=2)]
    fixed = letters_effect.compare(letters_effect.followed(by_day, DAY), "Labour")
    assert [share.share for share in fixed] == [0.5, 0.5]
    # Until today each who has not signed has got five letters more.
    until_today = [
        (mp.letters_by_day + 5 * (not mp.is_on_motion), mp.is_on_motion) for mp in by_day
    ]
    many = [signed for letters, signed in until_today if letters >= letters_effect.MANY]
    fewer = [signed for letters, signed in until_today if letters < letters_effect.MANY]
    assert sum(many) / len(many) == pytest.approx(1 / 3)
    assert sum(fewer) / len(fewer) == 1


members = st.builds(
    Mp,
    id=st.integers(1, 9999),
    name=st.just("A member"),
    seat=st.just("A seat"),
    party=st.sampled_from(["Labour", "Conservative"]),
    could_sign=st.booleans(),
    letters_by_day=st.integers(0, 8),
    letters_before=st.integers(0, 8),
    first_letter_on=st.none() | st.dates(BEFORE, AFTER),
    first_name_on=st.none() | st.dates(BEFORE, AFTER),
    is_on_motion=st.booleans(),
)


@pytest.mark.slow
@given(st.lists(members, max_size=300))
def test_every_followed_mp_is_in_one_group_of_at_least_twenty(found: list[Mp]) -> None:
    followed = letters_effect.followed(found, DAY)
    shares = letters_effect.compare(followed, "Labour")
    labour = [mp for mp in followed if mp.party == "Labour"]
    if shares:
        assert sum(share.members for share in shares) == len(labour)
        assert sum(share.signed for share in shares) == sum(mp.is_on_motion for mp in labour)
        assert min(share.members for share in shares) >= 20
        assert all(share.low <= share.share <= share.high for share in shares)
    else:
        with_letters = sum(mp.letters_by_day > 0 for mp in labour)
        many = sum(mp.letters_by_day >= 5 for mp in labour)
        assert min(many, len(labour) - many) < 20
        assert min(with_letters, len(labour) - with_letters) < 20


def test_days_run_from_the_first_letter_to_the_name() -> None:
    def one(before: int, first: date | None, signed: date) -> Mp:
        return Mp(
            1,
            "A member",
            "A seat",
            "Labour",
            letters_before=before,
            first_letter_on=first,
            first_name_on=signed,
            is_on_motion=True,
        )

    days = [
        one(1, DAY, AFTER),
        one(3, DAY, DAY),
        one(2, BEFORE, AFTER),
        one(1, BEFORE, AFTER),
        one(0, AFTER, DAY),  # the only letter came after the name
    ]
    assert [mp.days_from_first for mp in days] == [3, 0, 6, 6, None]
    assert letters_effect.summary(days) == letters_effect.Summary(5, 4, 3)
    assert letters_effect.summary([]) == letters_effect.Summary(0, 0, None)


def test_names_from_before_the_letters_are_not_in_the_list() -> None:
    found = [*mps(1, signed_on=BEFORE), *mps(1, signed_on=DAY), *mps(1, signed_on=AFTER), *mps(1)]
    listed = letters_effect.since_letters(found, DAY)
    assert [mp.first_name_on for mp in listed] == [AFTER, DAY]


def test_the_standard_normal_quantile_is_that_of_95_per_cent() -> None:
    """Over all counts, the range misses the true share of 0.3 about once in 20."""
    total, true = 200, 0.3
    missed = 0.0
    for count in range(total + 1):
        low, high = letters_effect.wilson(count, total)
        if not low <= true <= high:
            missed += comb(total, count) * true**count * (1 - true) ** (total - count)
    assert 0.04 < missed < 0.06

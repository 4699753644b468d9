"""Tests that a petition's form reads times as those of news and dates do."""

from datetime import UTC, datetime

import pytest

from services.campaigns import entry_texts, petition_texts
from services.errors import Invalid

DAY = "2027-05-01"


@pytest.mark.parametrize("typed", ["17:00", "17.00", "5pm", "5.00 PM", " 5:00pm "])
def test_a_petition_closes_at_a_time_that_is_written_as_for_news(typed: str) -> None:
    five = datetime(2027, 5, 1, 16, tzinfo=UTC)
    assert petition_texts.closes_at(DAY, typed) == entry_texts.moment(DAY, typed) == five


@pytest.mark.parametrize("typed", ["17", "25:00", "13pm", "5:60pm", "noon"])
def test_what_is_no_time_is_refused_in_the_same_words(typed: str) -> None:
    with pytest.raises(Invalid) as closing:
        petition_texts.closes_at(DAY, typed)
    with pytest.raises(Invalid) as publishing:
        entry_texts.moment(DAY, typed)
    assert closing.value.fields[0].field == "closes_time"
    assert closing.value.message == publishing.value.message

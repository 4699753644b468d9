"""Tests the words of news, without a database."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.alerts import alert_mails, sentences
from services.alerts.news import News, NewsKind, from_stored

ANN = News(NewsKind.SIGNED, "Beds", "beds", "7", names=("Ann",), signed=168, seats=650, goal=170)
TEN = tuple(f"N{number}" for number in range(10))


@pytest.mark.parametrize(
    ("names", "others", "subject", "listed"),
    [
        (("Ann",), 0, "Ann signed", "Ann signed."),
        (("Ann", "Bo"), 0, "Ann and Bo signed", "2 MPs signed: Ann and Bo."),
        (("Ann", "Bo", "Cy"), 0, "Ann and 2 others signed", "3 MPs signed: Ann, Bo and Cy."),
        (TEN, 1, "N0 and 10 others signed", "11 MPs signed: N0, N1, N2, N3, N4, N5, N6, N7, N8, "
         "N9 and 1 other."),
    ],
)  # fmt: skip
def test_names_are_listed(names: tuple[str, ...], others: int, subject: str, listed: str) -> None:
    item = replace(ANN, names=names, others=others)
    assert sentences.subject([item]) == f"{subject} – 168 of 650"
    count = "168 of 650 MPs have signed EDM 7."
    assert sentences.paragraphs([item]) == [f"Beds: {listed} {count}"]


def test_several_campaigns_are_named_each_time_and_their_counts_said_once() -> None:
    other = replace(ANN, campaign="Buses", slug="buses", motion="8", signed=1)
    news = [ANN, other, replace(ANN, what=NewsKind.TOOK_OFF), News(NewsKind.MAILS_GO)]
    assert sentences.paragraphs(news) == [
        "Beds: Ann signed. 168 of 650 MPs have signed EDM 7.",
        "Buses: Ann signed. 1 of 650 MPs has signed EDM 8.",
        "Beds: Ann removed their name.",
        "Emails to supporters are going out again.",
    ]


def test_the_button_leads_to_the_one_campaign_or_to_the_desk() -> None:
    assert alert_mails.overview_path([ANN, News(NewsKind.MAILS_GO)]) == "/organiser/campaigns/beds"
    assert alert_mails.overview_path([ANN, replace(ANN, slug="buses")]) == "/organiser"
    assert alert_mails.overview_path([News(NewsKind.MAILS_GO)]) == "/organiser"


def test_stored_news_is_read_as_it_was() -> None:
    since = datetime(2026, 7, 1, 12, tzinfo=UTC)
    for item in (ANN, replace(ANN, what=NewsKind.LETTERS_STUCK, since=since)):
        assert from_stored(item.stored()) == item

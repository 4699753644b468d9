"""Tests the commands for the face of organisations and campaigns, and for their texts."""

import json
from pathlib import Path

import pytest

from services.campaigns import campaigns
from services.organisations import faces, organisations
from services.pictures import pictures as kept_pictures
from tests.support.cli import ORGANISATION, Cli
from tests.support.common import CAMPAIGN
from tests.support.outside import pictures

pytestmark = pytest.mark.slow
CHANGE, CHANGE_CAMPAIGN = ("organisation", "change"), ("campaign", "change")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    (made / "ward.jpg").write_bytes(pictures.photograph())
    (made / "logo.png").write_bytes(pictures.png(300, 300))
    (made / "drawing.png").write_bytes(pictures.SVG)
    (made / "bomb.png").write_bytes(pictures.bomb())
    (made / "notice.txt").write_text("We keep your name for two years.\n\nThen we delete it.\n")
    (made / "latin.txt").write_bytes("Vie privée".encode("latin-1"))
    return made


def test_an_organisation_and_its_campaign_get_a_face(demo: Cli, folder: Path) -> None:
    values = ("--website", "https://union.example.org", "--company-number", "01234567")
    logo = ("--brand-colour", "#112233", "--logo", folder / "logo.png")
    done = demo(*CHANGE, ORGANISATION, *values, *logo)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"Changed: {ORGANISATION}.\n")
    words = ("--alt", "A ward at night", "--credit", "Photo: Anna", "--picture")
    texts = ("--hero-line", "Sign now.", "--purpose", "stop the sale.", "--outcome", "We won.")
    done = demo(
        *CHANGE_CAMPAIGN,
        CAMPAIGN,
        *words,
        folder / "ward.jpg",
        *texts,
        "--outcome-on",
        "2026-06-30",
    )
    assert (done.returncode, done.stderr) == (0, f"Changed: {CAMPAIGN}.\n")
    with demo.lobby() as lobby, lobby.database.read() as session:
        face = faces.of_organisation(session, organisations.by_slug(session, ORGANISATION))
        assert (face.website, face.brand_colour) == ("https://union.example.org", "#112233")
        assert face.registration.endswith("and company 01234567")
        campaign = campaigns.by_slug(session, CAMPAIGN)
        assert (campaign.purpose, campaign.hero_line) == ("stop the sale", "Sign now.")
        shown = kept_pictures.shown(session, campaign.id)
        assert shown is not None
        assert (shown.alt, shown.credit) == ("A ward at night", "Photo: Anna")
        assert shown.height > shown.width, "it was taken upright"
        stored = kept_pictures.file(session, shown.address.rpartition("/")[2])
        assert b"garden" not in stored.content
    removed = demo(*CHANGE, ORGANISATION, "--company-number", "", "--no-logo")
    assert removed.returncode == 0
    assert demo(*CHANGE_CAMPAIGN, CAMPAIGN, "--outcome", "", "--no-picture").returncode == 0
    with demo.lobby() as lobby, lobby.database.read() as session:
        face = faces.of_organisation(session, organisations.by_slug(session, ORGANISATION))
        assert (face.logo, "company" in face.registration) == (None, False)
        campaign = campaigns.by_slug(session, CAMPAIGN)
        assert (campaign.outcome, campaign.outcome_on) == ("", None)
        assert kept_pictures.shown(session, campaign.id) is None


def test_a_notice_and_a_statement_are_published_from_files(demo: Cli, folder: Path) -> None:
    first = demo("organisation", "notice", ORGANISATION, folder / "notice.txt")
    assert first.stdout == f"http://127.0.0.1:8000/privacy/{ORGANISATION}?version=1\n"
    assert (
        demo("organisation", "notice", ORGANISATION, folder / "notice.txt").stdout == first.stdout
    )
    assert demo("accessibility", folder / "notice.txt").returncode == 0
    assert demo.sql("SELECT count(*) FROM privacy_notice") == [(1,)]
    assert demo.sql("SELECT text FROM installation_text") == [
        ("We keep your name for two years.\n\nThen we delete it.",)
    ]
    assert demo("accessibility", "--remove").returncode == 0
    assert demo.sql("SELECT count(*) FROM installation_text") == [(0,)]


REFUSALS: dict[str, tuple[tuple[str, ...], str]] = {
    "a colour without contrast": (
        (*CHANGE, ORGANISATION, "--brand-colour", "#757b83"),
        "Choose a lighter or a darker colour: neither white nor black text is readable.",
    ),
    "an address that is none": (
        (*CHANGE, ORGANISATION, "--contact-email", "us"),
        "Enter an email address in the correct format, like name@example.com",
    ),
    "an organisation that is not there": (
        (*CHANGE, "nobody", "--website", "https://example.org"),
        "There is no organisation 'nobody'.",
    ),
    "an organisation without a change": (
        (*CHANGE, ORGANISATION),
        "Say what to change: --help lists the options.",
    ),
    "a campaign without a change": (
        (*CHANGE_CAMPAIGN, CAMPAIGN),
        "Say what to change: --help lists the options.",
    ),
    "an SVG called PNG": (
        (*CHANGE, ORGANISATION, "--logo", "drawing.png"),
        "Send a PNG, JPEG or WebP file.",
    ),
    "a bomb": (
        (*CHANGE_CAMPAIGN, CAMPAIGN, "--picture", "bomb.png", "--alt", "A ward"),
        "Send a smaller picture: this one has more than 40 megapixels.",
    ),
    "a picture without words": (
        (*CHANGE_CAMPAIGN, CAMPAIGN, "--picture", "ward.jpg"),
        "Say in a sentence what the picture shows, for people who don’t see it.",
    ),
    "words without a picture": (
        (*CHANGE_CAMPAIGN, CAMPAIGN, "--alt", "A ward"),
        "--alt and --credit belong to a --picture: give it too.",
    ),
    "a day without an outcome": (
        (*CHANGE_CAMPAIGN, CAMPAIGN, "--outcome-on", "2026-06-30"),
        "Say what the outcome was, or remove its day too.",
    ),
    "a day that is none": (
        (*CHANGE_CAMPAIGN, CAMPAIGN, "--outcome-on", "yesterday"),
        "Give a day as year, month and day, such as 2026-05-03.",
    ),
    "a notice in another encoding": (
        ("organisation", "notice", ORGANISATION, "latin.txt"),
        "{folder}/latin.txt is not a text in UTF-8.",
    ),
    "a statement without a file": (
        ("accessibility",),
        "Give either a file or --remove.",
    ),
}


@pytest.mark.parametrize("case", list(REFUSALS))
def test_what_is_refused_is_told_in_a_sentence(case: str, demo: Cli, folder: Path) -> None:
    before = demo.counts()
    arguments, sentence = REFUSALS[case]
    files = {file.name: str(file) for file in folder.iterdir()}
    named = [files.get(argument, argument) for argument in arguments]
    assert demo.refused(*named) == sentence.replace("{folder}", str(folder))
    assert demo.counts() == before


def test_a_file_that_is_not_there_is_named(demo: Cli, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.png"
    assert demo.refused(*CHANGE, ORGANISATION, "--logo", missing) == f"There is no {missing}."


def test_the_check_lists_what_campaigns_lack(demo: Cli) -> None:
    assert demo("organisation", "create", "Our Union", "--slug", "our-union").returncode == 0
    new = "SELECT id FROM organisation WHERE slug = 'our-union'"
    demo.sql(f"UPDATE campaign SET organisation_id = ({new})")
    findings = json.loads(demo("check", "--json").stdout)
    texts = {each["code"]: each["text"] for each in findings if not each["is_trouble"]}
    assert "lobby organisation notice" in texts["notice_missing"]
    assert "--contact-email" in texts["contact_missing"]
    assert "picture_missing" not in texts

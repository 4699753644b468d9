"""Tests the commands for organisations, partners, organisers and keys."""

import pytest

from models import Scope
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations
from tests.support.cli import KEY, OF_IT, ORGANISATION, Cli
from tests.support.common import PETITION
from tests.support.keys import secret_of

pytestmark = pytest.mark.slow

REFUSALS: dict[str, tuple[tuple[str, ...], str]] = {
    "a slug that is taken": (
        ("organisation", "create", "Again", "--slug", ORGANISATION),
        f"There is an organisation '{ORGANISATION}' already.",
    ),
    "an organisation that is not there": (
        ("partner", "create", "A Paper", "--organisation", "nobody", "--slug", "a-paper"),
        "There is no organisation 'nobody'.",
    ),
    "an organiser who is there": (
        ("organiser", "create", invented_campaign.ORGANISER, *OF_IT),
        f"There is an organiser {invented_campaign.ORGANISER} already.",
    ),
    "an organiser who is there in small letters": (
        ("organiser", "create", "Organiser@example.org", *OF_IT),
        "There is an organiser Organiser@example.org already.",
    ),
    "a scope that is unknown": (
        ("key", "create", *OF_IT, "--scope", "tallies:read", "--scope", "everything"),
        f"Unknown scope everything; known: {', '.join(Scope)}.",
    ),
    "a day that is past": (
        ("key", "create", *OF_IT, "--scope", "tallies:read", "--expires", "2020-01-01"),
        "This is in the past.",
    ),
    "a day that no calendar follows": (
        ("key", "create", *OF_IT, "--scope", "tallies:read", "--expires", "9999-12-31"),
        "No calendar has the day after.",
    ),
    "a key that is not there": (("key", "revoke", "0" * 12), f"There is no key '{'0' * 12}'."),
    "a partner that is not there": (
        ("partner", "change", "nobody", *OF_IT, "--name", "Somebody"),
        "There is no partner 'nobody'.",
    ),
    "a site that is no origin": (
        ("partner", "create", "A Paper", *OF_IT, "--slug", "a-paper", "--origin", "*"),
        "allowed_origins.0: '*' is no origin: name each site: a wildcard would let in sites of "
        "others.",
    ),
}


def test_an_organisation_gets_its_partner_its_organiser_and_a_key(cli: Cli) -> None:
    def output_of(*arguments: str) -> str:
        done = cli(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert output_of("organisation", "create", "Our Union", "--slug", "our-union") == "our-union\n"
    of_it = ("--organisation", "our-union")
    assert output_of("partner", "create", "A Paper", *of_it, "--slug", "a-paper") == "a-paper\n"
    password = output_of("organiser", "create", "boss@example.org", *of_it)
    key = output_of("key", "create", *of_it, "--partner", "a-paper", "--scope", "signatures:write")
    assert KEY.fullmatch(key), "the key, alone"

    with cli.lobby() as lobby, lobby.database.read() as session:
        caller = api_keys.caller_of(session, key.strip(), now=lobby.clock())
        assert caller.scopes == {Scope.SIGNATURES_WRITE}
        assert caller.partner_id is not None
        organiser = organisations.sign_in(
            session, lobby.keyring, email="boss@example.org", password=password.strip()
        )
        assert organiser.organisation_id == caller.organisation_id
    raw = cli.database.read_bytes()
    assert secret_of(key.strip()).encode() not in raw
    assert b"boss@example.org" not in raw


def test_a_key_has_a_name_an_end_and_petitions_and_is_followed_by_another(demo: Cli) -> None:
    made = (*("key", "create", *OF_IT), *("--scope", "signatures:read", "--name", "our site"))
    first = demo(*made, "--expires", "2099-12-31", "--petition", PETITION)
    assert (first.returncode, first.stderr) == (0, "")
    second = demo(*made).stdout
    assert demo.refused(*made).startswith("There are 2 live keys named 'our site' already")
    digits = first.stdout.split("_")[1]
    rows = [line.split("\t") for line in demo("key", "list", *OF_IT).stdout.splitlines()]
    assert [row[1:6] for row in rows] == [
        ["live", "our site", "", "signatures:read", PETITION],
        ["live", "our site", "", "signatures:read", ""],
    ]
    assert rows[0][0] == digits
    assert rows[0][7] == "2100-01-01T00:00Z", "the end of that day in London"
    revoked = demo("key", "revoke", digits)
    assert (revoked.returncode, revoked.stdout) == (0, "")
    assert KEY.fullmatch(demo(*made).stdout)
    listed = demo("key", "list", *OF_IT)
    assert [line.split("\t")[1] for line in listed.stdout.splitlines()] == [
        "revoked",
        "live",
        "live",
    ]
    for key in (first.stdout, second):
        assert secret_of(key.strip()) not in listed.stdout


def test_a_partner_is_changed_and_listed(demo: Cli) -> None:
    origins = ("--origin", "https://paper.example.org", "--origin", "http://localhost:3000")
    made = demo("partner", "create", "A Paper", *OF_IT, "--slug", "a-paper", *origins)
    assert (made.returncode, made.stdout) == (0, "a-paper\n")
    changed = ("--name", "The Paper", "--website", "https://paper.example.org/about", "--public")
    assert demo("partner", "change", "a-paper", *OF_IT, *changed).returncode == 0
    listing = demo("partner", "list", *OF_IT).stdout
    assert listing == (
        "a-paper\tThe Paper\thttps://paper.example.org/about\t"
        "https://paper.example.org http://localhost:3000\tpublic\n"
    )
    assert demo("partner", "change", "a-paper", *OF_IT, "--not-public").returncode == 0
    assert "public" not in demo("partner", "list", *OF_IT).stdout
    assert demo("partner", "change", "a-paper", *OF_IT, "--no-origins").returncode == 0
    assert "localhost" not in demo("partner", "list", *OF_IT).stdout


@pytest.mark.parametrize("case", list(REFUSALS))
def test_what_is_refused_is_told_in_a_sentence(case: str, demo: Cli) -> None:
    before = demo.counts()
    arguments, sentence = REFUSALS[case]
    assert demo.refused(*arguments) == sentence
    assert demo.counts() == before

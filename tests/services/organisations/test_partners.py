"""Tests partners: adding and changing them, and the origins that may embed their forms."""

import pytest
from sqlmodel import select

from models import Partner, Scope
from services.assembly import Lobby
from services.common import urls
from services.demonstration import invented_campaign
from services.errors import Conflict, Invalid, NotFound
from services.organisations import organisations, partners
from tests.support.keys import others_key
from tests.support.partners import PAPER, RADIO, add_partner

SITE = "https://paper.example.org"


def test_a_partner_is_added_with_its_site_and_its_origins(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        partners.create(
            session,
            organisation=owner,
            name="  A Paper ",
            slug=PAPER,
            website=f"{SITE}/about",
            allowed_origins=[SITE, SITE.upper(), f"{SITE}:443"],
            now=lobby.clock(),
        )
    with lobby.database.read() as session:
        partner = partners.own(session, PAPER, organisation_id=owner.id)
    assert (partner.name, partner.website) == ("A Paper", f"{SITE}/about")
    assert partner.allowed_origins == [SITE]


def test_all_that_is_wrong_with_a_partner_is_told_at_once(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        with pytest.raises(Invalid) as refused:
            partners.create(
                session,
                organisation=owner,
                name="",
                slug=PAPER,
                website="paper",
                allowed_origins=[SITE, "*", "http://paper.example.org"],
                now=lobby.clock(),
            )
        assert [problem.field for problem in refused.value.fields] == [
            "name",
            "website",
            "allowed_origins.1",
            "allowed_origins.2",
        ]
        assert session.exec(select(Partner)).all() == []


def test_a_change_changes_what_is_given_and_nothing_else(lobby: Lobby) -> None:
    added = add_partner(lobby)
    for changes, expected in (
        ({"website": SITE}, ("A Paper", SITE, [])),
        ({"allowed_origins": [SITE]}, ("A Paper", SITE, [SITE])),
        ({"name": "The Paper"}, ("The Paper", SITE, [SITE])),
        ({"website": ""}, ("The Paper", None, [SITE])),
        ({"allowed_origins": []}, ("The Paper", None, [])),
    ):
        with lobby.database.write() as session:
            partners.change(session, session.get_one(Partner, added.id), **changes)
        with lobby.database.read() as session:
            partner = session.get_one(Partner, added.id)
        assert (partner.name, partner.website, partner.allowed_origins) == expected


def test_a_wrong_change_changes_nothing(lobby: Lobby) -> None:
    added = add_partner(lobby)
    with lobby.database.write() as session:
        partner = session.get_one(Partner, added.id)
        with pytest.raises(Invalid):
            partners.change(session, partner, name="The Paper", allowed_origins=["*"])
    with lobby.database.read() as session:
        assert session.get_one(Partner, added.id).name == "A Paper"


def test_partners_are_each_organisations_own(lobby: Lobby) -> None:
    others_key(lobby, Scope.SIGNATURES_READ)
    ours, theirs = add_partner(lobby), add_partner(lobby, organisation="others")
    add_partner(lobby, RADIO)
    with pytest.raises(Conflict):
        add_partner(lobby)
    with lobby.database.read() as session:
        own_partners = partners.of_organisation(session, ours.organisation_id)
        assert [partner.slug for partner in own_partners] == [PAPER, RADIO]
        with pytest.raises(NotFound):
            partners.own(session, RADIO, organisation_id=theirs.organisation_id)


@pytest.mark.parametrize(
    ("origin", "stored"),
    [
        ("https://example.org", "https://example.org"),
        (" https://Example.ORG:443 ", "https://example.org"),
        ("https://example.org:8443", "https://example.org:8443"),
        ("https://xn--caf-dma.example", "https://xn--caf-dma.example"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://localhost", "https://localhost"),
    ],
)
def test_an_origin_is_kept_as_browsers_tell_it(origin: str, stored: str) -> None:
    assert urls.checked_origins([origin], "field") == [stored]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "scheme_unknown"),
        ("example.org", "scheme_unknown"),
        ("//example.org", "scheme_unknown"),
        ("null", "scheme_unknown"),
        ("ftp://example.org", "scheme_unknown"),
        ("*", "wildcard"),
        ("https://*.example.org", "wildcard"),
        ("https://example.org/", "has_path"),
        ("https://example.org/page", "has_path"),
        ("https://example.org?a=1", "has_path"),
        ("https://example.org#a", "has_path"),
        ("https://example.org?", "origin_malformed"),
        ("https://anna@example.org", "has_password"),
        ("https://anna:secret@example.org", "has_password"),
        ("http://example.org", "not_https"),
        ("http://localhost.example.org", "not_https"),
        ("http://127.0.0.2", "not_https"),
        ("https://", "host_malformed"),
        ("https://café.example", "host_malformed"),
        ("https://example..org", "host_malformed"),
        ("https://-example.org", "host_malformed"),
        ("https://" + "a" * 64 + ".org", "host_malformed"),
        ("https://" + ".".join(["abcdefgh"] * 40), "host_malformed"),
        ("https://example.org:0", "origin_malformed"),
        ("https://example.org:", "origin_malformed"),
        ("https://example.org:99999", "origin_malformed"),
        ("https://example.org:8443x", "origin_malformed"),
        ("https://[::1", "origin_malformed"),
        ("https://[::1]", "host_malformed"),
        ("https://example.org;script-src*", "wildcard"),
        ("https://example.org; frame-src", "origin_malformed"),
        ("https://example.org;frame-src", "host_malformed"),
        ("https://example.org,https://other.example", "has_path"),
        ("https://example.org\r\nX: y", "origin_malformed"),
        ("https:\\\\example.org", "origin_malformed"),
        ("https://example.org\x00", "origin_malformed"),
    ],
)
def test_what_is_no_origin_is_refused_by_its_place_and_for_its_reason(
    given: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        urls.checked_origins(["https://example.org", given], "allowed_origins")
    (problem,) = refused.value.fields
    assert (problem.field, problem.code) == ("allowed_origins.1", code)


def test_origins_beyond_a_number_that_nobody_needs_are_refused() -> None:
    most = [f"https://a{number}.example" for number in range(urls.MOST_ORIGINS)]
    assert urls.checked_origins(most, "field") == most
    with pytest.raises(Invalid):
        urls.checked_origins([*most, "https://one.more.example"], "field")

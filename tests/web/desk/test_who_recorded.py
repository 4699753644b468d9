"""Tests that the desk says who recorded what the public knows about an MP, and nobody else does."""

import re
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import MemberOverride, MemberReply, Organisation, Organiser, Role, Scope
from services.assembly import Lobby
from services.keys import api_keys
from services.organisations import organisers
from tests.support.common import CAMPAIGN
from tests.support.desk import DeskClient, add_organiser, as_role, sign_in_as
from tests.support.keys import Headers, key_for
from tests.support.members.team import TOMASZ

MEMBER, SEAT = TOMASZ, "E14001305"
"""Nothing is on record about Tomasz in the demonstration."""
OWN_PAGE = f"/organiser/campaigns/{CAMPAIGN}/mps/{MEMBER}"
WOMBAT = "wombat@team.example.org"
LINK = "https://paper.example.org/wont-sign"
STATEMENT = {"kind": "says_will_not", "link": LINK, "reason": "Local paper"}
PUBLIC = (
    f"/campaigns/{CAMPAIGN}/mps",
    f"/campaigns/{CAMPAIGN}/mps/{MEMBER}",
    f"/campaigns/{CAMPAIGN}/constituencies/{SEAT}",
    f"/v1/members/{MEMBER}",
    f"/v1/members/{MEMBER}/overrides",
    f"/v1/campaigns/{CAMPAIGN}/tally",
    f"/v1/campaigns/{CAMPAIGN}/tally/history",
    f"/v1/campaigns/{CAMPAIGN}/replies",
)


def lines_of(page: Any) -> list[str]:
    """Returns each 'Recorded ...' and 'Checked ...' of a page."""
    paragraphs = re.findall(r"<p[ >].*?</p>", page.text, re.S)
    words = (" ".join(unescape(re.sub(r"<[^>]+>", "", each)).split()) for each in paragraphs)
    found = (re.search(r"(Recorded|Checked) (by|with|on) .*$", each) for each in words)
    return [each[0] for each in found if each]


def stated_by(lobby: Lobby, client: DeskClient, email: str = WOMBAT) -> Organiser:
    organiser = add_organiser(lobby, Role.EDITOR, email=email)
    sign_in_as(lobby, client, organiser)
    assert client.post(f"{OWN_PAGE}/statements", data=STATEMENT).status_code == 303
    return organiser


def named_key(lobby: Lobby, name: str) -> Headers:
    with lobby.database.write() as session:
        owner = session.exec(select(Organisation)).one()
        scopes = [Scope.CAMPAIGNS_WRITE, Scope.TALLIES_READ]
        key = api_keys.create(
            session, organisation=owner, scopes=scopes, name=name, now=lobby.clock()
        )
    return {"Authorization": f"Bearer {key}"}


def test_the_page_of_an_mp_says_who_recorded_a_statement_and_when(
    lobby: Lobby, client: DeskClient
) -> None:
    organiser = stated_by(lobby, client)
    line = f"Recorded by {WOMBAT} on 1 July 2026."
    assert lines_of(client.get(OWN_PAGE)) == [line, line], "beside the statement and in the history"
    as_role(lobby, client, Role.VIEWER)
    assert line in lines_of(client.get(OWN_PAGE))
    with lobby.database.read() as session:
        stored = session.exec(select(MemberOverride).where(MemberOverride.link == LINK)).one()
    assert (stored.organiser_id, stored.api_key_id) == (organiser.id, None)


def test_a_statement_stays_when_its_organiser_is_removed(lobby: Lobby, client: DeskClient) -> None:
    organiser = stated_by(lobby, client)
    with lobby.database.write() as session:
        organisers.delete(session, session.get_one(Organiser, organiser.id))
    as_role(lobby, client, Role.OWNER)
    page = client.get(OWN_PAGE)
    assert LINK in page.text
    assert lines_of(page) == ["Recorded on 1 July 2026."] * 2
    assert WOMBAT not in page.text


@pytest.mark.parametrize(
    ("name", "words"), [("Our website", "the key ‘Our website’"), ("", "an API key")]
)
def test_a_statement_through_the_api_names_its_key(
    lobby: Lobby, signed_in: DeskClient, client: DeskClient, name: str, words: str
) -> None:
    key = named_key(lobby, name) if name else key_for(lobby, Scope.CAMPAIGNS_WRITE)
    body = STATEMENT | {"campaign": CAMPAIGN}
    answer = client.post(f"/v1/members/{MEMBER}/overrides", json=body, headers=key)
    assert answer.status_code == 201
    assert not {"organiser_id", "api_key_id"} & set(answer.json())
    assert lines_of(signed_in.get(OWN_PAGE)) == [f"Recorded with {words} on 1 July 2026."] * 2


def test_a_verified_reply_has_who_checked_it_and_the_key(
    lobby: Lobby, signed_in: DeskClient, client: DeskClient
) -> None:
    key = named_key(lobby, "Our website")
    path = f"/v1/campaigns/{CAMPAIGN}/replies"
    body: dict[str, Any] = {"member_id": MEMBER, "kind": "undecided", "said_on": "2026-06-30"}
    reply = client.post(path, json=body | {"link": LINK}, headers=key).json()
    assert lines_of(signed_in.get(OWN_PAGE)) == []
    one = f"/v1/replies/{reply['id']}"
    client.patch(one, json={"verified_by": "Jo Wombat"}, headers=key)
    line = "Checked by Jo Wombat with the key ‘Our website’."
    assert lines_of(signed_in.get(OWN_PAGE)) == [line]
    # Another change keeps them, and without a check there is no key either.
    other = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    client.patch(one, json={"kind": "will_not"}, headers=other)
    assert lines_of(signed_in.get(OWN_PAGE)) == [line]
    answer = client.patch(one, json={"verified_by": None}, headers=other)
    assert "api_key_id" not in answer.json()
    with lobby.database.read() as session:
        assert (
            session.exec(select(MemberReply.api_key_id).where(MemberReply.link == LINK)).one()
            is None
        )


def test_no_public_page_and_no_call_says_who_recorded_it(lobby: Lobby, client: DeskClient) -> None:
    stated_by(lobby, client)
    anybody = TestClient(client.app, follow_redirects=False)
    key = key_for(lobby, *Scope)
    for path in PUBLIC:
        for headers in ({}, key):
            answer = anybody.get(path, headers=headers)
            assert answer.status_code in (200, 302, 401), path
            assert WOMBAT not in answer.text, path
            assert "organiser_id" not in answer.text, path
    assert LINK in anybody.get(PUBLIC[1]).text


def test_who_ends_a_statement_changes_nothing_about_who_recorded_it(
    lobby: Lobby, client: DeskClient
) -> None:
    stated_by(lobby, client)
    as_role(lobby, client, Role.OWNER)
    (end,) = re.findall(r'action="([^"]+/end)"', client.get(OWN_PAGE).text)
    assert client.post(end).status_code == 303
    assert lines_of(client.get(OWN_PAGE)) == [f"Recorded by {WOMBAT} on 1 July 2026."]

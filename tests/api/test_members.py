"""Tests a member's facts in the JSON API, with and without a key."""

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from models import (
    Campaign,
    CampaignStatus,
    Constituency,
    Member,
    MemberReply,
    Membership,
    Motion,
    MotionSignatory,
    Office,
    OfficeKind,
    OverrideKind,
    ParliamentSession,
    Private,
    ReplyKind,
    Scope,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.parliament import member_overrides
from services.parliament.member_overrides import NewOverride
from services.views import member_views
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.keys import OTHERS, Headers, add_campaign, key_for, others_key

MORAG, ADAEZE, IMANI, YUSRA, MINISTER, WRENFIELD = 900001, 900002, 900006, 900011, 900004, 900005
CAOIMHE, SALTMARSH, MOTION = 900009, 900013, 900152
EDINBURGH = {
    "code": "S14000078",
    "name": "Edinburgh East and Musselburgh",
    "nation": "Scotland",
    "region": "Scotland",
}
TEXT = "I shall read the motion and think about it."


def page(client: TestClient, member_id: int = MORAG, key: Headers | None = None) -> dict[str, Any]:
    response = client.get(f"/v1/members/{member_id}", headers=key)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def add_motion(session: Session, number: int, *members: int) -> None:
    day = date(2025, 3, 1)
    session.add(Motion(id=number, number=str(number), title="Wards", text="", tabled_on=day))
    session.flush()
    session.add_all(
        MotionSignatory(
            id=number * 1000 + place,
            motion_id=number,
            member_id=member_id,
            signed_on=day,
            first_seen_at=START,
        )
        for place, member_id in enumerate(members)
    )
    session.flush()


def add_reply(
    lobby: Lobby, slug: str, *, kind: ReplyKind = ReplyKind.WILL_SIGN, verified: bool = True
) -> None:
    """Adds a reply of Morag's on the first day."""
    with lobby.database.write() as session:
        campaign = session.exec(select(Campaign).where(Campaign.slug == slug)).one()
        owner = campaign.organisation_id
        session.add(
            MemberReply(
                campaign_id=campaign.id,
                member_id=MORAG,
                kind=kind,
                text=Private(owner, f"Text of {slug}"),
                said_on=START.date(),
                verified_by=Private(owner, "Olive Organiser") if verified else None,
                recorded_at=START,
                updated_at=START,
            )
        )


def test_everybody_sees_the_facts_about_a_member(client: TestClient) -> None:
    answer = page(client)
    motion = answer["motions"][0]
    assert answer == {
        "id": MORAG,
        "name": "Morag Ferncastle",
        "party": "Scottish National Party",
        "party_name": "Scottish National Party",
        "party_group": "Scottish National Party",
        "constituency": EDINBURGH,
        "memberships": [{"constituency": EDINBURGH, "starts_on": "2024-07-04", "ends_on": None}],
        "offices": [],
        "posts": [],
        "eligibility": "can_sign",
        "motions": [
            {
                "id": MOTION,
                "number": "152",
                "title": "Sale of NHS Professionals",
                "status": "published",
                "state": "published",
                "parliament_session": motion["parliament_session"],
                "campaigns": [CAMPAIGN],
                "standing": "not_signed",
                "role": None,
                "signed_on": None,
                "withdrawn_on": None,
            }
        ],
        "replies": [
            {
                "campaign": CAMPAIGN,
                "kind": "undecided",
                "said_on": "2026-06-27",
                "link": "https://example.org/replies/2",
            }
        ],
    }


@pytest.mark.parametrize(
    ("member_id", "standing"),
    [
        (ADAEZE, ("signed", "primary", "2026-05-18", None)),
        (IMANI, ("signed", "sponsor", "2026-05-18", None)),
        (YUSRA, ("withdrawn", None, None, "2026-06-23")),
    ],
)
def test_a_motion_tells_how_the_member_stands(
    client: TestClient, member_id: int, standing: tuple[str | None, ...]
) -> None:
    (motion,) = page(client, member_id)["motions"]
    fields = ("standing", "role", "signed_on", "withdrawn_on")
    assert tuple(motion[field] for field in fields) == standing


def test_the_session_of_a_motion_is_named(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        parliament_session = ParliamentSession(name="1066-67", starts_on=date(2024, 7, 9))
        session.add(parliament_session)
        session.flush()
        session.get_one(Motion, MOTION).parliament_session_id = parliament_session.id
    assert page(client)["motions"][0]["parliament_session"] == "1066-67"


def test_posts_tell_whether_they_are_held(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        for title, starts_on, ends_on in (
            ("PPS", date(2025, 1, 1), date(2025, 6, 1)),
            ("PPS again", date(2026, 6, 1), START.date()),
        ):
            session.add(
                Office(
                    member_id=MINISTER,
                    kind=OfficeKind.PPS,
                    title=title,
                    starts_on=starts_on,
                    ends_on=ends_on,
                )
            )
    answer = page(client, MINISTER)
    posts = {row["title"]: (row["kind"], row["is_held"]) for row in answer["posts"]}
    assert posts == {
        "PPS": ("pps", False),
        "PPS again": ("pps", False),
        "Minister of State (DHSC)": ("minister", True),
    }
    days = [row["starts_on"] for row in answer["posts"]]
    assert days == sorted(days, reverse=True)


@pytest.mark.parametrize(
    ("member_id", "eligibility"),
    [(MINISTER, "convention"), (CAOIMHE, "cannot"), (SALTMARSH, "can_sign")],
)
def test_eligibility_without_a_key_knows_no_notes(
    client: TestClient, member_id: int, eligibility: str
) -> None:
    assert page(client, member_id)["eligibility"] == eligibility


def test_eligibility_with_a_key_knows_its_organisations_notes(
    client: TestClient, lobby: Lobby
) -> None:
    own = key_for(lobby, Scope.SIGNATURES_READ)
    foreign = others_key(lobby, Scope.SIGNATURES_READ)
    assert page(client, SALTMARSH, own)["eligibility"] == "refuses"
    assert page(client, SALTMARSH, foreign)["eligibility"] == "can_sign"


def test_a_pps_of_an_organiser_is_held_to_the_convention(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        member_overrides.record(
            session,
            NewOverride(OverrideKind.PPS, "Named in the Gazette", "https://example.org/"),
            organisation_id=campaign.organisation_id,
            member=session.get_one(Member, MORAG),
            campaign=None,
            now=lobby.clock(),
        )
    assert page(client)["eligibility"] == "can_sign"
    assert page(client, key=key_for(lobby, Scope.TALLIES_READ))["eligibility"] == "convention"


def test_a_member_who_lost_the_seat_has_none(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        statement = select(Membership).where(Membership.member_id == MORAG)
        session.exec(statement).one().ends_on = date(2026, 7, 3)
        other = session.exec(select(Constituency).where(Constituency.name == "Norwich South")).one()
        later = Membership(
            member_id=MORAG, constituency_code=other.code, starts_on=date(2026, 7, 20)
        )
        session.flush()
        session.add(later)
    assert page(client)["constituency"] == EDINBURGH
    clock.advance(days=2)
    answer = page(client)
    assert (answer["constituency"], answer["eligibility"]) == (None, None)
    seats = [membership["constituency"]["name"] for membership in answer["memberships"]]
    assert seats == ["Norwich South", EDINBURGH["name"]]
    assert answer["memberships"][1]["ends_on"] == "2026-07-03"
    clock.advance(days=20)
    assert page(client)["constituency"]["name"] == "Norwich South"


def test_a_name_under_a_motion_that_never_had_a_seat_is_a_member(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        session.add(Member(id=1, name="Nigel Formerly", party="Labour"))
    answer = page(client, 1)
    assert (answer["constituency"], answer["memberships"], answer["eligibility"]) == (
        None,
        [],
        None,
    )


@pytest.mark.parametrize("member_id", ["1", "0", "-5", "2147483648", "9" * 30])
def test_an_unknown_member_is_not_there(client: TestClient, member_id: str) -> None:
    response = client.get(f"/v1/members/{member_id}")
    assert (response.status_code, response.json()["code"]) == (404, "member_unknown")


def test_an_id_that_is_no_number_names_the_field(client: TestClient) -> None:
    response = client.get("/v1/members/morag")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["member_id"]


def test_a_key_that_is_not_good_is_refused(client: TestClient) -> None:
    response = client.get(f"/v1/members/{MORAG}", headers={"Authorization": "Bearer nothing"})
    assert (response.status_code, response.json()["code"]) == (401, "key_invalid")


def test_nobody_is_told_the_address_of_the_office(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, *Scope)
    for headers in (None, key):
        text = client.get(f"/v1/members/{MORAG}", headers=headers).text
        assert "@" not in text
        assert "email" not in text


# ---- motions of several campaigns


def test_a_motion_of_two_campaigns_is_one_row(client: TestClient, lobby: Lobby) -> None:
    add_campaign(lobby, "another", motion_id=MOTION)
    (motion,) = page(client)["motions"]
    assert motion["campaigns"] == ["another", CAMPAIGN]


def test_motions_of_drafts_are_for_their_own_organisation(client: TestClient, lobby: Lobby) -> None:
    own, foreign = key_for(lobby, Scope.SIGNATURES_READ), others_key(lobby, Scope.SIGNATURES_READ)
    with lobby.database.write() as session:
        add_motion(session, 501, MORAG)
        add_motion(session, 502, MORAG)
    add_campaign(lobby, "ours", motion_id=501, status=CampaignStatus.DRAFT)
    add_campaign(lobby, "also-ours", motion_id=MOTION, status=CampaignStatus.DRAFT)
    add_campaign(lobby, "theirs", organisation=OTHERS, motion_id=502, status=CampaignStatus.DRAFT)

    def shown(key: Headers | None) -> list[tuple[int, list[str]]]:
        motions = page(client, key=key)["motions"]
        return [(motion["id"], motion["campaigns"]) for motion in motions]

    assert shown(None) == [(MOTION, [CAMPAIGN])]
    assert shown(own) == [(MOTION, ["also-ours", CAMPAIGN]), (501, ["ours"])]
    assert shown(foreign) == [(MOTION, [CAMPAIGN]), (502, ["theirs"])]


@pytest.mark.parametrize("status", [CampaignStatus.CLOSED, CampaignStatus.WON, CampaignStatus.LOST])
def test_the_motion_of_a_campaign_that_is_over_stays(
    client: TestClient, lobby: Lobby, status: CampaignStatus
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        campaigns.update(session, campaign, values={"status": status}, now=START)
    assert [motion["id"] for motion in page(client)["motions"]] == [MOTION]


# ---- replies


def test_the_public_sees_verified_replies_to_public_campaigns(
    client: TestClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "draft", status=CampaignStatus.DRAFT)
    add_campaign(lobby, "open")
    add_reply(lobby, "draft")
    add_reply(lobby, "open", verified=False)
    assert [reply["campaign"] for reply in page(client)["replies"]] == [CAMPAIGN]
    add_reply(lobby, "open")
    assert [reply["campaign"] for reply in page(client)["replies"]] == ["open", CAMPAIGN]


def test_a_key_that_reads_tallies_sees_its_own_replies_whole(
    client: TestClient, lobby: Lobby
) -> None:
    foreign = others_key(lobby, Scope.TALLIES_READ)
    add_campaign(lobby, "draft", status=CampaignStatus.DRAFT)
    add_campaign(lobby, "theirs", organisation=OTHERS)
    add_reply(lobby, "draft", verified=False)
    add_reply(lobby, "theirs")

    def shown(key: Headers) -> list[tuple[str, str | None]]:
        replies = page(client, key=key)["replies"]
        return [(reply["campaign"], reply.get("text")) for reply in replies]

    own = key_for(lobby, Scope.TALLIES_READ)
    assert shown(own) == [("draft", "Text of draft"), (CAMPAIGN, TEXT), ("theirs", None)]
    assert shown(foreign) == [("theirs", "Text of theirs"), (CAMPAIGN, None)]
    reply = page(client, key=own)["replies"][1]
    assert (reply["verified_by"], reply["motion_id"]) == ("An organiser", MOTION)


def test_a_key_without_that_scope_sees_what_the_public_sees(
    client: TestClient, lobby: Lobby
) -> None:
    key = key_for(lobby, *(set(Scope) - {Scope.TALLIES_READ}))
    assert page(client, key=key)["replies"] == page(client)["replies"]


# ---- caching


def test_an_answer_is_kept_until_something_changes(client: TestClient, lobby: Lobby) -> None:
    url = f"/v1/members/{MORAG}"
    tag = client.get(url).headers["ETag"]
    again = client.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    add_reply(lobby, CAMPAIGN)
    changed = client.get(url, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["ETag"] != tag) == (200, True)
    assert "Authorization" in changed.headers["Vary"]


def test_the_number_of_statements_is_the_same_however_much_there_is(lobby: Lobby) -> None:
    few = statements(lobby)
    for number in range(501, 511):
        with lobby.database.write() as session:
            add_motion(session, number, MORAG, ADAEZE)
            session.add(
                Office(
                    member_id=MORAG,
                    kind=OfficeKind.PPS,
                    title=f"PPS {number}",
                    starts_on=START.date(),
                )
            )
        add_campaign(lobby, f"campaign-{number}", motion_id=number)
        add_reply(lobby, f"campaign-{number}")
    assert statements(lobby) == few <= 12


def statements(lobby: Lobby) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    with lobby.database.read() as session:
        owner = campaigns.public(session, CAMPAIGN).organisation_id
        connection = session.connection()
        sa.event.listen(connection, "before_cursor_execute", note)
        member_views.of_member(session, MORAG, viewer=owner, reads_replies=True, today=START.date())
        sa.event.remove(connection, "before_cursor_execute", note)
    return len(seen)

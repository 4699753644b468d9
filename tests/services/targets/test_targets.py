"""Tests targets: scores, reasons, the query, the API, and precision on a real motion."""

import runpy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import Session, col, select

from core.settings import ROOT
from models import (
    Campaign,
    CampaignMotion,
    Letter,
    LetterTally,
    Member,
    MemberOverride,
    MemberReply,
    Membership,
    Motion,
    MotionSignatory,
    MotionStatus,
    Office,
    OfficeKind,
    OverrideKind,
    PetitionTally,
    Private,
    ReplyKind,
    Scope,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.errors import Conflict
from services.keys import api_keys
from services.organisations import organisations
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies import seat_table
from services.targets import targets
from services.targets.reasons import ReasonCode, reasons_of
from services.targets.scores import MemberFacts, OtherMotion, Target, Weights, rank
from services.targets.targets import RankedTarget
from tests.support.common import CAMPAIGN, START, Clock, needs_real_data

MOTION = 900152  # the demonstration's
MORAG, HARPREET, YUSRA = 900001, 900008, 900011  # can sign, a minister who signed, withdrew
TODAY = START.date()
URL = f"/v1/campaigns/{CAMPAIGN}/targets"
NOT, SIGNED, WITHDRAWN = Standing.NOT_SIGNED, Standing.SIGNED, Standing.WITHDRAWN


# ---- scores


def facts(
    member_id: int, party: str = "Labour", standing: Standing = NOT, **more: Any
) -> MemberFacts:
    return MemberFacts(member_id, party, standing, **{"can_sign": True, **more})


def order(members: list[MemberFacts], *motions: OtherMotion) -> list[int]:
    return [target.facts.member_id for target in rank(members, motions)]


def filler(count: int = 100) -> list[MemberFacts]:
    """Makes members of a party that has signed nothing, so that other parties are above average."""
    return [facts(1000 + number, "Conservative") for number in range(count)]


def first(members: list[MemberFacts], *motions: OtherMotion) -> Target:
    return rank(members, motions)[0]


@pytest.mark.parametrize(
    "left_out",
    [
        facts(1, standing=SIGNED),
        facts(1, standing=WITHDRAWN),
        facts(1, can_sign=False),
        facts(1, said=StatedIntent.WILL_NOT),
    ],
)
def test_who_signed_withdrew_will_not_or_cannot_sign_is_no_target(left_out: MemberFacts) -> None:
    assert order([left_out, facts(2)]) == [2]


@pytest.mark.parametrize(
    "left_out",
    [
        facts(1, standing=SIGNED, said=StatedIntent.WILL_SIGN),
        facts(1, standing=WITHDRAWN, said=StatedIntent.WILL_SIGN),
        facts(1, can_sign=False, said=StatedIntent.WILL_SIGN),
    ],
)
def test_a_promise_makes_no_target_of_who_is_none(left_out: MemberFacts) -> None:
    assert order([left_out, facts(2)]) == [2]


def test_whoever_promised_to_sign_comes_first_whatever_the_score() -> None:
    members = [facts(n, "Labour", SIGNED) for n in range(10, 20)]
    members += [facts(1, "Labour", signatures=99), facts(2, "Labour")]
    members += [facts(n, "Conservative", said=StatedIntent.WILL_SIGN, letters=n) for n in (5, 3)]
    ranking = rank(members, [])
    assert [target.facts.member_id for target in ranking] == [3, 5, 1, 2]
    assert ranking[0].score < ranking[-1].score


def test_a_promise_changes_no_score() -> None:
    promised = rank([facts(1), facts(2, said=StatedIntent.WILL_SIGN), facts(3, signatures=4)], [])
    silent = rank([facts(1), facts(2), facts(3, signatures=4)], [])
    assert {target.facts.member_id: target.score for target in promised} == {
        target.facts.member_id: target.score for target in silent
    }


def test_a_party_that_signs_comes_before_one_that_does_not() -> None:
    members = [facts(n, "Labour", SIGNED) for n in (1, 2, 3)]
    assert order([*members, facts(4, "Conservative"), facts(5, "Labour")]) == [5, 4]


def test_a_few_signatories_of_a_small_party_say_less_than_many_of_a_large_one() -> None:
    small = [facts(1, "Alliance", SIGNED), facts(2, "Alliance")]
    large = [facts(n, "Labour", SIGNED) for n in range(10, 20)]
    large += [facts(n, "Labour") for n in range(20, 30)]
    member_ids = order([*small, *large, *filler()])
    assert member_ids[0] == 20, "both parties have signed by half"
    assert member_ids.index(2) == 10


def test_independents_are_not_judged_by_each_other() -> None:
    members = [facts(n, "Independent", SIGNED) for n in (1, 2, 3)]
    target = first([*members, facts(4, "Independent"), *filler()])
    assert (target.facts.member_id, target.score) == (4, 1)
    assert (target.colleagues, target.colleagues_signed) == (0, 0)


def test_signing_with_those_who_signed_this_one_counts() -> None:
    members = [facts(n, standing=SIGNED) for n in range(1, 31)]
    members += [facts(n) for n in range(31, 91)]
    like = OtherMotion("7", {*range(1, 31), 31})
    unlike = OtherMotion("8", set(range(32, 82)))
    members += filler()
    by_member = {target.facts.member_id: target for target in rank(members, [like, unlike])}
    assert by_member[31].likeness > 1 > by_member[32].likeness
    assert by_member[90].likeness == 1
    assert order(members, like, unlike)[0] == 31
    assert by_member[31].score > by_member[90].score > by_member[32].score


def test_who_signs_motions_at_all_comes_first_while_this_one_has_no_names() -> None:
    motion = OtherMotion("7", {2})
    assert order([facts(1), facts(2), facts(3)], motion) == [2, 1, 3]


def test_the_campaigns_earlier_motion_counts_more_than_any_other() -> None:
    other, earlier = OtherMotion("7", {1}), OtherMotion("12", {2}, is_earlier=True)
    ranking = rank([facts(1), facts(2)], [other, earlier])
    assert [target.facts.member_id for target in ranking] == [2, 1]
    assert [target.earlier for target in ranking] == [("12",), ()]


def test_many_motions_with_the_same_names_say_less_than_their_product() -> None:
    one_motion = first([facts(1)], OtherMotion("1", {1}))
    nine = first([facts(1)], *(OtherMotion(str(n), {1}) for n in range(9)))
    assert one_motion.likeness == pytest.approx(2)
    assert nine.likeness == pytest.approx(2**3)


def test_signatures_raise_and_letters_lower() -> None:
    assert order([facts(1), facts(2, signatures=40), facts(3, signatures=5)]) == [2, 3, 1]
    assert order([facts(1, letters=30), facts(2), facts(3, letters=2)]) == [2, 3, 1]


def test_sixteen_times_the_letters_halve_a_score() -> None:
    few, many = rank([facts(1, letters=0), facts(2, letters=15)], [])
    assert few.score == pytest.approx(2 * many.score)


def test_without_any_evidence_everybody_is_average_and_in_order_of_the_id() -> None:
    members = [facts(3, "Labour"), facts(1, "Alliance"), facts(2, "Independent")]
    ranking = rank(members, [])
    assert [(target.facts.member_id, target.score) for target in ranking] == [
        (1, 1),
        (2, 1),
        (3, 1),
    ]


def test_an_empty_house_has_no_targets() -> None:
    assert rank([], []) == []
    assert rank([facts(1, standing=SIGNED)], [OtherMotion("7", {1})]) == []


def test_the_order_of_what_comes_in_changes_nothing() -> None:
    members = [
        facts(n, party, SIGNED if n % 3 == 0 else NOT, signatures=n % 7, letters=n % 4)
        for n, party in enumerate(["Labour", "Alliance", "Independent", "Conservative"] * 20)
    ]
    motions = [OtherMotion("7", set(range(0, 80, 5))), OtherMotion("8", {1, 2, 3})]
    assert rank(members, motions) == rank(members, motions)
    turned = rank(members[::-1], motions)
    assert [target.facts for target in turned] == [
        target.facts for target in rank(members, motions)
    ]


def test_a_weight_of_nothing_leaves_a_factor_out() -> None:
    weights = Weights(signatures=0, letters=0)
    ranking = rank([facts(1, signatures=9), facts(2, letters=9)], [], weights)
    assert {target.score for target in ranking} == {1.0}


# ---- reasons


def reason_texts(target: Target) -> dict[ReasonCode, str]:
    return {reason.code: reason.text for reason in reasons_of(target)}


@pytest.mark.parametrize(
    ("letters", "text"),
    [
        (0, "Nobody has written a letter yet"),
        (1, "Only 1 letter has been sent so far"),
        (5, "Only 5 letters have been sent so far"),
        (6, None),
    ],
)
def test_few_letters_are_a_reason(letters: int, text: str | None) -> None:
    reasons = reason_texts(first([facts(1, letters=letters)]))
    assert reasons.get(ReasonCode.FEW_LETTERS) == text


@pytest.mark.parametrize(
    ("signatures", "text"),
    [
        (0, None),
        (1, "1 signature from the constituency"),
        (1234, "1,234 signatures from the constituency"),
    ],
)
def test_signatures_are_a_reason(signatures: int, text: str | None) -> None:
    reasons = reason_texts(first([facts(1, signatures=signatures)]))
    assert reasons.get(ReasonCode.SIGNATURES) == text


@pytest.mark.parametrize(
    ("signed", "others", "text"),
    [
        (0, 3, None),
        (1, 0, "The only Labour colleague who can sign has signed"),
        (1, 2, "1 of 3 Labour colleagues who can sign has signed"),
        (2, 2, "2 of 4 Labour colleagues who can sign have signed"),
    ],
)
def test_colleagues_who_signed_are_a_reason(signed: int, others: int, text: str | None) -> None:
    """Members are not their own colleagues."""
    members = [facts(10 + n, standing=SIGNED) for n in range(signed)]
    members += [facts(100 + n) for n in range(others)]
    members += [facts(50, can_sign=False), facts(1)]
    (target,) = [ranked for ranked in rank(members, []) if ranked.facts.member_id == 1]
    assert reason_texts(target).get(ReasonCode.COLLEAGUES) == text


def test_other_motions_are_a_reason_where_they_speak_for_asking() -> None:
    one, two, three = OtherMotion("1", {1}), OtherMotion("2", {1}), OtherMotion("3", {9})
    both = reason_texts(first([facts(1)], one, two, three))
    assert both[ReasonCode.OTHER_MOTIONS] == "Signed 2 of the 3 other motions that we know of"
    only = reason_texts(first([facts(1)], one))
    assert only[ReasonCode.OTHER_MOTIONS] == "Signed the one other motion that we know of"
    assert ReasonCode.OTHER_MOTIONS not in reason_texts(first([facts(1)], three))


def test_other_motions_of_the_other_side_are_no_reason() -> None:
    members = [facts(n, standing=SIGNED) for n in range(1, 51)]
    members += [facts(n) for n in range(51, 101)]
    against = OtherMotion("7", set(range(51, 101)))
    assert ReasonCode.OTHER_MOTIONS not in reason_texts(first(members, against))


def test_the_earlier_motion_is_a_reason_by_its_number() -> None:
    reasons = reason_texts(first([facts(1)], OtherMotion("12", {1}, is_earlier=True)))
    text = "Signed EDM 12, which this campaign was about before"
    assert reasons[ReasonCode.EARLIER_MOTION] == text


@pytest.mark.parametrize(
    ("intent", "text"),
    [(None, None), (StatedIntent.WILL_SIGN, "Said that they will sign, and has not yet")],
)
def test_a_promise_is_a_reason(intent: StatedIntent | None, text: str | None) -> None:
    assert reason_texts(first([facts(1, said=intent)])).get(ReasonCode.SAID_WILL_SIGN) == text


def test_reasons_come_in_one_order_and_begin_with_the_first_condition() -> None:
    members = [facts(1, signatures=3, said=StatedIntent.WILL_SIGN), facts(2, standing=SIGNED)]
    reasons = reasons_of(first(members, OtherMotion("12", {1}, is_earlier=True)))
    assert [reason.code for reason in reasons] == list(ReasonCode)
    assert reasons[0].text == "Can sign and has not yet"


# ---- from the database


def targets_of(lobby: Lobby, limit: int = 650) -> list[RankedTarget]:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        return targets.of_campaign(session, campaign, limit=limit, now=lobby.clock())


def ids(lobby: Lobby) -> list[int]:
    return [target.member.id for target in targets_of(lobby)]


def target_of(lobby: Lobby, member_id: int = MORAG) -> RankedTarget:
    (match,) = [target for target in targets_of(lobby) if target.member.id == member_id]
    return match


def ranked_reason_texts(target: RankedTarget) -> dict[ReasonCode, str]:
    return {reason.code: reason.text for reason in target.reasons}


Change = Callable[[Session, Campaign], object]


def change(lobby: Lobby, work: Change) -> None:
    with lobby.database.write() as session:
        work(session, campaigns.public(session, CAMPAIGN))


def add_motion(number: int, *members: int, withdrawn: int = 0, linked: bool = False) -> Change:
    """Adds another motion with signatories. If `linked`, it is an earlier one of the campaign."""

    def add(session: Session, campaign: Campaign) -> None:
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
                is_withdrawn=member_id == withdrawn,
            )
            for place, member_id in enumerate(members)
        )
        if linked:
            session.add(
                CampaignMotion(
                    campaign_id=campaign.id, motion_id=number, is_current=False, linked_at=START
                )
            )

    return add


def add_name(session: Session, _: Campaign) -> None:
    session.add(
        MotionSignatory(
            id=1,
            motion_id=MOTION,
            member_id=MORAG,
            signed_on=date(2026, 6, 30),
            first_seen_at=START,
        )
    )


def test_the_targets_are_those_who_can_sign_and_have_not(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        rows = seat_table.of_campaign(session, campaign, now=lobby.clock()).rows
    expected = {
        row.member.id
        for row in rows
        if row.member and row.eligibility is Eligibility.CAN_SIGN and row.standing is NOT
    }
    member_ids = ids(lobby)
    assert len(member_ids) == len(set(member_ids)) == len(expected)
    assert set(member_ids) == expected >= {MORAG}
    assert not {HARPREET, YUSRA} & set(member_ids)


def end_membership(session: Session, _: Campaign) -> None:
    statement = select(Membership).where(Membership.member_id == MORAG)
    session.exec(statement).one().ends_on = START.date()


def give_office(session: Session, _: Campaign) -> None:
    session.add(Office(member_id=MORAG, kind=OfficeKind.PPS, title="PPS", starts_on=START.date()))


def note_refusal(session: Session, campaign: Campaign) -> None:
    session.add(
        MemberOverride(
            organisation_id=campaign.organisation_id,
            member_id=MORAG,
            kind=OverrideKind.REFUSES,
            recorded_at=START,
            reason="Signs none",
            link="https://example.org/",
            starts_on=START.date(),
        )
    )


def join_sinn_fein(session: Session, _: Campaign) -> None:
    session.get_one(Member, MORAG).party = "Sinn Féin"


@pytest.mark.parametrize(
    "edit", [add_name, end_membership, give_office, note_refusal, join_sinn_fein]
)
def test_who_signs_leaves_takes_a_post_or_refuses_is_a_target_no_more(
    lobby: Lobby, edit: Change
) -> None:
    assert MORAG in ids(lobby)
    change(lobby, edit)
    assert MORAG not in ids(lobby)


def note_override(kind: OverrideKind) -> Change:
    """Adds an organiser's note about Morag."""

    def add(session: Session, campaign: Campaign) -> None:
        session.add(
            MemberOverride(
                organisation_id=campaign.organisation_id,
                campaign_id=campaign.id,
                member_id=MORAG,
                kind=kind,
                recorded_at=START,
                reason="Said so",
                link="https://example.org/",
                starts_on=START.date(),
            )
        )

    return add


def add_reply(
    kind: ReplyKind, said_on: date = TODAY, *, is_verified: bool = True, **more: Any
) -> Change:
    """Adds a reply by Morag."""

    def add(session: Session, campaign: Campaign) -> None:
        someone = Private(campaign.organisation_id, "Olive Organiser")
        session.add(
            MemberReply(
                campaign_id=campaign.id,
                member_id=MORAG,
                kind=kind,
                said_on=said_on,
                verified_by=someone if is_verified else None,
                recorded_at=START,
                updated_at=START,
                **more,
            )
        )

    return add


@pytest.mark.parametrize(
    "edit", [note_override(OverrideKind.SAYS_WILL_NOT), add_reply(ReplyKind.WILL_NOT)]
)
def test_who_said_that_they_will_not_is_a_target_no_more(lobby: Lobby, edit: Change) -> None:
    assert MORAG in ids(lobby)
    change(lobby, edit)
    assert MORAG not in ids(lobby)


@pytest.mark.parametrize(
    "edit", [note_override(OverrideKind.SAYS_WILL_SIGN), add_reply(ReplyKind.WILL_SIGN)]
)
def test_who_said_that_they_will_is_the_first_target_with_a_reason(
    lobby: Lobby, edit: Change
) -> None:
    change(lobby, add_motion(501, HARPREET))
    before = target_of(lobby)
    assert before.rank > 1
    change(lobby, edit)
    after = target_of(lobby)
    assert (after.rank, after.score) == (1, before.score)
    assert after.reasons[1].text == "Said that they will sign, and has not yet"
    ranks = [target.rank for target in targets_of(lobby)]
    assert ranks == list(range(1, len(ranks) + 1))


@pytest.mark.parametrize(
    "edit",
    [
        add_reply(ReplyKind.WILL_SIGN, is_verified=False),
        add_reply(ReplyKind.UNDECIDED),
        add_reply(ReplyKind.MEETING),
    ],
)
def test_what_nobody_verified_or_decides_nothing_changes_no_target(
    lobby: Lobby, edit: Change
) -> None:
    before = targets_of(lobby)
    change(lobby, edit)
    assert targets_of(lobby) == before


def test_a_no_that_only_the_organisation_was_told_counts_in_its_own_targets(
    client: TestClient, lobby: Lobby
) -> None:
    key, day = key_for(lobby, Scope.TALLIES_READ, Scope.CAMPAIGNS_WRITE), START.date()
    replies = f"/v1/campaigns/{CAMPAIGN}/replies"
    said = {"member_id": MORAG, "kind": "will_not", "said_on": day.isoformat()}
    public = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()["rows"]
    assert MORAG in ids(lobby)
    assert client.post(replies, json=said, headers=key).status_code == 201
    assert MORAG not in [row["member"]["id"] for row in client.get(URL, headers=key).json()]
    assert client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()["rows"] == public
    change(lobby, add_reply(ReplyKind.WILL_SIGN, day + timedelta(days=1)))
    assert MORAG in ids(lobby), "what was said later counts"


def test_a_no_that_a_constituent_reports_unmakes_no_target(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        letter = session.exec(select(Letter).limit(1)).one()
        letter.member_id, letter_id = MORAG, letter.id
    change(lobby, add_reply(ReplyKind.WILL_NOT, is_verified=False, letter_id=letter_id))
    assert MORAG in ids(lobby)


def test_ranks_count_from_one_and_scores_never_rise(lobby: Lobby) -> None:
    ranking = targets_of(lobby)
    assert [target.rank for target in ranking] == list(range(1, len(ranking) + 1))
    scores = [target.score for target in ranking]
    assert scores == sorted(scores, reverse=True)
    assert targets_of(lobby) == ranking
    assert targets_of(lobby, limit=2) == ranking[:2]


def test_counts_and_reasons_are_those_of_the_seat(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        rows = seat_table.of_campaign(session, campaign, now=lobby.clock()).rows
    for target in targets_of(lobby):
        (row,) = [row for row in rows if row.constituency == target.constituency]
        assert row.member == target.member
        assert (row.signatures, row.letters_sent) == (target.signatures, target.letters_sent)
        assert ranked_reason_texts(target)[ReasonCode.CAN_SIGN] == "Can sign and has not yet"


def test_another_motion_of_the_database_is_evidence(lobby: Lobby) -> None:
    before = target_of(lobby)
    assert ReasonCode.OTHER_MOTIONS not in ranked_reason_texts(before)
    change(lobby, add_motion(501, MORAG, HARPREET))
    change(lobby, add_motion(502, HARPREET))
    after = target_of(lobby)
    assert after.score > before.score
    text = "Signed 1 of the 2 other motions that we know of"
    assert ranked_reason_texts(after)[ReasonCode.OTHER_MOTIONS] == text
    assert ReasonCode.EARLIER_MOTION not in ranked_reason_texts(after)


def test_a_name_taken_off_another_motion_is_none(lobby: Lobby) -> None:
    before = target_of(lobby)
    change(lobby, add_motion(501, MORAG, HARPREET, withdrawn=MORAG))
    assert target_of(lobby) == before


def test_a_member_twice_under_another_motion_is_one_name(lobby: Lobby) -> None:
    change(lobby, add_motion(501, MORAG, MORAG))
    text = "Signed the one other motion that we know of"
    assert ranked_reason_texts(target_of(lobby))[ReasonCode.OTHER_MOTIONS] == text


def test_the_motion_that_the_campaign_was_about_before_is_named(lobby: Lobby) -> None:
    change(lobby, add_motion(501, MORAG, linked=True))
    text = "Signed EDM 501, which this campaign was about before"
    assert ranked_reason_texts(target_of(lobby))[ReasonCode.EARLIER_MOTION] == text


def test_a_campaign_without_signatures_letters_and_names_has_targets(lobby: Lobby) -> None:
    def empty(session: Session, _: Campaign) -> None:
        for table in (PetitionTally, LetterTally):
            for row in session.exec(select(table)):
                session.delete(row)
        for name in session.exec(select(MotionSignatory)):
            session.delete(name)

    change(lobby, empty)
    ranking = targets_of(lobby)
    assert ranking
    assert {target.score for target in ranking} == {1.0}
    assert [target.member.id for target in ranking] == sorted(
        target.member.id for target in ranking
    )
    codes = {reason.code for target in ranking for reason in target.reasons}
    assert codes == {ReasonCode.CAN_SIGN, ReasonCode.FEW_LETTERS}


def without_motion(session: Session, campaign: Campaign) -> None:
    statement = select(CampaignMotion).where(
        CampaignMotion.campaign_id == campaign.id, col(CampaignMotion.is_current)
    )
    session.delete(session.exec(statement).one())


def lapse(session: Session, _: Campaign) -> None:
    session.get_one(Motion, MOTION).status = MotionStatus.LAPSED


REFUSALS = [(without_motion, "campaign_without_motion"), (lapse, "motion_ended")]


@pytest.mark.parametrize(("edit", "code"), REFUSALS)
def test_without_a_motion_that_takes_names_there_is_nobody_to_ask(
    lobby: Lobby, edit: Change, code: str
) -> None:
    change(lobby, edit)
    with pytest.raises(Conflict) as refusal:
        targets_of(lobby)
    assert refusal.value.code == code


def test_the_number_of_statements_is_the_same_however_much_there_is(lobby: Lobby) -> None:
    statements(lobby)  # from now on the seats are in memory
    few = statements(lobby)
    for number in range(501, 511):
        change(lobby, add_motion(number, MORAG, HARPREET, YUSRA, linked=number % 2 == 0))
    assert statements(lobby) == few <= 12


def statements(lobby: Lobby) -> int:
    seen: list[int] = []
    with lobby.database.read() as session, counting_statements(session, seen):
        campaign = campaigns.public(session, CAMPAIGN)
        targets.of_campaign(session, campaign, limit=650, now=lobby.clock())
    return len(seen)


@contextmanager
def counting_statements(session: Session, seen: list[int]) -> Iterator[None]:
    def note(*_: object) -> None:
        seen.append(1)

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    yield
    event.remove(connection, "before_cursor_execute", note)


# ---- the API


def key_for(lobby: Lobby, *scopes: Scope, organisation: str | None = None) -> dict[str, str]:
    with lobby.database.write() as session:
        slug = organisation or invented_campaign.about().organisation
        owner = organisations.by_slug(session, slug)
        key = api_keys.create(session, organisation=owner, scopes=list(scopes), now=lobby.clock())
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def key(lobby: Lobby) -> dict[str, str]:
    return key_for(lobby, Scope.TALLIES_READ)


def test_a_key_reads_the_targets_of_its_campaign(
    client: TestClient, lobby: Lobby, key: Mapping[str, str]
) -> None:
    response = client.get(URL, headers=key)
    assert response.status_code == 200
    body = response.json()
    assert [row["member"]["id"] for row in body] == ids(lobby)
    row = next(row for row in body if row["member"]["id"] == MORAG)
    target = target_of(lobby)
    assert row == {
        "rank": target.rank,
        "constituency": {
            "code": "S14000078",
            "name": "Edinburgh East and Musselburgh",
            "nation": "Scotland",
            "region": "Scotland",
        },
        "member": {
            "id": MORAG,
            "name": "Morag Ferncastle",
            "party": "Scottish National Party",
            "party_name": "Scottish National Party",
            "party_group": "Scottish National Party",
            "constituency": "Edinburgh East and Musselburgh",
        },
        "party": "Scottish National Party",
        "score": round(target.score, 3),
        "signatures": target.signatures,
        "letters_sent": target.letters_sent,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in target.reasons],
    }


def test_a_limit_cuts_the_list(client: TestClient, key: Mapping[str, str]) -> None:
    whole = client.get(URL, headers=key).json()
    assert client.get(f"{URL}?limit=2", headers=key).json() == whole[:2]


@pytest.mark.parametrize("limit", ["0", "-1", "651", "many", ""])
def test_a_limit_that_is_none_names_the_field(
    client: TestClient, key: Mapping[str, str], limit: str
) -> None:
    response = client.get(f"{URL}?limit={limit}", headers=key)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["limit"]


def test_without_the_scope_there_are_no_targets(client: TestClient, lobby: Lobby) -> None:
    nobody = client.get(URL)
    assert (nobody.status_code, nobody.json()["code"]) == (401, "key_missing")
    other = client.get(URL, headers=key_for(lobby, Scope.SIGNATURES_READ))
    assert (other.status_code, other.json()["code"]) == (403, "scope_missing")


def test_another_organisations_campaign_is_not_there(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug="others", now=lobby.clock())
    response = client.get(URL, headers=key_for(lobby, Scope.TALLIES_READ, organisation="others"))
    assert (response.status_code, response.json()["code"]) == (404, "campaign_unknown")


@pytest.mark.parametrize(("edit", "code"), REFUSALS)
def test_a_campaign_without_a_motion_is_a_409(
    client: TestClient, lobby: Lobby, key: Mapping[str, str], edit: Change, code: str
) -> None:
    change(lobby, edit)
    response = client.get(URL, headers=key)
    assert (response.status_code, response.json()["code"]) == (409, code)


def test_the_targets_of_a_day_are_those_of_that_day(
    client: TestClient, lobby: Lobby, key: Mapping[str, str], clock: Clock
) -> None:
    change(lobby, note_refusal)
    today_ids = [row["member"]["id"] for row in client.get(URL, headers=key).json()]
    clock.now = START.replace(day=START.day, month=6)  # before the refusal
    earlier_ids = [row["member"]["id"] for row in client.get(URL, headers=key).json()]
    assert set(earlier_ids) - set(today_ids) == {MORAG}


# ---- precision on a real motion


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "bench" / "evaluate_targets.py"))


def test_precision_is_the_mean_over_all_orders_of_equals(evaluation: dict[str, Any]) -> None:
    precision = evaluation["precision"]
    assert precision({1: 2.0, 2: 1.0, 3: 1.0}, {1}, 1) == 1
    assert precision({1: 2.0, 2: 1.0, 3: 1.0}, {2}, 2) == pytest.approx(0.25)
    assert precision({1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0}, {2}, 2) == pytest.approx(0.25)


@needs_real_data
@pytest.mark.real_data
def test_the_cut_knows_nothing_of_what_comes_after(evaluation: dict[str, Any]) -> None:
    case = evaluation["make_case"](known=83, until=167)
    signed = {facts.member_id for facts in case.sitting if facts.has_signed}
    assert len(signed) == 83
    assert not signed & case.signed_next
    assert not set(case.candidates) & signed
    assert len(case.signed_next) == 84
    assert len(case.signed_next & set(case.candidates)) == 83, "one was elected after the cut"


@needs_real_data
@pytest.mark.real_data
def test_the_weights_that_ship_are_those_that_an_earlier_split_chose(
    evaluation: dict[str, Any],
) -> None:
    earlier = evaluation["make_case"](known=41, until=83)
    assert evaluation["chosen"](earlier) == evaluation["UNTESTED"]


@needs_real_data
@pytest.mark.real_data
def test_what_ships_is_no_worse_than_the_party_alone_and_much_better_than_chance(
    evaluation: dict[str, Any],
) -> None:
    later = evaluation["make_case"](known=83, until=167)
    ours = evaluation["both"](evaluation["scores_of"](later, Weights()), later)
    party = evaluation["both"](evaluation["by_party_share"](later), later)
    chance = len(later.signed_next & set(later.candidates)) / len(later.candidates)
    assert all(mine >= theirs for mine, theirs in zip(ours, party, strict=True))
    assert all(mine > 2 * chance for mine in ours)

"""Tests who gets which letter: all MPs at once, equal to what drafting chooses for each of them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlmodel import Session, col, select

from models import Campaign, LetterAct, LetterTally, LetterVariant, Member, Organisation
from services.assembly import Lobby
from services.campaigns import campaign_motions, campaigns
from services.campaigns.campaign_motions import MotionRole
from services.letters.drafting import drafts, facts, previews, situations
from services.letters.kinds import coverage, variants
from services.letters.kinds.conditions import Conditions, MemberProfile, Variant, every_kind
from services.letters.kinds.coverage import Coverage, MemberKind, kind_of
from services.letters.kinds.variant_texts import VariantTexts
from services.organisations import organisations
from services.parliament import seats
from services.parliament.standing import Eligibility, Role, Standing
from tests.support.common import CAMPAIGN, Clock, import_real_members, needs_real_data
from tests.support.keys import add_campaign

MEMBERS = 13  # of the demonstration
PLAIN = {"en": VariantTexts("A subject", "An opening.", "A closing.")}
PARTIES = ("Labour", "Labour (Co-op)", "Conservative", "Plaid Cymru", "Nobody")
NATIONS = ("England", "Scotland", "Wales", "Northern Ireland")
COUNTS = st.none() | st.integers(0, 12)


def some(choices: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(list(choices)), unique=True, max_size=3).map(tuple)


CONDITIONS = st.builds(
    Conditions,
    standing=some(Standing),
    role=some(Role),
    eligibility=some(Eligibility),
    party=some(PARTIES),
    nation=some(NATIONS),
    signed_earlier=st.sampled_from([None, True, False]),
    letters_at_least=COUNTS,
    letters_at_most=COUNTS,
)
LISTS = st.lists(st.tuples(st.sampled_from(list(LetterAct)), CONDITIONS), max_size=6).map(
    lambda pairs: [
        Variant(f"letter-{number}", act, conditions, PLAIN)
        for number, (act, conditions) in enumerate(pairs)
    ]
)


def covered(session: Session, campaign: Campaign, letters: Any, lobby: Lobby) -> Coverage:
    motion = campaigns.motion_of(session, campaign.id)
    members = coverage.sitting_members(session, campaign, motion, now=lobby.clock())
    return coverage.of_members(letters, members)


def chosen_by_drafting(lobby: Lobby, campaign: Campaign, session: Session) -> dict[int, str | None]:
    """Returns the kind of letter that writers to each MP would get."""
    now = lobby.clock()
    all_seats = seats.all_seats(session, today=now.date(), organisation_id=campaign.organisation_id)
    found = situations.of_seats(
        session,
        campaign,
        [seat.constituency.code for seat in all_seats],
        keyring=lobby.keyring,
        now=now,
    )
    return {each.member.id: each.variant for each in found.values() if each.member}


def ids_by_letter(found: Coverage) -> dict[int, str | None]:
    with_letter = {
        member.seat.member.id: name
        for name, members in found.by_variant.items()
        for member in members
        if member.seat.member
    }
    rest = (*found.took_name_off, *found.left_out)
    return with_letter | {member.seat.member.id: None for member in rest if member.seat.member}


def store(session: Session, campaign: Campaign, letters: list[Variant], lobby: Lobby) -> None:
    """Stores letters as they are: the checks would refuse most random ones."""
    for row in session.exec(select(LetterVariant)):
        session.delete(row)
    session.flush()
    session.add_all(
        LetterVariant(
            campaign_id=campaign.id,
            position=place,
            name=letter.name,
            act=letter.act,
            conditions=letter.conditions.as_json(),
            texts={locale: text.as_json() for locale, text in letter.texts.items()},
            updated_at=lobby.clock(),
        )
        for place, letter in enumerate(letters)
    )
    session.flush()


@pytest.mark.slow
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(letters=LISTS)
def test_every_mp_is_counted_once_as_drafting_would_choose(
    lobby: Lobby, letters: list[Variant]
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        assert session.exec(select(LetterTally)).first(), "conditions on letters differ"
        store(session, campaign, letters, lobby)
        in_order = variants.of_campaign(session, campaign.id, has_motion=True).in_order
        found = covered(session, campaign, in_order, lobby)
        assert found.total == MEMBERS
        assert ids_by_letter(found) == chosen_by_drafting(lobby, campaign, session)
        session.rollback()


def test_the_built_in_letters_leave_nobody_out(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        found = covered(session, campaign, variants.built_in(), lobby)
    counts = {name: len(members) for name, members in found.by_variant.items()}
    assert counts == {"thank": 4, "ask": 3, "minister": 3, "another_way": 2}
    assert (len(found.took_name_off), found.left_out, found.total) == (1, (), MEMBERS)


def test_the_first_letter_that_fits_takes_its_mps_from_those_below(lobby: Lobby) -> None:
    general = Variant("general", LetterAct.ASK, texts=PLAIN)
    labour = Variant("labour", LetterAct.ASK, Conditions(party=("Labour",)), PLAIN)
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        first = covered(session, campaign, [labour, general], lobby)
        second = covered(session, campaign, [general, labour], lobby)
    assert len(second.by_variant["labour"]) == 0
    assert len(first.by_variant["labour"]) > 0
    assert len(second.by_variant["general"]) == len(first.by_variant["labour"]) + len(
        first.by_variant["general"]
    )


def test_without_a_motion_nobody_has_signed(lobby: Lobby) -> None:
    add_campaign(lobby, "no-motion")
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, "no-motion")
        found = covered(session, campaign, variants.built_in(), lobby)
    assert (len(found.by_variant["thank"]), found.took_name_off, found.total) == (0, (), MEMBERS)


def test_the_number_of_statements_does_not_depend_on_the_number_of_mps(lobby: Lobby) -> None:
    def count() -> int:
        seen: list[str] = []
        with lobby.database.read() as session:
            campaign = campaigns.by_slug(session, CAMPAIGN)
            engine = session.get_bind()
            listener = lambda *args: seen.append(args[2])  # noqa: E731 - removed below
            event.listen(engine, "before_cursor_execute", listener)
            covered(session, campaign, variants.built_in(), lobby)
            event.remove(engine, "before_cursor_execute", listener)
        return len(seen)

    before = count()
    with lobby.database.write() as session:
        for member in session.exec(select(Member).where(col(Member.id) > 900_005)):
            member.party = "Another party"
    assert count() == before <= 8


@pytest.mark.parametrize("profile", every_kind(), ids=str)
def test_every_profile_is_of_one_kind(profile: MemberProfile) -> None:
    kind = kind_of(profile)
    assert (kind is MemberKind.SIGNED) is (profile.standing is Standing.SIGNED)
    assert (kind is MemberKind.TOOK_NAME_OFF) is (profile.standing is Standing.WITHDRAWN)


@pytest.mark.parametrize("locale", ["en", "cy"])
def test_the_preview_of_an_mp_is_the_letter_that_is_drafted(lobby: Lobby, locale: str) -> None:
    now = lobby.clock()
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        owner = session.get_one(Organisation, campaign.organisation_id)
        motion = campaigns.motion_of(session, campaign.id)
        letters = variants.of_campaign(session, campaign.id, has_motion=True).in_order
        for member in coverage.sitting_members(session, campaign, motion, now=now):
            background = facts.background_of(session, owner, campaign, member)
            preview = previews.of_sitting_member(
                background, campaign, motion, letters, member, locale=locale
            )
            situation = situations.of_seat(
                session, campaign, member.seat.constituency.code, keyring=lobby.keyring, now=now
            )
            marks = {"points": (previews.CHOSEN_POINTS,), "personal": previews.OWN_WORDS}
            drafted = drafts.draft(situation, locale=locale, **marks)  # type: ignore[arg-type] # two kinds of values
            text = (preview.text.subject, preview.text.body)
            assert text == (drafted.subject, drafted.body)
            assert preview.variant == situation.variant


def test_a_draft_without_a_motion_can_be_previewed(lobby: Lobby) -> None:
    add_campaign(lobby, "no-motion")
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, "no-motion")
        owner = session.get_one(Organisation, campaign.organisation_id)
        member = coverage.sitting_members(session, campaign, None, now=lobby.clock())[0]
        letters = variants.in_use(session, campaign).in_order
        background = facts.background_of(session, owner, campaign, member)
        preview = previews.of_sitting_member(
            background, campaign, None, letters, member, locale="en"
        )
    assert 'I support the campaign "' in preview.text.body
    assert "Early Day Motion" not in preview.text.body


def test_an_earlier_motion_counts_for_the_conditions(lobby: Lobby) -> None:
    """The motion of now becomes an earlier one, so that its four names are earlier ones."""
    again = Variant("again", LetterAct.ASK, Conditions(signed_earlier=True), PLAIN)
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        current = campaigns.motion_of(session, campaign.id)
        assert current
        session.add(type(current)(**{**current.model_dump(), "id": 5, "number": "5"}))
        session.flush()
        campaign_motions.link(session, campaign, 5, role=MotionRole.CURRENT, now=lobby.clock())
        found = covered(session, campaign, [again], lobby)
        store(session, campaign, [again], lobby)
        assert ids_by_letter(found) == chosen_by_drafting(lobby, campaign, session)
    assert 0 < len(found.by_variant["again"]) <= 4


@needs_real_data
@pytest.mark.real_data
@pytest.mark.slow
def test_the_real_mps_are_650(empty_lobby: Lobby, clock: Clock) -> None:
    clock.advance(days=60)  # the file is of 20 August 2026
    import_real_members(empty_lobby)
    with empty_lobby.database.write() as session:
        owner = organisations.create(session, name="Ours", slug="ours", now=empty_lobby.clock())
        campaign = campaigns.create(
            session,
            organisation_id=owner.id,
            values={"slug": "real", "title": "Real", "summary": "Real."},
            now=empty_lobby.clock(),
        )
        labour = Variant(
            "labour", LetterAct.ASK, Conditions(party=("Labour", "Labour (Co-op)")), PLAIN
        )
        found = covered(session, campaign, (labour, *variants.built_in()), empty_lobby)
        without = covered(
            session, campaign, variants.in_use(session, campaign).in_order, empty_lobby
        )
    counts = {name: len(members) for name, members in found.by_variant.items()}
    assert sum(counts.values()) == found.total == 650
    assert (counts["thank"], counts["another_way"]) == (0, 7), "Sinn Féin"
    assert counts["labour"] > 250
    counts = {name: len(members) for name, members in without.by_variant.items()}
    assert sum(counts.values()) == without.total == 650
    assert 80 < counts["raise_in_government"] < 180

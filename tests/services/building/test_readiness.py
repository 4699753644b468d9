"""Tests what a campaign must have before it opens, and that it never opens without."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import delete, select

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    LetterAct,
    LetterVariant,
    Membership,
    PetitionState,
    PrivacyNotice,
    Role,
)
from services.assembly import Lobby
from services.building import readiness, stages
from services.building.readiness import ADVISED, Part
from services.building.stages import NotReady
from services.campaigns import campaigns, petitions
from services.database.engine import Database
from services.organisations import organisations
from tests.support.campaigns import (
    DRAFT,
    DRAFT_PETITION,
    add_draft,
    add_others,
    add_ready_draft,
    change_draft,
    readiness_of,
    remove_petition,
    status_of_draft,
)
from tests.support.common import CAMPAIGN
from tests.support.database.databases import count_statements, run_during_transaction
from tests.support.desk import add_organiser
from tests.support.keys import OTHERS


def open_draft(session: Any, lobby: Lobby) -> None:
    organisation_id = campaigns.by_slug(session, DRAFT).organisation_id
    campaign = campaigns.own_locked(session, DRAFT, organisation_id=organisation_id)
    stages.open_(session, campaign, pace=lobby.pace, now=lobby.clock())


def link_motion(session: Any, lobby: Lobby) -> None:
    """Gives the draft the demonstration's motion."""
    of_demonstration = campaigns.by_slug(session, CAMPAIGN)
    motion = campaigns.motion_of(session, of_demonstration.id)
    assert motion is not None
    campaign = campaigns.by_slug(session, DRAFT)
    campaigns.update(session, campaign, values={}, motion_id=motion.id, now=lobby.clock())


def test_an_empty_draft_of_a_new_organisation_lacks_everything(lobby: Lobby) -> None:
    add_others(lobby)
    add_draft(lobby, OTHERS)
    found = readiness_of(lobby)
    assert found.missing == (Part.TEXTS, Part.PETITION, Part.MOTION, Part.NOTICE)
    assert found.advised == (Part.PICTURE, Part.CONTACT, Part.SECOND_OWNER)
    assert found.done == (Part.LETTERS, Part.PARLIAMENT)


def test_a_draft_with_all_that_it_must_have_lacks_only_what_is_advised(lobby: Lobby) -> None:
    add_ready_draft(lobby)
    found = readiness_of(lobby)
    assert found.missing == ()
    assert set(found.advised) <= ADVISED
    with lobby.database.write() as session:
        open_draft(session, lobby)
    assert status_of_draft(lobby) is CampaignStatus.OPEN
    with lobby.database.read() as session:
        assert petitions.public(session, DRAFT_PETITION).state is PetitionState.OPEN


def _without_summary(session: Any, lobby: Lobby) -> None:
    change_draft(session, lobby, summary="")


def _without_answer_about_motion(session: Any, lobby: Lobby) -> None:
    change_draft(session, lobby, runs_without_motion=False)


def _without_purpose(session: Any, lobby: Lobby) -> None:
    link_motion(session, lobby)


def _without_notice(session: Any, lobby: Lobby) -> None:
    session.exec(delete(PrivacyNotice))


def _without_members(session: Any, lobby: Lobby) -> None:
    session.exec(delete(Membership))


def _without_thanks(session: Any, lobby: Lobby) -> None:
    link_motion(session, lobby)
    change_draft(session, lobby, purpose="give carers a bus pass")
    session.add(
        LetterVariant(
            campaign_id=campaigns.by_slug(session, DRAFT).id,
            position=0,
            name="rest",
            act=LetterAct.ANOTHER_WAY,
            conditions={},
            texts={},
            updated_at=lobby.clock(),
        )
    )
    session.flush()


def _with_petition_past_its_day(session: Any, lobby: Lobby) -> None:
    petition = petitions.by_slug(session, DRAFT_PETITION)
    past = {"closes_at": lobby.clock() - timedelta(days=1)}
    petitions.update(session, petition, values=past, now=lobby.clock())


def _with_petition_to_nobody(session: Any, lobby: Lobby) -> None:
    petition = petitions.by_slug(session, DRAFT_PETITION)
    petitions.update(session, petition, values={"addressed_to": ""}, now=lobby.clock())


@pytest.mark.parametrize(
    ("take_away", "missing"),
    [
        (_without_summary, Part.TEXTS),
        (remove_petition, Part.PETITION),
        (_with_petition_past_its_day, Part.PETITION),
        (_with_petition_to_nobody, Part.PETITION),
        (_without_answer_about_motion, Part.MOTION),
        (_without_purpose, Part.PURPOSE),
        (_without_thanks, Part.LETTERS),
        (_without_notice, Part.NOTICE),
        (_without_members, Part.PARLIAMENT),
    ],
)
def test_each_part_that_is_missing_is_named_and_keeps_a_campaign_closed(
    lobby: Lobby, take_away: Any, missing: Part
) -> None:
    add_ready_draft(lobby)
    with lobby.database.write() as session:
        take_away(session, lobby)
    assert readiness_of(lobby).missing == (missing,)
    with pytest.raises(NotReady) as refusal, lobby.database.write() as session:
        open_draft(session, lobby)
    assert refusal.value.missing == (missing,)
    assert status_of_draft(lobby) is CampaignStatus.DRAFT


def test_the_built_in_letters_count_as_letters(lobby: Lobby) -> None:
    add_ready_draft(lobby)
    with lobby.database.write() as session:
        link_motion(session, lobby)
        change_draft(session, lobby, purpose="give carers a bus pass")
    found = readiness_of(lobby)
    assert found.missing == ()
    assert Part.LETTERS in found.done


@pytest.mark.parametrize(
    ("nations", "welsh", "advised"),
    [
        (None, [], True),
        (["Wales"], ["Un"], True),
        (["Wales"], ["Un", "Dau"], False),
        (["Scotland"], [], False),
    ],
)
def test_welsh_points_are_advised_where_people_may_write_in_welsh(
    lobby: Lobby, nations: list[str] | None, welsh: list[str], advised: bool
) -> None:
    add_ready_draft(lobby)
    with lobby.database.write() as session:
        link_motion(session, lobby)
        texts = {"letter_points": ["One", "Two"], "letter_points_welsh": welsh}
        change_draft(session, lobby, nations=nations, purpose="do it", **texts)
    assert (Part.WELSH_POINTS in readiness_of(lobby).advised) is advised


def test_a_second_owner_counts_and_a_second_editor_does_not(lobby: Lobby) -> None:
    add_ready_draft(lobby)
    add_organiser(lobby, Role.EDITOR)
    assert Part.SECOND_OWNER in readiness_of(lobby).advised
    add_organiser(lobby, Role.OWNER)
    assert Part.SECOND_OWNER in readiness_of(lobby).done


def test_many_campaigns_are_looked_up_in_as_many_statements_as_one(lobby: Lobby) -> None:
    add_ready_draft(lobby)

    def look(limit: int) -> Any:
        def read(session: Any) -> None:
            some = list(session.exec(select(Campaign).limit(limit)))
            assert len(readiness.of_campaigns(session, some, now=lobby.clock())) == limit

        return read

    assert count_statements(lobby, look(1)) == count_statements(lobby, look(2))


def test_opening_through_the_api_needs_nothing_of_this(lobby: Lobby) -> None:
    add_others(lobby)
    add_draft(lobby, OTHERS)
    with lobby.database.write() as session:
        change_draft(session, lobby, status=CampaignStatus.OPEN)
    assert status_of_draft(lobby) is CampaignStatus.OPEN


@pytest.mark.slow
def test_a_campaign_that_opens_while_its_petition_is_removed_stays_a_draft(lobby: Lobby) -> None:
    add_ready_draft(lobby)
    refusals: list[NotReady] = []
    other = Database(lobby.database.url)

    def open_it() -> None:
        try:
            with other.write() as session:
                open_draft(session, lobby)
        except NotReady as error:
            refusals.append(error)

    run_during_transaction(lobby.database, lambda session: remove_petition(session, lobby), open_it)
    other.close()
    assert [refusal.missing for refusal in refusals] == [(Part.PETITION,)]
    assert status_of_draft(lobby) is CampaignStatus.DRAFT


@pytest.mark.slow
def test_a_petition_that_is_closed_by_the_api_while_its_campaign_opens_waits_for_it(
    lobby: Lobby,
) -> None:
    add_ready_draft(lobby)
    other = Database(lobby.database.url)

    def close_it() -> None:
        with other.write() as session:
            petition = petitions.by_slug(session, DRAFT_PETITION)
            state = {"state": PetitionState.CLOSED}
            petitions.update(session, petition, values=state, now=lobby.clock())

    run_during_transaction(lobby.database, lambda session: open_draft(session, lobby), close_it)
    other.close()
    with lobby.database.read() as session:
        assert campaigns.public(session, DRAFT).status is CampaignStatus.OPEN
        assert petitions.public(session, DRAFT_PETITION).state is PetitionState.CLOSED


@pytest.mark.slow
def test_two_people_who_open_a_campaign_at_once_open_it_once(lobby: Lobby) -> None:
    add_ready_draft(lobby)
    other = Database(lobby.database.url)

    def open_it_too() -> None:
        with other.write() as session:
            open_draft(session, lobby)

    run_during_transaction(lobby.database, lambda session: open_draft(session, lobby), open_it_too)
    other.close()
    assert status_of_draft(lobby) is CampaignStatus.OPEN


def test_a_campaign_that_has_ended_opens_again_only_with_all_it_must_have(lobby: Lobby) -> None:
    add_ready_draft(lobby)
    with lobby.database.write() as session:
        open_draft(session, lobby)
        campaign = campaigns.by_slug(session, DRAFT)
        stages.close(session, campaign, pace=lobby.pace, now=lobby.clock())
        petition = petitions.by_slug(session, DRAFT_PETITION)
        stages.close_petition(session, petition, now=lobby.clock())
    with pytest.raises(NotReady), lobby.database.write() as session:
        open_draft(session, lobby)
    assert status_of_draft(lobby) is CampaignStatus.CLOSED
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, DRAFT_PETITION)
        stages.open_petition(session, petition, now=lobby.clock())
        open_draft(session, lobby)
    assert status_of_draft(lobby) is CampaignStatus.OPEN


def test_the_demonstration_has_what_its_campaign_must_have_but_a_notice(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        found = readiness.of_campaign(session, campaign, now=lobby.clock())
        owner = organisations.get(session, campaign.organisation_id)
        linked = select(CampaignMotion).where(CampaignMotion.campaign_id == campaign.id)
        assert session.exec(linked).first() is not None
    assert found.missing == (Part.NOTICE,)
    assert owner.contact_email

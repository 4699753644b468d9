"""Tests which news a digest has, and that each is told once and to the right people."""

import threading
from datetime import timedelta

import pytest
from sqlmodel import select

import worker
from models import (
    AlertInterval,
    AlertKind,
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Letter,
    LetterState,
    MessageKind,
    MessageState,
    OutboxMessage,
    Role,
)
from services.alerts import choices, digests
from services.campaigns import campaigns
from services.mail import dead_addresses
from services.organisations import organisations
from services.parliament_sync import sessions
from services.webhooks import leaving
from tests.services.alerts.conftest import ELECTED, MOTION, Desk, news_in
from tests.support.campaigns import add_others
from tests.support.common import CAMPAIGN, html_of, text_of, types_of
from tests.support.desk import add_organiser
from tests.support.keys import OTHERS
from tests.support.letters import put_into_state
from tools.statements import sent_by

ANN, BO, CY, _ = ELECTED
TITLE = "Keep NHS Professionals public: "


def change_campaign(desk: Desk, **values: object) -> None:
    with desk.lobby.database.write() as session:
        session.add(campaigns.by_slug(session, CAMPAIGN).sqlmodel_update(values))


def messages(desk: Desk) -> list[OutboxMessage]:
    with desk.lobby.database.read() as session:
        statement = select(OutboxMessage).where(OutboxMessage.kind == MessageKind.ALERT_DIGEST)
        return list(session.exec(statement))


# ---- names and the motion


def test_a_name_is_told_at_the_hour_in_a_mail_of_two_parts(desk: Desk) -> None:
    desk.wants()
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(12, 59)
    assert desk.tell() == []
    desk.at(13)
    (mail,) = desk.tell()
    assert mail["To"] == "ada@example.org"
    assert mail["Subject"] == f"{ANN} signed – 5 of 14"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is mail["Reply-To"] is None
    assert types_of(mail) == ["text/plain", "text/html"]
    assert news_in(mail) == f"{TITLE}{ANN} signed. 5 of 14 MPs have signed EDM 152."
    for part in (text_of(mail), html_of(mail)):
        assert f"http://testserver/organiser/campaigns/{CAMPAIGN}" in part
        assert "http://testserver/organiser/alerts" in part


def test_without_news_no_mail_goes_and_no_digest_is_kept(desk: Desk) -> None:
    ada = desk.wants()
    for hour in (13, 14, 15):
        desk.at(hour, 1)
        assert desk.tell() == []
    assert list(desk.digests()) == []
    assert desk.choice(ada).told_at == desk.clock().replace(hour=14, minute=55)


def test_nobody_gets_anything_until_they_choose(desk: Desk) -> None:
    add_organiser(desk.lobby, Role.OWNER)
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    assert desk.tell() == []


def test_what_was_there_before_the_choice_is_no_news(desk: Desk) -> None:
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(12, 30)
    desk.wants()
    desk.at(12, 40)
    desk.sign(BO)
    desk.at(13)
    (mail,) = desk.tell()
    assert str(mail["Subject"]).startswith(f"{BO} signed")
    assert ANN not in text_of(mail)


def test_each_name_is_told_once_by_what_became_of_it(desk: Desk) -> None:
    desk.sign("Di Hartwhistle")
    desk.at(12, 1)
    desk.wants()
    desk.at(12, 10)
    desk.sign(ANN, BO)
    desk.at(12, 20)
    desk.take_off(BO, CY, "Di Hartwhistle")
    desk.at(12, 30)
    desk.sign("Di Hartwhistle")
    desk.at(13)
    (mail,) = desk.tell()
    assert news_in(mail) == (
        f"{TITLE}{ANN} signed. 6 of 14 MPs have signed EDM 152. "
        "Di Hartwhistle removed their name and put it back. "
        f"2 MPs signed, then took their names off: {BO} and {CY}."
    )
    desk.at(13, 10)
    desk.take_off(ANN)
    desk.sign(BO)
    desk.at(14)
    (mail,) = desk.tell()
    assert mail["Subject"] == f"{BO} signed – 6 of 14"
    assert f"{ANN} removed their name." in news_in(mail)


def test_the_first_hundred_names_of_a_motion_are_one_line_and_only_mps_count(desk: Desk) -> None:
    with desk.lobby.database.write() as session:
        link = session.exec(select(CampaignMotion)).one()
        link.linked_at = desk.clock() + timedelta(minutes=30)
    desk.wants()
    desk.at(12, 20)
    desk.sign(*(f"Member {number}" for number in range(100)))
    desk.at(12, 40)
    desk.sign(ANN)
    desk.at(13)
    (mail,) = desk.tell()
    assert mail["Subject"] == f"{ANN} signed – 5 of 14"
    assert "You now follow EDM 152." in news_in(mail)
    assert "Member" not in news_in(mail)


def test_of_many_names_ten_are_told_and_the_others_counted(desk: Desk) -> None:
    desk.wants()
    desk.at(12, 20)
    desk.sign(*(f"Member {number:03}" for number in range(12)))
    desk.at(13)
    (mail,) = desk.tell()
    assert mail["Subject"] == "Member 000 and 11 others signed – 4 of 14"
    assert "Member 008, Member 009 and 2 others." in news_in(mail)
    desk.at(13, 20)
    desk.sign(*(f"Member {number:03}" for number in range(1000)))
    desk.at(14)
    (mail,) = desk.tell()
    assert "988 MPs signed" in news_in(mail)
    assert "and 978 others." in news_in(mail)
    assert len(str(desk.digests()[-1].content)) < 1000


def test_a_motion_that_is_withdrawn_comes_first(desk: Desk) -> None:
    desk.wants()
    desk.at(12, 20)
    desk.sign(ANN)
    desk.sync(Status=1, StatusDate="2026-07-01T00:00:00")
    desk.at(13)
    (mail,) = desk.tell()
    assert mail["Subject"] == "EDM 152 has been withdrawn"
    assert f"{ANN} signed." in news_in(mail)


def test_a_motion_that_lapses_is_told(desk: Desk) -> None:
    desk.wants(AlertKind.MOTION)
    desk.at(12, 20)
    desk.sign(ANN)
    with desk.lobby.database.write() as session:
        today = desk.clock().date()
        sessions.save(session, name="2026-27", starts_on=today - timedelta(days=60), ends_on=today)
        assert sessions.lapse_motions(session, now=desk.clock()) == [MOTION]
    desk.at(13)
    (mail,) = desk.tell()
    assert mail["Subject"] == "EDM 152 has ended"
    assert ANN not in text_of(mail), "she wants no names"


@pytest.mark.parametrize("status", [CampaignStatus.DRAFT, CampaignStatus.CLOSED])
def test_only_running_campaigns_are_told_of(desk: Desk, status: CampaignStatus) -> None:
    desk.wants()
    change_campaign(desk, status=status)
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    assert desk.tell() == []


# ---- the goal


def test_a_goal_is_told_once(desk: Desk) -> None:
    desk.wants()
    change_campaign(desk, member_goal=5)
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    (mail,) = desk.tell()
    assert mail["Subject"] == "You've reached your goal of 5 MPs"
    desk.at(13, 20)
    desk.take_off(ANN)
    desk.at(14)
    assert len(desk.tell()) == 1
    desk.at(14, 20)
    desk.sign(ANN, BO)
    desk.at(15)
    (mail,) = desk.tell()
    assert mail["Subject"] == f"{BO} and {ANN} signed – 6 of 14"
    change_campaign(desk, member_goal=6)
    desk.at(16)
    (mail,) = desk.tell()
    assert mail["Subject"] == "You've reached your goal of 6 MPs"


def test_a_goal_that_was_reached_before_is_no_news(desk: Desk) -> None:
    change_campaign(desk, member_goal=2)
    ada = desk.wants(AlertKind.NAMES)
    desk.choose(ada, AlertKind.GOAL)
    desk.at(13)
    assert desk.tell() == []


# ---- troubles


def test_a_sync_that_fails_is_told_when_it_began_and_when_it_ended(desk: Desk) -> None:
    desk.wants()
    desk.at(12)
    desk.sync()
    for hour, minute in ((12, 15), (13, 0)):
        desk.at(hour, minute)
        desk.change_motion(sync_failed_at=desk.clock(), sync_error="no answer")
        assert desk.tell() == [], "the first attempt failed at 12:15"
    desk.at(14)
    (mail,) = desk.tell()
    assert mail["Subject"] == "We can't read EDM 152 from Parliament"
    assert "The names you see are from 1 July 2026, 13:00." in news_in(mail)
    desk.at(15)
    assert desk.tell() == []
    desk.at(15, 30)
    desk.sync()
    desk.at(16)
    (mail,) = desk.tell()
    assert mail["Subject"] == "We can read EDM 152 from Parliament again"
    desk.at(17)
    assert desk.tell() == []


def stick_letter(desk: Desk, **message: object) -> None:
    put_into_state(desk.lobby, 0, LetterState.QUEUED, message={"claimed_at": None} | message)


def test_letters_that_are_stuck_are_told_once_and_when_they_go_again(desk: Desk) -> None:
    desk.wants()
    stick_letter(desk, due_at=desk.clock())
    desk.at(13)
    assert desk.make() == 0
    desk.at(14)
    assert desk.make() == 1
    change_messages(desk, LetterState.HELD, MessageState.DROPPED)
    stick_letter(desk, due_at=desk.clock() - timedelta(hours=2))
    desk.at(15)
    assert desk.make() == 0, "others are still stuck"
    change_messages(desk, LetterState.SENT, MessageState.ACCEPTED)
    assert [mail["Subject"] for mail in desk.tell()] == [
        "Letters aren't going out: Keep NHS Professionals public"
    ]
    desk.at(16)
    assert [mail["Subject"] for mail in desk.tell()] == [
        "Letters are going out again: Keep NHS Professionals public"
    ]


def change_messages(desk: Desk, letter: LetterState, message: MessageState) -> None:
    with desk.lobby.database.write() as session:
        for row in session.exec(select(Letter).where(Letter.state == LetterState.QUEUED)):
            row.state, row.sent_at = letter, desk.clock()
            found = select(OutboxMessage).where(OutboxMessage.subject_id == row.id)
            session.exec(found).one().state = message


def test_paused_letters_and_those_of_the_quiet_hours_are_not_stuck(desk: Desk) -> None:
    desk.wants()
    desk.at(20)
    stick_letter(desk, due_at=desk.clock())
    for hour in (21, 22, 23):  # the quiet hours begin at 21:00 UTC
        desk.at(hour, 1)
        assert desk.make() == 0, hour
    desk.at(6, 59, day=2)
    assert desk.make() == 0, "they ended an hour ago"
    desk.at(7, 1, day=2)
    change_campaign(desk, letters_paused_at=desk.clock())
    assert desk.make() == 0
    change_campaign(desk, letters_paused_at=None)
    desk.at(8, 1, day=2)
    assert desk.make() == 1


def test_mails_that_are_stuck_are_told(desk: Desk) -> None:
    desk.wants(AlertKind.QUEUE)
    with desk.lobby.database.write() as session:
        letter = session.exec(select(Letter)).first()
        assert letter is not None
        session.add(
            OutboxMessage(
                kind=MessageKind.LETTER_QUESTION,
                subject_id=letter.id,
                created_at=desk.clock(),
                due_at=desk.clock(),
            )
        )
    desk.at(14)
    mails = [mail for mail in desk.tell() if mail["To"] == "ada@example.org"]
    assert [mail["Subject"] for mail in mails] == ["Emails to supporters aren't going out"]
    assert "waiting since 1 July 2026, 13:00." in news_in(mails[0])
    desk.at(15)
    (mail,) = desk.tell()
    assert mail["Subject"] == "Emails to supporters are going out again"


# ---- hours and days


def test_a_day_ends_at_eight_in_the_morning(desk: Desk) -> None:
    desk.wants(every=AlertInterval.DAY)
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(6, 54, day=2)
    desk.sign(BO)
    desk.at(6, 56, day=2)
    desk.sign(CY)
    desk.at(6, 59, day=2)
    assert desk.tell() == []
    desk.at(7, day=2)
    (mail,) = desk.tell()
    assert str(mail["Subject"]).startswith(f"{ANN} and {BO} signed")
    desk.at(7, day=3)
    (mail,) = desk.tell()
    assert str(mail["Subject"]).startswith(f"{CY} signed")


def test_two_organisers_get_what_each_of_them_wants(desk: Desk) -> None:
    desk.wants(AlertKind.NAMES)
    desk.wants(AlertKind.NAMES, every=AlertInterval.DAY, email="bea@example.org")
    desk.wants(AlertKind.MOTION, email="cat@example.org")
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    assert [mail["To"] for mail in desk.tell()] == ["ada@example.org"]
    desk.at(13, 20)
    desk.sync(Status=1, StatusDate="2026-07-01T00:00:00")
    desk.at(14)
    assert [mail["To"] for mail in desk.tell()] == ["cat@example.org"]
    desk.at(7, day=2)
    assert [mail["To"] for mail in desk.tell()] == ["bea@example.org"]


def test_another_organisation_is_told_nothing_of_ours(desk: Desk) -> None:
    add_others(desk.lobby)
    desk.wants()
    desk.wants(email="olga@example.org", organisation=OTHERS)
    change_campaign(desk, member_goal=3)
    stick_letter(desk, due_at=desk.clock())
    desk.at(13, 20)
    desk.sign(ANN)
    desk.change_motion(
        sync_failed_at=desk.clock(), synced_at=desk.clock() - timedelta(days=1), sync_error="no"
    )
    desk.at(14)
    assert desk.make() == 1
    with desk.lobby.database.read() as session:
        others = organisations.by_slug(session, OTHERS)
        campaign = Campaign(
            organisation_id=others.id,
            slug="theirs",
            title="Theirs",
            summary="",
            created_at=desk.clock(),
            updated_at=desk.clock(),
        )
    with desk.lobby.database.write() as session:
        session.add(campaign)
        session.flush()
        session.add(
            CampaignMotion(campaign_id=campaign.id, motion_id=MOTION, linked_at=desk.clock())
        )
    desk.at(14, 20)
    desk.sign(BO)
    desk.at(15)
    assert desk.make() == 2
    theirs = [str(each.content) for each in desk.digests() if "Theirs" in str(each.content)]
    assert len(theirs) == 1
    assert CAMPAIGN not in theirs[0]


def test_a_digest_holds_no_address_and_nothing_of_supporters(desk: Desk) -> None:
    desk.wants()
    stick_letter(desk, due_at=desk.clock())
    desk.at(14)
    assert desk.make() == 1
    ((item,),) = [each.content["news"] for each in desk.digests()]
    values = {name: value for name, value in item.items() if value}
    assert values == {
        "what": "letters_stuck",
        "campaign": "Keep NHS Professionals public",
        "slug": CAMPAIGN,
        "motion": "152",
        "since": "2026-07-01T12:00:00+00:00",
    }


# ---- once, and to people who are still here


def test_the_same_round_again_makes_nothing_more(desk: Desk) -> None:
    desk.wants()
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    assert [desk.make() for _ in range(3)] == [1, 0, 0]
    desk.at(13, 30)
    assert desk.make() == 0
    assert len(messages(desk)) == 1


def test_a_worker_that_was_away_tells_everything_in_one_digest(desk: Desk) -> None:
    desk.wants()
    for hour, name in ((12, ANN), (13, BO), (15, CY)):
        desk.at(hour, 20)
        desk.sign(name)
    desk.at(17, 40)
    (mail,) = desk.tell()
    assert f"3 MPs signed: {ANN}, {BO} and {CY}." in news_in(mail)


def test_after_a_clock_went_back_later_names_are_told(desk: Desk) -> None:
    ada = desk.wants()
    desk.at(12, day=9)
    assert desk.make() == 0
    desk.at(13)
    assert desk.make() == 0
    assert desk.choice(ada).told_at == desk.clock()
    desk.at(13, 20)
    desk.sign(ANN)
    desk.at(14)
    assert [str(mail["Subject"]) for mail in desk.tell()] == [f"{ANN} signed – 5 of 14"]
    desk.at(15)
    assert desk.tell() == []


def test_who_was_removed_or_has_turned_alerts_off_gets_nothing(desk: Desk) -> None:
    removed = desk.wants(email="removed@example.org")
    off = desk.wants(email="off@example.org")
    desk.wants()
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    assert desk.make() == 3
    with desk.lobby.database.write() as session:
        leaving.remove(session, removed, by=None, webhooks_to=None, now=desk.clock())
        choices.switch_off(session, off)
    assert [mail["To"] for mail in desk.tell()] == ["ada@example.org"]
    states = sorted(message.state for message in messages(desk))
    assert states == [MessageState.ACCEPTED, MessageState.DROPPED, MessageState.DROPPED]


def test_a_dead_address_gets_no_message(desk: Desk) -> None:
    ada = desk.wants()
    with desk.lobby.database.write() as session:
        dead_addresses.note(
            session, ada.email_index, member_id=None, detail="550", now=desk.clock()
        )
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    assert desk.make() == 1
    assert messages(desk) == []


def test_hourly_digests_are_not_held_back_by_the_limit_of_a_day(desk: Desk) -> None:
    desk.wants()
    for hour in range(12, 20):
        desk.at(hour, 20)
        desk.sign(f"Member {hour}")
        desk.at(hour + 1)
        assert len(desk.tell()) == 1, hour


def test_digests_are_deleted_after_thirty_days(desk: Desk) -> None:
    desk.wants()
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    desk.make()
    desk.clock.now += digests.KEPT
    worker.forget_old_accounts(desk.lobby, threading.Event())
    assert len(desk.digests()) == 1
    desk.clock.now += timedelta(seconds=1)
    worker.forget_old_accounts(desk.lobby, threading.Event())
    assert list(desk.digests()) == []


def test_the_number_of_statements_depends_on_nothing_but_the_organisations(desk: Desk) -> None:
    desk.wants()
    desk.at(12, 20)
    desk.sign(ANN)
    desk.at(13)
    with sent_by(desk.lobby) as few:
        assert desk.make() == 1
    for number in range(20):
        desk.wants(email=f"organiser{number}@example.org")
    desk.at(13, 20)
    desk.sign(*(f"Member {number}" for number in range(300)))
    desk.at(14)
    with sent_by(desk.lobby) as many:
        assert desk.make() == 21
    assert len(many) == len(few) <= 12
    desk.at(14, 30)
    with sent_by(desk.lobby) as idle:
        assert desk.make() == 0
    assert len(idle) == 1

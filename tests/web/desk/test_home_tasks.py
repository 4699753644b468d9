"""Tests what needs somebody today: each task comes and goes with its cause."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session, select

from models import (
    Campaign,
    CampaignStatus,
    DeadAddress,
    DisabledReason,
    Letter,
    LetterState,
    Member,
    MotionStatus,
    Organiser,
    Postponement,
    Private,
    Role,
    SecondStep,
    WebhookEndpoint,
)
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.mail import dead_addresses
from services.organisations import notices, organisations
from services.views.desk.tasks import OUTCOME_AFTER
from tests.support.campaigns import add_campaign
from tests.support.common import CAMPAIGN, PETITION, Clock
from tests.support.desk import DeskClient, add_organiser, as_role, sign_in_as
from tests.support.home import (
    add_organisation,
    change_campaign,
    change_organisation,
    end_motion,
    of_demonstration,
    tasks_on,
)
from tests.support.letters import put_into_state
from tests.support.pages import close_campaign, visible

HOME, NOT_TODAY = "/organiser", "/organiser/not-today"
UNCERTAIN = "1 letter may not have arrived"
ONLY_OWNER, NOTICE = "You’re the only owner", "Publish your privacy notice"
Cause = Callable[[Lobby], None]


def in_session(lobby: Lobby, do: Callable[[Session, Campaign], None]) -> None:
    with lobby.database.write() as session:
        do(session, of_demonstration(session))


def publish_notice(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        owner = organisations.get(session, of_demonstration(session).organisation_id)
        text = "We keep your name for a year, and then we delete it. Ask us about it."
        notices.publish(session, owner, text, now=lobby.clock())


def stop_webhook(lobby: Lobby, reason: DisabledReason | None) -> None:
    with lobby.database.write() as session:
        owner = of_demonstration(session).organisation_id
        hook = session.exec(select(WebhookEndpoint)).first() or WebhookEndpoint(
            organisation_id=owner,
            organiser_id=session.exec(select(Organiser.id)).first(),
            url=Private(owner, "https://example.org/hook"),
            events=[],
            secret=Private(owner, "secret"),
            created_at=lobby.clock(),
            updated_at=lobby.clock(),
        )
        hook.disabled_reason = reason
        hook.disabled_at = lobby.clock() if reason else None
        session.add(hook)


def kill_office(lobby: Lobby, *, has_new_address: bool = False) -> None:
    letter, _ = put_into_state(lobby, 0, LetterState.REJECTED)
    with lobby.database.write() as session:
        member = session.get_one(Member, letter.member_id)
        assert member.email
        index = dead_addresses.index_of(member.email, lobby.keyring)
        if has_new_address:
            member.email = "new-office@example.org"
        elif session.get(DeadAddress, index) is None:
            dead_addresses.note(
                session, index, member_id=member.id, detail="gone", now=lobby.clock()
            )


def close_petition(lobby: Lobby, *, days_ago: int) -> None:
    with lobby.database.write() as session:
        petitions.public(session, PETITION).closes_at = lobby.clock() - timedelta(days=days_ago)


def add_second_owner(lobby: Lobby) -> None:
    add_organiser(lobby, Role.OWNER)


TITLE = "Keep NHS Professionals public"
LONG_AGO = OUTCOME_AFTER.days + 1
CASES: dict[str, tuple[Cause, Cause, str]] = {
    "uncertain letter": (
        lambda lobby: (put_into_state(lobby, 0, LetterState.UNCERTAIN), None)[1],
        lambda lobby: (put_into_state(lobby, 0, LetterState.QUEUED), None)[1],
        UNCERTAIN,
    ),
    "webhook": (
        lambda lobby: stop_webhook(lobby, DisabledReason.FAILING),
        lambda lobby: stop_webhook(lobby, None),
        "1 webhook has stopped",
    ),
    "office": (
        kill_office,
        lambda lobby: kill_office(lobby, has_new_address=True),
        "Email to an MP’s office comes back",
    ),
    "draft": (
        lambda lobby: add_campaign(lobby, "a-draft", status=CampaignStatus.DRAFT),
        lambda lobby: change_campaign(lobby, "a-draft", status=CampaignStatus.CLOSED),
        "‘a-draft’ can’t open yet",
    ),
    "motion": (
        lambda lobby: end_motion(lobby, MotionStatus.LAPSED, lobby.clock().date()),
        lambda lobby: close_campaign(lobby, CampaignStatus.CLOSED),
        f"The motion of ‘{TITLE}’ has ended",
    ),
    "motion long ago": (
        lambda lobby: end_motion(lobby, MotionStatus.WITHDRAWN, date(2026, 5, 1)),
        lambda lobby: change_campaign(lobby, outcome="We changed the minister’s mind."),
        f"How did ‘{TITLE}’ end?",
    ),
    "petition long ago": (
        lambda lobby: close_petition(lobby, days_ago=LONG_AGO),
        lambda lobby: close_petition(lobby, days_ago=LONG_AGO - 2),
        f"How did ‘{TITLE}’ end?",
    ),
    "contact": (
        lambda lobby: change_organisation(lobby, contact_email=None),
        lambda lobby: change_organisation(lobby, contact_email="hello@example.org"),
        "Add a contact address",
    ),
    "purpose": (
        lambda lobby: change_campaign(lobby, purpose=""),
        lambda lobby: change_campaign(lobby, purpose="stop the sale"),
        f"Say what the motion of ‘{TITLE}’ asks for",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_task_comes_and_goes_with_its_cause(
    signed_in: DeskClient, lobby: Lobby, case: str
) -> None:
    cause, remedy, title = CASES[case]
    assert title not in tasks_on(signed_in.get(HOME))
    cause(lobby)
    assert title in tasks_on(signed_in.get(HOME))
    remedy(lobby)
    assert title not in tasks_on(signed_in.get(HOME))


def test_the_notice_and_the_second_owner_are_asked_for_until_they_are_there(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    assert tasks_on(signed_in.get(HOME)) == [NOTICE, ONLY_OWNER]
    publish_notice(lobby)
    assert tasks_on(signed_in.get(HOME)) == [ONLY_OWNER]
    add_second_owner(lobby)
    page = signed_in.get(HOME)
    assert tasks_on(page) == []
    assert "Nothing needs you at the moment." in visible(page)


def test_a_webhook_that_somebody_stopped_by_hand_is_no_task(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    stop_webhook(lobby, DisabledReason.BY_HAND)
    assert "1 webhook has stopped" not in tasks_on(signed_in.get(HOME))


def test_a_second_step_is_asked_for_with_the_day_from_which_it_is_needed(
    client: DeskClient, lobby: Lobby
) -> None:
    add_organisation(lobby)
    owner = add_organiser(lobby, Role.OWNER, organisation="other")
    with lobby.database.write() as session:
        values = {"slug": "theirs", "title": "Theirs", "summary": "s"}
        campaigns.create(
            session, organisation_id=owner.organisation_id, values=values, now=lobby.clock()
        )
        row = session.get_one(Organiser, owner.id)
        row.second_step_due_at = lobby.clock() + timedelta(days=14)
    sign_in_as(lobby, client, owner)
    page = client.get(HOME)
    assert "Set up two-step sign-in" in tasks_on(page)
    assert "You’ll need it to sign in from 15 July 2026." in visible(page)
    with lobby.database.write() as session:
        now = lobby.clock()
        secret = Private(owner.organisation_id, "SECRET")
        step = SecondStep(organiser_id=owner.id, secret=secret, created_at=now)
        session.add(step)
    assert "Set up two-step sign-in" in tasks_on(client.get(HOME)), "it is not confirmed yet"
    with lobby.database.write() as session:
        session.get_one(SecondStep, owner.id).confirmed_at = lobby.clock()
    assert "Set up two-step sign-in" not in tasks_on(client.get(HOME))


def test_a_draft_that_lacks_nothing_is_ready_to_open(signed_in: DeskClient, lobby: Lobby) -> None:
    publish_notice(lobby)
    change_campaign(lobby, status=CampaignStatus.DRAFT)
    page = signed_in.get(HOME)
    assert f"‘{TITLE}’ is ready to open" in tasks_on(page)
    assert f'href="/organiser/campaigns/{CAMPAIGN}/edit/open"' in page.text
    with lobby.database.write() as session:
        petitions.public(session, PETITION, viewer=owner_id(lobby)).addressed_to = ""
    page = signed_in.get(HOME)
    assert f"‘{TITLE}’ can’t open yet" in tasks_on(page)
    assert "1 thing is missing: petition." in visible(page)


def owner_id(lobby: Lobby) -> UUID:
    with lobby.database.read() as session:
        return of_demonstration(session).organisation_id


def test_what_has_stopped_comes_first_and_each_task_has_one_button(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    put_into_state(lobby, 0, LetterState.UNCERTAIN)
    stop_webhook(lobby, DisabledReason.GONE)
    add_campaign(lobby, "a-draft", status=CampaignStatus.DRAFT)
    page = signed_in.get(HOME)
    titles = tasks_on(page)
    assert titles[:2] == [UNCERTAIN, "1 webhook has stopped"]
    assert page.text.count('class="urgent"') == 2
    assert page.text.count('<div class="do">\n<a class="button small') == len(titles)
    assert page.text.count(f'action="{NOT_TODAY}"') == len(titles)
    assert f'href="/organiser/campaigns/{CAMPAIGN}/letters?show=uncertain"' in page.text


# ---- roles


def test_each_role_sees_the_tasks_that_it_can_do(client: DeskClient, lobby: Lobby) -> None:
    put_into_state(lobby, 0, LetterState.UNCERTAIN)
    stop_webhook(lobby, DisabledReason.GONE)
    close_petition(lobby, days_ago=LONG_AGO)
    of_owner = {"1 webhook has stopped", f"How did ‘{TITLE}’ end?", ONLY_OWNER}
    as_role(lobby, client, Role.EDITOR)
    assert set(tasks_on(client.get(HOME))) == {UNCERTAIN, NOTICE}
    as_role(lobby, client, Role.VIEWER)
    assert tasks_on(client.get(HOME)) == []
    with lobby.database.read() as session:
        owner = session.exec(select(Organiser).where(Organiser.role == Role.OWNER)).one()
    sign_in_as(lobby, client, owner)
    assert set(tasks_on(client.get(HOME))) == {UNCERTAIN, NOTICE} | of_owner


# ---- not today


def put_off(client: DeskClient, task: str, subject: object) -> int:
    answer = client.post(NOT_TODAY, data={"task": task, "subject": str(subject)})
    return int(answer.status_code)


def test_a_task_put_off_is_hidden_from_one_organiser_until_tomorrow_in_london(
    client: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    editor = as_role(lobby, client, Role.EDITOR)
    clock.now = datetime(2026, 7, 1, 21, 0, tzinfo=UTC)  # 10pm in London
    sign_in_as(lobby, client, editor)
    assert put_off(client, "notice", owner_id(lobby)) == 303
    page = client.get("/organiser?done=later")
    assert NOTICE not in tasks_on(page)
    assert "Put off until tomorrow." in visible(page)
    assert "1 put off until tomorrow." in visible(page)
    clock.now = datetime(2026, 7, 1, 22, 59, tzinfo=UTC)
    assert NOTICE not in tasks_on(client.get(HOME))
    clock.now = datetime(2026, 7, 1, 23, 0, tzinfo=UTC)  # midnight
    assert NOTICE in tasks_on(client.get(HOME))
    as_role(lobby, client, Role.EDITOR, email="colleague@example.org")
    assert NOTICE in tasks_on(client.get(HOME))


def test_putting_off_twice_keeps_one_row_and_old_ones_go(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    put_into_state(lobby, 0, LetterState.UNCERTAIN)
    with lobby.database.read() as session:
        campaign_id = of_demonstration(session).id
    for _ in range(2):
        assert put_off(signed_in, "letters_uncertain", campaign_id) == 303
    assert UNCERTAIN not in tasks_on(signed_in.get(HOME))
    clock.advance(hours=11, minutes=30)  # tomorrow in London
    assert UNCERTAIN in tasks_on(signed_in.get(HOME))
    assert put_off(signed_in, "notice", owner_id(lobby)) == 303
    with lobby.database.read() as session:
        rows = session.exec(select(Postponement)).all()
    assert [row.task for row in rows] == ["notice"]


def test_nobody_puts_off_what_is_not_theirs(client: DeskClient, lobby: Lobby) -> None:
    add_organisation(lobby)
    with lobby.database.read() as session:
        campaign_id = of_demonstration(session).id
    as_role(lobby, client, Role.OWNER, organisation="other")
    assert put_off(client, "draft", campaign_id) == 404
    assert put_off(client, "notice", owner_id(lobby)) == 404
    assert put_off(client, "draft", uuid4()) == 404
    as_role(lobby, client, Role.VIEWER)
    assert put_off(client, "draft", campaign_id) == 403
    with lobby.database.read() as session:
        assert session.exec(select(Postponement)).all() == []


@pytest.mark.parametrize(
    ("task", "subject"), [("", ""), ("nonsense", str(UUID(int=1))), ("draft", "")]
)
def test_a_task_that_no_page_shows_is_refused(
    signed_in: DeskClient, task: str, subject: str
) -> None:
    assert put_off(signed_in, task, subject) == 422


def test_letters_of_closed_campaigns_need_somebody_too(signed_in: DeskClient, lobby: Lobby) -> None:
    put_into_state(lobby, 0, LetterState.UNCERTAIN)
    close_campaign(lobby, CampaignStatus.CLOSED)
    assert UNCERTAIN in tasks_on(signed_in.get(HOME))
    with lobby.database.read() as session:
        (letter,) = session.exec(select(Letter).where(Letter.state == LetterState.UNCERTAIN))
    assert letter.sent_at is None

"""Tests the figures, the changes and the campaigns on the home of the desk."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, func, select

from models import (
    AccountEvent,
    AccountEventKind,
    Campaign,
    CampaignStatus,
    Letter,
    LetterState,
    Member,
    MemberReply,
    MotionEventKind,
    MotionSignatory,
    Organiser,
    OrganiserSession,
    Private,
    ReplyKind,
    Role,
    Signature,
    SignatureState,
)
from services.assembly import Lobby
from services.campaigns import campaigns, news, petitions
from services.tallies import counts
from services.views.desk import changes, home
from services.views.desk.changes import ChangeKind
from services.views.desk.tasks import TaskKind
from tests.support.campaigns import add_campaign
from tests.support.common import CAMPAIGN, PETITION, Clock
from tests.support.desk import DeskClient, add_organiser, as_role, sign_in_as
from tests.support.home import (
    MORAG,
    TOMASZ,
    add_organisation,
    change_campaign,
    changes_on,
    come_back,
    figures_on,
    name_on_motion,
    of_demonstration,
    statements,
)
from tests.support.letters import letters_of, put_into_state
from tests.support.pages import close_campaign, visible
from tests.support.signatures import sign_and_confirm
from tests.support.webhooks import ANNA
from web.base import form_tokens, words

HOME = "/organiser"
TALLY = f"/v1/campaigns/{CAMPAIGN}/tally"


def reply_of(lobby: Lobby, *, name: str = MORAG, at: datetime | None = None) -> None:
    with lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.name == name)).one()
        now = at or lobby.clock()
        session.add(
            MemberReply(
                campaign_id=of_demonstration(session).id,
                member_id=member.id,
                kind=ReplyKind.WILL_SIGN,
                said_on=now.date(),
                recorded_at=now,
                updated_at=now,
            )
        )


def send_again(lobby: Lobby, count: int, *, at: datetime | None = None) -> None:
    """Makes this many letters ones that were sent then; without `at`, just now."""
    with lobby.database.write() as session:
        for letter in session.exec(select(Letter).limit(count)):
            assert letter.state is LetterState.SENT
            assert letter.sent_at
            key = (letter.campaign_id, letter.motion_id, letter.constituency_code)
            counts.remove_letter(session, *key, sent_at=letter.sent_at)
            letter.sent_at = at or lobby.clock()
            counts.add_letter(session, *key, sent_at=letter.sent_at)


# ---- figures


def test_every_figure_is_that_of_the_api_and_of_a_recount(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    clock.advance(days=2)
    come_back(signed_in, lobby)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    sign_and_confirm(lobby, ANNA)
    send_again(lobby, 3)
    reply_of(lobby)
    signed, signatures, letters, replies = figures_on(signed_in.get(HOME))
    tally = signed_in.get(TALLY).json()
    assert signed[0] == tally["members"]["signed"]
    assert signatures[0] == tally["signatures"]["confirmed"]
    assert letters[0] == tally["letters"]["sent"] > 0
    span = {"from": (clock.now - timedelta(days=1)).isoformat(), "to": clock.now.isoformat()}
    points = signed_in.get(f"{TALLY}/history", params=span).json()["points"]
    first, last = points[0], points[-1]
    assert signed[1] == last["signatories"] - first["signatories"] == 1
    assert signatures[1] == last["signatures"] - first["signatures"] == 1
    assert letters[1] == last["letters_sent"] - first["letters_sent"] == 3
    with lobby.database.read() as session:
        live = select(func.count(func.distinct(MotionSignatory.member_id))).where(
            ~col(MotionSignatory.is_withdrawn)
        )
        confirmed = select(func.count()).where(Signature.state == SignatureState.CONFIRMED)
        sent = select(func.count()).where(Letter.state == LetterState.SENT)
        assert signed[0] == session.exec(live).one()
        assert signatures[0] == session.exec(confirmed).one()
        assert letters[0] == session.exec(sent).one()
        assert replies == (session.exec(select(func.count()).select_from(MemberReply)).one(), 1)


@pytest.mark.parametrize("minutes", [-25, -1, 0, 1, 25, 34, 35, 36])
def test_letters_of_the_hour_in_which_the_24_hours_began_count_as_in_the_api(
    signed_in: DeskClient, lobby: Lobby, clock: Clock, minutes: int
) -> None:
    clock.advance(days=2, minutes=35)
    come_back(signed_in, lobby)
    begins = clock.now - timedelta(days=1)
    send_again(lobby, 2, at=begins - timedelta(minutes=minutes))
    span = {"from": begins.isoformat(), "to": clock.now.isoformat()}
    points = signed_in.get(f"{TALLY}/history", params=span).json()["points"]
    change = points[-1]["letters_sent"] - points[0]["letters_sent"]
    assert figures_on(signed_in.get(HOME))[2][1] == change == (2 if minutes <= 35 else 0)


def test_a_name_counts_as_new_for_24_hours_and_no_longer(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    clock.advance(minutes=1)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    assert figures_on(signed_in.get(HOME))[0] == (5, 1)
    clock.advance(hours=23, minutes=59)
    come_back(signed_in, lobby)
    assert figures_on(signed_in.get(HOME))[0] == (5, 1)
    clock.advance(minutes=1)
    assert figures_on(signed_in.get(HOME))[0] == (5, 0)


def test_the_names_of_the_first_look_are_no_news(signed_in: DeskClient) -> None:
    """The demonstration's motion was looked at just now, and had its names before."""
    page = signed_in.get(HOME)
    assert figures_on(page)[0] == (4, 0)
    assert not [line for line in changes_on(page) if "signed" in line]


def test_a_withdrawal_counts_only_where_the_name_had_counted(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    clock.advance(days=5)
    come_back(signed_in, lobby)
    name_on_motion(lobby, MotionEventKind.SIGNED, at=clock.now - timedelta(days=3))
    name_on_motion(lobby, MotionEventKind.WITHDRAWN)
    assert figures_on(signed_in.get(HOME))[0] == (4, -1)
    assert f"{MORAG} removed their name." in changes_on(signed_in.get(HOME))[0]
    # Somebody who signed and withdrew between two looks was never on our list.
    name_on_motion(lobby, MotionEventKind.WITHDRAWN, name=TOMASZ, with_signatory=False)
    assert figures_on(signed_in.get(HOME))[0] == (4, -1)


def test_a_letter_that_comes_back_takes_one_off_yesterdays_figure(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    sent = figures_on(signed_in.get(HOME))[2][0]
    clock.advance(days=2)
    come_back(signed_in, lobby)
    assert figures_on(signed_in.get(HOME))[2] == (sent, 0)
    letter, _ = letters_of(lobby)[0]
    bounced = {"bounced_at": clock.now, "sent_at": letter.sent_at}
    put_into_state(lobby, 0, LetterState.REJECTED, letter=bounced)
    assert figures_on(signed_in.get(HOME))[2] == (sent - 1, -1)


def test_only_open_campaigns_are_in_the_figures(signed_in: DeskClient, lobby: Lobby) -> None:
    assert figures_on(signed_in.get(HOME))[1][0] == 360
    close_campaign(lobby, CampaignStatus.WON)
    assert figures_on(signed_in.get(HOME)) == []
    assert "Won" in visible(signed_in.get(HOME))


def test_sums_in_which_somebody_may_be_twice_do_not_speak_of_people(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    assert "360 people have signed" in visible(signed_in.get(HOME))
    with lobby.database.write() as session:
        campaign = of_demonstration(session)
        values = {"slug": "second", "action": "A second one", "addressed_to": "Somebody"}
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())
    page = visible(signed_in.get(HOME))
    assert "people have signed" not in page
    assert "360 signatures" in page


def test_a_failed_look_at_parliament_is_said_with_its_time(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    page = visible(signed_in.get(HOME))
    assert "Parliament’s list checked at 1.00pm today" in page
    assert "couldn’t reach" not in page
    with lobby.database.write() as session:
        motion = campaigns.motion_of(session, of_demonstration(session).id)
        assert motion
        motion.sync_failed_at = lobby.clock() - timedelta(minutes=20)
    page = visible(signed_in.get(HOME))
    assert "We couldn’t reach Parliament’s list at 12.40pm today" in page
    assert "Parliament’s list checked at 1.00pm today" in page, "the figures are still those"


# ---- a fixed number of statements


def fill(lobby: Lobby, start: int) -> None:
    """Adds a campaign of each kind with petitions, news, replies and events."""
    now = lobby.clock()
    for number, status in enumerate(CampaignStatus):
        add_campaign(lobby, f"campaign-{start}-{number}", status=status)
    with lobby.database.write() as session:
        for number, campaign in enumerate(session.exec(select(Campaign)).all()):
            values = {"slug": f"p-{start}-{number}", "action": "Act", "addressed_to": "Them"}
            petitions.create(session, campaign=campaign, values=values, now=now)
            news.add(session, campaign, title="News", body="News", published_at=now, now=now)
        owner = of_demonstration(session).organisation_id
        person = Private(owner, "a@example.org")
        kind = AccountEventKind.JOINED
        session.add(AccountEvent(organisation_id=owner, kind=kind, actor=person, at=now))
    reply_of(lobby)
    name_on_motion(lobby, MotionEventKind.SIGNED)


@pytest.mark.slow
def test_home_takes_as_many_statements_for_many_rows_as_for_few(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    clock.advance(hours=1)
    fill(lobby, 0)
    signed_in.get(HOME)  # notes the visit
    few = statements(lambda: signed_in.get(HOME))
    for start in range(1, 6):
        fill(lobby, start)
    put_into_state(lobby, 0, LetterState.UNCERTAIN)
    many = statements(lambda: signed_in.get(HOME))
    assert len(many) == len(few), [each for each in many if each not in few]


def test_what_home_itself_asks_is_at_most_twelve_statements(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    """The frame of each page has its own: who is signed in, their organisation, its logo."""
    fill(lobby, 0)

    def read() -> None:
        with lobby.database.read() as session:
            row = session.exec(select(OrganiserSession)).one()
            organiser = session.get_one(Organiser, row.organiser_id)
            organisation = campaigns.organisations_of(session, [of_demonstration(session)])
            ours = organisation[organiser.organisation_id]
            counted.append(
                statements(
                    lambda: home.of_organiser(
                        session,
                        organiser,
                        ours,
                        session_id=row.id,
                        keyring=lobby.keyring,
                        now=lobby.clock(),
                    )
                )
            )

    counted: list[list[str]] = []
    read()
    assert len(counted[0]) <= 12, counted[0]


# ---- since yesterday


def test_an_mp_who_signs_is_shown_with_seat_party_and_letters_before(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    send_again(lobby, 100)
    with lobby.database.read() as session:
        letter = session.exec(select(Letter)).first()
        assert letter
        member = session.get_one(Member, letter.member_id)
        to_them = select(func.count()).where(
            Letter.member_id == member.id, Letter.state == LetterState.SENT
        )
        before = session.exec(to_them).one()
    clock.advance(hours=1)
    name_on_motion(lobby, MotionEventKind.SIGNED, name=member.name, with_signatory=False)
    page = signed_in.get(HOME)
    (said,) = [line for line in changes_on(page) if " signed." in line]
    assert (
        f'<a href="/organiser/campaigns/{CAMPAIGN}/mps/{member.id}">{member.name}</a>' in page.text
    )
    assert said.startswith(f"{member.name} signed. ")
    assert said.endswith(f", {member.party}. {words.counted(before, 'letter')} before.")
    clock.advance(minutes=5)
    with lobby.database.write() as session:
        # A letter that went after they had signed was not before.
        session.get_one(Letter, letter.id).sent_at = clock.now
    (said,) = [line for line in changes_on(signed_in.get(HOME)) if " signed." in line]
    assert said.endswith(f"{words.counted(before - 1, 'letter')} before.")


def test_replies_news_new_campaigns_and_closed_petitions_are_changes(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    clock.advance(hours=2)
    reply_of(lobby)
    with lobby.database.write() as session:
        campaign = of_demonstration(session)
        for title, at in (("Out", clock.now), ("Not yet", clock.now + timedelta(hours=1))):
            news.add(session, campaign, title=title, body="x", published_at=at, now=clock.now)
        petition = petitions.public(session, PETITION)
        petition.closes_at = clock.now - timedelta(hours=1)
    add_campaign(lobby, "a-new-one", status=CampaignStatus.DRAFT)
    said = changes_on(signed_in.get(HOME))
    assert f"{MORAG}: said they will sign. Edinburgh East and Musselburgh, Scottish" in said[0] + (
        said[1] + said[2]
    )
    assert "News published: Out" in said
    assert "‘a-new-one’ was started." in said
    assert "The petition ‘Stop the sale of NHS Professionals’ closed." in said
    assert "Not yet" not in " ".join(said)


def test_the_opening_of_a_campaign_is_a_change_for_a_day(
    client: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    add_campaign(lobby, "a-new-one", status=CampaignStatus.DRAFT)
    clock.advance(days=2)
    editor = as_role(lobby, client, Role.EDITOR)
    assert changes_on(client.get(HOME)) == []
    with lobby.database.write() as session:
        draft = campaigns.by_slug(session, "a-new-one")
        campaigns.update(session, draft, values={"status": CampaignStatus.OPEN}, now=clock.now)
    add_campaign(lobby, "open-at-once")
    clock.advance(minutes=5)
    assert sorted(changes_on(client.get(HOME))) == [
        "‘a-new-one’ opened.",
        "‘open-at-once’ was started.",
    ]
    clock.advance(days=2)
    sign_in_as(lobby, client, editor)
    page = client.get(HOME)
    assert "Since yesterday" in visible(page)
    assert "‘a-new-one’ opened." not in changes_on(page)


def test_at_most_twenty_changes_are_shown_the_newest_first(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    clock.advance(hours=2)
    for number in range(30):
        with lobby.database.write() as session:
            at = clock.now - timedelta(minutes=number)
            campaign = of_demonstration(session)
            news.add(
                session, campaign, title=f"N{number:02}", body="x", published_at=at, now=clock.now
            )
    clock.advance(minutes=1)
    said = changes_on(signed_in.get(HOME))
    assert len(said) == changes.SHOWN
    assert said[:2] == ["News published: N00", "News published: N01"]


def test_somebody_who_was_away_sees_what_happened_since_their_last_visit(
    client: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    organiser = add_organiser(lobby, Role.EDITOR)
    clock.advance(days=60)
    with lobby.database.write() as session:
        session.add(
            AccountEvent(
                organisation_id=organiser.organisation_id,
                organiser_id=organiser.id,
                kind=AccountEventKind.SIGNED_IN,
                at=clock.now - timedelta(days=5),
            )
        )
    name_on_motion(lobby, MotionEventKind.SIGNED, at=clock.now - timedelta(days=4))
    name_on_motion(lobby, MotionEventKind.WITHDRAWN, name=TOMASZ, at=clock.now - timedelta(days=6))
    sign_in_as(lobby, client, organiser)
    page = client.get(HOME)
    assert "Since you last looked, Tuesday 25 August at 1.00pm" in visible(page)
    assert [line.partition(" signed")[0] for line in changes_on(page)][:1] == [MORAG]
    assert "Priya" not in " ".join(changes_on(page))
    # The figures stay those of 24 hours.
    assert figures_on(page)[0][1] == 0


@pytest.mark.parametrize(
    ("days", "begins"),
    [(None, 1), (0.5, 1), (1, 1), (5, 5), (29, 29), (400, 30)],
)
def test_changes_go_back_to_the_last_visit_at_least_a_day_and_at_most_a_month(
    days: float | None, begins: int
) -> None:
    now = datetime(2026, 7, 1, 12, tzinfo=UTC)
    visit = None if days is None else now - timedelta(days=days)
    assert changes.begins(visit, now=now) == now - timedelta(days=begins)


def test_owners_alone_see_changes_of_accounts(client: DeskClient, lobby: Lobby) -> None:
    owner = add_organiser(lobby, Role.OWNER)
    with lobby.database.write() as session:
        for kind, detail in (
            (AccountEventKind.JOINED, "editor"),
            (AccountEventKind.REMOVED, ""),
            (AccountEventKind.SIGNED_IN, ""),
        ):
            session.add(
                AccountEvent(
                    organisation_id=owner.organisation_id,
                    kind=kind,
                    actor=Private(owner.organisation_id, f"by-{kind}@example.org"),
                    about=Private(owner.organisation_id, f"{kind}@example.org"),
                    detail=detail,
                    at=lobby.clock(),
                )
            )
    sign_in_as(lobby, client, owner)
    said = changes_on(client.get(HOME))
    assert "joined@example.org joined as editor." in said
    assert "removed@example.org was removed by by-removed@example.org." in said
    assert "signed_in@example.org" not in " ".join(said)
    as_role(lobby, client, Role.EDITOR)
    assert "example.org joined" not in " ".join(changes_on(client.get(HOME)))


def test_every_change_and_task_has_words(signed_in: DeskClient) -> None:
    templates = {
        "changes": (ChangeKind, "web/templates/organisers/home/changes.html"),
        "tasks": (TaskKind, "web/templates/organisers/home/tasks.html"),
    }
    for kinds, path in templates.values():
        text = Path(path).read_text(encoding="utf-8")
        assert not [kind for kind in kinds if f'"{kind}"' not in text]
    assert set(words.CAMPAIGN_TAGS) == set(CampaignStatus)


# ---- campaigns


def test_a_card_shows_its_petitions_letters_and_links_by_role(
    client: DeskClient, lobby: Lobby
) -> None:
    edit = f'href="/organiser/campaigns/{CAMPAIGN}/edit/campaign"'
    letters, download = f'href="/organiser/campaigns/{CAMPAIGN}/letters"', "/supporters/download"
    csv = f'href="{TALLY}.csv"'
    for role, shown, hidden in (
        (Role.OWNER, (edit, letters, download, csv), ()),
        (Role.EDITOR, (edit, letters, csv), (download,)),
        (Role.VIEWER, (csv,), (edit, letters, download, "Start a campaign", "Needs you today")),
    ):
        as_role(lobby, client, role, email=f"{role}-2@example.org")
        page = client.get(HOME)
        assert page.status_code == 200
        assert all(each in page.text for each in shown), role
        assert not [each for each in hidden if each in page.text], role
        assert "360 signatures, open." in visible(page)


def test_a_draft_shows_how_many_steps_are_done_and_what_is_next(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "a-draft", status=CampaignStatus.DRAFT)
    page = signed_in.get(HOME)
    text = visible(page)
    assert "of 7 steps done" in text
    assert "Next: write a petition." in text
    assert 'href="/v1/campaigns/a-draft/tally.csv"' not in page.text, "the public has no such page"
    assert "‘a-draft’ can’t open yet" in text


def test_another_organisations_campaigns_changes_and_people_are_never_shown(
    client: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    other_id = add_organisation(lobby)
    organiser = add_organiser(lobby, Role.OWNER, organisation="other")
    clock.advance(minutes=1)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    put_into_state(lobby, 0, LetterState.UNCERTAIN)
    add_secrets(lobby)
    # The token of forms is random, and can have any three letters or digits.
    form_token = form_tokens.of_session(sign_in_as(lobby, client, organiser))
    for path in (HOME, "/organiser?done=later"):
        text = client.get(path).text.replace(form_token, "")
        assert not [each for each in ("NHS", MORAG, "secret", "360") if each in text]
    with lobby.database.write() as session:
        values = {"slug": "theirs", "title": "Theirs", "summary": "s"}
        campaigns.create(session, organisation_id=other_id, values=values, now=clock.now)
    text = client.get(HOME).text.replace(form_token, "")
    assert not [each for each in ("NHS", MORAG, "secret", "360") if each in text]
    assert [each[0] for each in figures_on(client.get(HOME))] == [0, 0, 0, 0]


def add_secrets(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = of_demonstration(session)
        owner = campaign.organisation_id
        now = lobby.clock()
        news.add(session, campaign, title="secret news", body="x", published_at=now, now=now)
        person = Private(owner, "secret@example.org")
        kind = AccountEventKind.JOINED
        session.add(AccountEvent(organisation_id=owner, kind=kind, actor=person, at=now))
    reply_of(lobby)
    change_campaign(lobby, outcome="secret", outcome_on=date(2026, 7, 1))


# ---- a new organisation


def test_a_new_organisation_is_welcomed_and_told_what_to_set_up(
    client: DeskClient, lobby: Lobby
) -> None:
    add_organisation(lobby)
    as_role(lobby, client, Role.OWNER, organisation="other")
    page = client.get(HOME)
    text = visible(page)
    assert page.text.count("<h1") == 1
    assert "Welcome" in text
    assert "14 constituencies, 13 MPs and" in text
    assert "Privacy notice" in text
    assert "Invite owners, editors and viewers." in text
    assert 'href="/organiser/campaigns/new"' in page.text
    as_role(lobby, client, Role.VIEWER, organisation="other")
    text = visible(client.get(HOME))
    assert "An editor or owner can start it." in text
    assert "Set up, then start" not in text


def test_nobody_sees_home_without_signing_in(client: TestClient) -> None:
    assert client.get(HOME).headers["Location"] == "/sign-in"


def test_a_page_of_home_is_never_kept_by_a_cache(signed_in: DeskClient) -> None:
    assert signed_in.get(HOME).headers["Cache-Control"] == "no-store"

"""The pages of the desk, in each of their states, for axe, pictures and tests.

`STAGES` is the list; `tools/public_pages.py` says how it works. A page is opened as an organiser of
one role. The first stage is an organisation that begins; the second is the demonstration, with one
row of everything, and the third adds a hundred MPs.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from playwright.sync_api import Page
from sqlmodel import Session, col, select

from models import (
    AlertDigest,
    AlertInterval,
    AlertKind,
    ApiKey,
    CampaignEvent,
    CampaignStatus,
    CampaignUpdate,
    Invitation,
    LetterState,
    Member,
    Motion,
    MotionStatus,
    Organisation,
    Organiser,
    QuickAnswerKind,
    Role,
    Supporter,
    WebhookEndpoint,
    WebhookEvent,
)
from services.accounts import invitations, sessions
from services.alerts import choices
from services.campaigns import campaigns, member_notes, quick_answers
from services.common import times
from services.common.tokens import Purpose
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations, partners
from services.webhooks import endpoints
from services.webhooks.endpoints import NewWebhook
from tools import mail_samples, sample_data
from tools.public_pages import PageState, Scene, Stage
from web.base.dependencies import cookie_name

PASSWORD = "a password for pictures"
NEW, DRAFT, QUIET = "new-union", "fair-fares", "quiet-buses"
FORMER = 990_001
OWN = "/organiser/campaigns/"
RING_BACK = 900003  # Emlyn Tregaroth
KEY_SCOPES = ("signatures:write",)


@dataclass(slots=True)
class DeskScene(Scene):
    """A scene with the people of an organisation: the id of an organiser by a short name."""

    people: dict[str, UUID] = field(default_factory=dict)

    @property
    def edit(self) -> str:
        return f"{OWN}{invented_campaign.about().campaign}/edit"

    @property
    def draft(self) -> str:
        return f"{OWN}{DRAFT}/edit"

    def sign_in(self, page: Page, person: str) -> None:
        """Gives the page the cookie of a new session."""
        with self.lobby.database.write() as session:
            organiser = session.get_one(Organiser, self.people[person])
            now = self.lobby.clock()
            token = sessions.begin(session, organiser, device="Firefox on Windows", now=now)
        name = cookie_name(self.lobby.settings)
        page.context.add_cookies([{"name": name, "value": token, "url": self.url}])

    def first(self, statement: Any) -> Any:
        """Returns the first row of a statement."""
        with self.lobby.database.read() as session:
            return session.exec(statement).first()


Opens = Callable[[Page, Scene], Any]
Path = Callable[[DeskScene], str]


def as_(person: str, path: Path | str) -> Opens:
    """Opens a page as one of the people of the scene."""

    def opens(page: Page, scene: Scene) -> None:
        desk = _desk(scene)
        desk.sign_in(page, person)
        page.goto(desk.url + (path if isinstance(path, str) else path(desk)))

    return opens


def pressed(person: str, path: Path | str, button: str, **typed: str) -> Opens:
    """Opens a page, types into fields by their ids, and presses a button."""

    def opens(page: Page, scene: Scene) -> None:
        as_(person, path)(page, scene)
        for name, text in typed.items():
            page.locator(f"#{name}").fill(text)
        page.get_by_role("main").get_by_role("button", name=button, exact=True).first.click()
        page.wait_for_load_state()

    return opens


def pressed_in(person: str, path: Path | str, summary: str, button: str, **typed: str) -> Opens:
    """Opens a page and a part of it that is closed, types there, and presses a button."""

    def opens(page: Page, scene: Scene) -> None:
        as_(person, path)(page, scene)
        page.get_by_text(summary, exact=True).click()
        for name, text in typed.items():
            page.locator(f"#{name}").fill(text)
        page.get_by_role("main").get_by_role("button", name=button, exact=True).click()
        page.wait_for_load_state()

    return opens


def linked(person: str, path: Path | str, link: str) -> Opens:
    """Opens a page, and follows its first link with this text."""

    def opens(page: Page, scene: Scene) -> None:
        as_(person, path)(page, scene)
        page.get_by_role("main").get_by_role("link", name=link).first.click()
        page.wait_for_load_state()

    return opens


def _changed_by_a_colleague(page: Page, scene: Scene) -> None:
    """Saves a step that a colleague has saved since it was shown."""
    desk = _desk(scene)
    as_("editor", _edit("/campaign"))(page, scene)
    desk.number += 1
    with desk.lobby.database.write() as session:
        campaign = campaigns.by_slug(session, invented_campaign.about().campaign)
        values = {"hero_line": f"A line of a colleague, number {desk.number}."}
        campaigns.update(session, campaign, values=values, now=desk.lobby.clock())
    page.locator("#hero_line").fill("A line of mine.")
    page.get_by_role("button", name="Save and continue").click()
    page.wait_for_load_state()


def _answered(page: Page, scene: Scene) -> None:
    """Presses 'No answer' beside the first MP to ring back, who stays in the list."""
    as_("editor", _own("/ask?show=ring_back"))(page, scene)
    page.locator("button[value=no_answer]").first.click()
    page.wait_for_load_state()


def _opened_note(page: Page, scene: Scene) -> None:
    """Opens the form for a note on the first MP."""
    as_("editor", _own("/ask"))(page, scene)
    page.get_by_text(re.compile("^Add ")).first.click()


def _refused_note(page: Page, scene: Scene) -> None:
    """Saves an empty note."""
    _opened_note(page, scene)
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    page.wait_for_load_state()


def _one_supporter(page: Page, scene: Scene) -> None:
    """Finds somebody by their address."""
    supporter = _desk(scene).first(select(Supporter))
    pressed("owner", "/organiser/supporters", "Find", email=supporter.email.text)(page, scene)


def _with_ended_motion(page: Page, scene: Scene) -> None:
    """Opens the overview after the motion has ended, and has it go on afterwards."""
    desk = _desk(scene)
    for status in (MotionStatus.LAPSED, MotionStatus.PUBLISHED):
        with desk.lobby.database.write() as session:
            session.exec(select(Motion)).one().status = status
        if status is MotionStatus.LAPSED:
            as_("owner", _own(""))(page, scene)


def _signed_out(page: Page, scene: Scene) -> None:
    """Saves a step after the session has ended."""
    as_("editor", _edit("/campaign"))(page, scene)
    page.context.clear_cookies()
    page.get_by_role("button", name="Save and continue").click()
    page.wait_for_load_state()


def _of_strangers(path: str, button: str, **typed: str) -> Opens:
    """Opens a page without a session, types and presses a button."""

    def opens(page: Page, scene: Scene) -> None:
        page.goto(scene.url + path)
        for name, text in typed.items():
            page.locator(f"#{name}").fill(text)
        page.get_by_role("main").get_by_role("button", name=button, exact=True).click()
        page.wait_for_load_state()

    return opens


def _desk(scene: Scene) -> DeskScene:
    assert isinstance(scene, DeskScene)
    return scene


def _begin_new(scene: Scene) -> None:
    """Makes an organisation with one owner, who has no second step yet, and one who must."""
    desk, now = _desk(scene), scene.lobby.clock()
    with scene.lobby.database.write() as session:
        owner = organisations.create(session, name="New Union", slug=NEW, now=now)
        new = _add(scene, session, owner, "olive@union.example.org", Role.OWNER)
        new.second_step_due_at = now + timedelta(days=9)
        late = _add(scene, session, owner, "late@union.example.org", Role.EDITOR)
        late.second_step_due_at = now - timedelta(days=1)
        session.add_all([new, late])
        desk.people |= {"new": new.id, "late": late.id}


def _begin_busy(scene: Scene) -> None:
    """Adds one row of everything to the demonstration, with an editor, a viewer and a draft."""
    desk, now = _desk(scene), scene.lobby.clock()
    about = invented_campaign.about()
    with scene.lobby.database.write() as session:
        owner = session.exec(select(Organiser).order_by(col(Organiser.created_at))).first()
        assert owner is not None
        organisation = organisations.by_slug(session, about.organisation)
        editor = _add(scene, session, organisation, "editor@example.org", Role.EDITOR)
        viewer = _add(scene, session, organisation, "viewer@example.org", Role.VIEWER)
        desk.people |= {"owner": owner.id, "editor": editor.id, "viewer": viewer.id}
        values = {"slug": DRAFT, "title": "Fair fares for carers", "summary": ""}
        values |= {"status": CampaignStatus.DRAFT}
        campaigns.create(session, organisation_id=organisation.id, values=values, now=now)
        values = {"slug": QUIET, "title": "Quiet buses", "summary": ""}
        campaigns.create(session, organisation_id=organisation.id, values=values, now=now)
        partners.create(
            session, organisation=organisation, name="Carers Together", slug="carers", now=now
        )
        api_keys.create(
            session, organisation=organisation, scopes=KEY_SCOPES, name="Our website", now=now
        )
        hook = NewWebhook("https://hooks.example.org/lobby", [WebhookEvent.LETTER_SENT])
        endpoints.create(session, hook, owner, to_loopback=False, now=now)
        _add_ring_back(session, scene, editor)
        invitations.invite(
            session,
            scene.lobby.keyring,
            by=owner,
            email="new@example.org",
            role=Role.EDITOR,
            now=now,
        )
        choices.save(session, editor, tuple(AlertKind), AlertInterval.HOUR, now=now)
        digest = {"news": [news.stored() for news in mail_samples.NEWS]}
        session.add(AlertDigest(organiser_id=owner.id, content=digest, created_at=now))


def _begin_many(scene: Scene) -> None:
    """Adds MPs, letters to them, and names, as many as a comparison needs."""
    sample_data.add_mps_and_letters(scene.lobby)


def _add_ring_back(session: Session, scene: Scene, editor: Organiser) -> None:
    """Adds a day to ring back, which is today, with a note and an answer."""
    now = scene.lobby.clock()
    campaign = campaigns.by_slug(session, invented_campaign.about().campaign)
    of: dict[str, Any] = {"member_id": RING_BACK, "organiser": editor, "now": now}
    kind = QuickAnswerKind.WILL_SIGN
    quick_answers.record(session, campaign, kind=kind, **of)
    day = str(times.today(now))
    member_notes.add(session, campaign, text="Ask for Jo.", ring_back_on=day, **of)


def _add(
    scene: Scene, session: Session, organisation: Organisation, email: str, role: Role
) -> Organiser:
    return organisations.create_organiser(
        session,
        scene.lobby.keyring,
        organisation=organisation,
        email=email,
        password=PASSWORD,
        role=role,
        now=scene.lobby.clock(),
    )


def _id_of(table: Any, *conditions: Any) -> Callable[[DeskScene], str]:
    return lambda desk: str(desk.first(select(table.id).where(*conditions)))


def _key(desk: DeskScene) -> str:
    return f"/organiser/keys/{desk.first(select(ApiKey.prefix))}/revoke"


def _webhook(desk: DeskScene) -> str:
    return f"/organiser/webhooks/{_id_of(WebhookEndpoint)(desk)}"


def _uncertain(desk: DeskScene) -> str:
    return f"/organiser/letters/{desk.letter(LetterState.UNCERTAIN).id}/settle"


def _colleague(desk: DeskScene) -> str:
    return f"/organiser/people/{desk.people['editor']}"


def _invitation(desk: DeskScene) -> str:
    found = desk.first(select(Invitation.id))
    return f"/invitation/{desk.token(Purpose.INVITATION, found)}"


def _update(desk: DeskScene) -> str:
    return f"{OWN}{invented_campaign.about().campaign}/news/{_id_of(CampaignUpdate)(desk)}"


def _event(desk: DeskScene) -> str:
    return f"{OWN}{invented_campaign.about().campaign}/dates/{_id_of(CampaignEvent)(desk)}"


def _own(path: str) -> Path:
    return lambda _: f"{OWN}{invented_campaign.about().campaign}{path}"


def _edit(path: str) -> Path:
    return lambda desk: f"{desk.edit}{path}"


def _draft_page(path: str) -> Path:
    return lambda _: f"{OWN}{DRAFT}{path}"


def _former(desk: DeskScene) -> str:
    """Returns the page of a member who never held a seat here, and adds them."""
    with desk.lobby.database.write() as session:
        session.merge(Member(id=FORMER, name="Wilhelmina Oxenholt", party="Labour"))
    return _own(f"/mps/{FORMER}")(desk)


def _answer_recorded(page: Page, scene: Scene) -> None:
    as_("editor", _own("/mps/900003"))(page, scene)
    page.locator("button[name=answer][value=will_sign]").click()
    page.wait_for_load_state()


def _statement_not_saved(page: Page, scene: Scene) -> None:
    """Presses the button of an empty form that is folded away."""
    as_("editor", _own("/mps/900001"))(page, scene)
    page.get_by_text("Record what everybody may know").click()
    page.get_by_role("button", name="Save for everybody").click()
    page.wait_for_load_state()


def _draft(path: str) -> Path:
    return lambda desk: f"{desk.draft}{path}"


def _draft_map(desk: DeskScene) -> str:
    return f"{desk.draft.removesuffix('/edit')}/map"


_NEW = (
    PageState("home, new", as_("new", "/organiser")),
    PageState("new campaign", as_("new", "/organiser/campaigns/new")),
    PageState("new campaign, empty", pressed("new", "/organiser/campaigns/new", "Start the draft")),
    PageState("supporters, nobody yet", as_("new", "/organiser/supporters")),
    PageState("people, alone", as_("new", "/organiser/people")),
    PageState("alerts, none", as_("new", "/organiser/alerts")),
    PageState("look, empty", as_("new", "/organiser/look")),
    PageState("partners, none", as_("new", "/organiser/partners")),
    PageState("webhooks, none", as_("new", "/organiser/webhooks")),
    PageState("account, no second step", as_("new", "/organiser/account")),
    PageState("second step, new", as_("new", "/organiser/account/second-step")),
    PageState(
        "second step, wrong code",
        pressed("new", "/organiser/account/second-step", "Turn it on", code="000000"),
    ),
    PageState("second step, due", as_("late", "/organiser")),
)
_BUSY = (
    PageState("home", as_("owner", "/organiser")),
    PageState("map", as_("viewer", _own("/map"))),
    PageState("map, signatures", as_("owner", _own("/map?by=signatures"))),
    PageState("map, letters", as_("editor", _own("/map?by=letters"))),
    PageState("map, unknown", as_("viewer", _own("/map?by=party"))),
    PageState("overview", as_("owner", _own(""))),
    PageState("overview, viewer", as_("viewer", _own("?days=7"))),
    PageState(
        "overview, wrong goal",
        pressed_in("editor", _own(""), "Change the goal", "Save the goal", member_goal="many"),
    ),
    PageState("did the letters matter, few MPs", as_("owner", _own("/letters/effect"))),
    PageState("did the letters matter, quiet", as_("editor", f"{OWN}{QUIET}/letters/effect")),
    PageState("petition room", as_("editor", _own("/petition"))),
    PageState("petition room, viewer", as_("viewer", _own("/petition?days=7"))),
    PageState("petition room, quiet", as_("editor", f"{OWN}{QUIET}/petition")),
    PageState("supporters", as_("owner", "/organiser/supporters")),
    PageState("supporters, viewer", as_("viewer", "/organiser/supporters")),
    PageState(
        "supporters, wrong address",
        pressed("owner", "/organiser/supporters", "Find", email="anna@"),
    ),
    PageState(
        "supporters, nobody",
        pressed("owner", "/organiser/supporters", "Find", email="nobody@example.org"),
    ),
    PageState("one supporter", _one_supporter),
    PageState("overview, draft", as_("editor", f"{OWN}{DRAFT}")),
    PageState("overview, quiet", as_("editor", f"{OWN}{QUIET}")),
    PageState("overview, motion ended", _with_ended_motion),
    PageState("changes", as_("editor", _own("/changes"))),
    PageState("changes, none", as_("editor", f"{OWN}{DRAFT}/changes?since=2100-01-01")),
    PageState("all MPs", as_("editor", _own("/mps"))),
    PageState("all MPs, viewer", as_("viewer", _own("/mps?sort=member"))),
    PageState("all MPs, no match", as_("editor", _own("/mps?q=nobody&sort=foo"))),
    PageState("all MPs, no motion", as_("editor", _draft_page("/mps"))),
    PageState("MP", as_("editor", _own("/mps/900001"))),
    PageState("MP, viewer", as_("viewer", _own("/mps/900002"))),
    PageState("MP, recorded in public", as_("viewer", _own("/mps/900013"))),
    PageState("MP, answer recorded", _answer_recorded),
    PageState("MP, statement not saved", _statement_not_saved),
    PageState("MP, former", as_("editor", _former)),
    PageState("constituency without an MP", as_("editor", _own("/seats/E14001409"))),
    PageState("letters", as_("owner", _own("/letters"))),
    PageState("letters, uncertain", as_("owner", _own("/letters?show=uncertain"))),
    PageState("letter to settle", as_("owner", _uncertain)),
    PageState("answers", as_("owner", _own("/letters/answers"))),
    PageState("who to ask", as_("editor", _own("/ask"))),
    PageState("who to ask, ring back", as_("editor", _own("/ask?show=ring_back"))),
    PageState("who to ask, nobody", as_("editor", _own("/ask?show=said_no"))),
    PageState("who to ask, no match", as_("editor", _own("/ask?letters=many&region=Scotland&q=1"))),
    PageState("who to ask, answered", _answered),
    PageState("who to ask, note", _opened_note),
    PageState("who to ask, note refused", _refused_note),
    PageState("who to ask, no motion", as_("editor", lambda _: f"{OWN}{DRAFT}/ask")),
    PageState("phone list", as_("editor", _own("/ask/print"))),
    PageState("news", as_("editor", _own("/news"))),
    PageState("update, new", as_("editor", _own("/news/new"))),
    PageState("update, empty", pressed("editor", _own("/news/new"), "Publish")),
    PageState("update", as_("editor", _update)),
    PageState("update, to delete", as_("editor", lambda desk: f"{_update(desk)}/delete")),
    PageState("date, new", as_("editor", _own("/dates/new"))),
    PageState("date", as_("editor", _event)),
    PageState("date, to delete", as_("editor", lambda desk: f"{_event(desk)}/delete")),
    PageState("step campaign", as_("editor", _edit("/campaign"))),
    PageState(
        "step campaign, no title",
        pressed("editor", _edit("/campaign"), "Save and continue", title=""),
    ),
    PageState("step petition", as_("editor", _edit("/petition"))),
    PageState("step motion", as_("editor", _edit("/motion"))),
    PageState("step letters", as_("editor", _edit("/letters"))),
    PageState("step partners", as_("editor", _edit("/partners"))),
    PageState("step look", as_("editor", _edit("/look"))),
    PageState("picture, to remove", as_("editor", _edit("/look/remove"))),
    PageState("step open", as_("owner", _edit("/open"))),
    PageState("step open, editor", as_("editor", _edit("/open"))),
    PageState("pause", as_("editor", _edit("/open/pause"))),
    PageState("close", as_("owner", _edit("/open/close"))),
    PageState("outcome", as_("owner", _edit("/open/outcome"))),
    PageState("draft, campaign", as_("editor", _draft("/campaign"))),
    PageState("draft, petition", as_("editor", _draft("/petition"))),
    PageState("draft, motion", as_("editor", _draft("/motion"))),
    PageState("draft, letters", as_("editor", _draft("/letters"))),
    PageState("letter, built-in", linked("editor", _edit("/letters"), "Ask to sign")),
    PageState("letter, new", as_("editor", _draft("/letters/new"))),
    PageState("changed by a colleague", _changed_by_a_colleague),
    PageState("signed out while typing", _signed_out),
    PageState("petition, to close", linked("owner", _edit("/petition"), "Close")),
    PageState("draft, look", as_("editor", _draft("/look"))),
    PageState("map, no motion", as_("editor", _draft_map)),
    PageState("draft, open", as_("owner", _draft("/open"))),
    PageState("organisation", as_("owner", "/organiser/look")),
    PageState("partners", as_("owner", "/organiser/partners")),
    PageState("partner, new", as_("owner", "/organiser/partners/new")),
    PageState("partner, empty", pressed("owner", "/organiser/partners/new", "Add the partner")),
    PageState("partner", as_("owner", "/organiser/partners/carers")),
    PageState("key, new", as_("owner", "/organiser/keys/new")),
    PageState("key, to revoke", as_("owner", _key)),
    PageState("webhooks", as_("owner", "/organiser/webhooks")),
    PageState("webhook, new", as_("owner", "/organiser/webhooks/new")),
    PageState("webhook", as_("owner", _webhook)),
    PageState("webhook, to delete", as_("owner", lambda desk: f"{_webhook(desk)}/delete")),
    PageState("people", as_("owner", "/organiser/people")),
    PageState("people, viewer", as_("viewer", "/organiser/people")),
    PageState("invite", as_("owner", "/organiser/people/invite")),
    PageState("invite, empty", pressed("owner", "/organiser/people/invite", "Send the invitation")),
    PageState("role", as_("owner", lambda desk: f"{_colleague(desk)}/role")),
    PageState("person to remove", as_("owner", lambda desk: f"{_colleague(desk)}/remove")),
    PageState("record", as_("owner", "/organiser/people/record")),
    PageState("alerts", as_("owner", "/organiser/alerts")),
    PageState("alerts, saved", pressed("owner", "/organiser/alerts", "Save")),
    PageState("alerts, viewer", as_("viewer", "/organiser/alerts")),
    PageState("download", as_("owner", "/organiser/supporters/download")),
    PageState("account", as_("owner", "/organiser/account")),
    PageState("password", as_("owner", "/organiser/account/password")),
    PageState("home, viewer", as_("viewer", "/organiser")),
    PageState("not allowed", as_("viewer", _edit("/campaign"))),
    PageState("not found", as_("owner", "/organiser/nothing-here")),
    PageState("invitation", lambda page, scene: page.goto(scene.url + _invitation(_desk(scene)))),
    PageState("forgotten", lambda page, scene: page.goto(f"{scene.url}/forgotten")),
    PageState("forgotten, sent", _of_strangers("/forgotten", "Email me a link", email="a@b.org")),
    PageState("sign in", lambda page, scene: page.goto(f"{scene.url}/sign-in")),
    PageState(
        "sign in, wrong", _of_strangers("/sign-in", "Continue", email="a@b.org", password="wrong")
    ),
)
_MANY = (
    PageState("did the letters matter", as_("owner", _own("/letters/effect"))),
    PageState("did the letters matter, no day", as_("viewer", _own("/letters/effect?day=foo"))),
    PageState(
        "did the letters matter, future",
        as_("editor", _own("/letters/effect?day=2999-01-01&party=Nobody")),
    ),
)
STAGES = (
    Stage("new", _begin_new, _NEW),
    Stage("busy", _begin_busy, _BUSY),
    Stage("many MPs", _begin_many, _MANY),
)

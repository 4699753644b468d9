"""The pages that the public sees, in each of their states, and what axe finds on them.

`STAGES` is the list. A stage changes the campaign once; its pages are opened after that, in any
order. To add a page or a state, add a `PageState` to the stage that it needs: `open` leaves the
browser on it. What comes before that page goes to the same addresses as a visitor's forms do, so
that pages cannot look different here; only the pages on the way are not opened.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize
from sqlmodel import col, select

import worker
from models import CampaignStatus, Letter, LetterState, Member, MotionStatus, Signature, Submission
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.demonstration import invented_campaign

WIDTHS = (320, 390, 1280)
HEIGHT = 844
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
CAN_SIGN, SIGNED, MINISTER, VACANT = "EH1 1YZ", "M1 1AE", "SW1A 0AA", "NR2 1TF"
IN_WALES = "CF10 3NQ"
ONE_MP, FORMER_MP = 900001, 900999
SEAT, VACANT_SEAT = "S14000078", "E14001409"
ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
UPDATE, CHECK = "Update my letter", "Check before sending"
# Every rule of axe that is not experimental is on by default, but for these.
_RULES = {"target-size": {"enabled": True}}


@dataclass(slots=True)
class Scene:
    """The service at `url`, with what pages need: addresses, and tokens of links in mails."""

    lobby: Lobby
    url: str
    number: int = 0

    @property
    def campaign(self) -> str:
        return f"/campaigns/{invented_campaign.about().campaign}"

    @property
    def petition(self) -> str:
        return f"/petitions/{invented_campaign.about().petition}"

    @property
    def embed(self) -> str:
        return f"/embed/{invented_campaign.about().petition}"

    def token(self, purpose: Purpose, row_id: UUID) -> str:
        return self.lobby.tokens.issue(purpose, row_id)

    def post(self, page: Page, path: str, form: dict[str, str]) -> str:
        """Sends a form with the cookies of the page; returns the address that the answer names."""
        answer = page.request.post(self.url + path, form={**form}, max_redirects=0)
        return self.url + answer.headers["location"].removeprefix(self.url)

    def sign(self, page: Page, **changes: str) -> str:
        """Signs with a new email address; returns the address of the next page."""
        self.number += 1
        email = f"anna{self.number}@example.org"
        form = {**ANNA, "email": email, "updates": "no", **changes}
        return self.post(page, f"{self.petition}/sign", form)

    def submit(self, page: Page, **changes: str) -> UUID:
        """Signs with a new email address; returns the id of the submission."""
        self.sign(page, **changes)
        worker.sort_submissions(self.lobby)
        with self.lobby.database.read() as session:
            newest = select(Submission.id).order_by(col(Submission.id).desc()).limit(1)
            return session.exec(newest).one()

    def signature(self) -> Signature:
        """Returns a signature of the demonstration."""
        with self.lobby.database.read() as session:
            return session.exec(select(Signature).order_by(col(Signature.id))).first() or _none()

    def letter(self, state: LetterState = LetterState.SENT) -> Letter:
        """Returns a letter of the demonstration; puts one into the state if it has none."""
        with self.lobby.database.write() as session:
            letters = session.exec(select(Letter).order_by(col(Letter.id))).all()
            found = next((letter for letter in letters if letter.state is state), letters[-1])
            found.state = state
            if state is LetterState.SENT:
                found.sent_at = found.sent_at or self.lobby.clock()
            return found


@dataclass(frozen=True, slots=True)
class PageState:
    """A page in one state: `open` leaves the browser on it."""

    name: str
    open: Callable[[Page, Scene], Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """What happens to the campaign before its pages are opened."""

    name: str
    begin: Callable[[Scene], None]
    pages: Sequence[PageState] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule of axe that a page breaks, and the first element that does."""

    page: str
    width: int
    scheme: Scheme
    rule: str
    element: str


def fill_in(page: Page, values: dict[str, str]) -> None:
    """Fills in the fields of a form by their names, and answers every question with 'No'."""
    for name, value in values.items():
        page.locator(f"[name={name}]:visible").first.fill(value)
    for radio in page.locator("input[type=radio][value=no]:visible").all():
        radio.check()


def at(path: Callable[[Scene], str]) -> Callable[[Page, Scene], Any]:
    """Returns how to open the page at a path."""
    return lambda page, scene: page.goto(scene.url + path(scene))


def sent(path: Callable[[Scene], str], values: dict[str, str]) -> Callable[[Page, Scene], Any]:
    """Returns how to send the first form of the page at a path, filled in like this."""

    def open_page(page: Page, scene: Scene) -> None:
        page.goto(scene.url + path(scene))
        fill_in(page, values)
        page.locator("form button:visible").first.click()
        page.wait_for_load_state()

    return open_page


def pressed(path: Callable[[Scene], str]) -> Callable[[Page, Scene], Any]:
    """Returns how to press the first button of the page at a path."""
    return sent(path, {})


def _none() -> Any:
    raise RuntimeError("the demonstration has none")


def _check_email(page: Page, scene: Scene) -> None:
    page.goto(scene.sign(page))


def _confirm(page: Page, scene: Scene) -> None:
    token = scene.token(Purpose.CONFIRM, scene.submit(page))
    page.goto(f"{scene.url}/confirm/{token}")


def _confirmed(page: Page, scene: Scene, postcode: str = CAN_SIGN) -> str:
    """Signs and confirms; returns the address of the thank-you page, whose cookie is set."""
    token = scene.token(Purpose.CONFIRM, scene.submit(page, postcode=postcode))
    return scene.post(page, f"/confirm/{token}", {})


def _thanks(postcode: str = CAN_SIGN) -> Callable[[Page, Scene], Any]:
    return lambda page, scene: page.goto(_confirmed(page, scene, postcode))


def _write(
    page: Page, scene: Scene, *buttons: str, first: str = UPDATE, postcode: str = CAN_SIGN
) -> None:
    """Writes own words on the page of the signer's letter, then presses these buttons."""
    page.goto(f"{_confirmed(page, scene, postcode)}/letter")
    page.get_by_label("Why does this matter to you?").fill("My ward was short of nurses.")
    for name in (first, *buttons):
        page.get_by_role("button", name=name).click()
        page.wait_for_load_state()


def _send(page: Page, scene: Scene) -> None:
    _write(page, scene, first=CHECK)
    page.get_by_label("Address line 1").fill("1 Princes Street")
    page.get_by_label("Town or city").fill("Edinburgh")
    page.get_by_role("button", name="Send my letter").click()
    page.wait_for_load_state()


def _thanks_again(page: Page, scene: Scene) -> None:
    """Goes back to the thank-you page from the letter, by the link on it."""
    _write(page, scene)
    page.get_by_role("link", name="Back", exact=True).click()
    page.wait_for_load_state()


def _forget(page: Page, scene: Scene) -> None:
    page.goto(_confirmed(page, scene))
    page.get_by_role("button", name="Forget me on this device").click()
    page.wait_for_load_state()


def _stranger(page: Page, scene: Scene) -> None:
    """Opens the address of a thank-you page without the signer's cookie."""
    thanks = _confirmed(page, scene)
    page.context.clear_cookies()
    page.goto(thanks)


def _sent_again(page: Page, scene: Scene) -> None:
    _check_email(page, scene)
    page.get_by_role("button", name="Send it again").click()
    page.wait_for_load_state()


def _organisation(_: Scene) -> str:
    return invented_campaign.about().organisation


def _of_submission(purpose: Purpose, path: str, *, press: bool = False) -> Callable[..., Any]:
    def open_page(page: Page, scene: Scene) -> None:
        token = scene.token(purpose, scene.submit(page))
        page.goto(f"{scene.url}/{path}/{token}")
        if press:
            page.locator("main form button:visible").first.click()
            page.wait_for_load_state()

    return open_page


def _expired(scene: Scene) -> str:
    """Returns the path of a link that confirms a signature, from the year before."""
    tokens = type(scene.lobby.tokens)(
        scene.lobby.keyring, lambda: scene.lobby.clock() - timedelta(days=365)
    )
    return f"/confirm/{tokens.issue(Purpose.CONFIRM, scene.signature().id)}"


def _preferences(scene: Scene) -> str:
    return f"/unsubscribe/{scene.token(Purpose.UNSUBSCRIBE, scene.signature().supporter_id)}"


def _answer(scene: Scene) -> str:
    return f"/letters/answer/{scene.token(Purpose.LETTER_ANSWER, scene.letter().id)}"


def _letter(state: LetterState) -> Callable[[Page, Scene], Any]:
    def open_page(page: Page, scene: Scene) -> None:
        token = scene.token(Purpose.LETTER, scene.letter(state).id)
        page.goto(f"{scene.url}/letters/confirm/{token}")

    return open_page


def _status(status: CampaignStatus) -> Callable[[Scene], None]:
    def begin(scene: Scene) -> None:
        with scene.lobby.database.write() as session:
            campaign = campaigns.by_slug(session, invented_campaign.about().campaign)
            campaigns.update(session, campaign, values={"status": status}, now=scene.lobby.clock())

    return begin


def _mp_of(postcode: str) -> Callable[[Page, Scene], Any]:
    """Returns how to open the page of the MP of a postcode."""
    return lambda page, scene: page.goto(
        scene.post(page, f"{scene.campaign}/mps", {"postcode": postcode})
    )


def _former_mp(page: Page, scene: Scene) -> None:
    """Opens the page of somebody who was an MP once, and holds no seat."""
    former = Member(id=FORMER_MP, name="Wilhelmina Oldacre", party="Labour")
    with scene.lobby.database.write() as session:
        session.merge(former)
    page.goto(f"{scene.url}{scene.campaign}/mps/{FORMER_MP}")


def _motion(status: MotionStatus) -> Callable[[Scene], None]:
    def begin(scene: Scene) -> None:
        with scene.lobby.database.write() as session:
            campaign = campaigns.by_slug(session, invented_campaign.about().campaign)
            motion = campaigns.motion_of(session, campaign.id)
            if motion is not None:
                motion.status = status

    return begin


def _close_petition(scene: Scene) -> None:
    with scene.lobby.database.write() as session:
        petition = petitions.by_slug(session, invented_campaign.about().petition)
        closing = {"closes_at": scene.lobby.clock() - timedelta(seconds=1)}
        petitions.update(session, petition, values=closing, now=scene.lobby.clock())


# The pages that change with the state of the campaign, once in each.
_OF_STATES = (
    PageState("home", at(lambda _: "/")),
    PageState("campaign", at(lambda scene: scene.campaign)),
    PageState("petition", at(lambda scene: scene.petition)),
    PageState("MPs", at(lambda scene: f"{scene.campaign}/mps")),
    PageState("one MP", at(lambda scene: f"{scene.campaign}/mps/{ONE_MP}")),
    PageState("vacant seat", at(lambda scene: f"{scene.campaign}/constituencies/{VACANT_SEAT}")),
    PageState("letter", at(lambda scene: f"{scene.campaign}/letter")),
    PageState("embed", at(lambda scene: scene.embed)),
)
_OPEN = (
    *_OF_STATES,
    PageState("style guide", at(lambda _: "/styleguide")),
    PageState("style guide of the desk", at(lambda _: "/styleguide?of=desk")),
    PageState("style guide in a brand's colour", at(lambda _: "/styleguide?colour=005eb8")),
    PageState("sign form with problems", sent(lambda scene: scene.petition, {"email": "anna@"})),
    PageState("check your email", _check_email),
    PageState("confirm", _confirm),
    PageState("thank you", _thanks()),
    PageState("thank you, MP has signed", _thanks(SIGNED)),
    PageState("thank you, minister", _thanks(MINISTER)),
    PageState("thank you, no MP", _thanks(VACANT)),
    PageState("check your email, sent again", _sent_again),
    PageState("thank you, with a draft", _thanks_again),
    PageState("thank you, a stranger", _stranger),
    PageState("thank you, forgotten", _forget),
    PageState("signer's letter", _write),
    PageState(
        "signer's letter, by hand",
        lambda page, scene: _write(page, scene, first="Change the whole text"),
    ),
    PageState(
        "signer's letter in Welsh",
        lambda page, scene: _write(page, scene, first="Ysgrifennwch yn Gymraeg", postcode=IN_WALES),
    ),
    PageState("signer's letter, check", lambda page, scene: _write(page, scene, first=CHECK)),
    PageState(
        "signer's letter, no address",
        lambda page, scene: _write(page, scene, "Send my letter", first=CHECK),
    ),
    PageState("signer's letter, sent", _send),
    PageState("updates", at(lambda scene: f"{scene.campaign}/updates")),
    PageState(
        "update",
        at(lambda scene: f"{scene.campaign}/updates/a-motion-has-been-tabled-in-parliament"),
    ),
    PageState("privacy", at(lambda scene: f"/privacy/{_organisation(scene)}")),
    PageState("contact", at(lambda scene: f"/contact/{_organisation(scene)}")),
    PageState("contacts", at(lambda _: "/contact")),
    PageState("accessibility", at(lambda _: "/accessibility")),
    PageState(
        "letter, check your email", at(lambda scene: f"{scene.campaign}/letters/check-your-mail")
    ),
    PageState("withdraw", _of_submission(Purpose.WITHDRAW, "withdraw")),
    PageState("withdrawn", _of_submission(Purpose.WITHDRAW, "withdraw", press=True)),
    PageState("disown", _of_submission(Purpose.DISOWN, "disown")),
    PageState("disowned", _of_submission(Purpose.DISOWN, "disown", press=True)),
    PageState("MPs, postcode", sent(lambda scene: f"{scene.campaign}/mps", {"postcode": CAN_SIGN})),
    PageState(
        "MPs, postcode of no MP", sent(lambda scene: f"{scene.campaign}/mps", {"postcode": VACANT})
    ),
    PageState(
        "MPs, wrong postcode", sent(lambda scene: f"{scene.campaign}/mps", {"postcode": "ZZ1 1ZZ"})
    ),
    PageState("one MP, signed", _mp_of(SIGNED)),
    PageState("one MP, minister", _mp_of(MINISTER)),
    PageState("one MP, former", _former_mp),
    PageState("my MP", at(lambda _: "/my-mp")),
    PageState("my MP, wrong postcode", sent(lambda _: "/my-mp", {"postcode": "ZZ1 1ZZ"})),
    PageState("my MP, found", at(lambda _: f"/my-mp/{SEAT}")),
    PageState("my MP, vacant seat", at(lambda _: f"/my-mp/{VACANT_SEAT}")),
    PageState("MPs, tab", at(lambda scene: f"{scene.campaign}/mps?standing=signed")),
    PageState("MPs, none match", at(lambda scene: f"{scene.campaign}/mps?search=nobody")),
    PageState(
        "letter, editor", sent(lambda scene: f"{scene.campaign}/letter", {"postcode": CAN_SIGN})
    ),
    PageState(
        "letter, wrong postcode",
        sent(lambda scene: f"{scene.campaign}/letter", {"postcode": "SW1A"}),
    ),
    PageState("letter to confirm", _letter(LetterState.PENDING)),
    PageState("letter on its way", _letter(LetterState.QUEUED)),
    PageState("letter sent", _letter(LetterState.SENT)),
    PageState("letter held", _letter(LetterState.HELD)),
    PageState("letter uncertain", _letter(LetterState.UNCERTAIN)),
    PageState("answer", at(_answer)),
    PageState("answer, nothing chosen", pressed(_answer)),
    PageState("answer given", pressed(lambda scene: f"{_answer(scene)}?outcome=not_answered")),
    PageState("preferences", at(_preferences)),
    PageState("preferences saved", pressed(_preferences)),
    PageState("embed builder", at(lambda scene: f"{scene.petition}/embed")),
    PageState(
        "embed builder, unknown partner", at(lambda scene: f"{scene.petition}/embed?partner=nobody")
    ),
    PageState("embed with problems", sent(lambda scene: scene.embed, {"email": "anna@"})),
    PageState("embed, check your email", at(lambda scene: f"{scene.embed}/check-your-mail")),
    PageState("embed, not found", at(lambda _: "/embed/nothing-here")),
    PageState("not found", at(lambda _: "/nothing-here")),
    PageState("broken link", at(lambda _: "/confirm/broken")),
    PageState("expired link", at(_expired)),
    PageState("sign in", at(lambda _: "/sign-in")),
    PageState("forgotten password", at(lambda _: "/forgotten")),
)
STAGES = (
    Stage("open", lambda _: None, _OPEN),
    Stage("lapsed", _motion(MotionStatus.LAPSED), _OF_STATES),
    Stage("petition closed", _close_petition, _OF_STATES),
    Stage("won", _status(CampaignStatus.WON), _OF_STATES),
    Stage("lost", _status(CampaignStatus.LOST), _OF_STATES),
    Stage("ended", _status(CampaignStatus.CLOSED), _OF_STATES),
)


@contextmanager
def visitors(browser: Browser) -> Iterator[Callable[[int, Scheme], Page]]:
    """Yields a function that returns the page of a visitor who has no cookies.

    Visitors with the same width and scheme share what their browser keeps of files.
    """
    pages: dict[tuple[int, Scheme], Page] = {}

    def page_of(width: int, scheme: Scheme) -> Page:
        if (width, scheme) not in pages:
            size: ViewportSize = {"width": width, "height": HEIGHT}
            context = browser.new_context(viewport=size, color_scheme=scheme)
            context.set_default_timeout(15_000)
            pages[width, scheme] = context.new_page()
        page = pages[width, scheme]
        page.context.clear_cookies()
        return page

    yield page_of
    for page in pages.values():
        page.context.close()


def axe_findings(page: Page, name: str, width: int, scheme: Scheme) -> list[Finding]:
    """Returns what axe finds on the page that the browser shows, of any rule."""
    options = {"resultTypes": ["violations"], "rules": _RULES}
    violations = Axe().run(page, options=options).response["violations"]
    return [
        Finding(name, width, scheme, rule["id"], " ".join(rule["nodes"][0]["html"].split())[:200])
        for rule in violations
    ]

"""Filling in the forms of pages, and reading the pages that come back."""

import re
from collections.abc import Callable
from email.message import EmailMessage
from html import unescape
from typing import Any

from fastapi.testclient import TestClient

from models import CampaignStatus
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.demonstration import invented_campaign
from tests.support.common import CAMPAIGN, CAN_SIGN, ORGANISERS_PASSWORD, PETITION, token_in

Deliver = Callable[[], list[EmailMessage]]
Page = Any  # a response of the test client; its library does not matter here
SIGN = f"/petitions/{PETITION}/sign"
LETTER = f"/campaigns/{CAMPAIGN}/letter"
LETTERS = f"/campaigns/{CAMPAIGN}/letters"
CAMPAIGN_PATH = f"/campaigns/{CAMPAIGN}"
MPS = f"{CAMPAIGN_PATH}/mps"
TALLY = f"/v1/campaigns/{CAMPAIGN}/tally"
ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
# The form to sign has a question that has no default.
SIGNER = ANNA | {"updates": "no"}
HOME = {"line1": "1 Princes Street", "line2": "", "town": "Edinburgh"}
BODY = "Dear Morag Ferncastle,\n\nPlease sign this motion, because my ward depends on it.\n"
VACANT = "NR2 1TF"
RAW_VALUES = re.compile(r"not_signed|can_sign|another_way|not_in_uk|letters_sent|SignatureState")
_OWN_SCRIPT = re.compile(r'<script type="module" src="/static/enhance\.[0-9a-f]{12}\.js"></script>')


def without_own_script(html: str) -> str:
    """Returns a page without the script that makes pages nicer, which is in its head once."""
    rest, count = _OWN_SCRIPT.subn("", html)
    assert count == 1
    return rest


def sign(client: TestClient, **changes: str) -> Page:
    return client.post(SIGN, data={**SIGNER, **changes})


def write(client: TestClient, **changes: str) -> Page:
    letter = {"subject": "Please sign EDM 152", "body": BODY, "updates": "no"}
    return client.post(LETTERS, data={**ANNA, **HOME, **letter, **changes})


def signed_token(
    client: TestClient, deliver: Deliver, path: str = "confirm", **changes: str
) -> str:
    """Signs, and returns the token of the link to `path` in the mail."""
    deliver()
    assert sign(client, **changes).status_code == 303
    (mail,) = deliver()
    return token_in(mail, path)


def letter_path(client: TestClient, deliver: Deliver) -> str:
    """Writes a letter, and returns the path of the link in the mail that asks to confirm it."""
    deliver()
    assert write(client).status_code == 303
    (mail,) = deliver()
    return f"/letters/confirm/{token_in(mail, 'letters/confirm')}"


def undo_form(page: Page) -> tuple[str, dict[str, str]]:
    """Returns the address and the fields of the form that takes 'not me' back."""
    (action,) = re.findall(r'<form method="post" action="([^"]+/undo)">', page.text)
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return action, dict(fields)


def visible(page: Page) -> str:
    """Returns the text of the main part of a page in one line, without tags."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def value_of(page: Page, name: str) -> str:
    match = re.search(rf'<input id="{name}"[^>]* value="([^"]*)"', page.text)
    assert match, f"no field {name}"
    return match.group(1)


def radios_of(page: Page, name: str) -> list[str]:
    """Returns the tags of the radio buttons of a question, in order."""
    return re.findall(rf'<input type="radio" id="[^"]+" name="{name}"[^>]*>', page.text)


def hidden(page: Page, name: str) -> str:
    match = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page.text)
    assert match, f"no hidden field {name}"
    return match.group(1)


def body_of(page: Page) -> str:
    """Returns the letter on a page: as changed by hand, or as its parts make it."""
    by_hand = re.search(r'<textarea id="body"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)
    match = by_hand or re.search(r'<div class="letter"[^>]*>(.*?)</div>', page.text, re.DOTALL)
    assert match, "no letter"
    return unescape(match.group(1))


def confirmed_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, PETITION).id)


def close_campaign(lobby: Lobby, status: CampaignStatus) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        campaigns.update(session, campaign, values={"status": status}, now=lobby.clock())


def sign_in(
    client: TestClient,
    password: str = ORGANISERS_PASSWORD,
    *,
    email: str = invented_campaign.ORGANISER,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> Page:
    """Opens the form to sign in, and sends it; `fields` are its hidden ones."""
    form = client.get("/sign-in")
    if form.status_code == 303:  # signed in already: another page has the same token
        form = client.get("/forgotten")
    token = hidden(form, "form_token")
    data = {"email": email, "password": password, "form_token": token} | fields
    return client.post("/sign-in", data=data, headers=headers)


def sign_out(client: TestClient) -> Page:
    """Presses the button of the desk's frame."""
    token = hidden(client.get("/organiser"), "form_token")
    return client.post("/sign-out", data={"form_token": token})


def thanked(client: TestClient, token: str) -> Page:
    """Presses the button of the link that confirms, and returns the thank-you page."""
    answer = client.post(f"/confirm/{token}")
    assert answer.status_code == 303, answer.text
    return client.get(answer.headers["Location"])

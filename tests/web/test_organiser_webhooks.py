"""Tests the organisers' pages that create, change, test and delete webhooks."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy import event as sa_event
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from standardwebhooks import Webhook

from models import (
    ApiKey,
    DeliveryState,
    DisabledReason,
    Organiser,
    Scope,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from services.assembly import Lobby
from services.webhooks import deliveries, endpoints, warning_mails
from tests.support.common import CAMPAIGN, ORGANISERS_PASSWORD, PETITION, Clock
from tests.support.keys import OTHERS, Headers, add_campaign, key_for, others_key
from tests.support.outside.webhook_receiver import (
    Answer,
    Receiver,
    deliver,
    deliveries_held,
    endpoint_of,
    to_loopback,
)
from tests.support.pages import sign_in, value_of, visible
from tests.support.webhooks import ANNA, sign_and_confirm
from web.base import words
from web.organisers import webhook_forms

HOOKS = "/organiser/webhooks"
NEW = f"{HOOKS}/new"
CONFIRMED = WebhookEvent.SIGNATURE_CONFIRMED.value
SENT = WebhookEvent.LETTER_SENT.value
URL = "https://hooks.example.org/in/5ecre7"
PASSWORD = {"password": ORGANISERS_PASSWORD}
Page = Any


@pytest.fixture
def lobby(lobby: Lobby) -> Lobby:
    """Allows deliveries to a receiver on loopback."""
    return to_loopback(lobby)


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.WEBHOOKS_WRITE, Scope.SIGNATURES_READ)


def submit_form(signed_in: TestClient, url: str = URL, **fields: Any) -> Page:
    form = {"id": value_in(signed_in.get(NEW), "id"), "url": url, "events": [CONFIRMED]}
    return signed_in.post(NEW, data=form | PASSWORD | fields)


def make_webhook(signed_in: TestClient, url: str = URL, **fields: Any) -> str:
    """Creates a webhook and returns the path of its page."""
    page = submit_form(signed_in, url, **fields)
    assert page.status_code == 200, visible(page)
    match = re.search(rf"{HOOKS}/[0-9a-f-]{{36}}", page.text)
    assert match
    return match[0]


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


def value_in(page: Page, name: str) -> str:
    """Returns the value of a hidden field."""
    match = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert match
    return match[1]


def secret_in(page: Page) -> str:
    match = re.search(r"whsec_[A-Za-z0-9+/=]+", unescape(page.text))
    assert match
    return match[0]


def all_endpoints(lobby: Lobby) -> list[WebhookEndpoint]:
    with lobby.database.read() as session:
        return list(session.exec(select(WebhookEndpoint).order_by(col(WebhookEndpoint.id))))


def change_endpoint(lobby: Lobby, path: str, **values: Any) -> None:
    with lobby.database.write() as session:
        session.get_one(WebhookEndpoint, UUID(id_of(path))).sqlmodel_update(values)


# ---- creation and secret


def test_a_new_webhook_shows_its_secret_once_and_it_verifies_what_comes(
    signed_in: TestClient, lobby: Lobby, receiver: Receiver, clock: Clock
) -> None:
    clock.now = datetime.now(UTC)  # the library checks the age of a delivery
    sign_in(signed_in)
    page = submit_form(signed_in, receiver.url, events=[CONFIRMED, SENT], description="Our CRM")
    secret, path = secret_in(page), f"{HOOKS}/{all_endpoints(lobby)[0].id}"
    assert page.headers["Cache-Control"] == "no-store"
    assert secret not in str(page.url)
    for later in (signed_in.get(path), signed_in.get(HOOKS)):
        assert "whsec_" not in later.text
        assert later.headers["Cache-Control"] == "no-store"
    sign_and_confirm(lobby)
    deliver(lobby)
    (taken,) = receiver.taken
    assert Webhook(secret).verify(taken.content, taken.headers)["type"] == CONFIRMED


def test_a_form_that_is_sent_again_makes_no_second_and_shows_no_secret(
    signed_in: TestClient, lobby: Lobby
) -> None:
    form = {"id": value_in(signed_in.get(NEW), "id"), "url": URL, "events": [CONFIRMED]}
    first, again = signed_in.post(NEW, data=form), signed_in.post(NEW, data=form)
    (hook,) = all_endpoints(lobby)
    assert secret_in(first)
    assert (again.status_code, again.headers["Location"]) == (303, f"{HOOKS}/{hook.id}?done=made")
    assert "made this webhook already" in visible(signed_in.get(again.headers["Location"]))


def test_a_form_with_the_id_of_anothers_webhook_tells_nothing_of_it(
    signed_in: TestClient, lobby: Lobby, client: TestClient
) -> None:
    body = {"url": URL, "events": [CONFIRMED]}
    theirs = client.post("/v1/webhooks", json=body, headers=others_key(lobby, Scope.WEBHOOKS_WRITE))
    answer = submit_form(signed_in, id=theirs.json()["id"])
    assert answer.status_code == 303
    assert signed_in.get(answer.headers["Location"]).status_code == 404
    assert len(all_endpoints(lobby)) == 1


def test_an_organiser_answers_for_what_they_made(
    signed_in: TestClient, lobby: Lobby, client: TestClient, key: Headers
) -> None:
    path = make_webhook(
        signed_in, about=f"petition:{PETITION}", is_personal="yes", description="CRM"
    )
    with lobby.database.read() as session:
        organiser = session.exec(select(Organiser)).one()
    hook = endpoint_of(lobby, id_of(path))
    assert (hook.api_key_id, hook.organiser_id, hook.is_personal) == (None, organiser.id, True)
    webhook = client.get(f"/v1/webhooks/{hook.id}", headers=key).json()
    assert (webhook["key"], webhook["petition"], webhook["personal_data"]) == (None, PETITION, True)
    assert "Responsible you" in visible(signed_in.get(path))


BAD = [
    ({"url": ""}, "url", "Give an address"),
    ({"url": "http://hooks.example.org/"}, "url", "https://"),
    ({"url": "https://10.0.0.1/"}, "url", "open internet"),
    ({"url": "https://name:word@hooks.example.org/"}, "url", "name and password"),
    ({"events": []}, "events", "at least one event"),
    ({"events": ["signature.unheard"]}, "events", "Choose"),
    ({"events": ["webhook.test"]}, "events", "Choose"),
    ({"description": "x" * 201}, "description", "200"),
    ({"description": "a\x00b"}, "description", ""),
    ({"about": "campaign:unknown"}, "about", "no campaign"),
    ({"about": "petition:unknown"}, "about", "no petition"),
    ({"about": "unknown"}, "about", "no campaign"),
    ({"about": "petition:"}, "about", "no petition"),
]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("wrong", "field", "message"), BAD, ids=[str(case[:2]) for case in BAD])
@pytest.mark.parametrize("form", ["new", "change"])
def test_what_is_wrong_is_named_and_what_was_typed_is_kept(
    signed_in: TestClient, lobby: Lobby, form: str, wrong: dict[str, Any], field: str, message: str
) -> None:
    path = NEW if form == "new" else make_webhook(signed_in, description="Before")
    before = all_endpoints(lobby)
    good = {"url": "https://typed.example.org/", "events": [SENT], "description": "Typed"}
    page = signed_in.post(path, data=good | PASSWORD | {"is_personal": "yes"} | wrong)
    assert page.status_code == 422
    assert page.text.count(f'href="#{field}"') == 1
    assert message in visible(page)
    assert f'id="{field}-error"' in page.text
    if "url" not in wrong:
        assert value_of(page, "url") == "https://typed.example.org/"
    if "description" not in wrong:
        assert value_of(page, "description") == "Typed"
    if "events" not in wrong:
        assert re.search(rf'value="{SENT}" checked', page.text)
    assert 'name="is_personal" value="yes" checked' in page.text
    assert all_endpoints(lobby) == before


def test_there_are_not_webhooks_without_end(signed_in: TestClient, lobby: Lobby) -> None:
    make_webhook(signed_in)
    with lobby.database.write() as session:
        first = session.exec(select(WebhookEndpoint)).one()
        names = WebhookEndpoint.model_fields.keys() - {"id"}
        columns = {name: getattr(first, name) for name in names}
        more = endpoints.MOST_ENDPOINTS - 1
        session.add_all(WebhookEndpoint(**columns) for _ in range(more))
    page = submit_form(signed_in, description="One more")
    assert page.status_code == 409
    assert "There are 100 webhooks already" in visible(page)
    assert value_of(page, "description") == "One more"


def test_personal_data_is_never_ticked_beforehand(signed_in: TestClient) -> None:
    page = signed_in.get(NEW)
    assert 'name="is_personal" value="yes">' in page.text
    assert "list of political opinions" in visible(page)


@pytest.mark.parametrize(("typed", "message"), [("", "again"), ("wrong-one", "not your password")])
def test_who_signed_is_sent_only_where_the_password_is_typed_again(
    signed_in: TestClient, lobby: Lobby, typed: str, message: str
) -> None:
    plain = make_webhook(signed_in, password="")
    form = {"url": URL, "events": [CONFIRMED], "is_personal": "yes", "password": typed}
    for path in (NEW, plain):
        page = signed_in.post(path, data=form)
        assert page.status_code == 422
        assert page.text.count('href="#password"') == 1
        assert message in visible(page)
        assert "wrong-one" not in page.text
    assert [endpoint.is_personal for endpoint in all_endpoints(lobby)] == [False]
    assert signed_in.post(plain, data=form | PASSWORD).status_code == 303
    assert endpoint_of(lobby, id_of(plain)).is_personal


def test_every_event_and_every_reason_has_words() -> None:
    assert set(webhook_forms.EVENTS) == set(endpoints.SUBSCRIBABLE)
    assert set(warning_mails.WHY) == set(warning_mails.WHAT_TO_DO) == set(DisabledReason)
    assert set(words.DELIVERIES) == set(DeliveryState)


# ---- owner


def test_a_change_hands_a_webhook_over_to_who_makes_it(
    signed_in: TestClient, lobby: Lobby, client: TestClient, key: Headers
) -> None:
    body = {"url": URL, "events": [CONFIRMED], "campaign": CAMPAIGN}
    webhook = client.post("/v1/webhooks", json=body, headers=key).json()
    path, prefix = f"{HOOKS}/{webhook['id']}", webhook["key"]
    assert f"the key {prefix}" in visible(signed_in.get(path))
    saved = signed_in.post(path, data={"url": URL, "events": [SENT], "description": "Ours"})
    assert saved.headers["Location"] == f"{path}?done=saved"
    endpoint = endpoint_of(lobby, webhook["id"])
    assert (endpoint.api_key_id, endpoint.events, endpoint.campaign_id) == (None, [SENT], None)
    assert endpoint.organiser_id is not None
    body = {"description": "Theirs"}
    client.patch(f"/v1/webhooks/{webhook['id']}", json=body, headers=key)
    endpoint = endpoint_of(lobby, webhook["id"])
    assert endpoint.organiser_id is None
    assert endpoint.api_key_id is not None
    for action in ("disable", "enable"):
        signed_in.post(f"{path}/{action}")
        assert endpoint_of(lobby, webhook["id"]).organiser_id is not None


def test_a_weak_key_takes_over_no_webhook_that_is_told_personal_data(
    signed_in: TestClient, lobby: Lobby, client: TestClient
) -> None:
    path = make_webhook(signed_in, is_personal="yes")
    weak = key_for(lobby, Scope.WEBHOOKS_WRITE)
    answer = client.patch(
        f"/v1/webhooks/{id_of(path)}", json={"url": "https://elsewhere.example.org/"}, headers=weak
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert endpoint_of(lobby, id_of(path)).url.text == URL


@pytest.mark.parametrize("answers", ["nobody", "both"])
def test_exactly_one_answers_for_a_webhook(
    signed_in: TestClient, lobby: Lobby, key: Headers, answers: str
) -> None:
    path = make_webhook(signed_in)
    with lobby.database.read() as session:
        key_id = session.exec(select(ApiKey.id)).first()
    wrong = {"organiser_id": None} if answers == "nobody" else {"api_key_id": key_id}
    with pytest.raises(IntegrityError, match="one_answers"):
        change_endpoint(lobby, path, **wrong)


def test_an_organiser_who_answers_for_a_webhook_cannot_be_deleted(
    signed_in: TestClient, lobby: Lobby
) -> None:
    make_webhook(signed_in)
    with pytest.raises(IntegrityError), lobby.database.write() as session:
        session.connection().execute(sa.delete(Organiser))


def test_whose_key_ended_goes_on_where_an_organiser_enables_it(
    signed_in: TestClient, lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver
) -> None:
    body = {"url": receiver.url, "events": [CONFIRMED], "personal_data": True}
    webhook = client.post("/v1/webhooks", json=body, headers=key).json()
    sign_and_confirm(lobby)
    with lobby.database.write() as session:
        key_row = session.exec(select(ApiKey).where(ApiKey.prefix == webhook["key"])).one()
        key_row.revoked_at = lobby.clock()
    assert deliver(lobby) == 0
    path = f"{HOOKS}/{webhook['id']}"
    change_endpoint(
        lobby, path, disabled_at=lobby.clock(), disabled_reason=DisabledReason.KEY_ENDED
    )
    assert "The API key that it belonged to has expired or was revoked" in visible(
        signed_in.get(path)
    )
    signed_in.post(f"{path}/enable")
    assert deliver(lobby) == 1
    assert receiver.taken[0].told["data"]["person"]["name"] == "Anna Example"
    sign_and_confirm(lobby, replace(ANNA, email="bertha@example.org"))
    assert deliver(lobby) == 1, "an organiser's listens as a key's does"


# ---- the list


@pytest.mark.slow
def test_the_list_shows_hosts_and_how_each_does_but_no_address(
    signed_in: TestClient, lobby: Lobby, receiver: Receiver, clock: Clock
) -> None:
    make_webhook(signed_in, description="Our CRM", about=f"campaign:{CAMPAIGN}", is_personal="yes")
    path = make_webhook(signed_in, receiver.url)
    assert "Nothing was delivered" in visible(signed_in.get(HOOKS))
    with lobby.database.write() as session:  # only the second one gets events
        session.exec(
            select(WebhookEndpoint).where(WebhookEndpoint.description == "Our CRM")
        ).one().resting_until = clock.now + timedelta(hours=1)
    sign_and_confirm(lobby)
    deliver(lobby)
    page = signed_in.get(HOOKS)
    page_text = visible(page)
    assert "5ecre7" not in page.text
    assert "/hook" not in page.text
    assert "hooks.example.org Our CRM Enabled" in page_text
    assert f"about the campaign {CAMPAIGN}, with personal data" in page_text
    assert "1 waiting 0 failed Nothing was delivered" in page_text
    assert "0 waiting 0 failed Last delivered 1 July 2026, 13:00" in page_text
    change_endpoint(lobby, path, disabled_at=clock.now, disabled_reason=DisabledReason.GONE)
    page_text = visible(signed_in.get(HOOKS))
    assert "Stopped on 1 July 2026, 13:00. The endpoint answered 410 (gone)" in page_text
    assert "/organiser/webhooks" in signed_in.get("/organiser").text


def test_the_list_takes_as_many_statements_for_many_as_for_one(
    signed_in: TestClient, lobby: Lobby
) -> None:
    def sent() -> int:
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        sa_event.listen(sa.Engine, "before_cursor_execute", note)
        assert signed_in.get(HOOKS).status_code == 200
        sa_event.remove(sa.Engine, "before_cursor_execute", note)
        return len(statements)

    make_webhook(signed_in)
    of_one = sent()
    for _ in range(5):
        make_webhook(signed_in)
    assert sent() == of_one


@pytest.mark.slow
def test_what_waits_and_failed_is_counted_up_to_a_bound(
    signed_in: TestClient, lobby: Lobby
) -> None:
    paths = [make_webhook(signed_in), make_webhook(signed_in)]
    now = lobby.clock()
    columns: dict[str, Any] = {"event": WebhookEvent.TEST, "payload": "{}"}
    columns |= {"created_at": now, "due_at": now}
    counts = {
        DeliveryState.QUEUED: 2,
        DeliveryState.CLAIMED: 1,
        DeliveryState.HELD: 4,
        DeliveryState.FAILED: deliveries.MOST_COUNTED + 5,
        DeliveryState.DELIVERED: 3,
    }
    with lobby.database.write() as session:
        session.add_all(
            WebhookDelivery(endpoint_id=UUID(id_of(paths[0])), state=state, **columns)
            for state, count in counts.items()
            for _ in range(count)
        )
    with lobby.database.read() as session:
        ids = [UUID(id_of(path)) for path in paths]
        first, second = (deliveries.counts(session, ids)[endpoint_id] for endpoint_id in ids)
    assert first == (None, 3, 4, deliveries.MOST_COUNTED)
    assert second == (None, 0, 0, 0)
    assert "3 waiting 4 held 1,000+ failed" in visible(signed_in.get(paths[0]))


def test_an_organisation_sees_only_its_own(signed_in: TestClient, lobby: Lobby) -> None:
    path = make_webhook(signed_in)
    others_key(lobby, Scope.WEBHOOKS_WRITE)
    add_campaign(lobby, "theirs", organisation=OTHERS)
    foreign = submit_form(signed_in, about="campaign:theirs")
    assert foreign.status_code == 422
    assert "theirs" not in signed_in.get(NEW).text
    with lobby.database.write() as session:
        hook = session.get_one(WebhookEndpoint, UUID(id_of(path)))
        other = session.exec(select(ApiKey).where(ApiKey.organisation_id != hook.organisation_id))
        hook.api_key_id, hook.organiser_id = other.one().id, None
        hook.organisation_id = session.get_one(ApiKey, hook.api_key_id).organisation_id
    assert "No webhooks yet." in visible(signed_in.get(HOOKS))
    form = {"url": URL, "events": [CONFIRMED]}
    for end in ("", "/delete", "/enable", "/disable", "/secret", "/test"):
        assert signed_in.post(f"{path}{end}", data=form).status_code == 404, end
    for end in ("", "/delete"):
        assert signed_in.get(f"{path}{end}").status_code == 404, end
    assert len(all_endpoints(lobby)) == 1


# ---- the page of one webhook


def test_a_test_is_sent_and_its_end_is_in_the_log(
    signed_in: TestClient, lobby: Lobby, receiver: Receiver
) -> None:
    path = make_webhook(signed_in, receiver.url)
    answer = signed_in.post(f"{path}/test")
    assert answer.headers["Location"] == f"{path}?done=tested"
    assert "webhook.test 1 July 2026, 13:00 Waiting" in visible(signed_in.get(path))
    assert deliver(lobby) == 1
    page_text = visible(signed_in.get(path))
    assert "Delivered answered 204" in page_text
    assert receiver.taken[0].id in page_text
    assert receiver.url in page_text, "the address is shown here"


@pytest.mark.slow
def test_the_log_is_shown_by_state_and_one_is_sent_again(
    signed_in: TestClient, lobby: Lobby, receiver: Receiver
) -> None:
    path = make_webhook(signed_in, receiver.url)
    sign_and_confirm(
        lobby, *(replace(ANNA, email=f"p{number}@example.org") for number in range(30))
    )
    receiver.answers += [Answer()] * 29 + [Answer(410)]
    deliver(lobby)
    failed = signed_in.get(f"{path}?show=failed")
    assert "Failed answered 410" in visible(failed)
    assert "Send again" not in visible(failed), "nothing goes to who is disabled"
    signed_in.post(f"{path}/enable")
    seen, following = [], f"{path}?show=delivered"
    while following:
        page = signed_in.get(following)
        seen += re.findall(r"msg_[0-9a-f]{32}", page.text)
        link = re.search(r'href="([^"]*cursor=[^"]*)#log"', page.text)
        following = unescape(link[1]) if link else ""
    assert len(seen) == len(set(seen)) == 29
    (again,) = [row for row in deliveries_held(lobby) if row.state is DeliveryState.FAILED]
    answer = signed_in.post(f"{path}/deliveries/{again.id}/resend")
    assert answer.headers["Location"] == f"{path}?done=again"
    assert signed_in.post(f"{path}/deliveries/{again.id}/resend").status_code == 409, "it waits"
    assert signed_in.post(f"{path}/deliveries/{uuid4()}/resend").status_code == 404
    assert deliver(lobby) == 1
    assert "There is nothing here" in visible(signed_in.get(f"{path}?show=failed"))


def test_nothing_is_told_while_it_is_disabled_and_what_was_held_goes_then(
    signed_in: TestClient, lobby: Lobby, receiver: Receiver
) -> None:
    path = make_webhook(signed_in, receiver.url)
    sign_and_confirm(lobby)
    assert signed_in.post(f"{path}/disable").headers["Location"] == f"{path}?done=disabled"
    assert deliver(lobby) == 0
    page_text = visible(signed_in.get(path))
    assert "Disabled: we send nothing" in page_text
    assert "1 delivery is held, and will go then." in page_text
    assert signed_in.post(f"{path}/test").status_code == 409
    assert signed_in.post(f"{path}/enable").headers["Location"] == f"{path}?done=enabled"
    assert deliver(lobby) == 1


def test_a_new_secret_is_shown_once_and_for_a_day_there_is_no_third(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    first = secret_in(submit_form(signed_in))
    path = f"{HOOKS}/{all_endpoints(lobby)[0].id}"
    page = signed_in.post(f"{path}/secret")
    second = secret_in(page)
    assert first != second
    assert page.headers["Cache-Control"] == "no-store"
    assert "Until 2 July 2026, 13:00 we sign with the old one too." in visible(page)
    again = signed_in.post(f"{path}/secret")
    assert (again.status_code, "whsec_" in again.text) == (409, False)
    assert "There are two secrets already" in visible(again)
    clock.advance(hours=24)
    sign_in(signed_in)
    assert secret_in(signed_in.post(f"{path}/secret")) not in (first, second)


def test_it_is_deleted_on_a_page_that_says_what_goes_with_it(
    signed_in: TestClient, lobby: Lobby
) -> None:
    path = make_webhook(signed_in, description="Our CRM")
    sign_and_confirm(lobby)
    page = signed_in.get(f"{path}/delete")
    assert "Our CRM" in visible(page)
    assert "Waiting 1" in visible(page)
    assert len(all_endpoints(lobby)) == 1, "looking deletes nothing"
    answer = signed_in.post(f"{path}/delete")
    assert answer.headers["Location"] == f"{HOOKS}?done=deleted"
    assert (all_endpoints(lobby), deliveries_held(lobby)) == ([], [])
    assert signed_in.get(path).status_code == 404


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"disabled_reason": DisabledReason.GONE}, "whether it has moved"),
        ({"disabled_reason": DisabledReason.FAILING}, "No delivery had succeeded for three days"),
        ({"disabled_reason": DisabledReason.KEY_ENDED}, "needs no key"),
        ({"disabled_reason": DisabledReason.BY_HAND}, "You can enable it at any time"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_why_it_is_told_nothing_and_what_to_do_is_said_in_words(
    signed_in: TestClient, lobby: Lobby, values: dict[str, Any], message: str
) -> None:
    path = make_webhook(signed_in)
    change_endpoint(lobby, path, disabled_at=lobby.clock(), **values)
    for page in (signed_in.get(path), signed_in.get(HOOKS)):
        assert message in visible(page)
        assert not {"key_ended", "by_hand"} & set(visible(page).split())


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_one_that_fails_says_since_when_and_when_it_is_tried_again(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    path = make_webhook(signed_in)
    resting = clock.now + timedelta(minutes=10)
    change_endpoint(lobby, path, failures=7, failing_since=clock.now, resting_until=resting)
    page_text = visible(signed_in.get(path))
    assert "No delivery has succeeded since 1 July 2026, 13:00" in page_text
    assert "next after 1 July 2026, 13:10" in page_text
    assert "Failing since 1 July 2026, 13:00" in visible(signed_in.get(HOOKS))

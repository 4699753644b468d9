"""Tests rate limits by client address and by key, with and without the hot route."""

import pytest
from sqlmodel import func, select

from api.front import rate_limiting
from models import Scope, Submission
from services.assembly import Lobby
from services.traffic.rate_limits import network_of
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION
from tests.support.keys import key_for
from tests.support.problems import assert_problem
from tests.support.rate_limits import MovingClock, client_with_limits

SIGN = f"/v1/petitions/{PETITION}/signatures"
BULK = f"{SIGN}/bulk"


def anna(number: int) -> dict[str, str]:
    return {"name": "Anna", "email": f"anna{number}@example.org", "postcode": CAN_SIGN}


def test_an_address_that_sends_too_much_is_asked_to_wait(lobby: Lobby) -> None:
    with client_with_limits(lobby, address=2) as client:
        taken = [client.post(SIGN, json=anna(number)) for number in range(2)]
        refused = client.post(SIGN, json=anna(3))
        read = client.get(f"/v1/petitions/{PETITION}")
    assert [answer.status_code for answer in taken] == [201, 201]
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in taken] == [
        '"address";r=1',
        '"address";r=0',
    ]
    assert_problem(refused, 429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit-policy"] == '"address";q=2;w=60'
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert read.status_code == 200, "reading goes on"
    assert "ratelimit" not in read.headers, "reads have no limit here"


def test_an_address_that_reads_too_much_is_asked_to_wait(lobby: Lobby) -> None:
    path = f"/v1/petitions/{PETITION}"
    with client_with_limits(lobby, reads=3) as client:
        answers = [client.get(path), client.head(f"/campaigns/{CAMPAIGN}"), client.get(path)]
        refused = client.get(path)
        signed = client.post(SIGN, json=anna(1))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers] == [
        f'"reads";r={left}' for left in (2, 1, 0)
    ]
    assert_problem(refused, 429, "rate_limited")
    assert "at most 3 a minute" in refused.json()["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit-policy"] == '"reads";q=3;w=60'
    assert signed.status_code == 201, "signing goes on"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_request_that_the_hot_route_passes_on_is_counted_once(lobby: Lobby) -> None:
    unknown = "/v1/petitions/no-such"
    with client_with_limits(lobby, address=9, reads=9) as client:
        answers = [
            client.post(SIGN, json=anna(1) | {"name": ""}),
            client.post(SIGN, json=anna(1)),
            client.post(f"{unknown}/signatures", json=anna(1)),
            client.post("/v1/signatures/confirm", json={"token": "nonsense"}),
        ]
        reads = [client.get(unknown), client.get("/v1/postcodes/NONSENSE"), client.get(unknown)]
    left = [answer.headers["ratelimit"].partition(";t=")[0] for answer in (*answers, *reads)]
    assert left == [f'"address";r={number}' for number in (8, 7, 6, 5)] + [
        f'"reads";r={number}' for number in (8, 7, 6)
    ]
    assert [answer.status_code for answer in answers[:3]] == [422, 201, 404]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_somebody_who_reads_too_much_on_pages_gets_a_page(lobby: Lobby) -> None:
    with client_with_limits(lobby, reads=1) as client:
        client.get(f"/petitions/{PETITION}")
        refused = client.get(f"/petitions/{PETITION}")
    assert refused.status_code == 429
    assert "Please wait a moment" in refused.text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/static/lobby.css"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_monitoring_and_the_files_of_pages_have_no_limit(lobby: Lobby, path: str) -> None:
    with client_with_limits(lobby, reads=1) as client:
        client.get(f"/v1/petitions/{PETITION}")
        statuses = {client.get(path).status_code for _ in range(3)}
        assert client.get(f"/v1/petitions/{PETITION}").status_code == 429
    assert 429 not in statuses


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_brings_no_reads_of_its_own(lobby: Lobby) -> None:
    key = key_for(lobby, Scope.TALLIES_READ)
    with client_with_limits(lobby, reads=1) as client:
        statuses = [
            client.get(f"/v1/petitions/{PETITION}", headers=key).status_code for _ in range(2)
        ]
    assert statuses == [200, 429]


def test_nothing_is_written_for_who_is_asked_to_wait(lobby: Lobby) -> None:
    def signatures() -> int:
        with lobby.database.read() as session:
            return session.exec(select(func.count()).select_from(Submission)).one()

    before = signatures()
    with client_with_limits(lobby, address=1) as client:
        for number in range(3):
            client.post(SIGN, json=anna(number))
    assert signatures() == before + 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_next_minute_has_a_share_of_its_own(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovingClock()
    monkeypatch.setattr(rate_limiting, "utc_now", clock)
    with client_with_limits(lobby, address=1) as client:
        client.post(SIGN, json=anna(1))
        refused = client.post(SIGN, json=anna(2))
        clock.move(int(refused.headers["retry-after"]))
        again = client.post(SIGN, json=anna(2))
    assert (refused.status_code, again.status_code) == (429, 201)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_people_on_pages_get_a_page(lobby: Lobby) -> None:
    with client_with_limits(lobby, address=1) as client:
        client.post(f"/petitions/{PETITION}", data={})
        refused = client.post(f"/petitions/{PETITION}", data={})
    assert refused.status_code == 429
    assert refused.headers["content-type"].startswith("text/html")
    assert "Please wait a moment" in refused.text
    assert "from your internet connection, which others may share" in refused.text
    assert "at most 1 a minute" in refused.text


def test_a_key_has_a_share_of_its_own_beside_the_address(lobby: Lobby) -> None:
    first = key_for(lobby, Scope.SIGNATURES_WRITE)
    second = key_for(lobby, Scope.SIGNATURES_WRITE)
    with client_with_limits(lobby, address=1, key=2) as client:
        assert client.post(SIGN, json=anna(1)).status_code == 201
        answers = [client.post(BULK, json=[], headers=first) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert "with your key" in answers[2].json()["detail"]
        assert client.post(BULK, json=[], headers=second).status_code == 200
        assert client.post(SIGN, json=anna(2)).status_code == 429


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_has_one_share_however_it_is_spelt_and_wherever_it_is_sent(lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE, Scope.ACTION_NETWORK)
    secret = key["Authorization"].removeprefix("Bearer ")
    spelt = [f"Bearer {secret}", f"bearer {secret}", f"BEARER   {secret}"]
    sent = [(BULK, {"Authorization": authorization}) for authorization in spelt]
    sent.append(("/api/v2/tags", {"OSDI-API-Token": secret}))
    with client_with_limits(lobby, key=1) as client:
        answers = [client.post(path, json=[], headers=headers) for path, headers in sent]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 429]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_nobody_uses_up_the_share_of_a_key_by_its_prefix(lobby: Lobby) -> None:
    mine = key_for(lobby, Scope.SIGNATURES_WRITE)
    invalid = {"Authorization": mine["Authorization"][:-4] + "aaaa"}
    with client_with_limits(lobby, address=1, key=1) as client:
        statuses = [client.post(BULK, json=[], headers=invalid).status_code for _ in range(2)]
        assert statuses == [401, 429]
        assert client.post(BULK, json=[], headers=mine).status_code == 200


@pytest.mark.parametrize(
    "path", [f"/petitions/{PETITION}", f"/v1/campaigns/{CAMPAIGN}/letters", BULK]
)
@pytest.mark.parametrize("form", ["Bearer lobby_made_up{}", "Basic {}", "{}"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_keys_that_are_made_up_bring_no_share_of_their_own(
    lobby: Lobby, path: str, form: str
) -> None:
    with client_with_limits(lobby, address=2, key=2) as client:
        answers = [
            client.post(path, headers={"Authorization": form.format(number)}) for number in range(3)
        ]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert answers[2].headers["ratelimit"].startswith('"address"')


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("2001:db8:1:3::9", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("testclient", "testclient"),
    ],
)
def test_senders_are_told_apart_by_what_a_network_gives_one_customer(
    address: str, network: str
) -> None:
    assert network_of(address) == network

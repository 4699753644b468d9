"""Tests the headers of every response: security, caching and the request's id."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from api.front.cross_origin import PUBLIC_READS
from core import logs
from main import create_app
from models import Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, METRICS, PETITION
from tests.support.contract.every_route import every_route, path_to
from tests.support.keys import key_for
from tests.support.problems import assert_problem
from web.routes import PUBLIC_PAGES

only_once = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SIGN = f"/v1/petitions/{PETITION}/signatures"
ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": "EH1 1YZ"}
# One path for each kind of answer.
KINDS = {
    "/": 200,
    "/nothing": 404,
    "/organiser": 303,
    f"/campaigns/{CAMPAIGN}/": 307,
    "/confirm/nothing": 422,
    f"/embed/{PETITION}": 200,
    "/embed/nothing": 404,
    "/widget/v1.js": 200,
    "/static/lobby.css": 200,
    "/static/nothing.css": 404,
    "/static/icon.svg": 200,
    f"/v1/campaigns/{CAMPAIGN}": 200,
    "/v1/nothing": 404,
    "/v1/hooks": 405,
    f"{SIGN}": 401,
    "/api/v2/": 200,
    "/api/v2/nothing": 404,
    "/livez": 200,
    "/metrics": 401,
    "/petitions.json": 200,
    "/oembed": 422,
}
SHARED = ("/static/", "/widget/", "/embed/", "/favicon.ico")
MADE_HERE = re.compile("[0-9a-f]{16}")


@pytest.fixture
def app(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app


# ---- security


@pytest.mark.parametrize(("path", "status"), KINDS.items())
@only_once
def test_every_kind_of_answer_has_the_headers_of_safety(
    client: TestClient, path: str, status: int
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    headers = answer.headers
    for name in (
        "Content-Security-Policy",
        "Referrer-Policy",
        "X-Content-Type-Options",
        "Cross-Origin-Resource-Policy",
        "Cache-Control",
        "X-Request-Id",
    ):
        assert len(headers.get_list(name)) == 1, name
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    is_data = headers.get("Content-Type", "").startswith("application/")
    for name in ("Cross-Origin-Opener-Policy", "Permissions-Policy"):
        assert len(headers.get_list(name)) == (0 if is_data else 1), name
    assert is_data or headers["Cross-Origin-Opener-Policy"] == "same-origin"
    kind = "cross-origin" if path.startswith(SHARED) else "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == kind
    assert "Strict-Transport-Security" not in headers


@only_once
def test_what_we_do_not_use_is_denied_to_our_pages(client: TestClient) -> None:
    policy = client.get("/").headers["Permissions-Policy"]
    denied = set(policy.split(", "))
    assert {"camera=()", "geolocation=()", "microphone=()", "payment=()", "usb=()"} <= denied
    assert not [entry for entry in denied if not entry.endswith("=()")]
    assert "clipboard-write" not in policy  # the button to copy a partner's line needs it


@only_once
def test_strict_transport_comes_with_https_alone(lobby: Lobby) -> None:
    settings = lobby.settings.model_copy(update={"base_url": "https://testserver"})
    with TestClient(create_app(settings, lobby=lobby), follow_redirects=False) as client:
        for path in KINDS:
            answer = client.get(path)
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", path


@only_once
def test_an_answer_to_our_own_failure_has_the_headers_and_tells_no_details(lobby: Lobby) -> None:
    app = create_app(lobby.settings, lobby=lobby)

    def broken() -> None:
        raise RuntimeError("anna@example.org")

    for path in ("/v1/broken", "/broken", "/api/v2/broken"):
        app.router.add_api_route(path, broken, methods=["GET"])
    client = TestClient(app, raise_server_exceptions=False)
    for path in ("/v1/broken", "/broken", "/api/v2/broken"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert MADE_HERE.fullmatch(answer.headers["X-Request-Id"])
        assert "anna" not in answer.text
        assert "Traceback" not in answer.text
    assert_problem(client.get("/v1/broken"), 500, "internal_error")
    page = client.get("/broken")
    assert page.headers["content-type"].startswith("text/html")
    assert f"<code>{page.headers['X-Request-Id']}</code>" in page.text


# ---- caching


@pytest.mark.slow
@only_once
def test_every_route_is_cacheable_by_a_list_or_never_stored(
    client: TestClient, app: FastAPI, lobby: Lobby
) -> None:
    public = {*PUBLIC_READS, *PUBLIC_PAGES}
    routes = set(every_route(app))
    assert public <= {template for method, template in routes if method == "GET"}
    key = key_for(lobby, *(scope for scope in Scope if scope is not Scope.ACTION_NETWORK))
    token = key_for(lobby, Scope.ACTION_NETWORK)["Authorization"].removeprefix("Bearer ")
    for method, template in sorted(routes):
        for headers in ({}, {**key, "OSDI-API-Token": token}):
            answer = client.request(method, path_to(template), headers=headers)
            caching = answer.headers["Cache-Control"]
            if method != "GET" or template not in public or answer.status_code >= 400:
                assert caching == "no-store", (method, template, answer.status_code)


@only_once
def test_public_reads_and_pages_can_be_kept_if_they_are_checked_again(
    client: TestClient,
) -> None:
    for path in (f"/petitions/{PETITION}", f"/v1/campaigns/{CAMPAIGN}", "/petitions.csv"):
        assert client.get(path).headers["Cache-Control"] == "no-cache"
        head = client.head(path)
        assert head.headers["Cache-Control"] == "no-cache"
    for path in ("/", f"/campaigns/{CAMPAIGN}"):
        caching = client.get(path).headers["Cache-Control"]
        assert caching.startswith("public, max-age=0, s-maxage=5, stale-while-revalidate=")
        assert client.head(path).headers["Cache-Control"] == caching
    tag = client.get(f"/v1/campaigns/{CAMPAIGN}").headers["ETag"]
    kept = client.get(f"/v1/campaigns/{CAMPAIGN}", headers={"If-None-Match": tag})
    assert (kept.status_code, kept.headers["Cache-Control"]) == (304, "no-cache")


@only_once
def test_a_signature_and_its_errors_are_never_stored(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_READ)
    for answer, status in (
        (client.post(SIGN, json=ANNA), 201),
        (client.post(SIGN, json={**ANNA, "email": "anna"}), 422),
        (client.get(SIGN, headers=key), 200),
        (client.post("/v1/signatures/confirm", json={"token": "nothing"}), 422),
        (client.post(f"/petitions/{PETITION}/sign", data={**ANNA, "updates": "no"}), 303),
        (client.post(f"/petitions/{PETITION}/sign", data={}), 422),
        (client.get("/sign-in"), 200),
    ):
        assert answer.status_code == status
        assert answer.headers.get_list("Cache-Control") == ["no-store"]


# ---- the id of a request


@only_once
def test_every_answer_has_an_id_of_its_own(client: TestClient) -> None:
    ids = [client.get(path).headers["X-Request-Id"] for path in KINDS]
    ids.append(client.post(SIGN, json=ANNA).headers["X-Request-Id"])
    assert len(set(ids)) == len(ids)
    assert all(MADE_HERE.fullmatch(request_id) for request_id in ids)


@pytest.mark.parametrize("given", ["a1b2c3d4", "0190b1a2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "x" * 64])
@only_once
def test_a_short_and_plain_id_is_taken(client: TestClient, given: str) -> None:
    answer = client.get("/livez", headers={"X-Request-Id": given})
    assert answer.headers.get_list("X-Request-Id") == [given]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "short",
        "x" * 65,
        "has a space",
        "anna@example.org",
        "<script>",
        "a\x85bcdefgh",
        "1;2;3;4;",
    ],
)
@only_once
def test_any_other_id_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/livez", headers={b"X-Request-Id": given.encode("latin-1")})
    assert MADE_HERE.fullmatch(answer.headers["X-Request-Id"])


@only_once
def test_every_log_line_of_a_request_has_its_id(client: TestClient, lobby: Lobby) -> None:
    logs.configure(level="INFO")
    try:
        with capture_logs(processors=[logs.add_request_id]) as entries:
            answers = [
                client.get("/livez"),
                client.post(SIGN, json=ANNA),
                client.get("/", headers={"X-Request-Id": "from-the-proxy"}),
            ]
    finally:
        logs.configure(level="ERROR")
    ids = [entry["request_id"] for entry in entries if entry["event"] == "request"]
    assert ids == [answer.headers["X-Request-Id"] for answer in answers]
    assert ids[-1] == "from-the-proxy"


@only_once
def test_a_log_line_of_a_route_has_the_id_and_the_next_request_has_another(lobby: Lobby) -> None:
    from structlog import get_logger

    app = create_app(lobby.settings, lobby=lobby)

    def noisy() -> None:
        get_logger().info("from_a_thread")

    app.router.add_api_route("/noisy", noisy, methods=["GET"])
    logs.configure(level="INFO")
    try:
        with capture_logs(processors=[logs.add_request_id]) as entries:
            client = TestClient(app)
            ids = [client.get("/noisy").headers["X-Request-Id"] for _ in range(2)]
            get_logger().info("after_it")
    finally:
        logs.configure(level="ERROR")
    seen = [(entry["event"], entry.get("request_id")) for entry in entries]
    first, second = ids
    assert seen == [
        ("from_a_thread", first),
        ("request", first),
        ("from_a_thread", second),
        ("request", second),
        ("after_it", None),
    ]


@only_once
def test_other_sites_scripts_can_read_the_id(client: TestClient) -> None:
    answer = client.get(f"/v1/campaigns/{CAMPAIGN}")
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


@only_once
def test_metrics_are_never_stored(client: TestClient) -> None:
    for path in ("/metrics", "/livez", "/readyz"):
        assert client.get(path, headers=METRICS).headers["Cache-Control"] == "no-store"

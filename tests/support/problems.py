"""The form of all errors of the JSON API (RFC 9457)."""

from typing import Any


def assert_problem(response: Any, status: int, code: str, *fields: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert {"type", "title", "detail"} <= body.keys()
    assert {error["field"] for error in body.get("errors", [])} == set(fields)

"""Tests that URLs are checked, and that no error and no description shows a password."""

from typing import Any

import pytest
from pydantic import ValidationError

from core import urls
from core.settings import Settings, sentences

# Passwords with characters that end a part of a URL. Nobody may see any of their halves.
PASSWORDS = [
    f"topmost{special}hidden"
    for special in ("/", "?", "#", "@", ":", "[", "]", "[x]", "%", " ", "\\", "@:", "/@", "℀")
] + ["topmost@hidden:1/", "99/hidden", "topmost]@[hidden"]
FORMS = {
    "smtp_url": "smtp://user:{}@relay.example.org:25",
    "database_url": "postgresql://user:{}@db.example.org:5432/lobby",
    "rate_limit_url": "redis://:{}@redis.example.org:6379/0",
    "base_url": "https://user:{}@lobby.example.org",
    "members_api_url": "http://user:{}@api.example.org",
    "motions_api_url": "http://user:{}@api.example.org",
}


def error_of(**settings: Any) -> str:
    """Returns what a log or the command would show of wrong settings; empty for good ones."""
    try:
        Settings(secret_key="a secret that is long enough to be one", **settings)
    except ValidationError as error:
        return "\n".join([str(error), *sentences(error)])
    return ""


@pytest.mark.parametrize("name", FORMS)
def test_no_error_of_a_url_shows_a_part_of_it(name: str) -> None:
    shown = [error_of(**{name: FORMS[name].format(password)}) for password in PASSWORDS]
    assert any(shown)
    for text in shown:
        assert "hidden" not in text
        assert "topmost" not in text


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_database_url_is_refused_or_read_as_it_was_meant(password: str) -> None:
    from sqlalchemy.engine import make_url

    text = FORMS["database_url"].format(password)
    if not error_of(database_url=text):
        url = make_url(text)
        assert (url.host, url.port, url.database) == ("db.example.org", 5432, "lobby")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret/lobby",
        "postgresql://db:99999/lobby",
        "postgresql://db:0/lobby",
        "postgresql://us/er:secret@db/lobby",
        "postgresql://db:five/lobby",
    ],
)
def test_a_database_url_with_a_port_that_is_none_is_refused(url: str) -> None:
    text = error_of(database_url=url)
    assert "LOBBY_DATABASE_URL must be an address such as postgresql://" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///lobby?host=/run/postgresql",
        "postgres://lobby:p%40ss%2Fword@db.example.org:5432/lobby?sslmode=require",
        "postgresql://lobby:a/b?c:d@[::1]:5432/lobby",
        "postgresql://postgres:@/postgres?host=/dev/shm/x",
    ],
)
def test_a_database_url_that_is_right_is_taken(url: str) -> None:
    assert error_of(database_url=url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "https://lobby.example.org?x=1",
        "https://lobby.example.org/#top",
        "https://lobby example.org",
        "https://lobby.example.org\n",
        "https://",
        "https://:8000",
        "ftp://lobby.example.org",
    ],
)
def test_a_base_url_that_is_no_plain_address_is_refused(url: str) -> None:
    assert "LOBBY_BASE_URL: must be an address such as" in error_of(base_url=url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////srv/lobby.db", "sqlite:////srv/lobby.db"),
        ("postgresql+psycopg://u:p?x@h:1/db?password=p", "postgresql://u@h:1/db"),
        ("postgresql+psycopg:///db?host=/run&password=p", "postgresql:///db"),
        ("smtp://post@example.org:p@relay:587", "smtp://post@example.org@relay:587"),
        ("smtps://relay", "smtps://relay"),
        ("file:/srv/mail", "file:/srv/mail"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert urls.without_password(url) == shown


def test_a_login_that_is_an_email_address_is_taken() -> None:
    assert error_of(smtp_url="smtp://post@example.org:secret@relay.example.org:587") == ""

"""Tests which address to open for an address to listen on."""

import pytest

from core.listening import Listening, is_loopback


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("127.0.0.1", 8000, "http://127.0.0.1:8000"),
        ("127.0.0.1", 80, "http://127.0.0.1"),
        ("localhost", 8123, "http://localhost:8123"),
        ("0.0.0.0", 8123, "http://127.0.0.1:8123"),
        ("", 8123, "http://127.0.0.1:8123"),
        ("::", 8123, "http://[::1]:8123"),
        ("::1", 8123, "http://[::1]:8123"),
        ("2001:db8::1", 8123, "http://[2001:db8::1]:8123"),
        ("192.168.1.5", 8123, "http://192.168.1.5:8123"),
    ],
)
def test_a_service_is_open_where_it_listens(host: str, port: int, url: str) -> None:
    assert Listening(host, port).url == url


def test_what_other_machines_can_reach_is_public() -> None:
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST"):
        assert not Listening(host).is_public
    for host in ("0.0.0.0", "::", "", "192.168.1.5", "lobby.example.org"):
        assert Listening(host).is_public


def test_names_that_only_begin_like_loopback_are_not() -> None:
    for url in ("http://127.0.0.1:8000", "http://[::1]", "http://localhost", "http://127.8.0.1"):
        assert is_loopback(url)
    for url in ("http://127.0.0.1.example.org", "http://localhost.example.org", "http://0.0.0.0"):
        assert not is_loopback(url)

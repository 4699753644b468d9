"""Tests the checks of disk, Redis, worker and demonstration."""

import socket
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from models import MessageKind
from models.base import new_id
from services.assembly import Lobby
from services.mail import outbox
from services.mail.outbox import NewMessage
from services.mail.recipients import Recipient
from services.operations import checks, surroundings
from services.operations.findings import Finding
from services.traffic import rate_limits

ANNA = Recipient(b"a" * 32, b"m" * 16)


@pytest.mark.parametrize(
    ("megabytes", "is_trouble"), [(0, True), (499, True), (500, False), (1999, False)]
)
def test_a_disk_with_little_room_is_found(lobby: Lobby, megabytes: int, is_trouble: bool) -> None:
    (finding,) = surroundings.disk(lobby.settings, free=lambda _folder: megabytes * 1_000_000)
    assert finding.is_trouble is is_trouble
    assert f"has {megabytes:,} MB left" in finding.text
    assert str(lobby.settings.data_dir) in finding.text


def test_a_disk_with_room_and_a_folder_that_does_not_exist_yet_are_no_finding(
    lobby: Lobby, tmp_path: Path
) -> None:
    assert surroundings.disk(lobby.settings, free=lambda _folder: 2_000_000_000) == []
    later = lobby.settings.model_copy(update={"data_dir": tmp_path / "later"})
    assert surroundings.disk(later, free=lambda _folder: 0) == []


def test_a_redis_that_does_not_answer_is_found(lobby: Lobby) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        url = f"redis://:hidden@{place}/0"
        settings = lobby.settings.model_copy(update={"rate_limit_url": url})
        (finding,) = surroundings.redis(settings)
    assert finding.is_trouble
    assert finding.text.startswith(f"Redis at {place} does not answer")
    assert "hidden" not in finding.text


def test_counting_in_memory_needs_no_redis() -> None:
    assert rate_limits.reason_away(rate_limits.MEMORY) is None


def queue(lobby: Lobby, kind: MessageKind, *, minutes_ago: float) -> None:
    now = lobby.clock() - timedelta(minutes=minutes_ago)
    recipient = None if kind is MessageKind.LETTER else ANNA
    with lobby.database.write() as session:
        outbox.insert(session, [NewMessage(kind, new_id(), recipient)], now=now)


def late_mail(lobby: Lobby) -> list[Finding]:
    with lobby.database.read() as session:
        return surroundings.late_mail(session, now=lobby.clock())


def test_an_email_that_nothing_delivers_is_found(lobby: Lobby) -> None:
    queue(lobby, MessageKind.CONFIRM_SIGNATURE, minutes_ago=29)
    assert late_mail(lobby) == []
    queue(lobby, MessageKind.CONFIRM_SIGNATURE, minutes_ago=90)
    assert late_mail(lobby) == [
        Finding(
            "The oldest email has been due for 90 minutes: is a worker running?", code="mail_late"
        )
    ]
    assert late_mail(lobby)[0] in checks.run(lobby)


def test_a_letter_that_waits_in_the_quiet_hours_is_no_finding(lobby: Lobby) -> None:
    queue(lobby, MessageKind.LETTER, minutes_ago=600)
    assert late_mail(lobby) == []


def test_the_demonstration_in_a_public_service_is_found(lobby: Lobby) -> None:
    public = lobby.settings.model_copy(update={"base_url": "https://lobby.example.org"})
    private = lobby.settings.model_copy(update={"base_url": "http://127.0.0.1:8000"})
    with lobby.database.read() as session:
        (finding,) = surroundings.demonstration(session, public)
        assert not finding.is_trouble
        assert "https://lobby.example.org" in finding.text
        assert surroundings.demonstration(session, private) == []

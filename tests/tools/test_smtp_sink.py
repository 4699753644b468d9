"""Tests the records of the SMTP sink that drills and benches use."""

import smtplib
from pathlib import Path
from urllib.parse import urlsplit

from tools import smtp_sink


def test_the_sink_has_written_a_letter_down_before_it_answers(tmp_path: Path) -> None:
    record = tmp_path / "sink.tsv"
    with smtp_sink.running(record, "--calm") as address, _client(address) as client:
        client.sendmail("a@example.org", "b@example.org", b"Message-ID: <1@example.org>\n\nHello.")
        (entry,) = smtp_sink.entries_in(record)
    assert (entry.outcome, entry.message_id, entry.recipient) == (
        "taken",
        "<1@example.org>",
        "b@example.org",
    )


def test_the_sink_has_nothing_of_a_letter_without_its_dot(tmp_path: Path) -> None:
    record = tmp_path / "sink.tsv"
    with smtp_sink.running(record, "--calm") as address:
        client = _client(address)
        client.mail("a@example.org")
        client.rcpt("b@example.org")
        client.docmd("DATA")
        client.send(b"Message-ID: <1@example.org>\r\n\r\nHello.\r\n")
        client.close()
        with _client(address) as other:
            other.noop()
        assert smtp_sink.entries_in(record) == []


def _client(address: str) -> smtplib.SMTP:
    place = urlsplit(address)
    client = smtplib.SMTP(place.hostname or "", place.port or 0, timeout=10)
    client.ehlo()
    return client

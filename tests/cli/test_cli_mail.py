"""Tests `lobby mail test`, and what `lobby check` says of a mail server."""

from pathlib import Path

import pytest

from tests.support.cli import Cli, Done
from tests.support.outside import tls_relay
from tests.support.outside.tls_relay import (
    ELSEWHERE,
    HERE,
    PASSWORD,
    USER,
    Authority,
    ScriptedRelay,
    TlsSink,
    smtp_server,
)

pytestmark = pytest.mark.slow
TO = "operator@example.org"
BARE = b"250 relay.example.org\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def refusal(done: Done) -> str:
    """Returns the one sentence with which a test that failed ends."""
    assert done.returncode == 1, done
    (sentence,) = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    return sentence


def test_a_test_email_goes_over_tls_and_the_conversation_is_shown(
    cli: Cli, authority: Authority, unused_port: int
) -> None:
    sink = TlsSink()
    url = f"smtp://{USER}:{PASSWORD}@{ELSEWHERE}:{unused_port}"
    with smtp_server(sink, unused_port, host=ELSEWHERE, starttls=authority.server(ELSEWHERE)):
        done = cli("mail", "test", TO, LOBBY_SMTP_URL=url, SSL_CERT_FILE=str(authority.file))
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    for start in (
        "< 220 ",
        "> STARTTLS",
        "= TLSv1.",
        f"= certificate of commonName={ELSEWHERE}, valid until ",
        "> AUTH ",
        f"> RCPT TO:<{TO}>",
        "> (the message, ",
        "> .",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert PASSWORD not in done.stdout + done.stderr
    expected = f"The mail server {ELSEWHERE}:{unused_port} has taken the email: 250 "
    assert lines[-1].startswith(expected)
    (mail,) = sink.messages()
    assert mail["To"] == TO
    assert "lobby mail test" in mail.get_content()
    assert sink.over_tls == [True]


def test_a_test_email_without_tls_fails_with_what_to_set(cli: Cli) -> None:
    relay = ScriptedRelay(None, ehlo=BARE)
    with relay.up(ELSEWHERE) as port:
        done = cli("mail", "test", TO, LOBBY_SMTP_URL=f"smtp://{ELSEWHERE}:{port}")
    sentence = refusal(done)
    assert "does not offer STARTTLS" in sentence
    assert "smtp+insecure://" in sentence
    assert "< 250 relay.example.org" in done.stdout
    assert set(relay.commands) == {b"EHLO"}


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    cli: Cli, authority: Authority, unused_port: int
) -> None:
    sink = TlsSink()
    url = f"smtps://{ELSEWHERE}:{unused_port}"
    with smtp_server(sink, unused_port, host=ELSEWHERE, implicit=authority.server(ELSEWHERE)):
        sentence = refusal(cli("mail", "test", TO, LOBBY_SMTP_URL=url))
    assert "its certificate is not good" in sentence
    assert "SSL_CERT_FILE" in sentence
    assert sink.taken == []


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({b"RCPT": b"550 5.7.1 not from you\r\n"}, "has refused the email: 550 5.7.1 not from you"),
        ({b"RCPT": b"451 4.7.1 later\r\n"}, "has not taken the email. 451 4.7.1 later"),
    ],
)
def test_a_test_email_that_is_refused_fails_with_the_servers_words(
    cli: Cli, answers: dict[bytes, bytes], sentence: str
) -> None:
    with ScriptedRelay(None, ehlo=BARE, answers=answers).up() as port:
        done = cli("mail", "test", TO, LOBBY_SMTP_URL=f"smtp://{HERE}:{port}")
    assert refusal(done) == f"The mail server {HERE}:{port} {sentence}"


def test_a_test_email_says_what_a_wrong_password_got(cli: Cli, authority: Authority) -> None:
    relay = ScriptedRelay(
        tls_relay.begin_tls(authority.server(HERE)),
        answers={b"AUTH": f"535 5.7.8 no: {PASSWORD}\r\n".encode()},
    )
    with relay.up() as port:
        url = f"smtp://{USER}:{PASSWORD}@{HERE}:{port}"
        done = cli("mail", "test", TO, LOBBY_SMTP_URL=url, SSL_CERT_FILE=str(authority.file))
    assert refusal(done).endswith("has not taken the email. 535 5.7.8 no: ***")
    assert PASSWORD not in done.stdout


def test_a_server_that_is_away_fails_a_test_email(cli: Cli, unused_port: int) -> None:
    done = cli("mail", "test", TO, LOBBY_SMTP_URL=f"smtp://{HERE}:{unused_port}")
    assert "Connection refused" in refusal(done)


@pytest.mark.parametrize("address", ["operator", "a@example.org, b@example.org"])
def test_a_malformed_address_gets_no_test_email(cli: Cli, address: str) -> None:
    reason = cli.refused("mail", "test", address)
    assert reason == "Enter an email address in the correct format, like name@example.com"
    assert not (cli.data / "mail").exists()


def test_a_test_email_to_a_folder_is_shown_with_its_file(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    done = cli("mail", "test", TO, LOBBY_SMTP_URL=f"file:{folder}")
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = folder.iterdir()
    assert done.stdout.startswith(f"{file}:\n")
    assert f"To: {TO}\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Nobody gets this email")


def test_the_check_fails_where_a_relay_has_no_tls(cli: Cli) -> None:
    relay = ScriptedRelay(None, ehlo=BARE)
    with relay.up(ELSEWHERE) as port:
        done = cli("check", LOBBY_SMTP_URL=f"smtp://{ELSEWHERE}:{port}")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "STARTTLS" in line]
    assert line == (
        f"The mail server {ELSEWHERE}:{port} does not take emails. No TLS with the mail server: it "
        "does not offer STARTTLS. Emails wait. Mend its TLS, or set LOBBY_SMTP_URL to smtps:// "
        "with the port for it, or to smtp+insecure:// to go without."
    )


def test_a_url_that_would_show_the_password_stops_every_command(cli: Cli) -> None:
    url = "smtp+insecure://lobby:hunter2@relay.example.org:25"
    assert cli.refused("mail", "test", TO, LOBBY_SMTP_URL=url) == (
        "LOBBY_SMTP_URL: smtp+insecure:// would show the password to everybody on the way: use "
        "smtp:// or smtps://"
    )
    assert not cli.data.exists()

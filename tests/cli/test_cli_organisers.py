"""Tests `lobby organiser list`, `role`, `remove` and `password`."""

import os
import pty
import select as polling
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from sqlmodel import Session, select

from models import (
    AccountEventKind,
    MessageKind,
    Organiser,
    OutboxMessage,
    WebhookEndpoint,
    WebhookEvent,
)
from services.accounts import record, recovery_codes, second_steps, sessions
from services.demonstration import invented_campaign
from services.errors import Unauthenticated
from services.organisations import organisations
from services.webhooks import endpoints
from services.webhooks.endpoints import NewWebhook
from tests.support.cli import COMMAND, OF_IT, ORGANISATION, Cli

pytestmark = pytest.mark.slow

ANNA = invented_campaign.ORGANISER
BEN = "Ben@example.org"
NEW_PASSWORD = "correct horse battery"
HOOK = "https://hooks.example.org/secret-part"


def add_ben(cli: Cli, *of_organisation: str) -> None:
    done = cli("organiser", "create", BEN, *(of_organisation or OF_IT))
    assert done.returncode == 0, done.stderr


def add_webhook(cli: Cli, email: str) -> None:
    with cli.lobby() as lobby, lobby.database.write() as session:
        endpoints.create(
            session,
            NewWebhook(HOOK, [WebhookEvent.LETTER_SENT]),
            organiser_of(session, email),
            to_loopback=False,
            now=lobby.clock(),
        )


def organiser_of(session: Session, email: str) -> Organiser:
    rows = session.exec(select(Organiser)).all()
    return next(row for row in rows if row.email.text == email)


def emails(cli: Cli) -> set[str]:
    lines = cli("organiser", "list", *OF_IT).stdout.splitlines()
    return {line.split("\t")[0] for line in lines}


def roles(cli: Cli) -> dict[str, str]:
    """Returns the role of each organiser."""
    lines = cli("organiser", "list", *OF_IT).stdout.splitlines()
    return {row[0]: row[3] for row in (line.split("\t") for line in lines)}


def can_sign_in(cli: Cli, email: str, password: str) -> bool:
    with cli.lobby() as lobby, lobby.database.read() as session:
        try:
            organisations.sign_in(session, lobby.keyring, email=email, password=password)
        except Unauthenticated:
            return False
    return True


def in_terminal(cli: Cli, *arguments: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Runs a command on a terminal of its own, and types an answer at each question.

    Returns the exit status and everything that the terminal shows.
    """
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *arguments],
        env=cli.environment,
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    shown, waiting = "", list(answers)
    while True:
        assert polling.select([terminal], [], [], 60)[0], shown
        try:
            part = os.read(terminal, 4096).decode()
        except OSError:  # the command has ended
            break
        shown += part
        # The space comes after the terminal stops showing what is typed.
        if waiting and shown.endswith(f"{waiting[0][0]} "):
            os.write(terminal, f"{waiting.pop(0)[1]}\n".encode())
    os.close(terminal)
    assert not waiting, shown
    return process.wait(timeout=60), shown


def test_organisers_are_listed_with_the_webhooks_that_they_are_responsible_for(demo: Cli) -> None:
    add_ben(demo)
    add_webhook(demo, BEN)
    done = demo("organiser", "list", *OF_IT)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        (ANNA, "0", "owner"),
        (BEN, "1", "owner"),
    ]
    assert done.stderr.strip() == "Organisers: 2."


def test_an_organiser_is_removed_whatever_the_case_of_the_address(demo: Cli) -> None:
    add_ben(demo)
    done = demo("organiser", "remove", "BEN@example.org", "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"lobby key list --organisation {ORGANISATION}" in done.stderr
    assert emails(demo) == {ANNA}
    assert demo.refused("organiser", "remove", BEN, "--yes") == f"There is no organiser {BEN}."


ONLY_OWNER = f"{ANNA} is the only owner of '{ORGANISATION}'. Make somebody else an owner first."


def test_the_last_owner_stays_among_editors_too(demo: Cli) -> None:
    assert demo.refused("organiser", "remove", ANNA, "--yes") == ONLY_OWNER
    add_ben(demo, *OF_IT, "--role", "editor")
    assert demo.refused("organiser", "remove", ANNA, "--yes") == ONLY_OWNER
    assert demo.refused("organiser", "role", ANNA, "viewer") == ONLY_OWNER
    assert emails(demo) == {ANNA, BEN}


def test_a_role_is_given_and_changed(demo: Cli) -> None:
    add_ben(demo, *OF_IT, "--role", "viewer")
    assert roles(demo) == {ANNA: "owner", BEN: "viewer"}
    done = demo("organiser", "role", BEN.upper(), "owner")
    assert (done.returncode, done.stderr.strip()) == (0, f"Changed: {BEN.upper()} is owner.")
    assert "Unchanged" in demo("organiser", "role", BEN, "owner").stderr
    assert demo("organiser", "role", ANNA, "editor").returncode == 0, "Ben is an owner"
    assert roles(demo) == {ANNA: "editor", BEN: "owner"}
    assert demo("organiser", "role", BEN, "boss").returncode == 2
    nobody = "nobody@example.org"
    assert demo.refused("organiser", "role", nobody, "owner") == f"There is no organiser {nobody}."


def test_webhooks_pass_to_the_organiser_who_is_named_and_to_nobody_else(demo: Cli) -> None:
    add_ben(demo)
    add_webhook(demo, BEN)
    remove = ("organiser", "remove", BEN, "--yes")
    error = demo.refused(*remove)
    assert error.startswith(f"{BEN} is responsible for 1 webhook to hooks.example.org. Say who")
    assert "secret-part" not in error
    assert "Name another organiser" in demo.refused(*remove, "--webhooks-to", BEN.lower())
    assert "no organiser x@example.org" in demo.refused(*remove, "--webhooks-to", "x@example.org")
    assert demo("organisation", "create", "Others", "--slug", "others").returncode == 0
    other = "c@example.org"
    assert demo("organiser", "create", other, "--organisation", "others").returncode == 0
    assert demo.refused(*remove, "--webhooks-to", other).endswith(
        "is not an organiser of the same organisation."
    )
    assert emails(demo) == {ANNA, BEN}

    done = demo(*remove, "--webhooks-to", ANNA)
    assert done.returncode == 0, done.stderr
    assert f"{ANNA} becomes responsible for 1 webhook to hooks.example.org." in done.stderr
    assert emails(demo) == {ANNA}
    assert demo.sql("PRAGMA foreign_key_check") == []
    with demo.lobby() as lobby, lobby.database.read() as session:
        endpoint = session.exec(select(WebhookEndpoint)).one()
        assert endpoint.organiser_id == organiser_of(session, ANNA).id
        assert endpoint.disabled_at is None


def test_removing_asks_first_and_takes_no_for_an_answer(demo: Cli) -> None:
    add_ben(demo)
    remove = ("organiser", "remove", BEN)
    assert "no terminal to ask on: add --yes" in demo.refused(*remove)
    status, shown = in_terminal(demo, *remove, answers=[("[y/N]:", "n")])
    assert (status, "Nothing was changed." in shown) == (1, True)
    assert emails(demo) == {ANNA, BEN}
    status, _ = in_terminal(demo, *remove, answers=[("[y/N]:", "y")])
    assert status == 0
    assert emails(demo) == {ANNA}


def test_a_password_is_typed_twice_and_not_shown(demo: Cli) -> None:
    status, shown = in_terminal(
        demo,
        *("organiser", "password", ANNA.upper()),
        answers=[
            ("New password:", NEW_PASSWORD),
            ("Repeat for confirmation:", "something else"),
            ("New password:", NEW_PASSWORD),
            ("Repeat for confirmation:", NEW_PASSWORD),
        ],
    )
    assert status == 0, shown
    assert NEW_PASSWORD not in shown
    assert can_sign_in(demo, ANNA, NEW_PASSWORD)
    assert not can_sign_in(demo, ANNA, invented_campaign.PASSWORD)


@pytest.fixture
def pipe_password(demo: Cli) -> Callable[[str], "subprocess.CompletedProcess[str]"]:
    def run(text: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [COMMAND, "organiser", "password", ANNA, "--stdin"],
            env=demo.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_password_is_piped_in(
    demo: Cli, pipe_password: Callable[[str], "subprocess.CompletedProcess[str]"]
) -> None:
    for text in (f"{NEW_PASSWORD}\n", f" {NEW_PASSWORD}"):
        done = pipe_password(text)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert NEW_PASSWORD not in done.stderr
        assert can_sign_in(demo, ANNA, text.rstrip("\n"))


def test_a_password_that_is_too_short_or_missing_changes_nothing(
    demo: Cli, pipe_password: Callable[[str], "subprocess.CompletedProcess[str]"]
) -> None:
    for text in ("short\n", ""):
        done = pipe_password(text)
        assert (done.returncode, done.stderr.strip()) == (1, "At least 10 characters, please.")
    assert can_sign_in(demo, ANNA, invented_campaign.PASSWORD)


def test_a_password_that_is_easy_to_guess_is_refused_outside_the_demonstration(demo: Cli) -> None:
    assert demo("organisation", "create", "Others", "--slug", "others").returncode == 0
    other = "c@example.org"
    assert demo("organiser", "create", other, "--organisation", "others").returncode == 0
    done = subprocess.run(
        [COMMAND, "organiser", "password", other, "--stdin"],
        env=demo.environment,
        input="password123\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "easy to guess" in done.stderr
    assert "password123" not in done.stderr


def test_a_second_step_is_removed_with_all_sessions_a_line_and_a_mail(demo: Cli) -> None:
    command = ("organiser", "reset-two-step", ANNA)
    assert demo.refused(*command) == f"{ANNA} has not set up two-step sign-in."
    secret = pyotp.random_base32()
    with demo.lobby() as lobby, lobby.database.write() as session:
        anna, now = organiser_of(session, ANNA), lobby.clock()
        code = pyotp.TOTP(secret).at(now)
        second_steps.confirm(session, anna, secret, code, now=now)
        recovery_codes.make(session, lobby.keyring, anna.id)
        token = sessions.begin(session, anna, device="Tests", now=now, second_step_at=now)
        assert sessions.of_token(session, token, now=now)
    done = demo(*command)
    assert (done.returncode, done.stdout) == (0, "")
    assert "All their sessions have ended." in done.stderr
    with demo.lobby() as lobby, lobby.database.read() as session:
        anna = organiser_of(session, ANNA)
        assert sessions.of_token(session, token, now=lobby.clock()) is None
        assert not second_steps.has(session, anna.id)
        assert recovery_codes.count(session, anna.id) == 0
        (line,) = record.of_organisation(session, anna.organisation_id, limit=5)
        assert (line.kind, line.actor) == (AccountEventKind.SECOND_STEP_RESET, None)
        assert line.about.text == ANNA
        mail = select(OutboxMessage).where(OutboxMessage.subject_id == line.id)
        assert session.exec(mail).one().kind is MessageKind.ACCOUNT_CHANGED


def test_a_password_is_no_argument_and_needs_somebody_to_type_it(demo: Cli, tmp_path: Path) -> None:
    done = demo("organiser", "password", ANNA, NEW_PASSWORD)
    assert done.returncode == 2
    sentence = "There is no terminal to type a password on: pipe it in with --stdin."
    assert demo.refused("organiser", "password", ANNA) == sentence
    nobody = "nobody@example.org"
    assert demo.refused("organiser", "password", nobody) == f"There is no organiser {nobody}."
    assert can_sign_in(demo, ANNA, invented_campaign.PASSWORD)

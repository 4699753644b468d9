"""Mails a second to a sink that answers at once: smtplib alone, our courier, and the worker.

All send mails of the same form on loopback, in turns, so that other load on the machine affects all
of them. The worker is the loop of `lobby worker` with a database on disk: it claims and builds
mails, commits before the final dot of each letter, and records each answer. It sends letters over
one connection and over four, and mails that ask to confirm a signature, which need no commit before
the dot.
"""

import smtplib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sa

import worker
from core import garbage, logs
from models import Letter, LetterState, MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby, open_lobby, utc_now
from services.mail import mail_builder
from services.mail.couriers import make_courier
from services.mail.mail_builder import Envelope, Mail
from tools import sample_data, smtp_sink
from tools.databases import postgres
from tools.settings import throwaway_settings

_letter, _outbox = table_of(Letter), table_of(OutboxMessage)
ALONE = "smtplib alone"
ROUNDS = 7
MAILS = 400  # a round, for each loop: what the worker claims at once for four connections


def main() -> None:
    """Prints a Markdown table of medians, each as a share of smtplib alone."""
    logs.configure(level="ERROR")
    garbage.make_rare()  # as every command does
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        address = stack.enter_context(
            smtp_sink.running(folder / "sink.tsv", "--calm", "--unsynced")
        )
        single = stack.enter_context(opened(folder / "one", address, connections=1))
        four = stack.enter_context(opened(folder / "four", address, connections=4))
        asking = stack.enter_context(opened(folder / "asking", address, connections=4))
        url = stack.enter_context(postgres(folder / "pg"))
        asking_too = stack.enter_context(opened(folder / "too", address, connections=4, url=url))
        sample_data.queue_letters(single, MAILS * (ROUNDS + 1))
        sample_data.queue_letters(four, MAILS * (ROUNDS + 1))
        sample_data.queue_confirmations(asking, MAILS * (ROUNDS + 1))
        sample_data.queue_confirmations(asking_too, MAILS * (ROUNDS + 1))
        for lobby in (single, four):
            leave_only_letters(lobby)
        measured = measure(
            {
                ALONE: lambda: smtplib_alone(address),
                "the courier alone": lambda: courier_alone(address),
                "the worker, letters, one connection": lambda: whole_worker(single),
                "the worker, letters, four connections": lambda: whole_worker(four),
                "the worker, mails to confirm": lambda: whole_worker(asking),
                "the worker, mails to confirm, PostgreSQL": lambda: whole_worker(asking_too),
            }
        )
    print_table(measured)


class Speed(NamedTuple):
    """Mails a second, and microseconds of processor time for each."""

    rate: float
    cost: float


@contextmanager
def opened(folder: Path, address: str, *, connections: int, url: str = "") -> Iterator[Lobby]:
    """Opens a lobby of its own with an empty database."""
    changes = {"smtp_url": address, "smtp_connections": connections}
    lobby = open_lobby(throwaway_settings(folder, url).model_copy(update=changes))
    try:
        yield lobby
    finally:
        lobby.close()


def leave_only_letters(lobby: Lobby) -> None:
    """Drops the demonstration's other messages, and letters that would not be sent."""
    queued = sa.select(_letter.c.id).where(_letter.c.state == LetterState.QUEUED)
    wanted = sa.and_(_outbox.c.kind == MessageKind.LETTER, _outbox.c.subject_id.in_(queued))
    with lobby.database.write() as session:
        session.connection().execute(
            sa.update(_outbox).where(~wanted).values(state=MessageState.DROPPED)
        )


def measure(loops: dict[str, Callable[[], float]]) -> dict[str, list[Speed]]:
    """Returns the speeds of every loop and round, without the first round."""
    speeds: dict[str, list[Speed]] = {name: [] for name in loops}
    for _ in range(ROUNDS + 1):
        for name, loop in loops.items():
            before = time.process_time()
            rate = loop()
            cost = (time.process_time() - before) / MAILS * 1e6
            speeds[name].append(Speed(rate, cost))
    return {name: rounds[1:] for name, rounds in speeds.items()}


def smtplib_alone(address: str) -> float:
    """Calls `sendmail` in a loop."""
    message = letter()
    place = urlsplit(address)
    with smtplib.SMTP(place.hostname or "", place.port or 0) as smtp:
        smtp.ehlo()
        start = time.perf_counter()
        for _ in range(MAILS):
            smtp.sendmail(message.sender, message.recipient, message.content)
        return MAILS / (time.perf_counter() - start)


def courier_alone(address: str) -> float:
    """Calls the courier in a loop, with nothing to do before the dot."""
    message, courier = letter(), make_courier(address)
    courier.deliver(message, lambda: True)  # the connection
    start = time.perf_counter()
    for _ in range(MAILS):
        assert courier.deliver(message, lambda: True).state is MessageState.ACCEPTED
    took = time.perf_counter() - start
    courier.close()
    return MAILS / took


def whole_worker(lobby: Lobby) -> float:
    """Runs the worker until it has delivered MAILS messages."""
    start, delivered = time.perf_counter(), 0
    while delivered < MAILS:
        claimed = worker.deliver_due(lobby)
        assert claimed, "nothing is due, but letters are left"
        delivered += claimed
    return delivered / (time.perf_counter() - start)


def letter() -> Envelope:
    """Builds a letter like those of the demonstration."""
    body = "Dear Example,\n\n" + "Please look at this motion, and sign it if you can.\n" * 20
    return mail_builder.build(
        Mail(
            recipient="member@example.org",
            subject="A motion",
            body=body,
            message_id="<bench@lobby.example.org>",
            sender_name="Anna Example",
            reply_to=("Anna Example", "anna@example.org"),
            campaign="A campaign",
            is_automatic=False,
        ),
        mail_from="Central Lobby <post@lobby.example.org>",
        now=utc_now(),
    )


def print_table(measured: dict[str, list[Speed]]) -> None:
    """Prints medians. A share is the median of the share in each round, not of the medians."""
    alone = [speed.rate for speed in measured[ALONE]]
    print("| loop | mails a second | as a share | us of processor time |\n|---|---|---|---|")
    for name, speeds in measured.items():
        rates = [speed.rate for speed in speeds]
        share = statistics.median(a / b for a, b in zip(rates, alone, strict=True))
        cost = statistics.median(speed.cost for speed in speeds)
        print(f"| {name} | {statistics.median(rates):,.0f} | {share:.0%} | {cost:,.0f} |")


if __name__ == "__main__":
    main()

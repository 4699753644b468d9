"""Letters a second to a sink that answers at once: smtplib alone, our courier, and the worker.

All three hand over letters of the same form on one connection on loopback, in turns, so that what
else the machine does falls on all of them. The worker is the loop of `lobby worker` with SQLite on
disk: it claims, renders, commits to each dot and records each answer. Run it as it is:
`.venv/bin/python bench/bench_post.py`.
"""

import smtplib
import statistics
import tempfile
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

from drills import filling
from drills.post_room import settings_of, sink
from lobby import logs, worker
from lobby.models import MessageState
from lobby.services import mail
from lobby.services.couriers import make_courier
from lobby.services.lobby import Lobby, open_lobby, utc_now
from lobby.services.mail import Mail

ROUNDS = 7
LETTERS = 100  # a round, for each loop; a multiple of the worker's batch


def main() -> None:
    """Print a table of Markdown: medians, each as a share of smtplib alone."""
    logs.configure(level="ERROR")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        record = folder / "sink.tsv"
        with sink(record, "--calm", "--unsynced") as address:
            settings = settings_of(folder).model_copy(update={"smtp_url": address})
            lobby = open_lobby(settings)
            filling.fill(lobby, LETTERS * (ROUNDS + 1))
            rates = measure(
                {
                    "smtplib alone": lambda: smtplib_alone(address),
                    "the courier alone": lambda: courier_alone(address),
                    "the worker": lambda: whole_worker(lobby),
                }
            )
            lobby.close()
    tell(rates)


def measure(loops: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Letters a second of every loop in every round; the first round is not counted."""
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(ROUNDS + 1):
        for name, loop in loops.items():
            rates[name].append(loop())
    return {name: found[1:] for name, found in rates.items()}


def smtplib_alone(address: str) -> float:
    """`sendmail` in a loop, with no reason to look up from it."""
    message = letter()
    content = message.as_bytes()
    sender, recipient = parseaddr(message["From"])[1], parseaddr(message["To"])[1]
    place = urlsplit(address)
    with smtplib.SMTP(place.hostname or "", place.port or 0) as smtp:
        smtp.ehlo()
        start = time.perf_counter()
        for _ in range(LETTERS):
            smtp.sendmail(sender, recipient, content)
        return LETTERS / (time.perf_counter() - start)


def courier_alone(address: str) -> float:
    """The courier, which holds the dot back, with nothing to do before it."""
    message, courier = mail.sealed(letter()), make_courier(address)
    courier.deliver(message, lambda: True)  # the connection
    start = time.perf_counter()
    for _ in range(LETTERS):
        assert courier.deliver(message, lambda: True).state is MessageState.ACCEPTED
    took = time.perf_counter() - start
    courier.close()
    return LETTERS / took


def whole_worker(lobby: Lobby) -> float:
    """The worker, until it has delivered as many."""
    start, delivered = time.perf_counter(), 0
    while delivered < LETTERS:
        claimed = worker.deliver_due(lobby)
        assert claimed, "nothing is due: something holds the letters back"
        delivered += claimed
    return delivered / (time.perf_counter() - start)


def letter() -> EmailMessage:
    """A letter as the demonstration writes them."""
    body = "Dear Example,\n\n" + "Please look at this motion, and sign it if you can.\n" * 20
    return mail.build(
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


def tell(rates: dict[str, list[float]]) -> None:
    """The median share is that of the rounds' own shares, not of the medians."""
    alone = rates["smtplib alone"]
    print("| loop | letters a second | as a share |\n|---|---|---|")
    for name, found in rates.items():
        share = statistics.median(a / b for a, b in zip(found, alone, strict=True))
        print(f"| {name} | {statistics.median(found):,.0f} | {share:.0%} |")


if __name__ == "__main__":
    main()

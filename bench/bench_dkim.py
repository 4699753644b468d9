"""The processor time to build a mail with its checks, and to sign it with DKIM, by kind of key.

`python -m bench.bench_dkim` prints medians of processor time, which other load affects least.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from services.assembly import utc_now
from services.mail import mail_builder
from services.mail.dkim_signer import DkimSigner, Key
from services.mail.mail_builder import Envelope, Mail

ROUNDS, MAILS = 9, 100
KEYS: dict[str, Callable[[], Key]] = {
    "RSA, 2,048 bits": partial(generate_private_key, 65537, 2048),
    "RSA, 3,072 bits": partial(generate_private_key, 65537, 3072),
    "Ed25519": Ed25519PrivateKey.generate,
}
LETTER = Mail(
    recipient="member@example.org",
    subject="A motion",
    body="Dear Example,\n\n" + "Please look at this motion, and sign it if you can.\n" * 20,
    message_id="<bench@lobby.example.org>",
    sender_name="Siân Example",
    reply_to=("Siân Example", "sian@example.org"),
    campaign="A campaign",
    is_automatic=False,
)


def main() -> None:
    """Prints a Markdown table."""
    content = build().content
    print("| step | milliseconds a mail |\n|---|---|")
    print(f"| building and checking | {milliseconds(build):.2f} |")
    for name, make in KEYS.items():
        signer = DkimSigner(make(), selector="bench", domain="lobby.example.org", clock=utc_now)
        taken = milliseconds(partial(signer.sign, content))
        print(f"| signing, {name} | {taken:.2f} |")


def build() -> Envelope:
    return mail_builder.build(
        LETTER, mail_from="Central Lobby <post@lobby.example.org>", now=utc_now()
    )


def milliseconds(call: Callable[[], object]) -> float:
    """Returns the processor time per mail, the median of the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(MAILS):
            call()
        rounds.append((time.process_time() - start) / MAILS * 1000)
    return statistics.median(rounds)


if __name__ == "__main__":
    main()

"""What a mail costs before it goes: building it with its checks, and signing it, by kind of key.

`python bench/bench_signing.py`; medians of processor time: others on the machine matter less.
"""

import statistics
import time
from collections.abc import Callable

from bench_post import letter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from lobby.services.dkim_signing import DkimSigner, Key
from lobby.services.lobby import utc_now

ROUNDS, MAILS = 9, 100
KEYS: dict[str, Callable[[], Key]] = {
    "RSA, 2,048 bits": lambda: generate_private_key(65537, 2048),
    "RSA, 3,072 bits": lambda: generate_private_key(65537, 3072),
    "Ed25519": Ed25519PrivateKey.generate,
}


def milliseconds(call: Callable[[], object]) -> float:
    """Of one mail, the median of the rounds."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(MAILS):
            call()
        found.append((time.process_time() - start) / MAILS * 1000)
    return statistics.median(found)


def main() -> None:
    """Print the table of docs/mail-domain.md."""
    content = letter().as_bytes()
    print("| step | milliseconds a mail |\n|---|---|")
    print(f"| building and checking | {milliseconds(letter):.2f} |")
    for name, make in KEYS.items():
        signer = DkimSigner(make(), selector="bench", domain="lobby.example.org", clock=utc_now)
        print(
            f"| signing, {name} | {milliseconds(lambda signer=signer: signer.sign(content)):.2f} |"
        )


if __name__ == "__main__":
    main()

"""The processor time of an email to confirm a signature, as text alone and with its HTML part.

`python -m bench.bench_mail_parts` makes both in turns, from the template to the signed bytes, and
prints medians of processor time, which other load affects least.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from services.assembly import utc_now
from services.mail import html_parts, mail_builder, mail_templates
from services.mail.dkim_signer import DkimSigner
from services.mail.mail_builder import Envelope, Mail
from tools import mail_samples

ROUNDS, MAILS = 15, 200
TEMPLATE = "confirm_signature.txt"


def main() -> None:
    """Prints a Markdown table."""
    values, (_, _, sample) = mail_samples.sample_values(), next(mail_samples.mails())
    signer = DkimSigner(
        generate_private_key(65537, 2048), selector="b", domain="lobby.example.org", clock=utc_now
    )
    calls: dict[str, Callable[[], Envelope]] = {
        "text": lambda: built(sample, values, with_html=False),
        "text and HTML": lambda: built(sample, values, with_html=True),
        "text, signed": lambda: mail_builder.sealed(
            built(sample, values, with_html=False), signer=signer
        ),
        "text and HTML, signed": lambda: mail_builder.sealed(
            built(sample, values, with_html=True), signer=signer
        ),
    }
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            rounds[name].append(seconds(call) / MAILS)
    print("| email | bytes | milliseconds | as a share of text alone |\n|---|---|---|---|")
    for name, measured in rounds.items():
        alone = rounds["text, signed" if "signed" in name else "text"]
        share = statistics.median(a / b for a, b in zip(measured, alone, strict=True))
        size, taken = len(calls[name]().content), statistics.median(measured) * 1000
        print(f"| {name} | {size:,} | {taken:.3f} | {share:.2f} |")


def built(sample: Mail, values: dict[str, Any], *, with_html: bool) -> Envelope:
    """Renders and builds the email."""
    letterhead = mail_samples.LETTERHEAD
    content, html = mail_templates.render(TEMPLATE, values), None
    if with_html:
        html = html_parts.render(
            content, sender=letterhead.name, brand_colour=letterhead.brand_colour
        )
    mail = replace(sample, subject=content.subject, body=content.plain, html=html)
    return mail_builder.build(mail, mail_from="Lobby <post@lobby.example.org>", now=utc_now())


def seconds(call: Callable[[], Envelope]) -> float:
    """Returns the processor time of a round."""
    start = time.process_time()
    for _ in range(MAILS):
        call()
    return time.process_time() - start


if __name__ == "__main__":
    main()

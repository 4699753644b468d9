"""Rotates the secret of a filled database, killing the command on the way, and looks for faults.

A database with as many confirmed signatures as `--signatures` says, and a value in every sealed
column, gets a new secret. `lobby secret rotate` is killed with SIGKILL as often as `--kills` says,
and started again until it ends. Then the old secret is removed. Every value must open under the new
one alone, blind indexes must be the same bytes, veiled ids the same, and people who sign again must
not be counted. `python -m drills.secret` prints a Markdown table.
"""

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from core import logs
from core.settings import ROOT, Settings
from models import Signature, SignatureState, Supporter
from models.base import table_of
from services.assembly import Lobby, open_lobby
from services.campaigns import petitions
from services.database import sealed_columns, secret_keys
from services.demonstration import invented_campaign
from services.operations import recounts
from services.signatures import confirming, recording
from services.signatures.recording import SignatureRequest
from tools import earlier_signatures, forked_commands, sample_data, sealed_rows
from tools.databases import fresh_database
from tools.earlier_signatures import EarlierSignature
from tools.forked_commands import Fork
from tools.settings import SECRET, environment, throwaway_settings

SIGNATURES, KILLS = 200_000, 2
NEW = "the second secret of a drill in which everybody is invented"
AT_ONCE, AGAIN = 1000, 1000
ROTATE = ["lobby", "secret", "rotate", "--stopped"]
SLUG = invented_campaign.about().petition
_signature, _supporter = table_of(Signature), table_of(Supporter)


@dataclass
class Report:
    """Figures and faults of a run. `seconds` are those of all runs of the command together."""

    values: int = 0
    killed_at_work: int = 0
    seconds: float = 0.0
    values_a_second: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def check(self, name: str, wrong: int) -> None:
        """Adds to the faults of a kind."""
        if wrong:
            self.faults[name] += wrong


def run(
    settings: Settings,
    *,
    signatures: int,
    kills: int,
    spoil: Callable[[Lobby], None] = lambda _lobby: None,
) -> Report:
    """Fills the empty database of `settings`, rotates its secret, and compares.

    `spoil` does damage after the rotation, to show that it is found.
    """
    report = Report()
    lobby = open_lobby(settings)
    try:
        _fill(lobby, signatures)
        before, look_ups = _texts(lobby), _look_ups(lobby)
        report.values = sum(map(len, before.values()))
        _rotate(lobby, report, kills)
        alone = open_lobby(_with_secrets(settings, NEW), database=lobby.database)
        secret_keys.check(alone.database, alone.keyring, now=alone.clock())
        spoil(alone)
        report.check("values", _differences(before, alone))
        report.check(
            "look-ups", sum(x != y for x, y in zip(look_ups, _look_ups(alone), strict=True))
        )
        _sign_again(alone, report, signatures)
    finally:
        lobby.close()
    return report


def _fill(lobby: Lobby, signatures: int) -> None:
    sample_data.load_demonstration(lobby)
    now = lobby.clock()
    for start in range(0, signatures, AT_ONCE):
        rows = [
            EarlierSignature(
                address_of(number),
                SignatureState.CONFIRMED,
                now - timedelta(days=start // AT_ONCE % 300),
                name=f"Person {number}",
                comment="Words of my own, and some more of them" if number % 5 == 0 else None,
            )
            for number in range(start, min(start + AT_ONCE, signatures))
        ]
        with lobby.database.write() as session:
            petition = petitions.by_slug(session, SLUG)
            earlier_signatures.add(session, petition, rows, keyring=lobby.keyring)
    sealed_rows.add_one_of_each(lobby)


def address_of(number: int) -> str:
    return f"secret{number}@example.org"


def _rotate(lobby: Lobby, report: Report, kills: int) -> None:
    """Runs the command until it ends; kills it at even distances on its way."""
    variables = environment(_with_secrets(lobby.settings, NEW, SECRET))
    started = time.monotonic()
    for number in range(kills):
        process = Fork(ROTATE, cwd=ROOT, env=variables)
        share = (number + 1) / (kills + 1)
        while process.poll() is None and _share_done(lobby) < share:
            time.sleep(0.02)
        process.kill()
        report.killed_at_work += process.wait() == -signal.SIGKILL
    done = forked_commands.run(ROTATE, cwd=ROOT, env=variables)
    report.seconds = time.monotonic() - started
    report.values_a_second = report.values / report.seconds
    report.check(f"the command failed: {done.stderr.strip()[-200:]}", done.returncode)


def _share_done(lobby: Lobby) -> float:
    """Returns the share of the signatures whose name is sealed under the second version."""
    name = next(each for each in sealed_columns.SEALED if each.name == "signature.name")
    statement = sa.select(
        sa.func.count(), sa.func.count().filter(name.version == b"\x02")
    ).select_from(_signature)
    with lobby.database.read() as session:
        total, done = session.connection().execute(statement).one()
    return float(done / total)


def _with_secrets(settings: Settings, *secrets: str) -> Settings:
    return settings.model_copy(update={"secret_key": SecretStr(",".join(secrets))})


def _texts(lobby: Lobby, *, version: int | None = None) -> sealed_rows.Texts:
    with lobby.database.read() as session:
        return sealed_rows.texts(session, lobby.keyring, version=version)


def _differences(before: sealed_rows.Texts, alone: Lobby) -> int:
    """Counts values that do not open, have the old version, or say something else."""
    try:
        after = _texts(alone, version=2)
    except ValueError:
        return sum(map(len, before.values()))
    return sum(
        before[name].get(key) != after[name].get(key)
        for name in before
        for key in before[name].keys() | after[name].keys()
    )


def _look_ups(lobby: Lobby) -> list[Any]:
    """Returns the stored blind indexes, and a veiled id and an index computed for each row."""
    with lobby.database.read() as session:
        owner = petitions.by_slug(session, SLUG).organisation_id
        rows = session.connection().execute(
            sa.select(_supporter.c.id, _supporter.c.email_index).order_by(_supporter.c.id)
        )
        return [
            (bytes(index), lobby.keyring.veil(owner, row_id, "person")) for row_id, index in rows
        ]


def _sign_again(alone: Lobby, report: Report, signatures: int) -> None:
    """Lets people sign and confirm who have signed before the rotation."""
    before = _people(alone)
    numbers = range(0, signatures, max(1, signatures // AGAIN))
    requests = [
        SignatureRequest(SLUG, "Anna Example", address_of(number), "EH1 1YZ") for number in numbers
    ]
    with alone.database.write() as session:
        outcomes = recording.record(
            session,
            requests,
            postcodes=alone.postcodes.lookup,
            keyring=alone.keyring,
            now=alone.clock(),
        )
    ids = [outcome.signature_id for outcome in outcomes]
    with alone.database.write() as session:
        confirming.confirm_all(
            session, [row_id for row_id in ids if row_id], keyring=alone.keyring, now=alone.clock()
        )
    report.check("nobody signed again", not ids)
    report.check(
        "counted twice", sum(abs(x - y) for x, y in zip(before, _people(alone), strict=True))
    )
    with alone.database.read() as session:
        report.check("tallies", len(recounts.wrong_signatures(session)))


def _people(lobby: Lobby) -> list[int]:
    """Returns the numbers of supporters and of confirmed signatures."""
    confirmed = _signature.c.state == SignatureState.CONFIRMED
    with lobby.database.read() as session:
        return [
            session.connection().execute(statement).scalar_one()
            for statement in (
                sa.select(sa.func.count()).select_from(_supporter),
                sa.select(sa.func.count()).select_from(_signature).where(confirmed),
            )
        ]


def main() -> None:
    """Exits with status 1 when there was a fault."""
    parser = argparse.ArgumentParser(prog="drills.secret", description=__doc__)
    parser.add_argument("--signatures", type=int, default=SIGNATURES)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    # By default SIGTERM would end this process and leave its database server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    logs.configure(level="ERROR")
    names = [each.name for each in fields(Report) if each.name != "faults"]
    cells = ["database", "signatures", *(name.replace("_", " ") for name in names), "faults"]
    print(f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}", flush=True)
    is_good = True
    for backend in ("sqlite", "postgresql"):
        if arguments.only in (None, backend):
            with fresh_database(backend) as (folder, url):
                settings = throwaway_settings(folder, url)
                report = run(settings, signatures=arguments.signatures, kills=arguments.kills)
            values = [f"{getattr(report, name):,.0f}" for name in names]
            faults = ", ".join(f"{name}: {count}" for name, count in report.faults.items())
            row = [backend, f"{arguments.signatures:,}", *values, faults or "0"]
            print(f"| {' | '.join(row)} |", flush=True)
            is_good = is_good and not report.faults
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()

"""Several processes of the service on PostgreSQL, signing, beside one process of E.

The processes share a port and a database, as with `uvicorn --workers`. Client, PostgreSQL and all
of them share the machine's cores: on two cores, more of them need not be faster. The processor time
is that of all processes together, without PostgreSQL's.
"""

import time
from collections.abc import Sequence

from bench.intake.load import Bench, signatures
from bench.intake.starter import Server, Starter
from tools.processes import cpu_seconds_of_all

LONGEST = 60.0  # seconds until all are ready


def table(starter: Starter, counts: Sequence[int], *, requests: int, rounds: int) -> None:
    """Prints a table for 64 clients at once, and one for 512."""
    prepared = [
        starter.prepare(
            f"{count} process{'es' if count > 1 else ''}{version}",
            f"processes {count}",
            on_postgres=True,
            root=root,
        )
        for version, root in starter.versions()
        for count in counts
    ]
    measured = [starter.empty(), *starter.start_all(prepared)]
    for server in measured:
        _wait_until_idle(server)
        Bench(starter.folder, [server], 64, 500, 1).run(server, signatures)
    for clients in (64, 512):
        bench = Bench(starter.folder, measured, clients, requests, rounds)
        bench.table(f"Processes on PostgreSQL, signing, {clients} at once", signatures)


def _wait_until_idle(server: Server) -> None:
    """Waits until all processes have started: one that answers does not mean that the others do."""
    before, deadline = -1.0, time.monotonic() + LONGEST
    while (used := cpu_seconds_of_all(server.pid)) - before > 0.02 and time.monotonic() < deadline:
        before = used
        time.sleep(0.5)

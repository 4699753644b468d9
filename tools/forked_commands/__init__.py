"""Runs the `lobby` command in forks of a process that has imported everything already.

A command spends over a second of a processor on imports, and a server three; the tests run hundreds
of them. A fork has an environment, a current folder, files and an exit status of its own, and takes
signals, as a new process does.
"""

import multiprocessing
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

import cli

Done = subprocess.CompletedProcess[str]
Output = Path | Connection
"""A file that output is added to, or the writing end of a pipe."""
NOTHING = Path(os.devnull)


class Fork:
    """A command without input that runs, with what tests use of `subprocess.Popen`.

    `main` runs it: a function of a module, which reads `sys.argv`.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        out: Output = NOTHING,
        err: Output = NOTHING,
        main: Callable[[], object] = cli.main,
    ) -> None:
        self.args = [str(part) for part in command]
        mask = os.umask(0)  # there is no other way to read it
        os.umask(mask)
        arguments = (main, self.args, cwd, dict(env), mask, out, err)
        self._process = _context().Process(target=_child, args=arguments)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, the negative number of a signal that ended it, or None."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit status.

        :raises subprocess.TimeoutExpired: it takes longer than `timeout` (seconds)
        """
        self._process.join(timeout)
        status = self.returncode
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float | None = None,
) -> Done:
    """Runs a command without input and returns what it printed, as `subprocess.run` would.

    :raises subprocess.TimeoutExpired: it took longer than `timeout` (seconds); it is killed
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        fork = Fork(command, cwd=cwd, env=env, out=out, err=err)
        try:
            status = fork.wait(timeout)
        except subprocess.TimeoutExpired:
            fork.kill()
            fork.wait()
            raise
        return Done(fork.args, status, out.read_text(), err.read_text())


def pipe() -> tuple[Connection, Connection]:
    """Returns the reading and the writing end of a pipe for the output of a fork."""
    return multiprocessing.Pipe(duplex=False)


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    modules = pkgutil.iter_modules(cli.__path__)
    context.set_forkserver_preload(
        [*(f"cli.{module.name}" for module in modules), "tools.forked_commands.preloaded"]
    )
    return context


def _child(
    main: Callable[[], object],
    texts: list[str],
    cwd: Path,
    env: dict[str, str],
    mask: int,
    out: Output,
    err: Output,
) -> None:
    # A shell lets the programs that it starts in the background ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    with NOTHING.open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    _send(1, out)
    _send(2, err)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    sys.argv = texts
    main()


def _send(number: int, output: Output) -> None:
    """Makes `output` the file of this number."""
    with output.open("ab") if isinstance(output, Path) else output as opened:
        os.dup2(opened.fileno(), number)

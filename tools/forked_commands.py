"""Runs the `lobby` command in forks of a process that has imported everything already.

A command spends over a second on imports, and the tests run hundreds of them. A fork has an
environment, a current folder, files and an exit status of its own, as a new process has.
"""

import multiprocessing
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

import cli

Done = subprocess.CompletedProcess[str]


def run(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], timeout: float
) -> Done:
    """Runs a command without input and returns what it printed, as `subprocess.run` would.

    :raises subprocess.TimeoutExpired: it took longer than `timeout` (seconds); it is killed
    """
    texts = [str(part) for part in command]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        arguments = (texts, cwd, dict(env), out, err)
        process = _context().Process(target=_child, args=arguments)
        process.start()
        process.join(timeout)
        status = process.exitcode
        if status is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(texts, timeout)
        process.close()
        return subprocess.CompletedProcess(texts, status, out.read_text(), err.read_text())


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    modules = pkgutil.iter_modules(cli.__path__)
    context.set_forkserver_preload([f"cli.{module.name}" for module in modules])
    return context


def _child(texts: list[str], cwd: Path, env: dict[str, str], out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, file, mode in ((0, Path(os.devnull), "rb"), (1, out, "wb"), (2, err, "wb")):
        with file.open(mode) as opened:
            os.dup2(opened.fileno(), number)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    sys.argv = texts
    cli.main()

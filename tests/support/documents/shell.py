"""Runs a block of a document as its reader would: in a fresh shell in a folder of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.settings import ROOT
from tests.support.cli import Done
from tests.support.documents import commands, lobby_command
from tests.support.documents.blocks import Block
from tests.support.documents.installations import Databases, Installation

ADDRESS = "http://127.0.0.1:8000"
# A refused request fails, and says why.
CURL = "fail\nshow-error\n"
# The browser's `crypto`, which Node.js 18 has under another name.
NODE = 'globalThis.crypto ??= require("node:crypto").webcrypto;\n'
PROGRAMS = {"python": "python3 {}", "js": "node {}"}


@dataclass
class Site:
    """The demonstration with a server at `url`, and copies of it.

    `commands` is the socket for lobby_command.py. `downloads` has the files that readers have.
    """

    shared: Installation
    url: str
    databases: Databases
    commands: Path
    downloads: Path

    def run(self, block: Block, folder: Path) -> Done:
        """Runs a block, after those of its page that come first, in a folder that is empty."""
        home = folder / "home"
        home.mkdir()
        (home / ".curlrc").write_text(CURL)
        with self._installation(block) as installation:
            checkout = self._checkout(folder / "central-lobby", installation)
            script = self._script(block, folder)
            return subprocess.run(
                ["bash", "--noprofile", "--norc", "-euo", "pipefail", script],
                cwd=checkout,
                env=self._environment(home, folder / "bin"),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=commands.SECONDS,
                check=False,
            )

    @contextmanager
    def _installation(self, block: Block) -> Iterator[Installation]:
        """Yields the server's installation to a block that calls it, others get their own."""
        if ADDRESS in block.whole:
            yield self.shared
            return
        own = self.databases.new() if block.word == "new" else self.databases.demonstration()
        yield own
        self.databases.drop(own)

    def _checkout(self, folder: Path, installation: Installation) -> Path:
        """Makes what a checkout looks like after `make run`."""
        folder.mkdir()
        for path in [*ROOT.glob("[!.]*"), *self.downloads.iterdir()]:
            if path.name != "var":
                (folder / path.name).symlink_to(path)
        (folder / ".env").write_text(installation.env_file)
        if installation.data.exists():
            (folder / "var").symlink_to(installation.data)
        self._write_programs(folder / ".venv" / "bin")
        self._write_programs(folder.parent / "bin")
        return folder

    def _write_programs(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        python = sys.executable
        _write_program(folder / "lobby", python, "-IS", lobby_command.__file__, self.commands)
        for name in ("python", "python3"):
            _write_program(folder / name, python)

    def _script(self, block: Block, folder: Path) -> Path:
        texts = [first.text for first in block.firsts]
        if block.language in PROGRAMS:
            suffix = {"python": "py", "js": "mjs"}[block.language]
            program = folder / f"block.{suffix}"
            program.write_text(self.mapped(block.text), "utf-8")
            texts.append(PROGRAMS[block.language].format(program))
        else:
            texts.append(block.text)
        script = folder / "block.sh"
        script.write_text(self.mapped("\n".join(texts)), "utf-8")
        return script

    def mapped(self, text: str) -> str:
        return text.replace(ADDRESS, self.url)

    def _environment(self, home: Path, programs: Path) -> dict[str, str]:
        (home / "node.cjs").write_text(NODE)
        return {
            "HOME": str(home),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            # What takes minutes is only looked up: the targets of make, and the tests.
            "MAKEFLAGS": "n",
            "PYTEST_ADDOPTS": "--collect-only -qq -p no:cacheprovider",
            "NODE_OPTIONS": f"--require {home / 'node.cjs'}",
        }


def _write_program(file: Path, *command: str | Path) -> None:
    words = " ".join(f"'{word}'" for word in command)
    file.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    file.chmod(0o755)


def is_installed(language: str) -> bool:
    return language != "js" or shutil.which("node") is not None


def differences(expected: str, printed: str) -> str:
    """Compares what a page shows with what was printed; '...' in the page is any text."""
    try:
        shown, got = json.loads(expected), json.loads(printed)
    except ValueError:
        is_same = _pattern(expected).fullmatch(printed.strip()) is not None
    else:
        is_same = _is_like(shown, got)
    return "" if is_same else f"The page shows:\n{expected}\nbut it printed:\n{printed}"


def _is_like(shown: Any, got: Any) -> bool:
    if isinstance(shown, dict) and isinstance(got, dict):
        return shown.keys() == got.keys() and all(_is_like(shown[key], got[key]) for key in shown)
    if isinstance(shown, list) and isinstance(got, list):
        return len(shown) == len(got) and all(map(_is_like, shown, got))
    if isinstance(shown, str) and isinstance(got, str):
        return _pattern(shown).fullmatch(got) is not None
    return type(shown) is type(got) and shown == got


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.strip().split("..."))), re.DOTALL)

"""Finds `LOBBY_` variables that are no settings, and lines of `.env` that cannot be read.

A misspelt name would otherwise leave its setting at the default, and say nothing.
"""

import difflib
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from dotenv.parser import parse_stream

PREFIX = "LOBBY_"
ENCODING = "utf-8-sig"  # some editors begin a file with a byte order mark
# What people try in place of an option of `lobby serve`.
_OPTIONS = {"LOBBY_HOST": "--host", "LOBBY_PORT": "--port"}
# Kubernetes sets these in every container, for a service that is called `lobby` or `lobby-...`.
_KUBERNETES = re.compile(
    r"LOBBY_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_KUBERNETES_PORT = re.compile(r"(tcp|udp|sctp)://[^/]+")
# python-dotenv would warn of a line, and skip it. `check` makes it an error.
logging.getLogger("dotenv").setLevel(logging.ERROR)


def check(fields: Collection[str], environment: Mapping[str, str], file: Path | None) -> None:
    """Checks the names of all variables. Case does not matter; an empty one counts as unset.

    :raises ValueError: some are no settings, or a line of `file` is none; with a line of text each
    """
    lines = [*_wrong_names(fields, environment)]
    if file is not None and file.is_file():
        lines += _wrong_in_file(fields, file)
    if lines:
        raise ValueError("\n".join(lines))


def _wrong_in_file(fields: Collection[str], file: Path) -> Iterator[str]:
    values: dict[str, str] = {}
    with file.open(encoding=ENCODING) as stream:
        for binding in parse_stream(stream):
            if binding.error or (binding.key and binding.value is None):
                yield f"{file}, line {binding.original.line}: write it as NAME=value."
            values[binding.key or ""] = binding.value or ""
    for line in _wrong_names(fields, values):
        yield f"{file}: {line}"


def _wrong_names(fields: Collection[str], variables: Mapping[str, str]) -> Iterator[str]:
    known = {f"{PREFIX}{field.upper()}" for field in fields}
    for variable, value in variables.items():
        name = variable.upper()
        if name.startswith(PREFIX) and value and name not in known and not _is_other(name, value):
            yield f"{variable} is not a setting: {_advice(name, known)}"


def _is_other(name: str, value: str) -> bool:
    if _KUBERNETES.fullmatch(name):
        return True
    return name.endswith("_PORT") and _KUBERNETES_PORT.fullmatch(value) is not None


def _advice(name: str, known: Collection[str]) -> str:
    if name in _OPTIONS:
        return f"use `lobby serve {_OPTIONS[name]}`."
    # Without the prefix, which makes all names alike.
    names = [other.removeprefix(PREFIX) for other in sorted(known)]
    nearest = difflib.get_close_matches(name.removeprefix(PREFIX), names, n=1, cutoff=0.5)
    if nearest:
        return f"did you mean {PREFIX}{nearest[0]}?"
    return "docs/operators/settings.md lists all settings."

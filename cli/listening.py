"""Listening on an address: the options of `lobby serve`, and the lines at its start and end."""

import contextlib
import errno
import os
import re
import signal
import socket
import sys
from typing import Annotated, Any

import typer
import uvicorn
from uvicorn.config import STARTUP_FAILURE

from cli.output import tell
from core import urls
from core.listening import DEFAULT_HOST, DEFAULT_PORT, Listening
from core.settings import Settings
from core.version import version
from services.errors import Conflict, Invalid
from services.operations import addresses


def _port(value: str | int) -> int:
    text = str(value)
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= urls.HIGHEST_PORT:
        message = f"--port: '{text}' is no port. Give a number from 1 to {urls.HIGHEST_PORT}."
        raise Invalid("port_malformed", message)
    return int(text)


_AddressInfo = tuple[int, int, int, str, Any]  # what `socket.getaddrinfo` returns
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port to listen on.", parser=_port, metavar="PORT")]
OptionalPort = Annotated[
    int | None,
    typer.Option(help="The --port of `lobby serve`.", parser=_port, metavar="PORT"),
]


def of_options(host: str | None, port: int | None) -> Listening | None:
    """Returns where the service listens, None if neither option is given."""
    if host is None and port is None:
        return None
    return Listening(host or DEFAULT_HOST, port or DEFAULT_PORT)


def use_as_base_url(listening: Listening) -> Settings:
    """Lets links begin with this address if LOBBY_BASE_URL is not set; returns the settings as set.

    It is set in the environment, from which uvicorn's application reads the settings.
    """
    settings = Settings()
    if "base_url" not in settings.model_fields_set:
        os.environ["LOBBY_BASE_URL"] = listening.url
    return settings


def warn(settings: Settings, listening: Listening) -> None:
    """Warns of addresses that do not fit together."""
    for finding in addresses.check(settings, listening):
        tell(finding.text, "yellow")


def check_free(listening: Listening) -> None:
    """Checks that a server can listen here.

    :raises Conflict: the port is in use
    :raises Invalid: this machine has no such address, or the port needs rights
    """
    try:
        found = socket.getaddrinfo(
            listening.host or None,
            listening.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        errors = [error for entry in found if (error := _error_of_binding(entry))]
    except (OSError, UnicodeError) as error:  # no such name, or none that a name can be
        raise _refusal(listening, error) from error
    in_use = [error for error in errors if error.errno == errno.EADDRINUSE]
    # A name such as localhost can also have an address of a family that is turned off.
    if in_use or len(errors) == len(found):
        raise _refusal(listening, (in_use or errors)[0])


def _error_of_binding(entry: _AddressInfo) -> OSError | None:
    family, kind, protocol, _, address = entry
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def _refusal(listening: Listening, error: Exception) -> Conflict | Invalid:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        message = f"{listening} is in use: stop the other program, or choose another --port."
        return Conflict("port_in_use", message)
    if number == errno.EACCES:
        message = f"{listening} needs more rights than this user has: choose another --port."
        return Invalid("port_forbidden", message)
    message = f"--host: '{listening.host}' is no address of this machine."
    return Invalid("host_unknown", message)


def parts_in_use(settings: Settings) -> str:
    """Returns version, database and mail in words, without passwords."""
    database = urls.without_password(settings.database_url)
    return (
        f"version {version()}, database {database}, mail {urls.without_password(settings.smtp_url)}"
    )


def run(config: uvicorn.Config, listening: Listening) -> None:
    """Serves until a signal. Prints a line when the server listens and one when it has stopped.

    SystemExit is raised if the server does not start.
    """
    # uvicorn sends the signal that stopped it once more, which would end the process at once.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = _Server(config, listening)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)
    tell(f"Central Lobby has stopped listening on {listening}.")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listening: Listening) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settings = Settings()
        tell(
            f"Central Lobby is open at {settings.base_url} and listens on {self._listening}: "
            f"{parts_in_use(settings)}, worker {settings.worker}."
        )

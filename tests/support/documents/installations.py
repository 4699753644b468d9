"""Installations of the demonstration for the blocks of the documents, and what readers have."""

import csv
import gzip
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from pydantic import SecretStr
from sqlmodel import select

from core.settings import ROOT, Settings
from models import OutboxMessage
from services.assembly import open_lobby
from services.demonstration import invented_campaign
from tests.support.cli import free_port
from tests.support.documents import commands
from tests.support.outside import members_api, motions_api
from tests.support.outside.members_api import Person
from tests.support.outside.motions_api import DEMONSTRATION
from tools.processes import LOBBY
from tools.settings import SECRET


@dataclass
class Installation:
    """An installation in a folder, as `make run` leaves one in a checkout: `var` and `.env`."""

    folder: Path
    settings: dict[str, str]

    @property
    def data(self) -> Path:
        return self.folder / "var"

    @property
    def env_file(self) -> str:
        return "".join(f"{name}={value}\n" for name, value in self.settings.items())

    def run(self, *arguments: str) -> None:
        done = commands.run(list(arguments), str(self.folder), {})
        assert done is not None
        assert done["status"] == 0, done

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serves the installation, with its worker, and yields its address."""
        url = f"http://127.0.0.1:{(port := free_port())}"
        with (
            Path(self.folder, "log").open("w") as log,
            subprocess.Popen(
                [*LOBBY, "serve", "--port", str(port)],
                cwd=self.folder,
                env={"PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
                text=True,
            ) as server,
        ):
            try:
                assert commands.wait_until_ready(server, url), Path(log.name).read_text()
                yield url
            finally:
                server.terminate()


class Databases:
    """Makes installations on SQLite, or on a PostgreSQL server."""

    def __init__(
        self, folder: Path, downloads: Path, parliament: dict[str, str], postgres: str | None
    ) -> None:
        self._folder, self._parliament, self._postgres = folder, parliament, postgres
        self._demonstration = self.new("demonstration")
        self._demonstration.run("demo")
        _write_mail_logs(self._demonstration, downloads)

    def new(self, name: str = "", *, template: str = "template1") -> Installation:
        """Makes an installation without data."""
        name = name or f"docs{uuid4().hex}"
        folder = self._folder / name
        folder.mkdir()
        settings = dict(self._parliament)
        if self._postgres:
            with psycopg.connect(self._postgres, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            url = self._postgres.replace("/postgres?", f"/{name}?")
            settings |= {"LOBBY_DATABASE_URL": url, "LOBBY_SECRET_KEY": f"'{SECRET}'"}
        installation = Installation(folder, settings)
        (folder / ".env").write_text(installation.env_file)
        return installation

    def demonstration(self) -> Installation:
        """Makes a copy of the demonstration."""
        copy = self.new(template="demonstration")
        shutil.copytree(self._demonstration.data, copy.data)
        return copy

    def drop(self, installation: Installation) -> None:
        if self._postgres:
            with psycopg.connect(self._postgres, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {installation.folder.name} WITH (FORCE)")
        shutil.rmtree(installation.folder)


class _Parliament(motions_api.Parliament):
    """Answers every question about one motion with that of the demonstration."""

    def next_reply(self) -> motions_api.Reply:
        number = re.search(r"\d+", self.asked[-1])
        body = motions_api.demonstration_with(Id=int(number[0]) if number else 0)
        return motions_api.Reply(body, headers=motions_api.JSON)


@contextmanager
def parliament() -> Iterator[dict[str, str]]:
    """Yields the settings of stand-ins for Parliament's two APIs.

    They know those MPs of the demonstration who signed its motion: a sync asks for each MP twice,
    and waits in between.
    """
    members, motions = members_api.MembersApi(), _Parliament()
    signed = {sponsor["MemberId"] for sponsor in json.loads(DEMONSTRATION)["Response"]["Sponsors"]}
    members.people = [
        Person(int(row["member_id"]), row["constituency"], row["name"], row["party"])
        for row in _rows("members.csv")
        if row["member_id"] and int(row["member_id"]) in signed  # a seat can be vacant
    ]
    with commands.serving_in_thread(members), commands.serving_in_thread(motions):
        yield {
            "LOBBY_MEMBERS_API_URL": members.url,
            "LOBBY_MOTIONS_API_URL": motions.url,
            "LOBBY_SYNC_MEMBERS": "off",
        }


def _rows(name: str) -> list[dict[str, str]]:
    with (invented_campaign.FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_downloads(folder: Path) -> None:
    """Writes what readers get elsewhere: the postcodes of the ONS, and a map drawn by hand."""
    seats = _rows("constituencies.csv")
    names = "".join(f'{seat["gss"]},"{seat["name"]}"\n' for seat in seats)
    with zipfile.ZipFile(folder / "ONSPD_LATEST.zip", "w") as archive:
        archive.write(invented_campaign.POSTCODES, "Data/ONSPD_UK.csv")
        archive.writestr("Documents/Constituencies.csv", f"PCON24CD,PCON24NM\n{names}")
    hexes = {seat["gss"]: {"q": column, "r": 0} for column, seat in enumerate(seats)}
    written = json.dumps({"layout": "odd-q", "hexes": hexes})
    (folder / "constituencies.hexjson").write_text(written, "utf-8")


def _write_mail_logs(installation: Installation, folder: Path) -> None:
    """Writes logs with the Message-ID of each message that a mail server can have taken."""
    url = installation.settings.get("LOBBY_DATABASE_URL", "")
    secret = SecretStr(SECRET)
    settings = Settings(data_dir=installation.data, database_url=url, secret_key=secret)
    with closing(open_lobby(settings)) as lobby, lobby.database.read() as session:
        ids = session.exec(select(OutboxMessage.id)).all()
    lines = "".join(f"<{number}@lobby.example.org>\n" for number in ids)
    (folder / "mail.log").write_text(lines)
    (folder / "mail.log.1").write_text(lines)
    (folder / "mail.log.2.gz").write_bytes(gzip.compress(lines.encode()))

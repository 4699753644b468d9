"""Databases whose SQLAlchemy engines are used again by later tests.

A new engine has an empty cache of compiled statements, which costs a test a third of its time.
"""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from services.database.engine import Database

_idle: dict[str, list["ReusedDatabase"]] = defaultdict(list)


class ReusedDatabase(Database):
    """A `Database` that takes over the engines of one that a test has closed."""

    _place: list[str]
    _is_open = True

    def __init__(self, url: str) -> None:
        idle = _idle[_kind(url)]
        if idle:
            vars(self).update(vars(idle.pop()), url=url, _is_open=True)
            self._version = self._version_but_counts = 0
            self._place[0] = url
        else:
            super().__init__(url)
            self._place = [url]
            for engine in {self._reader, self._writer}:
                sa.event.listen(engine, "do_connect", self._redirect)

    def _redirect(
        self, dialect: sa.Dialect, _record: object, args: list[Any], options: dict[str, Any]
    ) -> None:
        """Connects to the current database; the engine was made for another one."""
        args[:], place = dialect.create_connect_args(sa.make_url(self._place[0]))
        options.update(place)

    def close(self) -> None:
        """Closes all connections, and keeps the engines for the next database."""
        super().close()
        if self._is_open:
            self._is_open = False
            _idle[_kind(self.url)].append(self)


def _kind(url: str) -> str:
    return url.partition(":")[0]

"""Databases of tests, whose engines are used again: to compile the same statements anew for every
test takes a third of its time."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from services.database.engine import Database

_resting: dict[str, list["ReusedDatabase"]] = defaultdict(list)


class ReusedDatabase(Database):
    """As a new `Database` in all but its engines, which one that was closed has handed on."""

    _place: list[str]
    _is_open = True

    def __init__(self, url: str) -> None:
        resting = _resting[_kind(url)]
        if resting:
            vars(self).update(vars(resting.pop()), url=url, _is_open=True)
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
        """Of what was said when the engine was made, only where to connect changes."""
        args[:], place = dialect.create_connect_args(sa.make_url(self._place[0]))
        options.update(place)

    def close(self) -> None:
        """Give back every connection. The engines wait for another database, once."""
        super().close()
        if self._is_open:
            self._is_open = False
            _resting[_kind(self.url)].append(self)


def _kind(url: str) -> str:
    return url.partition(":")[0]

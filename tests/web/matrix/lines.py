"""The lines of the table, with the addresses to which they lead."""

import re
from dataclasses import dataclass
from itertools import product
from uuid import uuid4

from models import Role
from tests.web.matrix import table, world
from tests.web.matrix.world import World

BY_ROLE = {
    Role.VIEWER: table.VIEWERS,
    Role.EDITOR: table.EDITORS,
    Role.OWNER: table.OWNERS,
}
PARAMETER = re.compile(r"\{(\w+)(?:=([\w-]+))?\}")


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    text: str

    @property
    def method(self) -> str:
        return self.text.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.text.partition(" ")[2]

    @property
    def route(self) -> str:
        """Returns the line as the application's route has it."""
        return PARAMETER.sub(r"{\1}", self.text)

    @property
    def names(self) -> list[str]:
        """Returns the parameters that name an object of an organisation."""
        return [name for name, fixed in PARAMETER.findall(self.path) if not fixed]

    def filled(self, values: dict[str, str]) -> str:
        """Returns the path with these values of its parameters."""
        return PARAMETER.sub(lambda found: found[2] or values[found[1]], self.path)

    def own(self, of: World) -> str:
        return self.filled({name: self.value(of.ours, name) for name in self.names})

    def foreign(self, of: World) -> list[str]:
        """Returns every mixture of objects of which at least one is the other organisation's."""
        mixtures = product((of.ours, of.theirs), repeat=len(self.names))
        return [
            self.filled(
                {name: self.value(side, name) for name, side in zip(self.names, sides, strict=True)}
            )
            for sides in mixtures
            if of.theirs in sides
        ]

    def absent(self) -> str:
        """Returns the path of objects that nobody has."""
        return self.filled({name: _absent(name) for name in self.names})

    def value(self, side: dict[str, str], name: str) -> str:
        return world.value_of(side, self.path, name)


def _absent(name: str) -> str:
    if name.endswith("_id"):
        return str(uuid4())
    return "0" * 12 if name == "prefix" else "no-such-thing"


def lines(*texts: str) -> list[Line]:
    return [Line(text) for text in texts]


DESK = [(least, line) for least, texts in BY_ROLE.items() for line in lines(*texts)]
WRITES = [(least, line) for least, line in DESK if line.method != "GET"]
READS = [(least, line) for least, line in DESK if line.method == "GET"]

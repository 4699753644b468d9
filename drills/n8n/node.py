"""A process of Node.js that runs n8n's Action Network node."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.errors import DrillFailed

Json = dict[str, Any]
SCRIPT = Path(__file__).with_name("run_node.js")
PACKAGES = ("n8n-nodes-base", "n8n-core", "n8n-workflow")


@dataclass(frozen=True, slots=True)
class Refused:
    """What n8n shows its user: its message, and the server's own words below it."""

    message: str
    description: str


class N8n:
    """n8n's node, one call after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.calls = 0

    def execute(self, resource: str, operation: str, **parameters: Any) -> list[Json]:
        """Returns the items that the node puts out. Raises DrillFailed if it stops."""
        return self._items({"call": "execute"}, resource, operation, parameters)

    def one(self, resource: str, operation: str, **parameters: Any) -> Json:
        """Returns the only item."""
        (item,) = self.execute(resource, operation, **parameters)
        return item

    def choices(self, method: str, **parameters: Any) -> list[Json]:
        """Returns the choices that n8n offers in a field."""
        return self._items({"call": "choices", "method": method}, "personTag", "remove", parameters)

    def accepts_key(self) -> bool:
        """Returns whether n8n says that the key is good."""
        return "items" in self._ask({"call": "test"})

    def refused(self, resource: str, operation: str, **parameters: Any) -> Refused:
        """Returns what n8n says of a call that is to fail. Raises DrillFailed if it does not."""
        values = {"resource": resource, "operation": operation, **parameters}
        outcome = self._ask({"call": "execute", "parameters": values})
        if "error" not in outcome:
            raise DrillFailed(f"{resource} {operation} was not refused")
        return Refused(outcome["error"]["message"] or "", outcome["error"].get("description") or "")

    def _items(self, call: Json, resource: str, operation: str, parameters: Json) -> list[Json]:
        values = {"resource": resource, "operation": operation, **parameters}
        outcome = self._ask(call | {"parameters": values})
        if "error" in outcome:
            raise DrillFailed(f"n8n: {resource} {operation}: {outcome['error']}")
        items: list[Json] = outcome["items"]
        return items

    def _ask(self, call: Json) -> Json:
        self.calls += 1
        written, read = self._process.stdin, self._process.stdout
        if written is None or read is None:
            raise DrillFailed("the process has no pipes")
        written.write(json.dumps(call) + "\n")
        written.flush()
        for line in read:
            if line.startswith("@"):
                outcome: Json = json.loads(line[1:])
                return outcome
        raise DrillFailed("Node.js has ended")


def why_absent(packages: Path) -> str | None:
    """Returns what is missing to run the drill, or None."""
    if shutil.which("node") is None:
        return "there is no Node.js"
    missing = [name for name in PACKAGES if not (packages / "node_modules" / name).is_dir()]
    return f"{packages} lacks {', '.join(missing)}" if missing else None


def versions(packages: Path) -> str:
    """Returns the versions of Node.js and of n8n's packages."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    told = [f"Node.js {node.stdout.strip()}"]
    for name in PACKAGES:
        about = json.loads((packages / "node_modules" / name / "package.json").read_text())
        told.append(f"{name} {about['version']}")
    return ", ".join(told)


@contextmanager
def running(packages: Path, *, key: str, proxy: str, trusted: Path, home: Path) -> Iterator[N8n]:
    """Starts Node.js, which keeps n8n's files in `home`, and ends it."""
    given = {
        "API_KEY": key,
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
        "NO_PROXY": "",
        "NODE_EXTRA_CA_CERTS": str(trusted),
        "N8N_USER_FOLDER": str(home),
    }
    process = subprocess.Popen(
        ["node", str(SCRIPT), str(packages)],
        env=os.environ | given,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            yield N8n(process)
        finally:
            process.kill()

"""Reports each call of a client to the test that runs it, as a line of JSON."""

import json
import sys
from collections.abc import Callable
from typing import Any


def record_call(name: str, call: Callable[[], Any]) -> Any:
    """Makes a call and prints its outcome. An `@` tells our lines from those of the library."""
    try:
        answer, error = call(), None
    except Exception as raised:  # any error of the library is what its user sees
        answer, error = None, f"{type(raised).__name__}: {raised}"
    line = json.dumps({"call": name, "answer": answer, "error": error}, default=str)
    sys.stdout.write(f"\n@{line}\n")
    return answer

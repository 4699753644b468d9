"""How a client's calls are told to the test that runs it: a line of JSON each."""

import json
import sys
from collections.abc import Callable
from typing import Any


def record_call(name: str, call: Callable[[], Any]) -> Any:
    """Make one call, and tell what came of it. The library prints too: lines of ours begin so."""
    try:
        answer, error = call(), None
    except Exception as raised:  # whatever the library makes of an answer is what its user sees
        answer, error = None, f"{type(raised).__name__}: {raised}"
    line = json.dumps({"call": name, "answer": answer, "error": error}, default=str)
    sys.stdout.write(f"\n@{line}\n")
    return answer

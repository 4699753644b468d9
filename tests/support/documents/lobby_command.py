"""Stands for the `lobby` command in the shells of the documents' blocks.

It asks the process of the tests to run the command in a fork (tools/forked_commands.py), because a
process of its own would import the service for a second. It imports nothing of ours.
"""

import json
import os
import socket
import sys


def main() -> None:
    address, *arguments = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        asked = {"arguments": arguments, "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109 - imports less
        connection.sendall(json.dumps(asked).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            done = json.load(answer)
    if done is None:  # it looks at the shell that started it
        program = "from cli import main; main()"
        os.execv(sys.executable, [sys.executable, "-c", program, *arguments])
    sys.stdout.write(done["stdout"])
    sys.stdout.flush()
    sys.stderr.write(done["stderr"])
    sys.exit(done["status"])


if __name__ == "__main__":
    main()

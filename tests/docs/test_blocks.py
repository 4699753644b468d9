"""Runs every block of every document as its reader would.

It changes nothing in a block but the address http://127.0.0.1:8000, which becomes that of the
test's own server; the command `lobby`, on the path and in `.venv/bin`, runs the same command in a
fork. Each block has a fresh shell, which stops at the first command that fails, a home without
files, an environment without variables of ours, and a folder that looks like a checkout after `make
run`. A block that calls the server shares its data; any other block has a copy. `make` prints its
commands and runs none (MAKEFLAGS). The page brings everything else, but for the files that
`write_downloads` and `_write_mail_logs` in tests/support/documents/installations.py write. `lobby
serve` takes a free port and ends when it answers, and a question is answered with yes. Stand-ins on
loopback answer for Parliament's APIs (`.env`), and old versions of Node.js get the `crypto` that
browsers have.
"""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.support.documents import shell
from tests.support.documents.blocks import Block, all_blocks, blocks_of
from tests.support.documents.shell import ADDRESS, Site

RUN = [block for block in all_blocks() if block.runs]
USES_DATA = ("lobby ", ADDRESS)
SQLITE_ONLY = "lobby backup"  # other databases have tools of their own


def cases() -> list[object]:
    """Returns each database with the blocks that use one; the others run once."""
    on_postgres = [
        block
        for block in RUN
        if any(text in block.whole for text in USES_DATA) and SQLITE_ONLY not in block.whole
    ]
    by_backend = {"sqlite": RUN, "postgresql": on_postgres}
    return [
        pytest.param(backend, block, id=f"{backend}-{block}")
        for backend, blocks in by_backend.items()
        for block in blocks
    ]


def made_up(text: str) -> Block:
    return blocks_of("made-up.md", text)[-1]


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "block"), cases(), indirect=["backend"])
def test_a_block_runs_in_a_fresh_shell_and_prints_what_the_page_shows(
    block: Block, site: Site, tmp_path: Path
) -> None:
    if not shell.is_installed(block.language):
        pytest.skip("Node.js is not installed")
    done = site.run(block, tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    if block.output:
        assert shell.differences(site.mapped(block.output), done.stdout) == ""


def test_the_receiver_of_webhooks_in_python_takes_each_delivery_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = "whsec_" + base64.b64encode(b"a secret of this test").decode()
    monkeypatch.setenv("SECRET", secret)
    (program,) = [b for b in RUN if b.page == "docs/guide/webhooks.md" and b.language == "python"]
    names: dict[str, Any] = {}
    exec(program.text, names)
    body, now = '{"type": "webhook.test"}', datetime.now(UTC)
    signature = Webhook(secret).sign("a delivery", now, body)
    headers = {
        "webhook-id": "a delivery",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    for _ in range(2):
        assert names["receive"](body.encode(), headers) == 204
    assert names["queue"].qsize() == 1
    assert names["receive"](b'{"type": "another"}', headers) == 400


FAULTY = {
    "a variable that nobody set": '```sh\necho "$KEY"\n```\n',
    "a variable of another block": '```sh\nKEY=1\n```\n```sh\necho "$KEY"\n```\n',
    "a variable that a program does not get": (
        '```sh first\nKEY=1\n```\n```python\nimport os\n\nos.environ["KEY"]\n```\n'
    ),
    "a file that nobody wrote": "```sh\ncat stall.csv\n```\n",
    "a command in the middle": "```sh\nlobby key list --organisation no-such\necho done\n```\n",
    "a command in a pipe": "```sh\nlobby key list --organisation no-such | cat\n```\n",
    "a refused request": f"```sh\ncurl -s {ADDRESS}/v1/campaigns/no-such\n```\n",
    "a setting of the machine": '```sh\necho "$LOBBY_DATA_DIR"\n```\n',
}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("text", FAULTY.values(), ids=FAULTY)
def test_a_block_that_lacks_something_fails(
    text: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "of the machine")
    monkeypatch.setenv("LOBBY_DATA_DIR", "of the machine")
    assert site.run(made_up(text), tmp_path).returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_block_gets_what_the_block_to_run_first_exports(site: Site, tmp_path: Path) -> None:
    first = "```sh first\nexport KEY=1\n```\n"
    block = made_up(first + '```python\nimport os\n\nprint(os.environ["KEY"])\n```\n')
    assert site.run(block, tmp_path).stdout == "1\n"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_block_that_calls_no_server_changes_only_a_copy(site: Site, tmp_path: Path) -> None:
    create = "lobby organisation create 'A Copy' --slug a-copy\n"
    change = "lobby organisation change a-copy --website https://example.org\n"
    for name, text, status in (("both", create + change, 0), ("after", change, 1)):
        (tmp_path / name).mkdir()
        done = site.run(made_up(f"```sh\n{text}```\n"), tmp_path / name)
        assert done.returncode == status, done.stderr


@pytest.mark.parametrize(
    ("shown", "printed", "is_same"),
    [
        ("12 tiles.\n", "12 tiles.", True),
        ("12 tiles.\n", "13 tiles.\n", False),
        ("12 tiles.\n", "12 tiles.\nand more\n", False),
        ("id ... of it", "id 4F1B of it", True),
        ("...\nlast", "one\ntwo\nlast", True),
        ('{"id": "...", "count": 1}', '{"count": 1, "id": "x"}', True),
        ('{"id": "...", "count": 1}', '{"count": 2, "id": "x"}', False),
        ('{"id": "..."}', '{"id": "x", "name": "y"}', False),
        ('[{"id": null}]', '[{"id": false}]', False),
        ('["a", "b"]', '["a"]', False),
    ],
)
def test_what_a_page_shows_is_compared_with_what_is_printed(
    shown: str, printed: str, is_same: bool
) -> None:
    assert (shell.differences(shown, printed) == "") is is_same

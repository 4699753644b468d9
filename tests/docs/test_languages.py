"""Tests that the blocks that do not run are well formed, few, and do not run for a reason."""

import ast
import importlib.util
import json
import re
import subprocess
import textwrap
from collections import Counter
from collections.abc import Callable
from configparser import ConfigParser
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
import pytest
import yaml
from fastapi.testclient import TestClient

from core.settings import ROOT, Settings
from models import WebhookEvent
from services.assembly import Lobby
from services.letters.kinds import template_language
from services.traffic.proof_of_work import ProofOfWork
from services.webhooks import payloads
from tests.support.documents import shell
from tests.support.documents.blocks import PARSED, WORDS, Block, all_blocks

OTHERS = [block for block in all_blocks() if not block.runs]
DRAWN = "text"
# Blocks that neither run nor are parsed.
DRAWINGS = Counter(
    {
        "docs/developers/architecture.md": 1,
        "docs/guide/widget.md": 1,
        "docs/operators/bounces.md": 1,
        "docs/operators/mail-domain.md": 1,
    }
)
NOT_RUN = [
    "CONTRIBUTING.md: it runs tests.",
    "docs/developers/add-a-migration.md: it runs tests.",
    "docs/developers/add-an-endpoint.md: it runs tests.",
    "docs/developers/testing.md: it runs tests.",
    "docs/developers/testing.md: it writes more than 200,000 rows, which takes a minute.",
    "docs/guide/letters.md: the demonstration sent nothing in that period, so the command refuses.",
    "docs/guide/webhooks.md: express and standardwebhooks come from npm.",
    "docs/operators/drills.md: drills take hours, and need an idle machine.",
    "docs/operators/running.md: it reads the journal of systemd.",
]


def test_every_block_names_its_language_and_what_it_is() -> None:
    known = {DRAWN, *PARSED}
    wrong = [str(b) for b in all_blocks() if b.language not in known or b.word not in WORDS]
    assert wrong == []
    assert len(all_blocks()) > 70


def test_the_blocks_that_do_not_run_are_few_and_say_why() -> None:
    unrun = [f"{block.page}: {block.reason}" for block in OTHERS if block.word == "unrun"]
    assert unrun == NOT_RUN
    drawn = Counter(block.page for block in OTHERS if block.language == DRAWN)
    assert drawn == DRAWINGS


def test_parts_of_files_are_for_developers_and_for_pages_of_partners() -> None:
    pages = {block.page for block in OTHERS if block.word == "part"}
    others = {page for page in pages if not page.startswith("docs/developers/")}
    assert others == {"docs/guide/widget.md"}


def test_a_page_tells_readers_what_to_run_first() -> None:
    silent = [
        str(block)
        for block in all_blocks()
        if block.word == "first" and "first" not in block.above.strip().split("\n\n")[-1]
    ]
    assert silent == []


def parse_python(block: Block) -> None:
    """Takes a part of a file out of its class or function."""
    lines = block.text.splitlines(keepends=True)
    while lines[0].startswith("#"):
        del lines[0]
    text = textwrap.dedent("".join(lines))
    try:
        ast.parse(text)
    except SyntaxError:  # an entry of a dictionary
        ast.parse(f"{{{text}}}")


def parse_js(block: Block) -> None:
    if not shell.is_installed("js"):
        pytest.skip("Node.js is not installed")
    command = ["node", "--check", "--input-type=module", "-"]
    done = subprocess.run(command, input=block.text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def parse_json(block: Block) -> None:
    text = f"{{{block.text}}}" if block.word == "part" else block.text
    assert documents_of(text)


def documents_of(text: str) -> list[Any]:
    """Returns the JSON documents of a text that has one after the other."""
    documents, rest = [], text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        documents.append(document)
        rest = rest[end:].strip()
    return documents


def parse_env(block: Block, folder: Path) -> None:
    (folder / ".env").write_text(block.text)
    names = re.findall(r"^LOBBY_(\w+)=", block.text, re.MULTILINE)
    assert len(names) == len(block.text.splitlines())
    settings = Settings(_env_file=folder / ".env", data_dir=folder)
    assert {name.lower() for name in names} <= settings.model_fields_set


def parse_ini(block: Block) -> None:
    parser = ConfigParser(delimiters="=", comment_prefixes="#", strict=True)
    parser.read_string(f"[all]\n{block.text}")
    assert parser.options("all")


def parse_jinja(block: Block) -> None:
    """A part of a file is an email of ours; anything else is a letter of an organisation."""
    if block.word == "part":
        jinja2.Environment(autoescape=True).parse(block.text)
    else:
        template_language.check(block.text, knows_earlier=False)


class Tags(HTMLParser):
    """Notes the addresses in a page, and which of its tags are open."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parse_html(block: Block) -> None:
    """A part of a file is a template of ours."""
    if block.word == "part":
        jinja2.Environment(autoescape=True).parse(block.text)
    tags = Tags()
    tags.feed(block.text)
    tags.close()
    assert tags.open == []


def parse_sh(block: Block) -> None:
    """Looks up every file, option, module and target of `make` that a block names."""
    command = ["bash", "-n", "-c", block.text]
    assert subprocess.run(command, capture_output=True, check=False).stderr == b""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", block.text, re.MULTILINE):
        assert f"\n{target}: " in makefile
    for path in re.findall(r"(?<=\s)\w+/[\w./]+", block.text):
        assert path.startswith("var/") or (ROOT / path).exists(), path
    text = re.sub(r"^lobby ", "-m cli ", block.text, flags=re.MULTILINE)
    for module, options in re.findall(r"-m ((?:tools|drills|cli)\S*)(.*)", text):
        assert importlib.util.find_spec(module), module
        package = ROOT / module.partition(".")[0]
        sources = "".join(file.read_text() for file in package.rglob("*.py"))
        for name in re.findall(r"--([\w-]+)", options):
            # As an argument, or as a field of which the module makes one.
            assert re.search(rf'"--{name}"|^ +{name.replace("-", "_")}: ', sources, re.M), name


PARSERS: dict[str, Callable[[Block], object]] = {
    "python": parse_python,
    "js": parse_js,
    "json": parse_json,
    "yaml": lambda block: yaml.safe_load(block.text)["scrape_configs"],
    "html": parse_html,
    "ini": parse_ini,
    "jinja": parse_jinja,
    "sh": parse_sh,
}


@pytest.mark.parametrize("block", [b for b in OTHERS if b.language != DRAWN], ids=str)
def test_a_block_that_does_not_run_is_well_formed(block: Block, tmp_path: Path) -> None:
    if block.language == "env":
        parse_env(block, tmp_path)
    else:
        PARSERS[block.language](block)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_address_in_html_for_other_sites_answers(client: TestClient) -> None:
    blocks = [b for b in OTHERS if b.language == "html" and b.word == ""]
    for block in blocks:
        tags = Tags()
        tags.feed(block.text)
        assert len(tags.addresses) == 2
        for address in tags.addresses:
            assert address.startswith(shell.ADDRESS)
            parts = urlsplit(address)
            answer = client.get(f"{parts.path}?{parts.query}", follow_redirects=True)
            assert answer.status_code == 200, address
    assert len(blocks) == 1


def shown_in(page: str) -> list[Any]:
    blocks = [block for block in all_blocks() if block.page == page and block.language == "json"]
    return [document for block in blocks for document in documents_of(block.text)]


def shape_of(value: Any) -> Any:
    """Returns the names in a value, without what they hold."""
    if isinstance(value, dict):
        return {name: shape_of(part) for name, part in value.items()}
    return [shape_of(part) for part in value] if isinstance(value, list) else None


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_challenge_shown_has_the_fields_that_clients_get(lobby: Lobby) -> None:
    (shown,) = shown_in("docs/guide/api.md")
    assert shown["proof"].keys() == ProofOfWork(lobby.keyring, lobby.clock).challenge().keys()


def test_the_events_shown_have_the_fields_that_receivers_get() -> None:
    shown = shown_in("docs/guide/webhooks.md")
    assert len(shown) >= 3
    for document in shown:
        sample = payloads.sample(WebhookEvent(document["type"]), is_personal=True)
        assert shape_of(document) == shape_of(json.loads(json.dumps(sample, default=str)))

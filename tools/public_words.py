"""Finds what the public reads: the texts in templates of pages and mails, and in messages.

The reading age is the grade of Flesch and Kincaid (1975): 0.39 words a sentence, and 11.8 syllables
a word, less 15.59. Grade 7 is read at the age of 12. Only texts of `SHORTEST` words or more count,
because labels and headings of a word or two would flatter every page. What a template puts in at
run time counts as one word of two syllables. Syllables are counted by groups of vowels, with the
exceptions below; on texts of pages that is within a tenth of a grade of counting by hand.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jinja2 import Environment

ROOT = Path(__file__).parent.parent
DEMONSTRATION = ROOT / "services/demonstration/campaign.json"
SHORTEST = 4  # words of a text that counts for the reading age
FILLED_IN = "Anna"
_FOR_DEVELOPERS = {"style_guide.html", "style_guide_desk.html", "dev_mail.html", "dev_mails.html"}
_WITHOUT_WORDS = {"icon.html"}  # only shapes
_FOR_ORGANISERS = "webhook_"  # the mails about webhooks, and what is about them alone
# Modules whose messages and words the public reads.
_MODULES = (
    "api/http/errors.py",
    "services/campaigns/campaigns.py",
    "services/campaigns/petitions.py",
    "services/common/texts.py",
    "services/common/tokens.py",
    "services/delivery/rendering.py",
    "services/letters/*.py",
    "services/letters/drafting/*.py",
    "services/postcodes/directory.py",
    "services/signatures/*.py",
    "services/submissions/*.py",
    "services/supporters/preferences.py",
    "services/supporters/seat_watches.py",
    "services/supporters/wordings.py",
    "services/traffic/*.py",
    "web/base/*.py",
    "web/embed/**/*.py",
    "web/public/**/*.py",
)
# What only organisers, operators and callers of the API read.
_NOT_PUBLIC = (
    "services/letters/letter_exports.py",
    "services/letters/letter_queue.py",
    "services/letters/letter_pages.py",
    "services/letters/queue_overview.py",
    "services/letters/uncertain.py",
    "services/signatures/from_file",
    "services/signatures/imported.py",
    "services/signatures/keyed.py",
    "services/signatures/pending_exports.py",
    "services/signatures/pending_imports.py",
    "services/signatures/signature_exports.py",
    "services/submissions/findings.py",
    "services/traffic/answer_cache.py",
    "services/traffic/group_commit.py",
    "services/traffic/idempotency.py",
    "web/public/brand_styles.py",
    "web/public/style_guide.py",
)
_INLINE = {"a", "abbr", "b", "code", "em", "i", "small", "span", "strong", "time"}
_UNREAD = {"script", "style", "svg", "noscript"}
_READ_ATTRIBUTES = ("alt", "aria-label", "placeholder", "title")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[^\W_]+(?:[’'-][^\W_]+)*")
_BREAK = "\x1e"  # ends a text; is in no template
_environment = Environment()  # it reads the tokens, and renders nothing


def page_templates() -> list[Path]:
    """Returns the templates of pages and frames that the public sees, and of their components."""
    files = sorted((ROOT / "web/templates").rglob("*.html"))
    left_out = _FOR_DEVELOPERS | _WITHOUT_WORDS
    return [
        file for file in files if file.parent.name != "organisers" and file.name not in left_out
    ]


def mail_templates() -> list[Path]:
    """Returns the templates of emails to the public, as plain text and as HTML."""
    files = sorted((ROOT / "services/mail/templates").rglob("*.*"))
    return [file for file in files if not file.name.startswith(_FOR_ORGANISERS)]


def modules() -> list[Path]:
    """Returns the modules with messages that the public reads."""
    files = sorted({file for pattern in _MODULES for file in ROOT.glob(pattern)})
    return [file for file in files if not _name(file).startswith(_NOT_PUBLIC)]


def texts_of_template(file: Path) -> list[str]:
    """Returns the texts of a template, with `FILLED_IN` for what it fills in at run time."""
    written, literals = _parts(file.read_text("utf-8"))
    if file.suffix == ".html":
        parser = _Texts()
        parser.feed(written)
        parser.close()
        written = _BREAK.join(parser.parts)
    else:
        written = written.replace("\n\n", _BREAK)
    texts = [" ".join(part.split()) for part in written.split(_BREAK)]
    return [text for text in [*texts, *literals] if re.search(r"[^\W\d_]{2}", text)]


def texts_of_module(file: Path) -> list[str]:
    """Returns the strings of a module that read like a sentence or a label. Docstrings do not."""
    tree = ast.parse(file.read_text("utf-8"))
    found = (text for node in _strings(tree) for text in [_text_of(node)] if " " in text)
    return [text for text in found if re.match(r"[A-Z“]", text)]


def texts_of_json(file: Path) -> list[str]:
    """Returns the texts of a JSON file, such as that of the demonstration, without its names."""

    def values(part: Any) -> Iterator[str]:
        if isinstance(part, dict | list):
            for inner in part.values() if isinstance(part, dict) else part:
                yield from values(inner)
        elif isinstance(part, str):
            yield part

    return [text for text in values(json.loads(file.read_text("utf-8"))) if " " in text]


def sentences(texts: Iterable[str]) -> list[str]:
    """Returns the sentences that count for the reading age."""
    parts = [part for text in texts for part in _SENTENCE.split(text)]
    return [part for part in parts if len(_WORD.findall(part)) >= SHORTEST]


def reading_grade(texts: Iterable[str]) -> float:
    """Returns the grade of Flesch and Kincaid; 0 for texts without a sentence that counts."""
    counted = sentences(texts)
    words = [word for sentence in counted for word in _WORD.findall(sentence)]
    if not words:
        return 0.0
    a_sentence = len(words) / len(counted)
    a_word = sum(map(syllables, words)) / len(words)
    return round(0.39 * a_sentence + 11.8 * a_word - 15.59, 1)


def syllables(word: str) -> int:
    """Returns the number of syllables of an English word, at least 1."""
    plain = word.lower().replace("’", "'")
    if plain.isdigit():
        return 1
    groups = len(re.findall(r"[aeiouy]+", plain))
    # `ia` in `memorial` and `ue` in `constituency` are two; `sion` and `tion` are one.
    groups += len(re.findall(r"(?<![ct])i[ao](?![mn])|[^gq]u[ae]n|eo(?!ple)|[aeiou]ing\b", plain))
    # The e at the end is silent, but for `-le` after a consonant; so is that of most past forms.
    if re.search(r"[^aeiouy]e$", plain) and not re.search(r"[^aeiouy]le$", plain):
        groups -= 1
    if re.search(r"[^aeiouytd]ed$|[^aeiouysxz]es$", plain) and not re.search(r"[cg]es$", plain):
        groups -= 1
    return max(groups, 1)


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def _parts(source: str) -> tuple[str, list[str]]:
    """Returns what a template writes, and the strings in its tags."""
    written, literals, is_filled = [], [], False
    for _, kind, value in _environment.lex(source):
        if kind == "data":
            written.append(value)
        elif kind == "variable_begin":
            written.append(FILLED_IN)
            is_filled = True
        elif kind == "variable_end":
            is_filled = False
        elif kind == "name" and value in ("else", "elif") and not is_filled:
            written.append(_BREAK)  # one of two texts is shown
        elif kind == "string":
            literals.append(str(ast.literal_eval(value)))
    return "".join(written), [text for text in literals if " " in text or text[:1].isupper()]


class _Texts(HTMLParser):
    """Collects the texts between tags that are not inline, and those in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [""]
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.parts[:0] = [values[name] or "" for name in _READ_ATTRIBUTES if name in values]
        self._unread += tag in _UNREAD
        self._end_of_text(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in _UNREAD
        self._end_of_text(tag)

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.parts[-1] += data

    def _end_of_text(self, tag: str) -> None:
        if tag not in _INLINE:
            self.parts.append("")


def _strings(tree: ast.Module) -> Iterator[ast.Constant | ast.JoinedStr]:
    documenting = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) in documenting or id(node) in inner:
            continue
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if isinstance(node, ast.JoinedStr) or is_text:
            yield node  # type: ignore[misc] # a constant here is a text


def _text_of(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else FILLED_IN for part in node.values
    )

"""Tests the words of pages, mails and messages that the public reads: none is banned, and a child
of twelve can read them.

`tools/public_words.py` finds the words, and says how the reading age is computed.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from tools import public_words
from tools.public_words import ROOT

# Grade 7 of Flesch and Kincaid is read at the age of 12.
HIGHEST_GRADE = 7.0
FEW = 30  # words: shorter pages are read together, since one name can double their grade
# What is wrong, with what to write instead.
BANNED = {
    r"\bafresh\b": "'again', or say what is new",
    r"\bat the desk\b": "name the page",
    r"\b(?:by|of) (?:it|them)sel(?:f|ves)\b": "say who does it",
    r"\be-mail": "'email'",
    r"\bgone astray\b": "'did not arrive'",
    r"\bgo on:": "'Continue'",
    r"\b(?:has|have) to do with (?:it|them)\b": "say what",
    r"\bhouse and street\b": "'Address line 1'",
    r"\bheld against\b": "say what happens",
    r"\bin sum\b": "'Totals'",
    r"\bjunk mail\b": "'spam or junk folder'",
    r"\b(?:is|are|was|were|be) told of\b": "say who tells whom what",
    r"\b(?:keep|keeps|kept)\b[^.]{0,30}\bback\b": "'we haven't sent'",
    r"\ba (?:mail|mails)\b|\b(?:this|that|these|no|any|every|new|our|your) mails?\b": "'email'",
    r"\bmail programs?\b": "'email'",
    r"\bmust not\b": "'can't', or say what happens",
    r"\bneighbour(?:’s\b|'s\b)": "postcodes of others find other MPs",
    r"\bno longer before parliament\b": "say that the session has ended",
    r"\bnothing \w+ \w+ (?:before|until)\b|\bnothing (?:is|was) counted\b": "say who does what",
    r"\bput these\b|\bput in\b": "'add'",
    r"\bseat by seat\b": "'Every constituency'",
    r"\bstands\b": "'is', or 'has signed'",
    r"\bhow (?:all )?\w+ stand\b|\bhow it stands\b": "'what they have said', 'as it is now'",
    r"\b(?:take|takes|taken|took|taking)\b[^.]{0,25}\b(?:back|off)\b": "'remove'",
    r"\bwaits? for you\b": "'is ready'",
    r"\bwhatever\b": "'any', or leave it out",
    r"\bwhoever\b|(?:^|[.!?] )who \w+s \w+[^?]*\.": "name the person as the subject",
    # Developers' words. They are right in logs and docs.
    r"\b(?:cached|client|endpoint|payload|queue|rate limit|retry)\b": "say what happens",
    # The questions of the form ask for an answer: a tick for 'yes' is none.
    r"\bi can stop these\b": "'You can unsubscribe at any time.'",
}
# What people agreed to in earlier versions. It is recognised, and nobody is asked with it any more.
FORMER = ("Yes, {partner} may contact me. For that it gets my name,",)
# Wordings that a licence fixes.
FIXED = ("Contains OS data ©", "Contains Parliamentary information licensed")


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def every_text() -> dict[str, list[str]]:
    """Returns the texts of all files by the file's name."""
    templates = [*public_words.page_templates(), *public_words.mail_templates()]
    texts = {name_of(file): public_words.texts_of_template(file) for file in templates}
    texts |= {name_of(file): public_words.texts_of_module(file) for file in public_words.modules()}
    texts[name_of(public_words.DEMONSTRATION)] = public_words.texts_of_json(
        public_words.DEMONSTRATION
    )
    return texts


def banned_in(text: str) -> list[str]:
    return [
        f"“{match.group()}” in “{text}”: {instead}"
        for pattern, instead in BANNED.items()
        if not text.startswith(FORMER) and (match := re.search(pattern, text, re.IGNORECASE))
    ]


def test_the_public_reads_none_of_the_banned_words() -> None:
    found = {
        name: wrong
        for name, texts in every_text().items()
        if (wrong := [problem for text in texts for problem in banned_in(text)])
    }
    lines = [f"{name}: {problem}" for name, problems in found.items() for problem in problems]
    assert not lines, "\n" + "\n".join(lines)


def test_every_page_and_every_mail_is_read_at_the_age_of_twelve() -> None:
    too_hard = {name: grade for name, grade in grades().items() if grade > HIGHEST_GRADE}
    assert too_hard == {}


def grades() -> dict[str, float]:
    """Returns the grades of pages and mails, with the short ones and the messages in one each."""
    longer, short, messages = {}, [], []
    for name, texts in every_text().items():
        counted = [text for text in texts if not text.startswith(FIXED)]
        words = sum(len(sentence.split()) for sentence in public_words.sentences(counted))
        if name.endswith(".py"):
            messages += counted
        elif words < FEW:
            short += counted
        else:
            longer[name] = public_words.reading_grade(counted)
    return longer | {
        "short pages": public_words.reading_grade(short),
        "messages": public_words.reading_grade(messages),
    }


def test_words_are_found_where_they_are_written() -> None:
    texts = every_text()
    assert "Skip to main content" in texts["web/templates/base/base.html"]
    assert "Your email choices" in texts["web/templates/public/preferences.html"]
    assert "This link doesn’t work" in texts["web/base/errors.py"]
    assert any("Anna" in text for text in texts["web/templates/public/preferences.html"])
    files = {name for name, found in texts.items() if found}
    assert len(files) > 40
    assert any(name.startswith("services/mail/templates/") for name in files)


@pytest.mark.parametrize(
    "text",
    [
        "This writes the letter below afresh.",
        "Your mail program",
        "Please e-mail us",
        "Take your signature back?",
        "They took their name off the motion.",
        "Then it sends this by itself.",
        "Nothing is sent before you press the button.",
        "How all MPs stand",
        "Keep a mail with this link.",
        "Who takes part gets a letter.",
    ],
)
def test_a_banned_word_is_found(text: str) -> None:
    assert banned_in(text)


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("the", 1),
        ("signed", 1),
        ("email", 2),
        ("people", 2),
        ("website", 2),
        ("petition", 3),
        ("signature", 3),
        ("confirmed", 2),
        ("organisation", 5),
        ("constituency", 5),
        ("MPs", 1),
        ("2026", 1),
    ],
)
def test_syllables_are_counted(word: str, count: int) -> None:
    assert public_words.syllables(word) == count


def test_the_grade_is_that_of_flesch_and_kincaid() -> None:
    # 6 words of 6 syllables in one sentence.
    assert public_words.reading_grade(["The cat sat on the mat."]) == -1.4
    # 12 words of 23 syllables in two sentences.
    text = "Your organisation sends the letter. We email your Member of Parliament tomorrow."
    assert public_words.reading_grade([text]) == pytest.approx(
        0.39 * 12 / 2 + 11.8 * 23 / 12 - 15.59, abs=0.1
    )
    hard = "Notwithstanding the aforementioned constitutional considerations, signatories remain."
    assert public_words.reading_grade([hard]) > HIGHEST_GRADE

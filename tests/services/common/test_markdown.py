"""Tests the small Markdown of news and dates."""

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.common import markdown

TAGS = {"p", "strong", "ul", "ol", "li", "a"}
REL = "nofollow noopener"
# What Markdown, HTML and addresses are made of: random letters alone would seldom be either.
PIECES = st.sampled_from(
    [
        "**", "*", "***", "__", "[", "]", "(", ")", "](", "<", ">", "</p>", "<script>", '"', "'",
        "&", "&#106;", "&lt;", "\\", "`", "#", "# ", "> ", "|", "!", "![", "- ", "+ ", "1. ", "7) ",
        "  ", "    ", "\t", "\n", "\n\n", "\x00", "\u202e", "\u200b", "é", "http://",
        "https://a.example", "https://a.example/x?y=1&z=2", "mailto:", "mailto:a@b.example",
        "javascript:", "JaVaScRiPt:", "java\tscript:", "data:text/html,", "vbscript:",
        "//a.example", "/a", "onclick=", "x", " ", ' "title"', "[x](https://a.example)",
        "[x](javascript:alert(1))",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=40).map("".join)


class Reader(HTMLParser):
    """Reads HTML: its tags with their attributes, its text, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.others: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    @property
    def addresses(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.tags if tag == "a"]


def assert_safe(html: str) -> Reader:
    """Checks every tag, attribute and scheme; returns what is in the HTML."""
    reader = Reader(html)
    assert reader.open == []
    assert reader.others == []
    assert {tag for tag, _ in reader.tags} <= TAGS
    for tag, attributes in reader.tags:
        if tag == "a":
            assert attributes.keys() == {"href", "rel"}
            assert attributes["rel"] == REL
            assert urlsplit(attributes["href"] or "").scheme in {"http", "https", "mailto"}
            assert not re.search(r"\s", attributes["href"] or "")
        elif tag == "ol":
            assert attributes.keys() <= {"start"}
            assert re.fullmatch("[0-9]{1,6}", attributes.get("start") or "1")
        else:
            assert attributes == {}
    # Nothing that a browser could read in another way than this parser.
    assert html.count("<") == 2 * len(reader.tags)
    assert html.count('"') == 2 * sum(len(attributes) for _, attributes in reader.tags)
    return reader


# ---- what can be written


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        (" \n\n ", ""),
        ("One\ntwo\n\n\nthree", "<p>One\ntwo</p>\n<p>three</p>"),
        ("A **bold** word", "<p>A <strong>bold</strong> word</p>"),
        ("**One** and **two**", "<p><strong>One</strong> and <strong>two</strong></p>"),
        ("**not ended", "<p>**not ended</p>"),
        ("2 ** 3 ** 4", "<p>2 ** 3 ** 4</p>"),
        ("****", "<p>****</p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("* a\n\n* b", "<ul><li>a</li><li>b</li></ul>"),
        ("Two:\n- a\nstill a\n\nnot a", "<p>Two:</p>\n<ul><li>a\nstill a</li></ul>\n<p>not a</p>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("3) a\n4) b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("They won in\n2017. Then", "<p>They won in\n2017. Then</p>"),
        ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("   - a\n   - b", "<ul><li>a</li><li>b</li></ul>"),
        ("1. a\n\n   more\n2. b", "<ol><li>a<p>more</p></li><li>b</li></ol>"),
        ("- a\n1. b", "<ul><li>a</li></ul>\n<ol><li>b</li></ol>"),
        ("-a\n1.b\n-", "<p>-a\n1.b\n-</p>"),
        (r"\*\*a\*\* \[b\] \a", r"<p>**a** [b] \a</p>"),
    ],
)
def test_paragraphs_bold_words_and_lists_become_html(text: str, html: str) -> None:
    assert markdown.html(text) == html
    assert_safe(html)


@pytest.mark.parametrize(
    ("text", "address", "label"),
    [
        ("[a page](https://a.example/x)", "https://a.example/x", "a page"),
        ("[a page](http://a.example)", "http://a.example", "a page"),
        ('[a page](https://a.example "A title")', "https://a.example", "a page"),
        ("[a page](<https://a.example>)", "https://a.example", "a page"),
        ("[x](https://a.example/y_(z))", "https://a.example/y_(z)", "x"),
        ("[x](https://a.example/?a=1&b='2')", "https://a.example/?a=1&b='2'", "x"),
        ("[write](mailto:a@b.example)", "mailto:a@b.example", "write"),
        ("[x](mailto:a@b.example?subject=Hi%20you)", "mailto:a@b.example?subject=Hi%20you", "x"),
        ("<https://a.example/x>", "https://a.example/x", "https://a.example/x"),
        ("<mailto:a@b.example>", "mailto:a@b.example", "a@b.example"),
        ("See https://a.example/x.", "https://a.example/x", "https://a.example/x"),
        ("(https://a.example/y_(z))", "https://a.example/y_(z)", "https://a.example/y_(z)"),
        ("**https://a.example/**", "https://a.example/", "https://a.example/"),
        ("[https://a.example](https://b.example)", "https://b.example", "https://a.example"),
        (r"[a \[b\]](https://a.example)", "https://a.example", "a [b]"),
    ],
)
def test_pages_and_mail_addresses_become_links(text: str, address: str, label: str) -> None:
    html = markdown.html(text)
    assert assert_safe(html).addresses == [address]
    (shown,) = re.findall(f'<a href="[^"]+" rel="{REL}">(.*?)</a>', html)
    assert unescape(shown) == label


def test_words_around_links_and_in_them_can_be_bold() -> None:
    link = '<a href="https://a.example" rel="nofollow noopener">'
    assert markdown.html("[**a** b](https://a.example)") == (
        f"<p>{link}<strong>a</strong> b</a></p>"
    )
    assert markdown.html("**[a](https://a.example)**") == f"<p><strong>{link}a</a></strong></p>"
    # Tags never overlap: the stars outside and inside do not belong together.
    assert_safe(markdown.html("**a [b** c](https://a.example)"))


@pytest.mark.parametrize(
    "text",
    [
        "<b>a</b>",
        "<script>alert(1)</script>",
        '<a href="/x" onclick="x()">',
        "<!-- a -->",
        "# A heading",
        "A heading\n=====",
        "> a quote",
        "`code`",
        "```\ncode\n```",
        "| a | b |",
        "*a* _b_ __c__ ~~d~~",
        "***a***",
        "---",
        "&amp; &lt;b&gt; &#106;",
        "![a](/a.png)",
        "[a](/campaigns/x)",
        "[a](//a.example)",
        "[a]()",
        "[](mailto:a@b.example)",
        "[ ](https://a.example)",
        "[\u200b](https://a.example)",
        "[a] (mailto:a@b.example)",
        "[a](https://user:secret@a.example)",
        '[a](https://a.example/"onclick=x)',
        "[a](https://a.example\\@b.example)",
        "[a](https://)",
        "[a](mailto:a@b.example?bcc=c@d.example)",
        "[a](mailto:a@b.example%0ABcc:c@d.example,e@f.example)",
        f"[a](https://a.example/{'x' * 500})",
        "ftp://a.example",
    ],
)
def test_everything_else_is_shown_as_it_was_typed(text: str) -> None:
    reader = assert_safe(markdown.html(text))
    assert {tag for tag, _ in reader.tags} == {"p"}
    assert reader.text == text
    assert markdown.plain(text) == text


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        " javascript:alert(1)",
        "javascript&colon;alert(1)",
        "&#106;avascript:alert(1)",
        "javascript:https://a.example",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://a.example/x",
        "https:javascript:alert(1)",
        "view-source:https://a.example",
    ],
)
@pytest.mark.parametrize("form", ["[a]({})", "[a](<{}>)", "<{}>", "{}", "![a]({})"])
def test_no_other_scheme_becomes_a_link(address: str, form: str) -> None:
    reader = assert_safe(markdown.html(form.format(address)))
    for linked in reader.addresses:
        assert linked.startswith("https://a.example"), "the page in it, and nothing before it"


def test_lists_are_nested_four_deep_and_no_deeper() -> None:
    text = "\n".join("  " * depth + f"- {depth}" for depth in range(50))
    html = markdown.html(text)
    assert html.count("<ul>") == markdown.DEEPEST == 4
    assert "- 49" in assert_safe(html).text


def test_plain_text_has_no_marks_and_says_where_links_lead() -> None:
    text = (
        "**Good** news: [read it](https://a.example) or https://b.example.\n\n"
        "- one\n  1. inner\n- [me](mailto:me@a.example?subject=x)\n\n3. three\n4. four"
    )
    assert markdown.plain(text) == (
        "Good news: read it (https://a.example) or https://b.example.\n\n"
        "- one\n  1. inner\n- me (me@a.example)\n\n3. three\n4. four"
    )


# ---- any text


@given(TEXTS)
@example("[a](https://a.example)](javascript:x)")
@example("<https://a.example/&quot;>")
@example("[**](https://a.example)**")
@example("https://a.example/'\"><script>")
def test_only_our_tags_and_schemes_come_out_of_any_text(text: str) -> None:
    assert_safe(markdown.html(text))


@given(TEXTS)
def test_no_word_is_lost(text: str) -> None:
    def words(shown: str) -> list[str]:
        return re.findall("[a-wyzé]+", shown)

    plain = markdown.plain(text)
    for word in words(assert_safe(markdown.html(text)).text):
        assert word in plain


@given(st.text(max_size=200))
def test_text_without_marks_stays_as_it_is(text: str) -> None:
    words = " ".join(re.findall(r"[^\W\d_]+", text))
    assert markdown.plain(words) == words
    assert assert_safe(markdown.html(words)).text == words


HOSTILE = [
    "[", "]", "*", "**", "**a", "**a ", "[x](", '[x](a "', "[x](a(", "[x](https://a.example)",
    "\\[", "[\\", "\\", "<", "<https://a", "https://a.example/", "https://a))))", "https://a!!!! ",
    "![", "- ", "- a\n", "1. a\n", "  - a\n    - b\n", "- a\n\n", " ", "\t", "\n", "a\n", "(", "&",
    "\x0b",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_100_kb_of_marks_get_an_answer(piece: str) -> None:
    """A step that took the square of the length would look at 10,000,000,000 characters here."""
    text = (piece * 100_000)[:100_000]
    assert len(markdown.html.__wrapped__(text)) <= 20 * len(text)
    assert len(markdown.plain.__wrapped__(text)) <= 2 * len(text)

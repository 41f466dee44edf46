"""Text from outside never becomes markup."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from pilot.web import words

HOSTILE = (Path(__file__).parent / "cases" / "hostile.txt").read_text(encoding="utf-8").splitlines()
HARMLESS_TAGS = {"p", "a", "code", "pre", "em", "strong", "br", "table", "thead", "tbody", "tr", "th", "td", "span"}


class Tags(HTMLParser):
    """Every tag with its attributes, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    assert Tags(words.plain(text)).found == []
    assert "<" not in words.plain(text)
    assert '"' not in words.plain(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_makes_only_harmless_tags(text: str) -> None:
    for tag, attributes in Tags(words.markdown(text, cite=lambda n: f"#c-{n}")).found:
        assert tag in HARMLESS_TAGS
        assert set(attributes) <= {"href", "rel", "target", "class"}
        assert (attributes.get("href") or "#").startswith(("#", "http://", "https://"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_sql_stays_text(text: str) -> None:
    assert all(tag == "span" and set(attributes) == {"class"} for tag, attributes in Tags(words.sql(text)).found)


def test_what_is_shown_stands_on_one_line() -> None:
    text = "# a\n\nb\n\n```\nc\n\nd\n```\n\n- e\n"
    for html in (words.plain(text), words.markdown(text), words.sql("SELECT 1\n\n\nFROM t")):
        assert "\n" not in html


def test_citations_become_links_but_not_in_code() -> None:
    html = words.markdown("so [1][12], `a[3]`", cite=lambda n: f"#c-{n}")
    assert [attributes["href"] for tag, attributes in Tags(html).found if tag == "a"] == ["#c-1", "#c-12"]
    assert "<code>a[3]</code>" in html


def test_control_characters_and_lone_surrogates_are_replaced() -> None:
    assert words.plain("a\x00b\ud800c") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def test_each_clause_of_a_long_statement_gets_its_line() -> None:
    html = words.sql("SELECT a FROM t LEFT JOIN u ON t.i = u.i WHERE a IN (SELECT b FROM c) ORDER BY a LIMIT 5")
    text = "".join(part.split(">", 1)[-1] for part in html.split("<"))
    assert text.split("&#10;") == [
        "SELECT a", "FROM t", "LEFT JOIN u ON t.i = u.i", "WHERE a IN (SELECT b FROM c)", "ORDER BY a", "LIMIT 5",
    ]  # fmt: skip


def test_words_of_a_statement_are_never_changed() -> None:
    statement = "select 'it''s -- from', \"from x\" from t -- limit\nwhere a=1"
    plain = words.sql(statement).replace("&#10;", "\n")
    text = "".join(part.split(">", 1)[-1] for part in plain.split("<"))
    assert text.replace("&#x27;", "'").replace("&quot;", '"') == statement

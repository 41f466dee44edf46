"""Chunks hold what a person would cite: whole sentences, tables and code, under the right headings."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot.knowledge.chunking import Chunk, chunk, sentences
from pilot.knowledge.document import Document, Page

GUIDE = """# Guide

Short words at the top.

## Install

First sentence about the installation of the machine. Second sentence, which Dr. Smith wrote in 3.5 hours. Third one!

| part | price |
| --- | --- |
| bolt | 1 |
| nut | 2 |

```python
# not a heading
print("one. two. three")
```

## 使用

先打开电源。再按绿色按钮！“等待三秒。”然后输入密码；不要关机？好的。
"""


def markdown(text: str, size: int) -> list[Chunk]:
    return chunk(Document((Page(text, markup="markdown"),)), size=size)


def holding(text: str, chunks: list[Chunk]) -> Chunk:
    [found] = [each for each in chunks if text in each.text]
    return found


@pytest.mark.parametrize("size", [100, 140, 300, 2000])
def test_a_chunk_is_a_piece_of_its_page_and_no_longer_than_asked(size: int) -> None:
    for each in markdown(GUIDE, size):
        assert GUIDE[each.start : each.stop] == each.text
        assert 0 < len(each.text) <= size


def test_a_chunk_knows_the_headings_above_it() -> None:
    chunks = markdown(GUIDE, 140)
    assert holding("Third one!", chunks).section == "Guide > Install"
    assert holding("输入密码", chunks).section == "Guide > 使用"


def test_tables_and_code_stay_whole() -> None:
    chunks = markdown(GUIDE, 140)
    assert "| part | price |" in holding("| nut | 2 |", chunks).text
    assert "# not a heading" in holding("one. two. three", chunks).text


def test_rows_of_a_table_that_is_cut_keep_the_names_of_its_columns() -> None:
    rows = "".join(f"| bolt {n} | {n} |\n" for n in range(40))
    chunks = markdown(f"# Parts\n\n| part | price |\n| --- | --- |\n{rows}", 200)
    assert {each.section for each in chunks[1:]} == {"Parts > part, price"}


def test_headings_stand_below_the_section_of_their_page() -> None:
    [only] = chunk(Document((Page("# Leave\n\n25 days.", 1, "rules.md", "markdown"),)), size=100)
    assert only.section == "rules.md > Leave"


def test_a_heading_stands_with_what_follows_it() -> None:
    for each in markdown(GUIDE, 140):
        assert not each.text.splitlines()[-1].startswith("#")


def test_no_sentence_is_cut_that_fits() -> None:
    text = "".join(f"这是第{n}句话，它说明一件事情。" for n in range(60))
    chunks = chunk(Document((Page(text),)), size=100)
    assert all(each.text.startswith("这是第") and each.text.endswith("。") for each in chunks)


def test_neighbours_overlap_by_whole_sentences() -> None:
    text = " ".join(f"Fact {n} is so." for n in range(60))
    chunks = chunk(Document((Page(text),)), size=200)
    for first, second in pairwise(chunks):
        shared = text[second.start : first.stop]
        assert 0 < len(shared) <= 25
        assert shared.startswith("Fact")


def test_a_sentence_longer_than_a_chunk_is_cut_at_a_comma() -> None:
    text = "甲乙丙丁戊己庚辛壬癸，" * 30
    chunks = chunk(Document((Page(text),)), size=100)
    assert "".join(each.text for each in chunks) == text
    assert all(each.text.endswith("，") for each in chunks)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3),
        ("Dr. Smith paid 3.50 at 9 a.m. in the U.S. office. He left.", 2),
        ("see e.g. the list, i.e. all", 1),
        ("他说：“好。”然后走了。", 2),
        ("第一；第二。第三", 3),
        ("3. Third point of a list. Its second sentence.", 2),
        ("", 0),
    ],
)
def test_sentences_end_where_people_end_them(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@pytest.mark.parametrize("text", ["```", "Run\n```\nmake all", "~~~\nmake all\n\nmake install\n"])
def test_code_that_is_never_closed_is_not_lost(text: str) -> None:
    assert "".join(each.text for each in markdown(text, 80)).split() == text.split()


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab。. \n#|`-A1，"), max_size=400), st.integers(20, 90))
def test_no_visible_character_is_lost(text: str, size: int) -> None:
    covered: set[int] = set()
    for each in markdown(text, size):
        assert text[each.start : each.stop] == each.text
        assert len(each.text) <= size
        covered.update(range(each.start, each.stop))
    rules = {"-"}  # a line of dashes is a drawn rule, not text
    assert not {text[i] for i in range(len(text)) if i not in covered and not text[i].isspace()} - rules

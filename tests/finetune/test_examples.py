"""Example files: what is read, what is refused with its line, and how they are split."""

from pathlib import Path

import pytest

from pilot.errors import InputInvalid
from pilot.finetune.examples import Example, digest, read, refuse_overlap, split, write
from pilot.protocol import Message


def _example(question: str, family: str = "") -> Example:
    return Example((Message(role="user", content=question),), answer="SELECT 1", family=family)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "examples.jsonl"
    examples = [_example("有多少客户?", family="count"), Example(_example("a").prompt, "SELECT 1", rejected="SELECT 2")]
    write(file, examples)
    assert read(file) == examples


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "is not an object"),
        ('{"answer": "x"}', "needs a prompt"),
        ('{"prompt": [], "answer": "x"}', "needs a prompt"),
        ('{"prompt": [{"role": "king", "content": "q"}], "answer": "x"}', "not {role, content}"),
        ('{"prompt": "q"}', "'answer'"),
        ('{"prompt": "q", "answer": " "}', "'answer'"),
        ('{"prompt": "q", "answer": "x", "rejected": 1}', "'rejected'"),
        ('{"prompt": "q", "answer": "x", "anwser": "y"}', "unknown key 'anwser'"),
    ],
)
def test_a_wrong_line_is_named_with_its_reason(tmp_path: Path, line: str, reason: str) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"prompt": "q", "answer": "x"}\n\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InputInvalid) as refused:
        read(file)
    assert refused.value.message.startswith("mine.jsonl, line 3: ")
    assert reason in refused.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"none\.jsonl cannot be read"):
        read(tmp_path / "none.jsonl")


def test_no_family_stands_on_both_sides_of_a_split() -> None:
    examples = [_example(f"question {number}", family=f"family {number // 3}") for number in range(60)]
    learnt, kept = split(examples, 0.25)
    refuse_overlap(learnt, kept)
    assert sorted(learnt + kept, key=lambda one: one.group) == sorted(examples, key=lambda one: one.group)
    assert 12 <= len(kept) <= 18
    assert split(examples, 0.25) == (learnt, kept)
    assert split(examples, 0.25, seed=2) != (learnt, kept)


@pytest.mark.parametrize("sizes", [[3, 3, 3, 3], [9, 9, 2], [1, 30]])
def test_the_smallest_family_is_kept_back_where_every_one_is_too_big(sizes: list[int]) -> None:
    examples = [_example(f"{family} {n}", family=str(family)) for family, size in enumerate(sizes) for n in range(size)]
    learnt, kept = split(examples, 0.01)
    assert len(kept) == min(sizes)
    assert len(learnt) == sum(sizes) - min(sizes)
    assert split(examples, 0) == (examples, [])
    assert split(examples[: sizes[0]], 0.1) == (examples[: sizes[0]], [])  # all would be kept back


def test_a_family_that_is_too_big_does_not_keep_the_others_from_the_exam() -> None:
    sizes = [60, *[1] * 40]
    examples = [_example(f"{family} {n}", family=str(family)) for family, size in enumerate(sizes) for n in range(size)]
    assert {len(split(examples, 0.1, seed)[1]) for seed in range(60)} == {10}


def test_an_exam_that_was_learnt_is_refused() -> None:
    with pytest.raises(InputInvalid, match="1 questions of the exam"):
        refuse_overlap([_example("a"), _example("b")], [_example("b"), _example("c")])


def test_another_order_or_text_is_another_set() -> None:
    one, two = _example("a"), _example("b")
    assert len({digest([one, two]), digest([two, one]), digest([one]), digest([one, two, two])}) == 4

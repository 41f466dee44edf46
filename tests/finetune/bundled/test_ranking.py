"""What evidence weighs is learnt from candidates that are known to be right or wrong."""

import random

from pilot.finetune.bundled.ranking import Weighed, learnt
from pilot.model.text_to_sql.evidence import NONE, shares, weigh


def questions(count: int) -> list[Weighed]:
    """The right one has the better probability and leaves no name of the question out; one in four has no right one."""
    rng = random.Random(1)
    found = []
    for _ in range(count):
        answered = rng.random() < 0.75
        right = {"logprob": rng.uniform(-3, 0), "names left": 0.0, "chance": rng.random()}
        wrong = {"logprob": rng.uniform(-5, -1), "names left": 1.0, "chance": rng.random()}
        found.append(Weighed([wrong, right if answered else wrong], [False, answered]))
    return found


def test_what_speaks_for_the_right_ones_weighs_more() -> None:
    weights = learnt(questions(300))
    assert weights["logprob"] > 0
    assert weights["names left"] < 0
    assert abs(weights["chance"]) < abs(weights["names left"])


def test_a_candidate_is_believed_as_often_as_it_is_right() -> None:
    found = questions(400)
    weights = learnt(found)
    believed = [
        shares([*(weigh(each, weights) for each in one.evidence), weights[NONE]])[1] for one in found if one.right[1]
    ]
    assert sum(2.718281828**share for share in believed) / len(believed) > 0.7


def test_nothing_is_learnt_from_nothing() -> None:
    assert learnt([Weighed([], [])]) == {}

"""Two rankings -> one. Pure.

Each side's scores are divided by its best one, then added with weights. Measured on XQuAD (docs/knowledge.md) this
beats reciprocal rank fusion, which forgets by how much the first is better than the second.
"""

from collections.abc import Sequence

Ranking = Sequence[tuple[str, float]]

DEPTH = 60  # candidates of each side
MOSTLY = 0.8  # share of a question's letters from which a model that reads them may order the passages
LEAST = 0.3  # share from which an embedder is asked: for a name or two the words tell as much, and cost no vector
DENSE_SHARE = 0.5  # weight of the dense side for a question that the embedder reads in full


def fuse(lexical: Ranking, dense: Ranking, *, readable: float, best: float = 0.0) -> list[tuple[str, float]]:
    """Best first, scores 0 to 1. `readable` is the share of the question that the embedder can read: what it cannot
    read it must not rank. `best` is the best lexical score of all where others are fused beside these.
    """
    weight = DENSE_SHARE * readable
    scores: dict[str, float] = {}
    for share, ranking, top in ((1 - weight, lexical, best or best_of(lexical)), (weight, dense, best_of(dense))):
        if top > 0:
            for key, score in ranking:
                scores[key] = scores.get(key, 0.0) + share * max(score, 0.0) / top
    return sorted(((key, score) for key, score in scores.items() if score > 0), key=lambda hit: -hit[1])


def best_of(ranking: Ranking) -> float:
    return max((score for _, score in ranking), default=0.0)

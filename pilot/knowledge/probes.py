"""Which writing systems an embedder, or a reranker, can tell apart.

An embedder with an English vocabulary reads every Chinese character as the same unknown token: all Chinese
sentences look alike to it, and its ranking of them is noise. So it is asked, once, whether it notices a difference.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from pilot.knowledge.embedders import Embedder

Scores = Callable[[str, Sequence[str]], Awaitable[list[float]]]

# Three sentences that have nothing to do with each other, the same ones in each script.
PROBES = Path(__file__).with_name("probes.json")
MARGIN = 0.25  # all-MiniLM: such sentences are 0.01 alike in Latin letters, 0.55 to 1.0 in every other script


async def scripts_ranked_by(scores: Scores) -> frozenset[str]:
    """The scripts in which a reranker tells a sentence itself from one that has nothing to do with it."""
    probes: dict[str, list[str]] = json.loads(PROBES.read_text(encoding="utf-8"))
    read = set()
    for script, sentences in probes.items():
        for n, sentence in enumerate(sentences):
            scored = await scores(sentence, sentences)
            if max(range(len(scored)), key=scored.__getitem__) != n or scored.count(scored[n]) > 1:
                break
        else:
            read.add(script)
    return frozenset(read)


async def scripts_read_by(embedder: Embedder) -> frozenset[str]:
    """The scripts in which sentences without a common thought look as little alike as in the embedder's best one."""
    probes: dict[str, list[str]] = json.loads(PROBES.read_text(encoding="utf-8"))
    vectors = await embedder.embed([sentence for sentences in probes.values() for sentence in sentences])
    alike = {}
    for number, script in enumerate(probes):
        first, second, third = vectors[3 * number : 3 * number + 3]
        alike[script] = float(first @ second + second @ third + third @ first) / 3
    best = min(alike.values())
    return frozenset(script for script, value in alike.items() if value < best + MARGIN)

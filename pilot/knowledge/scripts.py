"""Writing systems: which one a text is in, and which ones an embedder can tell apart.

An embedder with an English vocabulary reads every Chinese character as the same unknown token: all Chinese
sentences look alike to it, and its ranking of them is noise. So it is asked, once, whether it notices a difference.
"""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from pilot.knowledge.embedders import Embedder

Scores = Callable[[str, Sequence[str]], Awaitable[list[float]]]

LATIN = "latin"
RANGES = {
    "han": "\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "kana": "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "cyrillic": "\u0400-\u052f",
    "greek": "\u0370-\u03ff",
    "arabic": "\u0600-\u06ff\u0750-\u077f",
    "hebrew": "\u0590-\u05ff",
    "devanagari": "\u0900-\u097f",
    "thai": "\u0e00-\u0e7f",
}
UNSPACED = RANGES["han"] + RANGES["kana"] + RANGES["hangul"]  # indexed by pairs of characters, not by words
OF_SCRIPT = re.compile("|".join(f"(?P<{name}>[{span}])" for name, span in RANGES.items()) + r"|(?P<latin>[^\W\d_])")

# Three sentences that have nothing to do with each other, the same ones in each script.
PROBES = Path(__file__).with_name("probes.json")
MARGIN = 0.25  # all-MiniLM: such sentences are 0.01 alike in Latin letters, 0.55 to 1.0 in every other script


def shares(text: str) -> dict[str, float]:
    """Script -> its share of the letters; empty where there are none."""
    found = Counter(match.lastgroup or LATIN for match in OF_SCRIPT.finditer(text))
    total = found.total()
    return {script: count / total for script, count in found.items()}


def readable(text: str, scripts: frozenset[str]) -> float:
    """Share of the letters that are in one of `scripts`; 1 where there are no letters at all."""
    found = shares(text)
    return sum(share for script, share in found.items() if script in scripts) if found else 1.0


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

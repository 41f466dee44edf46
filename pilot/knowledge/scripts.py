"""Writing systems: which one a text is in. The readers' processes import this, and little else."""

import re
from collections import Counter

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


def shares(text: str) -> dict[str, float]:
    """Script -> its share of the letters; empty where there are none."""
    found = Counter(match.lastgroup or LATIN for match in OF_SCRIPT.finditer(text))
    total = found.total()
    return {script: count / total for script, count in found.items()}


def readable(text: str, scripts: frozenset[str]) -> float:
    """Share of the letters that are in one of `scripts`; 1 where there are no letters at all."""
    found = shares(text)
    return sum(share for script, share in found.items() if script in scripts) if found else 1.0

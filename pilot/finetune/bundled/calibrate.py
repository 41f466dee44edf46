"""Choose from which probability on the model declines, keep that in config.json, and say how far its confidence is off.

Chosen on every second database, measured on the others.
"""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from pilot.finetune.bundled.evaluate import Judged, evaluate, report
from pilot.model.text_to_sql.model import TextToSqlModel
from pilot.model.text_to_sql.weights import JUDGEMENT, Judgement

LEAST_DECLINED = 0.85  # of the unanswerable; no more, since a good question refused is worse than a bad one answered
SHARPER = (0.7, 1.0, 1.5, 2.0, 2.5, 3.0)  # weights that are kept small believe too little
BINS = 10


def calibrate(sets: Path, encoder: Path, folder: Path) -> str:
    """`sets` is what `variants` wrote. Writes the folder's config.json; returns what was measured."""
    model = TextToSqlModel.load(folder, encoder, torch.device("cpu"))
    model.judgement = replace(model.judgement, declines_from=Judgement.declines_from)  # it says what it thinks
    answerable = list(evaluate(sets / "plain.jsonl", sets / "databases", model))
    unanswerable = list(evaluate(sets / "unanswerable.jsonl", sets / "databases", model))
    chosen_on = set(sorted({one.database for one in answerable})[::2])
    seen = [one for one in answerable if one.database in chosen_on]
    sharper = min(SHARPER, key=lambda factor: _error(seen, factor))
    judgement = Judgement(
        declines_from=_threshold(unanswerable, chosen_on),
        ranking={name: round(sharper * weight, 4) for name, weight in model.judgement.ranking.items()},
    )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | {JUDGEMENT: asdict(judgement)}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    rest = [[one for one in those if one.database not in chosen_on] for those in (answerable, unanswerable)]
    return f"{report(answerable)}\n{_chosen(judgement, rest, sharper)}"


def _chosen(judgement: Judgement, measured: Sequence[Sequence[Judged]], sharper: float) -> str:
    shares = [_mean([one.unanswerable >= judgement.declines_from for one in those]) for those in measured]
    return (
        f"declines from {judgement.declines_from}: of {len(measured[0])} answerable {100 * shares[0]:.1f} %, "
        f"of {len(measured[1])} unanswerable {100 * shares[1]:.1f} %\n"
        f"confidence is off by {_error(measured[0], 1.0):.3f}, by {_error(measured[0], sharper):.3f} times {sharper}"
    )


def _threshold(judged: Sequence[Judged], chosen_on: Collection[str]) -> float:
    """As high as still declines so many of these databases' unanswerable questions."""
    ranked = sorted((one.unanswerable for one in judged if one.database in chosen_on), reverse=True)
    if not ranked:
        return Judgement.declines_from
    return round(ranked[min(len(ranked) - 1, int(LEAST_DECLINED * len(ranked)))] - 0.0005, 3)


def _error(judged: Sequence[Judged], sharper: float) -> float:
    """How far confidence is from the share that is right, on average over equally filled bins."""
    ranked = sorted((_confidence(one.logprobs, sharper), one.right) for one in judged if one.logprobs)
    if not ranked:
        return 0.0
    size = -(-len(ranked) // BINS)
    bins = [ranked[start : start + size] for start in range(0, len(ranked), size)]
    gaps = [abs(sum(confidence - right for confidence, right in those)) for those in bins]
    return sum(gaps) / len(ranked)


def _confidence(logprobs: Sequence[float], sharper: float) -> float:
    """The best statement's share of what the candidates weigh together."""
    return 1 / sum(math.exp(sharper * (one - logprobs[0])) for one in logprobs)


def _mean(those: Sequence[bool]) -> float:
    return sum(those) / max(1, len(those))

"""Learn what speaks for a candidate: on questions of the training databases, whose right rows are known.

The weights are those under which the right ones of a question's candidates, or "none of them", are most probable. A
little of each is given up for small weights, so that what hardly ever decides weighs hardly anything.
"""

import json
import math
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from pilot.finetune.bundled.corpora import HELD_OUT, SPIDER
from pilot.finetune.bundled.evaluate import Database, compared
from pilot.model.text_to_sql.evidence import NONE, SPEAKS_EITHER_WAY, SPEAKS_FOR, Evidence
from pilot.model.text_to_sql.model import TextToSqlModel
from pilot.model.text_to_sql.weights import JUDGEMENT, Judgement
from pilot.prompts.text_to_sql import TextToSql

CANDIDATES = 6
DECAY = 0.1  # of squared weights, each in units of its evidence's spread
STEPS = 150
MOST = 10.0
DIGITS = 4


@dataclass(frozen=True)
class Weighed:
    """The candidates of one question, and which of them are right."""

    evidence: Sequence[Evidence]
    right: Sequence[bool]


def rank(data: Path, encoder: Path, folder: Path, *, questions: int = 800, seed: int = 1) -> str:
    """Writes the folder's config.json; returns what was learnt."""
    model = TextToSqlModel.load(folder, encoder, torch.device("cpu"))
    model.judgement = Judgement()
    found = list(examples(data, model, questions, seed))
    weights = learnt(found)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config[JUDGEMENT] = (
        asdict(replace(model.judgement, ranking=weights)) | config.get(JUDGEMENT, {}) | {"ranking": weights}
    )
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    first = sum(one.right[0] for one in found if one.right)
    any_right = sum(any(one.right) for one in found)
    return f"{len(found)} questions, first candidate right {first}, any {any_right}\n{json.dumps(weights, indent=2)}"


def examples(data: Path, model: TextToSqlModel, count: int, seed: int) -> Iterator[Weighed]:
    """Of databases that are trained on: the others are for measuring."""
    aside = set(json.loads((data / HELD_OUT).read_text(encoding="utf-8")))
    lines = [json.loads(line) for name in SPIDER for line in (data / name).read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line["db_id"] not in aside]
    random.Random(seed).shuffle(lines)
    opened: dict[str, Database | None] = {}
    for line in lines[:count]:
        name = line["db_id"]
        if name not in opened:
            file = data / "databases" / "spider" / f"{name}.sqlite"
            opened[name] = Database.open(file) if file.exists() else None
        if database := opened[name]:
            yield _weighed(model, database, line["question"], line["sql"])


def learnt(found: Sequence[Weighed]) -> dict[str, float]:
    """By the name of the evidence; and what "none is right" weighs. Nothing is learnt from nothing."""
    found = [one for one in found if one.evidence]
    if not found:
        return {}
    names = sorted({name for one in found for each in one.evidence for name in each})
    rows = torch.tensor([[each.get(name, 0.0) for name in names] for one in found for each in one.evidence])
    spread = rows.std(0).clamp(min=1e-3)
    there, right = _table([[True] * len(one.right) for one in found]), _table([list(one.right) for one in found])
    least = torch.tensor([0.0 if name in SPEAKS_FOR else -MOST for name in names])
    most = torch.tensor([MOST if name in SPEAKS_FOR | SPEAKS_EITHER_WAY else 0.0 for name in names])
    weights, none = torch.zeros(len(names), requires_grad=True), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([weights, none], lr=0.05)
    wanted = torch.cat([right, ~right.any(1, keepdim=True)], 1)
    for _ in range(STEPS):
        scores = torch.full(there.shape, -math.inf).masked_scatter(there, (rows / spread) @ weights)
        every = torch.cat([scores, none.expand(len(found), 1)], 1)
        surprise = every.logsumexp(1) - every.masked_fill(~wanted, -math.inf).logsumexp(1)
        optimiser.zero_grad()
        (surprise.mean() + DECAY * weights.square().sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            weights.clamp_(least, most)
    values = [*(weights / spread).tolist(), none.item()]
    return {name: round(value, DIGITS) for name, value in zip([*names, NONE], values, strict=True) if value}


def _table(rows: Sequence[list[bool]]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [False] * (longest - len(row)) for row in rows])


def _weighed(model: TextToSqlModel, database: Database, question: str, gold: str) -> Weighed:
    task = TextToSql(question, database.schema, tuple(database.values.hits(question)))
    found = model.answer(task, count=CANDIDATES, stop=threading.Event()).candidates
    return Weighed([one.evidence for one in found], [compared(database, one.sql, gold)[1] for one in found])

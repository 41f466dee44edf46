"""The exam: questions that were kept back, by the way that every question in the product goes, before and after.

The model under examination is served within this process, by the LLM server's own application, so that the one that
people use goes on undisturbed.
"""

import io
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import httpx

from pilot.chat.database import EVERY_STEP
from pilot.config import Settings
from pilot.dates import find as find_times
from pilot.evaluation.text2sql import LIMITS, MOST_ROWS, Evaluation, Judged
from pilot.evaluation.text2sql import Question as Asked
from pilot.finetune.masking import Question
from pilot.model.adapters import ADAPTERS
from pilot.model.app import create_app
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.model.embeddings import ENCODERS, Embedder, Encoder, find_encoder
from pilot.model.engine import Engine
from pilot.model.folders import find
from pilot.services import Services
from pilot.store import Approved
from pilot.store.runs import Exam, ExamQuestion

logger = logging.getLogger(__name__)


class Candidate(httpx.AsyncBaseTransport):
    """To the model under examination; embeddings come from the server that the product has."""

    def __init__(self, app: httpx.ASGITransport) -> None:
        self._app = app
        self._other = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        there = self._other if request.url.path.endswith("/embeddings") else self._app
        return await there.handle_async_request(request)

    async def aclose(self) -> None:
        await self._app.aclose()
        await self._other.aclose()


async def examine(
    settings: Settings,
    model: str,
    models_dir: Path,
    exam: Sequence[Question],
    learnt: Sequence[Question],
    *,
    before_each: Callable[[int], None] = lambda _: None,
) -> list[Judged]:
    """How this model answers, with what was learnt approved and nothing else. `before_each` may wait. Where the model
    failed (out of time, out of memory) nothing is right or wrong: a busy machine must not decide.
    """
    approved: dict[str, list[Approved]] = defaultdict(list)
    for question in learnt:
        approved[question.source].append(question.approved)
    async with served(settings, model, models_dir) as services:
        evaluation = Evaluation(services, address=None, steps=EVERY_STEP, approved=approved)
        judged: list[Judged] = []
        for number, one in enumerate(exam):
            before_each(number)
            asked = Asked(id=one.id, db_id=one.source, question=one.question, sql=one.sql)
            judged += await evaluation.run([asked], progress=io.StringIO())
    return [replace(each, right=None) if each.problem.startswith("model.") else each for each in judged]


@asynccontextmanager
async def served(settings: Settings, model: str, models_dir: Path) -> AsyncIterator[Services]:
    """The product's services with this model behind them."""
    engine = Engine(
        partial(_load, settings, model, models_dir),
        name=model,
        answer_seconds=settings.model_answer_seconds,
        max_new_tokens=settings.max_new_tokens,
    )
    app = create_app(engine, Embedder(partial(_encoder, settings), name=settings.embedding_model))
    limits = {"sql_max_rows": MOST_ROWS, "sql_timeout": LIMITS.seconds}
    await engine.load()
    services = Services.open(settings.model_copy(update=limits), transport=Candidate(httpx.ASGITransport(app)))
    try:
        yield services
    finally:
        await services.close()
        await engine.unload()
        engine.close()


def compared(questions: Sequence[Question], before: Sequence[Judged], after: Sequence[Judged]) -> Exam:
    """Of those whose SQL still runs, and which both models had time for."""
    told = tuple(
        ExamQuestion(one.source, one.question, one.sql, was.sql, now.sql, was.right is True, now.right is True)
        for one, was, now in zip(questions, before, after, strict=True)
        if was.right is not None and now.right is not None
    )
    whole = max(1, len(told))
    was_right, now_right = sum(each.was_right for each in told), sum(each.now_right for each in told)
    return Exam(round(100 * was_right / whole, 1), round(100 * now_right / whole, 1), told)


def lasting(questions: Sequence[Question]) -> list[Question]:
    """Those that mean today what they meant when they were asked: "last month" is another one by now."""
    today = date.today()
    return [
        one
        for one in questions
        if [said.period for said in find_times(one.question, today)]
        == [said.period for said in find_times(one.question, one.asked_on)]
    ]


def _load(settings: Settings, model: str, models_dir: Path) -> ModelAdapter:
    found = find(model, models_dir, family=settings.llm_family if model.partition(":")[0] == settings.llm_model else "")
    options = LoadOptions(
        models_dir=models_dir,
        device=settings.model_device,
        precision=settings.model_precision,
        quantise=settings.quantize_qlora,
        context=settings.max_position_embeddings,
        threads=settings.model_threads,
        family=found.family,
        adapter=found.adapter,
    )
    return ADAPTERS.get(found.family.adapter).load(found.name, found.folder, options)


def _encoder(settings: Settings) -> Encoder:
    folder = find_encoder(settings.embedding_model, settings.models_dir)
    return ENCODERS.get("sentence_transformers").load(folder, settings.model_device)

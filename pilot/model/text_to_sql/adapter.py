"""The bundled text-to-SQL model behind the contract of every model: messages in, SQL out, beams as candidates."""

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from pilot.errors import ModelFailed, ModelUnable, ModelUnusable
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.model.devices import pick_device
from pilot.model.embeddings import find_encoder
from pilot.model.incremental import StopStrings
from pilot.model.text_to_sql.model import MOST_BEAMS, TextToSqlModel
from pilot.model.text_to_sql.owner import Spoken
from pilot.prompts.text_to_sql import declining, parse
from pilot.protocol import ChatRequest, Delta, Done, Message, PilotCard, StreamPart, StructuredOutputs, Usage

ENCODER = "all-MiniLM-L6-v2"  # its tokenizer and word embeddings are used, not stored again
SPARE = 2  # beams more than wanted: some become the same statement, some none


class TextToSqlAdapter(ModelAdapter):
    """Deterministic: temperature and seed change nothing. A schema of any size is taken: of a large one the encoder
    reads the tables that the question is nearest to. The SQL is known only after the search, so it comes at once. A
    question that the schema does not answer is declined, in the words of `declining`.
    """

    def __init__(self, model: TextToSqlModel, *, context: int) -> None:
        self.model = model
        self._context = context

    @classmethod
    def load(cls, name: str, folder: Path | None, options: LoadOptions) -> "TextToSqlAdapter":
        if folder is None:
            raise ModelUnusable(f"{name} has no folder under {options.models_dir}")
        encoder = find_encoder(ENCODER, options.models_dir)
        model = TextToSqlModel.load(folder, encoder, pick_device(options.device))
        return cls(model, context=options.context)

    def stream(self, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        _check_format(request.constraint)
        tried = _tried(request.messages)
        wanted = request.n + len(tried)
        spoken = Spoken.of(parse(request.messages))
        answer = self.model.answer(spoken.task, count=MOST_BEAMS if spoken.metrics else wanted + SPARE, stop=stop)
        counted = [found for found in answer.candidates if spoken.uses(found.sql)] or answer.candidates
        candidates = [(spoken.own(found.sql), found.logprob) for found in counted]
        candidates = [each for each in candidates if _plain(each[0]) not in tried]
        if answer.missing is not None:
            candidates = [(declining(answer.missing), 0.0)]
        if not candidates and not stop.is_set():
            raise ModelFailed(
                "the model found no statement for this question",
                remedy="Ask in other words, closer to the names of the tables and columns.",
            )
        said = 0
        for index in range(request.n):
            if stop.is_set():
                yield Done("cancelled", index)
                continue
            # fewer statements than wanted: as a model that samples would, it says the best again
            for part in _say(*candidates[index % len(candidates)], index, request, stop):
                said += isinstance(part, Delta)
                yield part
        yield Usage(answer.pieces, said)

    def count(self, text: str) -> int:
        return self.model.pieces.count(text)

    @property
    def card(self) -> PilotCard:
        parameters = list(self.model.network.parameters())
        return PilotCard(
            family="pilot-text-to-sql",
            adapter="text_to_sql",
            context=self._context,
            quantisation="none",
            device=str(parameters[0].device),
            memory_bytes=sum(parameter.nbytes for parameter in parameters),
            abilities=["text_to_sql"],
        )


def _say(
    reply: str, probability: float, index: int, request: ChatRequest, stop: threading.Event
) -> Iterator[StreamPart]:
    """Word by word. The logarithm of its probability is the whole reply's, so the first word carries it."""
    stops = StopStrings(request.stops)
    logprob = probability if request.logprobs else None
    for position, word in enumerate(re.findall(r"\s*\S+", reply)):
        if stop.is_set():
            yield Done("cancelled", index)
            return
        if position == request.limit:
            yield Done("length", index)
            return
        if text := stops.push(word):
            yield Delta(text, index, logprob)
            logprob = None if logprob is None else 0.0
        if stops.stopped:
            break
    if rest := stops.flush():
        yield Delta(rest, index, logprob)
    yield Done("stop", index)


def _check_format(wanted: StructuredOutputs | None) -> None:
    """A grammar for SQL is kept anyway; another format cannot be."""
    if wanted and (wanted.json_schema or wanted.regex or wanted.choice):
        raise ModelUnable("the bundled model answers in SQL only", remedy="Serve a larger model; see models/README.md.")


def _tried(messages: Sequence[Message]) -> set[str]:
    """Statements that were given for this question, and sent back as wrong."""
    last = max(
        (index for index, message in enumerate(messages) if "CREATE TABLE" in message.content.upper()), default=0
    )
    return {_plain(message.content) for message in messages[last:] if message.role == "assistant"}


def _plain(sql: str) -> str:
    """Without what a guard may add."""
    text = " ".join(sql.lower().replace('"', "").replace("`", "").rstrip("; \n").split())
    return re.sub(r" limit \d+$", "", text)

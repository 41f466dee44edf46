"""Any decoder-only model of transformers from a local folder. Guanaco, Vicuna and the rest differ by their family row.

Turns requests into tokens and rules; a backend computes the answers (`variants.py`): slots, all requests in one batch,
or, for models that slots cannot take, one after another.
"""

import gc
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import llguidance.hf
import torch
from transformers import AutoModelForCausalLM

from pilot.errors import ModelFailed, ModelUnable, ModelUnusable
from pilot.model import tools
from pilot.model.backend import Job, memory_ran_out
from pilot.model.base import Gauge, LoadOptions, ModelAdapter
from pilot.model.decoding import Candidate, Rules
from pilot.model.families import Family
from pilot.model.folders import base_of
from pilot.model.grammar import Grammar
from pilot.model.loading import load_model, load_tokenizer
from pilot.model.lora import Shelf
from pilot.model.onednn import relay_weights
from pilot.model.prompting import Prompter
from pilot.model.quantised import memory_of, precision_of
from pilot.model.trimming import trimmed
from pilot.model.variants import Variants, backends
from pilot.protocol import ChatRequest, Message, PilotCard, StreamPart, TextRequest, Usage


class CausalAdapter(ModelAdapter):
    name = "causal"
    kind: Any = AutoModelForCausalLM
    reads_text = True

    def __init__(self, model: Any, tokenizer: Any, family: Family, *, variants: Variants, context: int) -> None:
        self.parallel = variants.parallel
        self._variants = variants
        self._model = model
        self._vocabulary = int(model.config.vocab_size)
        self._ends = _ends(model, tokenizer)
        self._tokenizer = tokenizer
        self._family = family
        self._context = min(context, getattr(model.config, "max_position_embeddings", None) or context)
        self._prompter = Prompter(tokenizer, family, self._context)

    @classmethod
    def load(cls, name: str, folder: Path | None, options: LoadOptions) -> Self:
        if folder is None:
            raise ModelUnusable(f"{name} needs a folder with weights")
        base = base_of(folder, options.models_dir)
        tokenizer = load_tokenizer(folder, base)
        family = _with_template(options.family, tokenizer, folder.name)
        model = load_model(folder, options, kind=cls.kind)
        relay_weights(model)
        shelf = Shelf(model, folder, options.models_dir) if base is None else None
        variants = Variants(model, shelf, name, backends(model, options), chosen=options.adapter)
        return cls(model, tokenizer, family, variants=variants, context=options.context)

    def stream(self, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        job = self.job(request, stop)
        form = self._prompter.tools if request.offered else None
        try:
            with self._variants.use(request.model) as backend:
                yield from tools.read(backend.run(job), form) if form else backend.run(job)
        except RuntimeError as error:
            if not memory_ran_out(error):
                raise
            raise ModelFailed(
                "the model ran out of memory", remedy="Shorten the question, or lower MAX_POSITION_EMBEDDINGS."
            ) from error
        yield Usage(len(job.prompt), sum(candidate.count for candidate in job.candidates), job.cached)

    def count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    @property
    def card(self) -> PilotCard:
        return PilotCard(
            family=self._family.name,
            adapter=self.name,
            context=self._context,
            quantisation=precision_of(self._model),
            device=str(self._model.device),
            memory_bytes=memory_of(self._model),
            abilities=list(self._family.abilities),
        )

    @property
    def calls_tools(self) -> bool:
        return self._prompter.tools is not None

    def variants(self) -> Sequence[str]:
        return self._variants.names()

    def gauges(self) -> Sequence[Gauge]:
        return self._variants.gauges()

    def close(self) -> None:
        """Gives the memory back as well: another model may be loaded next."""
        self._variants.close()
        del self._model
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def encode(self, messages: Sequence[Message]) -> list[int]:
        return self._prompter.encode(messages)

    def job(self, request: ChatRequest, stop: threading.Event) -> Job:
        """The request as tokens and rules. Raises PromptTooLong; InputInvalid for a grammar that does not compile."""
        prompt = self._prompt(request)
        room = self._context - len(prompt)
        stops = request.stops if isinstance(request, TextRequest) else (*self._family.stops, *request.stops)
        rules = Rules(min(request.limit or room, room), self._ends, stops)
        grammar = self._grammar(request)
        candidates = [
            Candidate(index, request, prompt, rules, decode=self._text_of, mask=grammar.start() if grammar else None)
            for index in range(request.n)
        ]
        return Job(prompt, candidates, stop)

    def _prompt(self, request: ChatRequest) -> list[int]:
        """As long as it is, or trimmed where the client asks; -1: so that its answer has room."""
        if isinstance(request, TextRequest):
            return self._prompter.as_it_is(request.text)
        encode = partial(self._prompter.encode, tools=request.offered)
        most = request.truncate_prompt_tokens
        if most is None:
            return encode(request.messages)
        if most < 0:
            most = self._context - min(request.limit or self._context, self._context // 2)
        return trimmed(request.messages, most, encode)

    def _grammar(self, request: ChatRequest) -> Grammar | None:
        form = self._prompter.tools
        wanted = request.constraint
        if form and request.offered:
            wanted = tools.grammar(request, form, mark=self._prompter.token(form.mark))
        return Grammar(wanted, self._grammar_tokens) if wanted else None

    @cached_property
    def _grammar_tokens(self) -> Any:
        if not self._tokenizer.is_fast:
            raise ModelUnable("this model's tokenizer cannot follow a grammar", remedy="Use one with tokenizer.json.")
        ends = sorted(self._ends) or None
        return llguidance.hf.from_tokenizer(self._tokenizer, n_vocab=self._vocabulary, eos_token=ends)

    def _text_of(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _with_template(family: Family, tokenizer: Any, folder: str) -> Family:
    """The row with the one template that holds. Raises ModelUnusable where there is none."""
    own = bool(getattr(tokenizer, "chat_template", None))
    if own and (family.own_first or family.template is None):
        return replace(family, template=None)
    if family.template is None:
        raise ModelUnusable(
            f"the tokenizer of {folder} brings no chat template",
            remedy="Copy its chat_template.jinja, or set LLM_FAMILY.",
        )
    return family


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """End tokens by the generation settings (one or several) and by the tokenizer."""
    named = model.generation_config.eos_token_id
    several = named if isinstance(named, list) else [named]
    return frozenset(token for token in (*several, tokenizer.eos_token_id) if token is not None)

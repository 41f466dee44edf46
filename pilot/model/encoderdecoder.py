"""Answers of an encoder-decoder, one request after another: the prompt is read once, all candidates write from it."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from pilot.model.backend import Backend, Job
from pilot.model.decoding import together
from pilot.protocol import StreamPart


class EncoderDecoder(Backend):
    parallel = False

    def run(self, job: Job) -> Iterator[StreamPart]:
        if job.stop.is_set():
            yield from (candidate.cancel() for candidate in job.candidates)
            return
        running = job.candidates
        read = self._read(job.prompt).expand(len(running), -1, -1)
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        first = [self._model.config.decoder_start_token_id, *running[0].opening]
        logits = self._step([first] * len(running), read, cache)
        while running and not job.stop.is_set():
            for candidate, row in zip(running, logits, strict=True):
                if not candidate.unread:
                    yield from candidate.take(row)
            left = [row for row, candidate in enumerate(running) if not candidate.finished]
            if left and len(left) < len(running):
                rows = torch.tensor(left, device=self._model.device)
                cache.batch_select_indices(rows)
                read = read[rows]
            running = [running[row] for row in left]
            if running and not job.stop.is_set():
                tokens = together(running)
                logits = self._step(tokens, read, cache)
                for candidate in running:
                    candidate.read(len(tokens[0]))
        for candidate in running:
            yield candidate.cancel()

    @torch.inference_mode()
    def _read(self, prompt: list[int]) -> Tensor:
        """What the encoder makes of the prompt [1, tokens, hidden]."""
        ids = torch.tensor([prompt], device=self._model.device)
        found: Tensor = self._model.get_encoder()(input_ids=ids).last_hidden_state
        return found

    @torch.inference_mode()
    def _step(self, tokens: list[list[int]], read: Tensor, cache: Any) -> Tensor:
        """The next tokens of each candidate [candidates, new]; logits [candidates, vocabulary], float32, on the CPU."""
        out = self._model(
            decoder_input_ids=torch.tensor(tokens, device=self._model.device),
            encoder_outputs=BaseModelOutput(last_hidden_state=read),
            past_key_values=cache,
            use_cache=True,
        )
        found: Tensor = out.logits[:, -1].float().cpu()
        return found

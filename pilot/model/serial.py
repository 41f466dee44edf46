"""One answer after another, with the cache that the model itself brings: for models that slots cannot take."""

from collections.abc import Iterator

import torch
from torch import Tensor
from transformers import DynamicCache

from pilot.model.backend import Backend, Job
from pilot.model.decoding import together
from pilot.protocol import StreamPart

CHUNK = 512  # tokens of the prompt that are read at once: how long a cancellation may wait


class Serial(Backend):
    """All candidates of a request share one reading of the prompt and go on as one batch."""

    parallel = False

    def run(self, job: Job) -> Iterator[StreamPart]:
        cache = DynamicCache(config=self._model.config)
        running = job.candidates
        logits = self._read(job, cache)
        if len(running) > 1:
            cache.batch_repeat_interleave(len(running))
            logits = logits.expand(len(running), -1)
        while running and not job.stop.is_set():
            for candidate, row in zip(running, logits, strict=True):
                if not candidate.unread:
                    yield from candidate.take(row)
            left = [row for row, candidate in enumerate(running) if not candidate.finished]
            if left and len(left) < len(running):
                cache.batch_select_indices(torch.tensor(left, device=self._model.device))
            running = [running[row] for row in left]
            if running and not job.stop.is_set():
                tokens = together(running)
                logits = self._step(tokens, cache)
                for candidate in running:
                    candidate.read(len(tokens[0]))
        for candidate in running:
            yield candidate.cancel()

    def _read(self, job: Job, cache: DynamicCache) -> Tensor:
        logits = torch.empty(1, 0)
        beginning = job.beginning
        for start in range(0, len(beginning), CHUNK):
            if job.stop.is_set():
                break
            logits = self._step([beginning[start : start + CHUNK]], cache)
        return logits

    @torch.inference_mode()
    def _step(self, tokens: list[list[int]], cache: DynamicCache) -> Tensor:
        """Read `tokens` [rows, new] after what `cache` holds; logits [rows, vocabulary] for what comes next."""
        ids = torch.tensor(tokens, device=self._model.device)
        out = self._model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        found: Tensor = out.logits[:, -1].float().cpu()
        return found

"""Choose the next token of one candidate from the model's logits, as the request wishes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pilot.protocol import ChatRequest

HEAD = 512  # tokens that mostly hold all of top_p: sorting a whole vocabulary costs milliseconds per token


class Sampler:
    """Runs on the CPU whatever the model's device, so that a seed gives the same answer everywhere.

    Each candidate draws from its own generator: what others in the batch draw changes nothing.
    """

    def __init__(self, request: ChatRequest, index: int) -> None:
        self._request = request
        self._generator = torch.Generator()
        if request.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed((request.seed + index) % 2**63)

    def pick(self, logits: Tensor, seen: Sequence[int]) -> int:
        """`logits` is [vocabulary], float32, on the CPU; `seen` are the tokens of prompt and answer."""
        scores = self._penalise(logits, seen)
        if self._request.temperature == 0:
            return int(scores.argmax())
        probabilities = self._cut(torch.softmax(scores / self._request.temperature, dim=-1))
        # by hand: torch.multinomial draws a number for every token of the vocabulary, a millisecond each time
        reached = probabilities.cumsum(0, dtype=torch.float64)
        drawn = torch.rand(1, generator=self._generator, dtype=torch.float64) * reached[-1]
        return int(torch.searchsorted(reached, drawn, right=True))

    def _penalise(self, logits: Tensor, seen: Sequence[int]) -> Tensor:
        """Repetition penalty as in CTRL (Keskar et al. 2019): likely again and unlikely again are both less likely."""
        penalty = self._request.repetition_penalty
        if penalty == 1 or not seen:
            return logits
        tokens = torch.tensor(sorted(set(seen)))
        values = logits[tokens]
        return logits.index_put((tokens,), torch.where(values > 0, values / penalty, values * penalty))

    def _cut(self, probabilities: Tensor) -> Tensor:
        """top_k, then min_p, then top_p; the most likely token always stays."""
        wish = self._request
        if 0 < wish.top_k < len(probabilities):
            least = probabilities.topk(wish.top_k).values[-1]
            probabilities = probabilities.where(probabilities >= least, 0)
        if wish.min_p > 0:
            probabilities = probabilities.where(probabilities >= wish.min_p * probabilities.max(), 0)
        if wish.top_p < 1:
            ordered, tokens = _most_likely(probabilities / probabilities.sum(), wish.top_p)
            before = ordered.cumsum(0) - ordered  # what is more likely than this token, together
            kept = tokens[before < wish.top_p]
            probabilities = torch.zeros_like(probabilities).index_copy(0, kept, probabilities[kept])
        return probabilities


def _most_likely(probabilities: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Probabilities and tokens in order, enough of them to hold `share` of all."""
    found = probabilities.topk(min(HEAD, len(probabilities)))
    return found if found.values.sum() >= share else probabilities.sort(descending=True)

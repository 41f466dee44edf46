"""The numbers that weights are kept in, as data: what the settings name, the planner counts and the loader reads.

Bits are those that bitsandbytes stores (QLoRA, arXiv 2305.14314, section 3): a 4-bit format keeps one 32-bit scale for
64 weights; double quantisation keeps it in 8 bits, with a 32-bit scale for 256 of them.
"""

from dataclasses import dataclass
from typing import Literal

FOUR_BITS = 4 + 32 / 64
FOUR_BITS_DOUBLE = 4 + 8 / 64 + 32 / (64 * 256)


@dataclass(frozen=True)
class Precision:
    """`bits` of a parameter of a linear layer. The others (embeddings, head, norms) and the KV cache take `width`
    bytes a number, in which the model computes, too.
    """

    name: str
    bits: float
    width: int = 2  # bytes
    row_bits: int = 0  # for each output row of a linear layer: LLM.int8's scale
    four_bit: Literal["", "nf4", "fp4"] = ""
    double: bool = False  # the scales are quantised again

    @property
    def quantised(self) -> bool:
        return self.bits < 16


PRECISIONS: tuple[Precision, ...] = (
    Precision("fp32", 32, width=4),
    Precision("bf16", 16),
    Precision("fp16", 16),
    Precision("int8", 8, row_bits=32),
    Precision("nf4", FOUR_BITS, four_bit="nf4"),
    Precision("nf4+dq", FOUR_BITS_DOUBLE, four_bit="nf4", double=True),
    Precision("fp4", FOUR_BITS, four_bit="fp4"),
    Precision("fp4+dq", FOUR_BITS_DOUBLE, four_bit="fp4", double=True),
)
BY_NAME = {row.name: row for row in PRECISIONS}
AUTO = "auto"  # the family's, or what fits

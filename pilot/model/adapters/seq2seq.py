"""Models that read with one half and write with the other (T5, FLAN-T5): the question goes in, the answer comes out."""

from typing import Any

from transformers import AutoModelForSeq2SeqLM

from pilot.model.adapters.causal import CausalAdapter


class Seq2SeqAdapter(CausalAdapter):
    """All but the computing is as with a decoder: `encoderdecoder.py` computes."""

    name = "seq2seq"
    kind: Any = AutoModelForSeq2SeqLM

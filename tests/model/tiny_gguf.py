"""A real LLaMA in llama.cpp's format, with random weights and one token for each byte."""

from pathlib import Path

import gguf
import numpy as np

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}<|assistant|>"
)  # fmt: skip
HIDDEN, INNER, LAYERS, HEADS = 64, 128, 2, 4
MARKS = [b"<unk>", b"<s>", b"</s>", b"<|user|>", b"<|assistant|>"]
TOKENS = [*MARKS, *(f"<0x{byte:02X}>".encode() for byte in range(256))]


def save(file: Path, *, template: str | None = TEMPLATE) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(file, "llama")
    for add, value in (
        (writer.add_context_length, 512), (writer.add_embedding_length, HIDDEN), (writer.add_block_count, LAYERS),
        (writer.add_feed_forward_length, INNER), (writer.add_head_count, HEADS), (writer.add_head_count_kv, HEADS),
        (writer.add_layer_norm_rms_eps, 1e-5), (writer.add_rope_dimension_count, HIDDEN // HEADS),
        (writer.add_vocab_size, len(TOKENS)), (writer.add_tokenizer_model, "llama"), (writer.add_token_list, TOKENS),
        (writer.add_token_scores, [0.0] * len(TOKENS)), (writer.add_token_types, _types()),
        (writer.add_bos_token_id, 1), (writer.add_eos_token_id, 2), (writer.add_unk_token_id, 0),
    ):  # fmt: skip
        add(value)
    if template:
        writer.add_chat_template(template)
    for name, shape in _shapes().items():
        dice = np.random.default_rng(len(name))
        one = np.ones(shape) if len(shape) == 1 else dice.normal(0, 0.3, shape)
        writer.add_tensor(name, one.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _types() -> list[int]:
    kinds = gguf.TokenType
    return [kinds.UNKNOWN, *[kinds.CONTROL] * (len(MARKS) - 1), *[kinds.BYTE] * 256]


def _shapes() -> dict[str, tuple[int, ...]]:
    block: dict[str, tuple[int, ...]] = {
        "attn_norm": (HIDDEN,), "attn_q": (HIDDEN, HIDDEN), "attn_k": (HIDDEN, HIDDEN), "attn_v": (HIDDEN, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN), "ffn_norm": (HIDDEN,), "ffn_gate": (INNER, HIDDEN), "ffn_up": (INNER, HIDDEN),
        "ffn_down": (HIDDEN, INNER),
    }  # fmt: skip
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (len(TOKENS), HIDDEN)}
    for layer in range(LAYERS):
        found |= {f"blk.{layer}.{name}.weight": shape for name, shape in block.items()}
    return found | {"output_norm.weight": (HIDDEN,), "output.weight": (len(TOKENS), HIDDEN)}

"""A real LLaMA with random weights and a real byte-level tokenizer, small enough to make on the spot."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEXT = (
    "How many customers are there? SELECT count(*) FROM customers WHERE city = 'München'; "
    "### Human: hello ### Assistant: hi USER: hello ASSISTANT: 你好，世界。订单有多少？ "
)
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
VOCABULARY = 512


def save(
    folder: Path,
    *,
    chat_template: str | None = CHAT_TEMPLATE,
    steering: Sequence[str] = (),
    seed: int = 0,
    shard: str = "50GB",
) -> Path:
    """Hidden sizes divide by 64 and 32: bitsandbytes' packing for CPUs wants it."""
    tokenizer = make_tokenizer(chat_template)
    tokenizer.add_tokens(list(steering), special_tokens=True)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            bos_token_id=1,
            eos_token_id=2,
            initializer_range=0.2,  # random weights that still prefer some tokens
        )
    )
    model.save_pretrained(folder, max_shard_size=shard)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(chat_template: str | None = CHAT_TEMPLATE) -> PreTrainedTokenizerFast:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        [TEXT] * 8,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=["<unk>", "<s>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = chat_template
    return tokenizer


def edit_json(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))

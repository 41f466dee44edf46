"""A cross-encoder made on the spot, from the folder to the route; and several embedding models in one server."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from pilot.errors import ModelUnknown, ModelUnusable
from pilot.model.app import create_app
from pilot.model.embeddings import ENCODERS, Embedder, Encoder, Loader, find_encoder
from pilot.model.encoder import FEW
from pilot.model.reranking import JUDGES, Reranker
from tests.model.live import Lengths, scripted

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "leave", "paid", "days", "train", "ticket", "how", "many"]


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers with one score; its weights are random, its format is a real one's."""
    folder = tmp_path_factory.mktemp("models") / "tiny-judge"
    torch.manual_seed(1)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=64, num_labels=1)  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder


async def test_a_cross_encoder_scores_each_text_from_0_to_1(judge_folder: Path) -> None:
    reranker = Reranker("tiny-judge", lambda: JUDGES.get("cross_encoder").load(judge_folder, "cpu"))
    scores = await reranker.scores("how many days", ["paid leave days", "train ticket", "paid leave days"])
    assert len(scores) == 3
    assert all(0 < score < 1 for score in scores)
    assert scores[0] == pytest.approx(scores[2], abs=1e-6)
    assert scores[0] != scores[1]
    reranker.close()


def test_the_route_answers_best_first_as_other_servers_do(judge_folder: Path) -> None:
    reranker = Reranker("tiny-judge", lambda: JUDGES.get("cross_encoder").load(judge_folder, "cpu"))
    with TestClient(create_app(scripted(), Embedder(Lengths, name="lengths"), reranker)) as client:
        wish = {"model": "tiny-judge", "query": "how many days", "documents": ["train ticket", "paid leave days"]}
        answer = client.post("/v1/rerank", json=wish).json()
        scores = [row["relevance_score"] for row in answer["results"]]
        assert scores == sorted(scores, reverse=True)
        assert {row["index"] for row in answer["results"]} == {0, 1}
        assert len(client.post("/v1/rerank", json=wish | {"top_n": 1}).json()["results"]) == 1
        refused = client.post("/v1/rerank", json=wish | {"model": "other"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model.unknown")
    reranker.close()


async def test_a_folder_that_holds_no_cross_encoder_is_refused(tmp_path: Path) -> None:
    reranker = Reranker("none", lambda: JUDGES.get("cross_encoder").load(tmp_path, "cpu"))
    with pytest.raises(ModelUnusable, match=r"config\.json is missing"):
        await reranker.scores("question", ["text"])
    reranker.close()


async def test_another_embedding_model_is_loaded_when_it_is_asked_for() -> None:
    loaded: list[str] = []

    def other(name: str) -> Loader:
        if name == "absent":
            raise ModelUnknown("no such model")

        def load() -> Encoder:
            loaded.append(name)
            return Lengths()

        return load

    embedder = Embedder(Lengths, name="own", others=other)
    await embedder.load()
    for name in ("", "own", "a", "b", "a", "c", "b"):  # two are kept beside its own
        assert len(await embedder.embed(["text"], model=name)) == 1
    assert loaded == ["a", "b", "c", "b"]
    with pytest.raises(ModelUnknown):
        await embedder.embed(["text"], model="absent")
    embedder.close()


def test_what_is_many_is_read_in_bfloat16_a_question_exactly() -> None:
    folder = find_encoder("all-MiniLM-L6-v2", Path("nowhere"))
    exact, quick = (
        ENCODERS.get("sentence_transformers").load(folder, "cpu", precision) for precision in ("fp32", "bf16")
    )
    texts = ["Sales per region rose.", "revenue by area", "The cat sleeps on the mat.", "an invoice", "no rain today"]
    assert len(texts) > FEW
    before, after = exact.encode(texts), quick.encode(texts)
    assert np.einsum("nd,nd->n", before, after).min() > 0.999
    assert not np.array_equal(before, after)
    assert np.array_equal(quick.encode(texts[:1]), exact.encode(texts[:1]))

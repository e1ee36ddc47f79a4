"""What is put before questions and passages, told from what a model is called."""

from __future__ import annotations

import pytest

from backends.files.catalog import EMBEDDER_FILE, TOKENIZER_FILE
from backends.onnx.families import FAMILIES, PLAIN_FAMILY, find_family


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("nomic-embed-text", "nomic-embed-text"),
        (
            "hf:nomic-ai/nomic-embed-text-v1.5-GGUF/nomic-embed-text-v1.5.Q8_0.gguf",
            "nomic-embed-text",
        ),
        ("hf:Xenova/multilingual-e5-small/onnx/model_quantized.onnx", "e5"),
        ("intfloat/e5-base-v2", "e5"),
        ("intfloat/multilingual-e5-large-instruct", "e5 instruct"),
        ("bge-m3:latest", "bge-m3"),
        ("BAAI/bge-base-en-v1.5", "bge"),
        ("pypi:some==1.0#some/bge_small_en_v1.5/model.onnx", "bge"),
        ("BAAI/bge-large-zh-v1.5", "bge (Chinese)"),
        ("mxbai-embed-large:335m", "mxbai-embed"),
        ("snowflake-arctic-embed:m", "arctic-embed"),
        ("file:models/snowflake-arctic-embed-m-v1.5-q8_0.gguf", "arctic-embed"),
        ("snowflake-arctic-embed2", "arctic-embed 2"),
        ("file:models/snowflake-arctic-embed-m-v2.0-q8_0.gguf", "arctic-embed 2"),
        ("Alibaba-NLP/gte-Qwen2-1.5B-instruct", "gte-qwen"),
        ("Alibaba-NLP/gte-base-en-v1.5", "gte"),
        ("thenlper/gte-small", "other"),
        ("dengcao/Qwen3-Embedding-0.6B:Q8_0", "qwen3-embedding"),
        ("embeddinggemma:300m", "embeddinggemma"),
        ("granite-embedding:30m", "granite-embedding"),
        ("all-minilm", "other"),
        ("text-embedding-3-small", "other"),
        ("", "other"),
    ],
)
def test_a_family_is_told_from_the_name(name: str, family: str) -> None:
    assert find_family(name).name == family


def test_the_first_name_that_tells_counts() -> None:
    assert find_family("model.onnx", "BAAI/bge-m3", "nomic-embed-text").name == "bge-m3"
    assert find_family() is PLAIN_FAMILY


def test_nothing_is_put_before_the_default_embedders_texts() -> None:
    assert find_family(EMBEDDER_FILE.source, TOKENIZER_FILE.source) is PLAIN_FAMILY


def test_every_family_says_something() -> None:
    for family in FAMILIES:
        assert (family.query_prefix, family.passage_prefix, family.pooling) != ("", "", "mean")

"""What families of embedding models expect of their input, recognised by a model's name.

A model whose input has the wrong prefix still returns vectors, only worse ones, and nothing reports
it. The values are those of the models' own cards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Pooling = Literal["mean", "cls"]
"""How the vectors of a text's tokens become one: their mean, or that of the first (`[CLS]`)."""

_SEARCH_QUERY_PREFIX = "Represent this sentence for searching relevant passages: "
_INSTRUCT_QUERY_PREFIX = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
)


@dataclass(frozen=True, slots=True)
class EmbeddingFamily:
    """Embedding models that are used alike.

    `pattern` matches their names or sources. `query_prefix` and `passage_prefix` are put before
    every question and every passage; `pooling` is for engines that leave it to the caller.
    """

    name: str
    pattern: str
    query_prefix: str = ""
    passage_prefix: str = ""
    pooling: Pooling = "mean"


PLAIN_FAMILY = EmbeddingFamily("other", "")
"""What all-MiniLM, all-mpnet and their like expect: nothing."""

# The first that matches counts, so that narrow patterns stand before wide ones.
FAMILIES = (
    # Cards of nomic-ai/nomic-embed-text-v1, -v1.5 and -v2-moe.
    EmbeddingFamily("nomic-embed-text", "nomic-embed-text", "search_query: ", "search_document: "),
    # Cards of intfloat/multilingual-e5-large-instruct and intfloat/e5-mistral-7b-instruct.
    EmbeddingFamily("e5 instruct", r"e5-large-instruct|e5-mistral", f"{_INSTRUCT_QUERY_PREFIX} "),
    # Cards of intfloat/e5-base-v2 and intfloat/multilingual-e5-base.
    EmbeddingFamily("e5", r"e5-(?:small|base|large)", "query: ", "passage: "),
    # Card of BAAI/bge-m3.
    EmbeddingFamily("bge-m3", "bge-m3", pooling="cls"),
    # Cards of BAAI/bge-small-zh-v1.5 and BAAI/bge-small-en-v1.5.
    EmbeddingFamily(
        "bge (Chinese)",
        r"bge-(?:small|base|large)-zh",
        "为这个句子生成表示以用于检索相关文章：",
        pooling="cls",
    ),
    EmbeddingFamily("bge", r"bge-(?:micro|small|base|large)", _SEARCH_QUERY_PREFIX, pooling="cls"),
    # Card of mixedbread-ai/mxbai-embed-large-v1.
    EmbeddingFamily(
        "mxbai-embed", r"mxbai-embed-(?:2d-)?large", _SEARCH_QUERY_PREFIX, pooling="cls"
    ),
    # Cards of Snowflake/snowflake-arctic-embed-l-v2.0 and -m-v1.5; Ollama leaves the dash out.
    EmbeddingFamily("arctic-embed 2", r"arctic-embed(?:2|-[ml]-v2)", "query: ", pooling="cls"),
    EmbeddingFamily("arctic-embed", "arctic-embed", _SEARCH_QUERY_PREFIX, pooling="cls"),
    # Cards of Alibaba-NLP/gte-Qwen2-1.5B-instruct, gte-base-en-v1.5, gte-multilingual-base and
    # gte-modernbert-base; the first gte models take the mean.
    EmbeddingFamily("gte-qwen", "gte-qwen", f"{_INSTRUCT_QUERY_PREFIX} "),
    EmbeddingFamily("gte", r"gte-(?:\w+-en-v1\.5|multilingual|modernbert)", pooling="cls"),
    # Card of Qwen/Qwen3-Embedding-0.6B, which has no space after the colon.
    EmbeddingFamily("qwen3-embedding", "qwen3-embedding", _INSTRUCT_QUERY_PREFIX),
    # Card of google/embeddinggemma-300m.
    EmbeddingFamily(
        "embeddinggemma",
        "embeddinggemma|embedding-gemma",
        "task: search result | query: ",
        "title: none | text: ",
    ),
    # Card of ibm-granite/granite-embedding-125m-english.
    EmbeddingFamily("granite-embedding", "granite-embedding", pooling="cls"),
)
_FAMILY_PATTERNS = [(re.compile(family.pattern, re.IGNORECASE), family) for family in FAMILIES]


def find_family(*names: str) -> EmbeddingFamily:
    """Return the family of a model by its names; the first name that matches counts.

    Underscores count as dashes, as in file names. Returns `PLAIN_FAMILY` if none matches.
    """
    for name in names:
        for pattern, family in _FAMILY_PATTERNS:
            if pattern.search(name.replace("_", "-")):
                return family
    return PLAIN_FAMILY

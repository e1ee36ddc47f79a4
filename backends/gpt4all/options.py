"""The options of a model with `backend: gpt4all` in config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backends.base import EngineOptions
from backends.machine import usable_cores
from backends.notations.thoughts import Thinking
from backends.pool.spec import Seconds

_MAX_DEFAULT_THREADS = 4
"""It slows down badly where it has to share its cores."""


class GPT4AllOptions(EngineOptions):
    """Keys of a model with `backend: gpt4all`. Times in seconds or as `5m`.

    A GGUF of the BERT family embeds and does not chat; `embeddings` overrides what the file says.
    `device` is GPT4All's own: `cpu`, `gpu`, `cuda`, `kompute` or the name of one. `silence_s`
    limits how long it may send nothing while it answers; after that its process is restarted.
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

    def threads(self) -> int:
        """Return its threads: a few of the cores that this process may use, unless configured."""
        return self.n_threads or min(_MAX_DEFAULT_THREADS, usable_cores())

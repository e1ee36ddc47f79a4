"""The options of a model with `backend: ollama` in config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from backends.notations.thoughts import Thinking
from backends.pool.spec import Seconds
from backends.remote import MAX_PARALLEL_REQUESTS, RemoteOptions, Url


class OllamaOptions(RemoteOptions):
    """Keys of a model with `backend: ollama`. `context` is sent as `num_ctx`, in tokens.

    `keep_alive`: how long the model stays in memory after an answer; -1 is for ever. `parallel`
    should be the server's `OLLAMA_NUM_PARALLEL`.
    """

    url: Url = Field(default="http://127.0.0.1:11434", repr=False)
    parallel: int = Field(default=4, ge=1, le=MAX_PARALLEL_REQUESTS)
    model: str = Field(min_length=1)
    context: int = Field(default=4_096, ge=128)
    keep_alive: Seconds = 300.0
    thinking: Thinking = "auto"
    options: Mapping[str, Any] = Field(default_factory=dict)
    first_byte_s: Annotated[Seconds, Field(gt=0)] = 600.0

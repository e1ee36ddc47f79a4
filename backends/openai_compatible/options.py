"""The options of a model with `backend: openai_compatible` in config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from backends.notations.thoughts import Thinking
from backends.pool.spec import Seconds
from backends.remote import MAX_PARALLEL_REQUESTS, RemoteOptions, Url


class OpenAICompatibleOptions(RemoteOptions):
    """Keys of a model with `backend: openai_compatible`.

    Either `url` (with its `/v1`) or `command`. `model` may be left out where the server has one
    only. `chat`, `embeddings`, `tools`, `json_schema` and `vision` (it sees pictures) say what the
    model can do; `tools`, `vision`, `context` and `parallel` are asked of the server where it
    tells. `extra` goes into every request body.
    `starts_thinking`: the answer begins in the middle of thinking, without a tag that says so, as
    that of a server without a reasoning parser may.
    """

    url: Url | None = Field(default=None, repr=False)
    command: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    model: str | None = Field(default=None, min_length=1)
    context: int = Field(default=0, ge=0)
    parallel: int | None = Field(default=None, ge=1, le=MAX_PARALLEL_REQUESTS)
    chat: bool = True
    embeddings: bool = False
    dimension: int = Field(default=0, ge=0)
    tools: bool | None = None
    json_schema: bool = True
    vision: bool | None = None
    thinking: Thinking = "auto"
    starts_thinking: bool = False
    extra: Mapping[str, Any] = Field(default_factory=dict)
    ready_s: Annotated[Seconds, Field(gt=0)] = 300.0

    @model_validator(mode="after")
    def _one_of_two(self) -> OpenAICompatibleOptions:
        if (self.url is None) == (not self.command):
            raise ValueError("write either `url:` or `command:`")
        return self

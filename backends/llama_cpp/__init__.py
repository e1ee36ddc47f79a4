"""llama.cpp in this process: many conversations on one model, computed together.

`ENGINE` is what a configuration names as `backend: llama_cpp`. A request passes through `engine`
(on the event loop), `owner` (the model's thread), `templates` (messages to tokens), `scheduler`
(rounds of computation), `cache` (sequences and their tokens), `sampling` (the next token) and
`text` (tokens to text), all built on `native` (llama.cpp itself). Importing this package is cheap:
the owner thread loads the native library on first use.
"""

from __future__ import annotations

from typing import Any

from backends.base import Backend, Engine, EngineContext
from backends.llama_cpp.engine import LlamaCppBackend
from backends.llama_cpp.options import LlamaCppOptions, SamplingDefaults
from backends.llama_cpp.stats import EngineStats

__all__ = ["ENGINE", "EngineStats", "LlamaCppBackend", "LlamaCppOptions", "SamplingDefaults"]


def _create(name: str, options: Any, context: EngineContext) -> Backend:
    return LlamaCppBackend(name, options, context)


ENGINE = Engine(name="llama_cpp", options=LlamaCppOptions, create=_create)

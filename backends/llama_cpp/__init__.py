"""llama.cpp in this process: many conversations on one model, computed together.

`ENGINE` is what a configuration names as `backend: llama_cpp`. The parts, in the order in which a
request meets them: `engine` (the event loop's side), `owner` (the thread), `templates` (messages to
tokens), `scheduler` (the round), `cache` (which sequence holds what), `sampling` (the next token),
`text` (tokens to text), over `native` (llama.cpp itself). Importing this package is cheap: the
native library is loaded by the owner thread on first use.
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

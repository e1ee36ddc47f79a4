"""Models that GPT4All runs, always in a child process.

    nomic: {backend: gpt4all, source: "file:models/….gguf"}

The library answers one request at a time, hangs if its worker raises, and crashes if two calls
overlap (nomic-ai/gpt4all#2444). It therefore runs in its own process, behind
`backends.worker.backend`, and is imported nowhere else. The project has been quiet since February
2025, and knows the architectures of July 2024 only.
"""

from __future__ import annotations

import platform
from typing import Any

from backends.base import Backend, Engine, EngineContext
from backends.gpt4all.options import GPT4AllOptions
from backends.worker.backend import WorkerBackend


def is_supported() -> bool:
    """Return whether the package has a wheel for this platform."""
    if platform.system() == "Linux":
        return platform.machine() == "x86_64"
    return platform.system() in ("Darwin", "Windows")


def create_in_child(name: str, options: GPT4AllOptions, context: EngineContext) -> Backend:
    """Create the engine itself; called in the child process."""
    from backends.gpt4all.engine import GPT4AllBackend  # imports the library when it loads a model

    return GPT4AllBackend(name, options, context)


def _create(name: str, options: Any, context: EngineContext) -> Backend:
    return WorkerBackend(name, create_in_child, options, context, silence_s=options.silence_s)


ENGINE = Engine("gpt4all", GPT4AllOptions, _create)

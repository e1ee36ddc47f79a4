"""The engines that ship. Each is imported only when a model names it, since some take a second."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from backends.base import Engine

MODULES = {
    "llama_cpp": "backends.llama_cpp",
    "onnx": "backends.onnx.embedder",
    "onnx_reranker": "backends.onnx.reranker",
    "ollama": "backends.ollama.backend",
    "openai_compatible": "backends.openai_compatible.backend",
    "gpt4all": "backends.gpt4all.backend",
    "scripted": "backends.scripted.backend",
}
"""The module of each; it has the engine as `ENGINE`."""


def shipped(names: Iterable[str]) -> dict[str, Engine]:
    """The engines of these names, by name; names that do not ship are left out."""
    found: dict[str, Engine] = {}
    for name in names:
        if name in MODULES:
            engine: Engine = importlib.import_module(MODULES[name]).ENGINE
            found[name] = engine
    return found

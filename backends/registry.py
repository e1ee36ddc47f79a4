"""The engines that ship with Parlance. Each is imported on first use, since some take a second."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from backends.base import Engine

ENGINE_MODULES = {
    "llama_cpp": "backends.llama_cpp",
    "onnx": "backends.onnx.embedder",
    "onnx_reranker": "backends.onnx.reranker",
    "ollama": "backends.ollama.backend",
    "openai_compatible": "backends.openai_compatible.backend",
    "gpt4all": "backends.gpt4all.backend",
    "scripted": "backends.scripted.backend",
}
"""The module of each; it has the engine as `ENGINE`."""


def load_engines(names: Iterable[str]) -> dict[str, Engine]:
    """Import and return the engines of these names, by name; unknown names are left out."""
    found: dict[str, Engine] = {}
    for name in names:
        if name in ENGINE_MODULES:
            engine: Engine = importlib.import_module(ENGINE_MODULES[name]).ENGINE
            found[name] = engine
    return found

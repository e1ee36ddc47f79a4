"""Finds model servers that already run on this machine: Ollama, llama-server, LM Studio."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ServerKind = Literal["ollama", "openai_compatible"]

OLLAMA_URL = "http://127.0.0.1:11434"
USUAL_ADDRESSES: Mapping[str, tuple[ServerKind, str]] = {
    "Ollama": ("ollama", OLLAMA_URL),
    "llama-server": ("openai_compatible", "http://127.0.0.1:8080/v1"),
    "LM Studio": ("openai_compatible", "http://127.0.0.1:1234/v1"),
}
"""Where each listens if nobody said otherwise."""

_TIMEOUT_S = 2.0
_MAX_LIST_BYTES = 2_000_000
_MAX_MODELS = 200
_MAX_NAME_CHARACTERS = 200
_EMBEDDERS = ("embed", "minilm", "bge-", "e5-", "gte-", "rerank")
"""What names of models have in them that do not chat."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server has; `bytes` is its size, 0 where the server does not tell."""

    name: str
    bytes: int = 0

    @property
    def chats(self) -> bool:
        """Whether its name does not say that it is for something else."""
        name = self.name.lower()
        return not any(word in name for word in _EMBEDDERS)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answers. `kind` is the name of its engine in config.yaml."""

    name: str
    kind: ServerKind
    url: str
    models: tuple[ServedModel, ...]


def ollama_url() -> str:
    """Return where Ollama is said to listen (`OLLAMA_HOST`), on this machine alone; else the usual
    address."""
    said = os.environ.get("OLLAMA_HOST", "").strip().removeprefix("http://").rstrip("/")
    host, _, port = said.rpartition(":") if ":" in said else (said, "", "")
    if host in ("127.0.0.1", "localhost", "0.0.0.0", "") and (port.isdecimal() or not port):
        return f"http://127.0.0.1:{port or 11434}"
    return OLLAMA_URL


async def find_servers(
    addresses: Mapping[str, tuple[ServerKind, str]] | None = None,
) -> Sequence[LocalServer]:
    """Ask at the usual addresses, all at once, for a moment; return those that answer rightly."""
    asked = addresses or {**USUAL_ADDRESSES, "Ollama": ("ollama", ollama_url())}
    found = await asyncio.gather(*(_look(name, kind, url) for name, (kind, url) in asked.items()))
    return [server for server in found if server is not None]


async def _look(name: str, kind: ServerKind, url: str) -> LocalServer | None:
    import httpx  # slow to import, and wanted only here

    from backends.bounded_http import create_http_client

    path, key = ("/api/tags", "models") if kind == "ollama" else ("/models", "data")
    try:
        async with (
            asyncio.timeout(_TIMEOUT_S),
            create_http_client(url, timeout=httpx.Timeout(_TIMEOUT_S), headers={}) as http,
        ):
            answer = await http.get(f"{url}{path}")
            if answer.status_code != 200 or len(answer.content) > _MAX_LIST_BYTES:
                return None
            told = json.loads(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError, OSError):
        return None
    listed = told.get(key) if isinstance(told, dict) else None
    return (
        LocalServer(name, kind, url, tuple(_models(listed))) if isinstance(listed, list) else None
    )


def _models(listed: Iterable[Any]) -> list[ServedModel]:
    models = []
    for one in listed:
        if not isinstance(one, Mapping):
            continue
        name = one.get("model") or one.get("name") or one.get("id")
        size = one.get("size")
        if isinstance(name, str) and 0 < len(name) <= _MAX_NAME_CHARACTERS and name.isprintable():
            models.append(ServedModel(name, size if isinstance(size, int) and size > 0 else 0))
    return models[:_MAX_MODELS]

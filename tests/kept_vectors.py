"""Vectors that earlier runs have computed, beside the models that they fetched.

They are of one model file, one version of what runs it, and one state of our code around it; else
none of them is taken. Nor are they where some that are computed again come out as others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_path

from backends.base import Embeddings
from backends.onnx.embedder import OnnxEmbedder

_FILES = 8
"""Of half as many states of the code vectors are kept, the latest: there may be several
checkouts."""
_TEXTS = 20_000
_TOKENS_TEXTS = 1_000
"""Texts whose tokens' vectors are kept; each takes about 150 kB."""
_TRIED_TEXTS = 12
_ALIKE = 0.98
"""The model's numbers depend a little on which texts are computed together."""

Digests = npt.NDArray[np.bytes_]


class KeptVectors:
    """Computes as an embedder does, each text once."""

    def __init__(self, model: OnnxEmbedder, path: Path) -> None:
        self._model = model
        self._path = path
        self._rows: dict[bytes, Embeddings] = {}
        self._untried = False
        self._new = False
        self._tokens_path = path.with_suffix(".tokens.npz")
        self._tokens: dict[bytes, Embeddings] = {}
        self._new_tokens = False
        if path.exists():
            with np.load(path) as kept:
                self._rows = dict(zip(kept["texts"].tolist(), kept["rows"], strict=True))
            self._untried = True
        if path.exists() and self._tokens_path.exists():
            with np.load(self._tokens_path) as kept:
                rows = np.split(kept["rows"].astype(np.float32), kept["ends"][:-1])
                self._tokens = dict(zip(kept["texts"].tolist(), rows, strict=True))

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        if not texts:
            return await self._model.embed(texts)
        names = [_digest(text) for text in texts]
        if self._untried and any(name in self._rows for name in names):
            self._untried = False
            await self._try(dict(zip(names, texts, strict=True)))
        missing = {name: text for name, text in zip(names, texts, strict=True)
                   if name not in self._rows}  # fmt: skip
        if missing:
            self._new = True
            computed = await self._model.embed(list(missing.values()))
            self._rows.update(zip(missing, computed, strict=True))
        rows: Embeddings = np.stack([self._rows[name] for name in names])
        return rows

    async def embed_tokens(self, texts: Sequence[str]) -> Sequence[Embeddings]:
        """The best passages of one question are those of others, too."""
        names = [_digest(text) for text in texts]
        missing = {name: text for name, text in zip(names, texts, strict=True)
                   if name not in self._tokens}  # fmt: skip
        if missing:
            self._new_tokens = True
            computed = await self._model.embed_tokens(list(missing.values()))
            self._tokens.update(zip(missing, computed, strict=True))
        return [self._tokens[name] for name in names]

    def save(self) -> None:
        if self._new:
            latest = list(self._rows.items())[-_TEXTS:]
            texts, rows = zip(*latest, strict=True)
            self._write(self._path, texts=np.array(texts), rows=np.stack(rows))
        if self._new_tokens:
            latest = list(self._tokens.items())[-_TOKENS_TEXTS:]
            texts, rows = zip(*latest, strict=True)
            ends = np.cumsum([len(one) for one in rows])
            together = np.concatenate(rows).astype(np.float16)
            self._write(self._tokens_path, texts=np.array(texts), rows=together, ends=ends)

    def _write(self, path: Path, **arrays: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        with part.open("wb") as file:
            np.savez(file, **arrays)
        part.replace(path)
        files = sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime)
        for old in files[:-_FILES]:
            old.unlink(missing_ok=True)

    async def _try(self, asked: dict[bytes, str]) -> None:
        """Compute some again; forget all where they are others."""
        tried = [name for name in asked if name in self._rows][:_TRIED_TEXTS]
        computed = await self._model.embed([asked[name] for name in tried])
        kept = np.stack([self._rows[name] for name in tried])
        if kept.shape != computed.shape or (kept * computed).sum(axis=1).min() < _ALIKE:
            self._rows.clear()
            self._tokens.clear()


@contextmanager
def kept_vectors(model: OnnxEmbedder) -> Iterator[KeptVectors]:
    """What was kept of this model, and is kept with what is computed in the block."""
    code = hashlib.sha256(model.model_id.encode())
    for library in ("onnxruntime", "tokenizers", "numpy"):
        code.update(f"\0{library} {version(library)}".encode())
    for file in sorted((Path(__file__).parents[1] / "backends" / "onnx").glob("*.py")):
        code.update(file.read_bytes())
    path = user_cache_path("parlance") / "test-vectors" / f"{code.hexdigest()[:32]}.npz"
    vectors = KeptVectors(model, path)
    yield vectors
    vectors.save()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest().encode()

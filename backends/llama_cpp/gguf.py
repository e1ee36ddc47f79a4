"""Reads a GGUF file's header, so that a damaged file is refused before llama.cpp sees it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from backends.errors import ModelNotFound

_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i",
    6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MAX_STRING = 64 * 1024 * 1024
_MAX_ENTRIES = 1_000_000


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """A file's metadata; of an array, only its length (as an int) is kept."""

    metadata: Mapping[str, Any]
    tensors: int

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    @property
    def context_length(self) -> int:
        """Tokens that the model was trained on; 0 where the file does not say."""
        return int(self.metadata.get(f"{self.architecture}.context_length", 0))

    @property
    def embedding_length(self) -> int:
        return int(self.metadata.get(f"{self.architecture}.embedding_length", 0))

    @property
    def chat_template(self) -> str | None:
        value = self.metadata.get("tokenizer.chat_template")
        return str(value) if value else None

    @property
    def pooled(self) -> bool:
        """Whether the model is one that embeds texts (mean, cls or last pooling)."""
        return int(self.metadata.get(f"{self.architecture}.pooling_type", 0)) in (1, 2, 3)


def read_header(path: Path) -> GgufHeader:
    """Read and check the header.

    Raises `ModelNotFound` where the file is missing, is not a GGUF, or ends too early.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(file, size, path.name)
    except FileNotFoundError:
        raise ModelNotFound(f"The model file {path.name} is not there; fetch it again.") from None
    except OSError as error:
        raise ModelNotFound(
            f"The model file {path.name} cannot be read ({error.strerror})."
        ) from error
    except (EOFError, struct.error):
        raise ModelNotFound(
            f"The model file {path.name} is cut short; remove it and fetch it again."
        ) from None
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise ModelNotFound(
            f"The model file {path.name} is damaged; remove it and fetch it again."
        ) from None


def _read(file: BinaryIO, size: int, name: str) -> GgufHeader:
    magic = file.read(4)
    if magic != b"GGUF":
        raise ModelNotFound(
            f"The file {name} is not a GGUF model; name a .gguf file as its source."
        )
    version = _number(file, "<I")
    if version not in (2, 3):
        raise ModelNotFound(f"The GGUF file {name} has version {version}; 2 and 3 can be read.")
    tensors, entries = _number(file, "<Q"), _number(file, "<Q")
    if tensors > _MAX_ENTRIES or entries > _MAX_ENTRIES:
        raise ValueError("impossible counts")
    metadata = {_string(file): _value(file, _number(file, "<I")) for _ in range(entries)}
    last = 0
    for _ in range(tensors):
        _string(file)
        dimensions = _number(file, "<I")
        if dimensions > 8:
            raise ValueError("impossible tensor")
        file.seek(8 * dimensions + 4, 1)
        last = max(last, _number(file, "<Q"))
    if tensors and file.tell() + last >= size:
        raise EOFError
    return GgufHeader(metadata, tensors)


def _number(file: BinaryIO, kind: str) -> int:
    return int(struct.unpack(kind, file.read(struct.calcsize(kind)))[0])


def _string(file: BinaryIO) -> str:
    length = _number(file, "<Q")
    if length > _MAX_STRING:
        raise ValueError("impossible string")
    raw = file.read(length)
    if len(raw) < length:
        raise EOFError
    return raw.decode("utf-8", errors="replace")


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        return _skip_array(file)
    if kind not in _SCALARS:
        raise ValueError(f"unknown type {kind}")
    form = _SCALARS[kind]
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _skip_array(file: BinaryIO) -> int:
    kind, length = _number(file, "<I"), _number(file, "<Q")
    if kind in _SCALARS:
        file.seek(struct.calcsize(_SCALARS[kind]) * length, 1)
    elif kind == _STRING:
        for _ in range(length):
            size = _number(file, "<Q")
            if size > _MAX_STRING:
                raise ValueError("impossible string")
            file.seek(size, 1)
    elif kind == _ARRAY:
        for _ in range(length):
            _skip_array(file)
    else:
        raise ValueError(f"unknown type {kind}")
    return length

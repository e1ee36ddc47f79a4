"""Reads the header of a GGUF file: checks that the file is complete, and describes its model."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.errors import ModelNotFound
from backends.files.split_names import part_number, part_paths

_MAGIC = b"GGUF"
_SUPPORTED_VERSIONS = {2, 3}
_MAX_ENTRIES = 1_000_000
_MAX_ARRAY_ITEMS = 50_000_000
_MAX_KEPT_STRING_BYTES = 1 << 20
_STRING_TYPE, _ARRAY_TYPE = 8, 9
_SCALAR_FORMATS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_TENSOR_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36),
    41: (128, 18),
}  # fmt: skip
"""ggml's tensor types: weights in a block, bytes of a block."""


@dataclass(frozen=True, slots=True)
class GgufHead:
    """What a GGUF says about itself; `metadata` leaves out arrays (the vocabulary)."""

    version: int
    tensors: int
    bytes_needed: int
    metadata: Mapping[str, Any] = field(repr=False)
    parameters: int = 0
    """Weights in all tensors."""
    names: frozenset[str] = field(default=frozenset(), repr=False)
    """The names of the tensors in the file."""
    matrix_types: frozenset[int] = field(default=frozenset(), repr=False)
    """ggml's types of the tensors with more than one dimension, of a model in one file."""

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    @property
    def parts(self) -> int:
        """Files that the model is split over."""
        count = self.metadata.get("split.count", 1)
        return count if isinstance(count, int) and count > 1 else 1

    @property
    def name(self) -> str:
        return str(self.metadata.get("general.name", ""))

    @property
    def family(self) -> str:
        """The name its makers give the family ("smollm2"), else its architecture ("llama")."""
        return str(self.metadata.get("general.basename") or self.architecture).lower()

    @property
    def context(self) -> int:
        """The context the model was trained with, in tokens; 0 if the file does not say."""
        context = self.metadata.get(f"{self.architecture}.context_length", 0)
        return context if isinstance(context, int) else 0

    @property
    def template(self) -> str:
        """The chat template (Jinja), or an empty string."""
        return str(self.metadata.get("tokenizer.chat_template", ""))


def check_gguf(path: Path, shown: str | None = None) -> GgufHead:
    """Read the header of a file and check that all its tensors are present.

    Of a model that is split, `path` is the first part, and all parts are checked. Raises
    `ModelNotFound`, calling the file `shown`, if it is no GGUF, damaged or truncated, or if a part
    is missing or belongs to another model.
    """
    head = read_head(path, shown)
    if head.parts == 1:
        return head
    called = shown or str(path)
    if part_number(path.name) != 1:
        raise ModelNotFound(
            f"{called} is one of {head.parts} parts of a model: keep their names, "
            f"…-00001-of-{head.parts:05}.gguf, and use the first."
        )
    return check_parts(part_paths(path), called)


def check_parts(paths: Sequence[Path], called: str) -> GgufHead:
    """Check the files of a model that is split; return what they say together.

    Raises `ModelNotFound`, calling the model `called`.
    """
    count = len(paths)
    heads = []
    for number, path in enumerate(paths, 1):
        if not path.is_file():
            raise ModelNotFound(f"Part {number} of {count} of {called} is missing; fetch it again.")
        heads.append(read_head(path, f"Part {number} of {count} of {called}"))
    names: set[str] = set()
    for number, head in enumerate(heads):
        told = [head.metadata.get(f"split.{key}") for key in ("no", "count", "tensors.count")]
        expected = [number, count, heads[0].metadata.get("split.tensors.count")]
        if told != expected or names & head.names:
            raise ModelNotFound(
                f"Part {number + 1} of {count} of {called} belongs to another model, or another "
                "place; fetch all parts again."
            )
        names |= head.names
    first, tensors = heads[0], sum(head.tensors for head in heads)
    if tensors != first.metadata.get("split.tensors.count"):
        raise ModelNotFound(
            f"The {count} parts of {called} do not belong together; fetch all parts again."
        )
    return GgufHead(
        first.version,
        tensors,
        sum(head.bytes_needed for head in heads),
        first.metadata,
        sum(head.parameters for head in heads),
    )


def read_head(path: Path, shown: str | None = None) -> GgufHead:
    """Read the header of one file, and check that the tensors that it names are in it.

    Raises `ModelNotFound`, calling the file `shown`.
    """
    called = shown or str(path)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if file.read(4) != _MAGIC:
                raise ModelNotFound(f"{called} is not a GGUF file.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                head = _Reader(view).head()
    except OSError as error:
        raise ModelNotFound(f"{called} cannot be read: {error.strerror}.") from None
    except (struct.error, OverflowError):
        raise ModelNotFound(f"{called} is truncated or damaged: its head breaks off.") from None
    except _UnsupportedGguf as error:
        raise ModelNotFound(f"{called} is a GGUF that cannot be used: {error}.") from None
    if head.bytes_needed > size:
        raise ModelNotFound(
            f"{called} is truncated: it has {size:,} of {head.bytes_needed:,} bytes; "
            "fetch it again."
        )
    return head


class _UnsupportedGguf(Exception):
    """The file uses a GGUF version or tensor type that is not known here."""

    pass


class _Reader:
    """Reads the header from front to back; a truncated one raises `struct.error`."""

    def __init__(self, view: mmap.mmap) -> None:
        self._view = view
        self._at = 4

    def head(self) -> GgufHead:
        version = self._scalar("<I")
        if version not in _SUPPORTED_VERSIONS:
            raise _UnsupportedGguf(f"version {version} of the format is not known")
        tensors, entries = self._scalar("<Q"), self._scalar("<Q")
        if tensors > _MAX_ENTRIES or entries > _MAX_ENTRIES:
            raise _UnsupportedGguf("its head makes no sense")
        metadata: dict[str, Any] = {}
        for _ in range(entries):
            key = self._string()
            value = self._value(self._scalar("<I"))
            if value is not None:
                metadata[key] = value
        names: set[str] = set()
        types: set[int] = set()
        alignment = metadata.get("general.alignment", 32)
        needed, weights = self._tensors(tensors, alignment, names, types)
        head = GgufHead(
            version, tensors, needed, metadata, weights, frozenset(names), frozenset(types)
        )
        if not tensors and head.parts == 1:
            raise _UnsupportedGguf("it holds no weights")
        return head

    def _tensors(
        self, count: int, alignment: Any, names: set[str], types: set[int]
    ) -> tuple[int, int]:
        """The bytes that the file must have, and the weights in it; adds the tensors' names, and
        the types of matrices.
        """
        if not isinstance(alignment, int) or alignment <= 0:
            raise _UnsupportedGguf("its head makes no sense")
        end = total = 0
        for _ in range(count):
            names.add(self._string())
            weights, dimensions = 1, self._bounded(8)
            for _ in range(dimensions):
                weights *= self._scalar("<Q")
            total += weights
            kind = self._scalar("<I")
            if dimensions > 1:
                types.add(kind)
            block, size = _TENSOR_BLOCKS.get(kind, (1, 0))
            end = max(end, self._scalar("<Q") + weights // block * size)
        return -(-self._at // alignment) * alignment + end, total

    def _bounded(self, most: int) -> int:
        found = self._scalar("<I")
        if found > most:
            raise _UnsupportedGguf("its head makes no sense")
        return int(found)

    def _scalar(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self._view, self._at)
        self._at += struct.calcsize(form)
        return value

    def _string(self) -> str:
        length = self._scalar("<Q")
        start, self._at = self._at, self._at + length
        if self._at > len(self._view):
            raise struct.error
        return self._view[start : min(self._at, start + _MAX_KEPT_STRING_BYTES)].decode(
            "utf-8", "replace"
        )

    def _value(self, kind: int) -> Any:
        if kind == _STRING_TYPE:
            return self._string()
        if kind == _ARRAY_TYPE:
            self._skip_array()
            return None
        if kind not in _SCALAR_FORMATS:
            raise _UnsupportedGguf("its head makes no sense")
        return self._scalar(_SCALAR_FORMATS[kind])

    def _skip_array(self) -> None:
        kind, count = self._scalar("<I"), self._scalar("<Q")
        if count > _MAX_ARRAY_ITEMS:
            raise _UnsupportedGguf("its head makes no sense")
        if kind in _SCALAR_FORMATS:
            self._at += count * struct.calcsize(_SCALAR_FORMATS[kind])
        elif kind == _STRING_TYPE:
            unpack, view, at, size = struct.Struct("<Q").unpack_from, self._view, self._at, 0
            for _ in range(count):
                (size,) = unpack(view, at)
                at += 8 + size
            self._at = at
        else:
            raise _UnsupportedGguf("its head makes no sense")

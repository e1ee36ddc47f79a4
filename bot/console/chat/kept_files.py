"""The files of conversations in the console: kept in memory for a while, the oldest go first."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from bot.types import File

MAX_KEPT_BYTES: Final = 64 * 1024 * 1024
"""Size of all files of all people together."""
MAX_KEPT_FILES: Final = 2_000


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that stands in a conversation; `id` is its address there, `size` in bytes."""

    id: str
    name: str
    size: int
    content_type: str


@dataclass(slots=True)
class KeptFiles:
    """The bytes, by their ids, which nobody can guess."""

    max_bytes: int = MAX_KEPT_BYTES
    _files: OrderedDict[str, File] = field(default_factory=OrderedDict, repr=False)
    _bytes: int = 0

    def add(self, file: File) -> KeptFile:
        """Keep a file; the oldest ones go where there is no room."""
        ident = secrets.token_urlsafe(12)
        self._files[ident] = file
        self._bytes += len(file.data)
        while self._bytes > self.max_bytes or len(self._files) > MAX_KEPT_FILES:
            _, gone = self._files.popitem(last=False)
            self._bytes -= len(gone.data)
        return KeptFile(ident, file.name, len(file.data), file.content_type)

    def get(self, ident: str) -> File | None:
        """The file of that id; None if it is gone."""
        return self._files.get(ident)

    def remove(self, idents: Collection[str]) -> None:
        """Give up some files."""
        for ident in idents:
            if (gone := self._files.pop(ident, None)) is not None:
                self._bytes -= len(gone.data)

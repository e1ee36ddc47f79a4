"""Reads a form that may carry files: bounded in bytes, files and time, and never on the disk."""

from __future__ import annotations

import asyncio
import ntpath
import posixpath
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from bot.control_characters import strip_controls
from bot.http.messages import HttpError

MAX_FILES: Final = 10
MAX_NAME_CHARACTERS: Final = 120
_MAX_FIELDS: Final = 20
_MAX_TEXT_BYTES: Final = 256 * 1024
_TIMEOUT_S: Final = 120.0
_MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as a browser sent it; its name is no path."""

    name: str
    data: bytes = field(repr=False)
    content_type: str = ""


class _InMemory(MultiPartParser):
    """Keeps what it reads in memory: what is read is bounded, and a disk would hold the loop."""

    spool_max_size = 2**31


class UploadReader:
    """Reads forms with at most so many bytes of files each, and only a few at a time."""

    def __init__(self, max_bytes: int, *, at_once: int = 4, timeout_s: float = _TIMEOUT_S) -> None:
        self._max_bytes = max_bytes + _MAX_TEXT_BYTES
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(at_once)

    async def __call__(self, request: Request) -> dict[str, str]:
        """The fields of a form; its files are in `request.state.files` afterwards. Raises
        `HttpError` for one that is too large, too slow, or no form."""
        if not request.headers.get("content-type", "").startswith(_MULTIPART):
            raise HttpError(415)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._max_bytes:
            raise HttpError(413)
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                parser = _InMemory(
                    request.headers,
                    self._chunks(request),
                    max_files=MAX_FILES,
                    max_fields=_MAX_FIELDS,
                    max_part_size=_MAX_TEXT_BYTES,
                )
                form = await parser.parse()
                fields: dict[str, str] = {}
                files: list[UploadedFile] = []
                for name, value in form.multi_items():
                    if isinstance(value, UploadFile):
                        data = await value.read()
                        await value.close()
                        if value.filename or data:
                            kind = value.content_type or ""
                            files.append(UploadedFile(plain_name(value.filename or ""), data, kind))
                    else:
                        fields[name] = value
        except TimeoutError:
            raise HttpError(408) from None
        except MultiPartException:
            raise HttpError(400) from None
        request.state.files = files
        return fields

    async def _chunks(self, request: Request) -> AsyncGenerator[bytes, None]:
        read = 0
        while True:
            message = await request.receive()
            if message["type"] != "http.request":
                raise HttpError(400)
            chunk: bytes = message.get("body", b"")
            read += len(chunk)
            if read > self._max_bytes:
                raise HttpError(413)
            yield chunk
            if not message.get("more_body", False):
                return


def plain_name(name: str) -> str:
    """The name of a file without folders, control characters and excess."""
    last = ntpath.basename(posixpath.basename(name))
    clean = " ".join(strip_controls(last).split())
    if len(clean) <= MAX_NAME_CHARACTERS:
        return clean or "file"
    stem, dot, ending = clean.rpartition(".")
    if not dot or len(ending) > 10:
        return clean[:MAX_NAME_CHARACTERS]
    return f"{stem[: MAX_NAME_CHARACTERS - len(ending) - 1]}.{ending}"

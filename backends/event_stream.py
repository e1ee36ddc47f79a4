"""Reads what a server streams: objects of JSON, as server-sent events or one on each line.

Lenient where a server's meaning is clear: a byte order mark, comments, any line ends, bytes that
are not UTF-8, an event without the blank line that ends it, one JSON object in place of a stream.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from backends.bounded_http import MAX_LINE_BYTES, AnswerRefused, read_lines

Json = Mapping[str, Any]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WEB_PAGE = "sent a web page in place of an answer; correct its url."


def parse_object(text: str | bytes) -> Json:
    """Return a JSON object. Raises `ValueError` for anything else."""
    try:
        text = text if isinstance(text, str) else text.decode("utf-8", "replace")
        found = json.loads(text, strict=False)  # which lets line ends stand in strings
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


async def read_json_lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Json, None]:
    """Yield the object of each line. Raises `ValueError`, `AnswerRefused`."""
    async for line in _trimmed_lines(chunks):
        if line.strip():
            yield parse_object(line)


class EventReader:
    """Reads the events of one answer. `ended`: the server said that its answer is complete."""

    def __init__(self, chunks: AsyncIterator[bytes], content_type: str = "") -> None:
        self.ended = False
        self._lines = _trimmed_lines(chunks)
        self._is_json = content_type.partition(";")[0].strip().lower() == "application/json"

    async def events(self) -> AsyncGenerator[Json, None]:
        """Yield the events' objects; an error that has no object is `{"error": words}`.

        Raises `ValueError`, `AnswerRefused`.
        """
        name = ""
        data: list[str] = []
        size = 0
        async for raw in self._lines:
            if self._is_json or (not data and raw.lstrip().startswith(b"{")):
                yield await self._whole(raw)
                return
            line = raw.decode("utf-8", "replace")
            if line:
                field, _, value = line.partition(":")
                if field == "event":
                    name = value.strip()
                elif field in ("data", "error"):
                    name = "error" if field == "error" else name
                    data.append(value.removeprefix(" "))
                    size += len(raw)
                if size > MAX_LINE_BYTES:
                    raise AnswerRefused("sent an event without an end.")
                continue
            event = self._event(name, "\n".join(data))
            name, size = "", 0
            data.clear()
            if event is not None:
                yield event
            if self.ended:
                return
        event = self._event(name, "\n".join(data))
        if event is not None:
            yield event

    async def _whole(self, first: bytes) -> Json:
        """Read a body that is one JSON object and no stream."""
        body = bytearray(first)
        async for line in self._lines:
            body += b"\n" + line
            if len(body) > MAX_LINE_BYTES:
                raise AnswerRefused("sent an answer without an end.")
        self.ended = True
        return parse_object(bytes(body))

    def _event(self, name: str, data: str) -> Json | None:
        if not data.strip():
            return None
        if data.strip() == "[DONE]":
            self.ended = True
            return None
        if name != "error":
            return parse_object(data)
        try:
            found = parse_object(data)
        except ValueError:
            return {"error": data}
        return found if "error" in found else {"error": found}


async def _trimmed_lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the lines, the first without its byte order mark. Refuses a web page."""
    begun = False
    async for line in read_lines(chunks):
        if not begun:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            if line.lstrip().startswith(b"<"):
                raise AnswerRefused(_WEB_PAGE)
            begun = bool(line.strip())
        yield line

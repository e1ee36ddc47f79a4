"""Reads forms with files as they arrive: within bounds, and into files without a name on the disk.

A form carries its session's value in a field before its files. Nothing of a file is kept before
that was found to be right.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from bot.control_characters import strip_controls
from bot.events import Attachment
from bot.http.messages import HttpError, Request

FORM_FIELD: Final = "token"
"""The field with the session's value (`Visit.form`). One named `form` would hide the property of
that name, which htmx reads."""
MAX_UPLOADED_FILES: Final = 10
"""Files in one form."""
MAX_OPEN_UPLOADS: Final = 8
"""Forms whose files are on the disk at once."""
UPLOAD_TIMEOUT_S: Final = 600.0
"""Time for a form with files to arrive."""
UPLOAD_PAUSE_S: Final = 20.0
"""Time in which something more of it must arrive."""
MAX_UPLOAD_PARTS: Final = 60
"""Files and other fields in one form."""
MAX_UPLOAD_FIELD_BYTES: Final = 64 * 1024
"""What all fields together may have that are no files."""
_FILES_SHARE: Final = 5
"""So many files of the largest size one form may have together."""
_MAX_NAME_CHARACTERS: Final = 150
_DEFAULT_NAME: Final = "file"


class UnknownForm(HttpError):
    """A form that is not one of the session that sent it."""

    def __init__(self) -> None:
        super().__init__(403)


@dataclass(slots=True)
class UploadedFile:
    """A file of a form. `name` has no folders and no control characters; `size` is what was sent,
    in bytes, of which nothing beyond the limit is kept."""

    name: str
    content_type: str | None
    folder: Path = field(repr=False)
    max_bytes: int = field(repr=False)
    size: int = 0
    _file: IO[bytes] | None = field(default=None, repr=False)

    def write(self, data: bytes) -> None:
        """Keep some more of it. Blocks."""
        self.size += len(data)
        if self.size > self.max_bytes:
            self.close()
        else:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115
            self._file.write(data)

    async def read(self, limit: int) -> bytes:
        """Return the file, at most `limit` bytes; empty for one that was too large."""
        return await asyncio.to_thread(self._read, limit)

    def _read(self, limit: int) -> bytes:
        if self._file is None:
            return b""
        self._file.seek(0)
        return self._file.read(limit)

    def close(self) -> None:
        """Give its room on the disk back. Safe to call twice. Blocks."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def attachment(self) -> Attachment:
        """The file as one that came with a message; it can be read until the form is closed."""
        return Attachment(self.name, self.size, self.content_type, self.read)


@dataclass(slots=True)
class UploadForm:
    """A form that arrived: each field with its last value, and the files in their order.

    Whoever answers the request closes it, unless somebody took it (`take`), who then must.
    """

    fields: dict[str, str]
    files: tuple[UploadedFile, ...] = ()
    _closed: Callable[[], None] | None = field(default=None, repr=False)
    _taken: bool = False

    def take(self) -> UploadForm:
        """The same, to be closed by whoever calls this, after the request as well."""
        self._taken = True
        return UploadForm(self.fields, self.files, self._closed)

    async def close(self) -> None:
        """Give the room of its files back."""
        if self._taken or self._closed is None:
            return
        self._taken = True
        try:
            await asyncio.to_thread(_close_all, self.files)
        finally:
            self._closed()


class Uploads:
    """Reads forms with files. These are kept in `folder`, nameless, so that nothing is left of them
    whatever ends the process; of a file at most `max_file_bytes`."""

    def __init__(self, folder: Path, max_file_bytes: int) -> None:
        self.max_file_bytes = max_file_bytes
        self.max_bytes = _FILES_SHARE * max_file_bytes
        """What the files of one form may have together."""
        self._folder = folder
        self._open = 0

    async def read(self, request: Request, knows_form: Callable[[str], bool]) -> UploadForm:
        """Read a form of a session, which `knows_form` tells by the value that it carries.

        Raises `UnknownForm`, and `HttpError`: no such form (400), too slow (408), too large or too
        many files or fields (413), too many uploads at once (503), no room on the disk (507).
        """
        if self._open >= MAX_OPEN_UPLOADS:
            raise HttpError(503)
        reader = _FormReader(knows_form, self._folder, self.max_file_bytes)
        try:
            parser = MultipartParser(_boundary(request), reader.callbacks())  # type: ignore[arg-type]
        except FormParserError:
            raise HttpError(400) from None
        self._open += 1
        try:
            body = request.chunks(
                self.max_bytes + 2 * MAX_UPLOAD_FIELD_BYTES, UPLOAD_TIMEOUT_S, UPLOAD_PAUSE_S
            )
            async with aclosing(body) as chunks:
                async for chunk in chunks:
                    parser.write(chunk)
                    if reader.unwritten:
                        await asyncio.to_thread(reader.write)
            parser.finalize()
            reader.finish()
            return UploadForm(reader.fields, tuple(reader.files), self._close)
        except BaseException as error:
            self._close()
            await asyncio.to_thread(_close_all, reader.files)
            if isinstance(error, FormParserError):
                raise HttpError(400) from None
            if isinstance(error, OSError):
                raise HttpError(507) from error
            raise

    def _close(self) -> None:
        self._open -= 1


def clean_file_name(name: str) -> str:
    """The name of a file as it may be shown and stored: without folders, control characters and
    what turns the order of its letters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    last = " ".join(strip_controls(last).split())
    if not last.strip("."):
        return _DEFAULT_NAME
    if len(last) <= _MAX_NAME_CHARACTERS:
        return last
    suffix = PurePosixPath(last).suffix[-20:]
    return last[: _MAX_NAME_CHARACTERS - len(suffix)] + suffix


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.header("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise HttpError(400)
    return boundary


def _close_all(files: tuple[UploadedFile, ...] | list[UploadedFile]) -> None:
    for one in files:
        one.close()


class _FormReader:
    """What a parser calls for each piece of a form. `write` keeps what came of files since."""

    def __init__(
        self, knows_form: Callable[[str], bool], folder: Path, max_file_bytes: int
    ) -> None:
        self.fields: dict[str, str] = {}
        self.files: list[UploadedFile] = []
        self.unwritten: list[tuple[UploadedFile, bytes]] = []
        self._knows_form = knows_form
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        self._known = False
        self._ended = False
        self._parts = self._field_bytes = 0
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._data: bytearray | None = None
        self._file: UploadedFile | None = None

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def write(self) -> None:
        """Write to the disk what has arrived. Blocks."""
        for file, data in self.unwritten:
            file.write(data)
        self.unwritten.clear()

    def finish(self) -> None:
        """Nothing more comes. Raises `UnknownForm`, and `HttpError` where something is missing."""
        if not self._ended:
            raise HttpError(400)
        if not self._known:
            raise UnknownForm

    def _end(self) -> None:
        self._ended = True

    def _begin_part(self) -> None:
        self._headers.clear()
        self._data = self._file = None

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"").decode("latin-1")
        _, options = parse_options_header(disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        name = options.get(b"filename")
        if name is None:
            self._data = bytearray()
        else:
            self._begin_file(name.decode("utf-8", "replace"))
        self._parts += 1
        if self._parts > MAX_UPLOAD_PARTS or len(self.files) > MAX_UPLOADED_FILES:
            raise HttpError(413)

    def _begin_file(self, name: str) -> None:
        if not self._known:
            raise UnknownForm
        if name:  # a browser sends a nameless one where no file was chosen
            kind = self._headers.get(b"content-type", b"").decode("latin-1")
            self._file = UploadedFile(
                clean_file_name(name), kind[:100] or None, self._folder, self._max_file_bytes
            )
            self.files.append(self._file)

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self.unwritten.append((self._file, data[start:end]))
        elif self._data is not None:
            self._field_bytes += end - start
            if self._field_bytes > MAX_UPLOAD_FIELD_BYTES:
                raise HttpError(413)
            self._data += data[start:end]

    def _end_part(self) -> None:
        if self._data is None:
            return
        value = self._data.decode("utf-8", "replace")
        self.fields[self._name] = value
        if self._name == FORM_FIELD:
            self._known = self._knows_form(value)
            if not self._known:
                raise UnknownForm

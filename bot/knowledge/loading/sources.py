"""Lists the documents that a location stands for, and how each is read.

A location is a file, a folder, the URL of a page or the URL of a sitemap. Nothing is read before
`SourceItem.read` is called.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from bot.catalogue.sentence import say
from bot.errors import NotFound, Refused
from bot.knowledge.loading import registry as shipped
from bot.knowledge.loading.document import FileStat, RawDocument
from bot.knowledge.loading.skipped_files import kind_of
from bot.skills.document_loader import Loader
from bot.surrogates import repair_surrogates
from bot.web.validators import NOTHING_KNOWN, Validators

Kind = Literal["file", "folder", "page", "sitemap", "git", "upload"]
MAX_DOCUMENT_BYTES = 50 * 1024 * 1024
MAX_FILES = 1_000_000
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})


class Response(Protocol):
    """The result of a fetch, as `bot.web.fetch.Fetched`."""

    @property
    def data(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def charset(self) -> str | None: ...
    @property
    def validators(self) -> Validators: ...
    @property
    def unmodified(self) -> bool: ...


class Fetcher(Protocol):
    """Fetches pages safely, as `bot.web.fetch.Fetcher` does."""

    async def fetch_bytes(
        self, url: str, *, max_bytes: int | None = None, known: Validators = NOTHING_KNOWN
    ) -> Response:
        """Raises `Refused` or `Failed`."""
        ...

    async def addresses(self, url: str) -> Sequence[str]:
        """The addresses that a URL may be fetched from. Raises `Refused` or `Failed`."""
        ...


@dataclass(frozen=True, slots=True)
class SourceItem:
    """A document that can be read. `location` identifies it; `stat` is known for files only.

    `read` is given the validators of the version that is stored, and returns None if it is still
    that one. `revision` is what the source calls this version, if it says so without being read:
    one that is stored is not read.
    """

    location: str
    read: Callable[[Validators], Awaitable[RawDocument | None]] = field(repr=False)
    stat: FileStat | None = None
    revision: str = ""


class SourceItems(Protocol):
    """The items of a source. Iterating may block, unless they are a list; each time begins anew."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[SourceItem]: ...


class FileItems(SourceItems, Protocol):
    """The files of a folder or a repository, which are not held but listed by who iterates."""

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Location and reason of each file or folder that cannot be read."""
        ...

    @property
    def skipped(self) -> Counter[str]:
        """The number of files in formats without a loader, by kind."""
        ...


def is_url(location: str) -> bool:
    """Tells whether a location is a URL (of any scheme) and not a path."""
    return "://" in location[:12]


def full_path(location: str) -> str:
    """Returns the absolute path of a file or folder, with `~` expanded. Raises `Refused`."""
    return _check_name(os.path.abspath(os.path.expanduser(location)))


def file_item(path: Path, *, most: int = MAX_DOCUMENT_BYTES) -> SourceItem:
    """Returns the item of a local file. Raises `NotFound` or `Refused`."""
    location = _check_name(str(path))
    stat = _stat(path)
    if stat.size > most:
        raise _too_large(path.name, stat.size, most)
    return SourceItem(location, lambda _: asyncio.to_thread(_read_file, path, most), stat)


class FolderItems:
    """The readable files under a folder, counted, and listed again by whoever iterates.

    Nothing of the list is held, so that a folder may be very large. Hidden files and folders, links
    that lead out of the folder, and formats without a loader are skipped. Blocks: for threads.
    """

    def __init__(
        self, folder: Path, loaders: Sequence[Loader], *, most: int = MAX_DOCUMENT_BYTES
    ) -> None:
        """Finds and counts the files. Raises `Refused` if the folder cannot be read."""
        self.refused: list[tuple[str, str]] = []
        """Location and reason of each file or folder that cannot be read."""
        self.skipped: Counter[str] = Counter()
        """The number of files in formats without a loader, by kind."""
        self._folder = folder
        self._reads = shipped.name_filter(loaders)
        self._most = most
        self._count = 0
        for path in self._paths(self._note_error, self.skipped):
            try:
                file_item(path, most=most)
            except (Refused, NotFound) as exc:
                self.refused.append((_shown(str(path)), str(exc)))
                continue
            self._count += 1
            if self._count > MAX_FILES:
                raise Refused(
                    say(
                        "{folder} has more than {limit:,} documents; add its parts.",
                        folder=folder,
                        limit=MAX_FILES,
                    )
                )

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[SourceItem]:
        for path in self._paths(lambda error: None, Counter()):
            with suppress(Refused, NotFound):  # it is in `refused`, or vanished since
                yield file_item(path, most=self._most)

    def _paths(self, cannot: Callable[[OSError], None], skipped: Counter[str]) -> Iterator[Path]:
        root = self._folder.resolve()
        for path in _walk(self._folder, cannot):
            if not self._reads(path.name):
                skipped[kind_of(path)] += 1
            elif not path.is_symlink() or path.resolve().is_relative_to(root):
                yield path

    def _note_error(self, error: OSError) -> None:
        if Path(error.filename) == self._folder:
            raise Refused(
                say(
                    "The folder {folder} cannot be read ({reason}); check its permissions.",
                    folder=self._folder,
                    reason=_reason(error),
                )
            ) from error
        self.refused.append(
            (
                _shown(str(error.filename)),
                say("The folder cannot be read: {reason}.", reason=_reason(error)),
            )
        )


def _walk(folder: Path, cannot: Callable[[OSError], None]) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, onerror=cannot):
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS
        )
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(root, name)


def page_item(
    url: str, fetcher: Fetcher, *, most: int = MAX_DOCUMENT_BYTES, revision: str = ""
) -> SourceItem:
    """Returns the item of a page or file at a URL."""

    async def read(known: Validators) -> RawDocument | None:
        got = await fetcher.fetch_bytes(url, max_bytes=most, known=known)
        return None if got.unmodified else to_raw_document(got)

    return SourceItem(url, read, revision=revision)


def to_raw_document(got: Response) -> RawDocument:
    """Converts a fetched page to a document named by the last part of its URL."""
    name = unquote(PurePosixPath(urlsplit(got.url).path).name)
    return RawDocument(
        name or "page",
        got.data,
        got.content_type,
        got.charset,
        FileStat(len(got.data), 0),
        validators=got.validators.encode(),
    )


def upload_item(name: str, data: bytes, *, most: int = MAX_DOCUMENT_BYTES) -> SourceItem:
    """Returns the item of an uploaded file. Raises `Refused`."""
    name = repair_surrogates(name)
    if len(data) > most:
        raise _too_large(name, len(data), most)

    async def read(_: Validators) -> RawDocument:
        return RawDocument(name, data, stat=FileStat(len(data), 0))

    return SourceItem(name, read)


def _check_name(path: str) -> str:
    """A path whose name can be stored. Raises `Refused`: on Linux a name is any bytes."""
    if _shown(path) != path:
        raise Refused(
            say(
                "The name of {shown!r} is not written in UTF-8; rename it.",
                shown=_shown(path)[:200],
            )
        )
    return path


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _stat(path: Path) -> FileStat:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise NotFound(say("There is no file or folder {path!r}.", path=str(path)[:200])) from None
    except (OSError, ValueError) as exc:
        raise Refused(
            say("{path!r} cannot be read: {reason}.", path=str(path)[:200], reason=_reason(exc))
        ) from exc
    return FileStat(found.st_size, found.st_mtime_ns)


def is_gone(path: Path) -> bool:
    """Tells whether there is no such file; one that cannot be looked at is not gone."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _read_file(path: Path, most: int) -> RawDocument:
    """Read a file that may change or vanish meanwhile. Raises `Refused`."""
    for _ in range(3):
        try:
            with path.open("rb") as stream:
                before = os.fstat(stream.fileno())
                data = stream.read(most + 1)
                after = os.fstat(stream.fileno())
        except FileNotFoundError:
            raise Refused(
                say("{name} disappeared while it was read.", name=path.name[:100])
            ) from None
        except (OSError, ValueError) as exc:
            raise Refused(
                say("{name} cannot be read: {reason}.", name=path.name[:100], reason=_reason(exc))
            ) from exc
        if len(data) > most:
            raise _too_large(path.name, len(data), most)
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            return RawDocument(path.name, data, stat=FileStat(after.st_size, after.st_mtime_ns))
    raise Refused(
        say(
            "{name} keeps changing while it is read; add it when it is complete.",
            name=path.name[:100],
        )
    )


def _reason(exc: Exception) -> str:
    return (getattr(exc, "strerror", None) or say("it is not a usable path")).lower()


def _too_large(name: str, size: int, most: int) -> Refused:
    return Refused(
        say(
            "{name} has {size:,.0f} MB; documents of up to {limit:,.0f} MB are read.",
            name=name[:100],
            size=size / 1024**2,
            limit=most / 1024**2,
        )
    )

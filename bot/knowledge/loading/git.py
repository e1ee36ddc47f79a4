"""Reads documents out of a Git repository: the newest commit of a branch, by the program `git`.

The commit is fetched, without its history, into a repository of our own without a work tree. Files
are read as Git stores them, so that nothing of the repository is ever run, linked to or written
out: no hook, no filter, no symbolic link, no submodule. Of a file in LFS there is its pointer only,
and it is left out.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from urllib.parse import urlsplit

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading import registry as shipped
from bot.knowledge.loading.document import FileStat, RawDocument
from bot.knowledge.loading.git_location import GitLocation, parse_git_location
from bot.knowledge.loading.git_process import GitFailed, GitLimits, run_git
from bot.knowledge.loading.skipped_files import kind_of
from bot.knowledge.loading.sources import MAX_DOCUMENT_BYTES, MAX_FILES, Fetcher, SourceItem
from bot.skills.document_loader import Loader
from bot.web.validators import Validators

_REF = "refs/parlance/newest"
_FILE_MODES = frozenset({b"100644", b"100755"})
_MAX_PACKS = 20
_MAX_NAME_CHARACTERS = 1_000
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"

Tokens = Callable[[str], str | None]
"""Returns the token for the location of a repository, if it has one."""


class GitRepositories:
    """The repositories that documents are read from. Each has a folder of its own in `folder`."""

    def __init__(
        self,
        folder: Path,
        fetcher: Fetcher,
        tokens: Tokens,
        limits: GitLimits | None = None,
    ) -> None:
        self._folder = folder
        self._fetcher = fetcher
        self._tokens = tokens
        self._limits = limits or GitLimits()
        self._lock = asyncio.Lock()

    async def files(self, location: str, loaders: Sequence[Loader]) -> GitItems:
        """Fetches what is new of a repository, and returns its files. Raises `Refused`."""
        where = parse_git_location(location)
        copy = _Copy(self._folder, location, where, self._limits)
        async with self._lock:
            options, variables = await self._access(location, where)
            await copy.update(options, variables)
            listed = await copy.list_files()
        return await asyncio.to_thread(GitItems, copy, listed, loaders)

    async def _access(self, location: str, where: GitLocation) -> tuple[list[str], dict[str, str]]:
        """Returns the options and variables with which Git may reach the repository.

        Only its own protocol is allowed. Behind https only the addresses that pages may be fetched
        from are connected to. A token is in a variable, where no list of processes shows it.
        """
        if where.is_local:
            return ["-c", "protocol.file.allow=always"], {}
        url = urlsplit(where.address)
        if url.scheme == "ssh":
            return ["-c", "protocol.ssh.allow=always"], {}
        addresses = await self._fetcher.addresses(where.address)
        checked = ",".join(f"[{one}]" if ":" in one else one for one in addresses)
        options = [
            *("-c", "protocol.https.allow=always"),
            *("-c", f"http.curloptResolve={url.hostname}:{url.port or 443}:{checked}"),
        ]
        token = self._tokens(location)
        if not token:
            return options, {}
        header = base64.b64encode(f"parlance:{token}".encode()).decode()
        return options, {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {header}",
        }


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file in a commit."""

    blob: str
    size: int
    path: str


class _Copy:
    """Our copy of one commit of a repository."""

    def __init__(self, folder: Path, location: str, where: GitLocation, limits: GitLimits) -> None:
        name = hashlib.blake2b(location.encode(), digest_size=8).hexdigest()
        self._path = folder / f"{name}.git"
        self._limits = limits
        self.where = where

    async def update(self, options: Sequence[str], variables: Mapping[str, str]) -> None:
        """Fetches the newest commit, unless it is here already. Raises `Refused`."""
        await asyncio.to_thread(self._path.mkdir, mode=0o700, parents=True, exist_ok=True)
        newest = await self._ask_newest(options, variables)
        try:
            await self._git("init", "--quiet", "--bare", "--template=")  # nothing if it is there
            here = await self._git("for-each-ref", "--format=%(objectname)", _REF)
            if here.decode().strip() == newest:
                return
            await self._git(
                *options, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head",
                "--no-recurse-submodules", "--", self.where.address, f"+{newest}:{_REF}",
                variables=variables,
            )  # fmt: skip
            if await asyncio.to_thread(self.is_large):
                await self._git("gc", "--quiet", "--prune=now")
        except GitFailed:
            await asyncio.to_thread(shutil.rmtree, self._path, ignore_errors=True)
            raise  # the next time begins anew

    async def _ask_newest(self, options: Sequence[str], variables: Mapping[str, str]) -> str:
        wanted = f"refs/heads/{self.where.branch}" if self.where.branch else "HEAD"
        said = await self._git(
            *options, "ls-remote", "--quiet", "--", self.where.address, wanted, variables=variables
        )
        for line in said.decode("utf-8", "replace").splitlines():
            commit, _, name = line.partition("\t")
            if name == wanted and commit.isalnum():
                return commit
        if self.where.branch:
            raise Refused(
                say("The repository has no branch {branch!r}.", branch=self.where.branch[:100])
            )
        raise Refused(say("The repository has no commit yet."))

    async def list_files(self) -> bytes:
        """Returns the files of the commit as Git lists them. Raises `Refused`."""
        folder = [self.where.folder] if self.where.folder else []
        return await self._git("ls-tree", "-r", "-z", "-l", _REF, "--", *folder)

    async def read(self, entry: _Entry, _: Validators) -> RawDocument:
        """Reads a file. Raises `Refused`."""
        data = await self._git("cat-file", "blob", entry.blob)
        name = PurePosixPath(entry.path).name
        if data.startswith(_LFS_POINTER):
            raise Refused(say("{name} is kept in Git LFS, which is not read.", name=name[:100]))
        return RawDocument(name, data, stat=FileStat(len(data), 0))

    async def _git(
        self, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})
    ) -> bytes:
        return await run_git(arguments, self._path, self._limits, variables)

    def is_large(self) -> bool:
        """Tells whether what was fetched one after another should be put together. May block."""
        packs = [*(self._path / "objects/pack").glob("*.pack")]
        sizes = sum(pack.stat().st_size for pack in packs)
        return len(packs) > _MAX_PACKS or sizes > self._limits.file_bytes


class GitItems:
    """The files of a commit that can be read, counted, and listed again by whoever iterates.

    Only what Git wrote of them is held, whose size is limited. Links, submodules, hidden files and
    folders, and formats without a loader are skipped. Blocks: for threads.
    """

    def __init__(self, copy: _Copy, listed: bytes, loaders: Sequence[Loader]) -> None:
        """Counts the files in the output of `ls-tree`. Raises `Refused`."""
        self.refused: list[tuple[str, str]] = []
        """Location and reason of each file that cannot be read."""
        self.skipped: Counter[str] = Counter()
        """The number of files in formats without a loader, by kind."""
        self._copy = copy
        self._listed = listed
        self._reads = shipped.name_filter(loaders)
        self._check_number()
        self._count = 0
        for entry in self._entries(self.skipped):
            if why := _find_problem(entry):
                self.refused.append((copy.where.file(entry.path), why))
            else:
                self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[SourceItem]:
        for entry in self._entries(Counter()):
            if not _find_problem(entry):
                place = self._copy.where.file(entry.path)
                read = partial(self._copy.read, entry)
                yield SourceItem(place, read, revision=entry.blob)

    def _check_number(self) -> None:
        number = sum(1 for _ in _parse_entries(self._listed))
        if not number:
            raise Refused(say("There is nothing in this folder of the repository."))
        if number > MAX_FILES:
            raise Refused(
                say(
                    "The repository has more than {limit:,} files; name a folder of it.",
                    limit=MAX_FILES,
                )
            )

    def _entries(self, skipped: Counter[str]) -> Iterator[_Entry]:
        for entry in _parse_entries(self._listed):
            path = PurePosixPath(entry.path)
            if any(part.startswith(".") for part in path.parts):
                continue
            if self._reads(path.name):
                yield entry
            else:
                skipped[kind_of(path)] += 1


def _parse_entries(listed: bytes) -> Iterator[_Entry]:
    start = 0
    while (end := listed.find(b"\0", start)) >= 0:
        about, _, path = listed[start:end].partition(b"\t")
        start = end + 1
        match about.split():
            case [mode, b"blob", blob, size] if mode in _FILE_MODES:
                yield _Entry(blob.decode(), int(size), path.decode("utf-8", "surrogateescape"))


def _find_problem(entry: _Entry) -> str:
    """Returns why a file cannot be read, or ""."""
    if not entry.path.isprintable() or len(entry.path) > _MAX_NAME_CHARACTERS:
        return say("The name of {path!r} cannot be shown; rename it.", path=entry.path[:200])
    if entry.size <= MAX_DOCUMENT_BYTES:
        return ""
    return say(
        "{name} has {size:,.0f} MB; documents of up to {limit:,.0f} MB are read.",
        name=PurePosixPath(entry.path).name[:100],
        size=entry.size / 1024**2,
        limit=MAX_DOCUMENT_BYTES / 1024**2,
    )

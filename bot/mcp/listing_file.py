"""Keeps what servers last said of their tools in the data folder, so that these can be offered
before a server is started, and a tool that has changed since it was accepted is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bot.config.mcp import ToolServerSettings
from bot.mcp.listing import MAX_TOOLS, Listing, read_listing
from bot.private_files import PrivateFolder

_MAX_FILE_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ListingFile:
    """The file of one server. What is kept is of the program or address of `settings` alone."""

    folder: Path
    server: str
    settings: ToolServerSettings
    taken: frozenset[str] = field(default_factory=frozenset)

    def read(self) -> Listing | None:
        """Return what is kept; None where nothing is, or another server had this name."""
        stored = self._load()
        return None if stored is None else self._judged(stored["tools"], stored["accepted"])

    def keep(self, raw: Sequence[Any]) -> Listing:
        """Keep what the server says now, and return it. A tool is accepted as it is when it is
        listed for the first time."""
        stored = self._load()
        accepted = {} if stored is None else dict(stored["accepted"])
        tools = {tool.name: tool.digest for tool in self._listing(raw).tools}
        accepted = {**tools, **accepted}
        good: dict[str, Any] = {}  # what is left out may be of any size
        for one in raw[:MAX_TOOLS]:
            name = one.get("name") if isinstance(one, dict) else None
            if isinstance(name, str) and name in tools:
                good.setdefault(name, one)
        self._store([*good.values()], accepted)
        return self._judged(raw, accepted)

    def accept(self) -> frozenset[str]:
        """Accept all tools as they are now; returns the names of those that had changed."""
        stored = self._load()
        if stored is None:
            return frozenset()
        listing = self._judged(stored["tools"], stored["accepted"])
        self._store(stored["tools"], {tool.name: tool.digest for tool in listing.tools})
        return listing.changed

    def _listing(self, raw: Sequence[Any]) -> Listing:
        return read_listing(self.server, raw, self.taken)

    def _judged(self, raw: Sequence[Any], accepted: dict[str, str]) -> Listing:
        found = self._listing(raw)
        changed = (one.name for one in found.tools if accepted.get(one.name) != one.digest)
        return replace(found, changed=frozenset(changed))

    # --- the file -----------------------------------------------------------------------------

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.server}.json"

    @property
    def _fingerprint(self) -> str:
        one = self.settings
        told = json.dumps([one.command, one.args, str(one.cwd), one.url])
        return hashlib.sha256(told.encode()).hexdigest()

    def _load(self) -> dict[str, Any] | None:
        with suppress(OSError, ValueError, RecursionError):
            if self._path.stat().st_size <= _MAX_FILE_BYTES:
                stored = json.loads(self._path.read_bytes())
                if (
                    isinstance(stored, dict)
                    and stored.get("of") == self._fingerprint
                    and isinstance(stored.get("tools"), list)
                    and isinstance(stored.get("accepted"), dict)
                ):
                    return stored
        return None

    def _store(self, raw: Sequence[Any], accepted: dict[str, str]) -> None:
        stored = {"of": self._fingerprint, "tools": list(raw), "accepted": accepted}
        PrivateFolder(self.folder).write_json(self._path.name, stored)

"""The style sheet, scripts and icon of the console: read once, and kept by browsers for good."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_VERSION_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True)
class _Kept:
    content_type: str
    data: bytes = field(repr=False)
    packed: bytes = field(repr=False)


class StaticFiles:
    """The files of a folder, by name. `version` changes with any of them, and is part of their
    address."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, _Kept] = {}
        digest = hashlib.sha256()
        for path in sorted(folder.iterdir()):
            data = path.read_bytes()
            digest.update(path.name.encode() + data)
            kind = _TYPES[path.suffix]
            self._files[path.name] = _Kept(kind, data, gzip.compress(data, mtime=0))
        self.version = digest.hexdigest()[:_VERSION_CHARACTERS]

    async def answer(self, request: Request) -> Response:
        """Answer with the file that the address names."""
        kept = self._files.get(request.path_params["name"])
        if kept is None or request.path_params["version"] != self.version:
            return Response(status_code=404)
        headers = {"cache-control": "max-age=31536000, immutable", "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(kept.packed, headers=headers, media_type=kept.content_type)
        return Response(kept.data, headers=headers, media_type=kept.content_type)

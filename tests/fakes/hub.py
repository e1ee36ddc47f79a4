"""A hub of model repositories on loopback: the list of files, their versions, and their storage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from tests.fakes.file_server import FileServer, ServedFile

COMMIT = "c" * 40


def serve_repository(
    server: FileServer,
    repository: str,
    files: Mapping[str, bytes | int],
    *,
    revision: str = "main",
    page: int = 1_000,
) -> None:
    """Serve a repository. A file that is a number has that size in the list, and no content."""
    listed = [
        {"type": "directory", "path": "folder", "size": 0, "oid": "0" * 40},
        *(_row(path, content) for path, content in files.items()),
    ]
    base = f"/api/models/{repository}/tree/{revision}?recursive=true"
    pages = [listed[at : at + page] for at in range(0, len(listed), page)]
    for number, rows in enumerate(pages):
        path = base if number == 0 else f"{base}&cursor={number}"
        after = f'<{server.url}{base}&cursor={number + 1}>; rel="next"'
        headers = {"Link": after} if number + 1 < len(pages) else {}
        server.files[path] = ServedFile(json.dumps(rows).encode(), headers=headers)
    for path, content in files.items():
        if isinstance(content, bytes):
            serve_file(server, repository, path, content, revision)


def serve_file(
    server: FileServer, repository: str, path: str, content: bytes, revision: str = "main"
) -> None:
    """Serve one file as the hub does: it tells the version and sends on to the storage."""
    digest = hashlib.sha256(content).hexdigest()
    headers = {
        "X-Repo-Commit": COMMIT,
        "X-Linked-Etag": f'"{digest}"',
        "X-Linked-Size": str(len(content)),
        "Location": f"/storage/{digest}",
    }
    server.files[f"/{repository}/resolve/{revision}/{path}"] = ServedFile(
        status=302, headers=headers
    )
    server.files[f"/storage/{digest}"] = ServedFile(content)


def _row(path: str, content: bytes | int) -> dict[str, object]:
    size = content if isinstance(content, int) else len(content)
    row: dict[str, object] = {"type": "file", "path": path, "size": size, "oid": "0" * 40}
    if path.endswith(".gguf"):
        row["lfs"] = {"oid": "0" * 64, "size": size, "pointerSize": 135}
    return row

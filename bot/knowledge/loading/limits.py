"""Limits the CPU time and memory that one document may use in the process that reads it.

Linux limits mapped memory, so a library that asks for too much gets an error or aborts. On other
systems `memory_watch` watches from outside.
"""

from __future__ import annotations

import errno
import math
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MEMORY_IS_COUNTED = sys.platform == "linux"
"""Whether the system can limit the memory that a process maps."""
_STATM_PATH = Path("/proc/self/statm")
_STATUS_PATH = Path("/proc/self/status")
_NEARLY_ALL_SHARE = 0.75


def disable_core_dumps() -> None:
    """Makes sure that a crash writes no core file."""
    _limit(resource.RLIMIT_CORE, 0)


def mapped_bytes() -> int:
    """Returns the bytes of memory that this process has mapped; Linux only."""
    return int(_STATM_PATH.read_text("ascii").split()[0]) * resource.getpagesize()


@dataclass(slots=True)
class ResourceUse:
    """What reading a document has used.

    `nearly_all` is set when it used so much memory that an allocation may have failed: libraries
    report that as any kind of error, or not at all.
    """

    nearly_all: bool = False


@contextmanager
def limit_resources(cpu_s: int, memory: int) -> Iterator[ResourceUse]:
    """Limits the CPU time of the block in seconds, and the memory it maps in bytes.

    Memory that is mapped already does not count; with `memory` 0 there is no memory limit.
    """
    use = ResourceUse()
    _limit(resource.RLIMIT_CPU, math.ceil(time.process_time()) + cpu_s)
    before = mapped_bytes() if memory else 0
    if memory:
        _limit(resource.RLIMIT_AS, before + memory)
    try:
        yield use
    except MemoryError:
        use.nearly_all = True
        raise
    finally:
        if memory:
            _limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)
            use.nearly_all |= _peak_mapped_bytes() > before + memory * _NEARLY_ALL_SHARE


def is_out_of_memory(error: BaseException) -> bool:
    """Tells whether an error, or one in its chain of causes, says that memory ran out."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, MemoryError) or getattr(found, "errno", None) == errno.ENOMEM:
            return True
        found = found.__cause__ or found.__context__
    return False


def _peak_mapped_bytes() -> int:
    """The most that this process has had mapped at once."""
    status = _STATUS_PATH.read_text("ascii", "replace")
    found = next(line for line in status.splitlines() if line.startswith("VmPeak:"))
    return int(found.split()[1]) * 1024


def _limit(kind: int, limit: int) -> None:
    """Set a soft limit; the hard one stays, so that the next document can have its own."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY and not 0 <= limit <= hard:
        limit = hard
    resource.setrlimit(kind, (limit, hard))

"""What one document may take of the process that reads it: the system ends whoever takes more.

Linux counts mapped memory, so that a library which asks for too much is told no, and answers with
an error or an abort. Elsewhere nobody counts that: see `memory_watch`.
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
"""Whether the system counts the memory that a process has mapped."""
_STATM_PATH = Path("/proc/self/statm")
_STATUS_PATH = Path("/proc/self/status")
_NEARLY_ALL_SHARE = 0.75


def disable_core_dumps() -> None:
    """No file of the process's memory is written where it crashes."""
    _limit(resource.RLIMIT_CORE, 0)


def mapped_bytes() -> int:
    """Memory that this process has mapped; Linux alone tells."""
    return int(_STATM_PATH.read_text("ascii").split()[0]) * resource.getpagesize()


@dataclass(slots=True)
class ResourceUse:
    """What a document has use. `nearly_all`: so much of the memory that libraries may have been
    refused some: they tell it as errors of any kind, as damage, or not at all."""

    nearly_all: bool = False


@contextmanager
def limit_resources(cpu_s: int, memory: int) -> Iterator[ResourceUse]:
    """Let the block take so many seconds of the processor, and so many bytes beside those that are
    mapped already; without a limit of memory where `memory` is 0."""
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
    """Whether this, or what it was raised for, is memory that was not to be had: loaders take any
    error of their libraries for damage."""
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

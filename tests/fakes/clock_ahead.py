"""A machine whose clock is wrong, for a child process: a library that is loaded before the C
library and adds `CLOCK_AHEAD_S` seconds to the time of day."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long ahead(void) {
    const char *said = getenv("CLOCK_AHEAD_S");
    return said ? atol(said) : 0;
}

int clock_gettime(clockid_t which, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, at);
    if (!failed && which == CLOCK_REALTIME) at->tv_sec += ahead();
    return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


def clock_ahead(folder: Path, seconds: int) -> Mapping[str, str]:
    """Build the library in a folder; returns the environment of a process whose clock is so far
    ahead. Blocks."""
    compiler = shutil.which("cc") or shutil.which("c++") or "cc"
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(_SOURCE, encoding="utf-8")
    made = [compiler, "-shared", "-fPIC", "-O1", "-x", "c", "-o", str(library), str(source), "-ldl"]
    subprocess.run(made, check=True, timeout=60)
    return {"LD_PRELOAD": str(library), "CLOCK_AHEAD_S": str(seconds)}

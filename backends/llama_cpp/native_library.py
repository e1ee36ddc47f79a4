"""Loads llama.cpp's native library with a short spin time for its threads.

The threads meet after every operation of a graph, mostly within microseconds of each other.
Sleeping while they wait makes two threads as slow as one; spinning for milliseconds, which is
OpenMP's default, makes a machine with busy cores several times as slow, because each thread burns
the time that the other needs. So they spin briefly and then sleep: measured on two cores, a round
of eight answers is as fast as with the default while both are free, and within a tenth of sleeping
at once while one is busy. The variables are read once, when the library is loaded; values that an
operator has set are kept.
"""

from __future__ import annotations

import os
import sys

_SPIN_COUNT = 400
"""Turns of GNU OpenMP's waiting loop, about four microseconds."""

if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
    if sys.platform == "linux":
        # Without the policy the spins would not count once two models are loaded: GNU OpenMP has
        # other numbers for when there are more threads than cores.
        os.environ["OMP_WAIT_POLICY"] = "ACTIVE"
        os.environ["GOMP_SPINCOUNT"] = str(_SPIN_COUNT)
    else:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import llama_cpp as lib  # noqa: E402 - it reads the variables while it is imported

__all__ = ["lib"]

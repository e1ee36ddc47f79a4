"""llama.cpp's native library, told to wait asleep before it is loaded.

Its threads meet after every operation of a graph. OpenMP's default is to wait there spinning: on a
machine whose cores are not all free, each then burns the time that the other needs, and reading a
prompt takes several times as long. The library reads the variable once, when it is loaded; what an
operator has set stays.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import llama_cpp as lib

__all__ = ["lib"]

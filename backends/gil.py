"""How the threads of a process share the interpreter."""

from __future__ import annotations

import sys

_SWITCH_S = 0.0005


def share_finely() -> None:
    """Let a thread that waits for the interpreter have it sooner than Python's 5 ms.

    An engine computes outside the interpreter, in steps of 10 to 50 ms, and needs it for a moment
    between them. While another thread reads a document, each step would wait those 5 ms, and so
    would the event loop: reading in reaches 0.9 times the embedder's rate with them, and 0.95 and
    more without. For a process of ours, at its start; not for a program that merely imports us.
    """
    sys.setswitchinterval(_SWITCH_S)

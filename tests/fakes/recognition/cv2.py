"""Stands in for OpenCV beside the scripted text recognition."""

from __future__ import annotations


def setNumThreads(number: int) -> None:
    """There are no threads."""

"""Processes that a test watches end."""

from __future__ import annotations

import psutil

from tests.until import until


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or is a zombie that its parent has yet to collect.

    A process can be collected between two looks at it; that counts as ended.
    """
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until_ended(pid: int) -> None:
    """Wait for the process to end; TimeoutError after 60 s."""
    await until(lambda: has_ended(pid))

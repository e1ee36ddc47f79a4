"""Processes that a test watches end."""

from __future__ import annotations

import asyncio

import psutil


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
    async with asyncio.timeout(60):
        while not has_ended(pid):
            await asyncio.sleep(0.01)

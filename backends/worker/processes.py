"""Child processes: what they inherit, and how they are ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal

_SECRET = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|PRIVATE_?KEY", re.IGNORECASE
)


def child_environment() -> dict[str, str]:
    """Our environment without what looks like a secret: an engine has no use for those."""
    return {name: value for name, value in os.environ.items() if not _SECRET.search(name)}


async def end(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """End a process that leads its own session, and all that it has started in it.

    It is asked politely, and killed after `grace_s`.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def how_it_ended(status: int | None) -> str:
    """Words for an exit status: `with status 1`, `by signal SIGKILL`."""
    if status is None or status >= 0:
        return f"with status {status}"
    try:
        return f"by signal {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"

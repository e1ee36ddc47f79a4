"""Environment, ending and exit status of child processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal

_SECRET_NAME_PATTERN = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|PRIVATE_?KEY", re.IGNORECASE
)


def child_environment() -> dict[str, str]:
    """Return our environment without variables that look like secrets, which engines do not
    need.
    """
    return {
        name: value for name, value in os.environ.items() if not _SECRET_NAME_PATTERN.search(name)
    }


async def end_process(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """End a process that leads its own session, and all processes it has started in it.

    It is terminated, and killed if it still runs after `grace_s` seconds.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def describe_exit(status: int | None) -> str:
    """Describe an exit status: `with status 1`, `by signal SIGKILL`."""
    if status is None or status >= 0:
        return f"with status {status}"
    try:
        return f"by signal {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"

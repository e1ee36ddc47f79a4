"""Runs the program `git` without settings, hooks, helpers or prompts of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue.sentence import say
from bot.control_characters import escape_controls
from bot.errors import Refused

_INHERITED_VARIABLES = ("HOME", "PATH", "SSH_AUTH_SOCK", "TMPDIR")
_VARIABLES: Mapping[str, str] = {
    "GIT_ASKPASS": "",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_SETTINGS: Mapping[str, str] = {
    "core.hooksPath": os.devnull,
    "credential.helper": "",
    "fetch.unpackLimit": "1",  # what is fetched is one file, whose size is limited
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "protocol.allow": "never",
}
_MAX_ERROR_BYTES = 64 * 1024
_MAX_REASON_CHARACTERS = 200
_BLOCK_BYTES = 512
_LIMITED = 'ulimit -f "$0" && exec "$@"'
"""Runs a program that can write no file of more than so many blocks."""

_KILLED_WHILE_WRITING = "index-pack"
"""What is said where the file with all that is fetched becomes too large; nothing else ends the
program that writes it without a word of its own."""


class GitFailed(Refused):
    """The program ended with an error; says in one sentence what it was."""


@dataclass(frozen=True, slots=True)
class GitLimits:
    """What one call of the program may take."""

    time_s: float = 300.0
    file_bytes: int = 1024**3
    """The largest file that it may write: what it fetches of a repository at once."""
    output_bytes: int = 64 * 1024**2


def find_git() -> str:
    """Returns the path of the program. Raises `Refused` if there is none."""
    found = shutil.which("git")
    if found is None:
        raise Refused(say("Git repositories are read by the program git, which is not installed."))
    return found


async def run_git(
    arguments: Sequence[str], folder: Path, limits: GitLimits, variables: Mapping[str, str]
) -> bytes:
    """Runs the program for the repository in `folder`; returns what it wrote.

    It is ended with all that it started when it takes too long or writes too much, and when this is
    cancelled. Raises `GitFailed`.
    """
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", _LIMITED, str(limits.file_bytes // _BLOCK_BYTES)),
        *(await asyncio.to_thread(find_git), *settings, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**inherited, **_VARIABLES, "GIT_DIR": str(folder), **variables},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(limits.time_s):
            output, errors = await asyncio.gather(
                _read(process.stdout, limits.output_bytes), _read_end(process.stderr)
            )
            status = await process.wait()
    except TimeoutError:
        raise GitFailed(
            say(
                "The repository could not be read: it took more than {seconds:.0f} s.",
                seconds=limits.time_s,
            )
        ) from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if status:
        raise _explain(errors.decode("utf-8", "replace"), status, limits)
    return output


async def _read(stream: asyncio.StreamReader, limit: int) -> bytes:
    taken = bytearray()
    while piece := await stream.read(64 * 1024):
        taken += piece
        if len(taken) > limit:
            raise GitFailed(say("The repository could not be read: it has too many files."))
    return bytes(taken)


async def _read_end(stream: asyncio.StreamReader) -> bytes:
    """Reads to the end, and returns the last of it."""
    taken = bytearray()
    while piece := await stream.read(16 * 1024):
        taken += piece
        del taken[:-_MAX_ERROR_BYTES]
    return bytes(taken)


def _explain(said: str, status: int, limits: GitLimits) -> GitFailed:
    """Returns the error in one sentence; what the server says by itself is left out."""
    told = [line for line in said.splitlines() if line.startswith("fatal: ")]
    if status == 128 + signal.SIGXFSZ or (len(told) == 1 and _KILLED_WHILE_WRITING in told[0]):
        return GitFailed(
            say(
                "The repository is larger than {limit:,.0f} MB, which is the limit.",
                limit=limits.file_bytes / 1024**2,
            )
        )
    if "terminal prompts disabled" in said or "Authentication failed" in said:
        return GitFailed(say("The repository asks for a login, or does not take the token."))
    reason = escape_controls(told[0].removeprefix("fatal: ").rstrip(" .")) if told else ""
    return GitFailed(
        say(
            "The repository could not be read: {reason}.",
            reason=reason[:_MAX_REASON_CHARACTERS] or say("git ended with status {n}", n=status),
        )
    )

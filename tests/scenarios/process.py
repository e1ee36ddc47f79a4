"""Parlance as a person meets it: a process with arguments, a standard input, and an exit status."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.scenarios import forked
from tests.until import PATIENCE_S

ROOT = forked.ROOT

_OF_THE_START = re.compile(r"PYTHON|LC_|LANG")
SLOW = " ".join(f"slow{n:03}" for n in range(600))
"""What the model answers to "take your time", 40 words a second."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """The one line on standard error; fails where there are more, or a trace."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, self.err
        return lines[0]

    def no_trace(self) -> Ended:
        assert "Traceback" not in self.err + self.out, self.err
        assert "Fatal Python error" not in self.err, self.err
        return self


@dataclass(slots=True)
class Folder:
    """An operator's folder: config.yaml, and the data beside it."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    def configure(self, **sections: Any) -> Path:
        """Write config.yaml: a scripted model that echoes, and what is given instead."""
        said: dict[str, Any] = {
            "models": {
                "default": {
                    "backend": "scripted",
                    "replies": [{"match": "take your time", "text": SLOW}],
                    "tokens_per_s": 40,
                },
                "embedder": {"backend": "scripted"},
            },
            "embedder": "embedder",
            "admins": {"users": ["terminal:operator"]},
            **sections,
        }
        return self.write(yaml.dump(said, Dumper=yaml.CSafeDumper))

    def write(self, text: str) -> Path:
        """Write config.yaml as it is given."""
        path = self.path / "config.yaml"
        path.write_text(text, "utf-8")
        return path

    @property
    def environment(self) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "PARLANCE_MODELS_DIR", "VIRTUAL_ENV", "SSL_CERT_FILE")
        inherited = {name: os.environ[name] for name in kept if name in os.environ}
        return {
            **inherited,
            "PARLANCE_CONFIG": str(self.path / "config.yaml"),
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
            "COLUMNS": "200",
            **self.env,
        }

    @asynccontextmanager
    async def started(
        self,
        *arguments: str,
        stdin: int = asyncio.subprocess.PIPE,
        before: Callable[[], None] | None = None,
    ) -> AsyncGenerator[asyncio.subprocess.Process, None]:
        """A process that is killed at the end of the block, should it still run.

        The fork server makes it, unless what is tested is how the interpreter starts: with `before`
        it, or with variables that it reads itself.
        """
        process = await self._start(arguments, stdin, before)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _start(
        self, arguments: Sequence[str], stdin: int, before: Callable[[], None] | None
    ) -> asyncio.subprocess.Process:
        if before is None and not any(map(_OF_THE_START.match, self.env)):
            return await forked.start("bot", *arguments, env=self.environment, stdin=stdin)

        def prepare() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where a shell's job starts us
            if before is not None:
                before()

        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *arguments),
            cwd=ROOT,
            env=self.environment,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=prepare,
        )

    async def run(
        self,
        *arguments: str,
        stdin: bytes | int | None = None,
        before: Callable[[], None] | None = None,
    ) -> Ended:
        """Run a command to its end. `stdin`: what it reads, a descriptor, or nothing."""
        given = stdin if isinstance(stdin, int) else asyncio.subprocess.PIPE
        async with self.started(*arguments, stdin=given, before=before) as process:
            return await end_of(process, None if isinstance(stdin, int) else stdin or b"")

    def turns(self) -> list[Mapping[str, Any]]:
        """The conversation as it is kept, oldest first."""
        database = self.path / "data" / "parlance.db"
        with closing(sqlite3.connect(database)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(
                "SELECT role, text, status, conversation FROM turns ORDER BY seq"
            )
            return [dict(row) for row in rows]


async def end_of(process: asyncio.subprocess.Process, stdin: bytes | None = None) -> Ended:
    """Wait for its end, and read all that it wrote and was not read before."""
    out, err = await asyncio.wait_for(process.communicate(stdin), PATIENCE_S)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(errors="replace"), err.decode())


async def read_until(process: asyncio.subprocess.Process, mark: str) -> str:
    """Read standard output until `mark` is there."""
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(PATIENCE_S):
        while mark not in seen:
            piece = await process.stdout.read(4096)
            assert piece, f"it ended before {mark!r}; it wrote {seen!r}"
            seen += piece.decode()
    return seen


async def stopped_in_mid_answer(folder: Folder, number: signal.Signals) -> tuple[str, Ended]:
    """Send a signal while an answer is written: what was shown before, and its end. Standard input
    stays open."""
    async with folder.started("run") as process:
        assert process.stdin is not None
        process.stdin.write(b"take your time\n")
        shown = await read_until(process, "slow003")
        process.send_signal(number)
        await asyncio.wait_for(process.wait(), PATIENCE_S)
        return shown, await end_of(process)


def sentences(text: str) -> Sequence[str]:
    """The paragraphs of an output."""
    return [part.strip() for part in text.split("\n\n") if part.strip()]

"""A process that the fork server makes is like one that is started by `exec`."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.scenarios.process import Folder, read_until
from tests.until import PATIENCE_S


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.configure()
    return made


@pytest.mark.parametrize(
    "command", [("run",), ("docs", "serch", "valve"), ("models", "list", "--config", "nowhere")]
)
async def test_it_says_and_returns_the_same(folder: Folder, command: tuple[str, ...]) -> None:
    forked = await folder.run(*command, stdin=b"hello\n/rap Ada\n")
    folder.env["PYTHONDONTWRITEBYTECODE"] = ""  # which is started by `exec`, for that
    assert await folder.run(*command, stdin=b"hello\n/rap Ada\n") == forked


async def test_a_signal_ends_it_and_no_other(folder: Folder, tmp_path: Path) -> None:
    other = Folder(tmp_path / "other")
    other.path.mkdir()
    other.configure(data_dir="apart")
    async with folder.started("run") as one, other.started("run") as two:
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write(b"hello\n")
            await read_until(process, "You said: hello")
        assert one.pid != two.pid
        one.kill()
        assert await one.wait() == one.returncode == -signal.SIGKILL
        two.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(two.wait(), PATIENCE_S) == 128 + signal.SIGINT
    assert not (folder.path / "apart").exists()
    assert (other.path / "apart" / "parlance.db").exists()

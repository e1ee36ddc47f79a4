"""The chat in a terminal, typed into a pseudo-terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.scenarios.process import ROOT, Folder
from tests.until import PATIENCE_S

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][0-9A-B]?|\r|\x07")
TAB, CTRL_C, CTRL_D, UP = "\t", "\x03", "\x04", "\x1b[A"


class Terminal:
    """A screen and a keyboard. What was shown since the last look is `fresh`."""

    def __init__(self, keyboard: int) -> None:
        self._keyboard = keyboard
        self._shown = ""
        self._at = 0
        os.set_blocking(keyboard, False)

    def type(self, text: str) -> None:
        os.write(self._keyboard, text.encode())

    async def sees(self, text: str) -> str:
        """Wait until a text is shown after what was waited for before."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while text not in self._fresh():
                    self._look()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{text!r} is not shown in {self._fresh()[-2000:]!r}") from None
        fresh = self._fresh()
        end = fresh.index(text) + len(text)
        self._at += end
        return fresh[:end]

    async def prompts(self) -> str:
        """Wait until a line can be typed."""
        return await self.sees("›")

    def _fresh(self) -> str:
        return _CONTROL.sub("", self._shown)[self._at :]

    def _look(self) -> None:
        try:
            while piece := os.read(self._keyboard, 65536):
                if b"\x1b[6n" in piece:  # where is the cursor?
                    os.write(self._keyboard, b"\x1b[1;1R")
                self._shown += piece.decode(errors="replace")
        except BlockingIOError:
            return
        except OSError:  # the process has closed its side
            return


@asynccontextmanager
async def chatting(folder: Folder) -> AsyncIterator[tuple[Terminal, asyncio.subprocess.Process]]:
    """`parlance run` with a person in front of it."""
    keyboard, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "run",
        cwd=ROOT,
        env=folder.environment,
        stdin=screen,
        stdout=screen,
        stderr=screen,
        preexec_fn=own_terminal,
    )
    os.close(screen)
    terminal = Terminal(keyboard)
    try:
        await terminal.prompts()
        yield terminal, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(keyboard)


async def ended(process: asyncio.subprocess.Process) -> int:
    return await asyncio.wait_for(process.wait(), PATIENCE_S)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.configure()
    return made


async def test_a_chat_from_the_first_line_to_the_last(folder: Folder) -> None:
    async with chatting(folder) as (terminal, process):
        terminal.type("hello **there**\r")
        await terminal.sees("You said: hello there")  # rendered
        await terminal.prompts()
        terminal.type("/why\r")
        await terminal.sees("Model: default")
        await terminal.prompts()
        terminal.type("/again\r")
        await terminal.sees("You said: hello there")
        await terminal.prompts()

        terminal.type("/hel")
        await terminal.sees("What you can ask for")  # suggested while typing
        terminal.type(TAB)
        await terminal.sees("p")
        terminal.type(" sum")
        await terminal.sees("summarize")
        terminal.type(TAB)
        await terminal.sees("marize")
        terminal.type("\r")
        await terminal.sees("Summarise a page")
        await terminal.prompts()

        terminal.type("take your time\r")
        await terminal.sees("slow003")
        terminal.type(CTRL_C + CTRL_C)
        await terminal.sees("Stopped")
        await terminal.prompts()
        terminal.type("half a line" + CTRL_C)
        await terminal.prompts()
        terminal.type("are you there?\r")
        await terminal.sees("You said: are you there?")
        await terminal.prompts()
        terminal.type(CTRL_D)
        assert await ended(process) == 0

    answers = [t for t in folder.turns() if t["role"] == "assistant"]
    stopped = next(t for t in answers if t["status"] == "cancelled")
    assert stopped["text"].startswith("slow000 slow001 slow002 slow003")
    assert answers[-1]["text"] == "You said: are you there?"
    assert "half a line" not in {t["text"] for t in folder.turns()}

    async with chatting(folder) as (terminal, process):
        terminal.type(UP + "\r")
        await terminal.sees("You said: are you there?")
        await terminal.prompts()
        terminal.type("/why\r")
        await terminal.sees("earlier turns used")
        await terminal.prompts()
        terminal.type("/quit\r")
        assert await ended(process) == 0
    assert "+hello **there**" in (folder.path / "data" / "terminal-history").read_text("utf-8")


async def test_a_terminal_that_goes_away_in_mid_answer_loses_nothing(folder: Folder) -> None:
    async with chatting(folder) as (terminal, process):
        terminal.type("take your time\r")
        await terminal.sees("slow003")
        process.send_signal(1)  # SIGHUP, as when the window is closed
        assert await ended(process) == 129
    question, answer = folder.turns()
    assert question["text"] == "take your time"
    assert answer["status"] == "cancelled"
    assert answer["text"].startswith("slow000 slow001 slow002")

"""What `parlance setup` shows and asks: in a terminal, or without anybody at a keyboard."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from bot.catalogue.languages import read_environment_language, translate
from bot.catalogue.sentence import say
from bot.cli.console import console, redact
from bot.control_characters import escape_controls, strip_controls

T = TypeVar("T")
MARK = "? "
"""Begins every question; what only waits, and may be passed over, has none."""
_LOOK_AGAIN_S = 0.2


class Interrupted(Exception):
    """Somebody has pressed Ctrl-C, or Ctrl-D, at a question."""


class Dialogue:
    """Asks where there is somebody to answer, in the language of their environment. `asks` says
    whether there is. Making one blocks."""

    def __init__(self, *, asks: bool) -> None:
        self.asks = asks
        self._program = find_program()
        self._locale = read_environment_language()

    def heading(self, text: str) -> None:
        """Begin a step."""
        console.print()
        text = translate(text, self._locale)
        console.print(redact(text), style="bold", soft_wrap=not console.is_terminal)

    def tell(self, text: str) -> None:
        """Say a sentence; a command in it stands there as it can be called from here."""
        text = translate(text, self._locale).replace("`parlance ", f"`{self._program} ")
        console.print(redact(escape_controls(text)), soft_wrap=not console.is_terminal)

    def show(self, text: str) -> None:
        """Show what is copied or opened: an address, a manifest, a word. Nothing breaks it."""
        console.print(redact(strip_controls(text)), style="cyan", soft_wrap=True)

    async def ask(self, question: str, *, secret: bool = False) -> str:
        """What somebody types, empty for Enter alone. Raises `Interrupted`."""
        return await self._read(MARK + translate(question, self._locale), secret=secret)

    async def confirm(self, question: str) -> bool:
        """Whether somebody wants something; Enter alone is a yes. A yes and a no may be said in
        their language, or in English."""
        yes = {"", "y", "yes", *_forms(say("Yes"), self._locale)}
        no = {"n", "no", *_forms(say("No"), self._locale)}
        while True:
            said = (await self.ask(say("{question} [Y/n]", question=question))).lower()
            if said in yes:
                return True
            if said in no:
                return False

    async def wait(self, work: Awaitable[T], hint: str) -> T | None:
        """Wait for something that happens elsewhere; None if somebody presses Enter instead."""
        waiting = asyncio.ensure_future(work)
        if not self.asks:
            return await waiting
        passing = asyncio.ensure_future(self._read(translate(hint, self._locale)))
        try:
            await asyncio.wait({waiting, passing}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            passing.result()
            return None
        finally:
            for task in (waiting, passing):
                task.cancel()
            await asyncio.gather(waiting, passing, return_exceptions=True)

    async def _read(self, prompt: str, *, secret: bool = False) -> str:
        module = await asyncio.to_thread(importlib.import_module, "prompt_toolkit")
        session = module.PromptSession()  # a new one each time, which remembers no secret
        text = strip_controls(f"{prompt} ")
        try:
            typed = await session.prompt_async(text, is_password=secret, handle_sigint=False)
        except (KeyboardInterrupt, EOFError):
            raise Interrupted from None
        return str(typed).strip()


def _forms(word: str, locale: str | None) -> tuple[str, str]:
    """A word in small letters as somebody says it, and its first letter."""
    own = translate(word, locale).lower()
    return own, own[:1]


def find_program() -> str:
    """What somebody types to call `parlance`: its name where the shell finds it, else its path."""
    own = Path(sys.executable).with_name("parlance")
    found = shutil.which("parlance")
    if not own.is_file() or (found is not None and own.samefile(found)):
        return "parlance"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


async def until(true: Callable[[], T | None], pause_s: float = _LOOK_AGAIN_S) -> T:
    """Look until there is something to see."""
    while True:
        if (found := true()) is not None:
            return found
        await asyncio.sleep(pause_s)


def interrupt() -> None:
    """End this process's work as Ctrl-C does."""
    signal.raise_signal(signal.SIGINT)

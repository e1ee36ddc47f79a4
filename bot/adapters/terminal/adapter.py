"""The terminal as a platform: one person, who is the operator."""

from __future__ import annotations

import asyncio
import getpass
import itertools
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import Console

from bot.adapters.base import Core
from bot.adapters.terminal.lines import lines
from bot.adapters.terminal.prompt import Prompt
from bot.adapters.terminal.sink import PlainSink, ReplySink, ScreenSink
from bot.types import ActionCall, ActionName, Author, CommandCall, ConversationKey, Event, Message

EXAMPLE = (
    "/ask How do I write a skill?",
    "/rap Ada Lovelace vs Charles Babbage rounds=1",
    "/model list",
)
"""What is played when there is nothing to read: the exchange that the README shows."""

_LOCAL = {"/quit": "leave", "/exit": "leave", "/why": "why this answer?", "/again": "regenerate"}


@dataclass
class TerminalAdapter:
    """Talks with whoever sits at the terminal, or with whatever writes to the pipe.

    `conversation` names the conversation; without one a terminal continues its own, and a pipe
    starts a new one. `status` is the exit status: 0 when every message was answered.
    """

    history_file: Path
    conversation: str | None = None
    user: str = "operator"
    name: str = "terminal"
    stdin: TextIO | None = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    status: int = 0

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._run = uuid.uuid4().hex[:12]
        self._author = Author("terminal", self.user, _user_name(), locale=_language())
        self._last: ReplySink | None = None

    async def run(self, core: Core) -> None:
        if self.stdin is None or self.stdin.closed:
            await self._play(core)
        elif self.stdin.isatty() and self.stdout.isatty():
            await self._chat(core)
        else:
            await self._answer_lines(core)

    async def check(self) -> Sequence[str]:
        return ()

    # --- the three ways in ----------------------------------------------------------------------

    async def _chat(self, core: Core) -> None:
        key = self._key(self.conversation or "main")
        console = Console()
        prompt = Prompt(core, self._author, key, self.history_file, list(_LOCAL))
        console.print("Parlance. Ask away; [bold]/help[/bold] lists the commands, Ctrl-D leaves.")
        async for text in prompt.lines():
            event: Event | None
            match text.split()[0].lower():
                case "/quit" | "/exit":
                    return
                case "/why":
                    event = self._press(key, "why")
                case "/again":
                    event = self._press(key, "regenerate")
                case _:
                    event = self._event(key, text)
            if event is None:
                console.print("There is no answer yet.", style="yellow")
                continue
            await self._one(core, event, ScreenSink(console), stoppable=True)

    async def _answer_lines(self, core: Core) -> None:
        assert self.stdin is not None
        key = self._key(self.conversation or f"pipe-{self._run}")
        empty = True
        async for text in lines(self.stdin):
            empty = False
            await self._one(core, self._event(key, text), PlainSink(self.stdout, self.stderr))
        if empty:
            await self._play(core)

    async def _play(self, core: Core) -> None:
        key = self._key(f"example-{self._run}")
        self.stdout.write("Nothing to read on standard input, so here is an example.\n\n")
        for text in EXAMPLE:
            self.stdout.write(f"> {text}\n\n")
            self.stdout.flush()
            await self._one(core, self._event(key, text), PlainSink(self.stdout, self.stderr))

    # --- one message ----------------------------------------------------------------------------

    async def _one(
        self, core: Core, event: Event, sink: ReplySink, *, stoppable: bool = False
    ) -> None:
        """Hand over one event and wait for its answer; Ctrl-C stops the answer, not the chat."""
        loop = asyncio.get_running_loop()
        stops: list[asyncio.Task[None]] = []

        def stop() -> None:
            turn = sink.view.turn if sink.view else ""
            call = ActionCall(self._id(), event.conversation, self._author, "stop", turn)
            stops.append(loop.create_task(core.accept(call, ReplySink())))

        if stoppable:
            loop.add_signal_handler(signal.SIGINT, stop)
        try:
            await core.accept(event, sink)
            await sink.finished.wait()
        finally:
            if stoppable:
                loop.remove_signal_handler(signal.SIGINT)
            if stops:
                await asyncio.gather(*stops)
        if sink.view is None or sink.view.state in {"refused", "failed"}:
            self.status = 1
        if not isinstance(event, ActionCall):
            self._last = sink

    def _event(self, key: ConversationKey, text: str) -> Event:
        if text.startswith("/") and not text.startswith("//"):
            name, _, rest = text[1:].partition(" ")
            return CommandCall(
                self._id(), key, self._author, name.lower(), text=rest.strip(), direct=True
            )
        return Message(self._id(), key, self._author, text.removeprefix("/"), direct=True)

    def _press(self, key: ConversationKey, action: ActionName) -> ActionCall | None:
        if self._last is None or self._last.view is None:
            return None
        turn = self._last.view.turn
        return ActionCall(self._id(), key, self._author, action, turn, direct=True)

    def _key(self, channel: str) -> ConversationKey:
        return ConversationKey("terminal", "local", channel)

    def _id(self) -> str:
        return f"{self._run}-{next(self._ids)}"


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "operator"


def _language() -> str | None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name, "").split(".")[0].replace("_", "-"):
            return None if value in {"C", "POSIX"} else value
    return None


__all__ = ["EXAMPLE", "TerminalAdapter"]

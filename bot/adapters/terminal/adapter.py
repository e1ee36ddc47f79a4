"""The terminal adapter, for one person, the operator."""

from __future__ import annotations

import asyncio
import getpass
import importlib
import io
import itertools
import os
import re
import signal
import sys
import uuid
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TextIO, cast

from rich.text import Text

from bot.adapters.protocol import Core
from bot.adapters.terminal.lines import read_lines
from bot.adapters.terminal.open_question import OpenQuestion
from bot.adapters.terminal.saved_files import FOLDER_NAME, save_file
from bot.adapters.terminal.screen import Screen
from bot.adapters.terminal.sink import PlainSink, ReplySink, ScreenSink, choices
from bot.catalogue.languages import find_environment_locale, load_language, translate
from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import Refused
from bot.events import ActionCall, CommandCall, Event, Message
from bot.replies.protocol import Sink
from bot.types import ActionName, Author, ConversationKey, View

if TYPE_CHECKING:
    from bot.adapters.terminal.prompt import Prompt

EXAMPLE_LINES = (
    "hello",
    "/ask How do I write a skill?",
    "/model list",
)
"""The first lines of a newcomer, as in the README."""

GREETING = say("Parlance. Ask away; /help lists the commands, Ctrl-D leaves.")
"""The first line of a chat."""
_TERMINAL_COMMANDS = (
    "/again",
    "/continue",
    "/choose",
    "/exit",
    "/outdated",
    "/quit",
    "/source",
    "/why",
    "/wrong",
)
_SOURCE_COMMAND = re.compile(r"/(source|wrong|outdated)\s+\[?(\d{1,3})\]?")
"""The terminal's commands for the buttons about a source."""
_CHOICE_COMMAND = re.compile(r"/choose\s+(\S{1,100})")
"""The terminal's command for the buttons of an answer that waits for a choice."""
_ANSWER_FIRST = say("Something is asked above; /answer, /decline or /cancel goes on.")
_NO_CHOICE = say("Nothing was asked yet; /approvals shows what waits for you since earlier.")
_NO_ANSWER = say("There is no answer yet.")


@dataclass
class TerminalAdapter:
    """Answers the person at the terminal, or the lines of a pipe.

    `conversation` names the conversation; without one a terminal continues its own, and a pipe
    starts a new one. `status` is the exit status: 0 when every message was answered. `examples`
    are answered when standard input is empty.
    """

    history_file: Path
    conversation: str | None = None
    user: str = "operator"
    name: str = "terminal"
    everywhere: ClassVar[bool] = True
    stdin: TextIO | None = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    status: int = 0
    examples: Sequence[str] = EXAMPLE_LINES

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._run = uuid.uuid4().hex[:12]
        self._author = Author(
            "terminal", self.user, _find_user_name(), locale=find_environment_locale()
        )
        self._last: ReplySink | None = None
        self._screen: Screen | None = None
        self._save = partial(save_file, self.history_file.parent / FOLDER_NAME)
        self._core: Core | None = None
        self._question = OpenQuestion()
        self.settled = asyncio.Event()
        """Set once the prompt shows, which is sooner if what is not needed for it waits; at once
        where there is none."""
        self._held: ReplySink | None = None
        """The answer that goes on once the question is answered."""

    @property
    def interactive(self) -> bool:
        """Whether standard input and output are both a terminal."""
        if self.stdin is None or self.stdin.closed:
            return False
        return self.stdin.isatty() and self.stdout.isatty()

    async def run(self, core: Core) -> None:
        """Chat, or answer the lines of a pipe; returns at the end of the input."""
        for stream in (self.stdout, self.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal may not know every character
        self._core = core
        if not self.interactive:
            self.settled.set()  # no prompt is waited for
        await load_language(self._author.locale)
        with core.connect(self):
            if self.stdin is None or self.stdin.closed:
                await self._play_example(core)
            elif self.interactive:
                await self._chat(core)
            else:
                await self._answer_lines(core)

    # --- without an event -----------------------------------------------------------------------

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        """Begin a reply without an event; it is printed when it is whole.

        Raises `Refused` for anybody but the person at the terminal.
        """
        if audience is not None and audience.key != self._author.key:
            raise Refused("Nobody else reads this terminal.")
        if self._screen is not None:
            return ScreenSink(self._screen, late=True, save=self._save, on_end=self._ask)
        return PlainSink(self.stdout, self.stderr, late=True, save=self._save, on_end=self._ask)

    async def _ask(self, view: View) -> None:
        """Say how a question is answered here, if a reply asks one."""
        if self._core is None or not await self._question.take(view, self._core):
            return
        for line in self._question.lines():
            if self._screen is not None:
                self._screen.print(Text(line, style="green"))
            else:
                self.stdout.write(f"{line}\n")

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """The person at the terminal, who is in each of its conversations; None for another."""
        ours = person == self._author.key and place == self._key(place.channel)
        return Asker(self._author, place, direct=True) if ours else None

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """The terminal's own conversations, all of them for the person at it."""
        here = (self.name, "local")
        ours = {channel for channel in channels if tuple(channel.split(":")[:2]) == here}
        return frozenset(ours if person == self._author.key else ())

    async def role_problem(self, roles: Collection[str]) -> str | None:
        """None: a rule that is set here may be for another platform."""
        return None

    # --- the three ways in ----------------------------------------------------------------------

    async def _chat(self, core: Core) -> None:
        key = self._key(self.conversation or "main")
        console = self._screen = Screen()
        # Not for a pipe: its toolkit takes as long to import as all else of this adapter.
        module = await asyncio.to_thread(importlib.import_module, "bot.adapters.terminal.prompt")
        prompt: Prompt = module.Prompt(
            core, self._author, key, self.history_file, self._own_commands, self.settled
        )
        greeting = Text(translate(GREETING, self._author.locale))
        greeting.highlight_words(["/help"], "bold")
        console.print(greeting)
        async with aclosing(prompt.lines()) as typed:
            async for text in typed:
                event = self._parse_line(key, text)
                if event is None:
                    return
                if isinstance(event, str):
                    console.print(translate(event, self._author.locale), style="yellow")
                    continue
                await self._handle_event(
                    core, event, ScreenSink(console, save=self._save), stoppable=True
                )

    async def _answer_lines(self, core: Core) -> None:
        assert self.stdin is not None
        key = self._key(self.conversation or f"pipe-{self._run}")
        empty = True
        async with aclosing(read_lines(self.stdin)) as texts:
            async for text in texts:
                empty = False
                if not await self._answer(core, key, text):
                    return
        if empty:
            await self._play_example(core)

    async def _play_example(self, core: Core) -> None:
        key = self._key(f"example-{self._run}")
        words = say("Nothing to read on standard input, so here is an example.")
        self.stdout.write(f"{translate(words, self._author.locale)}\n\n")
        for text in self.examples:
            self.stdout.write(f"> {text}\n\n")
            if not await self._answer(core, key, text):
                return

    async def _answer(self, core: Core, key: ConversationKey, text: str) -> bool:
        """Answer one line on standard output. Returns False if no more lines are to be answered."""
        event = self._parse_line(key, text)
        if event is None:
            return False
        if isinstance(event, str):
            self.stdout.write(f"{translate(event, self._author.locale)}\n\n")
            self.status = 1
            return True
        sink = PlainSink(self.stdout, self.stderr, save=self._save)
        await self._handle_event(core, event, sink)
        if sink.broken is None:
            return True
        self.status = 1
        if not isinstance(sink.broken, BrokenPipeError):
            self.stderr.write(f"Standard output cannot be written: {sink.broken.strerror}.\n")
        nowhere = os.open(os.devnull, os.O_WRONLY)  # takes what Python flushes at its end
        os.dup2(nowhere, self.stdout.fileno())
        os.close(nowhere)
        return False

    # --- one message ----------------------------------------------------------------------------

    async def _handle_event(
        self, core: Core, event: Event, sink: ReplySink, *, stoppable: bool = False
    ) -> None:
        """Hand over one event and wait for its answer; Ctrl-C stops the answer, not the chat."""
        loop = asyncio.get_running_loop()
        stops: list[asyncio.Task[None]] = []

        def stop() -> None:
            shown = self._held or sink
            turn = shown.view.turn if shown.view else ""
            call = ActionCall(self._id(), event.conversation, self._author, "stop", turn)
            stops.append(loop.create_task(core.accept(call, ReplySink()), name="terminal stop"))

        if stoppable:
            loop.add_signal_handler(signal.SIGINT, stop)
        try:
            await core.accept(event, sink)
            await self._follow(core, sink)
        finally:
            if stoppable:
                loop.remove_signal_handler(signal.SIGINT)
                # A second Ctrl-C that comes before the prompt does must not end the chat.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            if stops:
                await asyncio.gather(*stops)
        if self._held is not None and self._held is sink:
            return
        if sink.view is None or sink.view.state in {"refused", "failed"}:
            self.status = 1
        began = not isinstance(event, ActionCall) or event.action == "resume"
        if began and sink.view is not None and sink.view.actions:
            self._last = sink  # not of a command's answer that nothing can be done with

    async def _follow(self, core: Core, sink: ReplySink) -> None:
        """Wait for the end of an answer, and of the one that it lets go on; or until something is
        asked in the middle of it."""
        while True:
            waits = [asyncio.ensure_future(e.wait()) for e in (sink.finished, self._question.asked)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            if not sink.finished.is_set():
                sink.hold()
                self._held = sink
                return
            if self._held is None or await self._question.is_to_be_filled_in(core):
                return  # a form that was not taken can be filled in again
            self._question.forget()
            sink, self._held = self._held, None
            sink.go_on()

    def _parse_line(self, key: ConversationKey, text: str) -> Event | str | None:
        """Parse a line: an event, a sentence that says why it is none, or None to leave."""
        if self._held is not None and self._held.finished.is_set():
            self._held = None
            self._question.forget()
        if self._held is not None and text.strip().lower() not in ("/quit", "/exit"):
            return self._build_answer(key, text) or _ANSWER_FIRST
        match text.strip().lower():
            case "/quit" | "/exit":
                return None
            case "/why":
                return self._build_action_call(key, "why") or _NO_ANSWER
            case "/again":
                return self._build_action_call(key, "regenerate") or _NO_ANSWER
            case "/continue":
                return self._build_action_call(key, "continue") or _NO_ANSWER
        if (chosen := _CHOICE_COMMAND.fullmatch(text.strip())) is not None:
            return self._build_choice(key, chosen[1]) or _NO_CHOICE
        if (asked := _SOURCE_COMMAND.fullmatch(text.strip().lower())) is not None:
            action = cast(ActionName, asked[1])
            return self._build_action_call(key, action, asked[2]) or _NO_ANSWER
        return Message(self._id(), key, self._author, text, direct=True)

    def _build_choice(self, key: ConversationKey, value: str) -> ActionCall | None:
        """The press of a button with this value: one that the answer waits for, or offers."""
        view = self._last.view if self._last is not None else None
        buttons = view.actions if view is not None else ()
        offered: list[ActionName] = [one.name for one in buttons if one.value == value]
        name: ActionName = next((one for one in offered if one in ("accept", "press")), "resume")
        return self._build_action_call(key, name, value)

    def _build_answer(self, key: ConversationKey, text: str) -> Event | None:
        """The answer to what is asked; None if the line is none."""
        found = self._question.button(text)
        if found is None:
            return None
        button, rest = found
        self._question.asked.clear()
        form = self._question.form
        if form is not None and button.value == form.name:
            return CommandCall(self._id(), key, self._author, button.value, text=rest, direct=True)
        turn = self._question.turn
        return ActionCall(self._id(), key, self._author, "answer", turn, button.value, direct=True)

    def _build_action_call(
        self, key: ConversationKey, action: ActionName, value: str = ""
    ) -> ActionCall | None:
        if self._last is None or self._last.view is None:
            return None
        turn = self._last.view.turn
        return ActionCall(self._id(), key, self._author, action, turn, value, direct=True)

    def _key(self, channel: str) -> ConversationKey:
        return ConversationKey("terminal", "local", channel)

    def _own_commands(self) -> list[str]:
        """What can be typed that no skill offers: the terminal's commands, and the choices of an
        answer that waits for one."""
        view = self._last.view if self._last is not None else None
        offered = [typed for typed, _ in choices(view)] if view is not None else []
        return list(dict.fromkeys([*offered, *_TERMINAL_COMMANDS]))

    def _id(self) -> str:
        return f"{self._run}-{next(self._ids)}"


def _find_user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "operator"


__all__ = ["EXAMPLE_LINES", "TerminalAdapter"]

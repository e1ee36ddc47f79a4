"""The line that is typed into: what is suggested, remembered and cleared."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from pathlib import Path
from typing import Annotated, Literal

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from bot.adapters.protocol import Adapter, Question, ReceivedEvents
from bot.adapters.terminal.prompt import CommandCompleter, Prompt
from bot.api import Context, Option, Part, Text, command
from bot.commands.declaration import Command
from bot.events import Event
from bot.replies.protocol import Replies, Sink
from bot.settings.values import ChannelSettings
from bot.types import Author, ConversationKey, Scope

ADA = Author("terminal", "operator", "Ada")
HERE = ConversationKey("terminal", "local", "main")
OWN = ("/quit", "/why")


@command("model")
async def model(
    ctx: Context,
    action: Annotated[Literal["list", "use"], Option("What to do")],
    name: Annotated[str, Option("Which one")] = "",
) -> AsyncGenerator[Part, None]:
    """Which model answers here."""
    yield Text(action + name)


@command("modest")
async def modest(ctx: Context) -> AsyncGenerator[Part, None]:
    """A command that Ada may not use."""
    yield Text("no")


class Suggesting:
    """A core that suggests for every value."""

    commands: Sequence[Command] = (model, modest)
    replies: Replies
    received: ReceivedEvents | None = None

    def connect(self, adapter: Adapter) -> AbstractContextManager[None]:
        return nullcontext()

    async def named_roles(self, platform: str) -> frozenset[str]:
        return frozenset()

    async def accept(self, event: Event, sink: Sink) -> None:
        return

    async def complete(
        self,
        command: str,
        option: str,
        prefix: str,
        author: Author,
        conversation: ConversationKey,
        *,
        direct: bool = False,
    ) -> Sequence[str]:
        return [f"{option}-{prefix}"]

    async def question(self, platform: str, event: str) -> Question | None:
        return None

    async def introduce(self, conversation: ConversationKey, once_per: Scope) -> None:
        return None

    async def inquiry_form(self, name: str, person: str | None = None) -> Command | None:
        return None

    def answers_in_place(self, text: str, *, files: bool = False) -> bool:
        return True

    def admits(
        self, author: Author, conversation: ConversationKey, action: str = "message"
    ) -> bool:
        return True

    async def find_language(
        self, conversation: ConversationKey, person: str | None = None, *, answer: str = ""
    ) -> str | None:
        return person

    async def channel_settings(self, conversation: ConversationKey) -> ChannelSettings:
        return ChannelSettings()

    async def commands_for(
        self, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> Sequence[Command]:
        return (model,)

    async def may_use(
        self, command: str, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> bool:
        return True


async def completed(text: str) -> list[str]:
    """The lines that the suggestions would make of a text."""
    completer = CommandCompleter(Suggesting(), ADA, HERE, lambda: OWN)
    found = completer.get_completions_async(Document(text), CompleteEvent(text_inserted=True))
    async with aclosing(found) as suggestions:
        return [text[: len(text) + one.start_position] + one.text async for one in suggestions]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("/", ["/model", "/quit", "/why"]),
        ("/W", ["/why"]),
        ("/model u", ["/model use"]),
        ("/model use na", ["/model use name="]),
        ("hello", []),
        ("", []),
        ("/none x", []),
    ],
)
async def test_what_is_suggested(text: str, lines: list[str]) -> None:
    assert await completed(text) == lines


async def typed(keys: PipeInput, history: Path, text: str) -> list[str]:
    keys.send_text(text)
    prompt = Prompt(Suggesting(), ADA, HERE, history, lambda: OWN)
    async with aclosing(prompt.lines()) as lines:
        return [line async for line in lines]


@pytest.mark.may_block  # the prompt's library joins a thread that it asked to end
async def test_lines_until_the_person_leaves(tmp_path: Path) -> None:
    history = tmp_path / "data" / "history"
    with create_pipe_input() as keys, create_app_session(keys, DummyOutput()):
        assert await typed(keys, history, "  hello \r\r \rhalf a line\x03there\r\x04") == [
            "hello",
            "there",
        ]
    kept = [x for x in history.read_text("utf-8").splitlines() if x.startswith("+")]
    assert kept == ["+  hello ", "+ ", "+there"]

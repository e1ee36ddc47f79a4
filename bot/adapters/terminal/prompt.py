"""The line that a person types into: history, and completion from the commands' declarations."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory

from bot.adapters.base import Core
from bot.command import Command, Option
from bot.types import Author, ConversationKey


class CommandCompleter(Completer):
    """Suggests command names, then options and their values."""

    def __init__(
        self, core: Core, author: Author, key: ConversationKey, extra: Sequence[str]
    ) -> None:
        self._core = core
        self._author = author
        self._key = key
        self._extra = extra

    def get_completions(self, document: Document, event: CompleteEvent) -> list[Completion]:
        return []  # the session completes asynchronously

    async def get_completions_async(
        self, document: Document, event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        text = document.text_before_cursor
        if not text.startswith("/"):
            return
        head, space, rest = text[1:].partition(" ")
        if not space:
            for name, about in self._names():
                if name.startswith(head.lower()):
                    yield Completion(name, start_position=-len(head), display_meta=about)
            return
        command = next((c for c in self._core.commands if c.name == head.lower()), None)
        if command is not None:
            async for completion in self._values(command, rest):
                yield completion

    def _names(self) -> list[tuple[str, str]]:
        own = [(name.removeprefix("/"), "") for name in self._extra]
        return sorted([(c.name, c.description) for c in self._core.commands] + own)

    async def _values(self, command: Command, rest: str) -> AsyncIterator[Completion]:
        *before, word = rest.split(" ")
        name, equals, value = word.partition("=")
        named = command.option(name) if equals else None
        if named is not None:
            for choice in await self._suggest(command, named, value):
                yield Completion(choice, start_position=-len(value))
            return
        given = {w.partition("=")[0] for w in before if "=" in w}
        position = sum(1 for w in before if w and "=" not in w)
        if position < len(command.options):
            option = command.options[position]
            for choice in await self._suggest(command, option, word):
                yield Completion(choice, start_position=-len(word), display_meta=option.description)
        for option in command.options:
            optional = not option.required and option.name not in given
            if optional and word and option.name.startswith(word):
                yield Completion(
                    f"{option.name}=", start_position=-len(word), display_meta=option.description
                )

    async def _suggest(self, command: Command, option: Option, prefix: str) -> Sequence[str]:
        if option.choices:
            return [c for c in option.choices if c.startswith(prefix)]
        if option.complete is None:
            return ()
        return await self._core.complete(command.name, option.name, prefix, self._author, self._key)


class Prompt:
    """Asks for one line after another until the person leaves."""

    def __init__(
        self,
        core: Core,
        author: Author,
        key: ConversationKey,
        history: Path,
        extra: Sequence[str],
    ) -> None:
        history.parent.mkdir(parents=True, exist_ok=True)
        self._session: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)),
            auto_suggest=AutoSuggestFromHistory(),
            completer=CommandCompleter(core, author, key, extra),
            complete_while_typing=True,
        )

    async def lines(self) -> AsyncIterator[str]:
        """What was typed, blank lines left out. Ctrl-C clears the line, Ctrl-D ends."""
        while True:
            try:
                text = await self._session.prompt_async("› ")
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text.strip():
                yield text.strip()

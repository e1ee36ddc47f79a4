"""The input prompt: history, and completion from the commands' declarations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout

from bot.adapters.protocol import Core
from bot.commands.completion import Suggestion, complete_text
from bot.control_characters import strip_controls
from bot.private_files import make_file, make_folder
from bot.types import Author, ConversationKey


class CommandCompleter(Completer):
    """Suggests command names, then options and their values; `extra` gives the prompt's own
    words."""

    def __init__(
        self,
        core: Core,
        author: Author,
        key: ConversationKey,
        extra: Callable[[], Sequence[str]],
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
        commands = await self._core.commands_for(self._author, self._key, direct=True)
        found = await complete_text(text, commands, self._values)
        if text and (words := [word for word in self._extra() if word.startswith(text.lower())]):
            found = sorted([*found, *(Suggestion(word, 0) for word in words)], key=lambda s: s.text)
        for one in found:
            yield Completion(
                one.text,
                start_position=one.start - len(text),
                display=strip_controls(one.text),
                display_meta=strip_controls(one.description),
            )

    async def _values(self, command: str, option: str, prefix: str) -> Sequence[str]:
        return await self._core.complete(
            command, option, prefix, self._author, self._key, direct=True
        )


class Prompt:
    """Asks for one line after another until the person leaves. Sets `shown` once they can type."""

    def __init__(
        self,
        core: Core,
        author: Author,
        key: ConversationKey,
        history: Path,
        extra: Callable[[], Sequence[str]],
        shown: asyncio.Event | None = None,
    ) -> None:
        self._shown = shown or asyncio.Event()
        self._history = history
        self._session: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)),
            auto_suggest=AutoSuggestFromHistory(),
            completer=CommandCompleter(core, author, key, extra),
            complete_while_typing=True,
        )

    async def lines(self) -> AsyncGenerator[str, None]:
        """What was typed, blank lines left out. Ctrl-C clears the line, Ctrl-D ends."""
        await asyncio.to_thread(make_folder, self._history.parent)
        await asyncio.to_thread(make_file, self._history)
        while True:
            try:
                with patch_stdout(raw=True):  # a line of the log goes above the prompt
                    text = await self._session.prompt_async("› ", pre_run=self._tell)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            self._shown.set()  # a terminal without cursor movement does not call `_tell`
            if text.strip():
                yield text.strip()

    def _tell(self) -> None:
        """Called right before the prompt is drawn, in the same step of the loop."""
        asyncio.get_running_loop().call_soon(self._shown.set)

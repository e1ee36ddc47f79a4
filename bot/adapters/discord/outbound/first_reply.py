"""The bot's first reply in a thread: it opens the thread, unless the question is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.adapters.discord.outbound.port import ReplySink
from bot.catalogue.sentence import say
from bot.types import Limits, Notice, View

HOW_TO_GO_ON = Notice(say("In this thread, mention me or reply to me to go on."), "footer")


class FirstReply:
    """Shows an answer with `answer`, and a refusal with `refusal`, which opens no thread.

    `is_silent` tells whether the bot hears nothing more in the thread unless it is named: then the
    answer says so.
    """

    def __init__(
        self, answer: ReplySink, refusal: ReplySink | None, is_silent: Callable[[], bool]
    ) -> None:
        self._sink = self._answer = answer
        self._refusal = refusal
        self._is_silent = is_silent

    @property
    def limits(self) -> Limits:
        return self._answer.limits

    @property
    def turn(self) -> str:
        """Id of the reply's turn; empty until the turn has begun."""
        return self._sink.turn

    @property
    def locale(self) -> str | None:
        """The language of the reply, once it has begun."""
        return self._sink.locale

    @property
    def messages(self) -> Sequence[str]:
        """Ids of the messages that the reply consists of."""
        return self._sink.messages

    def stop_showing(self) -> None:
        """Show nothing more: the question was deleted."""
        self._sink.stop_showing()

    async def start(self, view: View) -> None:
        if view.state == "refused" and self._refusal is not None:
            self._sink = self._refusal
        await self._sink.start(view)

    async def update(self, view: View) -> None:
        await self._sink.update(view)

    async def finish(self, view: View) -> None:
        if view.state == "refused" and self._refusal is not None and not self._answer.messages:
            self._sink = self._refusal
        if view.state == "complete" and self._is_silent():
            view = replace(view, notices=(*view.notices, HOW_TO_GO_ON))
        await self._sink.finish(view)

"""Puts the reactions that work as buttons under the bot's own messages, as the rate allows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from plugins.matrix.account import Account
from plugins.matrix.errors import MATRIX_FAILURES, MatrixError

_log = structlog.get_logger(__name__)


class ButtonRow:
    """The reactions under the messages of one reply.

    A reaction is an event as a message is. Where the rate is used up they are left out: what they
    mean stands in the message, and people can put them there themselves.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._wanted: dict[str, tuple[str, ...]] = {}
        self._there: dict[str, dict[str, str]] = {}
        """The bot's own reactions: their ids, by message and emoji."""
        self._order = asyncio.Lock()

    def show(self, room: str, message: str, emojis: Sequence[str], *, final: bool) -> None:
        """Have a message show these alone, soon; those of a `final` one may take a while."""
        if not self._account.settings.reaction_buttons:
            return
        if self._wanted.get(message, ()) == tuple(emojis):
            return
        self._wanted[message] = tuple(emojis)
        work = self._sync(room, message, final=final)
        self._account.background_tasks.start(work, "buttons", place=f"buttons:{room}")

    def forget(self, message: str) -> None:
        """The message is deleted."""
        self._wanted.pop(message, None)
        self._there.pop(message, None)

    async def _sync(self, room: str, message: str, *, final: bool) -> None:
        patience = self._account.timing.seed_patience if final else 0.0
        async with self._order:
            try:
                await self._remove_others(room, message, patience)
                await self._add_missing(room, message, patience)
            except MATRIX_FAILURES as exc:
                if isinstance(exc, MatrixError) and exc.is_rate_limit:
                    self._account.budget.pause(exc.wait_s)
                _log.info("matrix.buttons_left_out", error=str(exc)[:200])

    async def _remove_others(self, room: str, message: str, patience: float) -> None:
        there = self._there.setdefault(message, {})
        for emoji in [one for one in there if one not in self._wanted.get(message, ())]:
            if not await self._granted(patience):
                return
            await self._account.homeserver.redact(room, there.pop(emoji))

    async def _add_missing(self, room: str, message: str, patience: float) -> None:
        there = self._there.setdefault(message, {})
        for emoji in self._wanted.get(message, ()):
            if emoji in there:
                continue
            granted = await self._granted(patience)
            if not granted or emoji not in self._wanted.get(message, ()):
                return
            there[emoji] = await self._account.homeserver.react(room, message, emoji)

    async def _granted(self, patience_s: float) -> bool:
        """Ask the budget for an event that can be left out."""
        asked = self._account.budget.edit()
        if not asked.done() and patience_s:
            await asyncio.wait([asked], timeout=patience_s)
        if asked.done():
            return True
        asked.cancel()
        return False

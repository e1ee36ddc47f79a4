"""The messages of one reply that stand on a platform: edited, added to, and removed in order."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from bot.replies.edit_budget import EditBudget
from bot.replies.message_port import (
    PORT_FAILURES,
    MessageClosed,
    MessagePort,
    Method,
    P,
    PortRefused,
    RateLimited,
    Unconfirmed,
)

_log = structlog.get_logger(__name__)

R = TypeVar("R")

Background = Callable[[Coroutine[Any, Any, None], str], None]
"""Starts a task with a name; whoever owns it awaits it."""

_MAX_END_WAIT_S = 3.0
"""An edit that would wait longer for the final view is made good by a new message."""
_MAX_ERROR_CHARS = 200


@dataclass(slots=True)
class _Posted(Generic[P]):
    """A posted message, and what it shows as far as that is known."""

    id: str
    """Empty where nothing tells whether it was posted."""
    shown: P | None


class PostedMessages(Generic[P]):
    """Keeps messages in step with what a reply shows, as far as the port's budgets allow.

    `standing` are the ids of messages that stand there already. `background` takes removals that
    have to wait; without it they are awaited. `key` stands for the messages in every process, of
    which `sent` were posted before; by default no others have it. Before each call that changes
    something `clearance` is awaited, if it is given.
    """

    def __init__(
        self,
        port: MessagePort[P],
        standing: Sequence[str] = (),
        background: Background | None = None,
        key: str = "",
        sent: int = 0,
        clearance: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._port = port
        self._clearance = clearance
        self._background = background
        self._posted: list[_Posted[P]] = [_Posted(one, None) for one in standing]
        self._stale: list[str] = []
        self.key = key or secrets.token_hex(8)
        self.sent = sent
        self._permit: tuple[EditBudget, asyncio.Future[None]] | None = None
        self.refused = False
        """Whether the last message was refused, and would be again."""

    def __bool__(self) -> bool:
        return bool(self._posted)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the messages, in order."""
        return tuple(posted.id for posted in self._posted if posted.id)

    @property
    def unconfirmed(self) -> bool:
        """Whether nothing tells if one of them was posted."""
        return any(not posted.id for posted in self._posted)

    # --- while the answer is written ------------------------------------------------------------

    def ask_for_edit(self) -> asyncio.Future[None] | None:
        """Ask for the next edit of an unfinished answer; None where it need not be asked for."""
        self.give_back()
        budget = self._port.budget("edit", self._posted[-1].id if self._posted else "")
        if budget is None:
            return None
        self._permit = budget, budget.edit()
        return self._permit[1]

    def give_back(self) -> None:
        """Give back an edit that was granted and not made, or asked for and not granted yet."""
        permit, self._permit = self._permit, None
        if permit is not None and not permit[1].cancel() and not permit[1].cancelled():
            permit[0].give_back()

    async def update(self, messages: Sequence[P]) -> None:
        """Show messages in place of those that stand there. Raises one of `PORT_FAILURES`."""
        try:
            for index, message in enumerate(messages):
                if not await self._edit(index, message):
                    await self.post(message)
        finally:
            self.give_back()

    async def post(self, message: P) -> None:
        """Post one more message. Raises one of `PORT_FAILURES`."""
        # Two tries of the same message have the same key, so that it cannot appear twice.
        key = self.key_of(self.sent)
        id_ = await self._call("post", "", lambda: self._port.post(message, key))
        self.sent += 1
        self._posted.append(_Posted(id_, message))

    def key_of(self, number: int) -> str:
        """The key of the message that is posted after so many others."""
        return f"{self.key}.{number}"

    async def _edit(self, index: int, message: P) -> bool:
        """Bring a posted message up to date. Returns False where there is none that can be."""
        if index >= len(self._posted):
            return False
        posted = self._posted[index]
        if posted.shown == message:
            return True
        try:
            await self._call("edit", posted.id, lambda: self._port.edit(posted.id, message))
        except MessageClosed:
            del self._posted[index:]
            return False
        posted.shown = message
        return True

    async def _call(self, method: Method, message_id: str, call: Callable[[], Awaitable[R]]) -> R:
        """Make a call when its budget allows; one that is refused as too many pauses the budget."""
        budget = self._port.budget(method, message_id)
        if budget is not None and not self._take_permit(method, budget):
            await budget.end()
        await self._clear()
        try:
            return await call()
        except RateLimited as exc:
            if budget is not None:
                budget.pause(exc.retry_after_s)
            raise

    async def _clear(self) -> None:
        if self._clearance is not None:
            await self._clearance()

    def _take_permit(self, method: Method, budget: EditBudget) -> bool:
        """Whether the edit has been granted already; it can be used once."""
        if method != "edit" or self._permit is None or self._permit[0] is not budget:
            return False
        (_, asked), self._permit = self._permit, None
        return asked.done() and not asked.cancelled()

    # --- the end --------------------------------------------------------------------------------

    async def complete(self, messages: Sequence[P]) -> bool:
        """Show the final messages, and remove others. Returns True if all of them arrived.

        Call it again with the same messages where they did not. Raises `RateLimited`.
        """
        for index, message in enumerate(messages):
            failed: list[_Posted[P]] = []
            try:
                if not self._must_wait(index, message) and await self._edit(index, message):
                    continue
            except RateLimited:
                raise
            except PORT_FAILURES as exc:
                self.log_failure("edit", exc)
            # A new message may get through where an edit does not; what comes after it has to come
            # anew as well, or it would stand before it.
            failed = self._posted[index:]
            del self._posted[index:]
            try:
                await self.post(message)
            except Unconfirmed as exc:
                self.log_failure("unconfirmed post", exc)
                self.sent += 1
                self._posted.append(_Posted("", message))
            except PORT_FAILURES as exc:
                self.log_failure("post", exc)
                self.refused = isinstance(exc, PortRefused)
                self._posted.extend(failed)
                if isinstance(exc, RateLimited):
                    raise
                return False
            self._stale.extend(posted.id for posted in failed)
        self._stale.extend(posted.id for posted in self._posted[len(messages) :])
        del self._posted[len(messages) :]
        await self._remove_stale()
        return True

    def _must_wait(self, index: int, message: P) -> bool:
        """Whether an edit would wait long for its budget, and a new message would not."""
        if index >= len(self._posted) or self._posted[index].shown == message:
            return False
        edits = self._port.budget("edit", self._posted[index].id)
        posts = self._port.budget("post")
        if edits is None or not self._port.limits.deletes:
            return False
        wait_s = edits.end_wait_s
        return wait_s > _MAX_END_WAIT_S and (posts is None or posts.end_wait_s < wait_s)

    async def remove_all(self) -> None:
        """Remove the messages."""
        self._stale.extend(posted.id for posted in self._posted)
        self._posted.clear()
        await self._remove_stale()

    async def _remove_stale(self) -> None:
        stale, self._stale = [id_ for id_ in self._stale if id_], []
        if not stale or not self._port.limits.deletes:
            return
        budget = self._port.budget("delete")
        if self._background is not None and budget is not None and budget.end_wait_s > 0:
            self._background(self._remove(stale), "stale messages")
        else:
            await self._remove(stale)

    async def _remove(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            await self.try_request(self._call("delete", id_, partial(self._port.delete, id_)))

    async def mark_cut_off(self, messages: Sequence[P]) -> None:
        """After all tries have failed, mark the shown part of the answer as incomplete."""
        await self._remove_stale()
        pairs = zip(self._posted, messages, strict=False)
        behind = [posted for posted, message in pairs if posted.shown != message]
        for posted in (behind or self._posted[-1:])[:1]:
            marked = self._port.cut_off(posted.shown)
            if marked is not None and self._port.limits.edits and posted.id:
                await self.try_request(self._port.edit(posted.id, marked))

    def forget_content(self) -> None:
        """Free what the messages show; only their ids are needed from here on."""
        for posted in self._posted:
            posted.shown = None

    async def try_request(self, request: Awaitable[None]) -> bool:
        """Make a call that may fail; returns whether it succeeded."""
        await self._clear()
        try:
            await request
        except PORT_FAILURES as exc:
            self.log_failure("request", exc)
            return False
        return True

    @staticmethod
    def log_failure(step: str, exc: BaseException) -> None:
        """Log what the platform did not do; `turn` is in the log's context."""
        error = (str(exc) or type(exc).__name__)[:_MAX_ERROR_CHARS]
        _log.warning("reply.step_failed", step=step, error=error)

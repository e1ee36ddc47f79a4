"""Sends a reply to its platform: edits at a limited rate, and always a final view.

A slow platform never delays a skill: a view that could not be sent in time is replaced by a newer
one, and only the latest is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bot.replies.draft import Draft
from bot.replies.protocol import PacedSink, Sink
from bot.types import Notice, Part, State, View

log = structlog.get_logger(__name__)

_HURRIED_CALL_TIMEOUT_S = 0.3


@dataclass(frozen=True, slots=True)
class DeliveryTimeouts:
    """How long one call of a sink may take before it is given up, in seconds."""

    call_s: float = 60.0
    finish_s: float = 300.0


class Delivery:
    """Sends one reply to its sink.

    The sink's `start` is called at the first part (or at the end), `finish` exactly once and last.
    Between two updates there are at least `limits.edit_interval_s` seconds, and half as many before
    the first; the final view does not wait. Call `add` for each part and then `finish`; a reply
    that will not be finished is given up with `abandon`.
    """

    def __init__(
        self, sink: Sink, draft: Draft, *, timeouts: DeliveryTimeouts | None = None
    ) -> None:
        self.begun = asyncio.Event()
        """Set once the reply was shown for the first time, or could not be."""
        self._sink = sink
        self._paced = sink if isinstance(sink, PacedSink) else None
        self._draft = draft
        self._timeouts = timeouts or DeliveryTimeouts()
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._due: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._call: asyncio.Timeout | None = None

    def add(self, part: Part) -> None:
        """Add a part, to be sent as soon as the platform allows. Raises `Failed` if the answer is
        too long."""
        self._draft.add(part)
        self._changed.set()
        self._start_sending()

    async def finish(
        self, state: State, notice: Notice | None = None, *, again: bool = False
    ) -> None:
        """End the reply, and wait until the platform took the final view or was given up."""
        await self._draft.take_in()
        self._draft.end(state, notice, again=again)
        await self._close()

    async def withdraw(self) -> None:
        """End the reply with an empty view, because its question was deleted; also when it has
        ended with another view just now."""
        self._draft.withdraw()
        if self._task is not None and self._task.done():
            await self._send("finish", self._sink.finish, self._timeouts.finish_s)
        else:
            await self._close()

    async def take_back(self) -> None:
        """Withdraw what is shown, if anything is."""
        if self._task is not None:
            await self.withdraw()

    def hurry(self) -> None:
        """Give up a call that hangs before the final view, as the process ends."""
        if self._call is not None and not self._call.expired():
            self._call.reschedule(asyncio.get_running_loop().time() + _HURRIED_CALL_TIMEOUT_S)

    async def abandon(self) -> None:
        """Stop sending without a final view; only for a reply that was never shown."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _close(self) -> None:
        self._over.set()
        if self._due is not None:
            self._due.cancel()
        self._changed.set()
        await self._start_sending()

    def _start_sending(self) -> asyncio.Task[None]:
        if self._task is None:
            self._task = asyncio.create_task(self._send_all(), name=f"reply {self._draft.turn}")
        return self._task

    async def _send_all(self) -> None:
        await self._send("start", self._sink.start, self._timeouts.call_s)
        self.begun.set()
        loop = asyncio.get_running_loop()
        # An answer that is complete by then takes one edit less, and of many that begin at once all
        # are begun before any is edited.
        next_edit = loop.time() + self._sink.limits.edit_interval_s / 2
        while not self._over.is_set():
            await self._changed.wait()
            if not self._sink.limits.streams:
                await self._over.wait()
                break
            await self._wait_until(next_edit)
            if self._paced is not None:
                await self._wait_for(self._paced.next_edit())
            if self._over.is_set():
                break
            await self._send("update", self._sink.update, self._timeouts.call_s)
            next_edit = loop.time() + self._sink.limits.edit_interval_s
        await self._send("finish", self._sink.finish, self._timeouts.finish_s)

    async def _wait_until(self, at: float) -> None:
        """Wait for a time on the loop's clock, but not longer than until the end."""
        loop = asyncio.get_running_loop()
        if at > loop.time():
            due = loop.create_future()
            timer = loop.call_at(at, due.cancel)
            await self._wait_for(due)
            timer.cancel()

    async def _wait_for(self, due: asyncio.Future[None]) -> None:
        """Wait until it is done, or cancel it at the end."""
        if self._over.is_set():
            due.cancel()
        self._due = due
        await asyncio.wait([due])

    async def _send(
        self, step: str, send: Callable[[View], Awaitable[None]], timeout_s: float
    ) -> None:
        try:
            self._changed.clear()
            async with asyncio.timeout(timeout_s) as call:
                self._call = None if step == "finish" else call
                await self._draft.take_in()
                await send(self._draft.view())
        except Exception:  # a platform's failure must not end the answer; the trace is logged
            log.warning("reply.send_failed", step=step, exc_info=True)
        except asyncio.CancelledError:  # of a library, unless it is this task that is cancelled
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.warning("reply.send_failed", step=step, exc_info=True)
        finally:
            self._call = None

"""A reply made of messages: keeps them in step with each view, and retries the final one."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

import structlog

from bot.replies.message_port import (
    PORT_FAILURES,
    MessageClosed,
    MessagePort,
    P,
    PortRefused,
    Unconfirmed,
)
from bot.replies.protocol import Replies, Reply
from bot.types import ConversationKey, Limits, Notice, View

_log = structlog.get_logger(__name__)

_TYPING_INTERVAL_S = 8.0
_MAX_FAILED_UPDATES = 5
"""Updates that may fail in a row before no more are tried."""
_MAX_ERROR_CHARS = 200
UNCONFIRMED = Notice("Part of this answer may be missing: I could not check whether it arrived.")
FILE_LEFT_OUT = "The file {name} could not be attached."
FILE_NOT_PRIVATE = "{name} cannot be shown to you alone here; ask me in a direct message to get it."

Background = Callable[[Coroutine[Any, Any, None], str], None]
"""Starts a task with a name; whoever owns it awaits it."""


@dataclass(frozen=True, slots=True)
class ReplyTiming:
    """Intervals of a reply, in seconds unless noted. Tests use shorter ones."""

    edit_interval: float = 1.0
    retry_base: float = 1.0
    attempts: int = 6
    """Rounds in which the end of an answer is tried, with doubling pauses between them."""
    private_life: float = 60.0
    """How long a reply for the asker alone stays where everybody can see it."""


@dataclass(slots=True)
class _Posted(Generic[P]):
    """A posted message, and what it shows as far as that is known."""

    id: str
    """Empty where nothing tells whether it was posted."""
    shown: P | None


class MessageSink(Generic[P]):
    """The reply to one event, on any platform that has a `MessagePort`.

    `placeholder` is the id of a message that stands there already, to be edited. A `lazy` reply
    shows nothing before its end, and that to the asker alone (for a press of a button that may need
    no reply). `earlier` are the ids of messages in the same place that the answer consists of
    already; they are kept with it, and not touched. `background` takes the task that removes a
    reply for the asker alone where the platform has no such messages; without it that reply stays.
    """

    def __init__(
        self,
        port: MessagePort[P],
        replies: Replies,
        conversation: ConversationKey,
        timing: ReplyTiming,
        *,
        placeholder: str | None = None,
        lazy: bool = False,
        earlier: Sequence[str] = (),
        background: Background | None = None,
    ) -> None:
        self._port = port
        self._replies = replies
        self._conversation = conversation
        self._timing = timing
        self._lazy = lazy
        self._earlier = tuple(earlier)
        self._background = background
        self._posted: list[_Posted[P]] = []
        if placeholder is not None:
            self._posted.append(_Posted(placeholder, None))
        self._stale: list[_Posted[P]] = []
        self._key = secrets.token_hex(8)
        self._messages_sent = 0
        self._paused = False
        self._failures = 0
        self._typed = time.monotonic()
        self._saved: Reply | None = None
        self._request: asyncio.Future[None] | None = None
        self.turn = ""

    @property
    def limits(self) -> Limits:
        """What the platform allows."""
        return self._port.limits

    @property
    def messages(self) -> tuple[str, ...]:
        """Ids of the messages that the reply consists of."""
        return tuple(posted.id for posted in self._posted if posted.id)

    def stop_showing(self) -> None:
        """Show nothing more of an unfinished answer: the question was deleted."""
        self._paused = True

    # --- what delivery calls --------------------------------------------------------------------

    async def start(self, view: View) -> None:
        """Post the reply for the first time."""
        self.turn = view.turn
        await self._show(view)

    async def update(self, view: View) -> None:
        """Edit the reply so that it shows a newer view."""
        await self._show(view)
        if (
            not view.text
            and self.limits.typing
            and time.monotonic() - self._typed > _TYPING_INTERVAL_S
        ):
            self._typed = time.monotonic()
            await self._try_request(self._port.typing())

    async def finish(self, view: View) -> None:
        """Show the final view, and release what the reply holds."""
        self.turn = view.turn
        await self._wait_until_idle()
        try:
            await self._port.prepare(view)
            await self._finish(view)
        finally:
            await self._port.close()

    async def _show(self, view: View) -> None:
        if self._paused or not self.limits.edits or self._is_for_asker_alone(view):
            return
        await self._wait_until_idle()
        # To its end even when the caller is cancelled: a message whose sending is cut off may have
        # been posted all the same, and nobody would know it.
        self._request = asyncio.ensure_future(self._sync(view))
        self._request.add_done_callback(lambda job: job.cancelled() or job.exception())
        await asyncio.shield(self._request)

    async def _wait_until_idle(self) -> None:
        """Wait for the request that is under way, if there is one."""
        while self._request is not None and not self._request.done():
            await asyncio.wait([self._request])

    # --- keeping messages in step ---------------------------------------------------------------

    async def _sync(self, view: View) -> None:
        try:
            await self._port.prepare(view)
            for index, message in enumerate(self._port.render(view)):
                if not await self._edit(index, message):
                    await self._post(message)
            await self._save(finished=False)
            self._failures = 0
        except PORT_FAILURES as exc:
            # The end gets the text out; until then a platform that is down is left in peace.
            self._failures += 1
            given_up = isinstance(exc, PortRefused | Unconfirmed)  # asking again would not help
            if given_up or self._failures >= _MAX_FAILED_UPDATES:
                self._paused = True
            self._log_failure("update", exc)

    async def _edit(self, index: int, message: P) -> bool:
        """Bring a posted message up to date. Returns False where there is none that can be."""
        if index >= len(self._posted):
            return False
        posted = self._posted[index]
        if posted.shown == message:
            return True
        try:
            await self._port.edit(posted.id, message)
        except MessageClosed:
            del self._posted[index:]
            return False
        posted.shown = message
        return True

    async def _post(self, message: P) -> None:
        # Two tries of the same message have the same key, so that it cannot appear twice.
        id_ = await self._port.post(message, f"{self._key}.{self._messages_sent}")
        self._messages_sent += 1
        self._posted.append(_Posted(id_, message))

    async def _save(self, *, finished: bool) -> None:
        if not finished and not self._port.address(self.messages):
            return
        address = dict(self._port.address((*self._earlier, *self.messages)))
        reply = Reply(
            self.turn, self._conversation.platform, str(self._conversation), address, finished
        )
        if reply != self._saved:
            self._saved = reply
            await self._replies.save(reply)

    # --- the end --------------------------------------------------------------------------------

    async def _finish(self, view: View) -> None:
        alone = self._is_for_asker_alone(view)
        messages = [] if alone else list(self._port.render(view))
        for attempt in range(self._timing.attempts):
            if attempt:
                await asyncio.sleep(self._timing.retry_base * 2 ** (attempt - 1))
            if await self._finish_once(messages):
                break
        else:
            # Not noted as finished: after the next start the message says what became of it.
            _log.error("reply.lost", turn=self.turn, conversation=str(self._conversation))
            await self._mark_cut_off(messages)
            return
        if any(not posted.id for posted in self._posted):
            await self._say(UNCONFIRMED)
        # A placeholder is gone before: an ephemeral reply to a deferral would take its place.
        for message in self._ephemeral_messages(view):
            await self._try_request(self._port.ephemeral(message))
        await self._send_files(view)
        if messages or self._saved is not None:
            await self._save(finished=True)
        if view.audience == "asker" and not self._port.direct:
            self._remove_later()
        for posted in self._posted:
            posted.shown = None  # only the ids are needed from here on

    async def _finish_once(self, messages: Sequence[P]) -> bool:
        """Update the posted messages and post the rest once. Returns True if all succeeded."""
        for index, message in enumerate(messages):
            failed: list[_Posted[P]] = []
            try:
                if await self._edit(index, message):
                    continue
            except PORT_FAILURES as exc:
                # A new message may get through where an edit does not; what comes after it
                # has to come anew as well, or it would stand before it.
                self._log_failure("edit", exc)
                failed = self._posted[index:]
                del self._posted[index:]
            try:
                await self._post(message)
            except Unconfirmed as exc:
                self._log_failure("send unconfirmed", exc)
                self._messages_sent += 1
                self._posted.append(_Posted("", message))
            except PORT_FAILURES as exc:
                self._log_failure("send", exc)
                self._posted.extend(failed)
                return False
            self._stale.extend(failed)
        self._stale.extend(self._posted[len(messages) :])
        del self._posted[len(messages) :]
        await self._remove_stale()
        return True

    async def _remove_stale(self) -> None:
        if self.limits.deletes:
            for posted in self._stale:
                if not posted.id:
                    continue
                await self._try_request(self._port.delete(posted.id))
        self._stale.clear()

    async def _mark_cut_off(self, messages: Sequence[P]) -> None:
        """After all tries have failed, mark the shown part of the answer as incomplete."""
        await self._remove_stale()
        pairs = zip(self._posted, messages, strict=False)
        behind = [posted for posted, message in pairs if posted.shown != message]
        for posted in (behind or self._posted[-1:])[:1]:
            marked = self._port.cut_off(posted.shown)
            if marked is not None and self.limits.edits:
                await self._try_request(self._port.edit(posted.id, marked))

    async def _send_files(self, view: View) -> None:
        how, alone = self.limits.files, self._is_for_asker_alone(view)
        for file in view.files if how != "in message" else ():
            if how == "apart" and not alone and await self._try_request(self._port.upload(file)):
                continue
            words = FILE_NOT_PRIVATE if alone else FILE_LEFT_OUT
            await self._say(Notice(words.format(name=file.name)))

    # --- words for the asker alone --------------------------------------------------------------

    def _is_for_asker_alone(self, view: View) -> bool:
        """Whether the whole reply is shown to the asker alone, once it is complete."""
        private = view.audience == "asker" and self.limits.ephemeral and not self._port.direct
        return self._lazy or private

    def _ephemeral_messages(self, view: View) -> Sequence[P]:
        """What is shown to the asker alone at the end: private notices, or the whole reply."""
        if self._is_for_asker_alone(view):
            notices, actions = view.notices, () if self._lazy else view.actions
        elif self.limits.ephemeral and not self._port.direct:
            notices, actions = tuple(n for n in view.notices if n.private), ()
            view = View(view.turn, state=view.state)
        else:
            return ()
        actions = tuple(dict.fromkeys([*actions, *(a for n in notices for a in n.actions)]))
        shown = tuple(replace(notice, private=False) for notice in notices)
        if not (shown or view.text or view.sources):
            return ()
        return self._port.render(replace(view, notices=shown, actions=actions))

    async def _say(self, notice: Notice) -> None:
        """Show a notice beside the answer, to the asker alone where that is possible."""
        for message in self._port.render(View(self.turn, notices=(notice,), state="complete")):
            if self.limits.ephemeral and not self._port.direct:
                await self._try_request(self._port.ephemeral(message))
            else:
                await self._try_request(self._post(message))

    def _remove_later(self) -> None:
        if self._posted and self.limits.deletes and self._background is not None:
            self._background(self._remove_private(), "private reply")

    async def _remove_private(self) -> None:
        await asyncio.sleep(self._timing.private_life)
        self._stale, self._posted = self._posted, []
        await self._remove_stale()

    async def _try_request(self, request: Awaitable[None]) -> bool:
        """Make a call that may fail; returns whether it succeeded."""
        try:
            await request
        except PORT_FAILURES as exc:
            self._log_failure("request", exc)
            return False
        return True

    def _log_failure(self, step: str, exc: BaseException) -> None:
        _log.warning(
            "reply.step_failed",
            step=step,
            platform=self._conversation.platform,
            turn=self.turn,
            error=(str(exc) or type(exc).__name__)[:_MAX_ERROR_CHARS],
        )

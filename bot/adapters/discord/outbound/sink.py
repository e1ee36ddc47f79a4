"""A reply on Discord: updates its messages with each view, and retries the final one."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import discord
import structlog

from bot.adapters.discord.outbound.poster import (
    ChannelPoster,
    DirectPoster,
    InteractionPoster,
    Poster,
)
from bot.adapters.discord.outbound.render import MAX_PAGE_CHARS, Payload, render, render_ephemeral
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.timing import Timing
from bot.replies.protocol import Replies, Reply
from bot.types import ConversationKey, Limits, Notice, View

_log = structlog.get_logger(__name__)

_TYPING_INTERVAL_S = 8.0
_MAX_FAILED_UPDATES = 5
"""Updates that may fail in a row before no more are tried."""
_UNKNOWN_MESSAGE_CODE = 10008
_MOVED_NOTICE = Payload("-# The answer goes on below.")


@dataclass(slots=True)
class Posted:
    """A posted message: its id, its poster, and what it shows."""

    id: int
    poster: Poster
    shown: Payload | None


class ReplySink:
    """The reply to one event.

    `posters` are tried in order; those after the first are fallbacks. `original` is the id of the
    placeholder that deferring an interaction has made. A `lazy` reply shows nothing before its end
    (for a press of a button that may need no reply). `earlier` are the ids of messages in the same
    channel that the answer consists of already; they are kept with it, and not touched.
    """

    def __init__(
        self,
        posters: Sequence[Poster],
        replies: Replies,
        conversation: ConversationKey,
        timing: Timing,
        *,
        prompt: str = "",
        original: int | None = None,
        lazy: bool = False,
        earlier: Sequence[str] = (),
    ) -> None:
        self._posters = list(posters)
        self._replies = replies
        self._conversation = conversation
        self._timing = timing
        self._prompt = prompt
        self._lazy = lazy
        self._earlier = tuple(earlier)
        self._posted: list[Posted] = []
        if original is not None:
            self._posted.append(Posted(original, self._posters[0], None))
        self._nonce = secrets.token_hex(8)
        self._messages_sent = 0
        self._paused = False
        self._failures = 0
        self._showing_stopped = False
        self._typed = time.monotonic()
        self._saved: tuple[str, ...] = ()
        self._request: asyncio.Future[None] | None = None
        self.turn = ""
        self.limits = Limits(max_chars=MAX_PAGE_CHARS, edit_interval_s=timing.edit_interval)

    @property
    def messages(self) -> tuple[str, ...]:
        """Ids of the messages that the reply consists of."""
        return tuple(str(p.id) for p in self._posted)

    def stop_showing(self) -> None:
        """Show nothing more of an unfinished answer: the question was deleted."""
        self._showing_stopped = True

    # --- what delivery calls --------------------------------------------------------------------

    async def start(self, view: View) -> None:
        self.turn = view.turn
        await self._show(view)

    async def update(self, view: View) -> None:
        await self._show(view)
        if not view.text and time.monotonic() - self._typed > _TYPING_INTERVAL_S:
            self._typed = time.monotonic()
            if isinstance(poster := self._posters[0], ChannelPoster):
                await self._try_request(poster.typing())

    async def finish(self, view: View) -> None:
        self.turn = view.turn
        await self._wait_until_idle()
        await self._finish(view)

    async def _show(self, view: View) -> None:
        if self._lazy or self._paused or self._showing_stopped:
            return
        try:
            await self._run_exclusively(
                lambda: self._sync(render(view, private=self._can_send_ephemeral))
            )
            self._failures = 0
        except FAILURES as exc:
            # The end gets the text out; until then a platform that is down is left in peace.
            self._failures += 1
            self._paused = self._paused or self._failures >= _MAX_FAILED_UPDATES
            _log.warning("discord.update_failed", turn=self.turn, error=str(exc)[:200])

    async def _run_exclusively(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run one request after another, each to its end even when the caller is cancelled.

        A message whose sending is cut off may have been posted all the same; nobody would know it.
        """
        await self._wait_until_idle()
        self._request = asyncio.ensure_future(work())
        self._request.add_done_callback(lambda job: job.cancelled() or job.exception())
        await asyncio.shield(self._request)

    async def _wait_until_idle(self) -> None:
        """Wait for the request that is under way, if there is one."""
        while self._request is not None and not self._request.done():
            await asyncio.wait([self._request])

    # --- keeping messages in step ---------------------------------------------------------------

    async def _sync(self, payloads: Sequence[Payload]) -> None:
        await self._leave_expired()
        for index, payload in enumerate(payloads):
            if index < len(self._posted) and not await self._edit(index, payload):
                self._paused = True  # somebody took the message away: no more until the end
                return
            if index >= len(self._posted):
                try:
                    await self._send(self._posters[0], payload)
                except discord.HTTPException as exc:
                    self._paused = exc.status in {401, 403, 404}  # asking again would not help
                    raise
        await self._save(finished=False)

    async def _edit(self, index: int, payload: Payload) -> bool:
        """Bring a message up to date; False where it is gone, and then it is forgotten."""
        posted = self._posted[index]
        if posted.shown == payload:
            return True
        if not await self._try_edit(posted, payload):
            later = self._posted[index + 1 :]
            del self._posted[index:]
            await self._remove(later)  # they come again, after the one that is gone
            return False
        posted.shown = payload
        return True

    async def _try_edit(self, posted: Posted, payload: Payload) -> bool:
        """Edit a message, through the channel if the interaction's token is refused.

        Returns False if the message is gone.
        """
        try:
            await posted.poster.edit(posted.id, payload, self.turn)
        except discord.HTTPException as exc:
            if exc.status not in {401, 403, 404}:
                raise
            _log.info("discord.edit_refused", turn=self.turn, status=exc.status, code=exc.code)
            if exc.code == _UNKNOWN_MESSAGE_CODE or not isinstance(
                posted.poster, InteractionPoster
            ):
                return False
            self._posters = [o for o in self._posters if o is not posted.poster]
            posted.poster = self._posters[0]
            return await self._try_edit(posted, payload)
        return True

    async def _send(self, poster: Poster, payload: Payload) -> None:
        # Two tries of the same message have the same nonce, so that it cannot appear twice.
        nonce = f"{self._nonce}.{self._messages_sent}"
        message = await poster.send(payload, self.turn, nonce)
        self._messages_sent += 1
        self._posted.append(Posted(message, poster, payload))

    async def _leave_expired(self) -> None:
        """Move to ordinary messages before an interaction's token ends."""
        first = self._posters[0]
        if not isinstance(first, InteractionPoster) or not first.is_expired:
            return
        if len(self._posters) > 1:
            self._posters.pop(0)
        if self._posted and self._posted[-1].poster is first:
            last = self._posted.pop()
            await self._try_request(first.edit(last.id, _MOVED_NOTICE, self.turn))
        for posted in self._posted:
            # A whole page stays where it is; what it shows is not touched again.
            posted.poster = self._posters[0]

    async def _save(self, *, finished: bool) -> None:
        if not finished and (not self._posted or self.messages == self._saved):
            return
        self._saved = self.messages
        address = {
            "channel": str(self._posted[-1].poster.channel) if self._posted else "",
            "messages": ",".join((*self._earlier, *self.messages)),
            "prompt": self._prompt,
        }
        conversation = str(self._conversation)
        await self._replies.save(Reply(self.turn, "discord", conversation, address, finished))

    # --- the end --------------------------------------------------------------------------------

    async def _finish(self, view: View) -> None:
        payloads = render(view, private=self._can_send_ephemeral)
        private_notices = [n for n in view.notices if n.private] if self._can_send_ephemeral else []
        if self._lazy:
            payloads, private_notices = (
                [],
                [*([Notice(view.text)] if view.text else []), *view.notices],
            )
        for attempt in range(self._timing.attempts):
            if attempt:
                await asyncio.sleep(self._timing.retry_base * 2 ** (attempt - 1))
            if await self._finish_once(payloads):
                break
        else:
            # Not noted as finished: after the next start the message says what became of it.
            _log.error("discord.answer_lost", turn=self.turn, conversation=str(self._conversation))
            return
        if not payloads and self._posted:
            # First the placeholder goes: a reply to a deferral would take its place, in public.
            await self._remove(self._posted)
        if private_notices:
            await self._send_ephemeral(private_notices)
        if payloads or self._saved:
            await self._save(finished=True)
        for posted in self._posted:
            posted.shown = None  # only the ids are needed from here on

    async def _finish_once(self, payloads: Sequence[Payload]) -> bool:
        """Update the posted messages and post the rest once. Returns True if all succeeded."""
        await self._leave_expired()
        for index, payload in enumerate(payloads):
            if index < len(self._posted):
                try:
                    if await self._edit(index, payload):
                        continue
                except FAILURES as exc:
                    # A new message may get through where an edit does not.
                    _log.warning("discord.edit_failed", turn=self.turn, error=str(exc)[:200])
                    stale = self._posted[index:]
                    del self._posted[index:]
                    if not await self._post(payload):
                        self._posted[index:] = stale
                        return False
                    await self._remove(stale)
                    continue
            if not await self._post(payload):
                return False
        await self._remove(self._posted[len(payloads) :] if payloads else [])
        return True

    async def _post(self, payload: Payload) -> bool:
        """Post at the first poster that succeeds, which then moves to the front."""
        for poster in list(self._posters):
            try:
                await self._send(poster, payload)
            except FAILURES as exc:
                _log.warning("discord.send_failed", turn=self.turn, error=str(exc)[:200])
                continue
            self._posters.remove(poster)
            self._posters.insert(0, poster)
            return True
        return False

    async def _remove(self, posted: Sequence[Posted]) -> None:
        for message in list(posted):
            await self._try_request(message.poster.delete(message.id))
            if message in self._posted:
                self._posted.remove(message)

    # --- words for the asker alone --------------------------------------------------------------

    @property
    def _can_send_ephemeral(self) -> bool:
        return any(isinstance(o, InteractionPoster) for o in self._posters)

    async def _send_ephemeral(self, notices: Sequence[Notice]) -> None:
        for part in render_ephemeral(notices):
            for poster in self._posters:
                if isinstance(poster, InteractionPoster):
                    await self._try_request(poster.send_ephemeral(part, self.turn))
                    break
                if isinstance(poster, DirectPoster):  # the token has ended meanwhile
                    await self._try_request(poster.send(part, self.turn, ""))
                    break

    async def _try_request(self, request: Awaitable[object]) -> None:
        try:
            await request
        except FAILURES as exc:
            _log.debug("discord.request_failed", turn=self.turn, error=str(exc)[:200])

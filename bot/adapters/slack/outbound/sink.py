"""One reply on Slack: keeps its messages in step with the view, and gets the end out somehow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.outbound.agent_status import AgentSurface, is_for_good
from bot.adapters.slack.outbound.ephemeral import Asides
from bot.adapters.slack.outbound.poster import Outlet, Posted
from bot.adapters.slack.outbound.render import (
    MAX_MARKDOWN,
    MAX_PAGE,
    Payload,
    pages_of,
    render,
    working_text,
)
from bot.adapters.slack.outbound.stream import STOPPED, StreamOver, unchanging
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.replies.protocol import Replies, Reply
from bot.types import ConversationKey, Limits, Notice, View

__all__ = ["FAILURES", "ReplySink", "error_of"]

_log = structlog.get_logger(__name__)

CUT_OFF = "⚠️ The rest of this answer could not be delivered; please ask again."
_PATIENCE = 5
"""Updates that may fail in a row before no more are tried."""
_GONE = frozenset({"message_not_found", "not_in_channel", "channel_not_found"})


class ReplySink:
    """The reply to one event, in a channel and perhaps a thread of it.

    `user` is who alone sees private notices. A `lazy` reply shows nothing before its end.
    With a `surface` that opens a session for it, the answer is streamed and Slack shows what is
    going on; otherwise a message is posted and edited. `question` is what the session is called.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        replies: Replies,
        conversation: ConversationKey,
        timing: Timing,
        *,
        user: str,
        lazy: bool = False,
        surface: AgentSurface | None = None,
        question: str = "",
    ) -> None:
        self._replies = replies
        self._conversation = conversation
        self._timing = timing
        self._user = user
        self._lazy = lazy
        self._surface = surface or AgentSurface(client)
        self._question = question
        self._outlet = Outlet(client, conversation, user, self._surface)
        self._asides = Asides(client, conversation, user)
        self._direct = conversation.channel.startswith("D")
        self._posted: list[Posted] = []
        self._stale: list[Posted] = []
        self._saved: str | None = None
        self._session: bool | None = None
        self._streams = False
        self._held = False
        self._failures = 0
        self._job: asyncio.Future[None] | None = None
        self.turn = ""
        self.limits = Limits(max_chars=MAX_PAGE, edit_interval_s=timing.edit_interval)

    def retract(self) -> None:
        """The question was deleted: nothing more is shown of an unfinished answer."""
        self._held = True

    async def start(self, view: View) -> None:
        self.turn = view.turn
        await self._show(view)

    async def update(self, view: View) -> None:
        await self._show(view)

    async def finish(self, view: View) -> None:
        self.turn = view.turn
        await self._idle()
        try:
            await self._finish(view)
        finally:
            if self._session:
                await self._surface.end(self._conversation)

    # --- keeping messages in step ---------------------------------------------------------------

    async def _idle(self) -> None:
        while self._job is not None and not self._job.done():
            await asyncio.wait([self._job])

    async def _show(self, view: View) -> None:
        if self._lazy or self._held or self._failures >= _PATIENCE:
            return
        await self._idle()
        # To its end even when the caller is cancelled: a message whose sending is cut off may have
        # been posted all the same, and nobody would know it.
        self._job = asyncio.ensure_future(self._sync(view))
        self._job.add_done_callback(lambda job: job.cancelled() or job.exception())
        await asyncio.shield(self._job)

    async def _sync(self, view: View) -> None:
        try:
            await self._open(view)
            if not (self._streams and await self._stream(view)):
                await self._bring(render(view, private=not self._direct))
            await self._save(finished=False)
            self._failures = 0
        except FAILURES as exc:
            # The end gets the text out; until then a platform that is down is left in peace.
            self._failures += 1
            if error_of(exc) in _GONE:
                self._failures = _PATIENCE
            _log.warning("slack.update_failed", turn=self.turn, error=error_of(exc))

    async def _open(self, view: View) -> None:
        """Have Slack open a session for an answer that can be stopped, where it does."""
        if self._session is None and any(action.name == "stop" for action in view.actions):
            new = not await self._replies.known_thread(self._conversation)
            self._session = self._streams = await self._surface.begin(
                self._conversation, self._user, self._question, new=new
            )

    async def _bring(self, payloads: Sequence[Payload]) -> None:
        for index, payload in enumerate(payloads):
            if index < len(self._posted):
                await self._outlet.edit(self._posted[index], payload, self.turn)
            else:
                self._posted.append(await self._outlet.send(payload, self.turn))

    async def _save(self, *, finished: bool) -> None:
        messages = ",".join(p.ts for p in self._posted)
        waiting = self._streams and not messages
        if not finished and (messages == self._saved or not (messages or waiting)):
            return
        self._saved = messages
        address = {"channel": self._outlet.channel, "messages": messages}
        if waiting:
            address["thread"] = str(self._conversation.thread)
        key = str(self._conversation)
        await self._replies.save(Reply(self.turn, "slack", key, address, finished))

    # --- a stream -------------------------------------------------------------------------------

    async def _stream(self, view: View) -> bool:
        """Show the view by adding to messages. False where that is over, and they are edited."""
        await self._surface.say(self._conversation, working_text(view))
        try:
            *whole, last = pages_of(view) or [""]
            for index, text in enumerate(whole):
                if await self._streamed(index, text):
                    await self._outlet.edit(self._posted[index], Payload(text), self.turn)
            if await self._streamed(len(whole), growing := unchanging(last)):
                stream = self._posted[len(whole)].stream
                if stream is not None:
                    await stream.grow(growing)
        except StreamOver as exc:
            _log.info("slack.stream_over", turn=self.turn, why=str(exc))
            self._streams = False
            # Whoever pressed Stop is not shown more; the turn is being stopped.
            self._held = str(exc) == STOPPED
        return self._streams or self._held

    async def _streamed(self, index: int, text: str) -> bool:
        """Whether a page has its message; it is begun where it has something to show."""
        if index < len(self._posted):
            return True
        if not text.strip():
            return False
        try:
            self._posted.append(await self._outlet.stream(text))
        except SlackApiError as exc:
            if is_for_good(error_of(exc)):
                self._surface.refuse("stream", error_of(exc))
            raise StreamOver(error_of(exc)) from exc
        return True

    # --- the end --------------------------------------------------------------------------------

    async def _finish(self, view: View) -> None:
        payloads = render(view, private=not self._direct)
        secrets = [] if self._direct else [n for n in view.notices if n.private]
        if self._lazy:
            payloads, secrets = [], [*([Notice(view.text)] if view.text else []), *view.notices]
        for attempt in range(self._timing.attempts):
            if attempt:
                await asyncio.sleep(self._timing.retry_base * 2 ** (attempt - 1))
            if await self._finish_once(payloads):
                break
        else:
            # Not noted as finished: after the next start the message says what became of it.
            _log.error("slack.answer_lost", turn=self.turn, conversation=str(self._conversation))
            await self._cut_off(payloads)
            return
        for file in view.files:
            await self._asides.attach(file)
        for notice in secrets:
            await self._asides.whisper(notice, self.turn)
        if payloads or self._saved is not None:
            await self._save(finished=True)

    async def _finish_once(self, payloads: Sequence[Payload]) -> bool:
        """Bring what is there up to date, and post the rest. True when all is out."""
        for index, payload in enumerate(payloads):
            if index < len(self._posted):
                try:
                    await self._outlet.edit(self._posted[index], payload, self.turn)
                    continue
                except FAILURES as exc:
                    # A new message may get through where an edit does not; what comes after it
                    # has to come anew as well, or it would stand before it.
                    _log.warning("slack.edit_failed", turn=self.turn, error=error_of(exc))
                    failed = self._posted[index:]
                    del self._posted[index:]
            else:
                failed = []
            try:
                self._posted.append(await self._outlet.send(payload, self.turn))
            except FAILURES as exc:
                _log.warning("slack.send_failed", turn=self.turn, error=error_of(exc))
                self._posted.extend(failed)
                return False
            self._stale.extend(failed)
        self._stale.extend(self._posted[len(payloads) :])
        del self._posted[len(payloads) :]
        await self._remove_stale()
        return True

    async def _remove_stale(self) -> None:
        for posted in self._stale:
            await self._asides.quietly(self._outlet.delete(posted))
        self._stale.clear()

    async def _cut_off(self, payloads: Sequence[Payload]) -> None:
        """All tries have failed: at least what stands there must not pass for the whole answer."""
        await self._remove_stale()
        pairs = zip(self._posted, payloads, strict=False)
        behind = [posted for posted, payload in pairs if posted.shown != payload]
        for posted in (behind or self._posted[-1:])[:1]:
            room = MAX_MARKDOWN - len(CUT_OFF) - 2
            text = f"{posted.text[:room]}\n\n{CUT_OFF}".strip()
            await self._asides.quietly(self._outlet.edit(posted, Payload(text), self.turn))

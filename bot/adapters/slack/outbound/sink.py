"""A reply on Slack: updates its messages with each view, and retries the final one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.outbound.agent_status import AgentStatus, is_permanent
from bot.adapters.slack.outbound.ephemeral import EphemeralMessages
from bot.adapters.slack.outbound.poster import Posted, Poster
from bot.adapters.slack.outbound.render import (
    MAX_MARKDOWN_CHARS,
    MAX_PAGE_CHARS,
    Payload,
    render,
    render_pages,
    status_line,
)
from bot.adapters.slack.outbound.stream import STOPPED, StreamOver, escaped_stable_prefix
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.replies.protocol import Replies, Reply
from bot.types import ConversationKey, Limits, Notice, View

__all__ = ["FAILURES", "ReplySink", "error_of"]

_log = structlog.get_logger(__name__)

CUT_OFF_TEXT = "⚠️ The rest of this answer could not be delivered; please ask again."
_MAX_FAILED_UPDATES = 5
"""Updates that may fail in a row before no more are tried."""
_UNREACHABLE_ERRORS = frozenset({"message_not_found", "not_in_channel", "channel_not_found"})


class ReplySink:
    """The reply to one event, in a channel and perhaps a thread of it.

    `user` is the person who alone sees private notices. A `lazy` reply shows nothing before its
    end. Where `agent_status` opens a session for it, the answer is streamed and Slack shows its
    status; otherwise a message is posted and edited. `question` is the session's title. A reply
    that no event asked for has an empty `user` where it is for everybody: then private notices are
    left out. `earlier` are the time stamps, divided by commas, of messages in the same channel that
    the answer consists of already; they are kept with it, and not touched.
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
        agent_status: AgentStatus | None = None,
        question: str = "",
        earlier: str = "",
    ) -> None:
        self._replies = replies
        self._conversation = conversation
        self._timing = timing
        self._user = user
        self._lazy = lazy
        self._agent_status = agent_status or AgentStatus(client)
        self._question = question
        self._earlier = earlier
        self._poster = Poster(client, conversation, user, self._agent_status)
        self._ephemeral = EphemeralMessages(client, conversation, user)
        self._direct = conversation.channel.startswith("D")
        self._posted: list[Posted] = []
        self._stale: list[Posted] = []
        self._saved: str | None = None
        self._session: bool | None = None
        self._streams = False
        self._paused = False
        self._failures = 0
        self._request: asyncio.Future[None] | None = None
        self.turn = ""
        self.limits = Limits(max_chars=MAX_PAGE_CHARS, edit_interval_s=timing.edit_interval)

    def stop_showing(self) -> None:
        """Show nothing more of an unfinished answer: the question was deleted."""
        self._paused = True

    async def start(self, view: View) -> None:
        self.turn = view.turn
        await self._show(view)

    async def update(self, view: View) -> None:
        await self._show(view)

    async def finish(self, view: View) -> None:
        self.turn = view.turn
        await self._wait_until_idle()
        try:
            await self._finish(view)
        finally:
            if self._session:
                await self._agent_status.end(self._conversation)

    # --- keeping messages in step ---------------------------------------------------------------

    async def _wait_until_idle(self) -> None:
        while self._request is not None and not self._request.done():
            await asyncio.wait([self._request])

    async def _show(self, view: View) -> None:
        if self._lazy or self._paused or self._failures >= _MAX_FAILED_UPDATES:
            return
        await self._wait_until_idle()
        # To its end even when the caller is cancelled: a message whose sending is cut off may have
        # been posted all the same, and nobody would know it.
        self._request = asyncio.ensure_future(self._sync(view))
        self._request.add_done_callback(lambda job: job.cancelled() or job.exception())
        await asyncio.shield(self._request)

    async def _sync(self, view: View) -> None:
        try:
            await self._open(view)
            if not (self._streams and await self._stream(view)):
                await self._update_messages(render(view, private=not self._direct))
            await self._save(finished=False)
            self._failures = 0
        except FAILURES as exc:
            # The end gets the text out; until then a platform that is down is left in peace.
            self._failures += 1
            if error_of(exc) in _UNREACHABLE_ERRORS:
                self._failures = _MAX_FAILED_UPDATES
            _log.warning("slack.update_failed", turn=self.turn, error=error_of(exc))

    async def _open(self, view: View) -> None:
        """Open a session of Slack's for an answer that can be stopped, where Slack supports it."""
        if self._session is None and any(action.name == "stop" for action in view.actions):
            new = not await self._replies.known_thread(self._conversation)
            self._session = self._streams = await self._agent_status.begin(
                self._conversation, self._user, self._question, new=new
            )

    async def _update_messages(self, payloads: Sequence[Payload]) -> None:
        for index, payload in enumerate(payloads):
            if index < len(self._posted):
                await self._poster.edit(self._posted[index], payload, self.turn)
            else:
                self._posted.append(await self._poster.send(payload, self.turn))

    async def _save(self, *, finished: bool) -> None:
        messages = ",".join(p.ts for p in self._posted)
        waiting = self._streams and not messages
        if not finished and (messages == self._saved or not (messages or waiting)):
            return
        self._saved = messages
        every = ",".join(filter(None, (self._earlier, messages)))
        address = {"channel": self._poster.channel, "messages": every}
        if waiting:
            address["thread"] = str(self._conversation.thread)
        key = str(self._conversation)
        await self._replies.save(Reply(self.turn, "slack", key, address, finished))

    # --- a stream -------------------------------------------------------------------------------

    async def _stream(self, view: View) -> bool:
        """Show the view by adding to the streams. Returns False if streaming has ended."""
        await self._agent_status.set_status(self._conversation, status_line(view))
        try:
            *full_pages, last = render_pages(view) or [""]
            for index, text in enumerate(full_pages):
                if await self._ensure_stream(index, text):
                    await self._poster.edit(self._posted[index], Payload(text), self.turn)
            if await self._ensure_stream(len(full_pages), growing := escaped_stable_prefix(last)):
                stream = self._posted[len(full_pages)].stream
                if stream is not None:
                    await stream.grow(growing)
        except StreamOver as exc:
            _log.info("slack.stream_ended", turn=self.turn, why=str(exc))
            self._streams = False
            # Whoever pressed Stop is not shown more; the turn is being stopped.
            self._paused = str(exc) == STOPPED
        return self._streams or self._paused

    async def _ensure_stream(self, index: int, text: str) -> bool:
        """Begin the stream of a page if it has text. Returns whether the page has a message."""
        if index < len(self._posted):
            return True
        if not text.strip():
            return False
        try:
            self._posted.append(await self._poster.stream(text))
        except SlackApiError as exc:
            if is_permanent(error_of(exc)):
                self._agent_status.mark_unavailable("stream", error_of(exc))
            raise StreamOver(error_of(exc)) from exc
        return True

    # --- the end --------------------------------------------------------------------------------

    async def _finish(self, view: View) -> None:
        payloads = render(view, private=not self._direct)
        for_person = bool(self._user) and not self._direct
        private_notices = [n for n in view.notices if n.private] if for_person else []
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
            _log.error("slack.answer_lost", turn=self.turn, conversation=str(self._conversation))
            await self._mark_cut_off(payloads)
            return
        for file in view.files:
            await self._ephemeral.attach(file)
        for notice in private_notices:
            await self._ephemeral.send_ephemeral(notice, self.turn)
        if payloads or self._saved is not None:
            await self._save(finished=True)

    async def _finish_once(self, payloads: Sequence[Payload]) -> bool:
        """Update the posted messages and post the rest once. Returns True if all succeeded."""
        for index, payload in enumerate(payloads):
            if index < len(self._posted):
                try:
                    await self._poster.edit(self._posted[index], payload, self.turn)
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
                self._posted.append(await self._poster.send(payload, self.turn))
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
            await self._ephemeral.try_request(self._poster.delete(posted))
        self._stale.clear()

    async def _mark_cut_off(self, payloads: Sequence[Payload]) -> None:
        """After all tries have failed, mark the shown part of the answer as incomplete."""
        await self._remove_stale()
        pairs = zip(self._posted, payloads, strict=False)
        behind = [posted for posted, payload in pairs if posted.shown != payload]
        for posted in (behind or self._posted[-1:])[:1]:
            room = MAX_MARKDOWN_CHARS - len(CUT_OFF_TEXT) - 2
            text = f"{posted.text[:room]}\n\n{CUT_OFF_TEXT}".strip()
            await self._ephemeral.try_request(self._poster.edit(posted, Payload(text), self.turn))

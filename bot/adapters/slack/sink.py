"""One reply on Slack: keeps its messages in step with the view, and gets the end out somehow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.base import Replies, Reply
from bot.adapters.slack.blocks import MAX_PAGE, Payload, chunks, notice_line, render
from bot.adapters.slack.failures import FAILURES, error_of
from bot.adapters.slack.markup import plain
from bot.adapters.slack.timing import Timing
from bot.types import ConversationKey, File, Limits, Notice, View

_log = structlog.get_logger(__name__)

__all__ = ["FAILURES", "ReplySink", "SilentSink", "error_of"]

_PATIENCE = 5


@dataclass(slots=True)
class Posted:
    """A message that is there, and what it shows."""

    ts: str
    shown: Payload | None


class ReplySink:
    """The reply to one event, in a channel and perhaps a thread of it.

    `user` is who alone sees private notices. A `lazy` reply shows nothing before its end.
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
    ) -> None:
        self._client = client
        self._replies = replies
        self._conversation = conversation
        self._timing = timing
        self._user = user
        self._lazy = lazy
        self._direct = conversation.channel.startswith("D")
        self._posted: list[Posted] = []
        self._saved = ""
        self._failures = 0
        self._retracted = False
        self._job: asyncio.Future[None] | None = None
        self.turn = ""
        self.limits = Limits(max_chars=MAX_PAGE, edit_interval_s=timing.edit_interval)

    def retract(self) -> None:
        """The question was deleted: nothing more is shown of an unfinished answer."""
        self._retracted = True

    async def start(self, view: View) -> None:
        self.turn = view.turn
        await self._show(view)

    async def update(self, view: View) -> None:
        await self._show(view)

    async def finish(self, view: View) -> None:
        self.turn = view.turn
        await self._idle()
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
            return
        for file in view.files:
            await self._attach(file)
        for notice in secrets:
            await self._whisper(notice)
        if payloads or self._saved:
            await self._save(finished=True)

    # --- keeping messages in step ---------------------------------------------------------------

    async def _idle(self) -> None:
        while self._job is not None and not self._job.done():
            await asyncio.wait([self._job])

    async def _show(self, view: View) -> None:
        if self._lazy or self._retracted or self._failures >= _PATIENCE:
            return
        await self._idle()
        # To its end even when the caller is cancelled: a message whose sending is cut off may have
        # been posted all the same, and nobody would know it.
        self._job = asyncio.ensure_future(self._sync(render(view, private=not self._direct)))
        self._job.add_done_callback(lambda job: job.cancelled() or job.exception())
        await asyncio.shield(self._job)

    async def _sync(self, payloads: Sequence[Payload]) -> None:
        try:
            for index, payload in enumerate(payloads):
                if index < len(self._posted):
                    await self._edit(self._posted[index], payload)
                else:
                    await self._send(payload)
            await self._save(finished=False)
            self._failures = 0
        except FAILURES as exc:
            # The end gets the text out; until then a platform that is down is left in peace.
            self._failures += 1
            if error_of(exc) in {"message_not_found", "not_in_channel", "channel_not_found"}:
                self._failures = _PATIENCE
            _log.warning("slack.update_failed", turn=self.turn, error=error_of(exc))

    async def _edit(self, posted: Posted, payload: Payload) -> None:
        if posted.shown == payload:
            return
        await self._client.chat_update(
            channel=self._conversation.channel,
            ts=posted.ts,
            text=payload.fallback,
            blocks=payload.blocks(self.turn),
        )
        posted.shown = payload

    async def _send(self, payload: Payload) -> None:
        answer = await self._client.chat_postMessage(
            channel=self._conversation.channel,
            thread_ts=self._conversation.thread,
            text=payload.fallback,
            blocks=payload.blocks(self.turn),
            unfurl_links=False,
        )
        self._posted.append(Posted(str(answer["ts"]), payload))

    async def _save(self, *, finished: bool) -> None:
        messages = ",".join(p.ts for p in self._posted)
        if not finished and (not messages or messages == self._saved):
            return
        self._saved = messages
        address = {"channel": self._conversation.channel, "messages": messages}
        key = str(self._conversation)
        await self._replies.save(Reply(self.turn, "slack", key, address, finished))

    # --- the end --------------------------------------------------------------------------------

    async def _finish_once(self, payloads: Sequence[Payload]) -> bool:
        """Bring what is there up to date, and post the rest. True when all is out."""
        stale: list[Posted] = []
        for index, payload in enumerate(payloads):
            if index < len(self._posted):
                try:
                    await self._edit(self._posted[index], payload)
                    continue
                except FAILURES as exc:
                    # A new message may get through where an edit does not.
                    _log.warning("slack.edit_failed", turn=self.turn, error=error_of(exc))
                    stale = self._posted[index:]
                    del self._posted[index:]
            try:
                await self._send(payload)
            except FAILURES as exc:
                _log.warning("slack.send_failed", turn=self.turn, error=error_of(exc))
                self._posted.extend(stale[len(self._posted) - index :])
                return False
        stale += self._posted[len(payloads) :]
        del self._posted[len(payloads) :]
        for posted in stale:
            channel = self._conversation.channel
            await self._quietly(self._client.chat_delete(channel=channel, ts=posted.ts))
        return True

    async def _attach(self, file: File) -> None:
        """Send a file into the thread; one that Slack does not take is told of."""
        try:
            await self._client.files_upload_v2(
                channel=self._conversation.channel,
                thread_ts=self._conversation.thread,
                filename=file.name,
                title=file.name,
                content=file.data,
            )
        except FAILURES as exc:
            _log.warning("slack.file_refused", turn=self.turn, error=error_of(exc))
            await self._whisper(Notice(f"The file {file.name} could not be attached."))

    async def _whisper(self, notice: Notice) -> None:
        """Tell the asker alone."""
        for part in chunks(notice_line(notice)):
            block = {"type": "markdown", "text": part}
            await self._quietly(
                self._client.chat_postEphemeral(
                    channel=self._conversation.channel,
                    user=self._user,
                    thread_ts=self._conversation.thread,
                    text=plain(part[:2000]),
                    blocks=[block],
                )
            )

    async def _quietly(self, request: Awaitable[object]) -> None:
        try:
            await request
        except FAILURES as exc:
            _log.info("slack.request_failed", turn=self.turn, error=error_of(exc))


class SilentSink:
    """For events that need no reply: a deleted question."""

    limits = Limits(max_chars=MAX_PAGE, edit_interval_s=1.0)

    async def start(self, view: View) -> None: ...

    async def update(self, view: View) -> None: ...

    async def finish(self, view: View) -> None: ...

"""A reply made of messages: shows each view while it is written, and retries the final one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Generic

import structlog

from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.replies.choice import ChoiceInMessage, PressedMessage
from bot.replies.edit_budget import EditBudget
from bot.replies.left_messages import LeftMessages
from bot.replies.message_port import (
    PORT_FAILURES,
    Mark,
    MessagePort,
    P,
    PortRefused,
    RateLimited,
    Unconfirmed,
)
from bot.replies.posted_messages import Background, PostedMessages
from bot.replies.protocol import Arrival, Replies, Reply
from bot.replies.reply_options import DefaultReplyOptions, ReplyOptions, ReplyTiming
from bot.types import Action, ConversationKey, Limits, Notice, Status, View

_log = structlog.get_logger(__name__)

_TYPING_INTERVAL_S = 8.0
_WRITING = Status("writing")
_MAX_FAILED_UPDATES = 5
"""Updates that may fail in a row before no more are tried."""
_MAX_REFUSED_ENDS = 20
"""Times that the platform may refuse the end of an answer as one call too many."""
UNCONFIRMED = Notice(
    say("Part of this answer may be missing: I could not check whether it arrived.")
)


class MessageSink(Generic[P]):
    """The reply to one event, on any platform that has a `MessagePort`.

    `placeholder` is the id of a message that stands there already, to be edited. A `lazy` reply
    shows nothing before its end, and that to the asker alone (for a press of a button that may need
    no reply). `earlier` are the ids of messages in the same place that the answer consists of
    already; they are kept with it, and not touched. `pressed` is the message whose button had
    the turn go on. `background` takes the task that removes a
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
        pressed: PressedMessage | None = None,
        background: Background | None = None,
        options: ReplyOptions | None = None,
    ) -> None:
        self._port = port
        self._replies = replies
        self._conversation = conversation
        self._timing = timing
        self._lazy = lazy
        self._earlier = tuple(earlier)
        self._choice = ChoiceInMessage(pressed)
        self._background = background
        self._options: ReplyOptions = options or DefaultReplyOptions()
        if self._options.only_when_done:
            port.limits = replace(port.limits, streams=False)
        standing = [placeholder] if placeholder is not None else []
        self._posted = self._messages(standing, background)
        self._mark: Mark | None = None
        self._paused = False
        self._failures = 0
        self._open_under: EditBudget | None = None
        self._text_shown = False
        self._typed = time.monotonic()
        self._saved: Reply | None = None
        self._last_since: datetime | None = None
        """When the last view of a turn that waits may have been posted first."""
        self._request: asyncio.Future[None] | None = None
        self.turn = ""
        self.locale: str | None = None
        """The language of the reply, once it has begun."""

    @property
    def limits(self) -> Limits:
        """What the platform allows."""
        return self._port.limits

    @property
    def messages(self) -> tuple[str, ...]:
        """Ids of the messages that the reply consists of."""
        return self._posted.ids

    def stop_showing(self) -> None:
        """Show nothing more of an unfinished answer: the question was deleted."""
        self._paused = True

    # --- what delivery calls --------------------------------------------------------------------

    async def start(self, view: View) -> None:
        """Post the reply for the first time."""
        self.turn, self.locale = view.turn, view.locale
        self._open_under = self._port.budget("edit")
        if self._open_under is not None:
            self._open_under.open_replies += 1
        await self._show(view)
        await self._react("seen")

    def next_edit(self) -> asyncio.Future[None]:
        """Ask for the next edit; the future is done when it may be made, and may be cancelled."""
        asked = None
        if not (self._paused or self._withholds_text()):
            asked = self._posted.ask_for_edit()
        if asked is None:
            asked = asyncio.get_running_loop().create_future()
            asked.set_result(None)
        return asked

    async def update(self, view: View) -> None:
        """Edit the reply so that it shows a newer view."""
        await self._show(view)
        silent_s = time.monotonic() - self._typed
        if not view.text and self.limits.typing and silent_s > _TYPING_INTERVAL_S:
            self._typed = time.monotonic()
            await self._posted.try_request(self._port.typing())

    async def finish(self, view: View) -> None:
        """Show the final view, and release what the reply holds."""
        self.turn, self.locale = view.turn, view.locale
        await self._wait_until_idle()
        self._posted.give_back()
        try:
            await self._prepare(view)
            if not self._is_for_asker_alone(view):
                view = await self._choice.take_from(view)
            await self._finish(view)
        finally:
            if self._open_under is not None:
                self._open_under.open_replies -= 1
                self._open_under = None
            await self._close()

    async def announce(self, view: View, key: str, *, since: datetime | None) -> Arrival:
        """Show a whole reply once, also where an earlier process has tried under the same `key`;
        the core calls it instead of `start` and `finish` for what it says without an event, such
        as a reminder."""
        self.turn, self.locale = view.turn, view.locale
        self._posted = self._messages(key=key)
        try:
            await self._prepare(view)
            messages = self._port.render(view)
            keys = map(self._posted.key_of, range(len(messages)))
            if since is not None and not all(self._port.expect(one, since) for one in keys):
                return "unknown"
            if not await self._complete(messages):
                return "refused" if self._posted.refused else "failed"
            if self._posted.unconfirmed:
                return "unknown"
            await self._save(finished=True)
            return "arrived"
        finally:
            await self._close()

    async def restore(self, view: View) -> bool:
        """Show the last view in place of what an earlier process left; the core calls it instead
        of `start` and `finish`. Returns whether it arrived."""
        self.turn, self.locale = view.turn, view.locale
        left = LeftMessages.read(await self._replies.get(view.turn))
        self._earlier, self._last_since = left.above, left.since
        self._port.adopt(left.own)
        self._posted = self._messages(left.own, None, left.key, left.sent)
        try:
            await self._prepare(view)
            if left.since is not None:
                for number in range(len(self._port.render(view))):
                    self._port.expect(self._posted.key_of(left.sent + number), left.since)
            return await self._finish(view)
        finally:
            await self._close()

    def _messages(
        self,
        standing: Sequence[str] = (),
        background: Background | None = None,
        key: str = "",
        sent: int = 0,
    ) -> PostedMessages[P]:
        clearance = self._replies.until_it_may_write
        return PostedMessages(self._port, standing, background, key, sent, clearance)

    async def _prepare(self, view: View) -> None:
        await self._replies.until_it_may_write()
        await self._port.prepare(view)

    async def _close(self) -> None:
        if self._replies.may_write():  # else the process ends, or another one has the reply
            await self._port.close()

    # --- while the answer is written ------------------------------------------------------------

    async def _show(self, view: View) -> None:
        if self._paused or not self.limits.edits or self._is_for_asker_alone(view):
            return
        await self._wait_until_idle()
        if view.state == "working" and self._withholds_text():
            if self._posted:
                return  # its status stays until the answer is complete
            view = replace(view, text="", pages=(), sources=(), status=view.status or _WRITING)
        # To its end even when the caller is cancelled: a message whose sending is cut off may have
        # been posted all the same, and nobody would know it.
        self._request = asyncio.ensure_future(self._sync(view))
        self._request.add_done_callback(lambda job: job.cancelled() or job.exception())
        await asyncio.shield(self._request)

    async def _wait_until_idle(self) -> None:
        """Wait for the request that is under way, if there is one."""
        while self._request is not None and not self._request.done():
            await asyncio.wait([self._request])

    def _withholds_text(self) -> bool:
        """Whether text is shown only when it is complete. What has begun to be shown goes on."""
        crowded = self._open_under is not None and self._open_under.crowded
        return not self.limits.streams or (crowded and not self._text_shown)

    async def _sync(self, view: View) -> None:
        try:
            await self._prepare(view)
            view = await self._choice.take_from(view)
            await self._posted.update(self._port.render(view))
            self._text_shown = self._text_shown or bool(view.text)
            await self._save(finished=False)
            self._failures = 0
        except RateLimited as exc:  # the budget waits; a newer view is shown then
            self._posted.log_failure("update", exc)
        except PORT_FAILURES as exc:
            # The end gets the text out; until then a platform that is down is left in peace.
            self._failures += 1
            given_up = isinstance(exc, PortRefused | Unconfirmed)  # asking again would not help
            if given_up or self._failures >= _MAX_FAILED_UPDATES:
                self._paused = True
            self._posted.log_failure("update", exc)

    async def _save(self, *, finished: bool) -> None:
        if not finished and not (self._port.address(self.messages) or self._last_since):
            return
        address = dict(self._port.address((*self._earlier, *self.messages)))
        if not finished:  # what another process needs to show the rest
            own, key, sent = self.messages, self._posted.key, self._posted.sent
            address |= LeftMessages(self._earlier, own, key, sent, self._last_since).address()
        place = self._conversation
        reply = Reply(self.turn, place.platform, str(place), address, finished)
        if reply != self._saved:
            self._saved = reply
            await self._replies.save(reply)

    # --- the end --------------------------------------------------------------------------------

    async def _finish(self, view: View) -> bool:
        """Show the last view. Returns whether it arrived."""
        messages = [] if self._is_for_asker_alone(view) else list(self._port.render(view))
        if view.state == "waiting" and messages:
            self._last_since = self._last_since or datetime.now(UTC)
            await self._save(finished=False)
        if not await self._complete(messages):
            # Not noted as finished: after the next start the message says what became of it.
            _log.error("reply.lost", turn=self.turn, conversation=str(self._conversation))
            await self._posted.mark_cut_off(messages)
            return False
        # A placeholder is gone before: an ephemeral reply to a deferral would take its place.
        for message in self._ephemeral_messages(view):
            await self._posted.try_request(self._port.ephemeral(message))
        if self._posted.unconfirmed:
            await self._say(UNCONFIRMED)
        await self._send_files(view)
        if messages or self._saved is not None:
            await self._save(finished=True)
        if view.audience == "asker" and not self._port.direct:
            self._remove_later()
        if view.state != "waiting":
            await self._react("done" if view.state == "complete" else "failed")
        self._posted.forget_content()
        return True

    async def _complete(self, messages: Sequence[P]) -> bool:
        """Show the final messages, in several tries. Returns whether they arrived."""
        attempts = refusals = 0
        while attempts < self._timing.attempts and refusals < _MAX_REFUSED_ENDS:
            try:
                if await self._posted.complete(messages):
                    return True
                attempts += 1
                await asyncio.sleep(self._timing.retry_base * 2 ** (attempts - 1))
            except RateLimited as exc:
                self._posted.log_failure("finish", exc)
                refusals += 1
                await asyncio.sleep(exc.retry_after_s)
        return False

    async def _react(self, mark: Mark) -> None:
        """Put a mark to the question, where the operator wants that."""
        if not (self._options.acknowledge and self.limits.reactions) or self._lazy:
            return
        before, self._mark = self._mark, mark
        await self._posted.try_request(self._port.react(mark, before))

    async def _send_files(self, view: View) -> None:
        how, alone = self.limits.files, self._is_for_asker_alone(view)
        for file in view.files if how != "in message" else ():
            sent = how == "apart" and not alone
            if sent and await self._posted.try_request(self._port.upload(file)):
                continue
            words = file_not_private(file.name) if alone else file_left_out(file.name)
            await self._say(Notice(translate(words, view.locale)))

    # --- words for the asker alone --------------------------------------------------------------

    def _is_for_asker_alone(self, view: View) -> bool:
        """Whether the whole reply is shown to the asker alone, once it is complete."""
        private = view.audience == "asker" and self.limits.ephemeral and not self._port.direct
        return self._lazy or private

    def _ephemeral_messages(self, view: View) -> Sequence[P]:
        """What is shown to the asker alone at the end: private notices, or the whole reply."""
        notices, actions = view.notices, () if self._lazy else view.actions
        if not self._is_for_asker_alone(view):
            if not self.limits.ephemeral or self._port.direct:
                return ()
            notices, actions = tuple(n for n in notices if n.private), ()
            view = View(view.turn, state=view.state)
        if not (notices or view.text or view.sources):
            return ()
        shown = tuple(replace(notice, private=False) for notice in notices)
        return self._port.render(
            replace(view, notices=shown, actions=_with_notices(actions, notices))
        )

    async def _say(self, notice: Notice) -> None:
        """Show a notice beside the answer, to the asker alone where that is possible."""
        for message in self._port.render(View(self.turn, notices=(notice,), state="complete")):
            if self.limits.ephemeral and not self._port.direct:
                await self._posted.try_request(self._port.ephemeral(message))
            else:
                await self._posted.try_request(self._posted.post(message))

    def _remove_later(self) -> None:
        if self._posted and self.limits.deletes and self._background is not None:
            self._background(self._remove_private(), "private reply")

    async def _remove_private(self) -> None:
        await asyncio.sleep(self._timing.private_life)
        await self._posted.remove_all()


def _with_notices(actions: Sequence[Action], notices: Sequence[Notice]) -> tuple[Action, ...]:
    """Buttons together with those of the notices, each once."""
    return tuple(dict.fromkeys([*actions, *(a for notice in notices for a in notice.actions)]))


def file_left_out(name: str) -> str:
    """What is said of a file that the platform does not take."""
    return say("The file {name} could not be attached.", name=name)


def file_not_private(name: str) -> str:
    """What is said of a file that the platform cannot show to one person alone."""
    return say(
        "{name} cannot be shown to you alone here; ask me in a direct message to get it.",
        name=name,
    )

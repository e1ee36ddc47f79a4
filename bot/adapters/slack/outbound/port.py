"""The messages of a reply on Slack: posted and edited, or streamed where Slack shows a Stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.outbound.agent_status import AgentStatus, is_permanent
from bot.adapters.slack.outbound.block_layouts import call_with_fallbacks
from bot.adapters.slack.outbound.ephemeral import EphemeralMessages
from bot.adapters.slack.outbound.render import (
    CUT_OFF_TEXT,
    MAX_MARKDOWN_CHARS,
    MAX_PAGE_CHARS,
    Payload,
    render,
    render_pages,
)
from bot.adapters.slack.outbound.stream import STOPPED, Stream, StreamOver, escaped_stable_prefix
from bot.adapters.slack.outbound.unconfirmed_posts import (
    UnconfirmedPosts,
    may_have_been_done,
    metadata_of,
)
from bot.adapters.slack.transport.client import Client
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.rate_limits import APPENDS, POSTS, UPDATES
from bot.adapters.slack.transport.timing import Timing
from bot.adapters.slack.transport.tokens import retry_after
from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.replies.edit_budget import EditBudget, EditBudgets
from bot.replies.message_port import Mark, MessagePort, Method, PortError, PortRefused, RateLimited
from bot.replies.message_sink import MessageSink
from bot.replies.protocol import Replies
from bot.replies.wording import shown_status
from bot.types import ConversationKey, File, Limits, View

_log = structlog.get_logger(__name__)

_MARKS: Mapping[Mark, str] = {"seen": "eyes", "done": "white_check_mark", "failed": "warning"}
_NO_ACCESS_ERRORS = frozenset({"not_in_channel", "channel_not_found"})
_REFUSED_ERRORS = _NO_ACCESS_ERRORS | {"message_not_found"}


@contextmanager
def _as_port_errors() -> Iterator[None]:
    """Raise the Web API's exceptions as a port's."""
    try:
        yield
    except FAILURES as exc:
        if error_of(exc) in {"ratelimited", "rate_limited"}:
            raise RateLimited(error_of(exc), retry_after(exc)) from exc
        refused = error_of(exc) in _REFUSED_ERRORS
        raise (PortRefused if refused else PortError)(error_of(exc)) from exc


class SlackPort(MessagePort[Payload]):
    """Posts in a channel or thread; where the bot is not a member, the answer goes to the person.

    `user` is the asker, who alone sees private notices; it is empty for a reply that no event asked
    for and that is for everybody: then private notices are left out. Where `agent_status` opens a
    session for the reply, its messages are streamed and Slack shows its status. `question` is the
    session's title, and begins notifications (of a command its heading does); `prompt` is the time
    stamp of its message.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        replies: Replies,
        conversation: ConversationKey,
        timing: Timing,
        *,
        user: str,
        agent_status: AgentStatus | None = None,
        question: str = "",
        prompt: str = "",
    ) -> None:
        self._client = client
        self._replies = replies
        self._conversation = conversation
        self._place = conversation
        self._user = user
        self._agent_status = agent_status or AgentStatus(client)
        self._question = question
        self._ephemeral = EphemeralMessages(client, conversation, user)
        self._turn = ""
        self._locale: str | None = None
        self._session: bool | None = None
        self._known_thread: bool | None = None
        self._streaming = False
        self._streams: dict[str, Stream] = {}
        self._unconfirmed = UnconfirmedPosts(client)
        self._budgets = client.budgets if isinstance(client, Client) else EditBudgets()
        self._prompt = prompt
        self.direct = conversation.channel.startswith("D")
        self.limits = Limits(
            max_chars=MAX_PAGE_CHARS,
            edit_interval_s=timing.edit_interval,
            ephemeral=True,
            reactions=bool(prompt),
            files="apart",
        )

    async def prepare(self, view: View) -> None:
        """Open a session of Slack's for an answer that can be stopped, and show its status."""
        self._turn, self._locale = view.turn, view.locale
        self._question = self._question or view.heading
        if self._known_thread is None:  # asked before anything of this reply is there
            self._known_thread = await self._replies.known_thread(self._conversation)
        stops = any(action.name == "stop" for action in view.actions)
        if self._session is None and stops and not view.heading:  # nothing stands above a stream
            new = not self._known_thread
            self._session = self._streaming = await self._agent_status.begin(
                self._conversation, self._user, self._question, new=new
            )
        self._streaming = self._streaming and view.state == "working"
        if self._streaming:
            status = shown_status(view)
            await self._agent_status.set_status(self._conversation, status, view.locale)

    def render(self, view: View) -> Sequence[Payload]:
        view = self._with_commands_as_typed(view)
        if not self._streaming:
            return render(view, private=not self.direct)
        *full_pages, last = render_pages(view) or [""]
        texts = [*full_pages, escaped_stable_prefix(last)]
        return [Payload(text, growing=True) for text in texts if text.strip()]

    def _with_commands_as_typed(self, view: View) -> View:
        """A view whose notices name commands as a person has to type them here."""
        if not isinstance(self._client, Client):
            return view
        write = self._client.write_commands
        return replace(view, notices=tuple(replace(n, text=write(n.text)) for n in view.notices))

    async def post(self, message: Payload, key: str) -> str:
        with _as_port_errors():
            if message.growing and (ts := await self._begin_stream(message.text)) is not None:
                return ts
            if (ts := await self._unconfirmed.find(key, message.text, self._place)) is not None:
                await self._update(ts, message)  # what stands there may be an earlier form
                return ts
            try:
                return await self._post(message, key)
            except SlackApiError as exc:
                moved = self._place is not self._conversation
                if error_of(exc) not in _NO_ACCESS_ERRORS or moved or not self._user:
                    raise
            await self._move_to_direct_message()
            return await self._post(message, key)

    def expect(self, key: str, since: datetime) -> bool:
        self._unconfirmed.expect(key, since)
        return True

    async def _post(self, message: Payload, key: str) -> str:
        try:
            answer = await call_with_fallbacks(
                self._agent_status,
                message.layouts(self._turn),
                lambda blocks: self._client.chat_postMessage(
                    channel=self._place.channel,
                    thread_ts=self._place.thread,
                    text=message.notification(self._question),
                    blocks=blocks,
                    metadata=metadata_of(self._turn, key),
                ),
            )
        except FAILURES as exc:
            if may_have_been_done(exc):
                self._unconfirmed.add(key, message.text)
            raise
        return str(answer["ts"])

    async def _move_to_direct_message(self) -> None:
        """Switch to direct messages with the person, and tell them why."""
        place = self._place
        words = say(
            "I am not in <#{channel}>, so I answer here; invite me there with /invite.",
            channel=place.channel,
        )
        if place.channel.startswith("D"):
            words = say("I am not in that conversation, so I answer here.")
        text = translate(words, self._locale)
        told = await self._client.chat_postMessage(channel=self._user, text=text)
        self._place = ConversationKey(place.platform, place.workspace, str(told["channel"]))

    async def edit(self, message_id: str, message: Payload) -> None:
        with _as_port_errors():
            stream = self._streams.get(message_id)
            if stream is not None and stream.open and await self._continue(stream, message):
                return
            await self._update(message_id, message)

    async def _update(self, ts: str, message: Payload) -> None:
        await call_with_fallbacks(
            self._agent_status,
            message.layouts(self._turn),
            lambda blocks: self._client.chat_update(
                channel=self._place.channel,
                ts=ts,
                text=message.notification(self._question),
                blocks=blocks,
            ),
        )

    async def delete(self, message_id: str) -> None:
        stream = self._streams.get(message_id)
        if stream is not None and stream.open:
            with suppress(*FAILURES):  # it may well be deleted all the same
                await stream.end(stream.sent, [])
        with _as_port_errors():
            await self._client.chat_delete(channel=self._place.channel, ts=message_id)

    async def ephemeral(self, message: Payload) -> None:
        if self._user:
            blocks = message.blocks(self._turn)
            in_thread = bool(self._known_thread)
            if not await self._ephemeral.show(message.notification(), blocks, in_thread=in_thread):
                raise PortError("no ephemeral message")

    async def upload(self, file: File) -> None:
        with _as_port_errors():
            await self._client.files_upload_v2(
                channel=self._place.channel,
                thread_ts=self._place.thread,
                filename=file.name,
                title=file.name,
                content=file.data,
            )

    async def react(self, mark: Mark, instead_of: Mark | None) -> None:
        at = {"channel": self._conversation.channel, "timestamp": self._prompt}
        with _as_port_errors():
            if instead_of is not None:
                await self._client.reactions_remove(name=_MARKS[instead_of], **at)
            await self._client.reactions_add(name=_MARKS[mark], **at)

    def budget(self, method: Method, message_id: str = "") -> EditBudget | None:
        place = self._place
        if method == "post":
            return self._budgets.budget(f"{place.channel} chat.postMessage", POSTS)
        if method == "delete":
            return self._budgets.budget(f"{place.workspace} chat.delete", UPDATES)
        stream = self._streams.get(message_id)
        if self._streaming or (stream is not None and stream.open):
            return self._budgets.budget(f"{place.workspace} chat.appendStream", APPENDS)
        return self._budgets.budget(f"{place.workspace} chat.update", UPDATES)

    def cut_off(self, shown: Payload | None) -> Payload:
        reason = translate(CUT_OFF_TEXT, self._locale)
        room = MAX_MARKDOWN_CHARS - len(reason) - 2
        text = shown.text[:room] if shown is not None else ""
        return Payload(f"{text}\n\n{reason}".strip())

    def address(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        address = {"channel": self._place.channel, "messages": ",".join(message_ids)}
        if message_ids:
            return address
        # A status line is all that stands there; a restart has to end the session.
        return {**address, "thread": str(self._conversation.thread)} if self._streaming else {}

    async def close(self) -> None:
        if self._session:
            self._session = False
            await self._agent_status.end(self._conversation)

    # --- a stream -------------------------------------------------------------------------------

    async def _begin_stream(self, text: str) -> str | None:
        """Post a message that text can be appended to; None where Slack refuses that."""
        try:
            stream = await Stream.begin(self._client, self._place, self._user, text)
        except SlackApiError as exc:
            if is_permanent(error_of(exc)):
                self._agent_status.mark_unavailable("stream", error_of(exc))
            self._end_streaming(error_of(exc))
            return None
        self._streams[stream.ts] = stream
        return stream.ts

    async def _continue(self, stream: Stream, message: Payload) -> bool:
        """Add to a stream what a message has more, or close it with the final form of the message.

        Returns False if the stream has ended and the message has to be edited.
        """
        if not message.growing:
            return await self._close(stream, message)
        try:
            await stream.grow(message.text)
        except StreamOver as exc:
            self._end_streaming(str(exc))
            if str(exc) == STOPPED:  # they are not shown more; the turn is being stopped
                raise PortRefused(STOPPED) from exc
        return stream.open

    def _end_streaming(self, why: str) -> None:
        _log.info("slack.stream_ended", turn=self._turn, why=why)
        self._streaming = False

    async def _close(self, stream: Stream, message: Payload) -> bool:
        closed: bool = await call_with_fallbacks(
            self._agent_status,
            [message.footer_blocks(self._turn, feedback=True), message.footer_blocks(self._turn)],
            lambda blocks: stream.end(message.text, blocks),
        )
        return closed


ReplySink: TypeAlias = MessageSink[Payload]


def make_sink(
    client: AsyncWebClient,
    replies: Replies,
    conversation: ConversationKey,
    timing: Timing,
    *,
    user: str,
    agent_status: AgentStatus | None = None,
    question: str = "",
    prompt: str = "",
    **more: Any,
) -> ReplySink:
    """The reply to an event; `more` goes to `MessageSink`."""
    port = SlackPort(
        client, replies, conversation, timing,
        user=user, agent_status=agent_status, question=question, prompt=prompt,
    )  # fmt: skip
    options = client.reply_options if isinstance(client, Client) else None
    background = agent_status.background if agent_status is not None else None
    return MessageSink(
        port, replies, conversation, timing, options=options, background=background, **more
    )

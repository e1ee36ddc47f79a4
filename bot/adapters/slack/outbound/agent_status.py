"""Slack's features for agent apps: sessions with Slack's own Stop, status lines, prompts.

Slack refuses these calls to an app that is no agent; a refused feature is not tried again in the
same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from backends.lru import LruDict
from bot.adapters.background_tasks import BackgroundTasks
from bot.adapters.slack.outbound.escaping import to_single_line
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.commands.declaration import Command
from bot.replies.posted_messages import Background
from bot.types import ConversationKey

_log = structlog.get_logger(__name__)

GREETING = say("Hello! Ask me something, or take one of the suggestions.")
_PROMPTS_TITLE = say("What would you like to know?")
_NO_STOP_EVENT = "missing_agent_session_stopped_event_subscription"
_MAX_PROMPTS = 4
_MAX_TITLE_CHARS = 200
_MAX_STATUS_CHARS = 100
_MAX_GREETED_CHANNELS = 2000
_MAX_REFRESH_S = 3600.0
_PERMANENT_ERRORS = frozenset({
    "not_authorized", "not_agent_app", "missing_scope", "unknown_method", "not_allowed_token_type",
    "feature_disabled", "no_permission", "access_denied", "method_deprecated",
})  # fmt: skip
"""Errors that mean Slack refuses the feature to this app, not just this call."""
Place = tuple[str, str]


@dataclass(slots=True)
class _Session:
    """A thread in which `turns` questions are being answered."""

    turns: int = 1
    status: str = ""


def is_permanent(error: str) -> bool:
    """Whether an error means that Slack refuses the feature to this app permanently."""
    return error in _PERMANENT_ERRORS


def suggested_prompts(commands: Sequence[Command]) -> list[dict[str, str]]:
    """Suggested prompts: the commands' examples that are questions by themselves.

    Slack sends a chosen prompt as if the person had written it.
    """
    found: dict[str, None] = {}
    for command in commands:
        for example in command.examples:
            said = example.call.partition(" ")[2].strip()
            if said.endswith("?"):
                found[said[:1].upper() + said[1:]] = None
    return [
        {"title": to_single_line(said, 60), "message": said} for said in list(found)[:_MAX_PROMPTS]
    ]


async def at_once() -> None:
    """The default of `AgentStatus(until_it_may_write=)`: it always may."""


class AgentStatus:
    """Manages sessions and status lines, and remembers which features Slack refuses.

    `streaming` tells whether answers may be streamed (`slack.streaming`). A status line is sent
    again every `refresh_s` seconds, as Slack removes it after two minutes.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        background_tasks: BackgroundTasks | None = None,
        *,
        streaming: bool = False,
        refresh_s: float = 60.0,
        until_it_may_write: Callable[[], Awaitable[None]] = at_once,
    ) -> None:
        self._client = client
        self._until_it_may_write = until_it_may_write
        self._background_tasks = background_tasks
        self._streaming = streaming
        self._refresh_s = refresh_s
        self._refused: set[str] = set()
        self._open: dict[Place, _Session] = {}
        self._greeted: LruDict[str, None] = LruDict(_MAX_GREETED_CHANNELS)
        self._refreshing = False
        self._agent: bool | None = None

    @property
    def background(self) -> Background | None:
        """Starts a task that the adapter owns; None where there is nobody to own it."""
        return self._background_tasks.start if self._background_tasks is not None else None

    def is_available(self, what: str) -> bool:
        """Whether Slack has not refused a feature yet: "session", "stream", "feedback" …"""
        return what not in self._refused

    def mark_unavailable(self, what: str, error: str) -> None:
        """Record that Slack refuses a feature; it is not tried again in this run."""
        _log.debug("slack.feature_refused", what=what, error=error)
        self._refused.add(what)

    # --- a session: a question that is being answered -------------------------------------------

    async def is_agent(self, place: ConversationKey) -> bool:
        """Whether the app is an agent, which answers direct messages in threads of their own.

        Slack is asked once per run, with the thread that `place` would begin.
        """
        if self._agent is None and self._streaming:
            try:
                await self._client.agents_sessions_setStatus(
                    channel_id=place.channel, thread_ts=place.thread, status="active"
                )
                self._agent = True
            except FAILURES as exc:
                _log.debug("slack.session_refused", error=error_of(exc))
                if is_permanent(error_of(exc)):
                    self._agent = False
                    self.mark_unavailable("session", error_of(exc))
        return bool(self._agent) and self.is_available("session")

    async def begin(
        self, place: ConversationKey, user: str, title: str, *, new: bool = False
    ) -> bool:
        """Open a session in a direct thread; a `new` thread gets the title.

        Returns True if Slack shows its own Stop there, so that the answer can be streamed.
        """
        if place.thread is None or not place.channel.startswith("D"):
            return False  # in channels Slack shows no Stop of its own
        if not (self._streaming and self.is_available("session") and self.is_available("stream")):
            return False
        if (session := self._open.get(_at(place))) is not None:
            session.turns += 1
            return True
        title = to_single_line(title, _MAX_TITLE_CHARS)
        try:
            answer = await self._client.agents_sessions_setStatus(
                channel_id=place.channel,
                thread_ts=place.thread,
                status="processing",
                title=title or None,
                initiator_user_id=user,
            )
        except FAILURES as exc:
            _log.debug("slack.session_refused", error=error_of(exc))
            if is_permanent(error_of(exc)):
                self.mark_unavailable("session", error_of(exc))
            return False
        self._open[_at(place)] = _Session()
        if _NO_STOP_EVENT in _warnings(answer):
            _log.warning("slack.stop_event_missing", hint="subscribe to agent_session_stopped")
            self.mark_unavailable("session", _NO_STOP_EVENT)
            await self.end(place)
            return False
        if new and title and self.is_available("title"):
            await self._try_call(
                "title",
                self._client.assistant_threads_setTitle(
                    channel_id=place.channel, thread_ts=place.thread, title=title
                ),
            )
        return True

    async def set_status(
        self, place: ConversationKey, words: str, locale: str | None = None
    ) -> None:
        """Set the status line of an open session; empty text clears it. `locale` is the language of
        the words."""
        session = self._open.get(_at(place))
        status = _status(words, locale)
        if session is None or session.status == status or not self.is_available("status"):
            return
        session.status = status
        if not status:
            return  # text takes its place; taking it away ourselves would end the session
        await self._send_status(*_at(place), status)
        if not self._refreshing and self._background_tasks is not None:
            self._refreshing = True
            self._background_tasks.start(self._refresh_statuses(), "status lines")

    async def end(self, place: ConversationKey) -> None:
        """End one answer; after the last one the session waits for the person again."""
        session = self._open.get(_at(place))
        if session is None:
            return
        session.turns -= 1
        if session.turns:
            return
        del self._open[_at(place)]
        if session.status and self.is_available("status"):
            await self._send_status(*_at(place), "")
        await self._release(place)

    async def on_stopped(self, place: ConversationKey) -> None:
        """End the session after the person pressed Slack's Stop, unless an answer is still open."""
        if _at(place) not in self._open:  # otherwise it ends with its answers
            await self._release(place)

    async def _release(self, place: ConversationKey) -> None:
        request = self._client.agents_sessions_setStatus(
            channel_id=place.channel, thread_ts=place.thread, status="active"
        )
        await self._try_call("session", request)

    async def _send_status(self, channel: str, thread: str, status: str) -> None:
        request = self._client.assistant_threads_setStatus(
            channel_id=channel, thread_ts=thread, status=status
        )
        await self._try_call("status", request)

    async def _refresh_statuses(self) -> None:
        """Repeat every status line at intervals until there is none."""
        try:
            for _ in range(int(_MAX_REFRESH_S / self._refresh_s) + 1):
                await asyncio.sleep(self._refresh_s)
                lines = [(at, session) for at, session in self._open.items() if session.status]
                if not lines:
                    return
                for at, session in lines:
                    await self._until_it_may_write()
                    if self._open.get(at) is session and session.status:
                        await self._send_status(*at, session.status)
        finally:
            self._refreshing = False

    # --- before the first question --------------------------------------------------------------

    async def on_thread_started(
        self, channel: str, thread: str, commands: Sequence[Command], locale: str | None
    ) -> None:
        """Greet a person who has opened a new conversation, with suggestions, in the language of
        `locale`."""
        greeting = translate(GREETING, locale)
        post = self._client.chat_postMessage(channel=channel, thread_ts=thread, text=greeting)
        await self._try_call("greeting", post)
        await self._suggest(channel, thread, commands, locale)

    async def on_opened(
        self, channel: str, commands: Sequence[Command], locale: str | None
    ) -> None:
        """Show suggestions to a person who opens the direct messages, once per run."""
        if channel in self._greeted:
            return
        self._greeted[channel] = None
        await self._suggest(channel, None, commands, locale)

    async def _suggest(
        self, channel: str, thread: str | None, commands: Sequence[Command], locale: str | None
    ) -> None:
        if (found := suggested_prompts(commands)) and self.is_available("prompts"):
            request = self._client.assistant_threads_setSuggestedPrompts(
                channel_id=channel,
                thread_ts=thread,
                prompts=found,
                title=translate(_PROMPTS_TITLE, locale),
            )
            await self._try_call("prompts", request)

    async def _try_call(self, what: str, request: Awaitable[Any]) -> None:
        """Make an optional call; a permanent refusal is recorded under `what`."""
        try:
            await request
        except FAILURES as exc:
            _log.debug("slack.agent_call_failed", what=what, error=error_of(exc))
            if is_permanent(error_of(exc)):
                self.mark_unavailable(what, error_of(exc))


def _at(place: ConversationKey) -> Place:
    return place.channel, str(place.thread)


def _status(words: str, locale: str | None) -> str:
    """The status line for these words, which Slack shows after the app's name."""
    if not words:
        return ""
    if words.split()[0].rstrip(",").endswith("ing"):
        return to_single_line(f"is {words[0].lower()}{words[1:]}", _MAX_STATUS_CHARS)
    return to_single_line(
        translate(say("is working: {words}", words=words), locale), _MAX_STATUS_CHARS
    )


def _warnings(answer: Any) -> list[str]:
    """The warnings in Slack's answer to a successful call."""
    more = (answer.get("response_metadata") or {}).get("warnings") or []
    return [*str(answer.get("warning") or "").split(","), *map(str, more)]

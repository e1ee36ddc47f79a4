"""Reads earlier messages: the thread around a question, or the latest of a channel."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.inbound.files import Files
from bot.adapters.slack.inbound.text import (
    extract_answer,
    extract_markup,
    find_mentions,
    is_from_a_person,
    to_readable,
)
from bot.adapters.slack.inbound.users import PLATFORM, UserDirectory
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.catalogue.sentence import say
from bot.errors import Failed, NotFound, Refused, UserFacingError
from bot.events import ContextMessage, Reader

_log = structlog.get_logger(__name__)

_READ_TIMEOUT_S = 30.0
_MAX_PAGE_MESSAGES = 200
_MAX_THREAD_PAGE_MESSAGES = 900
_MAX_PAGES = 6
_BOT_NAME = "Parlance"
SlackMessage = Mapping[str, Any]


class HistoryReader:
    """Reads messages as context; at most `depth` messages of a thread go with a question."""

    def __init__(
        self,
        client: AsyncWebClient,
        users: UserDirectory,
        files: Files,
        *,
        depth: int,
        timeout_s: float,
    ) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._depth = depth
        self.users = users
        self.files = files

    async def readable_text(self, message: SlackMessage, own_id: str) -> str:
        """A message's text with names for mentions."""
        raw = extract_markup(message)
        others = [user for user in find_mentions(raw) if user != own_id]
        return to_readable(raw, own_id, await self.users.names(others) if others else None)

    async def read_thread_context(
        self, channel: str, root: str | None, own_id: str, before: str
    ) -> tuple[ContextMessage, ...]:
        """The newest messages of a thread before a question, oldest first.

        Empty if they cannot be read in time.
        """
        if root is None or root == before or not self._depth:
            return ()
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await _take_newest(
                    self._iterate_thread(channel, root, before, own_id), self._depth
                )
                return await self._to_context_messages(channel, found, own_id)
        except FAILURES as exc:
            _log.info("slack.context_lookup_failed", channel=channel, error=error_of(exc))
            return ()

    def make_reader(
        self, channel: str, root: str | None, own_id: str, ts: str | None = None
    ) -> Reader:
        """A reader of the newest messages of a thread, or of the channel if `root` is None.

        With `ts`, it reads those before that message. It raises a `UserFacingError` if Slack does
        not return them.
        """

        async def read(limit: int) -> Sequence[ContextMessage]:
            try:
                async with asyncio.timeout(_READ_TIMEOUT_S):
                    if root is None:
                        found = await self._fetch_latest(channel, ts, max(0, limit), own_id)
                    else:
                        pages = self._iterate_thread(channel, root, ts, own_id)
                        found = await _take_newest(pages, max(0, limit))
                    return await self._to_context_messages(channel, found, own_id)
            except FAILURES as exc:
                raise _explain_error(error_of(exc)) from exc

        return read

    def make_answer_reader(self, channel: str, root: str | None, own_id: str, ts: str) -> Reader:
        """A reader of the messages before an answer.

        In a thread that the question began, it reads the messages before the question.
        """
        here = self.make_reader(channel, root, own_id, ts)
        if root is None:
            return here
        above = self.make_reader(channel, None, own_id, root)

        async def read(limit: int) -> Sequence[ContextMessage]:
            found = await here(limit)
            own = f"{channel}:{root}"
            if any(
                not context_message.from_us and context_message.id != own
                for context_message in found
            ):
                return found
            return await above(limit)

        return read

    async def read_target(self, channel: str, message: SlackMessage, own_id: str) -> ContextMessage:
        """The message whose menu was used, with a reader of the thread that it begins."""
        ts, root = str(message["ts"]), message.get("thread_ts")
        begins = root == ts or (root is None and bool(message.get("reply_count")))
        who = str(message.get("user") or "")
        names = await self.users.names([who] if who and who != own_id else [])
        return ContextMessage(
            _author(message, own_id, names),
            extract_answer(message) if who == own_id else await self.readable_text(message, own_id),
            who == own_id,
            f"{channel}:{ts}",
            self.files.attachments_of(message),
            self.make_reader(channel, ts, own_id) if begins else None,
            _key(message),
        )

    async def fetch_message(self, channel: str, root: str, ts: str) -> SlackMessage | None:
        """The current version of a message; None if it is gone or cannot be read."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.conversations_replies(
                    channel=channel, ts=root, oldest=ts, latest=ts, inclusive=True, limit=2
                )
        except FAILURES as exc:
            _log.info("slack.message_lookup_failed", channel=channel, error=error_of(exc))
            return None
        found: list[SlackMessage] = answer.get("messages") or []
        return next((m for m in found if m.get("ts") == ts), None)

    # --- pages ----------------------------------------------------------------------------------

    async def _iterate_thread(
        self, channel: str, root: str, before: str | None, own_id: str
    ) -> AsyncGenerator[SlackMessage, None]:
        """The messages of a thread from its beginning, as Slack orders them."""
        more: dict[str, Any] = {"latest": before} if before else {}
        for _ in range(_MAX_PAGES):
            answer = await self._client.conversations_replies(
                channel=channel, ts=root, limit=_MAX_THREAD_PAGE_MESSAGES, **more
            )
            for message in answer.get("messages") or ():
                earlier = before is None or _sort_key(message.get("ts")) < _sort_key(before)
                # What another app said counts where the thread is about it: an alert, say.
                if earlier and (
                    _is_conversation(message, own_id) or _begins(message, root, own_id)
                ):
                    yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            more["cursor"] = cursor

    async def _fetch_latest(
        self, channel: str, before: str | None, limit: int, own_id: str
    ) -> Sequence[SlackMessage]:
        """The newest messages of a channel, oldest first."""
        found: list[SlackMessage] = []
        more: dict[str, Any] = {"latest": before} if before else {}
        for _ in range(_MAX_PAGES):
            answer = await self._client.conversations_history(
                channel=channel, limit=min(_MAX_PAGE_MESSAGES, limit + 10), **more
            )
            found += [m for m in answer.get("messages") or () if _is_conversation(m, own_id)]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if len(found) >= limit or not cursor:
                break
            more["cursor"] = cursor
        return found[:limit][::-1]

    async def _to_context_messages(
        self, channel: str, messages: Iterable[SlackMessage], own_id: str
    ) -> tuple[ContextMessage, ...]:
        kept = list(messages)
        users = [str(m.get("user") or "") for m in kept]
        users += [user for m in kept for user in find_mentions(extract_markup(m))]
        names = await self.users.names(user for user in users if user not in {"", own_id})
        return tuple(
            ContextMessage(
                _author(message, own_id, names),
                extract_answer(message)
                if from_us
                else to_readable(extract_markup(message), own_id, names),
                from_us,
                f"{channel}:{message.get('ts')}",
                () if from_us else self.files.attachments_of(message),
                by=_key(message),
            )
            for message in kept
            for from_us in (message.get("user") == own_id,)
        )


async def _take_newest(
    messages: AsyncGenerator[SlackMessage, None], limit: int
) -> Sequence[SlackMessage]:
    found: deque[SlackMessage] = deque(maxlen=limit)
    async with aclosing(messages) as every:
        async for message in every:
            found.append(message)
    return found


def _begins(message: SlackMessage, root: str, own_id: str) -> bool:
    return (
        message.get("ts") == root
        and message.get("user") != own_id
        and bool(extract_markup(message))
    )


def _is_conversation(message: SlackMessage, own_id: str) -> bool:
    """Whether a message counts as conversation: by a person, or a finished answer of the bot."""
    if message.get("user") == own_id:
        return bool(extract_answer(message))
    return is_from_a_person(message, own_id) and bool(
        extract_markup(message).strip() or message.get("files")
    )


def _author(message: SlackMessage, own_id: str, names: Mapping[str, str]) -> str:
    who = str(message.get("user") or "")
    if who == own_id:
        return _BOT_NAME
    app = (message.get("bot_profile") or {}).get("name") or message.get("username")
    return names.get(who) or str(app or who or "someone")


def _key(message: SlackMessage) -> str:
    """The author's key, as `Author.key`; empty if unknown."""
    who = str(message.get("user") or "")
    return f"{PLATFORM}:{who}" if who else ""


def _sort_key(ts: object) -> tuple[int, int]:
    """A time stamp in comparable form."""
    seconds, _, rest = str(ts or "0").partition(".")
    try:
        return int(seconds), int(rest or 0)
    except ValueError:
        return 0, 0


def _explain_error(error: str) -> UserFacingError:
    if error in {"not_in_channel", "channel_not_found", "no_permission", "access_denied"}:
        return Refused(say("I am not in this channel and cannot read it; invite me with /invite."))
    if error == "missing_scope":
        return Failed(
            say(
                "Slack does not let me read messages here; an admin has to install "
                "me again with the rights that I need."
            )
        )
    if error == "thread_not_found":
        return NotFound(say("That thread is no longer there."))
    return Failed(
        say("Slack did not hand the messages out just now; please try again in a minute.")
    )

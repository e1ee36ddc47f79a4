"""What was said before: a thread around a question, the last messages of a channel."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.inbound.files import Files
from bot.adapters.slack.inbound.text import answered, is_from_a_person, mentioned, readable, written
from bot.adapters.slack.inbound.users import PLATFORM, People
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.errors import Failed, NotFound, Refused, UserFacingError
from bot.events import ContextMessage, Reader

_log = structlog.get_logger(__name__)

_LOOKUP_S = 2.5
_READ_S = 30.0
_PAGE = 200
_LARGE_PAGE = 900
_PAGES = 6
_US = "Parlance"
Said = Mapping[str, Any]


class Reading:
    """Reads messages as quotes. `depth` is how many of a thread go with a question."""

    def __init__(self, client: AsyncWebClient, people: People, files: Files, *, depth: int) -> None:
        self._client = client
        self._depth = depth
        self.people = people
        self.files = files

    async def text(self, message: Said, us: str) -> str:
        """What a message says, with names for mentions."""
        raw = written(message)
        others = [user for user in mentioned(raw) if user != us]
        return readable(raw, us, await self.people.names(others) if others else None)

    async def around(
        self, channel: str, root: str | None, us: str, before: str
    ) -> tuple[ContextMessage, ...]:
        """The newest messages of a thread before a question, oldest first.

        What cannot be read in time is left out; the answer does not wait for it.
        """
        if root is None or root == before or not self._depth:
            return ()
        try:
            async with asyncio.timeout(_LOOKUP_S):
                found = await _newest(self._thread(channel, root, before, us), self._depth)
                return await self._quotes(channel, found, us)
        except FAILURES as exc:
            _log.info("slack.no_context", channel=channel, error=error_of(exc))
            return ()

    def before(self, channel: str, root: str | None, us: str, ts: str | None = None) -> Reader:
        """Reads the newest messages of a thread, or of the channel where `root` is None.

        With `ts`, those before that message.
        """

        async def read(limit: int) -> Sequence[ContextMessage]:
            try:
                async with asyncio.timeout(_READ_S):
                    if root is None:
                        found = await self._latest(channel, ts, max(0, limit), us)
                    else:
                        pages = self._thread(channel, root, ts, us)
                        found = await _newest(pages, max(0, limit))
                    return await self._quotes(channel, found, us)
            except FAILURES as exc:
                raise _explained(error_of(exc)) from exc

        return read

    def before_answer(self, channel: str, root: str | None, us: str, ts: str) -> Reader:
        """Reads what stood before an answer; in a thread that the question began, that is what
        stood before the question."""
        here = self.before(channel, root, us, ts)
        if root is None:
            return here
        above = self.before(channel, None, us, root)

        async def read(limit: int) -> Sequence[ContextMessage]:
            found = await here(limit)
            own = f"{channel}:{root}"
            if any(not quote.from_us and quote.id != own for quote in found):
                return found
            return await above(limit)

        return read

    async def target(self, channel: str, message: Said, us: str) -> ContextMessage:
        """A message whose menu was used; with its thread where it is the beginning of one."""
        ts, root = str(message["ts"]), message.get("thread_ts")
        begins = root == ts or (root is None and bool(message.get("reply_count")))
        who = str(message.get("user") or "")
        names = await self.people.names([who] if who and who != us else [])
        return ContextMessage(
            _author(message, us, names),
            answered(message) if who == us else await self.text(message, us),
            who == us,
            f"{channel}:{ts}",
            self.files.of(message),
            self.before(channel, ts, us) if begins else None,
            _key(message),
        )

    async def message(self, channel: str, root: str, ts: str) -> Said | None:
        """One message as it stands now; None where it is gone, or cannot be read."""
        try:
            async with asyncio.timeout(_LOOKUP_S):
                answer = await self._client.conversations_replies(
                    channel=channel, ts=root, oldest=ts, latest=ts, inclusive=True, limit=2
                )
        except FAILURES as exc:
            _log.info("slack.no_message", channel=channel, error=error_of(exc))
            return None
        found: list[Said] = answer.get("messages") or []
        return next((m for m in found if m.get("ts") == ts), None)

    # --- pages ----------------------------------------------------------------------------------

    async def _thread(
        self, channel: str, root: str, before: str | None, us: str
    ) -> AsyncGenerator[Said, None]:
        """The messages of a thread from its beginning, which is the order that Slack has."""
        more: dict[str, Any] = {"latest": before} if before else {}
        for _ in range(_PAGES):
            answer = await self._client.conversations_replies(
                channel=channel, ts=root, limit=_LARGE_PAGE, **more
            )
            for message in answer.get("messages") or ():
                earlier = before is None or _order(message.get("ts")) < _order(before)
                # What another app said counts where the thread is about it: an alert, say.
                if earlier and (_counts(message, us) or _begins(message, root, us)):
                    yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            more["cursor"] = cursor

    async def _latest(
        self, channel: str, before: str | None, limit: int, us: str
    ) -> Sequence[Said]:
        """The newest messages of a channel, which Slack gives newest first."""
        found: list[Said] = []
        more: dict[str, Any] = {"latest": before} if before else {}
        for _ in range(_PAGES):
            answer = await self._client.conversations_history(
                channel=channel, limit=min(_PAGE, limit + 10), **more
            )
            found += [m for m in answer.get("messages") or () if _counts(m, us)]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if len(found) >= limit or not cursor:
                break
            more["cursor"] = cursor
        return found[:limit][::-1]

    async def _quotes(
        self, channel: str, messages: Iterable[Said], us: str
    ) -> tuple[ContextMessage, ...]:
        kept = list(messages)
        people = [str(m.get("user") or "") for m in kept]
        people += [user for m in kept for user in mentioned(written(m))]
        names = await self.people.names(user for user in people if user not in {"", us})
        return tuple(
            ContextMessage(
                _author(message, us, names),
                answered(message) if from_us else readable(written(message), us, names),
                from_us,
                f"{channel}:{message.get('ts')}",
                () if from_us else self.files.of(message),
                by=_key(message),
            )
            for message in kept
            for from_us in (message.get("user") == us,)
        )


async def _newest(messages: AsyncGenerator[Said, None], limit: int) -> Sequence[Said]:
    found: deque[Said] = deque(maxlen=limit)
    async with aclosing(messages) as every:
        async for message in every:
            found.append(message)
    return found


def _begins(message: Said, root: str, us: str) -> bool:
    return message.get("ts") == root and message.get("user") != us and bool(written(message))


def _counts(message: Said, us: str) -> bool:
    """Whether a message is part of what was said: by people, or a whole answer of ours."""
    if message.get("user") == us:
        return bool(answered(message))
    return is_from_a_person(message, us) and bool(written(message).strip() or message.get("files"))


def _author(message: Said, us: str, names: Mapping[str, str]) -> str:
    who = str(message.get("user") or "")
    if who == us:
        return _US
    app = (message.get("bot_profile") or {}).get("name") or message.get("username")
    return names.get(who) or str(app or who or "someone")


def _key(message: Said) -> str:
    """Who said it, as `Author.key`."""
    who = str(message.get("user") or "")
    return f"{PLATFORM}:{who}" if who else ""


def _order(ts: object) -> tuple[int, int]:
    """A time stamp as something that can be compared."""
    seconds, _, rest = str(ts or "0").partition(".")
    try:
        return int(seconds), int(rest or 0)
    except ValueError:
        return 0, 0


def _explained(error: str) -> UserFacingError:
    if error in {"not_in_channel", "channel_not_found", "no_permission", "access_denied"}:
        return Refused("I am not in this channel and cannot read it; invite me with /invite.")
    if error == "missing_scope":
        return Failed(
            "Slack does not let me read messages here; an admin has to compare the app's scopes "
            "with `parlance manifest slack` and install it again."
        )
    if error == "thread_not_found":
        return NotFound("That thread is no longer there.")
    return Failed("Slack did not hand the messages out just now; please try again in a minute.")

"""Streams one message: text is only ever appended, and the footer comes last."""

from __future__ import annotations

from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.outbound.escaping import stable_prefix
from bot.adapters.slack.outbound.render import MAX_MARKDOWN_CHARS
from bot.adapters.slack.transport.errors import error_of
from bot.types import ConversationKey

STOPPED = "stopped_by_user"
"""Slack's error when the person has pressed Slack's own Stop."""
_OVER = frozenset({"message_not_in_streaming_state", STOPPED})
_BLANK = " \t"


def escaped_stable_prefix(page: str) -> str:
    """The part of a growing page that no later text can change, escaped.

    A code fence that is still open has been closed at the page's end, for the time being.
    """
    return stable_prefix(_without_fence(page))


def _without_fence(page: str) -> str:
    """The page without the fence's end in its last line."""
    marked = page.rstrip(_BLANK)
    for mark in "`~":
        rest = marked.rstrip(mark)
        if len(marked) - len(rest) >= 3:
            return rest.rstrip(_BLANK).removesuffix("\n")
    return page


class StreamOver(Exception):
    """Slack accepts no more text for this stream; `str(exc)` is its error."""


class Stream:
    """A message that text can be appended to.

    `sent` is what it shows. Slack ends a stream by itself after some minutes, and when the person
    presses Stop; the message stays and can be edited then, as any other.
    """

    def __init__(self, client: AsyncWebClient, channel: str, ts: str, sent: str) -> None:
        self._client = client
        self._channel = channel
        self.ts = ts
        self.sent = sent
        self.open = True

    @classmethod
    async def begin(
        cls, client: AsyncWebClient, place: ConversationKey, user: str, text: str
    ) -> Stream:
        """Post a streamed message that begins with `text`, in the thread of `place`."""
        first = text[:MAX_MARKDOWN_CHARS]
        answer = await client.chat_startStream(
            channel=place.channel,
            thread_ts=str(place.thread),
            recipient_user_id=user,
            recipient_team_id=place.workspace,
            markdown_text=first,
        )
        return cls(client, place.channel, str(answer["ts"]), first)

    async def grow(self, text: str) -> None:
        """Add what `text`, the whole so far, has more. A text that has changed before its end is
        left for `end`. Raises `StreamOver`."""
        while self.open and text.startswith(self.sent) and text != self.sent:
            more = text[len(self.sent) :][:MAX_MARKDOWN_CHARS]
            try:
                await self._client.chat_appendStream(
                    channel=self._channel, ts=self.ts, markdown_text=more
                )
            except SlackApiError as exc:
                self._look(exc)
                raise
            self.sent += more

    async def end(self, text: str, blocks: list[dict[str, Any]]) -> bool:
        """Close the message with the rest of `text`, and blocks below it.

        False where it does not show that now, and has to be edited.
        """
        try:
            rest = text[len(self.sent) :]
            if len(rest) > MAX_MARKDOWN_CHARS:
                await self.grow(text)
                rest = ""
            same = text.startswith(self.sent)
            await self._client.chat_stopStream(
                channel=self._channel,
                ts=self.ts,
                markdown_text=rest if same and rest else None,
                blocks=blocks if same and blocks else None,
            )
        except StreamOver:
            return False
        except SlackApiError as exc:
            try:
                self._look(exc)
            except StreamOver:
                return False
            raise
        self.open = False
        return same

    def _look(self, exc: SlackApiError) -> None:
        """Raise `StreamOver` where Slack says that the stream has ended."""
        if (error := error_of(exc)) in _OVER:
            self.open = False
            raise StreamOver(error) from exc

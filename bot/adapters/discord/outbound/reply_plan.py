"""Where the reply to an event is posted, as data, from which any process can make its sink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.first_reply import FirstReply
from bot.adapters.discord.outbound.port import ReplySink, make_sink
from bot.adapters.discord.outbound.poster import (
    ChannelPoster,
    DirectPoster,
    InteractionPoster,
    Poster,
)
from bot.adapters.discord.outbound.thread_poster import ThreadPoster
from bot.adapters.discord.transport.timing import Timing
from bot.replies.posted_messages import Background
from bot.replies.protocol import Replies
from bot.types import ConversationKey


@dataclass(frozen=True, slots=True)
class NewThread:
    """The thread that an answer opens; it is archived after so many minutes without a message."""

    title: str = field(repr=False)
    archive_after_min: int


@dataclass(frozen=True, slots=True)
class MessageReply:
    """The reply to a message in a channel (ids): there, or in a `thread` that it opens.

    `person` gets it as a direct message where the bot may not write in the channel; None in direct
    messages. `silent` says that the bot hears nothing more in the thread unless it is named.
    """

    channel: int
    message: int
    person: int | None = None
    thread: NewThread | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class InteractionToken:
    """What an application replies to an interaction with, until it ends at a time."""

    application: int
    token: str = field(repr=False)
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class InteractionReply:
    """The reply to an interaction in a channel (ids).

    `token` is None where Discord did not take the acknowledgement. `placeholder` is the message
    that acknowledging has made. Only the person who acted sees a `private` one. `person` gets it as
    a direct message where it can be posted nowhere else; None in direct messages.
    """

    channel: int
    person: int | None = None
    token: InteractionToken | None = None
    placeholder: int | None = None
    private: bool = False


@dataclass(frozen=True)
class ReplyMaker:
    """Makes the sinks of replies."""

    client_holder: ClientHolder
    replies: Replies
    timing: Timing
    background: Background

    def reply_to_message(self, plan: MessageReply, key: ConversationKey) -> ReplySink | FirstReply:
        """The reply to a message that is answered in the conversation `key`."""

        def sink(*first: Poster) -> ReplySink:
            posters = [*first, ChannelPoster(self.client_holder, plan.channel, plan.message)]
            if plan.person is not None:
                posters.append(DirectPoster(self.client_holder, plan.person, plan.channel))
            return self._make(posters, key, prompt=str(plan.message))

        if plan.thread is None:
            return FirstReply(sink(), None, lambda: True) if plan.silent else sink()
        thread = ThreadPoster(
            self.client_holder, plan.channel, plan.message, plan.thread.title,
            plan.thread.archive_after_min,
        )  # fmt: skip
        return FirstReply(sink(thread), sink(), lambda: plan.silent and thread.is_open)

    def posters_for(self, plan: InteractionReply) -> list[Poster]:
        """What posts the reply to an interaction, in the order to be tried."""
        posters: list[Poster] = []
        if plan.token is not None:
            left_s = (plan.token.ends_at - datetime.now(UTC)).total_seconds()
            posters.append(
                InteractionPoster(
                    self.client_holder, plan.token.application, plan.token.token, plan.channel,
                    min(left_s, self.timing.token_life), private=plan.private,
                )
            )  # fmt: skip
        if not plan.private:
            posters.append(ChannelPoster(self.client_holder, plan.channel))
        if plan.person is not None:
            posters.append(DirectPoster(self.client_holder, plan.person, plan.channel))
        return posters

    def reply_to_interaction(
        self,
        plan: InteractionReply,
        key: ConversationKey,
        posters: Sequence[Poster] | None = None,
        **more: Any,
    ) -> ReplySink:
        """The reply to an interaction; `posters` are its own, where the caller needs them, too, and
        `more` goes to `MessageSink`."""
        return self._make(
            self.posters_for(plan) if posters is None else posters, key,
            placeholder=plan.placeholder, private=plan.private, **more,
        )  # fmt: skip

    def _make(self, posters: Sequence[Poster], key: ConversationKey, **more: Any) -> ReplySink:
        return make_sink(
            posters, self.replies, key, self.timing, background=self.background, **more
        )

"""The messages of a reply on Discord: through an interaction, in a channel, or directly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import discord
import structlog

from bot.adapters.discord.outbound.poster import (
    ChannelPoster,
    DirectPoster,
    InteractionPoster,
    Poster,
)
from bot.adapters.discord.outbound.render import (
    CUT_OFF_TEXT,
    MAX_MESSAGE_CHARS,
    MAX_PAGE_CHARS,
    Payload,
    render,
)
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.payloads import DIRECT
from bot.adapters.discord.transport.rate_limits import refused_for_s
from bot.adapters.discord.transport.timing import Timing
from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.replies.edit_budget import EditBudget
from bot.replies.message_port import (
    Mark,
    MessageClosed,
    MessagePort,
    Method,
    PortError,
    PortRefused,
    RateLimited,
)
from bot.replies.message_sink import MessageSink
from bot.replies.protocol import Replies
from bot.types import ConversationKey, Limits, View

_log = structlog.get_logger(__name__)

_REFUSED_STATUSES = frozenset({401, 403, 404})
_MARKS: Mapping[Mark, str] = {"seen": "👀", "done": "✅", "failed": "⚠️"}
_UNKNOWN_MESSAGE_CODE = 10008
_NONCE_LIFE = timedelta(minutes=2)
"""How long the same nonce surely is the same message; Discord's word for it is "a few minutes"."""
ReplySink: TypeAlias = MessageSink[Payload]
_MOVED_NOTICE = say("-# The answer goes on below.")


@contextmanager
def _as_port_errors() -> Iterator[None]:
    """Raise discord.py's exceptions as a port's."""
    try:
        yield
    except discord.DiscordException as exc:
        if (wait_s := refused_for_s(exc)) is not None:
            raise RateLimited(str(exc), wait_s) from exc
        refused = getattr(exc, "status", 0) in _REFUSED_STATUSES
        raise (PortRefused if refused else PortError)(str(exc)) from exc
    except FAILURES as exc:
        raise PortError(str(exc) or type(exc).__name__) from exc


class DiscordPort(MessagePort[Payload]):
    """Posts at the first poster that Discord does not refuse; an interaction's token runs out.

    `prompt` is the id of the question's message, `asked_in` its channel. `placeholder` is the id of
    the message that deferring an interaction has made.
    """

    def __init__(
        self,
        posters: Sequence[Poster],
        timing: Timing,
        *,
        prompt: str = "",
        asked_in: ChannelPoster | None = None,
        placeholder: str | None = None,
        direct: bool = False,
    ) -> None:
        self._prompt = prompt
        self._turn = ""
        self._locale: str | None = None
        self.limits = Limits(
            max_chars=MAX_PAGE_CHARS,
            edit_interval_s=timing.edit_interval,
            reactions=asked_in is not None and bool(prompt),
        )
        self._use(posters)
        self._asked_in = asked_in
        self._poster_of: dict[str, Poster] = {}
        self._tried: dict[str, Payload] = {}
        self.adopt([placeholder] if placeholder is not None else [])
        self.direct = direct

    def render(self, view: View) -> Sequence[Payload]:
        return render(view, private=self.limits.ephemeral and not self.direct)

    async def prepare(self, view: View) -> None:
        self._turn, self._locale = view.turn, view.locale

    async def post(self, message: Payload, key: str) -> str:
        refused: PortRefused | None = None
        for poster in self._usable():
            try:
                with _as_port_errors():
                    id_ = str(await poster.send(message, self._turn, key))
            except PortRefused as exc:
                _log.info("discord.send_refused", turn=self._turn, error=str(exc)[:200])
                refused = exc
                continue
            except PortError:
                self._tried.setdefault(key, message)
                raise
            self._use([poster, *(other for other in self._posters if other is not poster)])
            self._poster_of[id_] = poster
            if self._tried.pop(key, message) != message:  # its earlier form may stand there
                await self.edit(id_, message)
            return id_
        raise refused or PortRefused(say("there is nowhere to post"))

    def expect(self, key: str, since: datetime) -> bool:
        return datetime.now(UTC) - since < _NONCE_LIFE

    def adopt(self, message_ids: Sequence[str]) -> None:
        self._poster_of |= dict.fromkeys(message_ids, self._posters[0])

    async def edit(self, message_id: str, message: Payload) -> None:
        poster = self._poster_of[message_id]
        if isinstance(poster, InteractionPoster) and poster.is_expired:
            await self._leave(poster, message_id)
        try:
            with _as_port_errors():
                await self._poster_of[message_id].edit(int(message_id), message, self._turn)
        except PortRefused as exc:
            gone = getattr(exc.__cause__, "code", 0) == _UNKNOWN_MESSAGE_CODE
            others = [other for other in self._posters if other is not poster]
            if gone or not isinstance(poster, InteractionPoster) or not others:
                raise
            self._use(others)  # the token is refused; the channel may take the edit
            self._poster_of[message_id] = others[0]
            await self.edit(message_id, message)

    async def delete(self, message_id: str) -> None:
        with _as_port_errors():
            await self._poster_of[message_id].delete(int(message_id))

    async def ephemeral(self, message: Payload) -> None:
        with _as_port_errors():
            for poster in self._posters:
                if isinstance(poster, InteractionPoster):
                    await poster.send_ephemeral(message, self._turn)
                    return
                if isinstance(poster, DirectPoster):  # the token has ended meanwhile
                    poster.place = None
                    await poster.send(message, self._turn, "")
                    return

    async def typing(self) -> None:
        if isinstance(poster := self._posters[0], ChannelPoster):
            with _as_port_errors():
                await poster.typing()

    async def react(self, mark: Mark, instead_of: Mark | None) -> None:
        if self._asked_in is not None:
            before = _MARKS[instead_of] if instead_of is not None else None
            with _as_port_errors():
                await self._asked_in.react(int(self._prompt), _MARKS[mark], before)

    def budget(self, method: Method, message_id: str = "") -> EditBudget | None:
        """The edits of a channel; an interaction has its own limits, and discord.py waits."""
        poster = self._poster_of.get(message_id, self._posters[0])
        return poster.edits if method == "edit" and isinstance(poster, ChannelPoster) else None

    def cut_off(self, shown: Payload | None) -> Payload:
        reason = translate(CUT_OFF_TEXT, self._locale)
        text = shown.content[: MAX_MESSAGE_CHARS - len(reason) - 1] if shown else ""
        return Payload(f"{text}\n{reason}".strip())

    def address(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        if not message_ids:
            return {}
        channel = self._poster_of.get(message_ids[-1], self._posters[0]).channel
        return {
            "channel": str(channel),
            "messages": ",".join(message_ids),
            "prompt": self._prompt,
        }

    def _usable(self) -> list[Poster]:
        """The posters in the order to be tried, without those whose token is too old."""
        left = [
            p for p in self._posters if not isinstance(p, InteractionPoster) or not p.is_expired
        ]
        if left and len(left) < len(self._posters):
            self._use(left)
        return list(self._posters)

    def _use(self, posters: Sequence[Poster]) -> None:
        """Set the posters; ephemeral messages belong to interactions."""
        self._posters = list(posters)
        ephemeral = any(isinstance(poster, InteractionPoster) for poster in posters)
        channel = isinstance(self._posters[0], ChannelPoster)
        self.limits = replace(self.limits, ephemeral=ephemeral, typing=channel)

    async def _leave(self, poster: Poster, message_id: str) -> None:
        """Change to ordinary messages before an interaction's token ends.

        The latest message says so, and is closed; a page before it can be edited in the channel.
        """
        if (others := self._usable())[0] is poster:
            return  # there is no other
        if message_id == next(reversed(self._poster_of)):
            moved = Payload(translate(_MOVED_NOTICE, self._locale))
            with suppress(PortError), _as_port_errors():
                await poster.edit(int(message_id), moved, self._turn)
            raise MessageClosed("the token ends")
        self._poster_of[message_id] = others[0]


def make_sink(
    posters: Sequence[Poster],
    replies: Replies,
    conversation: ConversationKey,
    timing: Timing,
    *,
    prompt: str = "",
    placeholder: int | None = None,
    private: bool = False,
    **more: Any,
) -> ReplySink:
    """The reply to an event; `more` goes to `MessageSink`. Only the asker sees what the posters of
    a `private` one post."""
    original = str(placeholder) if placeholder is not None else None
    channels = [poster for poster in posters if isinstance(poster, ChannelPoster)]
    port = DiscordPort(
        posters,
        timing,
        prompt=prompt,
        asked_in=next((poster for poster in channels if poster.answers(prompt)), None),
        placeholder=original,
        direct=private or conversation.workspace == DIRECT,
    )
    options = channels[0].reply_options if channels else None
    return MessageSink(
        port, replies, conversation, timing, placeholder=original, options=options, **more
    )

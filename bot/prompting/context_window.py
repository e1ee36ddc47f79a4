"""Fits a prompt into a model's context window.

The order is: system, history, then one last message with what was retrieved and the question. So
the part that stays the same from turn to turn comes first, and an engine that keeps its cache
reads only what is new. For the same reason history is not trimmed by one turn each time: when it
outgrows its room it is cut to half, and the cut then stays where it is until the room is full
again. Nothing stored is touched. A summary may stand behind the system prompt for what was cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from backends.base import ChatMessage, Picture
from backends.lru import LruDict
from bot.history.protocol import StoredMessage, Summary
from bot.prompting.prompt_measure import MARGIN_TOKENS, PromptMeasure
from bot.prompting.speakers import Speakers
from bot.prompting.stored_turns import group_exchanges, note_tools, to_chat_message
from bot.prompting.text_split import iter_spans, split_text

if TYPE_CHECKING:
    from bot.models.protocol import Models

DEFAULT_CONTEXT_TOKENS = 4096
"""Assumed where an engine does not tell its model's context, in tokens."""

DEFAULT_ANSWER_TOKENS = 2048
"""The longest answer, in tokens, where nothing else is configured."""

_DEFAULT_BLOCKS_SHARE = 0.7
_MAX_TOKEN_CHARACTERS = 16
"""A text of so many characters for each token does not fit, and tells how long its tokens are."""

_NO_SPEAKERS = Speakers()


@dataclass(frozen=True, slots=True)
class EarlierTurns:
    """What stands in a prompt for turns that have no room in it: a summary, as it is written."""

    summary: Summary
    text: str


ReadEarlier = Callable[[], Awaitable[Sequence[EarlierTurns]]]
"""Reads the summaries of a conversation, the newest first."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits. `blocks` says how many of the blocks are in it, `pictures` how many of
    the pictures; `max_tokens` is the room left for the answer; turns are counted one for a question
    and one for an answer. `summary` is of the turns before those that are in it, and `untold` are
    turns that neither are in it nor in the summary, the oldest first."""

    messages: tuple[ChatMessage, ...]
    max_tokens: int
    blocks: int = 0
    turns_used: int = 0
    turns_left_out: int = 0
    pictures: int = 0
    summary: Summary | None = None
    untold: tuple[StoredMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Pieces:
    """The first pieces of a text, and about how many more it has."""

    pieces: tuple[str, ...]
    more: int = 0


class Fitter:
    """Fits prompts, and remembers token counts and where each conversation was cut.

    What it remembers is a cache: bounded, lost at a restart, and never needed to be right.
    `answer_tokens` is how long an answer may become where its skill sets no limit.
    """

    def __init__(
        self,
        *,
        conversations: int = 4096,
        counts: int = 20_000,
        answer_tokens: int = DEFAULT_ANSWER_TOKENS,
    ) -> None:
        self.answer_tokens = answer_tokens
        self._cuts: LruDict[tuple[str, str], str] = LruDict(conversations)
        self._counts: LruDict[tuple[str, str, str], int] = LruDict(counts)
        self._frames: LruDict[str, tuple[int, int]] = LruDict(64)

    async def fit(
        self,
        models: Models,
        model: str,
        *,
        compose: Callable[[int], str],
        system: str = "",
        blocks: int = 0,
        history: Sequence[StoredMessage] = (),
        who: Speakers = _NO_SPEAKERS,
        answer_tokens: int | None = None,
        share: float | None = None,
        pictures: Sequence[Picture] = (),
        read_earlier: ReadEarlier | None = None,
    ) -> Fitted:
        """Make a prompt of as much as fits.

        `compose(n)` is the last message with the first n of the `blocks`, which are ranked: the
        later ones are left out first. `who` names the speakers of the history. `share` is how
        much of the room the last message may take up with blocks; by default 0.7 where there is
        history, else all. `answer_tokens` is the longest answer; by default what the window has
        room for, up to the limit of all answers. `pictures` go with the last message, as many of
        the first as fit. `read_earlier` is called where not all of the history fits. Raises
        `ContextOverflow` where the question alone is too long.
        """
        window = (await models.capabilities(model)).context or DEFAULT_CONTEXT_TOKENS
        longest = self.answer_tokens if answer_tokens is None else answer_tokens
        answer = max(1, min(longest, window // 4))
        measure = PromptMeasure(
            self.turn_tokens, models, model, window - answer - MARGIN_TOKENS, who
        )
        used, base, cost = await measure.blocks(
            system,
            compose,
            blocks,
            (_DEFAULT_BLOCKS_SHARE if history else 1.0) if share is None else share,
            pictures,
        )
        exchanges = [note_tools(group) for group in group_exchanges(history)]
        room = measure.budget - cost
        earlier = await self._earlier(measure, exchanges, room, read_earlier)
        if earlier.told:
            room -= await measure.count([ChatMessage("user", earlier.told[0][1].text)])
        start = await self._cut(measure, exchanges, room, earlier.first, keep=used == 0)
        while True:
            told, after = earlier.before(start)
            chosen = [turn for group in exchanges[start:] for turn in group]
            said = [to_chat_message(turn, who) for turn in chosen]
            messages = (*_with_summary(base[:-1], told), *said, base[-1])
            if start == len(exchanges) or await measure.fits(messages):
                break
            start += 1
        if answer_tokens is None and answer < longest:
            taken = await measure.estimate(messages, window - longest)
            answer = max(answer, min(longest, window - taken - MARGIN_TOKENS))
        return Fitted(
            messages,
            answer,
            used,
            len(chosen),
            len(history) - len(chosen),
            len(base[-1].pictures),
            told.summary if told is not None else None,
            tuple(turn for group in exchanges[after:start] for turn in group),
        )

    async def _earlier(
        self,
        measure: PromptMeasure,
        exchanges: Sequence[Sequence[StoredMessage]],
        room: int,
        read: ReadEarlier | None,
    ) -> _Earlier:
        """The summaries of a conversation that does not fit as a whole, with the place of each."""
        if read is None or not exchanges:
            return _Earlier()
        known = (measure.model, exchanges[0][0].conversation) in self._cuts
        if not known and await measure.start(exchanges, 0, room) == 0:
            return _Earlier()
        places = {group[0].id: n for n, group in enumerate(exchanges, 1)}
        found = [(places.get(one.summary.last, 0), one) for one in await read()]
        return _Earlier(tuple(found))

    async def _cut(
        self,
        measure: PromptMeasure,
        exchanges: Sequence[Sequence[StoredMessage]],
        room: int,
        told: int,
        *,
        keep: bool,
    ) -> int:
        """Index of the first exchange to use; where it is not known where the conversation was cut,
        it is looked for from `told` on. With `keep` the cut is remembered."""
        if not exchanges:
            return 0
        key = (measure.model, exchanges[0][0].conversation)
        cut = self._cuts.get(key)
        first = next((i for i, group in enumerate(exchanges) if group[0].id == cut), told)
        start = await measure.start(exchanges, first, room)
        if start > first:
            start = min(await measure.start(exchanges, start, room // 2), len(exchanges) - 1)
            if keep:
                self._cuts[key] = exchanges[start][0].id
        return start

    async def _frame(self, models: Models, model: str) -> tuple[int, int]:
        """Tokens of the template around one message, and of each further message."""
        known = self._frames.get(model)
        if known is None:
            one = [ChatMessage("user", "x")]
            more = [*one, ChatMessage("assistant", "x"), *one]
            single, triple = await models.count(model, one), await models.count(model, more)
            known = (single - 1, max(0, -(-(triple - single - 2) // 2)))
            self._frames[model] = known
        return known

    async def turn_tokens(
        self, models: Models, model: str, turn: StoredMessage, who: Speakers = _NO_SPEAKERS
    ) -> int:
        """About what a stored turn takes in a prompt; counted once."""
        key = (model, turn.id, who.names.get(turn.author, ""))
        known = self._counts.get(key)
        if known is None:
            around, each = await self._frame(models, model)
            known = await models.count(model, [to_chat_message(turn, who)]) - around + each
            self._counts[key] = known
        return known

    async def split(
        self, models: Models, model: str, text: str, tokens: int, *, most: int
    ) -> Pieces:
        """Cut a long text into pieces of at most `tokens` tokens, at paragraphs, lines, sentences
        or words, whichever is the largest that fits. Only the first `most` are made and counted."""
        around, _ = await self._frame(models, model)

        async def count(piece: str) -> int:
            if len(piece.encode()) <= tokens:
                return len(piece.encode())
            return await models.count(model, [ChatMessage("user", piece)]) - around

        sample = text[: tokens * _MAX_TOKEN_CHARACTERS]
        total = max(1, await count(sample))
        if total <= tokens and len(sample) == len(text):
            return Pieces((text,))
        width = max(16, int(len(sample) * min(1.0, tokens * 0.9 / total)))
        found, rest = await asyncio.to_thread(_first_pieces, text, width, most)
        pieces: list[str] = []
        waiting = found[::-1]
        while waiting and len(pieces) < most:
            piece = waiting.pop()
            if len(piece) > 16 and await count(piece) > tokens:
                waiting.extend(split_text(piece, max(16, len(piece) // 2))[::-1])
            else:
                pieces.append(piece)
        return Pieces(tuple(pieces), len(waiting) + -(-rest // width))


@dataclass(frozen=True, slots=True)
class _Earlier:
    """The summaries of a conversation, the newest first; each with the index of the first exchange
    that is not in it."""

    told: tuple[tuple[int, EarlierTurns], ...] = ()

    @property
    def first(self) -> int:
        return self.told[0][0] if self.told else 0

    def before(self, start: int) -> tuple[EarlierTurns | None, int]:
        """The newest that is about nothing from `start` on, and where it ends."""
        for place, one in self.told:
            if place <= start:
                return one, place
        return None, 0


def _with_summary(
    head: tuple[ChatMessage, ...], told: EarlierTurns | None
) -> tuple[ChatMessage, ...]:
    """The system prompt with a summary behind it: roles must take turns after it."""
    if told is None:
        return head
    if not head:
        return (ChatMessage("system", told.text),)
    return (replace(head[0], content=f"{head[0].content}\n\n{told.text}"),)


def _first_pieces(text: str, width: int, most: int) -> tuple[list[str], int]:
    """The first pieces of a text, and how many characters come after them."""
    places = list(islice(iter_spans(text, width), most))
    end = places[-1][1] if places else 0
    return [text[start:end] for start, end in places], len(text.rstrip()) - end

"""Fits a prompt into a model's context window.

The order is: system, history, then one last message with what was retrieved and the question. So
the part that stays the same from turn to turn comes first, and an engine that keeps its cache
reads only what is new. For the same reason history is not trimmed by one turn each time: when it
outgrows its room it is cut to half, and the cut then stays where it is until the room is full
again. Nothing stored is touched.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from backends.base import ChatMessage, Picture
from backends.errors import ContextOverflow
from backends.lru import LruDict
from backends.picture_tokens import max_picture_tokens
from bot.history.protocol import StoredMessage
from bot.prompting.speakers import Speakers
from bot.prompting.text_split import iter_spans, split_text

if TYPE_CHECKING:
    from bot.models.protocol import Models

DEFAULT_CONTEXT_TOKENS = 4096
"""Assumed where an engine does not tell its model's context, in tokens."""

DEFAULT_ANSWER_TOKENS = 2048
"""The longest answer, in tokens, where nothing else is configured."""

_CITATION = re.compile(r"[ \t]?\[\d{1,3}\]")
_QUOTE_SIGN = re.compile(r"^>[ \t]?", re.MULTILINE)

_MARGIN_TOKENS = 16
_MAX_MESSAGE_OVERHEAD_TOKENS = 16
_MAX_TEMPLATE_TOKENS = 64
"""More tokens than a chat template adds: for each message, and around all of them."""
_DEFAULT_BLOCKS_SHARE = 0.7
_MAX_NAMED_TOOLS = 8
_MAX_TOKEN_CHARACTERS = 16
"""A text of so many characters for each token does not fit, and tells how long its tokens are."""

_NO_SPEAKERS = Speakers()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits. `blocks` says how many of the blocks are in it, `pictures` how many of
    the pictures; `max_tokens` is the room left for the answer; turns are counted one for a question
    and one for an answer."""

    messages: tuple[ChatMessage, ...]
    max_tokens: int
    blocks: int = 0
    turns_used: int = 0
    turns_left_out: int = 0
    pictures: int = 0


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
    ) -> Fitted:
        """Make a prompt of as much as fits.

        `compose(n)` is the last message with the first n of the `blocks`, which are ranked: the
        later ones are left out first. `who` names the speakers of the history. `share` is how
        much of the room the last message may take up with blocks; by default 0.7 where there is
        history, else all. `answer_tokens` is the longest answer; by default what the window has
        room for, up to the limit of all answers. `pictures` go with the last message, as many of
        the first as fit. Raises `ContextOverflow` where the question alone is too long.
        """
        window = (await models.capabilities(model)).context or DEFAULT_CONTEXT_TOKENS
        longest = self.answer_tokens if answer_tokens is None else answer_tokens
        answer = max(1, min(longest, window // 4))
        measure = _Measure(self, models, model, window - answer - _MARGIN_TOKENS, who)
        used, base, cost = await measure.blocks(
            system,
            compose,
            blocks,
            (_DEFAULT_BLOCKS_SHARE if history else 1.0) if share is None else share,
            pictures,
        )
        exchanges = [_with_tools(group) for group in _exchanges(history)]
        room = measure.budget - cost
        start = await self._cut(measure, exchanges, room, keep=used == 0)
        while True:
            chosen = [turn for group in exchanges[start:] for turn in group]
            messages = (*base[:-1], *(_message(turn, who) for turn in chosen), base[-1])
            if start == len(exchanges) or await measure.fits(messages):
                break
            start += 1
        if answer_tokens is None and answer < longest:
            taken = await measure.estimate(messages, window - longest)
            answer = max(answer, min(longest, window - taken - _MARGIN_TOKENS))
        return Fitted(
            messages,
            answer,
            used,
            len(chosen),
            len(history) - len(chosen),
            len(base[-1].pictures),
        )

    async def _cut(
        self,
        measure: _Measure,
        exchanges: Sequence[Sequence[StoredMessage]],
        room: int,
        *,
        keep: bool,
    ) -> int:
        """Index of the first exchange to use. With `keep` the cut is remembered."""
        if not exchanges:
            return 0
        key = (measure.model, exchanges[0][0].conversation)
        split_text = self._cuts.get(key)
        first = next((i for i, group in enumerate(exchanges) if group[0].id == split_text), 0)
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
            known = await models.count(model, [_message(turn, who)]) - around + each
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


class _Measure:
    """Counts the tokens of one prompt against its budget, with one model's tokenizer."""

    def __init__(
        self, fitter: Fitter, models: Models, model: str, budget: int, who: Speakers
    ) -> None:
        self._fitter, self._models, self._who = fitter, models, who
        self.model, self.budget = model, budget

    async def fits(self, messages: Sequence[ChatMessage], budget: int | None = None) -> bool:
        limit = self.budget if budget is None else budget
        return _max_tokens(messages) <= limit or await self.count(messages) <= limit

    async def estimate(self, messages: Sequence[ChatMessage], enough: int) -> int:
        """What the messages take, with something to spare as some engines estimate; at most that,
        if it is not more than `enough`."""
        most = _max_tokens(messages) + _MARGIN_TOKENS
        if most <= enough:
            return most
        counted = await self.count(messages)
        return counted + counted // 8

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        return await self._models.count(self.model, messages)

    async def blocks(
        self,
        system: str,
        compose: Callable[[int], str],
        blocks: int,
        share: float,
        pictures: Sequence[Picture] = (),
    ) -> tuple[int, tuple[ChatMessage, ...], int]:
        """How many blocks fit, the messages without history, and what they take."""
        head = (ChatMessage("system", system),) if system else ()
        seen = tuple(pictures)

        def base(n: int) -> tuple[ChatMessage, ...]:
            return (*head, ChatMessage("user", compose(n), pictures=seen))

        while seen and not await self.fits(base(0)):
            seen = seen[:-1]
        room = int(self.budget * share)
        low, high = 0, blocks
        while low < high:
            middle = (low + high + 1) // 2
            if await self.fits(base(middle), room):
                low = middle
            else:
                high = middle - 1
        chosen = base(low)
        cost = _max_tokens(chosen)
        if cost > self.budget // 4:  # a bound is enough while there is room to spare
            cost = await self.count(chosen)
        if cost > self.budget:
            raise ContextOverflow(cost, self.budget)
        return low, chosen, cost

    async def start(
        self, exchanges: Sequence[Sequence[StoredMessage]], first: int, room: int
    ) -> int:
        """The earliest exchange from `first` on from which everything to the end fits the room."""
        texts = [turn for group in exchanges[first:] for turn in group]
        if (
            sum(
                len(_spoken_text(turn, self._who).encode()) + _MAX_MESSAGE_OVERHEAD_TOKENS
                for turn in texts
            )
            <= room
        ):
            return first
        taken = 0
        for index in range(len(exchanges) - 1, first - 1, -1):
            for turn in exchanges[index]:
                taken += await self._fitter.turn_tokens(self._models, self.model, turn, self._who)
            if taken > room:
                return index + 1
        return first


def _first_pieces(text: str, width: int, most: int) -> tuple[list[str], int]:
    """The first pieces of a text, and how many characters come after them."""
    places = list(islice(iter_spans(text, width), most))
    end = places[-1][1] if places else 0
    return [text[start:end] for start, end in places], len(text.rstrip()) - end


def _max_tokens(messages: Sequence[ChatMessage]) -> int:
    """An upper bound of tokens without asking the model: no token is shorter than a byte."""
    return (
        max_picture_tokens(messages)
        + _MAX_TEMPLATE_TOKENS
        + sum(len(m.content.encode()) + _MAX_MESSAGE_OVERHEAD_TOKENS for m in messages)
    )


def _exchanges(history: Sequence[StoredMessage]) -> list[list[StoredMessage]]:
    """Turns in groups that begin with a person's; what comes before the first is left out."""
    groups: list[list[StoredMessage]] = []
    for turn in history:
        if turn.role == "user":
            groups.append([turn])
        elif groups and turn.text.strip():
            groups[-1].append(turn)
    return [group for group in groups if len(group) > 1]


def _with_tools(group: list[StoredMessage]) -> list[StoredMessage]:
    """An exchange whose question says which tools were called for its answer. A line in the answer
    itself would be imitated."""
    why = next((turn.explanation for turn in reversed(group) if turn.explanation is not None), None)
    if why is None or not why.steps:
        return group
    names = list(dict.fromkeys(step.partition(" (")[0] for step in why.steps))
    called = ", ".join(names[:_MAX_NAMED_TOOLS])
    noted = replace(group[0], text=f"{group[0].text}\n(For this you called: {called}.)")
    return [noted, *group[1:]]


def _spoken_text(turn: StoredMessage, who: Speakers) -> str:
    return who.said(turn.author, turn.text) if turn.role == "user" else turn.text


def _message(turn: StoredMessage, who: Speakers) -> ChatMessage:
    text = _spoken_text(turn, who)
    if turn.role == "assistant" and turn.explanation is not None and turn.explanation.passages:
        # Its citations point to passages that this prompt does not have, and would be imitated.
        text = _QUOTE_SIGN.sub("", _CITATION.sub("", text)).strip() or text
    return ChatMessage(turn.role, text)

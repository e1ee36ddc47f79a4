"""Counts the tokens of a prompt against its budget, with the tokenizer of the model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from backends.base import ChatMessage, Picture
from backends.errors import ContextOverflow
from backends.picture_tokens import max_picture_tokens
from bot.history.protocol import StoredMessage
from bot.prompting.speakers import Speakers
from bot.prompting.stored_turns import spoken_text

if TYPE_CHECKING:
    from bot.models.protocol import Models

MARGIN_TOKENS = 16
_MAX_MESSAGE_OVERHEAD_TOKENS = 16
_MAX_TEMPLATE_TOKENS = 64
"""More tokens than a chat template adds: for each message, and around all of them."""

TurnTokens = Callable[["Models", str, StoredMessage, Speakers], Awaitable[int]]
"""About what a stored turn takes in a prompt."""


class PromptMeasure:
    """Counts the tokens of one prompt against its budget, with one model's tokenizer."""

    def __init__(
        self, turn_tokens: TurnTokens, models: Models, model: str, budget: int, who: Speakers
    ) -> None:
        self._turn_tokens, self._models, self._who = turn_tokens, models, who
        self.model, self.budget = model, budget

    async def fits(self, messages: Sequence[ChatMessage], budget: int | None = None) -> bool:
        limit = self.budget if budget is None else budget
        return _max_tokens(messages) <= limit or await self.count(messages) <= limit

    async def estimate(self, messages: Sequence[ChatMessage], enough: int) -> int:
        """What the messages take, with something to spare as some engines estimate; at most that,
        if it is not more than `enough`."""
        most = _max_tokens(messages) + MARGIN_TOKENS
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
                len(spoken_text(turn, self._who).encode()) + _MAX_MESSAGE_OVERHEAD_TOKENS
                for turn in texts
            )
            <= room
        ):
            return first
        taken = 0
        for index in range(len(exchanges) - 1, first - 1, -1):
            for turn in exchanges[index]:
                taken += await self._turn_tokens(self._models, self.model, turn, self._who)
            if taken > room:
                return index + 1
        return first


def _max_tokens(messages: Sequence[ChatMessage]) -> int:
    """An upper bound of tokens without asking the model: no token is shorter than a byte."""
    return (
        max_picture_tokens(messages)
        + _MAX_TEMPLATE_TOKENS
        + sum(len(m.content.encode()) + _MAX_MESSAGE_OVERHEAD_TOKENS for m in messages)
    )

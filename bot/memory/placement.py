"""Which memories stand in a prompt, and where in it.

Those that were kept before a conversation began stand at the beginning of its prompts, the same
in each, so that an engine can go on from its cache; where not all have room, those that fit the
first question of the conversation. The others stand with the question, as many as have room: those
that came since, those of the person who asks where several speak, and those that fit it best.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from backends.base import Capabilities, ChatMessage
from bot.commands.checks import Asker
from bot.history.protocol import StoredMessage
from bot.memory.memories import Memories, Memory, Owner
from bot.models.protocol import Models
from bot.prompting.context_window import DEFAULT_CONTEXT_TOKENS
from bot.prompting.speakers import plain_name, quoted

Relevance = Callable[[str, Sequence[str]], Awaitable[Sequence[float]]]
MAX_PROMPT_TOKENS: Final = 500
"""Most tokens of memories in a prompt."""
_MAX_WINDOW_SHARE: Final = 1 / 8
_BEGINNING_SHARE: Final = 0.6
"""The part of these tokens that the beginning of a prompt may take; the rest is for what is new."""


@dataclass(frozen=True, slots=True)
class PlacedMemories:
    """The memories of a prompt, the oldest first: those at its beginning, and those that stand with
    the question."""

    beginning: tuple[Memory, ...] = ()
    question: tuple[Memory, ...] = ()


class Renderer(Protocol):
    """Renders prompt templates, as `bot.skills.services.Prompts` does."""

    def render(self, task: str, model: Capabilities | str = "", /, **values: Any) -> str: ...


async def place_memories(
    kept: Memories,
    models: Models,
    model: str,
    asker: Asker,
    history: Sequence[StoredMessage],
    question: str,
    *,
    several: bool,
    relevance: Relevance,
) -> PlacedMemories:
    """Choose the memories for the prompt of a person who asks: those that fit the question best, as
    many as have room; of equals the newest.

    `history` is the conversation so far, the oldest first; with `several` people speak in it.
    `relevance` tells how well each of several texts fits a question.
    """
    own: Sequence[Memory] = ()
    if await kept.enabled(asker.author.key):
        own = await kept.of(Owner(person=asker.author.key))
    shared: Sequence[Memory] = ()
    if not asker.direct:
        shared = await kept.of(Owner(place=asker.conversation.scope("channel")))
    if not own and not shared:
        return PlacedMemories()
    began = history[0].at if history else None
    old = [one for one in (*shared, *own) if began is None or one.at <= began]
    first = [one for one in old if one.place or not several]
    window = (await models.capabilities(model)).context or DEFAULT_CONTEXT_TOKENS
    room = min(MAX_PROMPT_TOKENS, int(window * _MAX_WINDOW_SHARE))
    at_first = int(room * _BEGINNING_SHARE)
    opening = history[0].text if history else question
    fits = _Fits(models, model, relevance)
    beginning = await fits.best(opening, first, at_first)
    later = [one for one in (*shared, *own) if one not in beginning]
    return PlacedMemories(beginning, await fits.best(question, later, room - at_first))


def render_memories(prompts: Renderer, model: Capabilities, shown: Sequence[Memory]) -> str:
    """The memories as text of a prompt, between marks; empty if there are none."""
    if not shown:
        return ""
    return prompts.render("memory", model, **memory_values(shown))


def memory_values(shown: Sequence[Memory]) -> dict[str, str]:
    """What the template `memory` is given: the lines of the person's own, and of the place's."""
    own = "\n".join(one.text for one in shown if not one.place)
    return {"own": own, "shared": "\n".join(_shared_lines(shown))}


def _shared_lines(shown: Sequence[Memory]) -> list[str]:
    return [quoted(plain_name(one.name), one.text) for one in shown if one.place]


@dataclass(frozen=True, slots=True)
class _Fits:
    models: Models
    model: str
    relevance: Relevance

    async def best(self, question: str, found: Sequence[Memory], tokens: int) -> tuple[Memory, ...]:
        """As many of those that fit a question best as have room, in the order of their age."""
        if await self._fit(found, tokens):
            return tuple(sorted(found, key=lambda one: one.id))
        scores = await self.relevance(question, [one.text for one in found])
        by_id = {one.id: score for one, score in zip(found, scores, strict=True)}
        ranked = sorted(found, key=lambda one: (by_id[one.id], one.id), reverse=True)
        low, high = 0, len(ranked) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if await self._fit(ranked[:middle], tokens):
                low = middle
            else:
                high = middle - 1
        return tuple(sorted(ranked[:low], key=lambda one: one.id))

    async def _fit(self, found: Sequence[Memory], tokens: int) -> bool:
        text = "\n".join(
            [*(one.text for one in found if not one.place), *_shared_lines(found)]
        )  # no token is shorter than a byte
        return len(text.encode()) <= tokens or (
            await self.models.count(self.model, [ChatMessage("user", text)]) <= tokens
        )

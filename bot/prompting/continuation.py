"""Makes a prompt from which an answer that was cut goes on, and takes out what it says again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backends.base import ChatMessage, Sampling
from bot.history.protocol import Cut
from bot.models.protocol import Models
from bot.prompting.context_window import DEFAULT_CONTEXT_TOKENS

INSTRUCTION = (
    "Your last answer was cut off. Go on exactly where it stops, in the same form. "
    "Write only what is missing, without any words before it."
)
_MARGIN_TOKENS = 16
_MIN_KEPT_CHARACTERS = 400
"""How much of the beginning of an answer is shown at least, in a context that is full."""
_MAX_REPEATED_CHARACTERS = 2_000
_MIN_REPEATED_CHARACTERS = 6
_BEGINNING = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class ContinuedPrompt:
    """A prompt behind which an answer goes on. `begun` is what there is of the answer, `tokens` are
    its ids, and `repeats` says that the model may begin with words that are there already."""

    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    tokens: tuple[int, ...] = ()
    begun: str = ""
    repeats: bool = False


async def continue_prompt(
    models: Models, model: str, messages: Sequence[ChatMessage], sampling: Sampling, cut: Cut
) -> ContinuedPrompt:
    """Put the beginning of an answer behind its prompt.

    A model that goes on from a message of its own gets it as such; another one is told to go on.
    Where the context is too small, the oldest turns are left out first, then the beginning of the
    answer.
    """
    can = await models.capabilities(model)
    window = can.context or DEFAULT_CONTEXT_TOKENS
    room = min(sampling.answer_tokens, window // 4)
    kept, begun = list(messages), cut.text

    def compose() -> tuple[ChatMessage, ...]:
        prompt = (*kept, ChatMessage("assistant", begun))
        return prompt if can.continues else (*prompt, ChatMessage("user", INSTRUCTION))

    while (used := await models.count(model, compose())) > window - room - _MARGIN_TOKENS:
        first = 1 if kept[0].role == "system" else 0
        if len(kept) - first > 2:
            del kept[first : first + 2]
        elif len(begun) > _MIN_KEPT_CHARACTERS:
            begun = begun[len(begun) // 2 :]
        else:
            break
    left = max(room, window - used - used // 8 - _MARGIN_TOKENS)
    same = begun == cut.text and model == cut.model and can.continues
    return ContinuedPrompt(
        compose(),
        replace(sampling, max_tokens=min(sampling.answer_tokens, left)),
        cut.tokens if same else (),
        cut.text,
        repeats=not can.continues,
    )


class RepetitionFilter:
    """Takes the words of `before` from the beginning of what follows, while it streams.

    A model that is told to go on may begin with its last line, or with everything, once more.
    """

    def __init__(self, before: str) -> None:
        tail = before[-_MAX_REPEATED_CHARACTERS:]
        starts = (match.start() for match in _BEGINNING.finditer(tail))
        self._known = [before, *(tail[at:] for at in starts)]
        self._held = ""
        self._done = not before.strip()

    def feed(self, text: str) -> str:
        """What can be shown of what has come so far."""
        if self._done:
            return text
        self._held += text
        said = self._held.lstrip()
        self._known = [
            one for one in self._known if one.startswith(said) or said.startswith(one.rstrip())
        ]
        whole = [one for one in self._known if said.startswith(one.rstrip())]
        if self._known and len(whole) < len(self._known):
            return ""
        self._done = True
        longest = max(
            (one.rstrip() for one in whole if len(one) >= _MIN_REPEATED_CHARACTERS),
            key=len,
            default="",
        )
        return said.removeprefix(longest) if longest else self._held

    def finish(self) -> str:
        """The answer is over: what was held back, unless it is all there already."""
        if self._done:
            return ""
        self._done = True
        said = self._held.strip()
        repeated = len(said) >= _MIN_REPEATED_CHARACTERS and self._known
        return "" if repeated else self._held

"""The parts of a script for `ScriptedBackend`: replies, failures and options."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from backends.arrays import np
from backends.base import ChatMessage, Embeddings, EngineOptions
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)

Failure = Literal[
    "unavailable", "timeout", "busy", "protocol", "overflow", "invalid", "deadline", "not_found"
]

FAILURE_ERRORS: Mapping[Failure, Callable[[], BackendError]] = {
    "unavailable": lambda: BackendUnavailable("The scripted engine cannot be reached."),
    "timeout": lambda: BackendTimeout("The scripted engine kept silent for too long."),
    "busy": lambda: BackendBusy(1.0),
    "protocol": lambda: BackendProtocolError("The scripted engine answered something odd."),
    "overflow": lambda: ContextOverflow(100_000, 2_048),
    "invalid": lambda: InvalidRequest("The scripted engine refuses this request."),
    "deadline": lambda: DeadlineExceeded("The answer was not complete in time."),
    "not_found": lambda: ModelNotFound("The scripted model does not exist."),
}
"""Makes the error of each kind that a script can name."""


FOREVER_S = float("inf")


class ScriptedCall(BaseModel):
    """A tool call in a script."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    arguments: Mapping[str, Any] = Field(default_factory=dict)


class Reply(BaseModel):
    """One answer of a script.

    With `match` (a substring, case ignored) or `regex` it answers every last message that matches;
    without either it is used once, in its turn. `error` is raised after `fail_after` tokens (0 is
    before the first); after `stall_after` tokens the engine sends nothing more. `{text}` in `text`
    stands for the last message, and `{result:NAME}` for what the tool NAME returned last.

    `then` answers what tools returned to the calls of a reply with a match: the first that matches
    the last result, else those without a match, one after another.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = ""
    match: str | None = None
    regex: str | None = None
    tool_calls: tuple[ScriptedCall, ...] = ()
    error: Failure | None = None
    fail_after: int = Field(default=0, ge=0)
    stall_after: int | None = Field(default=None, ge=0)
    then: tuple[Reply, ...] = ()

    def __init__(self, text: str = "", **fields: Any) -> None:
        super().__init__(text=text, **fields)

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return value

    @field_validator("then", mode="before")
    @classmethod
    def _plain_strings(cls, value: Any) -> Any:
        return _as_replies(value)

    @property
    def in_turn(self) -> bool:
        """Whether this reply is used in its turn, and not for a matching message."""
        return self.match is None and self.regex is None

    def fits(self, text: str) -> bool:
        """Return whether this reply answers a last message of `text`."""
        if self.match is not None and self.match.casefold() not in text.casefold():
            return False
        return self.regex is None or re.search(self.regex, text) is not None

    def following(self, result: str, steps: int) -> Reply:
        """Return the reply to `result`, the last that a tool returned, after `steps` answers with
        calls."""
        for one in self.then:
            if not one.in_turn and one.fits(result):
                return one
        plain = [one for one in self.then if one.in_turn]
        return plain[min(steps, len(plain)) - 1] if plain else Reply()


def _as_replies(value: Any) -> Any:
    """The replies of a script, which may be plain strings."""
    if isinstance(value, str):
        value = (value,)
    if isinstance(value, Sequence):
        return tuple(Reply(item) if isinstance(item, str) else item for item in value)
    return value


class ScriptedOptions(EngineOptions):
    """Keys of a model with `backend: scripted`. Times in seconds; `tokens_per_s: null` is at once.

    `replies` may hold plain strings; with `cycle` those without a match start again when all are
    used, else `echo` answers from then on. `parallel` is how many answers run side by side (0: any
    number), `queue` how many more may wait. With `down` every request fails so, and health says it.
    With `continues` an answer goes on behind its beginning, where that is the last message; with
    `copies` it can be held to copied text. `reads` says whether it is a reader of passages,
    `vision` whether it takes pictures, `tools` whether it takes tools by itself.
    """

    replies: tuple[Reply, ...] = ()
    cycle: bool = False
    echo: str = "You said: {text}"
    tokens_per_s: float | None = Field(default=None, gt=0)
    first_token_s: float = Field(default=0.0, ge=0)
    context: int = Field(default=8_192, ge=1)
    dimension: int = Field(default=384, ge=2)
    parallel: int = Field(default=0, ge=0)
    queue: int = Field(default=1_000, ge=0)
    down: Failure | None = None
    continues: bool = True
    copies: bool = True
    reads: bool | None = False
    vision: bool = False
    tools: bool = True
    family: str = ""

    @field_validator("replies", mode="before")
    @classmethod
    def _plain_strings(cls, value: Any) -> Any:
        return _as_replies(value)


def split_words(text: str) -> list[str]:
    """Split an answer into its tokens: words with the space before them; joined, they give
    `text`.
    """
    return re.findall(r"\s*\S+|\s+$", text)


def split_prompt(messages: Sequence[ChatMessage]) -> list[str]:
    """Split a prompt into its tokens: one for each message's role, and the words."""
    return [
        word for message in messages for word in (f"<{message.role}>", *message.content.split())
    ]


_FUNCTION_WORD_WEIGHT = 0.2
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about again am an and any are at be been by can could did do does for from had has have "
        "he her here his how i if in into is it its me my no not of on or our out she should so "
        "some that the their them then there they this to up us was we were what when where which "
        "who why will with would you your",
    )
)


def hash_words(text: str, dimension: int) -> Embeddings:
    """Return a unit vector, shape (dimension,), from the hashes of the words in `text`. As with a
    model that understands them, words that say nothing by themselves hardly count."""
    row = np.zeros(dimension, dtype=np.float32)
    for word in re.findall(r"\w+", text.casefold()):
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        weight = _FUNCTION_WORD_WEIGHT if word in _FUNCTION_WORDS else 1.0
        row[int.from_bytes(digest[:7]) % dimension] += weight if digest[7] & 1 else -weight
    norm = np.linalg.norm(row)
    if norm == 0.0:  # no word at all, or words that cancel each other out
        row[0] = norm = np.float32(1.0)
    return row / np.float32(norm)


async def pause(seconds: float, ends: float | None) -> None:
    """Sleep, or at least yield to other tasks. Raises `DeadlineExceeded` once `ends` has passed."""
    left = FOREVER_S if ends is None else max(0.0, ends - time.perf_counter())
    if seconds == left == FOREVER_S:
        await asyncio.Event().wait()
    await asyncio.sleep(min(seconds, left))
    if ends is not None and time.perf_counter() >= ends:
        raise FAILURE_ERRORS["deadline"]()

"""The models as skills see them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from backends.base import Capabilities, ChatMessage, ChatRequest, Chunk, ReaderCurve
from backends.files.catalog import CATALOG
from bot.catalogue.sentence import say
from bot.errors import NotFound, nearest
from bot.types import ConversationKey, Scope
from bot.values import ModelInfo


class Models(Protocol):
    """The models that can answer, and which one answers where."""

    def names(self) -> Sequence[str]:
        """Names of the models that can chat, in config.yaml's order."""
        ...

    async def current(
        self, conversation: ConversationKey, person: str | None = None
    ) -> tuple[str, Scope]:
        """The model that answers a person (`Author.key`) here, and the scope whose choice that is.

        Without a person, what one chose for themselves is left out.
        """
        ...

    async def use(self, name: str, scope: Scope, conversation: ConversationKey, by: str) -> None:
        """Choose a model. Raises `NotFound`, or `Failed` if it cannot answer; the old one stays.

        `by` is the `Author.key` of the person who chooses; the scope `person` is theirs.
        """
        ...

    async def describe(self) -> Sequence[ModelInfo]:
        """Every model with its state, in config.yaml's order; loads none."""
        ...

    async def capabilities(self, model: str) -> Capabilities:
        """What a model can do; may load it. Raises `BackendError`."""
        ...

    async def found_reading(
        self, model: str, *, reads: bool, curve: ReaderCurve | None = None
    ) -> None:
        """Keep whether a model was found to read passages rightly (`Capabilities.reads`), and how
        sure it is then; without a curve the one that is known stays."""
        ...

    async def count(self, model: str, messages: Sequence[ChatMessage]) -> int:
        """Tokens of a prompt, in the model's own tokens."""
        ...

    def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream an answer. Raises `BackendError`."""
        ...


PullState = Literal["looking", "fetching", "trying", "continues", "ready"]


@dataclass(frozen=True, slots=True)
class PullStep:
    """How far the fetch of a model is, in bytes; `total` is 0 where nobody says.

    The last step is "ready", with the model's name and the tokens that it writes in a second (0 if
    unknown), or "continues" where the patience ended first.
    """

    state: PullState
    name: str
    done: int = 0
    total: int = 0
    written_per_s: float = 0.0


class ModelPulls(Protocol):
    """Fetches further models while the bot runs."""

    def served(self, text: str) -> str | None:
        """Return the name of the model that a text such as `qwen3-4b` or `hf:owner/repo` means,
        None if it has not been fetched. Raises `NotFound` and `UsageError` for other texts."""
        ...

    def pull(self, text: str, by: str, patience_s: float) -> AsyncGenerator[PullStep, None]:
        """Fetch a model, try it out and serve it; `by` is the `Author.key` of whoever asks.

        After `patience_s` seconds it goes on by itself; closed before, it is stopped. Raises
        `Refused`, `Failed`, `NotFound` and `UsageError`.
        """
        ...


def catalog_chat_models() -> Sequence[str]:
    """Return the models of the catalogue that can answer, by name, the smallest first."""
    able = sorted((one for one in CATALOG if one.purpose == "chat"), key=lambda one: one.memory_mb)
    return [one.name for one in able]


def catalog_tool_models(most: int = 3) -> Sequence[str]:
    """Return the smallest models of the catalogue that can use tools, by name."""
    able = sorted((one for one in CATALOG if one.tools), key=lambda one: one.memory_mb)
    return [one.name for one in able[:most]]


def unknown_model(name: str, known: Sequence[str]) -> NotFound:
    """The error for a name that no model has, with the nearest of those that are known."""
    near = nearest(name, known)
    hint = say(" Did you mean {near}?", near=near) if near else ""
    return NotFound(
        say("There is no model named {name!r}.{hint} See /model list.", name=name[:60], hint=hint)
    )

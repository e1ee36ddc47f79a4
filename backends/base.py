"""The `Backend` protocol that every engine implements, and the values that cross it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel, ConfigDict

from backends.usage import Usage as Usage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]
Intent = Literal["close", "varied"]
"""What an answer is to be like, where a skill leaves the numbers to the model: `close` to the text
it is given, or `varied`."""

DEFAULT_ANSWER_TOKENS = 512
"""The longest answer of a request that sets no limit, where no pool sets one, in tokens."""

Embeddings: TypeAlias = "npt.NDArray[np.float32]"
"""float32, shape (n, dim), every row of unit length."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model asks to be run; `arguments` is the parsed JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UnreadCall:
    """A call of a tool by its name whose arguments cannot be read; `written` is its text."""

    name: str
    written: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool offered to the model; `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for a model that sees: a JPEG or PNG file, upright, and its size in pixels.

    The data is base64: it passes through JSON on its way to every engine.
    """

    base64: str = field(repr=False)
    media_type: Literal["image/jpeg", "image/png"]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a prompt. `pictures` are for models with `Capabilities.vision`."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to stop. The names are llama.cpp's.

    `None` leaves it to the model (its entry in config.yaml, what its file recommends, its family),
    then to the engine; an `intent` says which of the model's own numbers fit. `temperature=0` is
    greedy. `seed=None` draws a new one. `max_tokens` is a limit: the smallest that anybody sets
    holds.
    """

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    json_schema: Mapping[str, Any] | None = None
    copy_from: tuple[str, ...] = ()
    """Texts that the answer is copied from: each of its lines stands word for word in a line of one
    of them, or it is `COPIES_NOTHING`. For models with `Capabilities.copies`; the likeliest token
    is taken, whatever the other fields say."""
    intent: Intent | None = None

    @property
    def answer_tokens(self) -> int:
        """The most tokens that may be written."""
        return DEFAULT_ANSWER_TOKENS if self.max_tokens is None else self.max_tokens


COPIES_NOTHING = "NONE"
"""The answer of a model that finds nothing to copy."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A prompt, how to answer it, and for whom.

    Where the last message is the assistant's, the answer goes on from its end, if the model can
    (`Capabilities.continues`). `written_tokens` are the ids of that message, as an engine gave
    them in `Chunk.tokens`; without them, or where they do not fit, its text is read.
    `conversation` is the key under which an engine may keep its cache. Admission is fair by
    `person` and `channel`. `deadline_s` counts from the moment the pool accepts the request.
    With `background` nobody waits for it, and it comes after those of people.
    """

    messages: tuple[ChatMessage, ...]
    sampling: Sampling = Sampling()
    conversation: str | None = None
    person: str | None = None
    channel: str | None = None
    deadline_s: float | None = None
    tools: tuple[Tool, ...] = ()
    written_tokens: tuple[int, ...] = ()
    background: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a request stands before its first text, by `stage`.

    queued: `position` in the queue (1 is next) and `wait_s`, the expected wait. loading: the model
    is being loaded. reading: `tokens` of the prompt that are still to be computed. thinking: the
    model has been thinking for `elapsed_s` seconds.
    """

    stage: Literal["queued", "loading", "reading", "thinking"]
    position: int | None = None
    wait_s: float | None = None
    tokens: int | None = None
    elapsed_s: float | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a stream: text, thoughts, progress, tool calls, or the end.

    Only the last chunk of a complete stream has `finish` and `usage`. `thinking` is text of the
    model's thoughts, from an engine that separates them; the pool passes it on only if the model's
    entry says `thinking: show`. `tokens` are the ids of an answer that ended at its length limit,
    in the last chunk of an engine that goes on from them. `copies` is the probability, 0 to 1, that
    an answer held to `Sampling.copy_from` copies something, in its last chunk. `unread_calls` are
    calls that cannot be made, in a stream of the pool. `prompt_cut`, in the last chunk: the server
    read only a part of the prompt, which did not fit.
    """

    text: str = ""
    progress: Progress | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish: FinishReason | None = None
    usage: Usage | None = None
    thinking: str = ""
    tokens: tuple[int, ...] = ()
    copies: float | None = None
    unread_calls: tuple[UnreadCall, ...] = ()
    prompt_cut: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an engine can answer now; `detail` is one sentence for an operator."""

    ok: bool
    detail: str = ""
    resident: bool | None = None
    slots: int | None = None
    slots_busy: int | None = None


SMALL_MODEL_PARAMETERS = 500_000_000
"""A model with fewer weights than this is small."""


@dataclass(frozen=True, slots=True)
class ReaderCurve:
    """How sure a reader of passages is, by the share that it gives to an answer: the weights of a
    logistic curve, the name of the set that it was fitted on, the day, and the number of its
    questions, and of those that have an answer."""

    slope: float
    bias: float
    made_from: str
    made_on: str
    questions: int
    answerable: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do; numbers are 0 where unknown or not applicable.

    `parameters` is the number of weights, `tokens_per_s` the speed of a single answer at the last
    probe. `thinking`: the model thinks before it answers. `continues`: it goes on from the end of a
    message of its own. `copies`: it can be held to copied text. `reads`: it was found to point
    rightly to the words of a passage that answer a question, or not to; None where that was not
    tried. `reader_curve` says how sure it is then; None where that was not measured. `vision`: it
    sees the pictures of a message. `sampling` is what the model's file or its server recommends.
    Each of `notes` is a sentence about a request option that this engine ignores.
    """

    context: int = 0
    chat: bool = True
    embed: bool = False
    dimension: int = 0
    tools: bool = False
    json_schema: bool = False
    template: str = ""
    family: str = ""
    parameters: int = 0
    tokens_per_s: float = 0.0
    thinking: bool = False
    continues: bool = False
    copies: bool = False
    reads: bool | None = None
    vision: bool = False
    sampling: Sampling = Sampling()
    reader_curve: ReaderCurve | None = None
    notes: tuple[str, ...] = ()

    @property
    def small(self) -> bool:
        """Whether it is known to be so small that it is not asked for more than it can do."""
        return 0 < self.parameters < SMALL_MODEL_PARAMETERS


@runtime_checkable
class Backend(Protocol):
    """One model on one engine. Safe for concurrent callers on one event loop."""

    name: str

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer. Closing the generator cancels: the engine stops within one round.

        Raises a `BackendError`; never anything else.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts as unit vectors, shape (len(texts), dim).

        Raises `InvalidRequest` where the model cannot embed.
        """
        ...

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Count the tokens of the messages as a prompt, template included; may be an estimate."""
        ...

    async def capabilities(self) -> Capabilities:
        """Return what the model can do; may load it."""
        ...

    async def health(self) -> Health:
        """Return whether the model can answer now; never raises and never loads it."""
        ...

    async def aclose(self) -> None:
        """Stop, free all memory and end all child processes. Safe to call twice."""
        ...


class EngineOptions(BaseModel):
    """Base class of the options in a model's entry in config.yaml; each engine adds its own
    keys.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def sources(self) -> list[tuple[str, str | None]]:
        """The files that the engine will open, each as (source, sha256 or None).

        By convention they are the options named `source` or `…_source`, each with a matching
        `sha256`.
        """
        found = []
        for name in type(self).model_fields:
            if name == "source" or name.endswith("_source"):
                source = getattr(self, name)
                if source:
                    sha256 = getattr(self, name.removesuffix("source") + "sha256", None)
                    found.append((str(source), sha256))
        return found

    def server(self) -> str | None:
        """Return the address and the model of the server that is used, without credentials.

        None for an engine that no other process can use.
        """
        return None


class ModelFiles(Protocol):
    """Finds the files of models; the model store implements it."""

    def path(self, source: str, sha256: str | None = None) -> Path:
        """Return the local path of a source that has been fetched.

        Raises `ModelNotFound` with the command that fetches it.
        """
        ...


@dataclass(frozen=True, slots=True)
class EngineContext:
    """What a backend needs from the program that creates it."""

    files: ModelFiles
    secret: Callable[[str], str | None] = field(repr=False)
    """Looks up a secret by the name of its environment variable."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that config.yaml can name as `backend:`.

    `create(name, options, context)` must be quick and open nothing: loading happens on first use.
    `family_sampling` are the fields of `Sampling` that are set to what a model's family recommends,
    None for all of them: a server may refuse fields that are not of its protocol.
    """

    name: str
    options: type[EngineOptions]
    create: Callable[[str, Any, EngineContext], Backend]
    close: Callable[[], Awaitable[None]] | None = None
    family_sampling: frozenset[str] | None = None

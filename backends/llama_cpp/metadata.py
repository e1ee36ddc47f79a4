"""What a model's file says of itself, read without loading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backends.base import Capabilities, EngineContext
from backends.errors import ModelNotFound
from backends.files.gguf import GgufHead, check_gguf
from backends.llama_cpp.formats import FORMATS, family_of
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.templates import offers_tools
from backends.thinking import template_thinks

FileState = tuple[float, int]

_MEAN, _CLS, _LAST, _RANK = 1, 2, 3, 4  # llama.cpp's pooling types
_ENCODERS = frozenset(
    {
        *("bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert"),
        *("neo-bert", "eurobert", "t5encoder", "gemma-embedding"),
    }
)


def state_of(path: Path) -> FileState | None:
    """What tells one version of a file from the next; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime, found.st_size


def pooling_of(head: GgufHead) -> int | None:
    """How the vectors of tokens become one of a text, as llama.cpp numbers it; None: not at all."""
    found = head.metadata.get(f"{head.architecture}.pooling_type", 0)
    if found in (_MEAN, _CLS, _LAST):
        return int(found)
    return _MEAN if found != _RANK and head.architecture in _ENCODERS else None


def embeds(head: GgufHead, options: LlamaCppOptions) -> bool:
    """Whether the model in a file embeds: as told, else by its pooling and its architecture."""
    if options.embeddings is not None:
        return options.embeddings
    return pooling_of(head) is not None


def window(head: GgufHead, options: LlamaCppOptions) -> int:
    """Tokens of one conversation or text that the model reads."""
    return min(options.context, head.context or options.context)


@dataclass(frozen=True, slots=True)
class Facts:
    """One version of a file."""

    state: FileState
    head: GgufHead
    offers_tools: bool

    def capabilities(self, options: LlamaCppOptions) -> Capabilities:
        head, named = self.head, options.chat_format
        reads = window(head, options)
        if embeds(head, options):
            dimension = head.metadata.get(f"{head.architecture}.embedding_length", 0)
            return Capabilities(
                context=reads,
                chat=False,
                embed=True,
                dimension=dimension if isinstance(dimension, int) else 0,
                family=head.family,
                parameters=head.parameters,
                notes=(f"Of a longer text it reads the first {reads:,} tokens.",),
            )
        return Capabilities(
            context=reads,
            chat=named in FORMATS or bool(head.template),
            tools=self.offers_tools,
            json_schema=True,
            thinking=template_thinks(FORMATS.get(named or "", head.template)),
            template=named or family_of(head.template),
            family=head.family,
            parameters=head.parameters,
        )


class ModelFile:
    """The file of one model. Reading it blocks, and is done again only when the file changes."""

    def __init__(self, name: str, options: LlamaCppOptions, context: EngineContext) -> None:
        self._name = name
        self._options = options
        self._files = context.files
        self.known: Facts | None = None

    def path(self) -> Path:
        """Where the file is. Raises `ModelNotFound`."""
        return Path(self._files.path(self._options.source, self._options.sha256))

    def read(self) -> Facts:
        """What the file says now. Raises `ModelNotFound`."""
        path = self.path()
        state = state_of(path)
        if state is None:
            raise ModelNotFound(f"The file of the model {self._name} is not there; fetch it again.")
        if self.known is None or self.known.state != state:
            head = check_gguf(path, path.name)
            tools = self._options.chat_format is None and offers_tools(head.template)
            self.known = Facts(state, head, tools)
        return self.known

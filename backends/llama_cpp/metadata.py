"""What a model's file says about the model, read without loading it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backends.base import Capabilities, EngineContext, Sampling
from backends.errors import ModelNotFound
from backends.files.gguf import GgufHead, check_gguf
from backends.llama_cpp.formats import FORMATS, find_family
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.templates import offers_tools
from backends.notations.thoughts import is_thinking_template

FileState = tuple[float, int]

_MEAN_POOLING, _CLS_POOLING, _LAST_POOLING, _RANK_POOLING = 1, 2, 3, 4  # llama.cpp's pooling types
_ENCODER_ARCHITECTURES = frozenset(
    {
        *("bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert"),
        *("neo-bert", "eurobert", "t5encoder", "gemma-embedding"),
    }
)


def read_file_state(path: Path) -> FileState | None:
    """Return what distinguishes versions of a file; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime, found.st_size


def read_model_head(path: Path) -> GgufHead:
    """Return what a model's file says. Raises `ModelNotFound` if it is damaged, or no model."""
    head = check_gguf(path, path.name)
    kind = head.metadata.get("general.type")
    if head.architecture == "clip" or kind == "mmproj":
        raise ModelNotFound(
            f"{path.name} lets a model see and is none itself; name the file of the model."
        )
    if kind == "adapter":
        raise ModelNotFound(
            f"{path.name} changes a model and is none itself; name the file of the model."
        )
    return head


def find_pooling(head: GgufHead) -> int | None:
    """Return how token vectors are pooled, as llama.cpp numbers it; None if they are not."""
    found = head.metadata.get(f"{head.architecture}.pooling_type", 0)
    if found in (_MEAN_POOLING, _CLS_POOLING, _LAST_POOLING):
        return int(found)
    return (
        _MEAN_POOLING
        if found != _RANK_POOLING and head.architecture in _ENCODER_ARCHITECTURES
        else None
    )


def is_embedder(head: GgufHead, options: LlamaCppOptions) -> bool:
    """Return whether a model embeds: by its options, else by its pooling and architecture."""
    if options.embeddings is not None:
        return options.embeddings
    return find_pooling(head) is not None


def recommended_sampling(head: GgufHead, options: LlamaCppOptions) -> Sampling:
    """Return how the replica's options, then the file, say that the model is to be sampled.

    What makes no sense in the file is left out.
    """

    def number(key: str, most: float) -> float | None:
        found = head.metadata.get(f"general.sampling.{key}")
        return found if isinstance(found, int | float) and 0 <= found <= most else None

    top_k = number("top_k", 2**31)
    of_file = Sampling(
        temperature=number("temp", 10),
        top_k=None if top_k is None else int(top_k),
        top_p=number("top_p", 1),
        min_p=number("min_p", 1),
        repeat_penalty=number("penalty_repeat", 10) or None,
    )
    return replace(of_file, **options.sampling.model_dump(exclude_unset=True))


def context_window(head: GgufHead, options: LlamaCppOptions) -> int:
    """Return the tokens of one conversation or text that the model reads."""
    return min(options.context, head.context or options.context)


def embedding_batch_tokens(head: GgufHead, options: LlamaCppOptions) -> int:
    """Return the tokens of texts that are embedded together."""
    return max(context_window(head, options), options.n_batch)


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """The metadata of one version of a model file."""

    state: FileState
    head: GgufHead
    offers_tools: bool

    def capabilities(self, options: LlamaCppOptions) -> Capabilities:
        head, named = self.head, options.chat_format
        reads = context_window(head, options)
        if is_embedder(head, options):
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
            continues=True,
            copies=True,
            thinking=is_thinking_template(FORMATS.get(named or "", head.template)),
            template=named or find_family(head.template),
            family=head.family,
            parameters=head.parameters,
            sampling=recommended_sampling(head, options),
        )


class ModelFile:
    """The file of one model. Reading it blocks, and happens again only after a change."""

    def __init__(self, name: str, options: LlamaCppOptions, context: EngineContext) -> None:
        self._name = name
        self._options = options
        self._files = context.files
        self.known: ModelMetadata | None = None

    def path(self) -> Path:
        """Where the file is. Raises `ModelNotFound`."""
        return Path(self._files.path(self._options.source, self._options.sha256))

    def read(self) -> ModelMetadata:
        """Return the file's metadata. Raises `ModelNotFound`."""
        path = self.path()
        state = read_file_state(path)
        if state is None:
            raise ModelNotFound(f"The file of the model {self._name} is not there; fetch it again.")
        if self.known is None or self.known.state != state:
            head = read_model_head(path)
            tools = self._options.chat_format is None and offers_tools(head.template)
            self.known = ModelMetadata(state, head, tools)
        return self.known

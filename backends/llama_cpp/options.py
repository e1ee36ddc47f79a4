"""The options of a model with `backend: llama_cpp` in config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from backends.base import EngineOptions
from backends.machine import usable_cores
from backends.notations.thoughts import Thinking

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
Positive = Annotated[int, Field(gt=0)]

MAX_SEQUENCES = 256
"""Most conversations in one cache, in llama.cpp."""
MAX_TOKENS = 2**24
"""Far beyond any context; numbers near 2**31 overflow in llama.cpp, which ends the process."""
MAX_THREADS = 512
"""llama.cpp has room for so many, and crashes with more."""
Threads = Annotated[int, Field(gt=0, le=MAX_THREADS)]


class SamplingDefaults(EngineOptions):
    """Sampling where a request leaves it open; the values are llama.cpp's own defaults."""

    temperature: Annotated[float, Field(ge=0)] = 0.8
    top_k: Annotated[int, Field(ge=0)] = 40
    """0 keeps the whole vocabulary, which costs time for every token."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.05
    repeat_penalty: Annotated[float, Field(gt=0)] = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0


class LlamaCppOptions(EngineOptions):
    """A GGUF file and how llama.cpp runs it. Memory and speed are decided here.

    `context` bounds one conversation, in tokens; `cache_tokens` is the room that all conversations
    share (one cell a token, taken when the model is loaded). A full cache slows answers down and
    never refuses them.
    """

    source: str
    sha256: str | None = None

    context: Annotated[int, Field(gt=0, le=MAX_TOKENS)] = 2048
    cache_tokens: Annotated[int, Field(gt=0, le=MAX_TOKENS)] | None = None
    """Default: one and a half times `context`."""
    parallel: Annotated[int, Field(gt=0, le=64)] = 8
    """Answers written side by side."""
    max_waiting: Positive = 256
    """Requests that may wait for a free place; one more is refused as busy."""
    parking_bytes: Annotated[int, Field(ge=0)] | None = None
    """Host memory for conversations that were pushed out of the cache; none goes by the size of a
    conversation, and by what is free.
    """
    keep_alive: Annotated[float, Field(gt=0)] | None = None
    """Seconds without a request after which the model is unloaded; none keeps it."""

    embeddings: bool | None = None
    """The model embeds texts, and does not chat; none goes by what the file says it is."""

    memory_mb: Positive | None = None
    """Memory that it takes, in MiB; idle models make room for so much before it is loaded."""

    n_batch: Annotated[int, Field(gt=0, le=MAX_TOKENS)] = 512
    """Tokens that are computed together; at least four times `parallel`."""
    n_ubatch: Annotated[int, Field(gt=0, le=MAX_TOKENS)] = 512
    n_threads: Threads | None = None
    n_threads_batch: Threads | None = None
    type_k: CacheType = "f16"
    type_v: CacheType = "f16"
    """A quantised value cache needs flash attention."""
    swa_full: bool = True
    """Layers with a sliding window keep all tokens, so that conversations can share their beginning
    and go back. False keeps their window alone, which takes less memory where `context` is long.
    """
    flash_attn: bool | None = None
    """None turns it off on a CPU where the cache is small and answers are few, and lets llama.cpp
    choose elsewhere. Without it, idle conversations slow the others down.
    """

    prompt_lookup: bool = True
    """What an answer may repeat of its prompt is computed ahead where that is quicker; the answer
    stays the same.
    """

    n_gpu_layers: int = -1
    """Layers on the GPU, -1 for all; without effect in a build for the CPU."""
    main_gpu: Annotated[int, Field(ge=0)] = 0
    tensor_split: tuple[Annotated[float, Field(ge=0)], ...] = ()
    split_mode: Literal["none", "layer", "row", "tensor"] = "layer"
    mmap: bool = True
    mlock: bool = False

    prepare: Literal["never", "auto", "q8_0"] = "never"
    """A copy of the file that this processor computes faster, made when the file is pulled: `auto`
    makes it where that was measured to be so, `q8_0` makes it anyway.
    """

    chat_format: str | None = None
    """A named format (`backends.llama_cpp.formats.FORMATS`); none takes the GGUF's own."""
    thinking: Thinking = "auto"
    """Off tells a template that knows how that the model is not to think."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """For requests that bring none; none draws a new one each time."""
    sampling: SamplingDefaults = SamplingDefaults()

    @model_validator(mode="after")
    def _fits(self) -> LlamaCppOptions:
        if self.cache_tokens is not None and self.cache_tokens < self.context:
            raise ValueError(
                f"cache_tokens ({self.cache_tokens}) must be at least context ({self.context})"
            )
        if self.quantises_values and self.flash_attn is False:
            raise ValueError(f"type_v {self.type_v} needs flash_attn")
        if not self.embeddings and self.n_batch < (least := self.sequences()):
            raise ValueError(
                f"n_batch ({self.n_batch}) must be at least {least} with parallel "
                f"({self.parallel}): four times as much, and never more than {MAX_SEQUENCES}"
            )
        return self

    @property
    def quantises_values(self) -> bool:
        return self.type_v not in ("f32", "f16", "bf16")

    def sequences(self, each: int = 4) -> int:
        """Return how many conversations the cache distinguishes.

        llama.cpp ends the process if asked for more at once than `n_batch`.
        """
        return min(MAX_SEQUENCES, self.parallel * each)

    def cells(self) -> int:
        """Cells of the shared cache."""
        return self.cache_tokens or self.context * 3 // 2

    def threads(self) -> tuple[int, int]:
        """Return the threads for decoding and for prompts: one a core, unless configured.

        A second thread on a core adds nothing, and one that waits for a container's next share of
        time holds up all the others.
        """
        decode = self.n_threads or min(usable_cores(), MAX_THREADS)
        return decode, self.n_threads_batch or decode

"""How much memory a model takes: its weights, its cache, and conversations that wait beside it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from backends.files.gguf import GgufHead
from backends.llama_cpp.metadata import context_window
from backends.llama_cpp.options import CacheType, LlamaCppOptions

log = logging.getLogger("parlance.llama_cpp")

_CACHE_BITS: dict[CacheType, float] = {
    "f32": 32, "f16": 16, "bf16": 16, "q8_0": 8.5, "q5_1": 6, "q5_0": 5.5, "q4_1": 5, "q4_0": 4.5,
    "iq4_nl": 4.5,
}  # fmt: skip
"""Bits of one value in the cache."""
_SPARE_WEIGHTS_SHARE = 0.1
"""What computing takes beside the weights, as a part of them."""
_PARKED_CONVERSATIONS = 8
"""Whole conversations that are kept beside the cache, where there is memory for them."""
_FREE_MEMORY_SHARE = 0.25
"""The part of the free memory that they may take."""
_MAX_PARKED_BYTES = 8 << 30
_UNKNOWN_FREE_BYTES = 4 << 30
"""What is taken to be free where the system does not tell."""
_UNKNOWN_CONVERSATION_BYTES = 32 << 20
"""A conversation of a model whose memory does not grow by the token."""


@dataclass(frozen=True, slots=True)
class MemoryDemand:
    """Bytes that a model takes: in main memory, and on graphics cards."""

    host: int
    video: int = 0


def kv_bytes_per_token(head: GgufHead, options: LlamaCppOptions) -> int:
    """Return the bytes that a token takes in the cache; 0 if the file does not tell."""

    def number(key: str, default: int = 0) -> int:
        found = head.metadata.get(f"{head.architecture}.{key}", default)
        return found if isinstance(found, int) and found > 0 else default

    heads = number("attention.head_count")
    if not heads:
        return 0
    width = number("embedding_length") // heads
    keys, values = number("attention.key_length", width), number("attention.value_length", width)
    bits = keys * _CACHE_BITS[options.type_k] + values * _CACHE_BITS[options.type_v]
    return int(number("block_count") * number("attention.head_count_kv", heads) * bits / 8)


def find_demand(
    head: GgufHead, options: LlamaCppOptions, file_bytes: int, *, has_video: bool
) -> MemoryDemand:
    """Return what loading a model takes. `file_bytes` is the size of all its files."""
    if options.memory_mb is not None:
        whole = options.memory_mb << 20
    else:
        cache = options.cells() * kv_bytes_per_token(head, options)
        whole = int(file_bytes * (1 + _SPARE_WEIGHTS_SHARE)) + cache
    video = int(whole * _video_share(head, options)) if has_video else 0
    return MemoryDemand(whole - video, video)


def fit_video_memory(
    head: GgufHead, options: LlamaCppOptions, demand: MemoryDemand, free: int | None
) -> LlamaCppOptions:
    """Return the options with as many layers on cards as fit into their `free` bytes.

    A number of layers that an operator has chosen is kept.
    """
    if free is None or free >= demand.video or options.n_gpu_layers >= 0:
        return options
    fitting = int(_layers(head) * free / demand.video)
    log.warning(
        "llama_cpp.video_memory_short layers_on_cards=%d needed_mb=%d free_mb=%d",
        fitting,
        demand.video >> 20,
        free >> 20,
    )
    return options.model_copy(update={"n_gpu_layers": fitting})


def _layers(head: GgufHead) -> int:
    """Return the layers that can be put on a card: those of the model, and its output."""
    found = head.metadata.get(f"{head.architecture}.block_count", 0)
    return (found if isinstance(found, int) else 0) + 1


def parking_budget(head: GgufHead, options: LlamaCppOptions, free: int | None) -> int:
    """Return the bytes for conversations beside the cache: as configured, else for a few whole ones
    as far as the free memory allows.
    """
    if options.parking_bytes is not None:
        return options.parking_bytes
    wanted = _PARKED_CONVERSATIONS * _conversation_bytes(head, options)
    share = int((_UNKNOWN_FREE_BYTES if free is None else free) * _FREE_MEMORY_SHARE)
    return min(wanted, share, _MAX_PARKED_BYTES)


def describe_room(head: GgufHead, options: LlamaCppOptions, free: int | None) -> str:
    """Return a sentence for people: how many conversations are kept, so that they go on at once."""
    budget, window = parking_budget(head, options, free), context_window(head, options)
    kept = budget // _conversation_bytes(head, options)
    cache = f"Its cache holds {options.cells():,} tokens of all conversations together"
    if kept:
        how_many = "one conversation" if kept == 1 else f"{kept:,} conversations"
        return f"{cache}; memory beside it holds about {how_many} of {window:,} tokens."
    per_token = kv_bytes_per_token(head, options)
    tokens = budget // per_token if per_token else 0
    if not tokens:
        return f"{cache}; what is pushed out of it is read again."
    return f"{cache}; memory beside it holds no more than {tokens:,} tokens of one conversation."


def _conversation_bytes(head: GgufHead, options: LlamaCppOptions) -> int:
    per_token = kv_bytes_per_token(head, options)
    return per_token * context_window(head, options) or _UNKNOWN_CONVERSATION_BYTES


def _video_share(head: GgufHead, options: LlamaCppOptions) -> float:
    if options.n_gpu_layers < 0:
        return 1.0
    return min(1.0, options.n_gpu_layers / _layers(head))

"""Chooses how llama.cpp computes attention."""

from __future__ import annotations

from typing import Any

from backends.llama_cpp.native_library import lib
from backends.llama_cpp.options import LlamaCppOptions

_MAX_PLAIN_CELLS = 4096
_MAX_PLAIN_ANSWERS = 12
_MAX_PLAIN_ROWS = 128
"""Rows that are computed at once without flash attention, whose scores would take up memory: cells
times rows times heads.
"""


def set_attention(params: Any, options: LlamaCppOptions) -> None:
    """Set the fields of a context's parameters: as configured, else what suits the device.

    On a CPU, flash attention walks through a row's own cells one by one. Without it, one matrix
    product takes the cells of everybody; a cell costs a tenth then, so that this is faster for a
    few answers in a small cache, and slower in a large one, whose cells are mostly those of others.
    A quantised value cache needs flash attention.
    """
    params.n_ubatch = min(options.n_ubatch, options.n_batch)
    params.flash_attn_type = -1 if options.flash_attn is None else int(options.flash_attn)
    on_cpu = options.n_gpu_layers == 0 or not lib.llama_supports_gpu_offload()
    is_small = options.cells() <= _MAX_PLAIN_CELLS and options.parallel <= _MAX_PLAIN_ANSWERS
    if options.flash_attn is None and on_cpu and is_small and not options.quantises_values:
        params.flash_attn_type = 0
        params.n_ubatch = min(params.n_ubatch, _MAX_PLAIN_ROWS)

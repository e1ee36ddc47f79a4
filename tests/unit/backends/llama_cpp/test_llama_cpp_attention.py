"""Which attention a context gets."""

from __future__ import annotations

from typing import Any

import pytest

from backends.llama_cpp import LlamaCppOptions
from backends.llama_cpp.attention import set_attention
from backends.llama_cpp.native_library import lib


@pytest.mark.parametrize(
    ("options", "flash", "rows"),
    [
        ({}, 0, 128),
        ({"flash_attn": True}, 1, 512),
        ({"flash_attn": False}, 0, 512),
        ({"cache_tokens": 8192}, -1, 512),
        ({"parallel": 32}, -1, 512),
        ({"type_v": "q8_0"}, -1, 512),
    ],
)
def test_flash_attention_is_off_on_a_cpu_where_the_cache_is_small(
    options: dict[str, Any], flash: int, rows: int
) -> None:
    params = lib.llama_context_default_params()
    set_attention(params, LlamaCppOptions(source="file:x", n_gpu_layers=0, **options))
    assert (params.flash_attn_type, params.n_ubatch) == (flash, rows)

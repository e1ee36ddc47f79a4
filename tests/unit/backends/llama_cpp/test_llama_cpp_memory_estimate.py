"""What a model takes in memory, as far as its file and the machine tell."""

from __future__ import annotations

import ctypes
import logging
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backends.files.gguf import GgufHead
from backends.llama_cpp import LlamaCppOptions
from backends.llama_cpp.memory_estimate import (
    MemoryDemand,
    describe_room,
    find_demand,
    fit_video_memory,
    kv_bytes_per_token,
    parking_budget,
)
from backends.llama_cpp.native import Batch, Context, Model
from backends.llama_cpp.video_memory import VideoDevice, free_video_memory, list_video_devices
from tests.unit.backends.llama_cpp.asking import Make

GIB = 1 << 30
LLAMA_8B = GgufHead(
    3,
    1,
    5 * GIB,
    {
        "general.architecture": "llama",
        "llama.block_count": 32,
        "llama.context_length": 131_072,
        "llama.embedding_length": 4096,
        "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": 8,
    },
)


def options(**given: Any) -> LlamaCppOptions:
    return LlamaCppOptions.model_validate({"source": "file:m.gguf", **given})


def test_a_token_takes_what_llama_cpp_saves_for_it(model: Model) -> None:
    set_up = options(context=256, n_threads=1)
    context = Context(model, set_up, 8)
    try:
        batch = Batch(128)
        batch.add(0, 0, [5] * 128, outputs=1)
        assert context.decode(batch) == 0
        saved = context.size(0) / 128
    finally:
        context.close()
    assert kv_bytes_per_token(model.head, set_up) == pytest.approx(saved, rel=0.02)


def test_a_quantised_cache_takes_less() -> None:
    assert kv_bytes_per_token(LLAMA_8B, options()) == 131_072
    assert kv_bytes_per_token(LLAMA_8B, options(type_k="q8_0", type_v="q8_0")) == 69_632
    assert kv_bytes_per_token(GgufHead(3, 1, 1, {}), options()) == 0


@pytest.mark.parametrize(
    ("given", "free", "budget"),
    [
        ({"context": 2048}, 64 * GIB, 8 * 2048 * 131_072),
        ({"context": 8192}, 64 * GIB, 8 * GIB),
        ({"context": 8192}, 4 * GIB, GIB),
        ({"context": 8192}, 0, 0),
        ({"context": 8192}, None, GIB),
        ({"parking_bytes": 5}, 64 * GIB, 5),
    ],
)
def test_waiting_conversations_get_what_the_model_and_the_machine_say(
    given: dict[str, Any], free: int | None, budget: int
) -> None:
    assert parking_budget(LLAMA_8B, options(**given), free) == budget


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"context": 2048}, "memory beside it holds about 8 conversations of 2,048 tokens."),
        (
            {"context": 8192, "parking_bytes": GIB},
            "memory beside it holds about one conversation of 8,192 tokens.",
        ),
        (
            {"context": 8192, "parking_bytes": 256 << 20},
            "memory beside it holds no more than 2,048 tokens of one conversation.",
        ),
        ({"parking_bytes": 0}, "what is pushed out of it is read again."),
    ],
)
def test_people_are_told_how_much_is_kept(given: dict[str, Any], said: str) -> None:
    cells = f"{options(**given).cells():,}"
    assert describe_room(LLAMA_8B, options(**given), 64 * GIB) == (
        f"Its cache holds {cells} tokens of all conversations together; {said}"
    )


def test_bytes_are_not_told_as_tokens_where_a_token_takes_none() -> None:
    recurrent = GgufHead(3, 1, GIB, {"general.architecture": "rwkv7"})
    assert describe_room(recurrent, options(parking_bytes=1 << 20), 64 * GIB) == (
        f"Its cache holds {options().cells():,} tokens of all conversations together; what is "
        "pushed out of it is read again."
    )


async def test_the_engine_says_it(make: Make) -> None:
    (note,) = (await make(context=512, parking_bytes=1 << 20).capabilities()).notes
    assert note == (
        "Its cache holds 768 tokens of all conversations together; memory beside it holds no more "
        "than 45 tokens of one conversation."
    )


def test_a_model_takes_its_weights_and_its_cache_where_its_layers_are() -> None:
    whole = int(5 * GIB * 1.1) + 3072 * 131_072
    assert find_demand(LLAMA_8B, options(), 5 * GIB, has_video=False) == MemoryDemand(whole)
    assert find_demand(LLAMA_8B, options(), 5 * GIB, has_video=True) == MemoryDemand(0, whole)
    told = options(memory_mb=3300, n_gpu_layers=11)
    assert find_demand(LLAMA_8B, told, 5 * GIB, has_video=True) == MemoryDemand(
        2200 << 20, 1100 << 20
    )


def test_as_many_layers_go_on_a_card_as_fit(caplog: pytest.LogCaptureFixture) -> None:
    needed = MemoryDemand(0, 8 * GIB)
    with caplog.at_level(logging.WARNING, logger="parlance.llama_cpp"):
        fitted = fit_video_memory(LLAMA_8B, options(), needed, 4 * GIB)
    assert fitted.n_gpu_layers == 16
    assert "layers_on_cards=16 needed_mb=8192 free_mb=4096" in caplog.text
    assert fit_video_memory(LLAMA_8B, options(), needed, 0).n_gpu_layers == 0
    for free in (None, 8 * GIB, 9 * GIB):
        assert fit_video_memory(LLAMA_8B, options(), needed, free).n_gpu_layers == -1
    assert fit_video_memory(LLAMA_8B, options(n_gpu_layers=33), needed, 0).n_gpu_layers == 33


_GGML = """
#include <stddef.h>
size_t ggml_backend_dev_count(void) { return 3; }
void * ggml_backend_dev_get(size_t n) { return (void *)(n + 1); }
int ggml_backend_dev_type(void * d) { return (int[]){0, 1, 2}[(size_t)d - 1]; }
const char * ggml_backend_dev_name(void * d) {
    return (const char *[]){"CPU", "CUDA0", 0}[(size_t)d - 1];
}
void ggml_backend_dev_memory(void * d, size_t * free, size_t * total) {
    *free = ((size_t)d) << 33; *total = 1ULL << 37;
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_cards_are_asked_through_the_functions_of_ggml(tmp_path: Path) -> None:
    source, library = tmp_path / "ggml.c", tmp_path / "ggml.so"
    source.write_text(_GGML, encoding="ascii")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    cards = list_video_devices(ctypes.CDLL(str(library)))
    assert cards == [
        VideoDevice("CUDA0", 16 * GIB, 128 * GIB),
        VideoDevice("", 24 * GIB, 128 * GIB),
    ]
    assert free_video_memory(cards, options()) == 40 * GIB
    assert free_video_memory(cards, options(split_mode="none", main_gpu=1)) == 24 * GIB
    assert free_video_memory(cards, options(n_gpu_layers=0)) is None
    assert free_video_memory([], options()) is None


def test_this_build_tells_its_cards_or_has_none() -> None:
    assert all(0 <= card.free <= card.total for card in list_video_devices())

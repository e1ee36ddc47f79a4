"""Rounds of one and eight answers in three layouts of llama.cpp's memory, in processor time.

Run where it is named. `unified` is one cache for all conversations, `separate` one for each;
`flash` and `plain` are attention with and without flash attention. The layouts take turns, and one
thread computes, so that a busy machine slows all of them down alike.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

from backends.files.store import ModelStore
from backends.llama_cpp import LlamaCppOptions
from bench.engine_load import SHA256, SOURCE
from bench.rows import Row

SHARED_TOKENS = 140
USERS = 8
LAYOUTS = {
    "unified, flash": (True, 1, 0),
    "unified, plain": (True, 0, 0),
    "unified, flash, 1,500 idle cells": (True, 1, 1500),
    "unified, plain, 1,500 idle cells": (True, 0, 1500),
    "separate, flash": (False, 1, 0),
    "separate, plain": (False, 0, 0),
}
"""Whether conversations share a cache, whether flash attention is on, and cells of idle ones."""


async def rows(quick: bool = False) -> list[Row]:
    """Measure conversations of 150 and of 600 own tokens; `quick` takes the first."""
    path = await asyncio.to_thread(ModelStore().fetch, SOURCE, SHA256)
    table: list[Row] = []
    for own in (150,) if quick else (150, 600):
        table += await asyncio.to_thread(_compare, path, own, 2 if quick else 6)
    return table


class _Layout:
    """A context in which eight conversations have their beginning in common."""

    def __init__(self, model: Any, own: int, unified: bool, flash: int, idle: int) -> None:
        from backends.llama_cpp.native import Batch
        from backends.llama_cpp.native_library import lib

        self._lib, self._end = lib, SHARED_TOKENS + own
        params = lib.llama_context_default_params()
        cells = SHARED_TOKENS + USERS * (own + 32) + idle
        params.n_ctx = cells if unified else USERS * (self._end + 32)
        params.n_batch = params.n_ubatch = 512
        params.n_seq_max = USERS + unified
        params.n_outputs_max = 64
        params.n_threads = params.n_threads_batch = 1
        params.kv_unified, params.flash_attn_type = unified, flash
        self.handle = lib.llama_init_from_model(model.handle, params)
        self._memory = lib.llama_get_memory(self.handle)
        self._batch = Batch(512)
        if idle:
            self._read(USERS, 0, idle)
        self._read(0, 0, SHARED_TOKENS)
        for user in range(1, USERS):
            end = SHARED_TOKENS if unified else -1  # from one stream to another only as a whole
            lib.llama_memory_seq_cp(self._memory, 0, user, 0 if unified else -1, end)
        for user in range(USERS):
            self._read(user, SHARED_TOKENS, self._end)

    def _read(self, sequence: int, start: int, end: int) -> None:
        for at in range(start, end, 128):
            self._batch.clear()
            tokens = [100 + (i * 7 + sequence) % 9000 for i in range(at, min(at + 128, end))]
            self._batch.add(sequence, at, tokens, outputs=0)
            assert self._lib.llama_decode(self.handle, self._batch_of_rows()) == 0

    def _batch_of_rows(self) -> Any:
        self._batch.native.n_tokens = self._batch.rows
        return self._batch.native

    def round_s(self, users: int) -> float:
        """Return the median processor seconds of six rounds, and take their tokens back."""
        times: list[float] = []
        for number in range(6):
            self._batch.clear()
            for user in range(users):
                self._batch.add(user, self._end + number, [200 + number * 31 + user], outputs=1)
            began = time.process_time()
            assert self._lib.llama_decode(self.handle, self._batch_of_rows()) == 0
            self._lib.llama_synchronize(self.handle)
            times.append(time.process_time() - began)
        for user in range(users):
            self._lib.llama_memory_seq_rm(self._memory, user, self._end, -1)
        return statistics.median(times)

    def close(self) -> None:
        self._lib.llama_free(self.handle)


def _compare(path: Path, own: int, repeats: int) -> list[Row]:
    from backends.llama_cpp.native import Model

    model = Model(path, LlamaCppOptions(source=f"file:{path}"))
    layouts = {name: _Layout(model, own, *how) for name, how in LAYOUTS.items()}
    table: list[Row] = []
    for users in (1, USERS):
        times: dict[str, list[float]] = {name: [] for name in layouts}
        for repeat in range(repeats):
            for name in list(layouts)[:: 1 if repeat % 2 else -1]:
                times[name].append(layouts[name].round_s(users))
        base = times["unified, flash"]
        for name, seconds in times.items():
            ratio = statistics.median(a / b for a, b in zip(seconds, base, strict=True))
            what = f"a round of {users}, {own} own tokens, {name}: time beside unified, flash"
            table.append(Row(what, ratio, "x", "", None))
    for layout in layouts.values():
        layout.close()
    model.close()
    return table

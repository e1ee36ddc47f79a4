"""Tries a model out before anybody depends on it: does it load and answer, and how fast?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from backends.base import (
    Capabilities,
    ChatMessage,
    ChatRequest,
    Engine,
    EngineContext,
    Sampling,
)
from backends.errors import BackendProtocolError, BackendTimeout
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec
from backends.registry import load_engines
from backends.usage import Usage

TRIAL_TIMEOUT_S = 300.0
"""Longest time for loading a model and a few words of it."""

_PARAGRAPH = (
    "The team keeps its notes in one folder, and everybody may add to it. A note has a title, a "
    "date and the name of whoever wrote it. Notes that are older than two years go to the archive, "
    "where they can still be read. Who needs an old note asks for it by its title. "
)
_QUESTION = "Say in one sentence what becomes of old notes."
_WRITTEN_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a model is on this machine: tokens of a prompt read, and of an answer written, in a
    second; 0 where the engine does not tell."""

    read_per_s: float
    written_per_s: float

    def seconds(self, read: int, written: int) -> float | None:
        """Return how long it takes to read so many tokens and to write so many; None if unknown."""
        if not self.read_per_s or not self.written_per_s:
            return None
        return read / self.read_per_s + written / self.written_per_s

    def scaled(self, factor: float) -> Speed:
        """Return the speed of a model that has so many times the work for each token."""
        return Speed(self.read_per_s / factor, self.written_per_s / factor)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial found: how long loading took, how fast the model is, and what it can do."""

    load_s: float
    speed: Speed
    able: Capabilities


async def try_model(
    name: str,
    spec: ModelSpec,
    context: EngineContext,
    engines: Mapping[str, Engine] | None = None,
    *,
    timeout_s: float = TRIAL_TIMEOUT_S,
) -> Trial:
    """Load a model apart from all others, have it read a page and write a few words, and unload it.

    Raises the `BackendError` or `SpecError` that says why it cannot be used.
    """
    wanted = {replica.backend for replica in spec.replicas}
    known = dict(engines or {})
    known |= await asyncio.to_thread(load_engines, wanted - known.keys())
    pool = Pool({name: spec}, known, context)
    try:
        async with asyncio.timeout(timeout_s):
            return await _try(pool, name)
    except TimeoutError:
        raise BackendTimeout(f"{name} did not answer within {timeout_s:.0f} s.") from None
    finally:
        await pool.aclose(engines=False)


async def _try(pool: Pool, name: str) -> Trial:
    began = time.monotonic()
    able = await pool.capabilities(name)
    if not able.chat:
        raise BackendProtocolError(f"{name} embeds documents and cannot chat.")
    await _ask(pool, name, "Say yes.", 2)
    load_s = time.monotonic() - began
    usage, waited_s = await _ask(pool, name, f"{_PARAGRAPH * 3}\n\n{_QUESTION}", _WRITTEN_TOKENS)
    read = max(0, usage.prompt_tokens - usage.cached_tokens)
    written = max(0, usage.completion_tokens - 1)
    prefill_s = usage.prefill_s or waited_s
    return Trial(
        load_s,
        Speed(
            round(read / prefill_s, 1) if prefill_s > 0 else 0.0,
            round(written / usage.decode_s, 1) if usage.decode_s > 0 else 0.0,
        ),
        able,
    )


async def _ask(pool: Pool, name: str, text: str, tokens: int) -> tuple[Usage, float]:
    """Return what an answer cost, and the seconds until it began. Raises `BackendError`."""
    request = ChatRequest(
        messages=(ChatMessage("user", text),),
        sampling=Sampling(temperature=0.0, max_tokens=tokens),
    )
    began, first, usage = time.monotonic(), 0.0, None
    said = False
    async with aclosing(pool.chat(name, request)) as chunks:
        async for chunk in chunks:
            if not said and (chunk.text or chunk.thinking):
                said, first = True, time.monotonic() - began
            usage = chunk.usage or usage
    if usage is None or not (said or usage.completion_tokens):
        raise BackendProtocolError(f"{name} loads, but does not answer.")
    return usage, first

"""What the engine is measured beside: one `Llama` behind a lock, and llama-server."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from backends.base import ChatMessage, Sampling

Ask = Callable[[int], tuple[ChatMessage, ...]]
Answers = tuple[list[tuple[float, float, int]], float]
"""Of each answer: seconds to the first token, seconds in all, tokens; and the seconds of all."""


def _messages(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


class SerialLlama:
    """llama-cpp-python's own `Llama`: one conversation at a time, the others wait for the lock."""

    def __init__(self, path: Path, threads: int) -> None:
        import llama_cpp

        self._llama = llama_cpp.Llama(
            str(path), n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self._lock = threading.Lock()

    async def together(self, users: int, sampling: Sampling, at: int, ask: Ask) -> Answers:
        began = time.perf_counter()
        answers = await asyncio.gather(
            *(asyncio.to_thread(self._answer, ask(at + n), sampling) for n in range(users))
        )
        return list(answers), time.perf_counter() - began

    def _answer(
        self, messages: Sequence[ChatMessage], sampling: Sampling
    ) -> tuple[float, float, int]:
        began = time.perf_counter()
        first, tokens = 0.0, 0
        with self._lock:
            stream: Any = self._llama.create_chat_completion(
                _messages(messages),
                temperature=sampling.temperature,
                top_k=sampling.top_k or 40,
                top_p=sampling.top_p or 0.95,
                min_p=sampling.min_p or 0.05,
                seed=sampling.seed,
                max_tokens=sampling.max_tokens,
                stream=True,
            )
            for chunk in stream:
                if chunk["choices"][0]["delta"].get("content"):
                    first = first or time.perf_counter() - began
                    tokens += 1
        return first, time.perf_counter() - began, tokens

    def close(self) -> None:
        self._llama.close()


class LlamaServer:
    """A llama-server of the same period, eight slots, on a free loopback port."""

    def __init__(self, base: str) -> None:
        self._http = httpx.AsyncClient(base_url=base, timeout=120)

    @classmethod
    @asynccontextmanager
    async def running(cls, binary: str, path: Path, threads: int) -> AsyncIterator[LlamaServer]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            binary, "-m", str(path), "--host", "127.0.0.1", "--port", str(port), "-np", "8",
            "-c", "16384", "-t", str(threads), "-tb", str(threads), "--no-webui",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        server = cls(f"http://127.0.0.1:{port}")
        try:
            await server._ready()
            yield server
        finally:
            await server._http.aclose()
            process.terminate()
            await process.wait()

    async def _ready(self) -> None:
        for _ in range(300):
            try:
                if (await self._http.get("/health")).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            await asyncio.sleep(0.1)
        raise TimeoutError("llama-server did not become ready within 30 s")

    async def together(self, users: int, sampling: Sampling, at: int, ask: Ask) -> Answers:
        began = time.perf_counter()
        answers = await asyncio.gather(*(self._answer(ask(at + n), sampling) for n in range(users)))
        return list(answers), time.perf_counter() - began

    async def _answer(
        self, messages: Sequence[ChatMessage], sampling: Sampling
    ) -> tuple[float, float, int]:
        body = {
            "messages": _messages(messages),
            "temperature": sampling.temperature,
            "top_k": sampling.top_k or 40,
            "top_p": sampling.top_p or 0.95,
            "min_p": sampling.min_p or 0.05,
            "seed": sampling.seed if sampling.seed is not None else -1,
            "max_tokens": sampling.max_tokens,
            "stream": True,
        }
        began = time.perf_counter()
        first, tokens = 0.0, 0
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                choices = json.loads(line[6:])["choices"]
                if choices and choices[0]["delta"].get("content"):
                    first = first or time.perf_counter() - began
                    tokens += 1
        return first, time.perf_counter() - began, tokens

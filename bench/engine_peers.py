"""What the engine is measured beside: one `Llama` behind a lock, and llama-server.

`LLAMA_SERVER=path` names a llama-server, which is asked with the flags that make it fastest.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from backends.base import Sampling
from bench.engine_load import Load, Messages, Timing

NO_SERVER = "LLAMA_SERVER=path names none"
_SLOTS = ("-np", "8", "-c", "16384")
VARIANTS = (
    ("--kv-unified",),
    ("--no-kv-unified",),
    ("--kv-unified", "--cache-reuse", "64"),
    ("--no-kv-unified", "--cache-reuse", "64"),
    ("--no-kv-unified", "-fa", "on"),
    ("--no-kv-unified", "-fa", "off"),
    ("--kv-unified", "-fa", "off"),
    ("--no-kv-unified", "-b", "512"),
    ("--no-kv-unified", "--no-cache-idle-slots"),
)
"""The flags of llama-server that are tried: one memory for all slots or one each, pieces of old
prompts used again where they have moved, with and without flash attention, a smaller batch, and
nothing kept of slots that are idle. All put new questions into the batch that is being computed."""
_VERSION = re.compile(r"version: *(\S+)(?: *\(([^)]*)\))?")
Trial = Callable[["LlamaServer"], Awaitable[Load]]


def _messages(messages: Messages) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


class SerialLlama:
    """llama-cpp-python's own `Llama`: one conversation at a time, the others wait for the lock."""

    def __init__(self, path: Path, threads: int) -> None:
        import llama_cpp

        self._llama = llama_cpp.Llama(
            str(path), n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self._lock = threading.Lock()

    async def ask(self, messages: Messages, sampling: Sampling) -> Timing:
        """Answer once it is this question's turn."""
        return await asyncio.to_thread(self._answer, messages, sampling)

    def _answer(self, messages: Messages, sampling: Sampling) -> Timing:
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
        total = time.perf_counter() - began
        return Timing(first or total, total, tokens)

    def close(self) -> None:
        self._llama.close()


class LlamaServer:
    """A llama-server with eight slots, on a free loopback port."""

    def __init__(self, base: str) -> None:
        self._http = httpx.AsyncClient(
            # A connection that it has just closed must not be used again.
            base_url=base,
            timeout=120,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    @classmethod
    @asynccontextmanager
    async def running(
        cls, binary: str, path: Path, threads: int, flags: Sequence[str] = ()
    ) -> AsyncIterator[LlamaServer]:
        """Start it, and end it with the block. Raises `TimeoutError` where it does not answer."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            binary, "-m", str(path), "--host", "127.0.0.1", "--port", str(port), *_SLOTS,
            "-t", str(threads), "-tb", str(threads), "--no-webui", *flags,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        server = cls(f"http://127.0.0.1:{port}")
        try:
            await server._ready()
            yield server
        finally:
            await server._http.aclose()
            if process.returncode is None:
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

    async def ask(self, messages: Messages, sampling: Sampling) -> Timing:
        """Ask it over HTTP, as its clients do."""
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
        first, tokens, computed = 0.0, 0, 0
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                said = json.loads(line[6:])
                if said["choices"] and said["choices"][0]["delta"].get("content"):
                    first = first or time.perf_counter() - began
                    tokens += 1
                computed = said.get("timings", {}).get("prompt_n", computed)
        total = time.perf_counter() - began
        return Timing(first or total, total, tokens, computed)


def llama_server() -> str | None:
    """The llama-server that LLAMA_SERVER names, if it names one."""
    return os.environ.get("LLAMA_SERVER") or None


async def fastest(
    binary: str,
    path: Path,
    threads: int,
    what: str,
    trial: Trial,
    variants: Sequence[Sequence[str]] = VARIANTS,
) -> list[Sequence[str]]:
    """Sets of flags, those first with which a llama-server writes most tokens a second in a trial;
    prints all. Those with which it does not answer are left out."""
    rates: dict[Sequence[str], float] = {}
    for flags in variants:
        try:
            async with LlamaServer.running(binary, path, threads, flags) as server:
                rates[flags] = (await trial(server)).rate
        except (TimeoutError, httpx.HTTPError) as error:
            _say(f"{what}: {' '.join(flags)}: {error!r}")
            continue
        _say(f"{what}: {' '.join(flags)}: {rates[flags]:.0f} tokens/s")
    ranked = sorted(rates, key=lambda flags: rates[flags], reverse=True)
    _say(f"{what}: measured beside {' '.join((*_SLOTS, *ranked[0]))}")
    return ranked


async def describe(binary: str) -> str:
    """What the llama-server was built from, how, and the processor that all run on."""
    process = await asyncio.create_subprocess_exec(
        binary, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed = (await process.communicate())[0].decode(errors="replace")
    version = _VERSION.search(printed)
    told = f"llama-server build {version[1] if version else 'unknown'}; {_processor()}"
    _say(told)
    return told


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "processor unknown"
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {name.strip(): value.strip() for name, value in told.items()}
    fast = [one for one in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if one in named["flags"]]
    model = f"family {named['cpu family']}, model {named['model']}"
    return f"{named['model name']} ({model}), {' '.join(fast)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

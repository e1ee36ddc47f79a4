"""An engine in a child process: crashes, silence, cancelling, and what is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from backends.base import (
    Backend,
    ChatMessage,
    ChatRequest,
    Chunk,
    EngineContext,
    EngineOptions,
    Sampling,
)
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    ContextOverflow,
    ModelNotFound,
)
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE as LLAMA_CPP
from backends.llama_cpp import LlamaCppOptions
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec
from backends.scripted.backend import ENGINE as SCRIPTED
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import ScriptedOptions
from backends.worker.backend import WorkerBackend, create_worker
from backends.worker.wire import error_from_json, error_to_json, import_reference
from tests.fakes.contexts import bare_context
from tests.fakes.ggufs import tiny_bert
from tests.processes import has_ended, until_ended
from tests.until import PATIENCE_S

REPLIES: list[dict[str, Any]] = [
    {"match": "story", "text": " ".join(f"word{n}" for n in range(200))},
    {"match": "stall", "text": "one two three", "stall_after": 1},
    {"match": "overflow", "error": "overflow"},
]


class Needy(ScriptedBackend):
    """Says what its context gave it, prints where it should not, and fails as told."""

    def __init__(self, name: str, options: ScriptedOptions, context: EngineContext) -> None:
        super().__init__(name, options)
        self._context = context

    async def count(self, messages: Any) -> int:
        print("this must not reach the pipe of the frames")  # noqa: T201 - as an engine might
        word = messages[0].content
        if word == "secret":
            return len(self._context.secret("KEY") or "")
        if word == "environment":
            return int("SOME_TOKEN" in os.environ)
        if word == "bug":
            raise ZeroDivisionError("of an engine")
        return len(str(self._context.files.path(word)))


class Stubborn(EngineOptions):
    """Options of an engine that does not even start."""


def make_needy(name: str, options: ScriptedOptions, context: EngineContext) -> Backend:
    return Needy(name, options, context)


def make_stubborn(name: str, options: Stubborn, context: EngineContext) -> Backend:
    print("the library libggml.so is missing", file=sys.stderr)  # noqa: T201 - as an engine might
    os._exit(3)


class Files:
    def path(self, source: str, sha256: str | None = None) -> Path:
        if source == "gone":
            raise ModelNotFound("gone has not been fetched.")
        return Path("/models") / source


def scripted(silence_s: float = PATIENCE_S, **settings: Any) -> WorkerBackend:
    options = ScriptedOptions(replies=REPLIES, **settings)
    return WorkerBackend(
        "m", SCRIPTED.create, options, bare_context(), silence_s=silence_s, first_pause_s=30.0
    )


@pytest.fixture
async def worker() -> AsyncIterator[WorkerBackend]:
    worker = scripted(tokens_per_s=200, parallel=2)
    yield worker
    await worker.aclose()


def request(text: str, **fields: Any) -> ChatRequest:
    return ChatRequest((ChatMessage("user", text),), **fields)


async def chunks(worker: Backend, text: str = "hello", **fields: Any) -> list[Chunk]:
    async with aclosing(worker.chat(request(text, **fields))) as stream:
        return [chunk async for chunk in stream]


async def said(worker: Backend, text: str = "hello") -> str:
    return "".join(chunk.text for chunk in await chunks(worker, text))


async def test_many_answers_run_side_by_side_in_one_child(worker: WorkerBackend) -> None:
    assert worker.pid is None
    answers = await asyncio.gather(*(said(worker, f"hello {n}") for n in range(8)))
    assert answers == [f"You said: hello {n}" for n in range(8)]
    assert worker.parallel == 2
    assert (await worker.embed(["a", "b"])).shape == (2, 384)


async def test_killing_the_child_in_mid_answer_costs_that_answer_and_nothing_else(
    worker: WorkerBackend,
) -> None:
    heard: list[str] = []
    started = asyncio.Event()

    async def listen() -> None:
        async with aclosing(worker.chat(request("a story"))) as stream:
            async for chunk in stream:
                heard.append(chunk.text)
                if len(heard) > 3:
                    started.set()

    listening = asyncio.create_task(listen())
    await started.wait()
    first = worker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(BackendUnavailable, match="ended by signal SIGKILL"):
        await listening
    assert heard
    assert await said(worker) == "You said: hello"
    assert worker.pid not in (None, first)


async def test_a_crash_of_llama_cpp_in_mid_answer_is_survived(chat_model_path: Path) -> None:
    context = EngineContext(ModelStore(chat_model_path.parent), lambda _: None)
    options = LlamaCppOptions(source=f"file:{chat_model_path}", context=256, n_threads=1)
    worker = create_worker(LLAMA_CPP, "default", options, context)
    brief = Sampling(temperature=0.0, max_tokens=6)
    before = [chunk.text for chunk in await chunks(worker, "Name a colour.", sampling=brief)]
    assert worker.parallel == 8

    async def killed() -> None:
        async with aclosing(worker.chat(request("Tell me a story."))) as stream:
            async for chunk in stream:
                if chunk.text and worker.pid is not None:
                    os.kill(worker.pid, signal.SIGKILL)

    with pytest.raises(BackendUnavailable, match="SIGKILL"):
        await killed()
    after = [chunk.text for chunk in await chunks(worker, "Name a colour.", sampling=brief)]
    assert "".join(after) == "".join(before)
    await worker.aclose()


async def test_a_child_that_falls_silent_is_ended_and_replaced() -> None:
    worker = scripted(silence_s=2.0)
    await said(worker)
    first = worker.pid
    with pytest.raises(BackendTimeout, match="said nothing for"):
        await chunks(worker, "stall")
    assert await said(worker) == "You said: hello"
    assert worker.pid != first
    await worker.aclose()


async def test_closing_a_stream_stops_the_engine_in_the_child(worker: WorkerBackend) -> None:
    for _ in range(3):  # three long answers for two places
        async with aclosing(worker.chat(request("a story"))) as stream:
            async for chunk in stream:
                if chunk.text:
                    break
        assert (await worker.health()).slots_busy == 0
    assert await said(worker) == "You said: hello"


async def test_nothing_is_left_after_closing() -> None:
    worker = scripted()
    await said(worker)
    pid = worker.pid
    assert pid is not None
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    assert any("worker of m" in name for name in tasks)
    await worker.aclose()
    await worker.aclose()
    assert has_ended(pid)
    assert not any("worker of m" in task.get_name() for task in asyncio.all_tasks())
    with pytest.raises(BackendUnavailable, match="has been stopped"):
        await chunks(worker)
    assert not (await worker.health()).ok


async def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio\n"
        "from backends.scripted.backend import ENGINE, ScriptedOptions\n"
        "from backends.worker.backend import create_worker\n"
        "from tests.fakes.contexts import bare_context\n"
        "async def main():\n"
        "    worker = create_worker(ENGINE, 'm', ScriptedOptions(), bare_context())\n"
        "    await worker.embed(['a'])\n"
        "    print(worker.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await until_ended(pid)


async def test_an_engine_that_cannot_start_rests_and_says_why() -> None:
    worker = WorkerBackend("m", make_stubborn, Stubborn(), bare_context(), first_pause_s=30.0)
    for again in ("", r".*started again in (29|30) s"):
        with pytest.raises(BackendUnavailable, match=f"libggml.so is missing{again}"):
            await worker.embed(["a"])
    health = await worker.health()
    assert (health.ok, "libggml" in health.detail) == (False, True)
    await worker.aclose()


async def test_files_and_secrets_are_asked_of_the_parent() -> None:
    context = EngineContext(Files(), {"KEY": "12345"}.get)
    worker = WorkerBackend("m", make_needy, ScriptedOptions(), context)
    assert await worker.count([ChatMessage("user", "a.gguf")]) == len("/models/a.gguf")
    assert await worker.count([ChatMessage("user", "secret")]) == 5
    with pytest.raises(ModelNotFound, match="gone has not been fetched"):
        await worker.count([ChatMessage("user", "gone")])
    with pytest.raises(BackendUnavailable, match="failed with ZeroDivisionError"):
        await worker.count([ChatMessage("user", "bug")])
    await worker.aclose()


async def test_the_child_does_not_inherit_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "t0ken")
    worker = WorkerBackend("m", make_needy, ScriptedOptions(), bare_context())
    assert await worker.count([ChatMessage("user", "environment")]) == 0
    await worker.aclose()


async def test_a_pool_isolates_a_model_that_asks_for_it() -> None:
    spec = ModelSpec.model_validate({"backend": "scripted", "isolation": "process", "echo": "hi"})
    pool = Pool({"m": spec}, {"scripted": SCRIPTED}, bare_context())
    async with aclosing(pool.chat("m", request("x"))) as stream:
        assert "".join([chunk.text async for chunk in stream]) == "hi"
    await pool.aclose()


async def test_an_engine_that_no_other_process_can_find_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be found"):
        WorkerBackend("m", lambda n, o, c: SCRIPTED.create(n, o, c), Stubborn(), bare_context())
    assert create_worker(SCRIPTED, "m", ScriptedOptions(), bare_context()).pid is None


@pytest.mark.parametrize(
    "error",
    [BackendBusy(7.5), ContextOverflow(3_000, 2_048), ModelNotFound("x"), BackendTimeout("y")],
)
def test_errors_cross_the_pipe_whole(error: BackendError) -> None:
    again = error_from_json(error_to_json(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_an_unknown_kind_of_error_is_still_a_backend_error() -> None:
    assert type(error_from_json({"kind": "annotations", "message": "x"})) is BackendError
    assert type(error_from_json({})) is BackendError


def test_references_name_what_stands_at_the_top_of_a_module() -> None:
    assert import_reference(Sampling) == "backends.base:Sampling"


async def test_an_embedder_of_llama_cpp_runs_apart_too(tmp_path: Path) -> None:
    model = tiny_bert(tmp_path / "tiny-bert.gguf")
    context = EngineContext(ModelStore(tmp_path), lambda _: None)
    options = LlamaCppOptions(source=f"file:{model}", n_threads=1)
    apart = create_worker(LLAMA_CPP, "bert", options, context)
    try:
        able = await apart.capabilities()
        assert (able.embed, able.chat, able.dimension) == (True, False, 32)
        assert able.notes
        assert (await apart.embed(["a b", "c"])).shape == (2, 32)
    finally:
        await apart.aclose()

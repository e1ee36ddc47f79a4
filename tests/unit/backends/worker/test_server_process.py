"""A model server of ours: started, watched, started again, stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from backends.errors import BackendUnavailable
from backends.openai_compatible.backend import OpenAICompatibleBackend
from backends.openai_compatible.options import OpenAICompatibleOptions
from backends.worker.server_process import ServerProcess
from tests.fakes.contexts import bare_context
from tests.processes import until_ended
from tests.until import PATIENCE_S, until

SCRIPT = str(Path(__file__).parents[3] / "fakes" / "model_server.py")
Start = Callable[..., ServerProcess]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        def make(*arguments: str, ready_s: float = 20.0, pause_s: float = 0.05) -> ServerProcess:
            server = ServerProcess(
                (sys.executable, SCRIPT, *arguments), ready_s=ready_s, first_pause_s=pause_s
            )
            stack.push_async_callback(server.aclose)
            return server

        yield make


def servers(of: int | None = None) -> list[psutil.Process]:
    """The script's processes below this one (or another)."""
    found = []
    for child in psutil.Process(of).children(recursive=True):
        try:
            if SCRIPT in child.cmdline() and "backends.worker.watchdog" not in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


async def healthy(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url.removesuffix("/v1") + "/health")).status_code == 200


async def test_it_starts_at_first_use_and_nothing_is_left_after_closing(start: Start) -> None:
    server = start()
    assert not servers()
    assert not server.ready
    urls = await asyncio.gather(server.url(), server.url())
    assert urls[0] == urls[1]
    assert await healthy(urls[0])
    (child,) = servers()
    await server.aclose()
    await until_ended(child.pid)
    assert not servers()
    with pytest.raises(BackendUnavailable, match="stopped"):
        await server.url()


async def test_a_server_that_was_killed_is_started_again(start: Start) -> None:
    server = start()
    first = await server.url()
    (child,) = servers()
    child.send_signal(signal.SIGKILL)
    await until_ended(child.pid)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                again = await server.url()
                if server.starts == 2:
                    break
            except BackendUnavailable:
                pass
            await asyncio.sleep(0.01)
    assert again != first or server.starts == 2
    assert await healthy(again)


async def test_a_server_that_does_not_start_is_reported_with_its_last_words(start: Start) -> None:
    server = start("--crash", pause_s=30.0)
    with pytest.raises(BackendUnavailable, match=r"ended with status 1 .no GPU was found.; it is"):
        await server.url()
    with pytest.raises(BackendUnavailable, match="started again in 30 s"):
        await server.url()
    assert "no GPU" in server.describe()
    assert server.starts == 1


async def test_pauses_grow_between_failures(start: Start) -> None:
    server = start("--crash", pause_s=0.01)
    pauses = []
    async with asyncio.timeout(PATIENCE_S):
        while server.starts < 3:
            try:
                await server.url()
            except BackendUnavailable as error:
                pauses.append(error)
            await asyncio.sleep(0.005)
    assert len(pauses) >= 2


async def test_a_program_that_is_not_there_is_named(start: Start) -> None:
    server = ServerProcess(("/nowhere/llamafile",), first_pause_s=30.0)
    with pytest.raises(BackendUnavailable, match=r"'llamafile' ended.*No such file"):
        await server.url()
    await server.aclose()


async def test_a_server_that_never_listens_is_given_up(start: Start) -> None:
    server = start("--mute", ready_s=0.3, pause_s=30.0)
    with pytest.raises(BackendUnavailable, match="did not answer within"):
        await server.url()
    assert not servers()


async def test_it_dies_with_its_parent() -> None:
    command = (sys.executable, SCRIPT, "--mute", "--port", "0")
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "backends.worker.watchdog", *command, stdin=asyncio.subprocess.PIPE
    )
    children = await until(lambda: servers(parent.pid))
    assert parent.stdin is not None
    parent.stdin.close()  # as the kernel does for a parent that was killed
    await until_ended(children[0].pid)
    await parent.wait()


async def test_health_says_whether_it_runs_and_never_starts_it() -> None:
    options = OpenAICompatibleOptions(command=(sys.executable, SCRIPT), model="any")
    backend = OpenAICompatibleBackend("mine", options, bare_context())
    health = await backend.health()
    assert (health.ok, health.resident) == (True, False)
    assert "first use" in health.detail
    assert not servers()
    await backend.aclose()

"""A pool in a process of its own: `python -m tests.fakes.pool_process NAME URL...`.

JSON in lines: it reads `{"told": …}`, what all processes tell, and `{"ask": "PERSON NUMBER"}`; it
writes `{"tell": …}`, its demand, and `{"said": "PERSON NUMBER"}` when that is answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from tests.fakes.pools import ask, pool_of
from tests.until import until

_TELL_S = 1.0
_PAUSE_S = 0.05
"""Between two tellings, whatever happens."""


def write(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def serve(name: str, *urls: str) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    pool = pool_of(*urls)

    async def answer(question: str) -> None:
        await ask(pool, question)
        write(said=question)

    async def tell() -> None:
        while True:
            write(tell=pool.sharing.tell())
            await asyncio.sleep(_PAUSE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_TELL_S):
                    await pool.sharing.changed.wait()

    async with AsyncExitStack() as stack:
        stack.push_async_callback(pool.aclose)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        telling = None
        while line := await reader.readline():
            told = json.loads(line)
            if "ask" in told:
                tasks.create_task(answer(told["ask"]))
            else:
                pool.sharing.hear(told["told"], name)
                telling = telling or tasks.create_task(tell())
        if telling is not None:
            telling.cancel()


class PoolProcess:
    """The same from outside; `wants` is what it told last, `said` the questions it has answered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wants: Any = None
        self.said: list[str] = []
        self.told = 0

    async def start(self, *urls: str) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.fakes.pool_process", self.name, *urls),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )

    def send(self, **line: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")

    async def until_said(self, count: int) -> None:
        """Wait until so many questions have been answered; TimeoutError after 30 s."""
        await until(lambda: len(self.said) >= count)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class PoolProcesses:
    """Several, told of each other; one that ends is left out."""

    def __init__(self, *names: str) -> None:
        self._members = {name: PoolProcess(name) for name in names}
        self._tasks: list[asyncio.Task[None]] = []

    def __getitem__(self, name: str) -> PoolProcess:
        return self._members[name]

    async def start(self, *urls: str) -> None:
        """Start all, and wait until all know of each other."""
        await asyncio.gather(*(each.start(*urls) for each in self._members.values()))
        self._tasks = [asyncio.create_task(self._listen(e)) for e in self._members.values()]
        self._tell_all()
        await until(lambda: all(each.told >= 2 for each in self._members.values()))

    async def end(self) -> None:
        await asyncio.gather(*(each.kill() for each in self._members.values()))
        await asyncio.gather(*self._tasks)

    async def _listen(self, member: PoolProcess) -> None:
        stream = member.process.stdout
        assert stream is not None
        while line := await stream.readline():
            told = json.loads(line)
            if "said" in told:
                member.said.append(told["said"])
            else:
                member.wants, member.told = told["tell"], member.told + 1
                self._tell_all()
        member.wants = None
        await member.process.wait()
        self._tell_all()

    def _tell_all(self) -> None:
        told = {name: each.wants for name, each in self._members.items() if each.wants is not None}
        for each in self._members.values():
            if each.process.returncode is None:
                each.send(told=told)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))

"""Processes on PostgreSQL beside one on SQLite: what a turn costs, how many fit in a second.

The model is scripted and answers at once. CPU seconds are those of the bots and of the database
together. As a program with an address it is one of the processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from backends.gil import shorten_switch_interval
from backends.scripted.backend import ScriptedBackend
from bench.core import ANSWER, TimingSink, ask, core, logging_as_in_production, terminal
from bench.rows import Row
from bot.processes.crew import open_crew
from bot.storage.address import DatabaseAddress, ServerAddress
from bot.storage.database import Database
from bot.turns.core import Core
from tests.fakes.postgresql import PostgresqlServer, find_programs, running_server

WORKERS = 50
"""Conversations that ask at the same time in one process."""
WARM_UP = 500
"""Turns of a process before those that are measured: by then its statements are prepared."""
LOAD = 0.7
"""Share of the turns a second that is asked for in the run with arrivals."""
WANTED_RATE = 250
"""Turns a second that one process has to take at least."""
ON_DISK = "-c synchronous_commit=on -c jit=off -c max_connections=200"
"""A server that is sure of what it has written, as an operator's is."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a number of turns took: seconds, CPU seconds of the bots and of the database."""

    turns: int
    wall_s: float
    bot_cpu_s: float
    database_cpu_s: float = 0.0

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of one turn."""
        return (self.bot_cpu_s + self.database_cpu_s) / self.turns * 1e3

    @property
    def rate(self) -> float:
        """Turns a second."""
        return self.turns / self.wall_s


async def at_once() -> None:
    """Waits for nobody."""


async def run_turns(
    address: DatabaseAddress | None,
    turns: int,
    first: int = 0,
    ready: Callable[[], Awaitable[None]] = at_once,
) -> Run:
    """Turns in this process, as fast as they are answered, once it is warm and `ready` returns."""
    backend = ScriptedBackend("default", replies=[ANSWER], cycle=True)

    async with core(backend, address) as here:
        await _ask_all(here, WARM_UP, first)
        await ready()
        began, cpu = time.perf_counter(), time.process_time()
        await _ask_all(here, turns, first)
        return Run(turns, time.perf_counter() - began, time.process_time() - cpu)


async def _ask_all(here: Core, turns: int, first: int = 0) -> None:
    async def converse(number: int) -> None:
        for _ in range(turns // WORKERS):
            await ask(here, first + number, TimingSink(terminal()))

    async with asyncio.TaskGroup() as group:
        for number in range(WORKERS):
            group.create_task(converse(number))


async def run_processes(
    server: PostgresqlServer, turns: int, count: int, *, apart: bool = False
) -> Run:
    """Turns in so many processes on one new database, which begin together; `apart`, each has a
    database of its own."""
    addresses = [server.create() for _ in range(count if apart else 1)]
    urls = [one.url.render_as_string(hide_password=False) for one in addresses]
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.processes", urls[number % len(urls)],
            str(turns // count), str(number * 10_000),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for number in range(count)
    ]  # fmt: skip
    for child in children:
        assert child.stdout is not None
        await child.stdout.readline()
    cpu = database_cpu_s(server)
    said = [
        json.loads(line)
        for line, _ in await asyncio.gather(*(child.communicate(b"go\n") for child in children))
    ]
    database = database_cpu_s(server) - cpu
    for address in addresses:
        server.drop(address)
    bots = sum(one["bot_cpu_s"] for one in said)
    return Run(turns, max(one["wall_s"] for one in said), bots, database)


def database_cpu_s(server: PostgresqlServer) -> float:
    """CPU seconds that a server has taken, with those of connections that have ended."""
    pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    main = psutil.Process(pid)
    own = main.cpu_times()
    total: float = own.user + own.system + own.children_user + own.children_system
    for one in main.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends just now
            times = one.cpu_times()
            total += times.user + times.system
    return total


async def arrivals(
    address: DatabaseAddress, rate: float, seconds: float, channels: int
) -> Sequence[float]:
    """Seconds from an event to its first text, at so many arrivals a second over so many
    channels."""
    backend = ScriptedBackend("default", replies=[ANSWER], cycle=True)
    sinks: list[TimingSink] = []
    async with core(backend, address) as here:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(began + number / rate - time.perf_counter())
                sink = TimingSink(terminal())
                sinks.append(sink)
                group.create_task(ask(here, number % channels, sink))
    return [sink.first_text - sink.asked for sink in sinks]


@contextlib.asynccontextmanager
async def counted(database: Database) -> AsyncIterator[list[int]]:
    """Counts the statements that a process sends within the block, without those that begin and
    end transactions."""
    found = [0]
    engine: Any = database._engine

    def count(_c: Any, _cursor: Any, _s: str, parameters: Any, _x: Any, many: bool) -> None:
        found[0] += len(parameters) if many and isinstance(parameters, list) else 1

    engines = [engine._engine, engine._readers.sync_engine]
    for one in engines:
        sa.event.listen(one, "before_cursor_execute", count)
    yield found
    for one in engines:
        sa.event.remove(one, "before_cursor_execute", count)


async def statements(address: DatabaseAddress, turns: int) -> float:
    """Statements of a turn, where `WORKERS` conversations ask as fast as they are answered."""
    backend = ScriptedBackend("default", replies=[ANSWER], cycle=True)
    async with core(backend, address) as here:
        store: Any = here.services.history
        async with counted(store._database) as found:
            await _ask_all(here, turns)
        return found[0] / turns


async def idle_connections(server: PostgresqlServer) -> int:
    """Connections of a process that has been busy and rests."""
    address = server.create()
    database = await Database.open(address)
    async with open_crew(database):

        async def read() -> None:
            async with database.read() as connection:
                await connection.execute(sa.text("SELECT pg_sleep(0.05)"))

        await asyncio.gather(*(read() for _ in range(20)))
        name = address.url.database
        found = server.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
    await database.close()
    server.drop(address)
    return int(str(found[0][0]))


def p99(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]


async def rows(quick: bool) -> list[Row]:
    """The rows of several processes; none where PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        return []
    turns, rounds, seconds = (1_000, 1, 5.0) if quick else (6_000, 3, 60.0)
    with running_server(programs, ON_DISK) as server, logging_as_in_production():
        alone, one, four, apart = [], [], [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(prefix="parlance-bench-") as folder:
                alone.append(await run_turns(Path(folder) / "parlance.db", turns))
            one.append(await run_processes(server, turns, 1))
            four.append(await run_processes(server, turns, 4))
            apart.append(await run_processes(server, turns, 4, apart=True))
        beside = statistics.median(b.cpu_ms / a.cpu_ms for a, b in zip(alone, one, strict=True))
        many = statistics.median(b.cpu_ms / a.cpu_ms for a, b in zip(one, four, strict=True))
        shared = statistics.median(b.cpu_ms / a.cpu_ms for a, b in zip(apart, four, strict=True))
        rate = statistics.median(run.rate for run in one)
        address = server.create()
        database = await Database.open(address)
        await database.close()
        few = await arrivals(server.create(), LOAD * rate, seconds, 100)
        wide = await arrivals(server.create(), LOAD * rate, seconds, 10_000)
        steady = await arrivals(server.create(), LOAD * WANTED_RATE, seconds, 10_000)
        connections = await idle_connections(server)
        each = await statements(server.create(), turns // 3)
    cost = statistics.median(run.cpu_ms for run in one)
    ratio = p99(wide) / p99(few)
    return [
        Row("PostgreSQL: CPU of a turn", cost, "ms", "", None),
        Row("PostgreSQL: CPU of a turn beside SQLite", beside, "×", "≤ 2", beside <= 2),
        Row("PostgreSQL: CPU of a turn, four processes beside one", many, "×", "≤ 1.15",
            many <= 1.15),
        Row("PostgreSQL: the same beside four that share nothing", shared, "×", "≤ 1.15",
            shared <= 1.15),
        Row("PostgreSQL: turns of one process", rate, "turns/s", "≥ 250", rate >= WANTED_RATE),
        Row("PostgreSQL: statements of a turn of those", each, "", "≤ 8", each <= 8),
        Row(f"PostgreSQL: first text at {LOAD:.0%} of that, 10,000 channels, p99",
            p99(wide) * 1e3, "ms", "≤ 50", p99(wide) <= 0.05),
        Row(f"PostgreSQL: the same at {LOAD * WANTED_RATE:.0f} turns/s", p99(steady) * 1e3, "ms",
            "≤ 50", p99(steady) <= 0.05),
        Row("PostgreSQL: the same beside 100 channels", ratio, "×", "≤ 1.1", ratio <= 1.1),
        Row("PostgreSQL: idle connections of a process", connections, "", "≤ 10",
            connections <= 10),
    ]  # fmt: skip


def main() -> None:
    """One of the processes: turns in a database; says what they took."""
    shorten_switch_interval()
    url, turns, first = sys.argv[1:]

    async def ready() -> None:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

    with logging_as_in_production():
        run = asyncio.run(run_turns(ServerAddress.parse(url), int(turns), int(first), ready))
    print(json.dumps({"wall_s": run.wall_s, "bot_cpu_s": run.bot_cpu_s}))


if __name__ == "__main__":
    main()

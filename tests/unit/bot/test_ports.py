"""The HTTP port of the whole application: metrics, health, readiness, and when there is none."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bot.adapters.protocol import Adapter, Core
from bot.app import open_app
from bot.control.client import ask
from bot.errors import AdapterError, ConfigError
from bot.installation import Installation
from bot.ports import open_ports
from bot.storage.address import DATABASE_URL_VARIABLE
from bot.storage.engine import MAX_READ_CONNECTIONS
from tests.fakes.platforms import FakePlatform
from tests.fakes.postgresql import PostgresqlServer, running_server
from tests.until import until


def write(folder: Path, **sections: Any) -> Installation:
    said = {
        "models": {"default": {"backend": "scripted"}, "embedder": {"backend": "scripted"}},
        "embedder": "embedder",
        **sections,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(said), "utf-8")
    return Installation.read(path)


async def installed(folder: Path, **sections: Any) -> Installation:
    return await asyncio.to_thread(write, folder, **sections)


class Platform(FakePlatform):
    """An adapter that tells whether it is connected."""

    def __init__(self, name: str, ends: AdapterError | None = None) -> None:
        super().__init__(name)
        self.connected = False
        self.drained = False
        self._ends = ends

    def drain(self, *, others: bool) -> None:
        self.drained = not others

    async def run(self, core: Core) -> None:
        if self._ends is not None:
            raise self._ends
        await asyncio.Event().wait()


async def get(url: str | None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(str(url)) as answer:
        return answer.status, await answer.text()


def never() -> None:
    pytest.fail("nobody asked it to stop")


async def test_metrics_are_served_and_the_loop_is_watched(tmp_path: Path) -> None:
    here = await installed(tmp_path, http={"port": 0}, metrics={"enabled": True})
    async with open_app(here) as app, open_ports(app, [], never) as ports:
        app.metrics.turn_started("ask")
        status, text = await until(
            lambda: get(f"{ports.http}/metrics"),
            fits=lambda it: "lag_seconds_count 0.0" not in it[1],
        )
        assert (await get(f"{ports.http}/metrics/more"))[0] == 404
        assert (await get(f"{ports.http}/"))[0] == 404
        async with (
            aiohttp.ClientSession() as session,
            session.head(f"{ports.http}/metrics") as head,
        ):
            assert head.status == 200
            assert head.headers["Content-Type"].startswith("text/plain")
        async with (
            session,
            aiohttp.ClientSession() as other,
            other.post(f"{ports.http}/metrics") as no,
        ):
            assert no.status == 405
    assert status == 200
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["parlance_turns_open", "ask"] == 1
    assert found["parlance_event_loop_lag_seconds_count",] >= 1
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(f"{ports.http}/metrics")


async def test_health_and_readiness(tmp_path: Path) -> None:
    here = await installed(tmp_path, http={"port": 0})
    slow, other = Platform("slow"), Platform("other")
    adapters: list[Adapter] = [slow, other]
    async with open_app(here) as app, open_ports(app, adapters, never) as ports:
        assert await get(f"{ports.http}/health") == (200, '{"ok": true}')
        assert await get(f"{ports.http}/ready") == (503, '{"ok": false}')
        assert (await get(f"{ports.http}/metrics"))[0] == 404  # nobody asked for them
        serving = asyncio.create_task(app.serve(adapters))
        other.connected = True
        await asyncio.sleep(0.05)
        assert (await get(f"{ports.http}/ready"))[0] == 503
        slow.connected = True
        assert await get(f"{ports.http}/ready") == (200, '{"ok": true}')
        assert await get(f"{ports.http}/readyz") == (200, '{"ok": true}')
        app.platforms["slow"] = ("standby", "")
        assert await get(f"{ports.http}/readyz") == (200, '{"ok": true}')
        await app.drain(adapters)
        assert slow.drained
        for path in ("ready", "readyz"):
            assert await get(f"{ports.http}/{path}") == (503, '{"ok": false}')
        for path in ("health", "healthz"):
            assert await get(f"{ports.http}/{path}") == (200, '{"ok": true}')
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_while_its_database_does_not_answer_it_is_not_ready(tmp_path: Path) -> None:
    here = await installed(tmp_path, http={"port": 0})
    async with open_app(here) as app, open_ports(app, [], never) as ports:
        async with AsyncExitStack() as held:
            for _ in range(MAX_READ_CONNECTIONS):
                await held.enter_async_context(app.database.read())
            assert await get(f"{ports.http}/readyz") == (503, '{"ok": false}')
            assert await get(f"{ports.http}/healthz") == (200, '{"ok": true}')
        assert await get(f"{ports.http}/readyz") == (200, '{"ok": true}')


async def test_while_its_database_server_is_away_it_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql: PostgresqlServer
) -> None:
    with ExitStack() as stack:
        opening = running_server(postgresql.programs)  # one of its own, which it may stop
        server = await asyncio.to_thread(stack.enter_context, opening)
        address = await asyncio.to_thread(server.create)
        monkeypatch.setenv(DATABASE_URL_VARIABLE, address.url.render_as_string(hide_password=False))
        here = await installed(tmp_path, http={"port": 0})
        async with open_app(here) as app, open_ports(app, [], never) as ports:
            assert await get(f"{ports.http}/readyz") == (200, '{"ok": true}')
            await asyncio.to_thread(server.stop)
            assert await get(f"{ports.http}/readyz") == (503, '{"ok": false}')
            assert await get(f"{ports.http}/healthz") == (200, '{"ok": true}')
            await asyncio.to_thread(server.start)
            assert await get(f"{ports.http}/readyz") == (200, '{"ok": true}')
        await asyncio.to_thread(stack.close)


async def test_where_no_platform_is_served_none_is_waited_for(tmp_path: Path) -> None:
    here = await installed(tmp_path, http={"port": 0})
    async with open_app(here) as app, open_ports(app, [], never) as ports:
        assert await get(f"{ports.http}/ready") == (200, '{"ok": true}')


async def test_status_tells_platforms_apart(tmp_path: Path) -> None:
    here = await installed(tmp_path)
    broken = Platform("broken", AdapterError("The token is wrong."))
    works, slow = Platform("works"), Platform("slow")
    works.connected = True
    adapters: list[Adapter] = [broken, works, slow]
    async with open_app(here) as app, open_ports(app, adapters, never):
        before = await ask(here.config.data_dir, "status")
        serving = asyncio.create_task(app.serve(adapters))
        told = await until(
            lambda: ask(here.config.data_dir, "status"),
            fits=lambda it: "starting" not in [one["state"] for one in it["platforms"]],
        )
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert {one["state"] for one in before["platforms"]} == {"starting"}
    assert told["platforms"] == [
        {"name": "broken", "state": "failed", "detail": "The token is wrong."},
        {"name": "works", "state": "connected", "detail": ""},
        {"name": "slow", "state": "connecting", "detail": ""},
    ]


async def test_a_port_that_is_taken_is_said_and_lets_go_of_everything(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        here = await installed(tmp_path, http={"port": port})
        with pytest.raises(ConfigError, match=rf"HTTP port 127\.0\.0\.1:{port} cannot be opened"):
            async with open_app(here) as app, open_ports(app, [], never):
                pass
    async with open_app(here) as app, open_ports(app, [], never) as ports:
        assert ports.http == f"http://127.0.0.1:{port}"


def test_without_need_no_server_is_imported(tmp_path: Path) -> None:
    write(tmp_path)
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from bot.app import open_app\n"
        "from bot.installation import Installation\n"
        "from bot.ports import open_ports\n"
        "async def main():\n"
        "    here = Installation.read(Path(sys.argv[1]))\n"
        "    async with open_app(here) as app, open_ports(app, [], lambda: None) as ports:\n"
        "        assert ports.http is None\n"
        "asyncio.run(main())\n"
        "print([name for name in sys.modules if name in ('uvicorn', 'aiohttp', 'h11')])\n"
    )
    config = str(tmp_path / "config.yaml")
    ended = subprocess.run(
        [sys.executable, "-c", program, config], capture_output=True, text=True, check=True
    )
    assert "uvicorn" not in ended.stdout

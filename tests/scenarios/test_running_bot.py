"""What the commands do beside a running bot: they ask it through the control socket."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.scenarios.process import SLOW, Folder, end_of, read_until


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.configure()
    return made


@asynccontextmanager
async def running(folder: Folder) -> AsyncIterator[asyncio.subprocess.Process]:
    """A bot that has answered, and reads on."""
    async with folder.started("run") as process:
        assert process.stdin is not None
        process.stdin.write(b"hello\n")
        await read_until(process, "You said: hello")
        yield process


async def test_commands_ask_the_running_bot_instead_of_refusing(folder: Folder) -> None:
    async with running(folder) as process:
        doctor, refused = await asyncio.gather(
            folder.run("doctor", "--json"), folder.run("docs", "list")
        )
        report = await folder.run("doctor", "--bundle", str(folder.path / "report.json"))
        models = await folder.run("models", "status", "--json")  # the doctor keeps the model busy
        folder.configure(limits={"per_person": 7})
        check = await folder.run("check", "--json")
        assert process.returncode is None
    for ended in (doctor, models, check):
        ended.no_trace()
        assert (ended.status, ended.err) == (0, "")

    told = json.loads((folder.path / "report.json").read_text("utf-8"))
    assert report.no_trace().status == 0
    assert "Look through it" in report.said
    assert told["rows"]["turns"] == 2
    assert any(line.get("event") == "turn.ended" for line in told["log"])
    assert "You said" not in str(told)

    rows = {row["what"]: row for row in doctor.json}
    assert rows["running bot"]["detail"].startswith(f"process {process.pid} since 2")
    assert "another configuration" not in rows["running bot"]["detail"]
    assert rows["model default"]["detail"].startswith("answers")
    assert rows["documents"]["detail"].startswith("none yet")
    assert rows["platforms"]["ok"]
    rows = {row["what"]: row for row in check.json}
    assert "another configuration" in rows["running bot"]["detail"]

    row = next(row for row in models.json if row["model"] == "default")
    assert (row["state"], row["queue"], row["busy"]) == ("ready", 0, 0)
    assert row["tokens_per_s"] > 0  # which only the process that answered can know

    assert refused.no_trace().status == 1
    assert f"is in use by process {process.pid}" in refused.said
    assert "`parlance stop`" in refused.said


async def test_status_says_what_runs_and_stop_waits_until_it_is_gone(folder: Folder) -> None:
    papers = folder.path / "papers"
    papers.mkdir()
    (papers / "lamp.md").write_text("# Lamps\n\nSwitch the lamp off.", "utf-8")
    slow = {"backend": "scripted", "replies": [{"match": "take", "text": SLOW}], "tokens_per_s": 5}
    folder.configure(
        models={"default": slow, "embedder": {"backend": "scripted"}},
        knowledge={"sync": [{"path": "papers"}]},
    )
    async with running(folder) as process:
        assert process.stdin is not None
        process.stdin.write(b"take your time\n")
        await read_until(process, "slow001")
        as_json, shown = await asyncio.gather(folder.run("status", "--json"), folder.run("status"))
        stopped = (await folder.run("stop")).no_trace()
        gone = not await asyncio.to_thread(Path(f"/proc/{process.pid}/exe").exists)
        ended = (await end_of(process)).no_trace()

    assert gone
    told = as_json.json
    assert (told["running"], told["pid"]) == (True, process.pid)
    assert told["platforms"] == [{"name": "terminal", "state": "connected", "detail": ""}]
    assert {row["model"] for row in told["models"]} == {"default", "embedder"}
    assert (told["open_turns"], told["documents"]) == (1, 1)
    first, *rows = shown.no_trace().out.splitlines()
    assert first.startswith("Parlance runs since 2")
    assert first.endswith(f"(process {process.pid}).")
    assert any(row.split()[:3] == ["model", "default", "ready"] for row in rows)
    assert any(row.split() == ["open", "turns", "1"] for row in rows)

    assert stopped.status == 0
    assert stopped.out == f"Parlance (process {process.pid}) has stopped.\n"
    assert ended.status == 128 + signal.SIGTERM
    assert "I was shut down before this was complete." in ended.out
    assert [turn["status"] for turn in folder.turns()][-1] == "cancelled"
    assert not (folder.path / "data" / "parlance.sock").exists()


async def test_the_socket_that_a_killed_bot_left_is_no_obstacle(folder: Folder) -> None:
    async with running(folder) as process:
        process.kill()
        await process.wait()
    left = folder.path / "data" / "parlance.sock"
    assert stat.S_ISSOCK(left.lstat().st_mode)
    assert (await folder.run("status")).no_trace().said == "Parlance is not running here."
    async with running(folder) as process:
        assert (await folder.run("status", "--json")).json["pid"] == process.pid


async def test_a_bot_that_cannot_be_asked_does_not_end_the_check(folder: Folder) -> None:
    (folder.path / "data").mkdir()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"version": 99}\n')
        writer.close()

    async with await asyncio.start_unix_server(answer, folder.path / "data" / "parlance.sock"):
        check = (await folder.run("check", "--json")).no_trace()
    rows = {row["what"]: row for row in check.json}
    assert rows["configuration"]["ok"]
    assert not rows["running bot"]["ok"]
    assert "another version" in rows["running bot"]["detail"]
    assert check.status == 1


async def test_the_http_port_of_a_process(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.configure(http={"port": port}, metrics={"enabled": True})
    async with running(folder), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/ready") as answer:
            assert (answer.status, await answer.json()) == (200, {"ok": True})
        async with session.get("/metrics") as answer:
            assert 'parlance_model_queue{model="default"} 0.0' in await answer.text()
        folder.configure(http={"port": port}, data_dir="elsewhere")
        second = (await folder.run("run", stdin=b"hello\n")).no_trace()
    assert f"The HTTP port 127.0.0.1:{port} cannot be opened" in second.said
    assert second.status == 2
    assert second.out == ""

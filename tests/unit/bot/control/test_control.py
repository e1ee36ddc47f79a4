"""The control socket: who may use it, where it is, and how it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from bot.control.address import SOCKET_NAME
from bot.control.client import ask, stop
from bot.control.protocol import ControlError, NotRunning
from bot.control.server import serve_control
from bot.errors import Refused
from tests.until import PATIENCE_S


async def status() -> dict[str, int]:
    return {"turns": 3}


def never() -> None:
    pytest.fail("nobody asked it to stop")


async def test_a_command_is_answered(tmp_path: Path) -> None:
    async with serve_control(tmp_path, {"status": status}, never):
        assert await ask(tmp_path, "status") == {"turns": 3}
        with pytest.raises(ControlError, match="does not know this command"):
            await ask(tmp_path, "launch")
    assert not (tmp_path / SOCKET_NAME).exists()
    with pytest.raises(NotRunning):
        await ask(tmp_path, "status")


async def test_a_command_that_fails_says_so_and_others_go_on(tmp_path: Path) -> None:
    async def refuse() -> None:
        raise Refused("Not today.")

    async def fail() -> None:
        raise ZeroDivisionError("a secret of the inside")

    commands = {"refuse": refuse, "fail": fail, "status": status}
    async with serve_control(tmp_path, commands, never):
        with pytest.raises(ControlError, match=r"^Not today\.$"):
            await ask(tmp_path, "refuse")
        with pytest.raises(ControlError) as failed:
            await ask(tmp_path, "fail")
        assert "secret" not in str(failed.value)
        assert await ask(tmp_path, "status") == {"turns": 3}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o177])
async def test_the_socket_is_its_owners_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        async with serve_control(tmp_path, {"status": status}, never):
            assert stat.S_IMODE((tmp_path / SOCKET_NAME).lstat().st_mode) == 0o600
        assert os.umask(mask) == mask
    finally:
        os.umask(before)


async def test_a_folder_whose_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120) / ("ü" * 60)
    folder.mkdir(parents=True)
    async with serve_control(folder, {"status": status}, never):
        assert (folder / SOCKET_NAME).is_socket()
        assert await ask(folder, "status") == {"turns": 3}
    assert list(folder.iterdir()) == []


async def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / SOCKET_NAME))
    async with serve_control(tmp_path, {"status": status}, never):
        assert await ask(tmp_path, "status") == {"turns": 3}


async def test_a_file_in_its_place_is_kept_and_the_bot_runs_without(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).write_text("mine", "utf-8")
    async with serve_control(tmp_path, {"status": status}, never):
        with pytest.raises(NotRunning):
            await ask(tmp_path, "status")
    assert (tmp_path / SOCKET_NAME).read_text("utf-8") == "mine"


async def test_a_command_ends_when_the_one_who_asked_has_left(tmp_path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serve_control(tmp_path, {"long": long}, never):
        asking = asyncio.create_task(ask(tmp_path, "long"))
        await begun.wait()
        asking.cancel()
        await asyncio.wait_for(ended.wait(), PATIENCE_S)


async def test_what_is_asked_when_the_bot_ends_is_told(tmp_path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serve_control(tmp_path, {"long": long}, never):
        asking = asyncio.create_task(ask(tmp_path, "long"))
        await begun.wait()
    assert ended.is_set()
    with pytest.raises(ControlError, match="ended before it answered"):
        await asking


async def test_a_bot_that_was_asked_to_stop_and_stays_is_told_of(tmp_path: Path) -> None:
    asked = asyncio.Event()
    async with serve_control(tmp_path, {}, asked.set):
        with pytest.raises(ControlError, match=f"process {os.getpid()}.*has not ended"):
            await stop(tmp_path, within_s=0.2)
    assert asked.is_set()


async def test_a_bot_that_does_not_answer_in_time_is_told_of(tmp_path: Path) -> None:
    async with serve_control(tmp_path, {"wait": asyncio.Event().wait}, never):
        with pytest.raises(ControlError, match="has not answered within"):
            await ask(tmp_path, "wait", timeout_s=0.1)

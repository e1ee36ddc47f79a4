"""The operator's keys, as a person in a chat and whoever reads the disk would meet them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.openai import OpenAIServer
from tests.fakes.speech import Fault
from tests.scenarios.process import Folder

KEY = "0c7d1f5e-swordfish-77"


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as running:
        running.key = KEY
        yield running


@pytest.fixture
def folder(tmp_path: Path, server: OpenAIServer) -> Folder:
    made = Folder(tmp_path, {"TEAM_ENTRY": KEY})
    model = {
        "backend": "openai_compatible",
        "url": server.base,
        "model": "tiny",
        "api_key_env": "TEAM_ENTRY",
    }
    made.configure(models={"default": model, "embedder": {"backend": "scripted"}})
    return made


def kept(folder: Folder) -> bytes:
    files = [path for path in (folder.path / "data").rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


@pytest.mark.parametrize("status", [400, 500])
async def test_a_key_in_the_error_of_a_model_server_is_not_shown(
    folder: Folder, server: OpenAIServer, status: int
) -> None:
    said = {"error": {"message": f"no quota for key {KEY} here"}}
    server.faults.extend([Fault(status=status, body=said)] * 20)
    ended = await folder.run("run", stdin=b"hello\n")
    assert "no quota for key [secret] here" in ended.out + ended.err
    assert KEY not in ended.out + ended.err
    assert KEY.encode() not in kept(folder)


async def test_a_key_that_a_model_server_answers_with_is_neither_shown_nor_kept(
    folder: Folder, server: OpenAIServer
) -> None:
    server.inline = f"You came with {KEY} my friend."
    ended = await folder.run("run", stdin=b"hello\n")
    assert "You came with [secret] my friend." in ended.out
    assert KEY not in ended.out + ended.err
    assert "You came with [secret] my friend." in folder.turns()[-1]["text"]
    assert KEY.encode() not in kept(folder)

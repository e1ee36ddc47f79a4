"""An admin fetches a model in chat: how far it is, Stop, and what there is after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.file_server import FileServer
from tests.fakes.hub import serve_repository
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model

WHOLE = 10**9
PULL = {"action": "pull", "name": "hf:a/Tiny-GGUF"}


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileServer]:
    write_sliding_window_model(tmp_path / "tiny.gguf")
    async with FileServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        content = (tmp_path / "tiny.gguf").read_bytes()
        serve_repository(server, "a/Tiny-GGUF", {"Tiny-Q8_0.gguf": content})
        yield server


@pytest.mark.parametrize("driver", ["discord", "slack"], indirect=True)
async def test_a_fetch_is_stopped_goes_on_and_is_there_after_a_restart(
    make_house: Any, hub: FileServer
) -> None:
    house = await make_house(sections={"models_dir": "store"})
    await house.driver.command("model", PULL)
    await house.is_told("Only admins can do this")
    assert not hub.seen

    hub.fail.extend([WHOLE, WHOLE, "stall"])
    await house.driver.command("model", PULL, by="root")
    await hub.stalled.wait()
    await house.sees("Fetching tiny")
    await house.driver.press("stop", by="root")
    await house.reads("Stopped before anything was written")

    await house.driver.command("model", PULL, by="root")
    await house.reads("tiny is here")
    assert any("range" in seen.headers for seen in hub.gets)
    use = {"action": "use", "name": "hf:a/Tiny-GGUF", "scope": "default"}
    await house.driver.command("model", use, by="root")
    await house.hears("tiny now answers")
    await house.restart()
    await house.driver.command("model", {"action": "list"})
    await house.is_told("tiny** (llama_cpp")

"""Models that are fetched while the bot runs: from a hub and an Ollama server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.base import ChatMessage, ChatRequest, EngineContext, Sampling
from backends.files.store import ModelStore
from backends.pool.pool import Pool
from backends.scripted.backend import ENGINE
from bot.config import Config
from bot.errors import NotFound, UsageError, UserFacingError
from bot.models.capabilities_store import SqlCapabilitiesStore
from bot.models.fetched_models import FETCHED_MODEL, FetchedModels
from bot.models.local_machine import LocalMachine
from bot.models.protocol import PullStep
from bot.models.selection import ModelService
from bot.settings.choices_store import SqlPreferences
from bot.storage.database import Database
from bot.types import ConversationKey
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.ggufs import split
from tests.fakes.hub import serve_file, serve_repository
from tests.fakes.ollama import OllamaServer

HERE = ConversationKey("slack", "T1", "C1")
GB = 10**9
BOB = "slack:U1"
WHOLE = 10**9
"""An answer that is not cut: that with the list of files, and that which names the storage."""


@dataclass
class Bot:
    """What a running bot has of models."""

    models: ModelService
    fetched: FetchedModels
    preferences: SqlPreferences
    pool: Pool

    async def pull(self, text: str, patience_s: float = 60.0) -> list[PullStep]:
        async with aclosing(self.fetched.pull(text, BOB, patience_s)) as steps:
            return [step async for step in steps]

    async def refusal(self, text: str) -> str:
        with pytest.raises(UserFacingError) as caught:
            await self.pull(text)
        return str(caught.value)

    async def says(self, name: str) -> bool:
        sampling = Sampling(max_tokens=2)
        request = ChatRequest(messages=(ChatMessage("user", "Hello"),), sampling=sampling)
        async with aclosing(self.pool.chat(name, request)) as chunks:
            return any([chunk.usage is not None async for chunk in chunks])


@asynccontextmanager
async def running(
    folder: Path, store: ModelStore, machine: LocalMachine | None = None
) -> AsyncIterator[Bot]:
    models = {"default": {"backend": "scripted"}, "minilm": {"backend": "scripted"}}
    config = Config.model_validate({"models": models})
    database = await Database.open(folder / "parlance.db")
    pool = Pool(config.models, {"scripted": ENGINE}, EngineContext(store, lambda name: None))
    preferences = SqlPreferences(database)
    service = ModelService(pool, preferences, config, SqlCapabilitiesStore(database))
    here = machine or LocalMachine(cores=2, memory_bytes=4 * GB, disk_bytes=10 * GB)
    fetched = FetchedModels(
        service, preferences, store, lambda name: None, look=lambda folder: here
    )
    await fetched.load()
    try:
        yield Bot(service, fetched, preferences, pool)
    finally:
        await fetched.aclose()
        await pool.aclose()
        await database.close()


@pytest.fixture
def tiny(tiny_gguf: Path) -> bytes:
    return tiny_gguf.read_bytes()


@pytest.fixture
async def bot(tmp_path: Path, store: ModelStore) -> AsyncIterator[Bot]:
    async with running(tmp_path, store) as made:
        yield made


async def test_a_repository_is_fetched_tried_served_and_chosen(
    bot: Bot, hub: FileServer, tiny: bytes
) -> None:
    serve_repository(hub, "a/Tiny-GGUF", {"tiny-Q8_0.gguf": tiny, "README.md": 3})
    steps = await bot.pull("hf:a/Tiny-GGUF")
    assert [steps[0].state, steps[-1].state, steps[-1].name] == ["looking", "ready", "tiny"]
    assert steps[-1].written_per_s > 0
    assert list(bot.models.names()) == ["default", "tiny"]
    await bot.models.use("tiny", "channel", HERE, BOB)
    assert await bot.models.current(HERE) == ("tiny", "channel")
    assert await bot.says("tiny")
    assert bot.models.specs()["tiny"].engine_model_names == ("hf:a/Tiny-GGUF/tiny-Q8_0.gguf",)
    assert [step.state for step in await bot.pull("hf:a/Tiny-GGUF")] == ["ready"]
    assert bot.fetched.served("hf:a/Tiny-GGUF") == "tiny"


async def test_it_is_there_after_a_restart(
    tmp_path: Path, store: ModelStore, hub: FileServer, tiny: bytes
) -> None:
    serve_repository(hub, "a/b", {"m-Q4_K_M.gguf": tiny})
    async with running(tmp_path, store) as bot:
        await bot.pull("hf:a/b")
        await bot.models.use("b", "default", HERE, BOB)
    async with running(tmp_path, store) as bot:
        assert await bot.models.current(HERE) == ("b", "default")
        assert await bot.says("b")


async def test_what_is_stored_and_cannot_be_served_is_left_out(
    tmp_path: Path, store: ModelStore
) -> None:
    async with running(tmp_path, store) as bot:
        for name, text in (
            ("odd", "{"),
            ("no engine", '{"backend": "none"}'),
            ("default", '{"backend": "scripted"}'),
            ("keys", '{"backend": "scripted", "tempo": 3}'),
            ("fine", '{"backend": "scripted"}'),
        ):
            await bot.preferences.put(FETCHED_MODEL, name, text, BOB)
    async with running(tmp_path, store) as bot:
        assert list(bot.models.names()) == ["default", "fine"]


async def test_a_model_in_parts_is_fetched_whole(
    bot: Bot, hub: FileServer, tiny_gguf: Path, tmp_path: Path
) -> None:
    parts = await asyncio.to_thread(split, tiny_gguf, tmp_path / "parts", 2, "m-Q4_K_M")
    serve_repository(hub, "a/b", {f"Q4_K_M/{part.name}": part.read_bytes() for part in parts})
    assert (await bot.pull("hf:a/b"))[-1].state == "ready"
    assert await bot.says("b")


async def test_a_download_that_breaks_off_goes_on(bot: Bot, hub: FileServer, tiny: bytes) -> None:
    whole = tiny
    serve_repository(hub, "a/b", {"m-Q4_K_M.gguf": whole})
    at = len(whole) * 9 // 10
    hub.fail.extend([WHOLE, WHOLE, at])
    assert (await bot.pull("hf:a/b"))[-1].state == "ready"
    assert f"bytes={at}-" in [seen.headers.get("range") for seen in hub.gets]


async def test_a_model_of_an_ollama_server_is_fetched_there(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OllamaServer() as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url.removeprefix("http://"))
        assert (await bot.pull("ollama:fresh"))[-1].name == "fresh"
        assert await bot.says("fresh")
        assert "no model 'nothing'" in await bot.refusal("ollama:nothing")


class TestStop:
    async def test_closed_it_ends_and_the_next_call_goes_on_from_there(
        self, bot: Bot, hub: FileServer, tiny: bytes
    ) -> None:
        whole = tiny
        serve_repository(hub, "a/b", {"m-Q4_K_M.gguf": whole})
        hub.fail.extend([WHOLE, WHOLE, "stall"])
        async with aclosing(bot.fetched.pull("hf:a/b", BOB, 60.0)) as steps:
            async for step in steps:
                if step.state == "fetching" and step.done:
                    break
        assert list(bot.models.names()) == ["default"]
        hub.stalled.clear()
        assert (await bot.pull("hf:a/b"))[-1].state == "ready"
        ranges = [seen.headers.get("range") for seen in hub.gets]
        assert f"bytes={len(whole) // 2}-" in ranges

    async def test_when_the_patience_ends_it_goes_on_by_itself(
        self, bot: Bot, hub: FileServer, tiny: bytes
    ) -> None:
        serve_repository(hub, "a/b", {"m-Q4_K_M.gguf": tiny})
        steps = await bot.pull("hf:a/b", patience_s=0.0)
        assert [step.state for step in steps] == ["continues"]
        assert "hf:a/b is being fetched just now" in await bot.refusal("hf:a/other")
        assert (await bot.pull("hf:a/b"))[-1].state == "ready"  # joins it

    async def test_one_who_stops_does_not_stop_it_for_others(
        self, bot: Bot, hub: FileServer, tiny: bytes
    ) -> None:
        serve_repository(hub, "a/b", {"m-Q4_K_M.gguf": tiny})
        first = bot.fetched.pull("hf:a/b", BOB, 60.0)
        await anext(first)
        other = asyncio.create_task(bot.pull("hf:a/b"))
        await asyncio.sleep(0)
        await first.aclose()
        assert (await other)[-1].state == "ready"


class TestRefusals:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (ServedFile(status=401), "has no a/b, or it is private"),
            (ServedFile(status=403, headers={"X-Error-Code": "GatedRepo"}), "its terms"),
            (ServedFile(status=404), "has no a/b, or it is private"),
            (ServedFile(status=429, headers={"Retry-After": "7"}), "try again in 7 s"),
            (ServedFile(b"[]"), "a/b has no GGUF file"),
        ],
    )
    async def test_what_the_hub_refuses(
        self, bot: Bot, hub: FileServer, answer: ServedFile, said: str
    ) -> None:
        hub.files["/api/models/a/b/tree/main?recursive=true"] = answer
        assert said in await bot.refusal("hf:a/b")

    async def test_what_is_no_model(self, bot: Bot, hub: FileServer, tiny: bytes) -> None:
        page = b"<html>" * 1_000
        cut = tiny[:-1000]
        serve_repository(hub, "a/page", {"m-Q4_0.gguf": page})
        serve_repository(hub, "a/cut", {"m-Q4_0.gguf": cut})
        assert "is not a GGUF file" in await bot.refusal("hf:a/page")
        assert "is truncated" in await bot.refusal("hf:a/cut")
        assert "is no GGUF file" in await bot.refusal("hf:a/page/config.json")
        assert list(bot.models.names()) == ["default"]

    async def test_a_hub_that_breaks_off_for_good(self, bot: Bot, hub: FileServer) -> None:
        serve_repository(hub, "a/b", {"m-Q4_0.gguf": 1_000})
        serve_file(hub, "a/b", "m-Q4_0.gguf", b"GGUF" * 250)
        hub.fail.extend([WHOLE, *([0] * 20)])
        assert "the next pull goes on from there" in await bot.refusal("hf:a/b")

    async def test_a_machine_that_is_too_small(
        self, tmp_path: Path, store: ModelStore, hub: FileServer
    ) -> None:
        serve_repository(hub, "a/b", {"m-Q4_K_M.gguf": 20 * GB})
        small = LocalMachine(cores=2, memory_bytes=4 * GB, disk_bytes=1 * GB)
        full = LocalMachine(cores=2, memory_bytes=64 * GB, disk_bytes=1 * GB)
        async with running(tmp_path / "small", store, small) as bot:
            assert "No file of a/b fits" in await bot.refusal("hf:a/b")
            assert "qwen3-4b needs about 3.4 GB of memory" not in await bot.refusal("gpt-oss-20b")
        async with running(tmp_path / "full", store, full) as bot:
            assert "needs 20.0 GB on the disk" in await bot.refusal("hf:a/b")
        assert [seen.path for seen in hub.seen if "resolve" in seen.path] == []

    async def test_a_disk_that_cannot_be_written_names_no_folder(
        self, bot: Bot, hub: FileServer, store: ModelStore, tiny: bytes
    ) -> None:
        serve_repository(hub, "a/b", {"m-Q4_K_M.gguf": tiny})
        store.root.parent.mkdir(exist_ok=True)
        store.root.write_text("a file where a folder is wanted")
        assert "models' folder has no room" in await bot.refusal("hf:a/b")

    async def test_paths_and_addresses_are_not_for_chat(self, bot: Bot, tiny_gguf: Path) -> None:
        for text in (str(tiny_gguf), f"file:{tiny_gguf}", "url:http://127.0.0.1/m.gguf"):
            with pytest.raises((NotFound, UsageError)):
                await bot.pull(text)

"""The application, opened and closed in this process."""

from __future__ import annotations

import asyncio
import gc
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.protocol import Core
from bot.adapters.terminal.sink import ReplySink
from bot.app import App, open_app
from bot.cli.running_bot import describe_vectors
from bot.doctor import run_checks
from bot.errors import AdapterError, ConfigError, StorageError
from bot.events import Message
from bot.history.protocol import HistoryStore, StoredMessage
from bot.installation import Installation
from bot.platforms import create_adapters
from bot.status import now, report
from bot.types import Author, ConversationKey
from tests.fakes.platforms import FakePlatform
from tests.until import PATIENCE_S, until

ADA = Author("terminal", "operator", "Ada")
HERE = ConversationKey("terminal", "local", "main")


def write(folder: Path, **sections: Any) -> Installation:
    said = {
        "models": {"default": {"backend": "scripted"}, "embedder": {"backend": "scripted"}},
        "embedder": "embedder",
        "admins": {"users": ["terminal:operator"]},
        **sections,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(said), "utf-8")
    return Installation.read(path)


async def installed(folder: Path, **sections: Any) -> Installation:
    return await asyncio.to_thread(write, folder, **sections)


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return write(tmp_path)


async def ask(core: Core, text: str, number: str) -> str:
    sink = ReplySink()
    await core.accept(Message(number, HERE, ADA, text, direct=True), sink)
    await asyncio.wait_for(sink.finished.wait(), PATIENCE_S)
    assert sink.view is not None
    return sink.view.text


def ours() -> set[threading.Thread]:
    """Threads that hold something open: those of the default executor only wait for work."""
    gc.collect()
    return {t for t in threading.enumerate() if not t.name.startswith("asyncio_")}


async def test_opening_twice_in_a_row_leaves_nothing_behind(here: Installation) -> None:
    threads, tasks = ours(), asyncio.all_tasks()
    for number in ("1", "2"):
        async with open_app(here) as app:
            assert await ask(app.core, "hello", number) == "You said: hello"
        assert asyncio.all_tasks() == tasks
        # A thread that was told to end does so in a moment.
        await until(lambda: not ours() - threads)


async def test_a_folder_has_one_owner_until_it_is_closed(here: Installation) -> None:
    async with open_app(here):
        with pytest.raises(StorageError, match=r"is in use by process \d+"):
            async with open_app(here):
                pass
    async with open_app(here) as app:
        assert await ask(app.core, "hello", "1") == "You said: hello"


async def test_a_start_that_fails_lets_go_of_everything(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "chat.j2").write_text("{% if %}", "utf-8")
    tasks = asyncio.all_tasks()
    with pytest.raises(Exception, match=r"chat\.j2 has an error in line 1"):
        async with open_app(await installed(tmp_path, prompts_dir="prompts")):
            pass
    assert asyncio.all_tasks() == tasks
    async with open_app(await installed(tmp_path)) as app:
        assert await ask(app.core, "hello", "1") == "You said: hello"


class Platform(FakePlatform):
    """An adapter that ends as it is told."""

    def __init__(self, name: str, ends: Exception | None = None) -> None:
        super().__init__(name)
        self.served = False
        self._ends = ends

    async def run(self, core: Core) -> None:
        if self._ends is not None:
            raise self._ends
        await asyncio.sleep(0.05)
        self.served = True


async def test_a_platform_that_refuses_us_does_not_end_the_others(here: Installation) -> None:
    async with open_app(here) as app:
        works = Platform("works")
        await app.serve([Platform("broken", AdapterError("The token is wrong.")), works])
        assert works.served
        with pytest.raises(AdapterError, match="The token is wrong"):
            await app.serve([Platform("broken", AdapterError("The token is wrong."))])


class Unsteady(Platform):
    """An adapter that crashes in its first runs."""

    def __init__(self, name: str, *crashes: BaseException) -> None:
        super().__init__(name)
        self._crashes = list(crashes)
        self.runs = 0

    async def run(self, core: Core) -> None:
        self.runs += 1
        if self._crashes:
            raise self._crashes.pop(0)
        await super().run(core)


async def test_a_bug_in_one_platform_ended_all_platforms(here: Installation) -> None:
    async with open_app(here) as opened:
        app = replace(opened, restart_pause_s=0.01)
        works = Platform("works")
        unsteady = Unsteady("unsteady", KeyError("a bug"), asyncio.CancelledError("a library's"))
        await app.serve([unsteady, works])
        assert works.served
        assert (unsteady.runs, unsteady.served) == (3, True)


async def test_a_platform_that_refuses_us_after_a_crash_is_not_run_again(
    here: Installation,
) -> None:
    async with open_app(here) as opened:
        app = replace(opened, restart_pause_s=0.01)
        refused = Unsteady("refused", ValueError("a bug"), AdapterError("The token is wrong."))
        with pytest.raises(AdapterError, match="The token is wrong"):
            await app.serve([refused])
        assert refused.runs == 2


async def test_a_platform_that_crashes_for_ever_can_be_ended(here: Installation) -> None:
    async with open_app(here) as opened:
        app = replace(opened, restart_pause_s=0.001)
        broken = Unsteady("broken", *(ValueError("a bug") for _ in range(1000)))
        serving = asyncio.create_task(app.serve([broken]))
        await until(lambda: broken.runs >= 3)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving


class UntilForgotten(FakePlatform):
    """An adapter that runs until the old message is gone."""

    def __init__(self, history: HistoryStore) -> None:
        super().__init__("waiting")
        self._history = history

    async def run(self, core: Core) -> None:
        while await self._history.get("old") is not None:
            await asyncio.sleep(0.01)

    async def check(self) -> tuple[str, ...]:
        return ()


async def test_what_is_too_old_is_removed_at_the_start(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old = StoredMessage("old", str(HERE), "user", "hello", ADA.key, now - timedelta(days=40))
    new = replace(old, id="new", at=now)
    async with open_app(await installed(tmp_path, history={"keep_days": 30})) as app:
        history = app.services.history
        for question in (old, new):
            answer = replace(question, id=f"to-{question.id}", role="assistant")
            await history.open(question, replace(answer, answers=question.id))
        await asyncio.wait_for(app.serve([UntilForgotten(history)]), PATIENCE_S)
        assert await history.get("to-old") is None
        assert await history.get("to-new") is not None


async def test_documents_are_read_in_and_a_folder_that_is_not_there_is_passed_over(
    tmp_path: Path,
) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "lamp.md").write_text("# Lamps\n\nSwitch the lamp off.", "utf-8")
    sync = [{"path": "papers"}, {"path": "nowhere"}]
    async with open_app(await installed(tmp_path, knowledge={"sync": sync})) as app:
        await app.warm_up()
        assert [document.title for document in await app.knowledge.list()] == ["Lamps"]
        assert [event.state async for event in app.sync_documents()] == ["unchanged"]


class UntilRead(FakePlatform):
    """An adapter that runs until there are documents."""

    def __init__(self, app: App) -> None:
        super().__init__("waiting")
        self._app = app

    async def run(self, core: Core) -> None:
        await until(self._app.knowledge.list)

    async def check(self) -> tuple[str, ...]:
        return ()


async def test_a_source_with_a_period_is_read_while_the_bot_runs_and_not_at_its_start(
    tmp_path: Path,
) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "lamp.md").write_text("# Lamps\n\nSwitch the lamp off.", "utf-8")
    sync = [{"path": "papers", "every": "1h"}]
    async with open_app(await installed(tmp_path, knowledge={"sync": sync})) as app:
        await asyncio.wait_for(app.serve([UntilRead(app)]), PATIENCE_S)
        assert [document.title for document in await app.knowledge.list()] == ["Lamps"]
        assert [event async for event in app.sync_documents()] == []  # the schedule does it


async def test_the_doctor_says_which_source_cannot_be_read(tmp_path: Path) -> None:
    sync = [{"git": "no-such-repository"}]
    async with open_app(await installed(tmp_path, knowledge={"sync": sync})) as app:
        await app.warm_up()
        (row,) = [row for row in await run_checks(app) if str(row["what"]).startswith("sync of")]
        assert row["ok"] is False
        assert str(row["what"]).endswith("/no-such-repository")
        assert "The repository could not be read" in str(row["detail"])
        assert [event async for event in app.sync_documents()] == []  # it is left to docs sync


async def test_doctor_and_status_say_that_the_chroma_server_is_gone(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "lamp.md").write_text("# Lamps\n\nSwitch the lamp off.", "utf-8")
    said = {"chroma": "http://127.0.0.1:1", "sync": [{"path": "papers"}]}
    async with open_app(await installed(tmp_path, knowledge=said)) as app:
        await app.warm_up()
        (document,) = await app.knowledge.list()
        assert (await app.knowledge.search("lamp")).passages[0].document == document.id
        (row,) = [row for row in await run_checks(app) if row["what"] == "vectors"]
        assert row["ok"] is False
        gone = "The Chroma server at http://127.0.0.1:1 cannot be reached"
        assert str(row["detail"]).startswith(gone)
        told = (await report(app, [], now()))["vectors"]
        assert told["trouble"].startswith(gone)
        assert describe_vectors(told)[0]["state"] == "cannot be used"
        assert describe_vectors({"server": "", "trouble": ""}) == []


def test_without_tokens_there_is_no_platform(here: Installation) -> None:
    created = create_adapters(here)
    assert created.alone
    assert [adapter.name for adapter in created.adapters] == ["terminal"]


def test_what_is_configured_is_read_without_loading_it(tmp_path: Path) -> None:
    source = f"file:{tmp_path}/none.gguf"
    models = {"default": {"backend": "llama_cpp", "source": source}}
    here = write(tmp_path, models=models, embedder="default")
    assert [file.source for file in here.list_model_files()] == [source]
    assert [file.model for file in here.find_missing_files()] == ["default"]
    assert not (tmp_path / "data").exists()
    with pytest.raises(ConfigError, match="lama_cpp"):
        write(tmp_path, models={"default": {"backend": "lama_cpp"}}, embedder="default")

"""What config.yaml bounds for each model holds at the wire: an Ollama server counts along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from backends.base import ChatMessage, ChatRequest
from backends.errors import BackendBusy, BackendError, BackendUnavailable, DeadlineExceeded
from backends.ollama.backend import ENGINE
from backends.pool.pool import Pool
from bot.config import load
from bot.errors import ConfigError
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer
from tests.fakes.speech import Fault
from tests.until import PATIENCE_S, until


class Crowd:
    """People who ask a model whose answers never end, on a pool made from config.yaml."""

    def __init__(self, server: OllamaServer, pool: Pool) -> None:
        self.server = server
        self.pool = pool
        self.tasks: list[asyncio.Task[None]] = []

    def ask(self, person: str, channel: str = "c") -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(self._drain(person, channel)))
        return self.tasks[-1]

    async def _drain(self, person: str, channel: str) -> None:
        request = ChatRequest((ChatMessage("user", "hello"),), person=person, channel=channel)
        async with aclosing(self.pool.chat("team", request)) as chunks:
            async for _ in chunks:
                pass

    @property
    def asked(self) -> int:
        """Requests that the server has ever got."""
        return len(self.server.bodies("/api/chat"))

    @property
    def place(self) -> tuple[int, int]:
        """Slots busy, and requests that wait."""
        (status,) = self.pool.status("team")
        return status.busy, status.queued


@asynccontextmanager
async def crowd(folder: Path, settings: str, model: str = "") -> AsyncIterator[Crowd]:
    async with OllamaServer() as server:
        server.faults.extend(Fault(how="stall", after=1) for _ in range(40))
        entry = f"backend: ollama, url: '{server.url}', model: tiny, parallel: 4"
        path = folder / "config.yaml"
        more = f", {model}" if model else ""
        path.write_text(
            f"models: {{team: {{{entry}{more}}}}}\n"
            f"default_model: team\nembedder: team\n{settings}\n"
        )
        config = await asyncio.to_thread(load, path, {})
        pool = Pool(config.models, {"ollama": ENGINE}, bare_context(), config.pool_limits)
        people = Crowd(server, pool)
        try:
            yield people
        finally:
            for task in people.tasks:
                task.cancel()
            await asyncio.gather(*people.tasks, return_exceptions=True)
            await pool.aclose()


async def test_one_person_gets_no_more_slots_than_their_share(tmp_path: Path) -> None:
    async with crowd(tmp_path, "pool: {person_share: 0.5}") as people:
        for _ in range(4):
            people.ask("ada")
        await until(lambda: people.asked == 2)
        assert people.place == (2, 2)
        people.ask("bob")
        await until(lambda: people.asked == 3)
        assert people.place == (3, 2)


@pytest.mark.parametrize(
    ("settings", "says", "other"),
    [
        ("pool: {per_person: 2}", "You already have 2 requests waiting", ("bob", "c")),
        ("pool: {per_channel: 2}", "This channel already has 2 requests waiting", ("ada", "d")),
    ],
)
async def test_a_full_person_or_channel_is_refused_and_others_are_not(
    tmp_path: Path, settings: str, says: str, other: tuple[str, str]
) -> None:
    async with crowd(tmp_path, settings) as people:
        people.ask("ada")
        people.ask("ada")
        await until(lambda: people.asked == 2)
        with pytest.raises(BackendBusy, match=says):
            await people.ask("ada")
        assert people.asked == 2
        people.ask(*other)
        await until(lambda: people.asked == 3)


@pytest.mark.parametrize(
    ("settings", "model"),
    [("limits: {max_queue: 1}", ""), ("limits: {max_queue: 30}", "queue: 1")],
)
async def test_a_full_queue_is_refused_with_the_seconds_to_wait(
    tmp_path: Path, settings: str, model: str
) -> None:
    async with crowd(tmp_path, settings, model) as people:
        for number in range(5):
            people.ask(f"person {number}")
        await until(lambda: people.place == (4, 1) and people.asked == 4)
        with pytest.raises(BackendBusy, match="try again in about") as refused:
            await people.ask("one more")
        assert refused.value.retry_after_s >= 1
        assert people.asked == 4


@pytest.mark.parametrize(
    ("settings", "model"),
    [("limits: {turn_deadline_s: 2}", ""), ("limits: {turn_deadline_s: 90}", "deadline_s: 2")],
)
async def test_a_deadline_ends_the_answer_and_the_connection(
    tmp_path: Path, settings: str, model: str
) -> None:
    async with crowd(tmp_path, settings, model) as people:
        with pytest.raises(DeadlineExceeded):
            await people.ask("ada")
        (chat,) = [seen for seen in people.server.seen if seen.path == "/api/chat"]
        await asyncio.wait_for(chat.closed.wait(), PATIENCE_S)
        assert people.place == (0, 0)


async def test_without_patience_a_failed_replica_is_not_waited_for(tmp_path: Path) -> None:
    settings = "pool: {patience_s: 0, first_pause_s: 45, longest_pause_s: 45}"
    async with crowd(tmp_path, settings) as people:
        people.server.faults.appendleft(Fault(500, {"error": "out of memory"}))
        with pytest.raises(BackendUnavailable, match="out of memory"):
            await people.ask("ada")
        with pytest.raises(BackendUnavailable, match=r"It is tried again in 4\d s"):
            await people.ask("bob")
        assert people.asked == 1


async def test_with_patience_it_is_waited_for(tmp_path: Path) -> None:
    settings = "pool: {patience_s: 5, first_pause_s: 0.05}"
    async with crowd(tmp_path, settings) as people:
        people.server.faults.appendleft(Fault(500, {"error": "out of memory"}))
        with pytest.raises(BackendError):
            await people.ask("ada")
        people.ask("bob")
        await until(lambda: people.asked == 2)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("pool: {per_person: 0}", "pool.per_person: should be greater than or equal to 1"),
        ("pool: {person_share: 1.5}", "pool.person_share: should be less than or equal to 1"),
        ("pool: {patience_s: -1}", "pool.patience_s: should be greater than or equal to 0"),
        ("pool: {first_pause_s: 99}", "pool: longest_pause_s must be at least first_pause_s"),
        ("pool: {per_persn: 3}", "did you mean pool.per_person?"),
        ("models: {default: {backend: x, queue: -1}}", "models.default.queue: should be"),
        ("models: {default: {backend: x, deadline_s: 0}}", "models.default.deadline_s: should be"),
    ],
)
def test_a_bound_that_makes_no_sense_is_named_by_its_path(
    tmp_path: Path, settings: str, says: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(settings)
    with pytest.raises(ConfigError) as refused:
        load(path, {})
    assert says in str(refused.value)

"""What is proposed for a machine, and what is found on this one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backends.files.catalog import CHAT_FILE
from backends.files.store import ModelStore
from bot.models.local_machine import Card, LocalMachine, look_at_machine, read_cards
from bot.models.local_servers import LocalServer, ServedModel, find_servers, ollama_url
from bot.models.proposals import Proposal, Survey, propose, survey
from bot.models.trial import Speed
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.ollama import OllamaServer
from tests.fakes.openai import OpenAIServer

GB = 10**9
QUICK = Speed(read_per_s=8_000.0, written_per_s=400.0)
"""Of the default model, on a machine where a model of 2.5 GB takes about ten seconds."""


def machine(memory_gb: float, disk_gb: float = 100, cards: tuple[Card, ...] = ()) -> LocalMachine:
    return LocalMachine(4, int(memory_gb * GB), int(disk_gb * GB), cards)


def by_name(found: Survey) -> dict[str, Proposal]:
    return {one.name: one for one in propose(found)}


def recommended(found: Survey) -> list[str]:
    return [one.reference for one in propose(found) if one.recommended]


class TestProposals:
    def test_the_largest_that_fits_and_is_quick_enough_is_recommended(self) -> None:
        found = Survey(machine(8), hub=True, default_speed=QUICK)
        assert recommended(found) == ["gemma-4-e4b"]
        assert recommended(Survey(machine(4.5), hub=True, default_speed=QUICK)) == ["qwen3.5-4b"]
        slow = QUICK.scaled(6)
        assert recommended(Survey(machine(8), hub=True, default_speed=slow)) == ["qwen3-1.7b"]

    def test_each_says_what_it_takes_and_how_long_an_answer_takes(self) -> None:
        names = by_name(Survey(machine(8), hub=True, default_speed=QUICK))
        four = names["qwen3-4b"]
        assert (four.licence, four.languages, four.tools) == ("Apache-2.0", "more than 100", True)
        assert four.answer_s == pytest.approx(12.7, abs=0.1)
        assert (names["gpt-oss-20b"].answer_s or 99) < 15  # few of its weights are at work
        assert "needs 13.5 GB of memory, and 7.2 GB are free" in names["gpt-oss-20b"].problem

    def test_without_the_hub_or_the_disk_only_what_is_here_fits(self) -> None:
        stored = frozenset({CHAT_FILE.source})
        alone = by_name(Survey(machine(8), stored=stored))
        assert [name for name, one in alone.items() if one.fits] == ["smollm2-135m"]
        assert alone["qwen3-4b"].problem == "comes from Hugging Face, which cannot be reached"
        full = by_name(Survey(machine(8, disk_gb=1), hub=True, stored=stored))
        assert "needs 2.5 GB on the disk, and 1.0 GB are free" in full["qwen3-4b"].problem
        assert recommended(Survey(machine(8), stored=stored)) == ["smollm2-135m"]

    def test_what_a_server_has_comes_first(self) -> None:
        models = (ServedModel("qwen3:4b", 2_600_000_000), ServedModel("nomic-embed-text", GB))
        ollama = LocalServer("Ollama", "ollama", "http://127.0.0.1:11434", models)
        studio = LocalServer("LM Studio", "openai_compatible", "http://127.0.0.1:1234/v1",
                             (ServedModel("big"),))  # fmt: skip
        found = Survey(machine(8), (studio, ollama), hub=True, default_speed=QUICK)
        assert recommended(found) == ["ollama:qwen3:4b"]
        names = by_name(found)
        assert "nomic-embed-text" not in names
        assert names["qwen3:4b"].languages == "more than 100"
        assert names["big"].reference == "http://127.0.0.1:1234/v1#big"

    def test_a_card_counts_where_llama_cpp_computes_on_it(self) -> None:
        unused = Card("RTX", 24 * GB, 20 * GB, usable=False)
        card = Card("RTX", 24 * GB, 20 * GB, usable=True)
        assert machine(4, cards=(unused,)).model_bytes == int(3.6 * GB)
        with_card = Survey(machine(4, cards=(card,)), hub=True, default_speed=QUICK)
        assert recommended(with_card) == ["gpt-oss-20b"]
        assert by_name(with_card)["gpt-oss-20b"].answer_s is None


class TestWhatIsFound:
    async def test_servers_are_asked_for_their_models(self) -> None:
        async with OllamaServer() as ollama, OpenAIServer() as llama:
            found = await find_servers(
                {
                    "Ollama": ("ollama", ollama.url),
                    "llama-server": ("openai_compatible", f"{llama.url}/v1"),
                    "LM Studio": ("openai_compatible", "http://127.0.0.1:9/v1"),
                }
            )
        assert [(one.name, [model.name for model in one.models]) for one in found] == [
            ("Ollama", ["tiny:latest", "minilm:latest"]),
            ("llama-server", ["tiny"]),
        ]
        assert [model.chats for model in found[0].models] == [True, False]

    @pytest.mark.parametrize(
        "body", [b"<html>", b"[]", b"{}", b'{"models": 3}', b"[" * 100_000, b" " * 3_000_000]
    )
    async def test_what_is_no_model_server_is_left_alone(self, body: bytes) -> None:
        async with FileServer() as server:
            server.files["/api/tags"] = ServedFile(body)
            assert await find_servers({"Ollama": ("ollama", server.url)}) == []

    async def test_odd_models_are_left_out(self) -> None:
        async with FileServer() as server:
            listed = b'{"models": [1, {"model": 3}, {"model": "a\\u0007b"}, {"name": "good"}]}'
            server.files["/api/tags"] = ServedFile(listed)
            (found,) = await find_servers({"Ollama": ("ollama", server.url)})
        assert [model.name for model in found.models] == ["good"]

    @pytest.mark.parametrize(
        ("said", "url"),
        [
            ("", "http://127.0.0.1:11434"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("http://localhost:5000/", "http://127.0.0.1:5000"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("gpu.example:5000", "http://127.0.0.1:11434"),
            ("127.0.0.1:x", "http://127.0.0.1:11434"),
        ],
    )
    def test_ollama_is_asked_where_it_is_said_to_listen_on_this_machine(
        self, said: str, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OLLAMA_HOST", said)
        assert ollama_url() == url

    def test_cards_are_read_from_what_nvidia_tells(self) -> None:
        told = "NVIDIA H200, 143771, 143000\nodd\n, ,\nA, B, 100, 50\nRTX, [N/A], 3\n"
        assert read_cards(told) == [
            Card("NVIDIA H200", 143771 << 20, 143000 << 20, usable=False),
            Card("A, B", 100 << 20, 50 << 20, usable=False),
        ]

    def test_the_machine_is_looked_at_where_models_will_be(self, tmp_path: Path) -> None:
        found = look_at_machine(tmp_path / "not" / "there")
        assert found.cores >= 1
        assert found.disk_bytes > 0

    def test_a_program_that_fails_finds_no_cards(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text("#!/bin/sh\necho 'RTX, 100, 50'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        if not any(card.usable for card in look_at_machine(tmp_path).cards):
            assert look_at_machine(tmp_path).cards == (Card("RTX", 100 << 20, 50 << 20, False),)
        program.write_text("#!/bin/sh\nexit 9\n")
        assert not [card for card in look_at_machine(tmp_path).cards if not card.usable]

    async def test_a_survey_of_this_machine(
        self, store: ModelStore, hub: FileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with OllamaServer() as ollama:
            monkeypatch.setenv("OLLAMA_HOST", ollama.url.removeprefix("http://"))
            found = await survey(store)
        assert found.hub
        assert found.default_speed is None  # its file is not in this store
        assert "Ollama" in [server.name for server in found.servers]

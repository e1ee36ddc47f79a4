"""What `parlance setup` does with wrong tokens, hubs that fail, pipes, and a bot that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fakes.discord import TOKEN
from tests.fakes.discord.state import EVE
from tests.fakes.file_server import FileServer
from tests.fakes.hub import serve_repository
from tests.scenarios.setup.setup_house import (
    BOT_TOKEN,
    House,
    hub_environment,
    keyboard,
)
from tests.scenarios.test_cli_chat import ended


class TestBadInput:
    async def test_a_pipe_is_asked_nothing(self, house: House) -> None:
        before = house.settings
        said = await house.run()
        assert said.status == 1
        assert "add --yes" in said.said
        assert house.settings == before

    async def test_without_a_keyboard_each_step_that_lacks_something_says_what(
        self, house: House
    ) -> None:
        said = await house.run("model", "discord", "slack", "--yes", "--no-start")
        assert said.status == 0
        assert "--model names none" in " ".join(said.out.split())
        for name in ("DISCORD_TOKEN", "SLACK_BOT_TOKEN"):
            assert f"{name} is not set, so this is left for later." in " ".join(said.out.split())
        said = await house.run("slack", "--yes", "--no-start", env={"SLACK_BOT_TOKEN": BOT_TOKEN})
        assert "SLACK_APP_TOKEN is not set, so this is left for later." in " ".join(
            said.out.split()
        )

    @pytest.mark.parametrize(
        ("tokens", "says"),
        [
            ({"DISCORD_TOKEN": "xoxb-" + "12345678-abcdefgh"}, "a token of Slack"),
            ({"DISCORD_TOKEN": TOKEN[:-3] + "xxx"}, "refuses the token"),
            ({"DISCORD_TOKEN": TOKEN, "FAKE_DISCORD_PORT": "9"}, "check the network"),
            ({"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": BOT_TOKEN}, "the bot token"),
            ({"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": "xapp-1-A0TWO-1-a"}, "two apps"),
        ],
    )
    async def test_a_token_that_does_not_work_is_said_and_not_kept(
        self, house: House, tokens: dict[str, str], says: str
    ) -> None:
        said = await house.run("discord", "slack", "--yes", env=tokens)
        assert said.status == 1
        assert says in said.out
        assert not any(len(t) > 5 and t in said.out + said.err for t in tokens.values())
        assert not house.env_file.exists()

    async def test_a_hub_that_refuses_or_breaks_off(
        self, house: House, hub: FileServer, tmp_path: Path, tiny_gguf: bytes
    ) -> None:
        serve_repository(hub, "us/tiny-GGUF", {"tiny-Q8_0.gguf": tiny_gguf})
        arguments = ("model", "--yes", "--model", "hf:us/tiny-GGUF")
        before = house.settings
        for status, says in (("401", "us/tiny-GGUF"), ("429", "too many requests")):
            hub.fail.extend([status] * 12)
            said = await house.run(*arguments, env=hub_environment(hub, tmp_path))
            hub.fail.clear()
            assert said.status == 1
            assert says in said.out
            assert house.settings == before
        name = next(path for path in hub.files if path.startswith("/storage/"))
        hub.files[name].length = len(tiny_gguf)
        whole = len(tiny_gguf)
        hub.fail.extend([whole, whole, int(whole * 0.9)])
        said = await house.run(*arguments, env=hub_environment(hub, tmp_path))
        assert said.status == 0, said
        assert "tiny answers from now on." in said.out
        assert [s for s in hub.seen if s.headers.get("range")]
        assert "default_model: tiny" in house.settings

    async def test_a_model_that_is_too_large_is_refused_before_it_is_fetched(
        self, house: House, hub: FileServer, tmp_path: Path
    ) -> None:
        serve_repository(hub, "us/huge-GGUF", {"huge-Q8_0.gguf": 10**15})
        before = house.settings
        said = await house.run(
            "model", "--yes", "--model", "hf:us/huge-GGUF", env=hub_environment(hub, tmp_path)
        )
        assert said.status == 1
        assert "the smallest needs about" in said.out
        assert house.settings == before

    async def test_beside_a_running_bot_it_writes_and_listens_but_starts_none(
        self, house: House
    ) -> None:
        async with house.started("run", env={"DISCORD_TOKEN": TOKEN}) as bot:
            await house.online()
            said = await house.run("--yes", "--documents", "papers")
            assert said.status == 0
            assert f"Parlance runs here (process {bot.pid})." in said.out
            assert "papers" in house.settings
            async with keyboard(house, "admin") as (terminal, process):
                shown = await terminal.sees("Waiting for the word")
                word = re.findall(r"^   ([a-z]+)$", shown, re.MULTILINE)[-1]
                await house.discord.mention(word, by="eve")
                await terminal.sees(f"discord:{EVE} is an admin.")
                assert await ended(process) == 0
            assert bot.returncode is None
        assert f"- discord:{EVE}\n" in house.settings

"""`parlance setup`, from nothing to an answer with a source where people are."""

from __future__ import annotations

import asyncio
import re
import signal
import stat
from pathlib import Path

import pytest

from bot.adapters.discord.setup.manifest import PERMISSIONS
from bot.adapters.slack.setup.manifest import scopes
from bot.config.platforms import SlackSettings
from tests.fakes.discord import TOKEN
from tests.fakes.discord.state import EVE
from tests.fakes.file_server import FileServer
from tests.fakes.hub import serve_repository
from tests.scenarios.process import end_of, read_until
from tests.scenarios.setup.setup_house import (
    APP_TOKEN,
    BOT_TOKEN,
    QUESTION,
    TOKENS,
    House,
    hub_environment,
    keyboard,
    reads,
)
from tests.scenarios.test_cli_chat import CTRL_C, CTRL_D, ended
from tests.until import PATIENCE_S


class TestWithoutAKeyboard:
    async def test_one_command_leads_to_an_answer_with_a_source_in_both_chats(
        self, house: House, hub: FileServer, tmp_path: Path, tiny_gguf: bytes
    ) -> None:
        serve_repository(hub, "us/tiny-GGUF", {"tiny-Q8_0.gguf": tiny_gguf})
        begun = house.slack.fake.connections
        arguments = ("setup", "--yes", "--model", "hf:us/tiny-GGUF", "--documents", "papers")
        given = {**TOKENS, **hub_environment(hub, tmp_path)}
        async with house.started(*arguments, "--admin", "discord:7", env=given) as process:
            await house.online()
            await house.slack.fake.until(lambda: house.slack.fake.connections > begun)
            for driver in (house.discord, house.slack):
                await driver.command("ask", {"question": QUESTION})
                await reads(driver, "Lamps")
            shown = await read_until(process, "starts it again.")
            process.terminate()
            ended = (await end_of(process)).no_trace()
        assert ended.status == 0, ended
        said = " ".join(shown.split())
        assert "The bot is online on Discord. The bot is online on Slack." in said
        assert "The first question was answered on Discord, from Lamps." in said
        assert not any(token in shown + ended.err for token in TOKENS.values())
        for name, token in TOKENS.items():
            assert f"{name}={token}\n" in house.env_file.read_text()
        assert stat.S_IMODE(house.env_file.stat().st_mode) == 0o600
        assert "discord:7" in house.settings
        assert "papers" in house.settings
        assert "default_model: tiny" in house.settings


class TestAtAKeyboard:
    async def test_the_way_from_nothing_to_discord_has_few_questions(
        self, house: House, hub: FileServer, tmp_path: Path, tiny_gguf: bytes
    ) -> None:
        serve_repository(hub, "us/tiny-GGUF", {"tiny-Q8_0.gguf": tiny_gguf})
        steps = ("model", "discord", "slack", "documents", "admin")  # as where nothing is set up
        questions = 1  # the one of the first start
        environment = hub_environment(hub, tmp_path)
        async with keyboard(house, *steps, env=environment) as (terminal, process):

            async def answer(question: str, said: str) -> str:
                nonlocal questions
                questions += 1
                shown = await terminal.sees(question)
                terminal.type(f"{said}\r")
                return shown

            shown = await answer("Which one? Its number or any name", "hf:us/tiny-GGUF")
            shown += await terminal.sees("tiny answers from now on.")
            shown += await answer("? Paste the token (Enter: later)", TOKEN)
            shown += await terminal.sees("This is the token of the bot parlance.")
            shown += await terminal.sees("The bot may write in The Lab.")
            shown += await answer("Is your bot wanted on Slack? [Y/n]", "n")
            shown += await answer("Folder or address (Enter: later)", "papers")
            shown += await terminal.sees("The bot is online on Discord.")
            shown += await terminal.sees("Waiting for the word")
            word = re.findall(r"^   ([a-z]+)$", shown, re.MULTILINE)[-1]
            await house.discord.mention(word, by="eve")
            shown += await terminal.sees(f"discord:{EVE} is an admin.")
            shown += await terminal.sees("Waiting for the first answer")
            await house.discord.mention(QUESTION)
            shown += await terminal.sees("The first question was answered on Discord, from Lamps.")
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 130
        assert questions <= 8
        assert TOKEN not in shown
        assert f"- discord:{EVE}\n" in house.settings
        assert "default_model: tiny" in house.settings
        assert f"DISCORD_TOKEN={TOKEN}\n" in house.env_file.read_text()

    async def test_a_token_that_is_wrong_is_asked_for_again(self, house: House) -> None:
        async with keyboard(house, "discord", "--no-start") as (terminal, process):
            for said, why in (
                ("80351110224678912", "That is the application's id."),
                ("xoxb-" + "12345678-abcdefgh", "That is a token of Slack."),
                ("MTIzNDU2Nzg5MDEyMzQ1Njc4" + ".Gabcde.not-the-right-one-xx", "refuses the token"),
            ):
                await terminal.sees("Paste the token (Enter: later)")
                terminal.type(f"{said}\r")
                await terminal.sees(why)
            await terminal.sees("Paste the token (Enter: later)")
            assert not house.env_file.exists()
            terminal.type(f"  Bot {TOKEN}\r")
            await terminal.sees("The token is in")
            assert await ended(process) == 0

    async def test_it_waits_until_the_bot_may_write_somewhere(self, house: House) -> None:
        house.discord.fake.world.bot_permissions = 0
        async with keyboard(house, "discord", "--no-start") as (terminal, process):
            await terminal.sees("Paste the token (Enter: later)")
            terminal.type(f"{TOKEN}\r")
            await terminal.sees("In The Lab the bot lacks View Channels, Send Messages")
            await terminal.sees("Waiting until the bot may write in a server")
            house.discord.fake.world.bot_permissions = PERMISSIONS.value
            await terminal.sees("The bot may write in The Lab.")
            assert await ended(process) == 0

    async def test_slack_is_told_what_to_do_with_each_token(self, house: House) -> None:
        slack = house.slack.fake
        slack.methods.scopes = "chat:write"
        async with keyboard(house, "slack", "--no-start") as (terminal, process):
            await terminal.sees("Is your bot wanted on Slack? [Y/n]")
            terminal.type("\r")
            shown = await terminal.sees("Paste the Bot User OAuth Token (Enter: later)")
            assert "socket_mode_enabled: true" in shown
            terminal.type(f"{APP_TOKEN}\r")
            await terminal.sees("That is the app-level token.")
            terminal.type(f"{BOT_TOKEN}\r")
            await terminal.sees("The app lacks 16 scopes")
            slack.methods.scopes = ",".join(scopes(SlackSettings()))
            terminal.type(f"{BOT_TOKEN}\r")
            await terminal.sees("This is the token of parlance in Workspace.")
            await terminal.sees("Paste the app-level token (Enter: later)")
            assert not house.env_file.exists()
            terminal.type(f"{APP_TOKEN}\r")
            await terminal.sees("The token is in")
            assert await ended(process) == 0
        assert f"SLACK_APP_TOKEN={APP_TOKEN}\n" in house.env_file.read_text()

    @pytest.mark.parametrize("at", range(5))
    async def test_ctrl_c_at_every_question_leaves_what_was_done(
        self, house: House, at: int, hub: FileServer, tmp_path: Path
    ) -> None:
        questions = (
            ("Which one?", "0"),
            ("Paste the token", TOKEN),
            ("Is your bot wanted on Slack?", "y"),
            ("Paste the Bot User OAuth Token", BOT_TOKEN),
            ("Paste the app-level token", APP_TOKEN),
        )
        before = house.settings
        steps = ("model", "discord", "slack")
        async with keyboard(house, *steps, env=hub_environment(hub, tmp_path)) as (
            terminal,
            process,
        ):
            for question, said in questions[:at]:
                await terminal.sees(question)
                terminal.type(f"{said}\r")
            await terminal.sees(questions[at][0])
            terminal.type(CTRL_C)
            shown = await terminal.sees("goes on from here.")
            assert await ended(process) == 130
        assert "Traceback" not in shown
        assert ("Set up: Discord." in shown) == (at > 1) or "Set up: A better model, Disc" in shown
        assert house.settings == before
        assert house.env_file.exists() == (at > 1)
        written = house.env_file.read_text() if at > 1 else ""
        assert "SLACK" not in written
        left = {path.name for path in house.folder.path.iterdir()}
        assert left <= {"papers", "config.yaml", ".env", "models", "data"}

    async def test_the_first_start_offers_it_once(self, house: House) -> None:
        """And takes a no in the language in which it asks."""
        here = house.folder.path
        house.folder.configure(knowledge={"sync": []})
        german = {"LANG": "de_DE.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}
        async with keyboard(house, "run", cwd=here, env=german) as (terminal, process):
            await terminal.sees("[J/n]")
            terminal.type("Nein\r")
            await terminal.sees("›")
            terminal.type(CTRL_D)
            assert await ended(process) == 0
        async with keyboard(house, "run", cwd=here) as (terminal, process):
            assert "Set it up" not in await terminal.sees("›")
            terminal.type(CTRL_D)
            assert await ended(process) == 0

    async def test_a_narrow_screen_without_colour_and_a_file_that_is_edited_meanwhile(
        self, house: House
    ) -> None:
        steps = ("slack", "documents")
        async with keyboard(house, *steps, columns=30, env={"NO_COLOR": "1"}) as (
            terminal,
            process,
        ):
            await terminal.sees("Is your bot wanted on Slack?")
            terminal.type("n\r")
            await terminal.sees("Folder or address")
            edited = house.settings + "\n# mine\nchat: {follow_up: false}\n"
            house.folder.write(edited)
            terminal.type("nowhere\r")
            await terminal.sees("There is no folder nowhere.")
            house.folder.write("broken: [")
            terminal.type("papers\r")
            await terminal.sees("config.yaml: line 1")
            assert await ended(process) == 1
            assert house.settings == "broken: ["
            house.folder.write(edited)
        async with keyboard(house, "documents", "--no-start", columns=30) as (terminal, process):
            await terminal.sees("Folder or address")
            terminal.type("papers\r")
            await terminal.sees("10m.")
            assert await ended(process) == 0
        assert "\n# mine\nchat: {follow_up: false}\n" in house.settings
        assert "papers" in house.settings

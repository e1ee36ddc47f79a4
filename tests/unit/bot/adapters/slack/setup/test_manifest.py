"""The manifest, and what `parlance doctor` says of an app that differs from it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.slack import SlackAdapter
from bot.adapters.slack.setup.manifest import SCOPES, build_manifest, manifest, scopes
from bot.config import HttpSettings
from bot.config.platforms import SlackSettings
from bot.errors import ConfigError
from bot.installation import Installation
from bot.platforms import create_adapters
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.bots import APP_TOKEN, BOT_TOKEN, SKILLS, SWIFT
from tests.fakes.slack.posting import SIGNING_SECRET
from tests.scenarios.process import Folder

COMMANDS = SKILLS[0].commands
CONFIG_TOKEN = "xoxe.xoxp-test-config"
HTTP = SlackSettings(mode="http")
URL = "https://bot.example.org/"


class TestManifest:
    def test_socket_mode_needs_no_address(self) -> None:
        found = yaml.safe_load(manifest(COMMANDS))
        assert found["settings"]["socket_mode_enabled"] is True
        assert "url" not in str(found)
        root, said = found["features"]["slash_commands"]
        assert (root["command"], said["command"]) == ("/parlance", "/say")
        assert said["usage_hint"] == "WHAT"
        (menu,) = found["features"]["shortcuts"]
        assert (menu["name"], menu["type"]) == ("Say this again", "message")
        assert set(found["oauth_config"]["scopes"]["bot"]) == set(scopes(SlackSettings()))

    def test_a_prefix_keeps_the_commands_apart_from_those_of_other_apps(self) -> None:
        settings = SlackSettings(command_prefix="parlance-")
        long = [replace(COMMANDS[0], name="x" * 24)]
        found = build_manifest([*COMMANDS, *long], settings)
        names = [c["command"] for c in found["features"]["slash_commands"]]
        assert names == ["/parlance", "/parlance-say"]  # Slack takes at most 32 characters
        with pytest.raises(ValueError, match="command_prefix"):
            SlackSettings(command_prefix="Team X ")

    def test_http_names_one_address_for_everything(self) -> None:
        found = yaml.safe_load(manifest(COMMANDS, HTTP, URL))
        address = "https://bot.example.org/slack/events"
        assert found["settings"]["socket_mode_enabled"] is False
        assert found["settings"]["event_subscriptions"]["request_url"] == address
        assert found["settings"]["interactivity"]["request_url"] == address
        assert {c["url"] for c in found["features"]["slash_commands"]} == {address}

    def test_http_without_an_address_says_which_key_is_missing(self) -> None:
        with pytest.raises(ConfigError, match=r"http\.public_url"):
            manifest(COMMANDS, HTTP)

    @pytest.mark.parametrize("url", ["http://bot.example.org", "bot.example.org", "https://", ""])
    def test_an_address_that_slack_would_not_take(self, url: str) -> None:
        with pytest.raises(ValueError, match="public_url"):
            HttpSettings(public_url=url)

    def test_an_app_need_not_be_an_agent(self) -> None:
        plain = build_manifest(COMMANDS, SlackSettings(agent=False))
        agent = build_manifest(COMMANDS, SlackSettings())
        assert "agent_view" in agent["features"]
        assert "agent_view" not in plain["features"]
        assert set(plain["oauth_config"]["scopes"]["bot"]) == set(SCOPES)
        assert "agent_session_stopped" in agent["settings"]["event_subscriptions"]["bot_events"]
        assert "agent_session_stopped" not in str(plain)


class TestTheCommandLine:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Folder:
        made = Folder(tmp_path)
        made.configure()
        return made

    async def test_it_prints_the_manifest_for_an_address(self, folder: Folder) -> None:
        url = "https://bot.example.org"
        ended = (await folder.run("manifest", "slack", "--url", url)).no_trace()
        assert ended.status == 0
        printed = yaml.safe_load(ended.out)
        assert printed["settings"]["interactivity"]["request_url"] == f"{url}/slack/events"
        assert "/ask" in {command["command"] for command in printed["features"]["slash_commands"]}

    async def test_what_is_off_everywhere_is_left_out(self, folder: Folder) -> None:
        folder.configure(
            commands={"ask": {"enabled": False}, "rap": {"enabled": False}},
            channels={"slack:T1:C1": {"commands": {"rap": {"enabled": True}}}},
        )
        printed = yaml.safe_load((await folder.run("manifest", "slack")).no_trace().out)
        offered = {command["command"] for command in printed["features"]["slash_commands"]}
        assert "/ask" not in offered
        assert "/rap" in offered
        menus = {menu["name"] for menu in printed["features"]["shortcuts"]}
        assert "Ask about this" not in menus
        discord = (await folder.run("manifest", "discord")).no_trace().out
        assert "/ask" not in discord
        assert "/rap" in discord

    def test_the_doctor_compares_the_loaded_commands(self, folder: Folder) -> None:
        env = f"SLACK_BOT_TOKEN={BOT_TOKEN}\nSLACK_CONFIG_TOKEN={CONFIG_TOKEN}\n"
        (folder.path / ".env").write_text(env)
        (adapter,) = create_adapters(Installation.read(folder.path / "config.yaml")).adapters
        assert isinstance(adapter, SlackAdapter)
        assert {"chat", "ask"} <= {command.name for command in adapter.commands}
        assert adapter.config_token == CONFIG_TOKEN


class TestDoctor:
    @pytest.fixture
    def live(self, fake: FakeSlack) -> dict[str, Any]:
        """An app as the manifest has it."""
        fake.methods.manifest = copy.deepcopy(build_manifest(COMMANDS, SlackSettings()))
        fake.methods.scopes = ",".join(scopes(SlackSettings()))
        return fake.methods.manifest

    def adapter(self, fake: FakeSlack, **more: Any) -> SlackAdapter:
        known = {
            "settings": SlackSettings(), "bot_token": BOT_TOKEN, "app_token": APP_TOKEN,
            "timing": SWIFT, "base_url": fake.api_url, "commands": COMMANDS,
            "config_token": CONFIG_TOKEN, **more,
        }  # fmt: skip
        return SlackAdapter(**known)

    async def test_an_app_as_it_should_be(self, fake: FakeSlack, live: dict[str, Any]) -> None:
        adapter = self.adapter(fake)
        assert list(await adapter.check()) == []
        assert adapter.notes == ()

    async def test_commands_without_the_prefix_are_named(
        self, fake: FakeSlack, live: dict[str, Any]
    ) -> None:
        adapter = self.adapter(fake, settings=SlackSettings(command_prefix="parlance-"))
        (problem,) = await adapter.check()
        assert problem.startswith("The app does not know the command /parlance-say: paste")
        (note,) = adapter.notes
        assert "/say" in note

    async def test_it_says_what_it_could_not_compare(
        self, fake: FakeSlack, live: dict[str, Any]
    ) -> None:
        adapter = self.adapter(fake, config_token=None)
        assert list(await adapter.check()) == []
        (note,) = adapter.notes
        assert "the scopes alone" in note
        assert "SLACK_CONFIG_TOKEN" in note

    async def test_each_scope_that_is_missing_or_too_much(
        self, fake: FakeSlack, live: dict[str, Any]
    ) -> None:
        wanted = set(scopes(SlackSettings())) - {"im:history", "files:read"}
        fake.methods.scopes = ",".join([*wanted, "admin"])
        adapter = self.adapter(fake)
        problems = list(await adapter.check())
        assert len(problems) == 2
        assert any("im:history" in p and "hear direct messages" in p for p in problems)
        assert all("parlance manifest slack" in p for p in problems)
        (note,) = adapter.notes
        assert "the scope admin, which Parlance does not use" in note

    async def test_each_difference_of_the_app(self, fake: FakeSlack, live: dict[str, Any]) -> None:
        live["features"]["slash_commands"] = [{"command": "/old"}]
        live["features"]["shortcuts"] = []
        live["features"]["app_home"]["messages_tab_enabled"] = False
        del live["features"]["agent_view"]
        live["settings"]["event_subscriptions"]["bot_events"].remove("message.im")
        live["settings"]["interactivity"]["is_enabled"] = False
        live["settings"]["socket_mode_enabled"] = False
        adapter = self.adapter(fake)
        problems = list(await adapter.check())
        for said in (
            "the command /say:",
            "the shortcut parlance:menu:say:",
            "the event message.im:",
            "Socket Mode is off",
            "Interactivity is off",
            "Messages Tab",
            "is no agent",
        ):
            assert [p for p in problems if said in p], said
        assert len(problems) == 8
        assert all("\n" not in p for p in problems)
        (note,) = adapter.notes
        assert "the command /old, which no loaded plugin has" in note

    async def test_where_http_requests_go(self, fake: FakeSlack, live: dict[str, Any]) -> None:
        fake.methods.manifest = build_manifest(COMMANDS, HTTP, URL)
        http = {"settings": HTTP, "signing_secret": SIGNING_SECRET}
        adapter = self.adapter(fake, **http, public_url=URL)
        assert list(await adapter.check()) == []
        adapter = self.adapter(fake, **http, public_url="https://elsewhere.example.org")
        problems = list(await adapter.check())
        assert [p.split()[0] for p in problems] == ["Events", "Buttons", "Commands"]
        assert all("https://elsewhere.example.org/slack/events" in p for p in problems)
        assert not [c for c in fake.calls if c.method == "apps.connections.open"]

    async def test_an_app_that_has_nothing_at_all(self, fake: FakeSlack) -> None:
        fake.methods.scopes = ""
        problems = list(await self.adapter(fake).check())
        assert len([p for p in problems if "lacks the scope" in p]) == len(scopes(SlackSettings()))

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"bot_token": "xoxb-wrong"}, "SLACK_BOT_TOKEN"),
            ({"app_token": "xapp-wrong"}, "SLACK_APP_TOKEN"),
            ({"app_token": None}, "SLACK_APP_TOKEN"),
            ({"config_token": "xoxe.wrong"}, "SLACK_CONFIG_TOKEN"),
        ],
    )
    async def test_a_token_that_is_wrong(
        self, fake: FakeSlack, live: dict[str, Any], wrong: dict[str, str], says: str
    ) -> None:
        (problem,) = await self.adapter(fake, **wrong).check()
        assert says in problem

    async def test_slack_that_cannot_be_reached(self, live: dict[str, Any]) -> None:
        async with FakeSlack() as gone:
            adapter = self.adapter(gone)
        (problem,) = await adapter.check()
        assert "cannot be reached" in problem
        assert "check the network" in problem

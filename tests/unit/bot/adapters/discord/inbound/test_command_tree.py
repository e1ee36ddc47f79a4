"""Slash commands, completion, menus, and how they are registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.catalogue.languages import set_folders
from bot.commands.declaration import command
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Text
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import SKILLS, Bot, running
from tests.fakes.discord.state import CHANNEL, DM, EVE, GUILD, Json


def by_name(fake: FakeDiscord, guild: int = 0) -> dict[str, Json]:
    return {c["name"]: c for c in fake.rest.commands.get(guild, [])}


async def registered(fake: FakeDiscord, bot: Bot | None = None, times: int = 1) -> None:
    """Wait for so many registrations; with a bot, until it has noted them, too."""
    await fake.until(lambda: fake.rest.registered >= times, "commands registered")
    if bot is not None:
        await fake.until((bot.adapter.data_dir / "discord_commands.json").exists, "noted")


class TestRegistration:
    async def test_options_are_typed_and_bounded(self, bot: Bot, fake: FakeDiscord) -> None:
        await registered(fake)
        paint = by_name(fake)["paint"]
        assert paint["description"] == "Paint something."
        what, colour, times = paint["options"]
        assert (what["type"], what["required"], what["max_length"]) == (3, True, 4000)
        assert (colour["type"], colour["autocomplete"], colour["required"]) == (3, True, False)
        assert (times["type"], times["min_value"], times["max_value"]) == (4, 1, 3)
        assert by_name(fake)["Note this down"]["type"] == 3

    async def test_people_added_the_bot_to_their_own_account_where_nobody_chose_that(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        async with running(make()) as bot:
            await registered(fake, bot)
            for command in by_name(fake).values():
                assert command["contexts"] == [0, 1]
                assert command["integration_types"] == [0]
        async with running(make(settings={"user_install": True})):
            await registered(fake, times=2)
            assert by_name(fake)["paint"]["contexts"] == [0, 1, 2]
            assert by_name(fake)["paint"]["integration_types"] == [0, 1]

    @pytest.mark.may_block  # it looks for languages itself, as a start does
    async def test_names_and_descriptions_are_in_the_languages_of_the_catalogue(
        self, make: Any, fake: FakeDiscord, tmp_path: Path
    ) -> None:
        told = {
            "command:paint": "malen",
            "Paint something.": "Etwas malen.",
            "Note this down": "Das notieren",
            "command:shout": "Laut Rufen",  # Discord would refuse all commands for its sake
        }
        entries = (f'msgid "{key}"\nmsgstr "{words}"\n' for key, words in told.items())
        (tmp_path / "de.po").write_text("\n".join(entries), "utf-8")
        set_folders([tmp_path])
        async with running(make()) as bot:
            await registered(fake, bot)
            paint, note = by_name(fake)["paint"], by_name(fake)["Note this down"]
            assert paint["name_localizations"]["de"] == "malen"
            assert paint["description_localizations"]["de"] == "Etwas malen."
            assert "en-GB" not in paint["name_localizations"]
            assert note["name_localizations"]["de"] == "Das notieren"
            languages = [one.get("name_localizations") or {} for one in by_name(fake).values()]
            assert "Laut Rufen" not in [name for one in languages for name in one.values()]

    async def test_again_only_when_they_have_changed(self, make: Any, fake: FakeDiscord) -> None:
        for _ in range(2):
            async with running(make()) as bot:
                await registered(fake, bot)
                await fake.say("hello", channel=DM)
                await fake.until(lambda: fake.from_bot(DM))
        assert fake.rest.registered == 1

        @command("wave")
        async def wave(ctx: Context) -> Any:
            """Wave."""
            yield Text("o/")

        skills = (*SKILLS, Skill("wave", commands=(wave,)))
        async with running(make(bench={"skills": skills})):
            await registered(fake, times=2)
        assert "wave" in by_name(fake)

    async def test_in_the_configured_servers_only(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(settings={"guilds": [GUILD]})) as bot:
            await registered(fake, bot, times=2)
        assert not by_name(fake)
        assert "paint" in by_name(fake, GUILD)
        async with running(make()):
            await registered(fake, times=4)
        assert "paint" in by_name(fake)
        assert not by_name(fake, GUILD)

    async def test_a_failure_does_not_stop_the_bot(self, make: Any, fake: FakeDiscord) -> None:
        fake.fail_next("PUT", "/commands$", 403, code=50001)
        async with running(make()):
            await fake.say("hello", channel=DM)
            await fake.until(lambda: fake.from_bot(DM))
        async with running(make()):
            await registered(fake)

    async def test_one_that_discord_would_not_take_is_left_out(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        @command("Two words")
        async def odd(ctx: Context) -> Any:
            """Odd."""
            yield Text("never")

        skills = (*SKILLS, Skill("odd", commands=(odd,)))
        async with running(make(bench={"skills": skills})):
            await registered(fake)
        assert "paint" in by_name(fake)
        assert len(by_name(fake)) == 8


class TestCalls:
    async def test_options_reach_the_command_with_their_types(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("paint", {"what": "a boat", "times": 2})
        (answer,) = await fake.until(
            lambda: [m for m in fake.from_bot(CHANNEL) if m["content"]], "an answer"
        )
        assert answer["content"] == "-# ada asked: /paint a boat 2\na boat in red, 2 times"

    async def test_a_deferred_answers_edit_let_discord_fetch_its_links(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("paint", {"what": "https://evil.example"})
        await fake.until(lambda: "evil.example" in str(fake.from_bot(CHANNEL)), "an answer")
        (edit, *_) = fake.requests("PATCH", "/webhooks/")
        assert edit.body["flags"] == 4  # SUPPRESS_EMBEDS

    async def test_a_file_goes_with_a_command_that_takes_one(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await registered(fake)
        (_, option) = by_name(fake)["read"]["options"]
        assert (option["name"], option["type"], option["required"]) == ("file", 11, False)
        note = fake.world.add_file(f"http://127.0.0.1:{fake.port}", "note.txt", b"buy milk")
        await fake.command("read", {"what": "it says"}, file=note)
        await fake.until(lambda: "it says: buy milk" in str(fake.from_bot(CHANNEL)))
        await fake.command("read", {"what": "without"})
        await fake.until(lambda: "without: nothing" in str(fake.from_bot(CHANNEL)))

    async def test_it_is_acknowledged_before_any_other_work(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        backend = ScriptedBackend("default", first_token_s=0.2)
        async with running(make(bench={"backend": backend})):
            await fake.command("paint", {"what": "a boat"})
            await fake.until(lambda: fake.rest.callbacks)
            first = fake.requests("POST", "/(callback|messages|typing|webhooks)")[0]
            assert first.path.endswith("/callback")
            assert first.body["type"] == 5

    async def test_completion(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("paint", {"what": "x", "colour": "gr"}, focused="colour")
        call = await fake.until(lambda: next(iter(fake.rest.callbacks.values()), None))
        assert call.body == {"type": 8, "data": {"choices": [{"name": "green", "value": "green"}]}}

    async def test_a_completer_that_takes_too_long_suggests_nothing(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("slow", {"what": "x"}, focused="what")
        call = await fake.until(lambda: next(iter(fake.rest.callbacks.values()), None))
        assert call.body["data"]["choices"] == []

    async def test_a_message_menu_hands_over_the_message(self, bot: Bot, fake: FakeDiscord) -> None:
        target = await fake.say("remember the milk", author=EVE)
        await fake.command("Note this down", target=target)
        (word,) = await fake.until(lambda: fake.from_bot(private=True))
        assert word["content"] == "noted remember the milk by eve"

    async def test_private_words_leave_nothing_in_the_channel(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("note", {"what": "x"})
        await fake.until(lambda: fake.from_bot(private=True))
        assert not fake.from_bot(CHANNEL)

    async def test_a_refusal_names_what_is_wrong(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("paint", {"what": "x\x00y"})
        await fake.until(lambda: "control characters" in str(fake.from_bot(private=True)))
        assert fake.from_bot(CHANNEL) == [], "others are shown nothing of it"

    async def test_in_a_thread_it_belongs_to_the_thread(self, bot: Bot, fake: FakeDiscord) -> None:
        thread = await fake.say("hello", mention=True)
        await fake.until(lambda: fake.from_bot(thread))
        await fake.command("paint", {"what": "x"}, channel=thread)
        await fake.until(lambda: "x in red" in str(fake.from_bot(thread)))
        keys = {r.conversation for r in bot.bench.core.replies.saved.values()}  # type: ignore[attr-defined]
        assert keys == {f"discord:{GUILD}:{CHANNEL}:t={thread}"}

    async def test_a_command_of_a_plugin_that_is_gone(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("vanished", {})
        (word,) = await fake.until(lambda: fake.from_bot(private=True))
        assert "no longer there" in word["content"]

    async def test_completion_for_a_command_that_is_gone_is_silent(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("vanished", {"what": "x"}, focused="what")
        await fake.command("paint", {"what": "y"})
        await fake.until(lambda: "y in red" in str(fake.from_bot(CHANNEL)))
        assert len(fake.rest.callbacks) == 1

    async def test_where_it_cannot_be_acknowledged_the_channel_gets_the_answer(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.fail_next("POST", "/callback$", 404, code=10062)
        await fake.command("paint", {"what": "x"})
        await fake.until(lambda: "x in red" in str(fake.from_bot(CHANNEL)))
        assert fake.requests("POST", f"/channels/{CHANNEL}/messages$")

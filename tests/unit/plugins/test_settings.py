from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from bot.commands.declaration import Completion
from bot.errors import Denied, Failed, NotFound, Refused, UsageError
from bot.settings.channel_settings import ChosenSettings
from bot.settings.choices_store import SqlPreferences
from bot.settings.values import ChannelSettings
from bot.storage.database import Database
from bot.types import Author, ConversationKey
from plugins.settings import forget, setting_names, settings
from tests.unit.plugins.stage import ANN, HERE, Stage

THREAD = ConversationKey("discord", "guild", "channel", "thread")
ELSEWHERE = ConversationKey("discord", "guild", "other")
BOB = Author("discord", "2", "Bob")
ABROAD = ConversationKey("slack", "team", "channel")


@pytest.fixture
async def choices(tmp_path: Path) -> AsyncIterator[SqlPreferences]:
    database = await Database.open(tmp_path / "choices.db")
    yield SqlPreferences(database)
    await database.close()


@pytest.fixture
def chosen(choices: SqlPreferences, on: Stage) -> ChosenSettings:
    made = ChosenSettings(
        choices,
        lambda _: ChannelSettings(persona="Plain."),
        lambda: ["docs"],
        commands=lambda: ["help"],
    )
    on.services = replace(on.services, settings=made)
    return made


async def test_a_choice_holds_in_its_channel_threads_included(
    on: Stage, chosen: ChosenSettings
) -> None:
    options = {"action": "set", "name": "persona", "value": "You are a pirate."}
    said = await on.call(settings, options=options, admin=True)
    assert said.notices == [
        "persona is set for everybody in this channel; it holds from the next message on."
    ]
    assert (await chosen.resolve(HERE)).persona == "You are a pirate."
    assert (await chosen.resolve(THREAD)).persona == "You are a pirate."
    assert (await chosen.resolve(ELSEWHERE)).persona == "Plain."


async def test_the_narrower_choice_wins_and_can_be_taken_back(
    on: Stage, chosen: ChosenSettings
) -> None:
    for scope, value in (("default", "no"), ("workspace", "yes"), ("channel", "no")):
        options = {"action": "set", "name": "follow_up", "value": value, "scope": scope}
        await on.call(settings, options=options, admin=True)
    assert (await chosen.resolve(HERE)).follow_up is False
    assert (await chosen.resolve(ELSEWHERE)).follow_up is True
    assert (await chosen.resolve(ABROAD)).follow_up is False
    await on.call(settings, options={"action": "clear", "name": "follow_up"}, admin=True)
    assert (await chosen.resolve(HERE)).follow_up is True


async def test_anybody_may_choose_for_themselves_what_is_personal(
    on: Stage, chosen: ChosenSettings
) -> None:
    options = {"action": "set", "name": "persona", "value": "Be brief."}
    said = await on.call(settings, options=options)
    assert said.notices == [
        "persona is set for you in this channel; it holds from the next message on."
    ]
    for place in (HERE, THREAD):
        assert (await chosen.resolve(place, ANN.key)).persona == "Be brief."
        assert (await chosen.resolve(place, BOB.key)).persona == "Plain."
        assert (await chosen.resolve(place)).persona == "Plain."
    shown = (await on.call(settings, options={})).text
    assert "- **persona**: Be brief. (chosen by you)." in shown
    assert "follow_up" not in shown
    said = await on.call(settings, options={"action": "clear", "name": "persona"})
    assert said.notices == ["persona is no longer chosen for you in this channel."]
    assert (await chosen.resolve(HERE, ANN.key)).persona == "Plain."


@pytest.mark.parametrize("action", ["set", "clear"])
@pytest.mark.parametrize(
    ("name", "scope", "place"),
    [
        ("persona", "channel", HERE),
        ("file_over_chars", "workspace", HERE),
        ("file_over_chars", "default", HERE),
        ("persona", "here", THREAD),
        ("follow_up", "here", HERE),
        ("follow_up", "here", THREAD),
        ("thread_per_mention", None, HERE),
        ("knowledge_base", "here", THREAD),
        ("command.help", "here", THREAD),
        ("command.help", None, HERE),
    ],
)
async def test_what_others_see_needs_an_admin(
    name: str,
    scope: str | None,
    place: ConversationKey,
    action: str,
    on: Stage,
    chosen: ChosenSettings,
) -> None:
    before = await chosen.resolve(place, ANN.key)
    options = {"action": action, "name": name, "value": "900"}
    where = {} if scope is None else {"scope": scope}
    with pytest.raises(Denied, match="admin"):
        await on.call(settings, options={**options, **where}, conversation=place)
    assert await chosen.resolve(place, ANN.key) == before


async def test_in_a_thread_here_is_the_thread(on: Stage, chosen: ChosenSettings) -> None:
    options = {"action": "set", "name": "file_over_chars", "value": "900"}
    said = await on.call(settings, options=options, conversation=THREAD)
    assert said.notices[0].startswith("file_over_chars is set for everybody in this thread")
    assert (await chosen.resolve(THREAD, BOB.key)).file_over_chars == 900
    assert (await chosen.resolve(HERE, ANN.key)).file_over_chars == 6000
    options = {"action": "set", "name": "follow_up", "value": "no", "scope": "here"}
    await on.call(settings, options=options, conversation=THREAD, admin=True)
    assert (await chosen.resolve(THREAD)).follow_up is False
    assert (await chosen.resolve(HERE)).follow_up is True


async def test_in_a_direct_message_everything_personal_is_ones_own(
    on: Stage, chosen: ChosenSettings
) -> None:
    direct = ConversationKey("discord", "@dm", "77")
    options = {"action": "set", "name": "persona", "value": "Be brief."}
    said = await on.call(settings, options=options, conversation=direct, direct=True)
    assert said.notices == [
        "persona is set for this conversation; it holds from the next message on."
    ]
    assert (await chosen.resolve(direct)).persona == "Be brief."


async def test_what_cannot_be_personal_says_so(on: Stage, chosen: ChosenSettings) -> None:
    options = {"action": "set", "name": "follow_up", "value": "no", "scope": "here"}
    with pytest.raises(UsageError, match="holds for everybody; choose it for the channel"):
        await on.call(settings, options=options, admin=True)


async def test_a_choice_of_before_persons_had_their_own_is_the_channels(
    on: Stage, chosen: ChosenSettings, choices: SqlPreferences
) -> None:
    """What was stored for a conversation without a thread has the channel's key."""
    await choices.put("setting:persona", "discord:guild:channel", "Old.", "discord:1")
    assert (await chosen.resolve(HERE, BOB.key)).persona == "Old."
    assert (await chosen.resolve(THREAD)).persona == "Old."
    assert "Old. (chosen for this channel)" in (await on.call(settings, options={})).text


async def test_a_new_choice_was_overwritten_by_an_older_read(
    choices: SqlPreferences, chosen: ChosenSettings
) -> None:
    """A read that began before a choice, and ends after it, is not what later ones see."""
    read = asyncio.create_task(chosen.resolve(HERE))
    for _ in range(200):
        written = asyncio.create_task(chosen.put("persona", "New.", "channel", HERE, ANN.key))
        await asyncio.gather(read, written)
        assert (await chosen.resolve(HERE)).persona == "New."
        read = asyncio.create_task(chosen.resolve(HERE))
        cleared = asyncio.create_task(chosen.clear("persona", "channel", HERE))
        await asyncio.gather(read, cleared)
        assert (await chosen.resolve(HERE)).persona == "Plain."
        read = asyncio.create_task(chosen.resolve(HERE))


async def test_choices_survive_a_restart(
    on: Stage, chosen: ChosenSettings, choices: SqlPreferences
) -> None:
    options = {"action": "set", "name": "file_over_chars", "value": "900"}
    await on.call(settings, options=options, admin=True)
    again = ChosenSettings(choices, lambda _: ChannelSettings())
    assert (await again.resolve(HERE)).file_over_chars == 900


async def test_settings_are_shown_with_where_they_come_from(
    on: Stage, chosen: ChosenSettings
) -> None:
    options = {"action": "set", "name": "knowledge_base", "value": "docs", "scope": "workspace"}
    await on.call(settings, options=options, admin=True)
    text = (await on.call(settings, options={}, admin=True)).text
    assert "- **persona**: Plain. (as it comes)." in text
    assert "- **knowledge_base**: docs (chosen for this workspace)." in text
    assert "- **follow_up**: yes (as it comes)." in text


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"name": "follow_op", "value": "yes"}, NotFound, "Did you mean follow_up"),
        ({"name": "follow_up", "value": "maybe"}, UsageError, "must be yes or no"),
        ({"name": "file_over_chars", "value": "3"}, UsageError, "at least 500"),
        ({"name": "knowledge_base", "value": "bored"}, UsageError, "must be one of docs"),
        ({"name": "persona"}, UsageError, "Give a value"),
        ({}, UsageError, "Name the setting"),
    ],
)
async def test_mistakes_change_nothing(
    options: dict[str, str],
    error: type[Exception],
    why: str,
    on: Stage,
    chosen: ChosenSettings,
) -> None:
    with pytest.raises(error, match=why):
        await on.call(settings, options={"action": "set", **options}, admin=True)
    assert await chosen.resolve(HERE) == ChannelSettings(persona="Plain.")


async def test_names_are_completed(on: Stage, chosen: ChosenSettings) -> None:
    assert await setting_names(Completion("fi", ANN, HERE, on.services)) == ["file_over_chars"]


async def test_forgetting_needs_a_second_word_and_deletes_for_good(on: Stage) -> None:
    await on.remember(("My secret is 42.", "I see."))
    said = await on.call(forget, options={})
    assert "confirm=yes" in said.notices[0]
    assert on.forgotten == []
    said = await on.call(forget, options={"confirm": True})
    (notice,) = said.notices
    assert notice.startswith("Forgotten: 2 turns are deleted. Backups")
    assert on.forgotten == ["discord:1"]
    assert list(await on.history.recent(str(HERE))) == []


async def test_where_nothing_can_be_set_it_says_who_can(on: Stage) -> None:
    with pytest.raises(Failed, match="whoever runs me sets them"):
        await on.call(settings, options={}, admin=True)


async def _no_groups(platform: str, roles: Collection[str]) -> str | None:
    return "Slack tells no groups." if platform == "slack" else None


async def test_a_rule_for_a_group_that_cannot_be_read_is_refused_in_a_sentence(
    choices: SqlPreferences,
) -> None:
    chosen = ChosenSettings(
        choices,
        lambda _: ChannelSettings(),
        commands=lambda: ["rap"],
        role_problem=_no_groups,
    )
    with pytest.raises(Refused, match="Slack tells no groups"):
        await chosen.put("command.rap", "<!subteam^S1>", "channel", ABROAD, "slack:ann")
    assert await chosen.access("rap", ABROAD) is None
    await chosen.put("command.rap", "user:U1", "channel", ABROAD, "slack:ann")
    await chosen.put("command.rap", "role:7", "channel", HERE, "discord:ann")
    assert await chosen.access("rap", HERE) is not None


async def test_it_is_known_which_roles_the_rules_name(choices: SqlPreferences) -> None:
    def opened() -> ChosenSettings:
        return ChosenSettings(choices, lambda _: ChannelSettings(), commands=lambda: ["rap"])

    chosen = opened()
    assert await chosen.named_roles("discord") == set()
    await chosen.put("command.rap", "user:U1", "channel", HERE, "discord:ann")
    assert await chosen.named_roles("discord") == set()
    await chosen.put("command.rap", "role:7 role:8", "channel", HERE, "discord:ann")
    for known in (chosen, opened()):
        assert await known.named_roles("discord") == {"7", "8"}
        assert await known.named_roles("slack") == set()
    await chosen.put("command.rap", "role:9", "default", HERE, "discord:ann")
    assert await chosen.named_roles("slack") == {"9"}
    assert await chosen.named_roles("discord") == {"7", "8", "9"}
    await chosen.clear("command.rap", "default", HERE)
    assert await chosen.named_roles("slack") == set()
    await chosen.clear("command.rap", "channel", HERE)
    assert await chosen.named_roles("discord") == set()

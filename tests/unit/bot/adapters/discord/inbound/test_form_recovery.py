"""What was typed into a form is never lost: all of it is used, or it is given back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import pytest

from bot.adapters.discord import DiscordAdapter
from bot.adapters.discord.inbound.form_recovery import REOPEN_LABEL
from bot.adapters.form_recovery import FORM_RETURNED
from bot.commands.declaration import Option, command
from bot.config.platforms import DiscordSettings
from bot.errors import Refused
from bot.installation import SHIPPED_PLUGINS
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.testing import running_skills
from bot.types import Notice, Text
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.forms import shown
from tests.fakes.discord.running import QUICK, SKILLS, Bot, running
from tests.fakes.discord.state import CHANNEL, DM, Json

LONG = "\n".join(f"Line {n}: " + "the lamp is lit at nine. " * 4 for n in range(1, 34))


@command("hand", takes_file=True, form=lambda given: set(given) <= {"how"})
async def hand(
    ctx: Context,
    how: Annotated[Literal["refused", "noted", "broken", "taken"], Option("How it ends")] = "taken",
    what: Annotated[str, Option("A text", multiline=True)] = "",
    times: int = 1,
) -> Any:
    """Hand a text in."""
    if how == "refused":
        raise Refused("The desk is closed.")
    if how == "broken":
        raise RuntimeError("the desk is broken")
    if how == "noted":
        yield Notice("The desk has closed.", "refusal", private=True)
        return
    yield Text(f"taken: {what}")


@pytest.fixture
async def bot(make: Any) -> AsyncIterator[Bot]:
    skills = (*SKILLS, Skill("desk", commands=(hand,)))
    async with running(make(bench={"skills": skills})) as started:
        yield started


async def hand_in(
    fake: FakeDiscord, how: str, what: str, channel: int = CHANNEL, **more: Any
) -> None:
    before = len(fake.forms)
    await fake.command("hand", {"how": how}, channel=channel)
    await fake.until(lambda: len(fake.forms) > before, "a form")
    await fake.submit({"option:what": what}, **more)


def kept(fake: FakeDiscord, *, private: bool = True) -> list[Json]:
    return [m for m in fake.from_bot(private=private) if FORM_RETURNED in m["content"]]


class TestRefused:
    @pytest.mark.parametrize(
        ("how", "said"),
        [("refused", "The desk is closed."), ("broken", "Something went wrong on our side")],
    )
    async def test_what_was_typed_into_a_refused_form_was_lost(
        self, bot: Bot, fake: FakeDiscord, how: str, said: str
    ) -> None:
        await hand_in(fake, how, LONG)
        await fake.until(lambda: kept(fake), "given back")
        shown_to_all = str(fake.from_bot(CHANNEL))
        assert said in str(fake.from_bot(CHANNEL, private=how == "refused"))
        assert (shown_to_all == "[]") == (how == "refused")
        assert "Line 1" not in shown_to_all, "others are shown nothing of it"
        await fake.press(REOPEN_LABEL)
        await fake.until(lambda: len(fake.forms) == 2, "the form")
        assert shown(fake.forms[-1])["option:what"] == LONG.strip()
        await fake.submit({"option:how": ["taken"]})
        await fake.until(lambda: "taken: Line 1" in str(fake.from_bot(CHANNEL)), "taken")
        assert len(kept(fake)) == 1

    async def test_after_a_refusal_for_the_asker_alone_it_is_not_shown_to_all(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await hand_in(fake, "noted", "a secret")
        await fake.until(lambda: kept(fake), "given back")
        assert "The desk has closed." in fake.from_bot(private=True)[0]["content"]
        assert fake.from_bot(CHANNEL) == []

    async def test_a_file_has_to_be_attached_again(self, bot: Bot, fake: FakeDiscord) -> None:
        file = fake.world.add_file(f"http://127.0.0.1:{fake.port}", "map.md", b"# Map")
        await hand_in(fake, "refused", "a trip", channel=DM, files={"file": [file]})
        await fake.until(lambda: kept(fake), "given back")
        assert "Attach the file again" in kept(fake)[0]["content"]

    async def test_where_the_interaction_cannot_be_used_it_comes_in_a_direct_message(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        before = len(fake.forms)
        await fake.command("hand", {"how": "refused"})
        await fake.until(lambda: len(fake.forms) > before, "a form")
        fake.fail_next("POST", "/callback$", 404, code=10062)
        await fake.submit({"option:what": "a trip"})
        await fake.until(lambda: kept(fake, private=False), "given back")
        (word,) = kept(fake, private=False)
        assert int(word["channel_id"]) == DM
        (sent,) = (
            call for call in fake.requests("POST", "/messages$") if FORM_RETURNED in str(call.body)
        )
        assert sent.body["nonce"], "of two messages with one nonce Discord may post the first alone"
        (file,) = word["attachments"]
        assert b"a trip" in fake.world.files[int(file["id"])]
        assert "a trip" not in str(fake.from_bot(CHANNEL))

    async def test_what_went_well_or_was_not_typed_is_not_given_back(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await hand_in(fake, "taken", "a trip")
        await fake.until(lambda: "taken: a trip" in str(fake.from_bot(CHANNEL)), "taken")
        await hand_in(fake, "refused", "")
        await fake.until(lambda: "desk is closed" in str(fake.from_bot(private=True)), "refused")
        await fake.command("paint", {"what": "a boat"})
        await fake.until(lambda: "a boat in red" in str(fake.from_bot(CHANNEL)), "answered")
        assert kept(fake) == []


async def test_a_file_given_in_a_form_with_a_text_was_ignored(
    fake: FakeDiscord, tmp_path: Path
) -> None:
    adapter = DiscordAdapter(DiscordSettings(), TOKEN, tmp_path / "discord", QUICK)
    async with running_skills(plugins=SHIPPED_PLUGINS, folder=tmp_path) as house:
        async with running(Bot(fake, adapter, cast(Any, house))):
            await fake.command("docs", {"action": "add"}, channel=DM)
            await fake.until(lambda: fake.forms, "a form")
            file = fake.world.add_file(f"http://127.0.0.1:{fake.port}", "map.md", b"# Map")
            typed = {"option:what": "Rules", "option:text": "Ask two weeks before."}
            await fake.submit(typed, files={"file": [file]})
            await fake.until(lambda: "map.md: added" in str(fake.from_bot(DM)), "both")
        assert list(house.documents.documents) == ["rules.md", "map.md"]

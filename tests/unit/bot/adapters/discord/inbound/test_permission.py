"""Discord offers nobody what they may not use, as far as it can be told."""

from __future__ import annotations

from typing import Any

from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.commands.declaration import command
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.turns.policy import Policy
from bot.types import Text
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import SKILLS, running
from tests.fakes.discord.state import CHANNEL, EVE


@command("hand", menu="Hand this in", form=lambda given: not given)
async def hand(ctx: Context, what: str = "") -> Any:
    """Hand a text in."""
    yield Text(f"taken: {what}")


DESK = (*SKILLS, Skill("desk", commands=(hand,)))


async def not_for_eve(action: str, asker: Asker) -> bool | None:
    return asker.author.id != str(EVE) if action == "hand" else None


async def test_no_form_opens_for_who_may_not_use_the_command(make: Any, fake: FakeDiscord) -> None:
    authorize = Authorizer((hand,), not_for_eve)
    async with running(make(bench={"skills": DESK, "authorize": authorize})):
        await fake.command("hand", {}, channel=CHANNEL, user=EVE)
        await fake.until(lambda: "You may not use /hand here" in str(fake.from_bot(private=True)))
        assert not fake.forms
        await fake.command("hand", {}, channel=CHANNEL)
        await fake.until(lambda: fake.forms, "a form")


async def test_what_is_off_everywhere_is_not_registered(make: Any, fake: FakeDiscord) -> None:
    policy = Policy(is_off=lambda name: name == "hand")
    async with running(make(bench={"skills": DESK, "policy": policy})):
        registered = await fake.until(lambda: fake.rest.commands, "the commands")
        assert "hand" not in str(registered)
        assert "Hand this in" not in str(registered)
        assert "paint" in str(registered)

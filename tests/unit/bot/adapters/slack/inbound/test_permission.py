"""Slack offers nobody what they may not use, as far as it can be told."""

from __future__ import annotations

from typing import Any

from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.commands.declaration import Example, command
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Text
from tests.fakes.skills import CHAT
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.acting import ADA, DIRECT, EVE, Acting
from tests.fakes.slack.bots import stamp
from tests.fakes.slack.running import running


@command("hand", examples=[Example("/hand what is the time?")])
async def hand(ctx: Context, what: str) -> Any:
    """Hand a text in."""
    yield Text(f"taken: {what}")


async def not_for_eve(action: str, asker: Asker) -> bool | None:
    return asker.author.id != EVE if action == "hand" else None


BENCH: dict[str, Any] = {
    "skills": (CHAT, Skill("desk", commands=(hand,))),
    "authorize": Authorizer((hand,), not_for_eve),
}


async def test_no_form_opens_for_who_may_not_use_the_command(make: Any, people: Acting) -> None:
    async with running(make(bench=BENCH)):
        await people.slash("hand", by=EVE)
        await people.fake.until(lambda: "You may not use /hand here" in str(people.fake.calls))
        assert not people.fake.workspace.views
        await people.slash("hand", by=ADA)
        await people.fake.until(lambda: people.fake.workspace.views)


async def test_only_what_a_person_may_use_is_suggested(
    make: Any, people: Acting, fake: FakeSlack
) -> None:
    fake.methods.agent = True
    async with running(make(bench=BENCH)):
        for user, channel in ((EVE, "D7"), (ADA, DIRECT)):
            event = {"type": "app_home_opened", "user": user, "channel": channel, "tab": "messages"}
            await fake.event({**event, "event_ts": stamp()})
        await fake.until(lambda: fake.workspace.prompts)
        assert [channel for channel, _ in fake.workspace.prompts] == [DIRECT]
        assert "What is the time?" in str(fake.workspace.prompts)

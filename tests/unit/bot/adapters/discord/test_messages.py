"""Mentions, direct messages, threads: from what people write to what they read."""

from __future__ import annotations

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import Bot
from tests.fakes.discord.state import CHANNEL


async def test_a_mention_is_answered_in_a_thread_of_its_own(bot: Bot, fake: FakeDiscord) -> None:
    asked = await fake.say("What is a lighthouse?", mention=True)
    answer = await fake.until(lambda: [m for m in fake.from_bot(asked) if "Why" in str(m)])
    assert answer[0]["content"] == "You said: What is a lighthouse?"
    assert fake.threads()[0]["name"] == "What is a lighthouse?"
    assert fake.buttons(answer[0]) == ["Regenerate", "👍", "👎", "Why this answer?"]
    assert not fake.from_bot(CHANNEL)

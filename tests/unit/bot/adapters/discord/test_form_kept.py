"""What was typed into a form is never lost: all of it is used, or it is given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from bot.adapters.discord import DiscordAdapter
from bot.config.platforms import DiscordSettings
from bot.installation import SHIPPED_PLUGINS
from bot.testing import running_skills
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.running import QUICK, Bot, running
from tests.fakes.discord.state import DM


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

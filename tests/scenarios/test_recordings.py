"""Voice messages and videos, as the platforms send them: nobody here listens to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.discord.state import DM
from tests.fakes.slack.acting import DIRECT, Acting
from tests.scenarios.harness import House

OPUS = b"OggS\x00\x02" + bytes(range(256)) * 20
"""What a recording begins with, and noise."""
IS_VOICE_MESSAGE = 1 << 13


async def speak(house: House, name: str, kind: str, text: str = "", **more: Any) -> None:
    """Send a recording to the bot directly."""
    fake = house.driver.fake  # type: ignore[attr-defined]
    if house.driver.name == "discord":
        file = fake.world.add_file(f"http://127.0.0.1:{fake.port}", name, OPUS)
        spoken = {"duration_secs": 3.2, "waveform": "AAECAw=="} if more else {}
        file |= {"content_type": kind, **spoken}
        flags = IS_VOICE_MESSAGE if more else 0
        await fake.say(text, channel=DM, attachments=[file], flags=flags)
        return
    people = Acting(fake)
    spoken = {"subtype": "slack_audio", "duration_ms": 3200} if more else {}
    file = people.file(name, OPUS, mimetype=kind, mode="hosted", **spoken)
    await people.say(text, channel=DIRECT, subtype="file_share", files=[file])


@pytest.mark.parametrize("driver", ["discord", "slack"], indirect=True)
class TestRecordings:
    async def test_a_voice_message_gets_one_sentence(self, house: House) -> None:
        name = {"discord": "voice-message.ogg", "slack": "audio_message"}[house.driver.name]
        await speak(house, name, "audio/ogg", voice=True)
        await house.hears("I can't listen to voice messages and other recordings yet")
        assert name not in house.text
        assert not house.model.requests

    async def test_what_is_written_beside_a_video_is_answered(self, house: House) -> None:
        await speak(house, "tower.webm", "video/webm", "what is a lighthouse?")
        await house.hears("I can't watch videos yet")
        await house.hears("You said: what is a lighthouse?")

"""A token passes few frames on its way from the pool to the reply."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from bot.testing import running_skills
from bot.types import Text

MAX_FRAMES = 5


class Watch:
    """Watches, as a profiler does, who stands between the model and the reply."""

    def __init__(self) -> None:
        self.from_model: list[str] = []
        self.to_reply: list[str] = []

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_qualname
        if event == "call" and name.endswith("Models.chat"):
            self.from_model = stack(frame)
        if event == "call" and name == "Delivery.add" and isinstance(frame.f_locals["part"], Text):
            self.to_reply = stack(frame)

    @property
    def frames(self) -> list[str]:
        """The frames that a token passes: from the model's caller up to the one that hands it on,
        and from there down to the reply."""
        shared = 0
        for one, other in zip(self.from_model[::-1], self.to_reply[::-1], strict=False):
            if one != other:
                break
            shared += 1
        up = self.from_model[1 : len(self.from_model) - shared + 1]
        down = self.to_reply[: len(self.to_reply) - shared]
        return [*up, *down[::-1]]


def stack(frame: FrameType | None) -> list[str]:
    names = []
    while frame is not None:
        names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return names


@pytest.mark.parametrize(
    "said", ["Tell me of the sea", "/ask when is the deploy", "/rap tea vs coffee"]
)
async def test_a_token_passes_at_most_five_frames(said: str) -> None:
    async with running_skills(replies=["A long answer of many words."] * 8) as parlance:
        parlance.documents.put("Deploys", "The deploy is on Friday at noon.")
        watch = Watch()
        sys.setprofile(watch)
        try:
            answer = await parlance.say(said)
        finally:
            sys.setprofile(None)
    assert "many words" in answer.text
    assert watch.frames[-1] == "Delivery.add"
    assert len(watch.frames) <= MAX_FRAMES, watch.frames

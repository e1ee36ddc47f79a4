"""Skills and models that several tests of the core use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from backends.base import ChatMessage
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Explanation, Part, Source


async def answer(ctx: Context) -> AsyncIterator[Part]:
    """Say what the model says, and what it rests on."""
    text = ctx.event.text or ""
    async with aclosing(ctx.generate([ChatMessage("user", text)])) as parts:
        async for part in parts:
            yield part
    source = Source(1, "Logs", "docs/logs.md", "Rotate", 0.87, "Rotate them daily.", "d1")
    yield Explanation("default", turns_used=2, turns_left_out=1, passages=(source,))


CHAT = Skill("chat", answer=answer)


def stalling(**more: Any) -> ScriptedBackend:
    """A model that says two words and then falls silent; afterwards it repeats what it is told."""
    return ScriptedBackend("default", replies=[Reply("one two three", stall_after=2)], **more)

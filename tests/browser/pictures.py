"""Takes the pictures of the console's documentation, of a bot with invented people and documents.

    python -m tests.browser.pictures docs/images

Writes `console-*.webp`. Needs the system's Chromium.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Browser, async_playwright

from backends.base import Usage
from bot.app import App
from bot.events import Message
from bot.history.protocol import StoredMessage
from bot.observability.logs import recent_errors
from bot.types import Author, ConversationKey, Explanation, Source
from tests.browser.conftest import PHONE, WIDE, Desk, find_browser
from tests.fakes.sink import RecordingSink
from tests.unit.bot.console.conftest import Room, open_room

MAX_BYTES: Final = 60_000
_QUALITY: Final = 82
_HELP = "discord:lighthouse:help"
_MODELS = {
    "qwen3-8b": {
        "backend": "scripted",
        "parallel": 4,
        "replies": [{"match": "night log", "text": "The night log says", "stall_after": 3}],
    },
    "embedder": {"backend": "scripted", "parallel": 1},
}
_PASSAGE = "The filament is changed every 400 hours, by two people: one holds the lamp."
_PEOPLE = {"Ada": "terminal:operator"}
"""Who looks at the console; the others are on Discord."""
_ASKED = (
    ("Ada", "ask", "How often is the filament changed?", "complete", 34, 1.9),
    ("Grace", "message", "Draft a notice for the boat crews.", "complete", 212, 9.4),
    ("Linus", "summarize", "", "complete", 148, 7.2),
    ("Grace", "ask", "Who has the key of the store?", "failed", 0, 0.3),
    ("Ada", "message", "And in French?", "cancelled", 61, 3.1),
    ("Margaret", "ask", "When is high water on Friday?", "complete", 41, 2.2),
)


async def furnish(app: App) -> None:
    """Store what was asked today."""
    source = Source(
        1, "The keeper's book", "keepers-book.pdf", heading="Lamp", passage=_PASSAGE, score=0.87
    )
    other = Source(
        2, "Stores", "stores.xlsx", heading="Spare parts", passage="Filaments: 12.", score=0.41
    )
    for number, (name, command, text, status, tokens, seconds) in enumerate(reversed(_ASKED)):
        at = datetime.now(UTC) - timedelta(minutes=7 * (len(_ASKED) - number))
        question = StoredMessage(
            f"q{number}", _HELP, "user", text, _PEOPLE.get(name, "discord:1"), at, author_name=name,
            event_id=f"e{number}", command="" if command == "message" else command, private=False,
        )  # fmt: skip
        answer = StoredMessage(
            f"a{number}", _HELP, "assistant", "", "", at, answers=question.id, status="running",
            command=question.command, private=False, model="qwen3-8b",
        )  # fmt: skip
        assert await app.services.history.open(question, answer)
        await app.services.history.finish(
            StoredMessage(
                answer.id, _HELP, "assistant",
                "Every **400 hours**, by two people [1]. There are 12 spare ones [2].", "", at,
                answers=question.id, status=status, command=question.command, private=False,  # type: ignore[arg-type]
                model="qwen3-8b", error="5e1f0a9c" if status == "failed" else "",
                usage=Usage(900, 700, tokens, 0.1, 0.0, seconds * 0.3, seconds * 0.6),
                explanation=Explanation(passages=(source, other)) if command == "ask" else None,
            )
        )  # fmt: skip
    recent_errors.clear()
    recent_errors.append(
        {"event": "turn.failed", "timestamp": datetime.now(UTC).isoformat(), "error_id": "5e1f0a9c",
         "reason": "BackendUnavailable: the server of the model cannot be reached"}
    )  # fmt: skip


def pack(png: bytes) -> bytes:
    """A picture as WebP."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(out, "WEBP", quality=_QUALITY, method=6)
    return out.getvalue()


async def take(browser: Browser, room: Room, folder: Path) -> None:
    """Take the pictures, and write them into a folder."""
    sink = RecordingSink()
    place, grace = ConversationKey.parse(_HELP), Author("discord", "grace", "Grace")
    await room.app.core.accept(Message("now", place, grace, "What is in the night log?"), sink)
    async with AsyncExitStack() as stack:
        desk = Desk(browser, stack)
        for name, path, width, dark in (
            ("now", "/", WIDE, False),
            ("turns", "/turns", WIDE, False),
            ("turn", f"/turns/a{len(_ASKED) - 1}", WIDE, True),
            ("phone", f"/turns/a{len(_ASKED) - 1}", PHONE, False),
        ):
            scheme = "dark" if dark else "light"
            page = await desk.page(
                room, "", width=width, color_scheme=scheme, locale="en-GB", timezone_id="UTC"
            )
            await page.goto(f"/console{path}")
            for passage in await page.locator("details").all():
                await passage.locator("summary").click()
            await page.locator("h1").click()
            packed = await asyncio.to_thread(pack, await page.locator("body").screenshot())
            assert len(packed) < MAX_BYTES, f"{name}: {len(packed):,} bytes"
            await asyncio.to_thread((folder / f"console-{name}.webp").write_bytes, packed)
        assert desk.problems == []
    for turn in list(room.app.core.open_turns):
        turn.stop("stopped", "Ada")
        await turn.ended.wait()


async def draw(folder: Path) -> None:
    """Run a bot, and take the pictures of its console."""
    with tempfile.TemporaryDirectory() as data:
        async with (
            open_room(Path(data), models=_MODELS, default_model="qwen3-8b") as room,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(executable_path=find_browser())
            await furnish(room.app)
            room.people.name = "discord"
            room.app.platforms["discord"] = ("serving", "")
            await take(browser, room, folder)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1])))

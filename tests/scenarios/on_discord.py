"""A person on Discord. As a program (`PORT CONFIG`) it is the bot, in a process of its own."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from bot.adapters.discord import DiscordAdapter
from bot.adapters.protocol import Adapter
from bot.app import App, open_app
from bot.config.platforms import DiscordSettings
from bot.installation import Installation
from bot.ports import Ports
from bot.types import ActionName, Value
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.rate_limits import Buckets
from tests.fakes.discord.running import QUICK
from tests.fakes.discord.state import ADA, EVE, ROOT, Json
from tests.fakes.rate_limits import Clock
from tests.scenarios.harness import TIME_SCALE, Person

_PEOPLE: Mapping[Person, int] = {"ada": ADA, "eve": EVE, "root": ROOT}
LABELS: Mapping[ActionName, tuple[str, ...]] = {
    "stop": ("Stop",),
    "continue": ("Continue",),
    "regenerate": ("Regenerate", "Try again"),
    "good": ("👍",),
    "bad": ("👎",),
    "why": ("Why this answer?",),
    "source": ("[1]",),
    "outdated": ("Outdated",),
    "accept": ("Keep this",),
    "share": ("Share",),
}
CHOICES = {
    **{"approve": "Approve", "grant": "For this conversation", "refuse": "Refuse"},
    **{"a": "A is better", "b": "B is better", "tie": "Tie", "bad": "Both bad"},
    "names": "Who is who?",
}
"""The labels of what a card asks, and of the votes on a duel."""


class DiscordDriver:
    """Writes, presses and reads on the Discord of ours."""

    name = "discord"
    stops = True

    def __init__(self) -> None:
        self.fake = FakeDiscord(limits=Buckets(Clock(TIME_SCALE)))
        self._stack = ExitStack()
        self._asked = 0

    async def open(self) -> DiscordDriver:
        await self.fake.__aenter__()
        self._stack.enter_context(self.fake.address())
        return self

    async def close(self) -> None:
        self._stack.close()
        await self.fake.__aexit__(None, None, None)
        assert self.fake.wrong == [], self.fake.wrong

    def adapter(self, app: App) -> Adapter:
        config = app.installation.config
        self.fake.gateway.ready.clear()
        return DiscordAdapter(config.section(DiscordSettings), TOKEN, config.data_dir, QUICK)

    def opened(self, ports: Ports) -> None:
        pass

    def config(self) -> Mapping[str, Any]:
        return {"discord": {"message_content": True}}

    def admins(self) -> Sequence[str]:
        return [f"discord:{ROOT}"]

    async def connected(self) -> None:
        await self.fake.until(self.fake.gateway.ready.is_set, "connected")

    async def mention(self, text: str, by: Person = "ada") -> None:
        self._asked = await self.fake.say(text, mention=True, author=_PEOPLE[by])

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        await self.fake.say(text, channel=self._asked, author=_PEOPLE[by])

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        await self.fake.command(name, options, user=_PEOPLE[by])

    async def fill_in(
        self,
        name: str,
        options: Mapping[str, Value],
        typed: Mapping[str, str],
        by: Person = "ada",
    ) -> None:
        before = len(self.fake.forms)
        await self.fake.command(name, options, user=_PEOPLE[by])
        await self.fake.until(lambda: len(self.fake.forms) > before, "a form")
        fields = {f"option:{option}": text for option, text in typed.items()}
        await self.fake.submit(fields, user=_PEOPLE[by])

    async def find_out(self, name: str, option: str, prefix: str) -> Sequence[str]:
        before = len(self.fake.rest.callbacks)
        await self.fake.command(name, {option: prefix}, focused=option)
        await self.fake.until(lambda: len(self.fake.rest.callbacks) > before, "suggestions")
        call = list(self.fake.rest.callbacks.values())[-1]
        return [choice["value"] for choice in call.body["data"]["choices"]]

    def _shown(self, action: ActionName) -> str | None:
        seen = [*self.fake.from_bot(), *self.fake.from_bot(private=True)]
        shown = [label for m in seen for label in self.fake.buttons(m)]
        return next((label for label in reversed(shown) if label in LABELS[action]), None)

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        label = await self.fake.until(lambda: self._shown(action), f"a button: {action}")
        await self.fake.press(label, user=_PEOPLE[by])

    async def choose(self, value: str, by: Person = "ada") -> None:
        label = CHOICES[value]
        await self.fake.until(lambda: label in self.buttons(), f"a button: {label}")
        await self.fake.press(label, user=_PEOPLE[by])

    async def answer(self, typed: Mapping[str, str], by: Person = "ada") -> None:
        before = len(self.fake.forms)
        await self.leave("Answer", by)
        if by != "ada":
            return
        await self.fake.until(lambda: len(self.fake.forms) > before, "a form")
        await self.fake.submit({f"option:{o}": t for o, t in typed.items()}, user=_PEOPLE[by])

    async def leave(self, label: str, by: Person = "ada") -> None:
        def found() -> bool:
            return any(label in self.fake.buttons(m) for m in self.fake.from_bot())

        await self.fake.until(found, f"a button: {label}")
        await self.fake.press(label, user=_PEOPLE[by])

    def buttons(self) -> Sequence[str]:
        """What stands on the buttons of the bot's last message."""
        return self.fake.buttons(self.fake.from_bot()[-1]) if self.fake.from_bot() else ()

    def all_buttons(self) -> Sequence[str]:
        """What stands on the buttons of the bot's messages."""
        return [label for one in self.fake.from_bot() for label in self.fake.buttons(one)]

    def attached(self, text: str) -> bool:
        """Whether people can read a text in a file of the bot's."""
        return text.encode() in self.fake.world.files.values()

    async def delete(self) -> None:
        await self.fake.delete(self._asked)

    async def delete_answer(self) -> None:
        await self.fake.delete(int(self.fake.from_bot()[-1]["id"]))

    def messages(self) -> Sequence[str]:
        return [m["content"] for m in self.fake.from_bot()]

    def private(self) -> Sequence[str]:
        return [m["content"] for m in self.fake.from_bot(private=True)]

    def working(self) -> bool:
        return any(self._unfinished(m) for m in self.fake.from_bot())

    def _unfinished(self, message: Json) -> bool:
        return (
            "Stop" in self.fake.buttons(message)
            or re.search(r"^(?:-# )?⏳", message["content"], re.MULTILINE) is not None
            or not (message["content"] or message["attachments"])
        )

    def apart(self, config: Path) -> Sequence[str]:
        self.fake.gateway.ready.clear()
        return ("-m", "tests.scenarios.on_discord", str(self.fake.port), str(config))

    def heal(self) -> None:
        self.fake.heal()

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> None:
        method, path = ("POST", "/messages$") if what == "send" else ("PATCH", "/messages/")
        self.fake.fail_next(method, path, status, times=times)


async def _serve(port: int, config: Path) -> None:
    fake = FakeDiscord()  # only its address is used: it serves in the other process
    fake.port = port
    with fake.address():
        async with open_app(Installation.read(config)) as app:
            settings = app.installation.config
            await app.serve(
                [DiscordAdapter(settings.section(DiscordSettings), TOKEN, settings.data_dir, QUICK)]
            )


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))

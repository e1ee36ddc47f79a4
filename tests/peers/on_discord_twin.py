"""A person on a Discord that nobody here wrote: the package `discord-digital-twin`."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NoReturn

from bot.adapters.discord import DiscordAdapter
from bot.adapters.protocol import Adapter
from bot.app import App
from bot.config.platforms import DiscordSettings
from bot.ports import Ports
from bot.types import ActionName, Value
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.running import QUICK
from tests.fakes.discord.state import ADA, BOT, CHANNEL, EVE, GUILD, ROOT, TEXT
from tests.scenarios.harness import Person
from tests.scenarios.on_discord import LABELS
from tests.until import PATIENCE_S, until

_PEOPLE: Mapping[Person, str] = {"ada": str(ADA), "eve": str(EVE), "root": str(ROOT)}
_WORLD = {
    "botToken": TOKEN,
    "botUser": {"id": str(BOT), "username": "parlance"},
    "guild": {"id": str(GUILD), "name": "The Lab", "ownerId": str(ADA)},
    "channels": [{"id": str(CHANNEL), "name": "general", "type": TEXT}],
    "users": [{"id": id_, "username": name} for name, id_ in _PEOPLE.items()],
}
_SERVER = Path(__file__).parent / "discord_twin" / "serve.mjs"
_OPTION_TYPES = {str: 3, int: 4, bool: 5, float: 10}
_POLL_S = 0.03
_MAX_LINE_BYTES = 16 << 20

CANNOT = {
    "test_ten_thousand_characters_arrive_whole_and_in_order": "it takes no files",
    "test_killed_before_anything_was_shown_it_is_told_all_the_same": "it has no faults on demand",
    "test_a_platform_that_fails_gets_it_all_the_same": "it has no faults on demand",
}
"""Stories that cannot be played here, and why."""


class DiscordTwinDriver:
    """Writes, presses and reads on a Discord that it starts and ends."""

    name = "discord"
    stops = True

    def __init__(self, packages: Path) -> None:
        self._packages = packages
        self._process: asyncio.subprocess.Process | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._messages: list[dict[str, Any]] = []
        self._stack = ExitStack()
        self._asked = ""
        self._sessions: set[str] = set()
        self._port = 0

    async def open(self) -> DiscordTwinDriver:
        """Start the server, and read along."""
        self._process = await asyncio.create_subprocess_exec(
            "node", str(_SERVER), str(self._packages), json.dumps(_WORLD),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_MAX_LINE_BYTES,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._port = int(await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S))
        address = FakeDiscord(validate=False)  # only its address is used
        address.port = self._port
        self._stack.enter_context(address.address())
        self._tasks = [
            asyncio.create_task(self._take_answers(self._process.stdout)),
            asyncio.create_task(self._read_along()),
        ]
        return self

    async def close(self) -> None:
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stack.close()
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()

    async def _take_answers(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            answer = json.loads(line)
            waiting = self._waiting.pop(answer["id"])
            if waiting.done():
                continue
            if "error" in answer:
                waiting.set_exception(AssertionError(answer["error"]))
            else:
                waiting.set_result(answer["result"])

    async def _do(self, what: str, **given: Any) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "do": what, **given})
        self._process.stdin.write(f"{line}\n".encode())
        return await asyncio.wait_for(self._waiting[number], PATIENCE_S)

    async def _read_along(self) -> None:
        while True:
            self._messages = await self._do("messages")
            await asyncio.sleep(_POLL_S)

    def adapter(self, app: App) -> Adapter:
        config = app.installation.config
        return DiscordAdapter(config.section(DiscordSettings), TOKEN, config.data_dir, QUICK)

    def opened(self, ports: Ports) -> None:
        pass

    def config(self) -> Mapping[str, Any]:
        return {"discord": {"message_content": True}}

    def admins(self) -> Sequence[str]:
        return [f"discord:{ROOT}"]

    async def connected(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (now := set(await self._do("connections"))) <= self._sessions:
                await asyncio.sleep(_POLL_S)
        self._sessions |= now

    async def mention(self, text: str, by: Person = "ada") -> None:
        said = f"<@{BOT}> {text}"
        message = await self._do("say", channel=str(CHANNEL), user=_PEOPLE[by], text=said)
        self._asked = message["id"]

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        thread = await until(lambda: self._do("thread", message=self._asked))
        await self._do("say", channel=thread["id"], user=_PEOPLE[by], text=text)

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        await self._call(2, name, options or {}, by)

    async def _call(
        self, kind: int, name: str, options: Mapping[str, Value], by: Person, focused: str = ""
    ) -> str:
        given = [
            {"name": option, "type": _OPTION_TYPES[type(value)], "value": value}
            | ({"focused": True} if option == focused else {})
            for option, value in options.items()
        ]
        data = {"id": "900", "name": name, "type": 1, "options": given}
        return await self._interact(kind, str(CHANNEL), by, data)

    async def _interact(
        self, kind: int, channel: str, by: Person, data: Any, message: str | None = None
    ) -> str:
        begun = await self._do(
            "interact", type=kind, channel=channel, user=_PEOPLE[by], data=data, message=message
        )
        interaction: str = begun["id"]
        return interaction

    async def _response(self, interaction: str) -> Any:
        return (await until(lambda: self._do("response", interaction=interaction)))["data"]

    async def fill_in(
        self, name: str, options: Mapping[str, Value], typed: Mapping[str, str],
        by: Person = "ada",
    ) -> NoReturn:  # fmt: skip
        raise AssertionError("its forms are not played here")

    async def find_out(self, name: str, option: str, prefix: str) -> Sequence[str]:
        asked = await self._call(4, name, {option: prefix}, "ada", focused=option)
        return [choice["value"] for choice in (await self._response(asked))["choices"]]

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        message, button = (await until(lambda: self._buttons(action)))[-1]
        data = {"custom_id": button["custom_id"], "component_type": 2}
        await self._interact(3, message["channel"], by, data, message["id"])

    def _buttons(self, action: ActionName) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [
            (message, button)
            for message in self._messages
            for row in message["components"]
            for button in row["components"]
            if button.get("label") in LABELS[action]
        ]

    async def delete(self) -> None:
        await self._do("remove", channel=str(CHANNEL), message=self._asked)

    async def delete_answer(self) -> None:
        answer = [m for m in self._messages if not m["private"]][-1]
        await self._do("remove", channel=answer["channel"], message=answer["id"])

    def messages(self) -> Sequence[str]:
        return [m["content"] for m in self._messages if not m["private"]]

    def private(self) -> Sequence[str]:
        return [m["content"] for m in self._messages if m["private"]]

    def working(self) -> bool:
        return bool(self._buttons("stop")) or any(
            re.search(r"^-# ⏳", m["content"], re.MULTILINE) or not m["content"]
            for m in self._messages
            if not m["private"]
        )

    def apart(self, config: Path) -> Sequence[str]:
        return ("-m", "tests.scenarios.on_discord", str(self._port), str(config))

    def heal(self) -> NoReturn:
        raise AssertionError("it has no faults on demand")

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> NoReturn:
        raise AssertionError("it has no faults on demand")

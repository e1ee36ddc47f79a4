"""A person on a Slack that nobody here wrote: the program `local-slack`, over its control API."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import httpx
import yaml

from bot.adapters.protocol import Adapter
from bot.app import App
from bot.ports import Ports
from bot.types import ActionName, Value
from tests.fakes.slack.state import Posted
from tests.scenarios.harness import Person
from tests.scenarios.on_slack import action_of, adapter_for, buttons, seen
from tests.until import until

_PEOPLE: Mapping[Person, str] = {"ada": "U0ADA", "eve": "U0EVE", "root": "U0ROOT"}
_BOT = "UBOT"
_CHANNEL = "C1"
_WORKSPACE = {
    "workspace": {"name": "Workspace", "domain": "workspace", "teamId": "T1"},
    "app": {
        "appId": "A1", "botUserId": _BOT, "botName": "parlance",
        "botToken": "xoxb-test-bot-token", "appToken": "xapp-test-app-token",
    },
    "users": [{"id": id_, "name": name} for name, id_ in _PEOPLE.items()],
    "channels": [{"id": _CHANNEL, "name": "general", "members": [*_PEOPLE.values(), _BOT]}],
}  # fmt: skip
_POLL_S = 0.03

CANNOT = {
    "test_who_does_not_know_the_options_is_helped": "Slack completes no options; a form opens",
    "test_killed_before_anything_was_shown_it_is_told_all_the_same": "it has no faults on demand",
    "test_a_platform_that_fails_gets_it_all_the_same": "it has no faults on demand",
}
"""Stories that cannot be played here, and why."""


class LocalSlackDriver:
    """Writes, presses and reads on a `local-slack` that it starts and ends."""

    name = "slack"
    stops = True

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._http = httpx.AsyncClient(trust_env=False)
        self._reading: asyncio.Task[None] | None = None
        self._messages: list[dict[str, Any]] = []
        self._answers = 0
        self._asked = ""
        self._links = 0
        self.url = ""

    async def open(self) -> LocalSlackDriver:
        """Start the server, and read along."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = self._folder / "workspace.yaml"
        await asyncio.to_thread(config.write_text, yaml.safe_dump(_WORKSPACE), "utf-8")
        self.url = f"http://127.0.0.1:{port}"
        self._process = await asyncio.create_subprocess_exec(
            str(self._binary), "--config", str(config), "--port", str(port),
            "--base-host", "127.0.0.1", "--files-dir", str(self._folder / "files"),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await until(self._answers_calls)
        self._reading = asyncio.create_task(self._read_along())
        return self

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._http.aclose()
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()

    async def _answers_calls(self) -> bool:
        try:
            return (await self._http.get(f"{self.url}/_control/state")).is_success
        except httpx.TransportError:
            return False

    async def _read_along(self) -> None:
        while True:
            found = await self._http.get(f"{self.url}/_control/messages/{_CHANNEL}")
            self._messages = found.json()["messages"]
            await asyncio.sleep(_POLL_S)

    async def _control(self, what: str, **body: Any) -> dict[str, Any]:
        answer = await self._http.post(f"{self.url}/_control/{what}", json=body)
        said: dict[str, Any] = answer.json()
        assert said["ok"], said
        return said

    def adapter(self, app: App) -> Adapter:
        return adapter_for(app, f"{self.url}/api/")

    def opened(self, ports: Ports) -> None:
        pass

    def config(self) -> Mapping[str, Any]:
        return {}

    def admins(self) -> Sequence[str]:
        return [f"slack:{_PEOPLE['root']}"]

    async def connected(self) -> None:
        self._links = await until(self._connections, fits=lambda links: links > self._links)

    async def _connections(self) -> int:
        log = (await self._http.get(f"{self.url}/_control/log")).json()["log"]
        return sum(1 for line in log if is_connection(line))

    async def mention(self, text: str, by: Person = "ada") -> None:
        said = await self._control(
            "message", channel=_CHANNEL, user=_PEOPLE[by], text=f"<@{_BOT}> {text}"
        )
        self._asked = said["message"]["ts"]

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        await self._control(
            "message", channel=_CHANNEL, user=_PEOPLE[by], text=text, thread_ts=self._asked
        )

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        text = " ".join(f"{key}={json.dumps(str(v))}" for key, v in (options or {}).items())
        await self._control(
            "command", channel=_CHANNEL, user=_PEOPLE[by], command=f"/{name}", text=text
        )

    async def find_out(self, name: str, option: str, prefix: str) -> Sequence[str]:
        raise AssertionError("Slack completes no options")

    async def fill_in(
        self, name: str, options: Mapping[str, Value], typed: Mapping[str, str],
        by: Person = "ada",
    ) -> NoReturn:  # fmt: skip
        raise AssertionError("its forms are not played here")

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        message, button = next(
            (m, e) for m in reversed(self._by_bot()) for e in buttons(m) if action_of(e) == action
        )
        await self._control(
            "interact", channel=_CHANNEL, messageTs=message.ts, user=_PEOPLE[by],
            action={**button, "block_id": "b"},
        )  # fmt: skip

    async def delete(self) -> None:
        await self._control("delete-message", channel=_CHANNEL, ts=self._asked, user=_PEOPLE["ada"])

    async def delete_answer(self) -> None:
        answer = self._by_bot()[-1].ts
        await self._control("delete-message", channel=_CHANNEL, ts=answer, user=_BOT)

    def _by_bot(self, *, ephemeral: bool = False) -> list[Posted]:
        return [
            _posted(m)
            for m in self._messages
            if m.get("user") == _BOT and (m.get("subtype") == "ephemeral") == ephemeral
        ]

    def messages(self) -> Sequence[str]:
        return [seen(m) for m in self._by_bot()]

    def private(self) -> Sequence[str]:
        return [seen(m) for m in self._by_bot(ephemeral=True)]

    def working(self) -> bool:
        return any(
            "⏳" in seen(m) or any(e["action_id"].startswith("parlance:stop") for e in buttons(m))
            for m in self._by_bot()
        )

    def apart(self, config: Path) -> Sequence[str]:
        return ("-m", "tests.scenarios.on_slack", f"{self.url}/api/", str(config))

    def heal(self) -> NoReturn:
        raise AssertionError("it has no faults on demand")

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> NoReturn:
        raise AssertionError("it has no faults on demand")


def is_connection(line: Mapping[str, Any]) -> bool:
    """Whether a line of its log says that a bot has connected."""
    return line.get("kind") == "socket" and "connected" in str(line.get("summary", ""))


def _posted(message: Mapping[str, Any]) -> Posted:
    blocks = message.get("blocks") or []
    return Posted(
        _CHANNEL, message["ts"], _BOT, str(message.get("text") or ""),
        json.loads(blocks) if isinstance(blocks, str) else blocks,
    )  # fmt: skip

"""One story, told on every platform: what a platform's driver can do, and the house behind it.

A driver is a person at a platform: it types, presses and reads, through the platform's own wire.
The house is the whole application on a scripted model, with its database on disk.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import yaml

from backends.scripted.backend import ScriptedBackend
from bot.adapters.protocol import Adapter
from bot.app import App, open_app
from bot.installation import Installation
from bot.ports import Ports, open_ports
from bot.types import ActionName, Value
from tests.scenarios import forked
from tests.until import until

Person = Literal["ada", "eve", "root"]
"""Ada asks, Eve is somebody else, Root is an admin."""

TIME_SCALE = 100.0
"""How much faster the platforms' clocks run: their rate limits hold as they would for a bot whose
intervals are not shortened for the tests."""
STORY = " ".join(f"word{n:03}{'x' * 26}" for n in range(300))
"""What the model answers to "tell a story": 10,199 characters."""
SLOW = " ".join(f"slow{n:03}" for n in range(600))
"""What it answers to "take your time"; `House(tokens_per_s=…)` says how fast."""


class Driver(Protocol):
    """A platform, as people meet it. One conversation: what is asked goes on in `thread`s of it."""

    name: str
    stops: bool
    """Whether there is something to press (and to delete) while an answer is written."""

    def adapter(self, app: App) -> Adapter:
        """The real adapter, pointed at the platform of ours."""
        ...

    def config(self) -> Mapping[str, Any]:
        """What config.yaml says more for this platform."""
        ...

    def opened(self, ports: Ports) -> None:
        """Take note of where the house can be reached over HTTP."""
        ...

    def admins(self) -> Sequence[str]:
        """Root, as `platform:id`."""
        ...

    async def connected(self) -> None:
        """Wait until the adapter is there."""
        ...

    async def mention(self, text: str, by: Person = "ada") -> None:
        """Ask in the channel, by naming the bot; it begins a new thread where there are some."""
        ...

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        """Say something in the thread of the last question, without naming the bot."""
        ...

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        """Call a command in the channel, with its options."""
        ...

    async def fill_in(
        self,
        name: str,
        options: Mapping[str, Value],
        typed: Mapping[str, str],
        by: Person = "ada",
    ) -> None:
        """Call a command without what it needs, and type it into the form that opens."""
        ...

    async def find_out(self, name: str, option: str, prefix: str) -> Sequence[str]:
        """What the platform offers to somebody who does not know a command's options: suggestions
        for the value of one, or the choices of a form."""
        ...

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        """Press a button under the last answer."""
        ...

    async def choose(self, value: str, by: Person = "ada") -> None:
        """Press one of the buttons of the last answer that waits for a choice, or lets people
        choose."""
        ...

    async def answer(self, typed: Mapping[str, str], by: Person = "ada") -> None:
        """Answer what is asked while a tool works, in the form behind its button."""
        ...

    async def leave(self, label: str, by: Person = "ada") -> None:
        """Press `Decline` or `Cancel` of what is asked."""
        ...

    async def delete(self) -> None:
        """Take the last question back."""
        ...

    async def delete_answer(self) -> None:
        """Delete the bot's last message, as a moderator may."""
        ...

    def messages(self) -> Sequence[str]:
        """The bot's messages as everybody sees them, oldest first; what is small print included."""
        ...

    def private(self) -> Sequence[str]:
        """What only the person who acted has seen (on a platform without that, what they saw)."""
        ...

    def working(self) -> bool:
        """Whether an answer is shown that is not finished."""
        ...

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> None:
        """Make the platform refuse the next messages or edits."""
        ...

    def heal(self) -> None:
        """Make the platform take everything again."""
        ...

    def apart(self, config: Path) -> Sequence[str]:
        """Arguments for Python that serve this platform in a process of its own: `-m`, a module,
        and what it takes."""
        ...

    async def close(self) -> None: ...


class House:
    """The application, from config.yaml to the database, with one platform in front of it."""

    def __init__(
        self,
        folder: Path,
        driver: Driver,
        *,
        sections: Mapping[str, Any] | None = None,
        **scripted: Any,
    ) -> None:
        self.folder = folder
        self._sections = sections or {}
        self.driver = driver
        self.app: App | None = None
        self._scripted = scripted
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def model(self) -> ScriptedBackend:
        """The scripted model that answers unless another is chosen."""
        return self.named("default")

    def named(self, model: str) -> ScriptedBackend:
        assert self.app is not None
        return cast(ScriptedBackend, self.app.pool.backend(model))

    def write_config(self) -> Path:
        """Write config.yaml; returns its path."""
        replies = [
            {"match": "tell a story", "text": STORY},
            {"match": "take your time", "text": SLOW},
        ]
        scripted: Mapping[str, Any] = self._scripted
        default: dict[str, Any] = {"backend": "scripted", "replies": replies, "tokens_per_s": None}
        path = self.folder / "config.yaml"
        said = {
            "data_dir": str(self.folder / "data"),
            "models": {
                "default": scripted if "backend" in scripted else {**default, **scripted},
                "other": {"backend": "scripted", "echo": "The other model: {text}"},
                "embedder": {"backend": "scripted"},
            },
            "embedder": "embedder",
            "admins": {"users": list(self.driver.admins())},
            **self.driver.config(),
            **self._sections,
        }
        path.write_text(yaml.dump(said, Dumper=yaml.CSafeDumper), "utf-8")
        return path

    async def start(self) -> None:
        """Open the house, and connect."""
        path = await asyncio.to_thread(self.write_config)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def live() -> None:
            here = await asyncio.to_thread(Installation.read, path)
            async with open_app(here) as app:
                self.app = app
                ready.set_result(None)
                adapters = [self.driver.adapter(app)]
                async with open_ports(app, adapters, stop=lambda: None) as ports:
                    self.driver.opened(ports)
                    await app.serve(adapters)

        self._task = asyncio.create_task(live())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
        await self.driver.connected()

    async def start_apart(self) -> None:
        """Open the house in a process of its own, which can be killed."""
        path = await asyncio.to_thread(self.write_config)
        _, module, *arguments = self.driver.apart(path)
        self._process = await forked.start(
            module, *arguments, env=os.environ, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        await self.driver.connected()

    async def kill(self) -> None:
        """End that process without a word (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def stop(self) -> None:
        """Close it, as when the process is told to end."""
        await self.kill()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def restart(self) -> None:
        """Close it and open it again, on the same data."""
        await self.stop()
        await self.start()

    def is_answering(self) -> bool:
        """Whether its database holds an answer that is not finished."""
        with closing(sqlite3.connect(self.folder / "data" / "parlance.db")) as database:
            found = database.execute("select count(*) from turns where status = 'running'")
            return bool(found.fetchone()[0])

    # --- reading --------------------------------------------------------------------------------

    async def until(self, true: Callable[[], Any], what: str = "") -> Any:
        """Wait for something to be so."""

        def said() -> str:
            seen = [text[-200:] for text in self.driver.messages()[-4:]]
            return f"{what}; the last messages end with {seen}"

        return await until(true, said)

    @property
    def text(self) -> str:
        """Everything that everybody sees of the bot."""
        return "\n".join(self.driver.messages())

    async def reads(self, text: str) -> None:
        """Wait until everybody can read a text, and nothing is being written any more."""
        await self.until(lambda: text in self.text and not self.driver.working(), f"read {text!r}")

    async def sees(self, text: str) -> None:
        """Wait until a text is shown, perhaps as the beginning of a longer one."""
        await self.until(lambda: text in self.text, f"see {text!r}")

    async def hears(self, text: str) -> None:
        """Wait until the person can read a text, whether others can or not."""
        await self.until(
            lambda: text in self.text or text in "\n".join(self.driver.private()), f"hear {text!r}"
        )

    async def is_told(self, text: str) -> None:
        """Wait until the person alone is told something."""
        await self.until(lambda: text in "\n".join(self.driver.private()), f"be told {text!r}")

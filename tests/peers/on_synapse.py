"""People on Matrix: clients of others on a homeserver of others.

As a program (`TOKEN CONFIG`) it is the bot, in a process of its own.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from bot.adapters.protocol import Adapter
from bot.app import App, open_app
from bot.installation import Installation
from bot.platforms import find_platform
from bot.ports import Ports
from bot.types import ActionName, ConversationKey, Value
from plugins.matrix.buttons import FIELD
from plugins.matrix.loop_thread import LoopThread
from plugins.matrix.settings import MatrixTiming
from tests.peers.synapse.person import MatrixPerson
from tests.peers.synapse.proxy import FaultyProxy
from tests.peers.synapse.server import Login, Synapse
from tests.scenarios.harness import Person
from tests.until import until

_NO_FORMS = "Matrix has no forms"
CANNOT = {
    "test_who_does_not_know_the_options_is_helped": "Matrix completes no options",
    "test_a_text_typed_into_a_form_answers": _NO_FORMS,
}
"""Stories that cannot be played here, and why."""
_NUMBERS = itertools.count(1)
_EMOJI: Mapping[ActionName, str] = {
    "stop": "❌", "regenerate": "🔁", "continue": "⏩", "good": "👍", "bad": "👎", "why": "❓",
    "source": "1\ufe0f\u20e3", "outdated": "⌛", "share": "📢", "accept": "📌",
}  # fmt: skip
_QUICK = MatrixTiming(
    edit_interval=0.05, retry_base=0.02, attempts=4, private_life=0.5, poll=2.0, request=10.0,
    backoff_base=0.05, backoff_cap=0.2, seed_patience=2.0,
)  # fmt: skip


@functools.cache
def nio_thread() -> LoopThread:
    """Where nio works, that of the bot and those of the people: its keys allow but one thread."""
    return LoopThread("nio of the tests")


class SynapseDriver:
    """Writes, presses and reads in a room, encrypted if it is to be; each of the three also has a
    direct room with the bot."""

    name = "matrix"
    stops = True
    command_prefix = "!"

    def __init__(self, synapse: Synapse, folder: Path, *, encrypted: bool) -> None:
        self.synapse = synapse
        self.folder = folder
        self.encrypted = encrypted
        self.proxy = self.fake = FaultyProxy(synapse.url)
        self.people: dict[Person, MatrixPerson] = {}
        self.more_tokens: dict[str, str] = {}
        """Those of further accounts, by their variables."""
        self._others: list[MatrixPerson] = []
        self.rooms: dict[Person, str] = {}
        """The direct rooms."""
        self.room = ""
        self.bot = Login("", "", "")
        self._asked = ""
        self._adapter: Any = None
        self.thread = nio_thread()
        self.timing = _QUICK

    async def open(self) -> SynapseDriver:
        """Make the accounts and the rooms."""
        number = next(_NUMBERS)
        await self.proxy.open()
        names: tuple[Person, ...] = ("ada", "eve", "root")
        self.bot, *logins = await asyncio.gather(
            *(self.synapse.register(f"{name}{number}") for name in ("parlance", *names))
        )
        ada, eve, root = logins
        self.room = await self.make_room(ada, eve, root, self.bot)
        direct = {}
        for name, login in zip(names, logins, strict=True):
            self.rooms[name] = direct[login.user] = await self.make_room(login, self.bot)
        data = {user: [room] for user, room in direct.items()}
        path = f"/user/{self.bot.user}/account_data/m.direct"
        await self.synapse.call(self.bot, "PUT", path, data)
        for name, login in zip(names, logins, strict=True):
            self.people[name] = await self._at_client(login)
        return self

    async def person(self, name: str) -> MatrixPerson:
        """Somebody else, who has no room with the bot."""
        made = await self._at_client(await self.synapse.register(f"{name}{next(_NUMBERS)}"))
        self._others.append(made)
        return made

    async def _at_client(self, login: Login) -> MatrixPerson:
        place = self.folder / login.device
        await asyncio.to_thread(place.mkdir)
        return await MatrixPerson(self.synapse.url, login, place, self.thread).open()

    async def make_room(self, owner: Login, *others: Login, **more: Any) -> str:
        """A room of somebody, which the others have joined."""
        encryption = {
            "type": "m.room.encryption",
            "state_key": "",
            "content": {"algorithm": "m.megolm.v1.aes-sha2"},
        }
        said = {
            "preset": "private_chat",
            "invite": [one.user for one in others],
            "initial_state": [encryption] if self.encrypted else [],
            **more,
        }
        room: str = (await self.synapse.call(owner, "POST", "/createRoom", said))["room_id"]
        for one in others:
            await self.synapse.call(one, "POST", f"/rooms/{room}/join", {})
        return room

    async def close(self) -> None:
        for person in (*self.people.values(), *self._others):
            await person.close()
        await self.proxy.close()

    # --- the bot --------------------------------------------------------------------------------

    def adapter(self, app: App) -> Adapter:
        self._adapter = adapter_for(app, {"MATRIX_TOKEN": self.bot.token, **self.more_tokens})
        self._adapter.thread = self.thread
        self._adapter.timing = self.timing
        made: Adapter = self._adapter
        return made

    def opened(self, ports: Ports) -> None:
        pass

    def config(self) -> Mapping[str, Any]:
        plenty = {"events_per_s": 1000.0, "burst": 1000}
        return {"matrix": {"homeserver": self.proxy.own_url, "introduction": False, **plenty}}

    def admins(self) -> Sequence[str]:
        return [f"matrix:{self.people['root'].login.user}"]

    async def connected(self) -> None:
        """The bot is there, or its keys are, for those who write to it encrypted."""
        await until(lambda: self._adapter is None or self._adapter.connected)
        await until(self._has_keys)

    async def _has_keys(self) -> bool:
        asked: Any = {"device_keys": {self.bot.user: []}}
        found = await self.synapse.call(self.people["ada"].login, "POST", "/keys/query", asked)
        return bool(found["device_keys"].get(self.bot.user))

    # --- acting ---------------------------------------------------------------------------------

    def place(self, by: Person) -> str:
        """The room in which somebody talks to the bot."""
        return self.room

    def mentioning(self, text: str) -> dict[str, Any]:
        """A message that names the bot, as Element writes it."""
        name = self.bot.user.partition(":")[0].removeprefix("@")
        return {
            "msgtype": "m.text",
            "body": f"{name}: {text}",
            "m.mentions": {"user_ids": [self.bot.user]},
        }

    @property
    def asked(self) -> str:
        """The last question's event."""
        return self._asked

    @property
    def connected_now(self) -> bool:
        """Whether the bot gets events."""
        return bool(self._adapter.connected)

    @property
    def running(self) -> Any:
        """The adapter."""
        return self._adapter

    def key(self, room: str) -> ConversationKey:
        """The conversation in a room."""
        return ConversationKey("matrix", self.synapse.name, room)

    async def mention(self, text: str, by: Person = "ada") -> None:
        self._asked = await self.people[by].say(self.place(by), self.mentioning(text))

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        relation = {"rel_type": "m.thread", "event_id": self._asked, "is_falling_back": True}
        content = {"msgtype": "m.text", "body": text, "m.mentions": {}, "m.relates_to": relation}
        await self.people[by].say(self.place(by), content)

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        given = " ".join(f'{key}="{value}"' for key, value in (options or {}).items())
        content = {"msgtype": "m.text", "body": f"!{name} {given}".strip(), "m.mentions": {}}
        self._asked = await self.people[by].say(self.place(by), content)

    async def fill_in(
        self, name: str, options: Mapping[str, Value], typed: Mapping[str, str],
        by: Person = "ada",
    ) -> NoReturn:  # fmt: skip
        raise AssertionError(_NO_FORMS)

    async def find_out(self, name: str, option: str, prefix: str) -> Sequence[str]:
        raise AssertionError("Matrix completes no options")

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        await self.put(lambda emoji, *_: emoji == _EMOJI[action], by)

    async def choose(self, value: str, by: Person = "ada") -> None:
        def chosen(emoji: str, name: str, meant: str, label: str) -> bool:
            return name in {"resume", "press"} and meant == value

        await self.put(chosen, by)

    async def answer(self, typed: Mapping[str, str], by: Person = "ada") -> None:
        raise AssertionError(_NO_FORMS)

    async def leave(self, label: str, by: Person = "ada") -> None:
        await self.put(lambda *button: button[-1] == label, by)

    async def put(self, wanted: Callable[[str, str, str, str], bool], by: Person = "ada") -> None:
        """Put a reaction to the last message of the bot of which it is a button; it is `wanted` by
        its emoji, action, value and label."""
        person = self.people[by]

        def found() -> tuple[str, str, str] | None:
            shown = [
                (room, event, emoji)
                for event, (room, who, content) in person.shown.items()
                if who == self.bot.user and FIELD in content
                for emoji, name, value, label in _buttons(content)
                if wanted(emoji, name, value, label)
            ]
            return shown[-1] if shown else None

        room, event, emoji = await person.until(found, "a button")
        await person.react(room, event, emoji)

    async def delete(self) -> None:
        await self.people["ada"].redact(self.place("ada"), self._asked)

    async def delete_answer(self) -> None:
        room = self.place("ada")
        answer = list(self.people["ada"].by(self.bot.user, room))[-1]
        await self.people["ada"].redact(room, answer)

    # --- reading --------------------------------------------------------------------------------

    def contents(self) -> Sequence[Mapping[str, Any]]:
        """What the bot's messages hold, as everybody sees them; files are no messages."""
        return self.shown_to("ada", self.room)

    def shown_to(self, name: Person, room: str) -> list[Mapping[str, Any]]:
        """What the bot's messages in a room hold, as somebody sees them."""
        shown = self.people[name].by(self.bot.user, room).values()
        return [content for content in shown if FIELD in content]

    def messages(self) -> Sequence[str]:
        return [str(content["body"]) for content in self.contents()]

    def private(self) -> Sequence[str]:
        return [
            str(content["body"])
            for name, room in self.rooms.items()
            for content in self.shown_to(name, room)
        ]

    def buttons(self) -> Sequence[str]:
        """What the reactions to the bot's last message mean."""
        shown = self.contents()
        return [button[-1] for button in _buttons(shown[-1])] if shown else ()

    def all_buttons(self) -> Sequence[str]:
        """What the reactions to the bot's messages mean."""
        return [button[-1] for content in self.contents() for button in _buttons(content)]

    def attached(self, text: str) -> bool:
        """Whether people can read a text in a file of the bot's."""
        return any(text.encode() in person.files.values() for person in self.people.values())

    def working(self) -> bool:
        return any(content[FIELD]["working"] for content in self.contents())

    def apart(self, config: Path) -> Sequence[str]:
        self._adapter = None
        return ("-m", "tests.peers.on_synapse", self.bot.token, str(config))

    def heal(self) -> None:
        self.proxy.heal()

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> None:
        self.proxy.fail_next(what, status, times)


def _buttons(content: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """The buttons of a message: emoji, action, value, and what the last line says of it."""
    meant: Mapping[str, Any] = content[FIELD]["buttons"]  # a homeserver sorts them
    labels = str(content["body"]).rpartition("\n\n")[2].split(" · ") if meant else ()
    return [
        (emoji, *meant[emoji], label.removeprefix(emoji).strip())
        for label in labels
        for emoji in meant
        if label.startswith(emoji)
    ]


def adapter_for(app: App, tokens: Mapping[str, str]) -> Any:
    """The adapter as an operator gets it, with shorter intervals."""
    here = app.installation
    platform = find_platform(here, "matrix")
    context = replace(here.platform_context(platform), secret=tokens.get)
    adapter: Any = platform.create(context)
    assert adapter is not None
    adapter.timing = _QUICK
    return adapter


async def _serve(token: str, config: Path) -> None:
    async with open_app(Installation.read(config)) as app:
        await app.serve([adapter_for(app, {"MATRIX_TOKEN": token})])


if __name__ == "__main__":
    os.environ.pop("MATRIX_TOKEN", None)
    asyncio.run(_serve(sys.argv[1], Path(sys.argv[2])))

"""Nothing is done for a person before it was asked whether they may.

The walk finds every command, menu, completion, free text, button and setting of a core by
reflection, and goes through each as a person of its own. What is reached without a decision that
allows it is named.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.commands.declaration import Command, Option
from bot.errors import Denied
from bot.events import ActionCall, CommandCall, ContextMessage, Message
from bot.models.protocol import Models
from bot.skills import hookspecs
from bot.skills.permitted_services import (
    Permission,
    PermittedKnowledge,
    PermittedModels,
    PermittedSettings,
)
from bot.skills.service_protocols import Knowledge, Settings
from bot.testing import Answer, Parlance, running_skills
from bot.types import SCOPES, ActionName, Author, ConversationKey, Value
from tests.fakes.plugin_folder import plugins_in
from tests.fakes.watched_plugins import REACHED
from tests.hostile.permissions import BEHIND_THE_BACK

HERE = ConversationKey("test", "workspace", "general")
WATCHED = "tests.fakes.watched_plugins"
QUESTION = "When does the lamp burn?"
_people = itertools.count(1)


def person(*, admin: bool = True) -> Author:
    """Somebody who has asked nothing before."""
    name = f"p{next(_people)}"
    return Author("test", name, name.title(), frozenset({"admin"} if admin else ()))


@pytest.fixture(autouse=True)
def nothing_reached() -> Iterator[None]:
    REACHED.clear()
    yield
    REACHED.clear()


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Parlance]:
    async with running_skills(plugins=(WATCHED,), folder=tmp_path) as running:
        running.documents.put("Lamps", "When does the lamp burn? It burns every night.")
        yield running


def sample(option: Option) -> Value:
    """A value that an option takes."""
    if option.choices:
        return option.choices[0]
    match option.kind:
        case "bool":
            return True
        case "int" | "float":
            return int(option.min_value or 1)
        case _:
            return "tea vs coffee"


def calls(command: Command) -> Iterator[tuple[str, dict[str, Any]]]:
    """The ways to call a command: with its options, and from a message's menu."""
    options = {o.name: sample(o) for o in command.options if o.required}
    yield f"/{command.name}", {"options": options}
    for option in command.options:
        for choice in option.choices:
            yield f"/{command.name} {choice}", {"options": {**options, option.name: choice}}
    if command.menu:
        yield command.menu, {"target": ContextMessage("Eve", QUESTION, id="m1")}


class Walk:
    """Goes through every door of a core, and keeps what was reached without being asked for."""

    def __init__(self, core: Parlance) -> None:
        self.core = core
        self.doors: set[str] = set()
        self.unasked: list[str] = []

    def asked(self, author: Author) -> set[str]:
        """What a person was allowed."""
        return {
            d.action for d in self.core.decisions if d.asker.author == author and d.decision.allowed
        }

    def check(self, door: str, author: Author, *actions: str) -> None:
        self.doors.add(door)
        if missing := set(actions) - self.asked(author):
            self.unasked.append(f"{door}: {', '.join(sorted(missing))}")

    async def _settings(self) -> list[tuple[str, str]]:
        assert self.core.services.settings is not None
        return [(row.name, row.value) for row in await self.core.services.settings.show(HERE)]

    async def _send(self, door: str, author: Author, event: Any) -> Answer:
        """Send an event, and check what it did besides running a handler."""
        before = len(REACHED), len(self.core.documents.queries), await self._settings()
        answer = await self.core.send(event)
        for reached in REACHED[before[0] :]:
            action = reached.handler.removeprefix("/")
            wanted = {"message"} if reached.handler.endswith("answers") else {action}
            if reached.handler == "forget_user":
                wanted, reached_asked = {"forget"}, self.asked(author)
            else:
                reached_asked = set(reached.asked)
            if missing := wanted - reached_asked:
                self.unasked.append(f"{door} reached {reached.handler}: {missing}")
        if len(self.core.documents.queries) > before[1]:
            self.check(f"{door}, documents", author, "docs.read:default")
        if await self._settings() != before[2]:
            self.check(f"{door}, settings", author, "settings.change:channel")
        return answer

    async def commands(self) -> None:
        for command in self.core.core.router.commands:
            for door, call in calls(command):
                author = person()
                event = CommandCall(f"e-{author.id}", HERE, author, command.name, **call)
                await self._send(door, author, event)
                self.check(door, author, command.name)
                assert self.core.services.moderation is not None
                for place in (HERE, None):  # /pause did its work
                    await self.core.services.moderation.resume(place, author.key)

    async def messages(self) -> None:
        told = ((QUESTION, "chat"), ("sum up this channel", "summarize"), ("", "message"))
        for text, action in told:
            author = person()
            await self._send(text, author, Message(f"e-{author.id}", HERE, author, text))
            self.check(text or "nothing", author, "message", action)

    async def completions(self) -> None:
        for command in self.core.core.commands:
            for option in command.options:
                author, before = person(), len(REACHED)
                await self.core.core.complete(command.name, option.name, "", author, HERE)
                for reached in REACHED[before:]:
                    self.check(f"completing {reached.handler}", author, command.name)

    async def buttons(self) -> None:
        for name in get_args(ActionName):
            author = person(admin=False)
            asked = CommandCall(f"e-{author.id}", HERE, author, "ask", {"question": QUESTION})
            turn = (await self.core.send(asked)).view.turn
            call = ActionCall(f"b-{author.id}", HERE, author, name, turn, "1")
            answer = await self._send(f"button {name}", author, call)
            nothing = name in (  # is there for it
                "resume", "continue", "share", "accept", "answer", "press",
            )  # fmt: skip
            state = "refused" if nothing else "complete"
            assert answer.state == state, (name, answer.text)
            self.check(f"button {name}", author, f"button:{name}")

    async def settings(self) -> None:
        service = self.core.services.settings
        assert service is not None
        for name in service.names():
            author = person()
            value = {
                "file_over_chars": "900",
                "knowledge_base": "default",
                "language": "de",
                "model": "default",
            }
            given = value.get(name, "everyone" if name.startswith("command.") else "yes")
            for action in ("set", "clear"):
                options = {"action": action, "name": name, "value": given}
                event = CommandCall(f"{action}-{author.id}", HERE, author, "settings", options)
                answer = await self._send(f"{action} {name}", author, event)
                assert answer.state == "complete", answer.text
                self.check(f"{action} {name}", author, "settings.change:channel")
        for scope in SCOPES:
            author = person()
            width = "here" if scope == "conversation" else scope
            options = {"action": "use", "name": "default", "scope": width}
            event = CommandCall(f"e-{author.id}", HERE, author, "model", options)
            await self._send(f"model for {scope}", author, event)
            asked = "person" if scope == "conversation" else scope
            self.check(f"model for {scope}", author, f"model.use:{asked}")

    async def everywhere(self) -> None:
        await self.commands()
        await self.messages()
        await self.completions()
        await self.buttons()
        await self.settings()


async def test_nothing_is_reached_without_a_decision(core: Parlance) -> None:
    walk = Walk(core)
    await walk.everywhere()
    assert walk.unasked == []
    handlers = {reached.handler for reached in REACHED}
    commands = core.core.router.commands
    assert {f"/{c.name}" for c in commands} <= handlers, "the walk has missed a command"
    answering = {f"{skill.name} answers" for skill in core.plugins.skills if skill.answer}
    assert answering <= handlers, "the walk has missed an answer to free text"
    completing = {f"{c.name}.{o.name}" for c in commands for o in c.options if o.complete}
    assert completing <= handlers, "the walk has missed a completion"
    assert {c.menu for c in commands if c.menu} <= walk.doors


@pytest.fixture
def folder(way: str, tmp_path: Path) -> Iterator[Path]:
    """A folder with the plugin that goes this way."""
    with plugins_in(tmp_path, behind=BEHIND_THE_BACK[way]):
        yield tmp_path


@pytest.mark.parametrize("way", sorted(BEHIND_THE_BACK))
async def test_a_skill_that_asks_nobody_is_caught(way: str, folder: Path) -> None:
    async with running_skills(plugins=(WATCHED,), folders=(folder,), folder=folder) as core:
        walk = Walk(core)
        await walk.commands()
    assert [one.partition(":")[0] for one in walk.unasked] == [f"/behind, {way}"]


HOOKS: dict[str, Literal["asked for", "operator's"]] = {
    "register_skills": "asked for",  # the walk
    "register_tools": "asked for",  # `tool:NAME`, when it is offered and again when it is called
    "register_backends": "asked for",  # the model is asked within a turn
    "register_loaders": "asked for",  # files are read within a turn, and for /docs add
    "forget_user": "asked for",  # /forget
    "register_platforms": "operator's",
    "plugin_settings": "operator's",
    "prompt_folders": "operator's",
    "language_folders": "operator's",
    "lifespan": "operator's",
}
"""Who reaches what a hook returns: people, who are asked about, or the operator alone."""


class TestHooks:
    def test_each_is_either_asked_for_or_the_operators(self) -> None:
        mark = f"{hookspecs.PROJECT}_spec"
        found = {name for name, value in vars(hookspecs).items() if hasattr(value, mark)}
        assert found == set(HOOKS)

    async def test_forgetting_is_a_command(self, core: Parlance) -> None:
        walk, author = Walk(core), person(admin=False)
        event = CommandCall("f1", HERE, author, "forget", {"confirm": True})
        await walk._send("/forget", author, event)
        assert [one.handler for one in REACHED] == ["/forget", "forget_user"]
        assert walk.unasked == []

    async def test_whoever_may_not_write_has_no_file_read_and_no_model_asked(
        self, tmp_path: Path
    ) -> None:
        off = {"message": {"enabled": False}}
        async with running_skills(plugins=(WATCHED,), folder=tmp_path, commands=off) as core:
            answer = await core.say(QUESTION, attachments={"a.md": "# Lamps"})
            assert (answer.state, answer.text) == ("refused", "You may not write to me here.")
            assert not core.model.requests
        assert REACHED == []


class TestOff:
    """The same ways, where the operator has turned off what they need."""

    async def test_no_command_is_reached_however_it_is_called(self, tmp_path: Path) -> None:
        plugins: dict[str, Any] = {"plugins": (WATCHED,), "folder": tmp_path}
        async with running_skills(**plugins) as core:
            commands = core.core.router.commands
        off = {command.name: {"enabled": False} for command in commands}
        async with running_skills(**plugins, commands=off) as core:
            assert list(core.core.commands) == []
            for command in commands:
                wrong = ("a call that is written wrongly", {"options": {"nothing": 1}})
                for door, call in (*calls(command), wrong):
                    author = person()
                    event = CommandCall(f"e-{author.id}", HERE, author, command.name, **call)
                    answer = await core.send(event)
                    said = f"You may not use /{command.name} here."
                    assert (door, answer.text) == (door, said)
                for option in command.options:
                    assert not await core.core.complete(
                        command.name, option.name, "", person(), HERE
                    )
        assert REACHED == []

    async def test_no_button_does_anything(self, tmp_path: Path) -> None:
        off = {"button": {"enabled": False}}
        async with running_skills(plugins=(WATCHED,), folder=tmp_path, commands=off) as core:
            core.documents.put("Lamps", "When does the lamp burn? It burns every night.")
            asked = await core.say(f"/ask {QUESTION}", user="ann")
            reached = len(REACHED)
            for name in get_args(ActionName):
                author = Author("test", "ann", "Ann", frozenset({"admin"}))
                call = ActionCall(f"b-{name}", HERE, author, name, asked.view.turn, "1")
                answer = await core.send(call)
                assert (name, answer.text) == (name, "You may not use this button here.")
            assert len(REACHED) == reached

    async def test_a_button_of_its_own_may_stay_on(self, tmp_path: Path) -> None:
        rules = {"button": {"enabled": False}, "button:why": {"enabled": True}}
        async with running_skills(folder=tmp_path, commands=rules) as core:
            asked = await core.say("hello", user="ann")
            call = ActionCall("b", HERE, Author("test", "ann", "Ann"), "why", asked.view.turn)
            assert (await core.send(call)).state == "complete"


class Untouched:
    """Stands for a service that nobody may reach."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was reached")


async def deny(*_: object) -> bool:
    """The rules of a place where nothing is allowed."""
    return False


def a_value(parameter: inspect.Parameter) -> Any:
    return {
        "asker": Asker(person(), HERE),
        "conversation": HERE,
        "scope": "channel",
        "bases": ("default",),
        "base": "default",
        "limit": 8,
        "before": (),
        "beside": (),
    }.get(parameter.name, "x")


FREE = {
    PermittedKnowledge: {"bases", "passage", "check_support"},  # asked of what they return
    PermittedModels: {
        *("names", "current", "describe", "capabilities", "count", "chat"),
        "found_reading",  # what a model was found to do, which is no person's choice
    },
    PermittedSettings: {"names", "show", "may_choose"},
}
"""What needs no permission of its own: what answers need, and what is decided afterwards."""


@pytest.mark.parametrize(
    ("permitted", "protocol"),
    [(PermittedKnowledge, Knowledge), (PermittedModels, Models), (PermittedSettings, Settings)],
)
async def test_what_a_service_gains_is_asked_for(permitted: Any, protocol: Any) -> None:
    permission = Permission(Authorizer(rules=deny), Asker(person(), HERE))
    service = permitted(Untouched(), permission)
    methods = {name for name, _ in inspect.getmembers(protocol, inspect.isfunction)}
    methods = {name for name in methods if not name.startswith("_")}
    assert FREE[permitted] < methods
    for name in methods - FREE[permitted]:
        method = getattr(service, name)
        given = {p.name: a_value(p) for p in inspect.signature(method).parameters.values()}
        done = method(**given)
        with pytest.raises(Denied):
            await (anext(done) if inspect.isasyncgen(done) else done)


async def test_documents_that_a_person_may_not_read_are_in_no_list(core: Parlance) -> None:
    permission = Permission(Authorizer(rules=deny), Asker(person(), HERE))
    knowledge = PermittedKnowledge(core.documents, permission)
    assert await core.documents.bases(permission.asker)
    assert await knowledge.bases(permission.asker) == []
    assert await knowledge.list() == []
    assert (await core.documents.passage("1")) is not None
    assert await knowledge.passage("1") is None
    with pytest.raises(Denied, match="You may not read these documents here"):
        await knowledge.search(QUESTION, bases=["default"])

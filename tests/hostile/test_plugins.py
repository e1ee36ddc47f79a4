"""A plugin that fails is left out and named, wherever it fails; the bot and the others go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from structlog.testing import capture_logs
from typer.testing import CliRunner

from bot.adapters.terminal.sink import ReplySink
from bot.app import App, open_app
from bot.cli import app as command_line
from bot.events import CommandCall, Message
from bot.installation import Installation
from bot.skills.plugin_lifespans import run_lifespans
from bot.skills.plugin_loader import Plugins, load_plugins
from bot.types import Author, ConversationKey
from tests.hostile import plugins as hostile
from tests.until import PATIENCE_S

ADA = Author("terminal", "operator", "Ada")
HERE = ConversationKey("terminal", "local", "main")

GREETER = hostile.source(
    '''
    @command("greet")
    async def greet(ctx):
        """Say hello."""
        yield Text("hello")


    @hookimpl
    def register_skills():
        return [Skill("greeter", commands=(greet,))]
    '''
)


def install(folder: Path, **sources: str) -> Path:
    """Set the bot up with these plugins beside a sound one; returns the configuration's path."""
    place = folder / "plugins"
    place.mkdir()
    for name, text in {**sources, "greeter": GREETER}.items():
        (place / f"{name}.py").write_text(text, "utf-8")
    path = folder / "config.yaml"
    said: Mapping[str, Any] = {
        "models": {"default": {"backend": "scripted"}, "embedder": {"backend": "scripted"}},
        "embedder": "embedder",
        "plugins": {"folders": ["plugins"]},
    }
    path.write_text(yaml.safe_dump(said), "utf-8")
    return path


def load(folder: Path, source: str) -> Plugins:
    (folder / "dice.py").write_text(source, "utf-8")
    (folder / "greeter.py").write_text(GREETER, "utf-8")
    return load_plugins(folders=[folder], installed=False)


@asynccontextmanager
async def opened(folder: Path, **sources: str) -> AsyncIterator[App]:
    """The bot with these plugins, by name."""
    path = await asyncio.to_thread(install, folder, **sources)
    async with open_app(await asyncio.to_thread(Installation.read, path)) as app:
        yield app


class Person:
    """Somebody who writes to the bot."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._said = 0

    async def say(self, text: str) -> str:
        self._said += 1
        event: Message | CommandCall = Message(f"e{self._said}", HERE, ADA, text, direct=True)
        if text.startswith("/"):
            name, _, rest = text[1:].partition(" ")
            event = CommandCall(f"e{self._said}", HERE, ADA, name=name, text=rest, direct=True)
        sink = ReplySink()
        await self._app.core.accept(event, sink)
        await asyncio.wait_for(sink.finished.wait(), PATIENCE_S)
        assert sink.view is not None
        return "\n".join([sink.view.text, *(notice.text for notice in sink.view.notices)])


def errors_of(logs: list[Any]) -> dict[str, list[str]]:
    """What is logged of plugins at the level of an error, by plugin."""
    found: dict[str, list[str]] = {}
    for one in logs:
        if one["log_level"] == "error":
            found.setdefault(one["plugin"], []).append(one["event"])
    return found


async def test_plugins_that_cannot_start_are_left_out_and_named(tmp_path: Path) -> None:
    broken = hostile.named(hostile.CANNOT_START)
    with capture_logs() as logs:
        async with opened(tmp_path, **broken) as app:
            assert errors_of(logs) == {name: ["plugin.start_failed"] for name in broken}
            problems = {problem.plugin: problem.text for problem in app.plugins.problems}
            assert problems.keys() == broken.keys()
            assert all("lifespan could not be entered: " in text for text in problems.values())
            person = Person(app)
            assert await person.say("hello") == "You said: hello"
            for name in broken:
                assert f"There is no command /roll_{name}" in await person.say(f"/roll_{name}")
            assert await person.say("/greet") == "hello"
            help_ = await person.say("/help")
            assert "/greet" in help_
            assert "/roll" not in help_


def test_a_plugin_that_cannot_start_is_named_by_the_doctor(tmp_path: Path) -> None:
    path = install(tmp_path, dice=hostile.CANNOT_START["raises"])
    result = CliRunner().invoke(command_line, ["doctor", "--config", str(path)])
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "plugin dice" in said
    assert "there is no die" in said


async def test_plugins_that_fail_while_they_run_or_stop_end_nothing_else(tmp_path: Path) -> None:
    tasks = asyncio.all_tasks()
    broken = hostile.named(hostile.FAILS_LATER)
    with capture_logs() as logs:
        async with opened(tmp_path, **broken) as app:
            await asyncio.sleep(0.01)
            assert app.plugins.problems == ()
            assert await Person(app).say("/greet") == "hello"
    assert errors_of(logs) == {
        name: ["plugin.lifespan_ended" if "group" in name else "plugin.stop_failed"]
        for name in broken
    }
    assert asyncio.all_tasks() == tasks


async def test_a_plugin_that_never_starts_is_given_up(tmp_path: Path) -> None:
    plugins = await asyncio.to_thread(load, tmp_path, hostile.HANGS_AT_START)
    services: Any = None
    tasks = asyncio.all_tasks()
    with capture_logs() as logs:
        async with run_lifespans(plugins.lifespans, services, start_timeout_s=0.05) as failed:
            left = plugins.without_skills(failed)
            assert [command.name for command in left.commands] == ["greet"]
            assert "longer than" in str(left.problems[0])
    assert "plugin.start_timed_out" in errors_of(logs)["dice"]
    assert asyncio.all_tasks() == tasks


async def test_a_plugin_that_never_stops_is_given_up(tmp_path: Path) -> None:
    plugins = await asyncio.to_thread(load, tmp_path, hostile.HANGS_AT_STOP)
    services: Any = None
    tasks = asyncio.all_tasks()
    with capture_logs() as logs:
        async with run_lifespans(plugins.lifespans, services, stop_timeout_s=0.05) as failed:
            assert failed == []
    assert "plugin.stop_timed_out" in errors_of(logs)["dice"]
    assert asyncio.all_tasks() == tasks


async def test_a_start_that_is_cancelled_leaves_what_was_entered(tmp_path: Path) -> None:
    plugins = await asyncio.to_thread(load, tmp_path, hostile.HANGS_AT_START)
    services: Any = None
    tasks = asyncio.all_tasks()

    async def start() -> None:
        async with run_lifespans(plugins.lifespans, services, stop_timeout_s=0.05):
            raise AssertionError("it was entered")

    starting = asyncio.create_task(start())
    await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert asyncio.all_tasks() == tasks


async def test_a_skill_that_cannot_say_what_it_wants_gets_nothing(tmp_path: Path) -> None:
    broken = hostile.named(hostile.ODD_WANTS)
    with capture_logs() as logs:
        async with opened(tmp_path, **broken) as app:
            person = Person(app)
            assert await person.say("hello") == "You said: hello"
            assert await person.say("bye") == "You said: bye"
    assert errors_of(logs) == {name: ["plugin.predicate_failed"] for name in broken}


async def test_a_check_that_fails_denies_its_command_alone(tmp_path: Path) -> None:
    broken = hostile.named(hostile.ODD_CHECKS)
    with capture_logs() as logs:
        async with opened(tmp_path, **broken) as app:
            person = Person(app)
            help_ = await person.say("/help")
            assert "/greet" in help_
            assert "/roll" not in help_
            for name in broken:
                roll = f"roll_{name}"
                said = await person.say(f"/{roll}")
                assert "needs" in said
                assert "four" not in said
                assert not await app.core.may_use(roll, ADA, HERE)
                assert await app.core.complete(roll, "sides", "", ADA, HERE) == ()
            assert await person.say("/greet") == "hello"
    assert errors_of(logs) == {name: ["plugin.predicate_failed"] for name in broken}


async def test_a_skill_that_would_end_the_process_ends_its_turn(tmp_path: Path) -> None:
    async with opened(tmp_path, dice=hostile.LEAVES) as app:
        person = Person(app)
        assert "went wrong on our side" in await person.say("hello")
        said = await person.say("/roll")
        assert said.startswith("four")
        assert "went wrong on our side" in said
        for option in ("sides", "times"):
            assert await app.core.complete("roll", option, "", ADA, HERE) == ()
        assert await person.say("/greet") == "hello"


@pytest.mark.parametrize("what", hostile.ODD_DECLARATIONS)
def test_what_would_break_others_is_left_out_as_it_is_loaded(tmp_path: Path, what: str) -> None:
    source, said = hostile.ODD_DECLARATIONS[what]
    plugins = load(tmp_path, source)
    assert [problem.plugin for problem in plugins.problems] == ["dice"]
    assert said in plugins.problems[0].text
    assert "\n" not in str(plugins.problems[0])
    assert [command.name for command in plugins.commands] == ["greet"]
    assert (plugins.loaders, plugins.engines, plugins.prompt_folders) == ((), (), ())


@pytest.mark.parametrize(
    ("name", "content"),
    [("syntax", b"{% if %}"), ("encoding", b"\xff\xfe")],
)
def test_a_plugin_with_a_broken_prompt_is_left_out(
    tmp_path: Path, name: str, content: bytes
) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "toast.j2").write_bytes(content)
    text = f"@hookimpl\ndef prompt_folders():\n    return [{str(prompts)!r}]\n"
    plugins = load(tmp_path, hostile.source(text))
    assert [problem.plugin for problem in plugins.problems] == ["dice"]
    assert "prompt" in plugins.problems[0].text
    assert plugins.prompt_folders == ()


async def test_a_plugin_that_cannot_forget_does_not_keep_others_from_it(tmp_path: Path) -> None:
    broken = {
        name: hostile.source(f"@hookimpl\ndef forget_user(person):\n    {body}\n")
        for name, body in {
            "raises": "raise OSError('no disk')",
            "leaves": "sys.exit(3)",
            "cancels": "raise asyncio.CancelledError",
        }.items()
    }
    with capture_logs() as logs:
        async with opened(tmp_path, **broken) as app:
            assert await Person(app).say("hello") == "You said: hello"
            assert app.services.forget is not None
            assert await app.services.forget(ADA.key) == 2
    assert errors_of(logs) == {name: ["person.plugin_forget_failed"] for name in broken}

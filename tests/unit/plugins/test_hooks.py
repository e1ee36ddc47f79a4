"""Every hook is documented with an example that works: the examples are the documentation's."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backends.base import ChatMessage, ChatRequest
from backends.scripted.script import Reply, ScriptedCall
from bot.api import LeftOut, Paragraph, Place
from bot.errors import Refused
from bot.prompting.templates import JinjaPrompts
from bot.skills import hookspecs
from bot.skills.plugin_loader import Plugins, load_plugins
from bot.testing import Parlance, running_skills
from tests.until import until

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "plugins.md").read_text()
HOOKS = [
    name
    for name, value in vars(hookspecs).items()
    if callable(value) and hasattr(value, f"{hookspecs.PROJECT}_spec")
]

GERMAN = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "{tide} Mind the stairs, {name}."
msgstr "{tide} {name}, Achtung auf der Treppe."

msgid "High tide in one hour."
msgid_plural "High tide in {n} hours."
msgstr[0] "Flut in einer Stunde."
msgstr[1] "Flut in {n} Stunden."
"""
Running = Callable[..., AbstractAsyncContextManager[Parlance]]


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with the example of the hook that the test is named for, as a plugin."""
    hook = request.node.name.removeprefix("test_hook_")
    place = tmp_path / "plugins"
    place.mkdir()
    (place / f"{hook}.py").write_text(example(hook))
    return place


@pytest.fixture
def plugins(folder: Path) -> Plugins:
    """The example, loaded."""
    loaded = load_plugins(folders=[folder], installed=False)
    assert loaded.problems == ()
    return loaded


@pytest.fixture
def running(folder: Path, tmp_path: Path) -> Running:
    """Starts a core with the example and plain chat."""

    def start(**more: Any) -> AbstractAsyncContextManager[Parlance]:
        return running_skills(plugins=["plugins.chat"], folders=[folder], folder=tmp_path, **more)

    return start


def imported_from(folder: Path) -> Any:
    """The module that was made of the folder's one plugin."""
    (file,) = folder.glob("*.py")
    (module,) = [m for m in sys.modules.values() if getattr(m, "__file__", None) == str(file)]
    return module


def example(hook: str) -> str:
    """The code under the hook's heading in the documentation."""
    section = re.search(rf"^### {hook}\n(.*?)(?=^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert section is not None, f"docs/plugins.md has no section on {hook}"
    code = re.search(r"```python\n(.*?)```", section[1], re.DOTALL)
    assert code is not None, f"docs/plugins.md has no example of {hook}"
    return code[1]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_an_example_and_tested(hook: str) -> None:
    assert f"def {hook}(" in example(hook)
    assert f"test_hook_{hook}" in globals()


def test_nothing_is_documented_that_is_no_hook() -> None:
    headings = re.findall(r"^### (\w+)$", DOCUMENT.partition("## Hooks")[2], re.MULTILINE)
    assert headings == HOOKS


async def test_hook_register_skills(running: Running) -> None:
    async with running() as parlance:
        assert (await parlance.say("Hooray!")).text == "HOORAY!"
        assert (await parlance.say("Hooray")).text.startswith("You said: Hooray")


async def test_hook_register_tools(folder: Path, tmp_path: Path) -> None:
    call = ScriptedCall(name="switch_lamp", arguments={"tower": "north", "on": True})
    replies = (Reply("", tool_calls=(call,)), "It shines.")
    plugins = ["plugins.agent"]
    async with running_skills(
        plugins=plugins, folders=[folder], folder=tmp_path, replies=replies
    ) as parlance:
        answer = await parlance.say("/agent light the lamp of the north tower")
        assert answer.view.text == "It shines."
        assert imported_from(folder).LIT == {"north": True, "south": False}


async def test_hook_register_backends(plugins: Plugins) -> None:
    (engine,) = plugins.engines
    context: Any = None
    options = engine.options.model_validate({"times": 2})
    backend = engine.create("polly", options, context)
    request = ChatRequest((ChatMessage("user", "Pretty boy."),))
    said = [chunk.text async for chunk in backend.chat(request)]
    assert "".join(said) == "Pretty boy. Pretty boy."


async def test_hook_register_loaders(running: Running, plugins: Plugins) -> None:
    (loader,) = plugins.loaders
    found = loader.load(b"SUBTITLES\nHello.\nBye.", "film.subs")
    assert found.blocks[1] == Paragraph("Bye.", place=Place(row=3))
    assert found.left_out == (LeftOut("picture"),)
    with pytest.raises(Refused, match=r"film\.subs is no subtitle file"):
        loader.load(b"", "film.subs")
    async with running() as parlance:
        files = {"film.subs": "SUBTITLES\nHello.\nBye."}
        await parlance.say("What do they say?", attachments=files)
        assert "Hello.\n\nBye." in parlance.model.requests[0].messages[-1].content


async def test_hook_register_platforms(running: Running, plugins: Plugins) -> None:
    (platform,) = plugins.platforms
    settings = platform.settings.model_validate({"question": "Is it late?"})
    context: Any = SimpleNamespace(settings=settings)
    adapter: Any = platform.create(context)
    async with running() as parlance:
        await adapter.run(parlance.core)
        await until(lambda: adapter.paper.text)
        assert adapter.paper.text.startswith("You said: Is it late?")


@pytest.mark.may_block  # it looks for plugins itself, as a start does
async def test_hook_plugin_settings(running: Running, folder: Path) -> None:
    settings = {"plugin_settings": {"greeting": "Ahoy"}}
    async with running(settings=settings) as parlance:
        assert (await parlance.say("/greet Ann")).text == "Ahoy Ann!"
    wrong = load_plugins(
        folders=[folder], installed=False, settings={"plugin_settings": {"greeting": 3}}
    )
    assert "plugins.settings.plugin_settings.greeting" in str(wrong.problems[0])


@pytest.mark.may_block  # it looks for plugins itself, as a start does
async def test_hook_prompt_folders(folder: Path) -> None:
    (folder / "prompts").mkdir()
    (folder / "prompts" / "toast.j2").write_text("Raise a glass to {{ name }}.")
    (found,) = load_plugins(folders=[folder], installed=False).prompt_folders
    assert JinjaPrompts([Path(found)]).render("toast", name="Ann") == 'Raise a glass to "Ann".'


@pytest.mark.may_block  # it looks for languages itself, as a start does
async def test_hook_language_folders(folder: Path, running: Running) -> None:
    languages = folder / "languages"
    languages.mkdir()
    (languages / "de.po").write_text(GERMAN)
    async with running() as parlance:
        told = await parlance.say("/tide 3")
        assert told.text == "High tide in 3 hours. Mind the stairs, Ann."
        told = await parlance.say("/tide 3", locale="de-AT")
        assert told.text == "Flut in 3 Stunden. Ann, Achtung auf der Treppe."
        told = await parlance.say("/tide 1", locale="de-AT")
        assert told.text.startswith("Flut in einer Stunde.")


async def test_hook_lifespan(running: Running, folder: Path) -> None:
    async with running() as parlance:
        await parlance.say("Are you there?")
        module = imported_from(folder)
        assert module.seen == ["tick"]


async def test_hook_forget_user(running: Running, folder: Path) -> None:
    async with running() as parlance:
        await parlance.say("/birthday 12 May")
        module = imported_from(folder)
        assert module.birthdays == {"test:ann": "12 May"}
        assert parlance.services.forget is not None
        await parlance.services.forget("test:ann")
        assert module.birthdays == {}

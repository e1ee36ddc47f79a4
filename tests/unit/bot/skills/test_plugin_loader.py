"""Plugins: found in three places, taken in whole, and left out by name where they fail."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

import pytest

from bot.skills.plugin_loader import Plugins, load_plugins

GREETER = """
    from collections.abc import AsyncIterator
    from pydantic import BaseModel
    from bot.api import Context, Part, Skill, Text, command, hookimpl


    class Settings(BaseModel):
        greeting: str = "Hello"


    @command("greet")
    async def greet(ctx: Context, name: str = "you") -> AsyncIterator[Part]:
        \"\"\"Say hello.\"\"\"
        yield Text(f"{ctx.settings.greeting} {name}")


    @hookimpl
    def register_skills():
        return [Skill("greeter", commands=(greet,))]


    @hookimpl
    def plugin_settings():
        return Settings
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of plugins."""
    return tmp_path / "plugins"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def load(folder: Path, **more: Any) -> Plugins:
    return load_plugins(folders=[folder], installed=False, **more)


def test_a_plugin_in_a_folder_is_taken_in(folder: Path) -> None:
    write(folder, "greeter.py", GREETER)
    plugins = load(folder)
    assert plugins.problems == ()
    assert [command.name for command in plugins.commands] == ["greet"]
    assert plugins.commands[0].plugin == "greeter"
    assert plugins.skills[0].commands == plugins.commands
    assert cast(Any, plugins.settings["greeter"]).greeting == "Hello"


def test_a_package_in_a_folder_is_a_plugin_and_hidden_files_are_none(folder: Path) -> None:
    write(folder, "greeter/__init__.py", GREETER)
    write(folder, "_draft.py", "raise SystemExit")
    write(folder, ".hidden.py", "raise SystemExit")
    write(folder, "notes.txt", "no plugin")
    plugins = load(folder)
    assert [d.name for d in plugins.describe()] == ["greeter"]
    assert plugins.problems == ()


def test_a_plugin_may_be_named_like_a_module_of_python(folder: Path) -> None:
    write(folder, "json.py", GREETER)
    plugins = load(folder)
    assert plugins.problems == ()
    assert "loads" in dir(sys.modules["json"])


def test_the_shipped_plugins_load_without_a_problem() -> None:
    names = ["chat", "help", "model_switch", "rap_battle", "summarize", "ask_docs", "docs_admin"]
    plugins = load_plugins([f"plugins.{name}" for name in names], installed=False)
    assert plugins.problems == ()
    assert {"chat", "help", "stop", "model", "rap", "summarize", "ask", "docs"} <= {
        command.name for command in plugins.commands
    }


def test_a_plugin_that_is_installed_meanwhile_is_found_and_one_that_is_removed_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    assert not load_plugins().describe()
    write(folder, "late.dist-info/METADATA", "Metadata-Version: 2.1\nName: late\nVersion: 1.0\n")
    write(folder, "late.dist-info/entry_points.txt", "[parlance.plugins]\nlate = late_greeter\n")
    assert [d.name for d in load_plugins().describe()] == ["late"]
    shutil.rmtree(folder / "late.dist-info")
    assert not load_plugins().describe()


def test_an_installed_plugin_is_found_by_its_entry_point(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "installed_greeter.py", GREETER)
    write(
        folder,
        "installed_greeter-1.0.dist-info/METADATA",
        """\
        Metadata-Version: 2.1
        Name: installed-greeter
        Version: 1.0
        """,
    )
    write(
        folder,
        "installed_greeter-1.0.dist-info/entry_points.txt",
        """\
        [parlance.plugins]
        hello = installed_greeter
        """,
    )
    monkeypatch.syspath_prepend(str(folder))
    plugins = load_plugins()
    assert "hello" in {d.name for d in plugins.describe()}
    assert "greet" in {c.name for c in plugins.commands}
    del sys.modules["installed_greeter"]


FAILURES = {
    "import": ("1 / 0", "ZeroDivisionError"),
    "exit": ("raise SystemExit(3)", "SystemExit"),
    "syntax": ("def (", "SyntaxError"),
    "no_hooks": ("x = 1", "no hooks"),
    "misspelt": (
        """
        from bot.api import hookimpl
        @hookimpl
        def register_skill():
            return []
        """,
        "register_skill",
    ),
    "name_of_the_loop": (
        """
        from bot.api import Context, hookimpl, tool
        @tool()
        async def read_more(ctx: Context) -> str:
            "Read something else."
        @hookimpl
        def register_tools():
            return [read_more]
        """,
        "tool read_more: this name is taken",
    ),
    "arguments": (
        """
        from bot.api import hookimpl
        @hookimpl
        def register_skills(bot):
            return []
        """,
        "bot",
    ),
    "raises": (
        """
        from bot.api import hookimpl
        @hookimpl
        def register_skills():
            raise RuntimeError("no luck")
        """,
        "no luck",
    ),
    "kind": (
        """
        from bot.api import hookimpl
        @hookimpl
        def register_skills():
            return ["greeter"]
        """,
        "must hold Skill, not str",
    ),
    "name": (
        GREETER.replace('@command("greet")', '@command("Greet them")'),
        "a command's name has at most 32",
    ),
    "handler": (
        """
        from bot.api import command
        @command("x")
        def x(ctx):
            \"\"\"Never awaits.\"\"\"
        """,
        "`async def`",
    ),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_plugin_that_fails_is_named_and_left_out_and_the_others_go_on(
    folder: Path, kind: str
) -> None:
    text, said = FAILURES[kind]
    write(folder, "broken.py", text)
    write(folder, "greeter.py", GREETER)
    plugins = load(folder)
    assert [p.plugin for p in plugins.problems] == ["broken"]
    assert said in plugins.problems[0].text
    assert "\n" not in str(plugins.problems[0])
    assert [command.name for command in plugins.commands] == ["greet"]
    described = {d.name: d for d in plugins.describe()}
    assert described["broken"].problems == (plugins.problems[0].text,)
    assert described["greeter"].commands == ("greet",)


def test_of_two_commands_with_one_name_the_first_wins(folder: Path) -> None:
    write(folder, "a.py", GREETER)
    write(folder, "b.py", GREETER.replace('Skill("greeter"', 'Skill("other"'))
    plugins = load(folder)
    assert [(c.name, c.plugin) for c in plugins.commands] == [("greet", "a")]
    assert [str(p) for p in plugins.problems] == [
        "plugin b: there is a command 'greet' already; this one was left out."
    ]


def test_of_two_skills_with_one_name_the_first_wins_with_its_commands(folder: Path) -> None:
    write(folder, "a.py", GREETER)
    write(folder, "b.py", GREETER.replace('@command("greet")', '@command("welcome")'))
    plugins = load(folder)
    assert [c.name for c in plugins.commands] == ["greet"]
    assert [p.plugin for p in plugins.problems] == ["b"]


def test_settings_are_validated_and_their_paths_named(folder: Path) -> None:
    write(folder, "greeter.py", GREETER)
    given = {"greeter": {"greeting": "Good day"}}
    assert cast(Any, load(folder, settings=given).settings["greeter"]).greeting == "Good day"
    bad = load(folder, settings={"greeter": {"greeting": ["secret"]}})
    assert bad.commands == ()
    assert "plugins.settings.greeter.greeting" in bad.problems[0].text
    assert "secret" not in bad.problems[0].text


def test_settings_for_no_plugin_are_reported_with_the_nearest_name(folder: Path) -> None:
    write(folder, "greeter.py", GREETER)
    plugins = load(folder, settings={"greetr": {}})
    assert str(plugins.problems[0]).endswith("is for no plugin. Did you mean greeter?")


def test_a_disabled_plugin_is_not_even_imported(folder: Path) -> None:
    write(folder, "greeter.py", "raise RuntimeError")
    plugins = load(folder, disabled=["greeter"])
    assert plugins.describe() == ()
    assert plugins.problems == ()


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    assert "there is no folder" in load(tmp_path / "nowhere").problems[0].text


def test_lifespans_prompt_folders_and_forgetting_are_taken_in(folder: Path) -> None:
    write(
        folder,
        "keeper.py",
        """
        from contextlib import asynccontextmanager
        from bot.api import hookimpl

        forgotten = []

        @hookimpl
        def prompt_folders():
            return ["/prompts"]

        @hookimpl
        def lifespan(services):
            @asynccontextmanager
            async def run():
                yield
            return run()

        @hookimpl
        def forget_user(person):
            forgotten.append(person)
        """,
    )
    plugins = load(folder)
    assert plugins.prompt_folders == ("/prompts",)
    assert [name for name, _ in plugins.lifespans] == ["keeper"]
    [(name, forget)] = plugins.forget
    forget("discord:1")
    module = next(m for n, m in sys.modules.items() if n.startswith("parlance_plugin_keeper"))
    assert (name, module.forgotten) == ("keeper", ["discord:1"])

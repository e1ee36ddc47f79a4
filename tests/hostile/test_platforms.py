"""A platform of a third party that fails ends neither the bot nor another platform."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app import open_app
from bot.doctor import run_checks
from bot.errors import ConfigError
from bot.installation import Installation
from bot.platforms import create_adapters
from bot.skills.plugin_loader import load_plugins
from tests.hostile import platforms as hostile
from tests.scenarios.process import Folder, end_of
from tests.until import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "parlance-lines"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def write(folder: Folder, *, plugins: dict[str, str] | None = None, **sections: Any) -> Path:
    """Write plugins into a folder, and a config.yaml that names it."""
    place = folder.path / "plugins"
    place.mkdir(exist_ok=True)
    for name, source in (plugins or {}).items():
        (place / f"{name}.py").write_text(source)
    return folder.configure(plugins={"folders": [str(place)]}, **sections)


def read(folder: Folder, **more: Any) -> Installation:
    return Installation.read(write(folder, **more))


@pytest.mark.parametrize("what", hostile.ODD_DECLARATIONS)
def test_a_platform_that_could_not_work_is_left_out(tmp_path: Path, what: str) -> None:
    source, why = hostile.ODD_DECLARATIONS[what]
    (tmp_path / "odd.py").write_text(source)
    loaded = load_plugins(folders=[tmp_path], installed=False)
    (problem,) = loaded.problems
    assert why in problem.text
    assert loaded.platforms == ()


def test_of_two_platforms_of_one_name_the_first_is_kept(folder: Folder) -> None:
    here = read(folder, plugins={"one": hostile.QUIET, "two": hostile.QUIET})
    (problem,) = here.plugins.problems
    assert str(problem) == (
        "plugin two: there is a platform 'radio' already; this one was left out."
    )
    assert [adapter.name for adapter in create_adapters(here).adapters] == ["radio"]


def test_nobody_takes_the_name_of_a_platform_that_ships(folder: Folder) -> None:
    source = hostile.declared('Platform("terminal", Settings, create)')
    here = read(folder, plugins={"other": source})
    (problem,) = here.plugins.problems
    assert "there is a platform 'terminal' already" in problem.text
    assert create_adapters(here).alone


@pytest.mark.parametrize("what", hostile.ODD_SETTINGS)
def test_settings_that_cannot_be_checked_are_told_in_one_line(folder: Folder, what: str) -> None:
    source = hostile.declared('Platform("radio", Odd, create)', hostile.ODD_SETTINGS[what])
    with pytest.raises(ConfigError) as caught:
        read(folder, plugins={"odd": source}, radio={"port": 2})
    assert str(caught.value).startswith("config.yaml: radio: cannot be checked (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", hostile.CANNOT_BE_CREATED)
def test_a_platform_that_cannot_be_created_is_named_and_the_others_are_served(
    folder: Folder, what: str
) -> None:
    platform, why = hostile.CANNOT_BE_CREATED[what]
    broken = hostile.declared(platform, hostile.MORE)
    other = hostile.QUIET.replace('"radio"', '"telephone"')
    created = create_adapters(read(folder, plugins={"broken": broken, "other": other}))
    (problem,) = created.problems
    assert str(problem).startswith("plugin broken: platform radio could not be created: ")
    assert why in problem.text
    assert [adapter.name for adapter in created.adapters] == ["telephone"]
    assert not created.alone


@pytest.mark.parametrize("what", hostile.ODD_CHECKS)
async def test_a_check_that_fails_has_a_row_that_says_so(folder: Folder, what: str) -> None:
    source = hostile.declared(
        f'Platform("radio", Settings, create, doctor={hostile.ODD_CHECKS[what]})'
    )
    here = await asyncio.to_thread(read, folder, plugins={"odd": source})
    async with open_app(here) as app:
        rows = [row for row in await run_checks(app) if row["what"] == "radio"]
    assert [row["ok"] for row in rows] == [False]
    assert str(rows[0]["detail"]).startswith("its check failed: ")


# --- what the operator reads ----------------------------------------------------------------------


async def test_where_the_only_platform_cannot_be_created_the_bot_does_not_start(
    folder: Folder,
) -> None:
    write(folder, plugins={"broken": hostile.declared('Platform("radio", Settings, fail)')})
    ended = (await folder.run("run", stdin=b"hello\n")).no_trace()
    assert ended.status == 1
    assert ended.err.splitlines()[-1] == (
        "plugin broken: platform radio could not be created: ValueError: the aerial is missing."
    )
    assert "You said" not in ended.out
    doctor = (await folder.run("doctor", "--json")).no_trace()
    assert doctor.status == 1
    assert [row["detail"] for row in doctor.json if row["what"] == "plugin broken"] == [
        "platform radio could not be created: ValueError: the aerial is missing."
    ]


async def test_the_bot_runs_on_without_one_that_cannot_be_created(folder: Folder) -> None:
    broken = hostile.declared('Platform("telephone", Settings, fail)')
    write(folder, plugins={"broken": broken, "good": hostile.QUIET})
    async with folder.started("run") as process:
        assert process.stderr is not None
        said = ""
        async with asyncio.timeout(PATIENCE_S):
            while "Ctrl-C ends it" not in said:
                piece = await process.stderr.readline()
                assert piece, said
                said += piece.decode()
        process.terminate()
        said += (await end_of(process)).err
    assert "Left out: plugin broken: platform telephone could not be created: ValueError" in said
    assert "Parlance serves radio." in said


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        (
            {"lines": {"prt": 7070}},
            "config.yaml: lines.prt: there is no such key; did you mean lines.port?",
        ),
        (
            {"lines": {"port": "Xw9-swordfish-77"}},
            "config.yaml: lines.port: should be a valid integer, unable to parse string as an "
            "integer.",
        ),
        ({"linse": {}}, "config.yaml: linse: there is no such key; did you mean lines?"),
        ({"telephone": {"port": 1}}, "config.yaml: telephone: there is no such key."),
        (
            {"lines": {"token": "Xw9-swordfish-77"}},
            "config.yaml: lines.token: secrets go into a variable of their own, in .env or the "
            "environment, not here.",
        ),
    ],
)
async def test_a_mistake_in_a_section_is_one_sentence(
    folder: Folder, sections: dict[str, Any], says: str
) -> None:
    folder.configure(plugins={"folders": [str(EXAMPLE)]}, **sections)
    ended = (await folder.run("check")).no_trace()
    assert ended.said == says
    assert ended.status == 2


async def test_a_section_whose_plugin_was_left_out_ends_nothing(folder: Folder) -> None:
    write(folder, plugins={"radio_plugin": "1 / 0\n"}, radio={"port": 1})
    ended = (await folder.run("check", "--json")).no_trace()
    details = [row["detail"] for row in ended.json]
    assert "radio is for no platform; left out were: radio_plugin." in details
    assert any("ZeroDivisionError" in detail for detail in details)
    assert ended.err == ""  # nor does a trace stand before the JSON
    answered = await folder.run("run", stdin=b"hello\n")
    assert "You said: hello" in answered.out


async def test_the_environment_sets_a_key_of_a_section(folder: Folder) -> None:
    folder.configure(plugins={"folders": [str(EXAMPLE)]})
    folder.env["PARLANCE_LINES__PORT"] = "seven"
    ended = (await folder.run("check")).no_trace()
    assert ended.said.startswith("PARLANCE_LINES__PORT: should be a valid integer")


async def test_the_manifest_of_a_platform_is_printed_by_its_name(folder: Folder) -> None:
    odd = hostile.declared('Platform("radio", Settings, create, fail)')
    write(folder, plugins={"odd": odd})
    for name, says in {
        "radio": "platform radio: its manifest could not be made: ValueError: the aerial is "
        "missing.",
        "slak": "There is no platform slak; did you mean slack?",
        "terminal": "terminal needs to be told nothing about the bot.",
    }.items():
        ended = (await folder.run("manifest", name)).no_trace()
        assert ended.said == says
        assert ended.status == 1
    folder.configure(plugins={"folders": [str(EXAMPLE)]}, lines={"port": 7071})
    ended = (await folder.run("manifest", "lines")).no_trace()
    assert "port 7071" in ended.out
    assert "/chat" in ended.out


async def test_without_a_platform_and_without_the_terminal_the_bot_says_so(folder: Folder) -> None:
    folder.configure(terminal={"enabled": False})
    ended = (await folder.run("run", stdin=b"hello\n")).no_trace()
    assert ended.status == 1
    assert ended.said == ("No platform is configured: set the token of one, or terminal.enabled.")


async def test_the_doctor_looks_at_a_platform_of_a_third_party(folder: Folder) -> None:
    folder.configure(plugins={"folders": [str(EXAMPLE)]})
    folder.env["LINES_TOKEN"] = "short"
    ended = (await folder.run("doctor", "--json")).no_trace()
    assert [row["detail"] for row in ended.json if row["what"] == "lines"] == [
        "LINES_TOKEN can be guessed: give it 16 characters or more."
    ]
    folder.env["LINES_TOKEN"] = "a-token-that-is-long-enough"
    ended = (await folder.run("doctor", "--json")).no_trace()
    assert [row["detail"] for row in ended.json if row["what"] == "lines"] == [
        "token and permissions work",
        "whoever has the token may call themselves as they like",
    ]
    listed = (await folder.run("plugins", "list", "--json")).no_trace()
    (row,) = [row for row in listed.json if row["name"] == "parlance_lines"]
    assert row["platforms"] == "lines"


# --- what is not configured is not imported -------------------------------------------------------

_CREATE = """
import sys
from pathlib import Path
import bot.cli.bot_process
from bot.installation import Installation
from bot.platforms import create_adapters
created = create_adapters(Installation.read(Path(sys.argv[1])))
print(*(adapter.name for adapter in created.adapters))
shipped = {"bot.adapters.terminal.adapter", "discord", "slack_bolt", "slack_sdk"}
print(*sorted(shipped & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("token", "served", "imported"),
    [
        ({}, "terminal", "bot.adapters.terminal.adapter"),
        ({"DISCORD_TOKEN": "a.b.c"}, "discord", "discord"),
        ({"SLACK_BOT_TOKEN": "xoxb"}, "slack", "slack_bolt slack_sdk"),
    ],
)
def test_a_platform_that_is_not_configured_is_not_imported(
    folder: Folder, token: dict[str, str], served: str, imported: str
) -> None:
    path = folder.configure()
    done = subprocess.run(
        [sys.executable, "-c", _CREATE, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**folder.environment, **token},
    )
    assert done.stdout.splitlines() == [served, imported]


def test_the_shipped_config_has_the_sections_of_the_platforms_that_ship() -> None:
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    loaded = load_plugins(["bot.shipped_platforms"], installed=False)
    assert {platform.name for platform in loaded.platforms} <= set(shipped)

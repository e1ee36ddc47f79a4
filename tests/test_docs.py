"""The documentation says what the code does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer.main

import bot.api
from bot.adapters.protocol import Adapter
from bot.cli import app
from bot.cli.api_reference import api_reference, paragraphs
from bot.cli.catalogue_template import find_stale_languages
from bot.cli.doc_tables import find_stale_pages
from bot.cli.evaluation import FileOrCommand
from bot.replies.protocol import Sink
from bot.skills.hookspecs import __file__ as hookspecs_file

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HOOKS = re.findall(r"^def (\w+)\(", Path(hookspecs_file).read_text("utf-8"), re.MULTILINE)
_COMMAND = re.compile(r"(?:^|[`(]|bin/)parlance((?: [a-z][a-z-]*)+)([^`\n]*)", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

_PATH = re.compile(r"(?<![\w/.-])(?:bot|backends|plugins)/[\w./-]*")

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def refused(words: list[str], options: list[str]) -> str:
    """What of a call the command line does not know; empty where it knows all."""
    here = typer.main.get_command(app)
    for word in words:
        if isinstance(here, FileOrCommand) and word not in here.commands:
            break  # a file
        inner = getattr(here, "commands", None)
        if inner is None:
            break  # an argument
        if word not in inner:
            return word
        here = inner[word]
    if isinstance(here, FileOrCommand):
        here = here.commands["run"]
    known = {name for option in here.params for name in option.opts}
    return next((option for option in options if option not in known), "")


@by_page
def test_every_command_that_is_shown_exists(page: Path) -> None:
    calls = _COMMAND.findall(page.read_text("utf-8"))
    wrong = [
        (words.strip(), unknown)
        for words, rest in calls
        if (unknown := refused(words.split(), re.findall(r"(?<!\S)--[a-z-]+", rest)))
    ]
    assert wrong == []


def test_the_check_of_commands_can_fail() -> None:
    assert refused(["docs", "sarch"], []) == "sarch"
    assert refused(["run"], ["--conversatoin"]) == "--conversatoin"
    assert refused(["docs", "search", "words"], ["--limit", "--json"]) == ""


@by_page
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    lost = []
    for target in _LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        there = page if not path else (page.parent / path).resolve()
        if not there.exists() or (heading and heading not in anchors(there)):
            lost.append(target)
    assert lost == []


def missing_paths(text: str) -> list[str]:
    """Paths into the source that a text names and that do not exist."""
    return [path for path in _PATH.findall(text) if not (ROOT / path.rstrip(".")).exists()]


@by_page
def test_every_path_into_the_source_exists(page: Path) -> None:
    assert missing_paths(page.read_text("utf-8")) == []


def test_the_check_of_paths_can_fail() -> None:
    text = "`bot/turns/` and `bot/api.py`, backends/bass.py and parlance/bot/nothing.py."
    assert missing_paths(text) == ["backends/bass.py"]


def folders_with_modules() -> list[str]:
    found = {
        path.parent for top in ("bot", "backends", "plugins") for path in (ROOT / top).rglob("*.py")
    }
    return sorted(f"{folder.relative_to(ROOT).as_posix()}/" for folder in found)


def test_the_map_names_every_folder() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    slack = re.compile(r"bot/adapters/slack/\w+/")  # the same four as those of Discord
    assert [
        one for one in folders_with_modules() if f"`{one}`" not in text and not slack.match(one)
    ] == []


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in links, as the common hosts name them."""
    headings = _HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented(hook: str) -> None:
    assert re.search(rf"\b{hook}\b", (ROOT / "docs" / "plugins.md").read_text("utf-8"))


def test_generated_tables_are_current() -> None:
    assert find_stale_pages(ROOT / "docs") == []
    assert [*find_stale_languages()] == []


def test_the_reference_names_everything_that_plugins_import() -> None:
    reference = api_reference()
    assert [name for name in bot.api.__all__ if f"### {name}\n" not in reference] == []


@pytest.mark.parametrize("protocol", [bot.api.Context, Sink, Adapter], ids=lambda one: one.__name__)
def test_public_members_have_docstrings(protocol: type) -> None:
    members = {name: value for name, value in vars(protocol).items() if not name.startswith("_")}
    said = [value for value in members.values() if callable(value) or isinstance(value, property)]
    assert said
    for member in said:
        assert paragraphs(member.__doc__)


def tracked() -> list[Path]:
    """The files of the project; none where this is no checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_machine() -> None:
    """Paths of somebody's machine, and hosts of somebody's package index, belong in no file."""
    index = re.compile(
        r"(?:--(?:extra-)?index-url|--find-links|index-url\s*=)\s*https?://"
        r"|(?<![\w.])/(?:root|home/\w+|Users/\w+|work)/"
    )
    wrong = []
    for path in tracked():
        if path == Path(__file__):
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{path.relative_to(ROOT)}: {found[0]}" for found in index.finditer(text)]
    assert wrong == []

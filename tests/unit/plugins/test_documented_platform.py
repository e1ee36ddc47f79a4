"""The page for authors of platforms shows the code of the examples: of one the stories are played,
the other has tests of its own."""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from collections.abc import Collection
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "parlance-lines" / "parlance_lines.py"
FOLDER = ROOT / "examples" / "parlance-folder"
SOURCES = (EXAMPLE, *sorted(FOLDER.glob("*/*.py")))
PAGE = (ROOT / "docs" / "platforms.md").read_text("utf-8")
MAX_EXAMPLE_LINES = 400


def shown() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_shows_code() -> None:
    assert len(shown()) >= 5


@pytest.mark.parametrize("code", shown(), ids=lambda code: code.strip().splitlines()[0].strip())
def test_what_the_page_shows_is_the_examples_code(code: str) -> None:
    ours = {
        ast.unparse(node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    }
    for node in ast.parse(textwrap.dedent(code)).body:
        assert ast.unparse(node) in ours or is_beginning(node, ours)


def is_beginning(node: ast.stmt, ours: Collection[str]) -> bool:
    """Whether a class is shown, and the example's goes on after what is shown."""
    shown_class = isinstance(node, ast.ClassDef)
    return shown_class and any(one.startswith(f"{ast.unparse(node)}\n") for one in ours)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_an_example_is_short_and_imports_the_api_alone(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MAX_EXAMPLE_LINES
    imported = {
        node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)
    } | {
        alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    own = {name for name in imported if name.split(".")[0] in {"bot", "backends", "plugins"}}
    assert own <= ({"bot.api", "bot.testing"} if path.name.startswith("test_") else {"bot.api"})


def test_the_example_can_be_installed() -> None:
    project = tomllib.loads((EXAMPLE.parent / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["parlance.plugins"] == {"lines": EXAMPLE.stem}
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"] == [EXAMPLE.name]
    assert (EXAMPLE.parent / "README.md").read_text("utf-8").strip()
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["parlance.plugins"] == {"folder": "parlance_folder"}
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"] == [
        "parlance_folder"
    ]
    assert (FOLDER / "README.md").read_text("utf-8").strip()

"""The bot treats every platform alike: outside of its own folder, none is named."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NAMES = frozenset(
    path.name for path in (ROOT / "bot" / "adapters").iterdir() if (path / "adapter.py").exists()
)

DECLARED = {
    "bot/shipped_platforms.py": "where they are declared",
    "bot/config/platforms.py": "their sections of config.yaml",
    "bot/config/moved_keys.py": "keys of an earlier version",
    "bot/observability/logs.py": "a library of that name",
    "bot/commands/checks.py": "who may name files of this machine",
    "bot/cli/docs.py": "the operator, who adds documents",
    "bot/cli/eval_answers.py": "the operator, who asks",
    "bot/cli/tools.py": "the operator, who calls tools",
    "bot/cli/setup_guide.py": "the set-up, which guides through those that ship",
    "bot/cli/setup_platforms.py": "the set-up, which guides through those that ship",
    "bot/setup/state.py": "the set-up, which guides through those that ship",
    "bot/portability/locations.py": "the operator, who has files of this machine",
}
"""Files that may name a platform, and why."""


def named(source: str) -> Iterator[int]:
    """The lines with a text that is the name of a platform, or begins with it and a colon."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            head, _, rest = node.value.partition(":")
            if head in NAMES and " " not in rest:
                yield node.lineno


def test_the_search_finds_names() -> None:
    assert {"discord", "slack", "terminal"} <= NAMES
    source = (
        'if platform == "slack":\n    x = f"discord:{who}"\n    y = "Slack, slack: two words"\n'
    )
    assert list(named(source)) == [1, 2]


def test_no_platform_is_named_outside_of_its_folder() -> None:
    found = [
        f"{name}:{line}"
        for top in ("bot", "plugins", "backends")
        for path in sorted((ROOT / top).rglob("*.py"))
        if not (name := path.relative_to(ROOT).as_posix()).startswith("bot/adapters/")
        and name not in DECLARED
        for line in named(path.read_text("utf-8"))
    ]
    assert found == []


def test_every_exception_is_needed() -> None:
    assert [name for name in DECLARED if not list(named((ROOT / name).read_text("utf-8")))] == []

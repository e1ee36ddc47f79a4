"""The first skill of docs/plugins.md, with its test, as a person copies them from the page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bot.skills.plugin_loader import load_plugins

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"```(?:python|ini)\n# (\w+\.\w+)\n(.*?)```", re.DOTALL)
_FIRST = re.compile(r"## A skill in 15 lines\n.*?```python\n(.*?)```", re.DOTALL)


def test_the_page_leads_to_a_skill_and_a_test_that_passes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    first = _FIRST.search(page)
    assert first is not None
    (tmp_path / "dice.py").write_text(first[1], "utf-8")
    files = dict(_NAMED.findall(page))
    for name in ("conftest.py", "pytest.ini", "test_dice.py"):
        (tmp_path / name).write_text(files[name], "utf-8")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout
    loaded = load_plugins(folders=[tmp_path], installed=False)
    assert [command.name for command in loaded.commands] == ["dice"]
    assert not loaded.problems, "the tests beside it are no plugins"

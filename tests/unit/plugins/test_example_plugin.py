from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ROOT / "examples" / "parlance-parcels"
PLATFORM = ROOT / "examples" / "parlance-folder"
EXAMPLE = ROOT / "examples" / "parlance-dice"


async def run(*command: str, cwd: Path, path: str = "") -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_the_example_is_installed_found_and_passes_its_own_tests(tmp_path: Path) -> None:
    source = tmp_path / "parlance-dice"
    await asyncio.to_thread(_copy, EXAMPLE, source)
    code, said = await run(
        "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation",
        "--disable-pip-version-check", "--target", str(tmp_path / "site"), str(source),
        cwd=tmp_path,
    )  # fmt: skip
    assert code == 0, said
    path = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    code, said = await run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=source, path=path
    )
    assert code == 0, said
    assert "3 passed" in said


@pytest.mark.parametrize(("example", "tests"), [(TOOLS, 5), (PLATFORM, 7)])
async def test_an_example_passes_its_own_tests(example: Path, tests: int) -> None:
    path = os.pathsep.join([str(example), str(ROOT)])
    code, said = await run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=example, path=path
    )
    assert code == 0, said
    assert f"{tests} passed" in said


def test_the_skill_in_the_documentation_is_the_example() -> None:
    code = (EXAMPLE / "parlance_dice.py").read_text()
    skill = code[code.index("@command") :].strip()
    assert skill in (ROOT / "docs" / "plugins.md").read_text()
    assert len([line for line in skill.splitlines() if line.strip()]) <= 15


def _copy(source: Path, target: Path) -> None:
    for name in ("pyproject.toml", "parlance_dice.py", "tests/conftest.py", "tests/test_dice.py"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes((source / name).read_bytes())


@pytest.mark.parametrize("name", ["pyproject.toml", "README.md", "parlance_dice.py"])
def test_the_example_is_whole(name: str) -> None:
    assert (EXAMPLE / name).read_text().strip()

"""`make release`, on a clone that is thrown away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NAMES = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
WHO = dict.fromkeys(_NAMES, "somebody@example.org") | {"GIT_CONFIG_GLOBAL": os.devnull}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | WHO, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def release(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, ".ci/release.py", *arguments], cwd=folder, env=os.environ | WHO,
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "parlance"
    git(ROOT, "clone", "--quiet", "--no-tags", str(ROOT), str(folder))
    shutil.copytree(ROOT / ".ci", folder / ".ci", dirs_exist_ok=True)
    (folder / "Makefile").write_text("lint types test:\n\t@echo tested $@; test ! -f broken\n")
    changelog = folder / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## Unreleased\n\n### Added\n- A thing.\n", "utf-8")
    project = folder / "pyproject.toml"
    lines = project.read_text("utf-8").splitlines(keepends=True)
    stated = ['version = "0.1.0"\n' if line.startswith("version =") else line for line in lines]
    project.write_text("".join(stated), "utf-8")
    quickstart = folder / "docs" / "quickstart.md"
    quickstart.write_text("pipx install dist/parlance_bot-0.1.0-py3-none-any.whl\n", "utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "As it is")
    return folder


def test_a_dry_run_shows_what_would_change_and_changes_nothing(clone: Path) -> None:
    before = git(clone, "rev-parse", "HEAD")
    status, said = release(clone, "0.2.0", "--dry")
    assert status == 0
    assert '+version = "0.2.0"' in said
    assert f"+## 0.2.0 - {datetime.now(UTC):%Y-%m-%d}" in said
    assert "Nothing was changed" in said
    assert (git(clone, "rev-parse", "HEAD"), git(clone, "status", "--porcelain")) == (before, "")
    assert git(clone, "tag") == ""


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("1.0", "is no version"),
        ("v1.0.0", "is no version"),
        ("01.0.0", "is no version"),
        ("0.0.9", "does not come after 0.1.0"),
    ],
)
def test_a_version_that_cannot_be_is_refused(clone: Path, version: str, why: str) -> None:
    status, said = release(clone, version, "--tested")
    assert status == 1
    assert why in said
    assert git(clone, "tag") == ""


def test_changes_and_failed_tests_are_no_release(clone: Path) -> None:
    (clone / "broken").touch()
    status, said = release(clone, "0.2.0")
    assert (status, "commit them first" in said) == (1, True)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "Break it")
    status, said = release(clone, "0.2.0")
    assert status == 1
    assert "make failed; nothing was released." in said
    assert (git(clone, "status", "--porcelain"), git(clone, "tag")) == ("", "")
    git(clone, "rm", "-q", "broken")
    git(clone, "commit", "-q", "-m", "Mend it")


def test_a_release_is_committed_tagged_and_built(clone: Path) -> None:
    status, said = release(clone, "0.2.0")
    assert status == 0, said
    assert "tested lint\ntested types\ntested test" in said
    assert git(clone, "describe") == "v0.2.0"
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "show", "--name-only", "--format=%s").split("\n") == [
        "Version 0.2.0", "", "CHANGELOG.md", "docs/quickstart.md", "pyproject.toml",
    ]  # fmt: skip
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    changelog = (clone / "CHANGELOG.md").read_text("utf-8")
    assert changelog == (
        f"# Changelog\n\n## Unreleased\n\n## 0.2.0 - {day}\n\n### Added\n- A thing.\n"
    )
    built = sorted(path.name for path in (clone / "dist").iterdir())
    assert built == ["parlance_bot-0.2.0-py3-none-any.whl", "parlance_bot-0.2.0.tar.gz"]
    assert "There is a tag v0.2.0 already" in release(clone, "0.2.0", "--tested")[1]
    assert "nothing under Unreleased" in release(clone, "0.3.0", "--tested")[1]

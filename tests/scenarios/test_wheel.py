"""Parlance as a package: what is in its wheel, and that it runs in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from bot.catalogue.languages import FOLDER
from bot.storage.schema_version import present_schema

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "parlance-dice"


def run(*command: str | Path, cwd: Path, said: str = "", **env: str) -> str:
    """Run Python; what it wrote."""
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment() | env, input=said, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def files(folder: Path) -> list[Path]:
    """What is in a folder, without bytecode."""
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def environment() -> dict[str, str]:
    """The process's, without what points at another Parlance or its settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PARLANCE_", "DISCORD_", "SLACK_", "PYTHONPATH"))
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built out of the source archive, as an index would get both."""
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    run("-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=unpacked)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Parlance and a plugin, to be used with the dependencies of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    example = folder / "parlance-dice"
    shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns("__pycache__", "build", "dist"))
    site = folder / "site"
    run(
        "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation",
        "--no-compile", "--disable-pip-version-check", "--target", site, wheel, example,
        cwd=folder,
    )  # fmt: skip
    return site


def test_a_wheel_has_its_resources_and_shadows_no_library(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "backends", "bot", "plugins",
    }  # fmt: skip
    packaged = {name for name in names if name.startswith("bot/_resources/")}
    migrations = {path.name for path in (ROOT / "alembic" / "versions").glob("*.py")}
    assert packaged == {
        "bot/_resources/config.yaml",
        "bot/_resources/alembic/env.py",
        "bot/_resources/alembic/script.py.mako",
        f"bot/_resources/alembic/{present_schema().name}",
        *(f"bot/_resources/alembic/versions/{name}" for name in migrations),
    }
    prompts = {path.name for path in (ROOT / "plugins" / "prompts").glob("*.j2")}
    assert prompts <= {name.removeprefix("plugins/prompts/") for name in names}
    languages = {path.name for path in FOLDER.glob("*.po*")}
    assert {"de.po", "es.po", "fr.po", "ja.po", "parlance.pot"} <= languages
    assert languages <= {name.removeprefix("bot/catalogue/") for name in names}


def test_a_wheel_pins_what_is_tested_and_not_what_builds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (at,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        needs = re.findall(r"^Requires-Dist: (.*)$", archive.read(at).decode(), re.M)
    lock = (ROOT / "requirements" / "run.lock").read_text("utf-8")
    assert len(needs) == len(re.findall(r"^\S", lock, re.M)) > 100
    assert all(re.fullmatch(r"\S+==[^\s;]+(; .*)?", need) for need in needs)
    assert "numpy==" in " ".join(need for need in needs if "python_full_version" in need)
    assert not [need for need in needs if need.startswith(("cmake", "ninja", "hatchling", "uv="))]


def test_an_installed_parlance_runs_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    before = files(installed)
    variables = {
        "PYTHONPATH": str(installed),
        "PARLANCE_MODELS": "{default: {backend: scripted}, embedder: {backend: scripted}}",
        "PARLANCE_EMBEDDER": "embedder",
    }
    (tmp_path / ".env").write_text("PARLANCE_DISCORD__ENABLED=false\n", "utf-8")
    asked = "import alembic, bot.installation as b; print(b.find_config(), alembic.__file__)"
    config, library = run("-c", asked, cwd=tmp_path, **variables).split()
    assert config == str(installed / "bot" / "_resources" / "config.yaml")
    assert not library.startswith((str(installed), str(ROOT / "alembic")))
    answered = run("-m", "bot", "run", cwd=tmp_path, said="hello\n", **variables)
    assert "You said: hello" in answered
    assert (tmp_path / "data" / "parlance.db").is_file()
    assert files(installed) == before


def test_plugin_authors_test_against_an_installed_parlance(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", tmp_path)
    said = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path, PYTHONPATH=str(installed)
    )
    assert "3 passed" in said

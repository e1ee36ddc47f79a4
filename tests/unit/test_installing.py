"""The commands of the Makefile that install: they take what a lock file names, and nothing else."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fakes.package_index import PackageIndex

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "requirements"
INSTALLERS = (
    "editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers",
    "uv",
)  # fmt: skip
"""Of build.lock what installs Parlance itself, without the tools that compile."""
ABSENT = "/nowhere/venv"


def outside_is_closed(folder: Path, **more: str) -> Mapping[str, str]:
    """An environment of which only loopback can be reached, with nobody's settings and caches."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "MAKE"))
    }
    return {
        **inherited,
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PIP_CONFIG_FILE": str(folder / "pip.conf"),
        "UV_CACHE_DIR": str(folder / "cache"),
        "ALL_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        **more,
    }


@pytest.fixture
def index(tmp_path: Path) -> PackageIndex:
    made = PackageIndex(tmp_path / "index")
    for name in INSTALLERS:
        made.copy(name)
    made.make("made-extra", "1.0")
    made.make("made-extra", "2.0")
    made.make("made", "1.0", "Provides-Extra: toml", 'Requires-Dist: made-extra; extra == "toml"')
    made.make("made", "2.0", "Provides-Extra: toml", 'Requires-Dist: made-extra; extra == "toml"')
    made.make("made-plugin", "1.0", "Requires-Dist: made[toml]>=1.0")
    return made


def test_a_newer_release_on_the_index_changes_nothing(index: PackageIndex, tmp_path: Path) -> None:
    """pip resolved `made[toml]` again, found it unpinned, and the first `make test` ended there."""
    venv, locks = tmp_path / "venv", tmp_path / "locks"
    locks.mkdir()
    index.lock(locks / "build.lock", *INSTALLERS)
    index.lock(locks / "dev.lock", "made-plugin", made="1.0", made_extra="1.0")
    with index.running() as address:
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {address}\n", "utf-8")
        done = subprocess.run(
            ["make", "--no-print-directory", f"VENV={venv}", f"PYTHON={sys.executable}",
             f"LOCKS={locks}", f"{venv}/.dev-installed"],
            cwd=ROOT, env=outside_is_closed(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) < 6, done.stderr
    python = venv / "bin" / "python"
    asked = "import made, made_extra, made_plugin; print(made.version, made_extra.version)"
    assert says(python, "-c", asked) == "1.0 1.0"
    assert says(python, "-c", "import bot, uv; print(bot.__file__)") == str(
        ROOT / "bot/__init__.py"
    )


INDEXES = [
    ({"UV_DEFAULT_INDEX": "http://uv", "PIP_INDEX_URL": "http://pip"}, "http://file", "http://uv"),
    ({"PIP_INDEX_URL": "http://pip"}, "http://file", "http://pip"),
    ({}, "http://file", "http://file"),
    ({}, None, ""),
]


@pytest.mark.parametrize(("variables", "file", "used"), INDEXES)
def test_uv_is_told_the_index_that_pip_has_been_given(
    variables: Mapping[str, str], file: str | None, used: str, tmp_path: Path
) -> None:
    if file is not None:
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {file}\n", "utf-8")
    (telling,) = re.findall(r"^(export UV_DEFAULT_INDEX=.*?;) .* pip sync ", commands(), re.M)
    telling = telling.replace(f"{ABSENT}/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-c", f"{telling} echo $UV_DEFAULT_INDEX"],
        env=outside_is_closed(tmp_path, **variables), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == used


@pytest.mark.parametrize("name", ["build.lock", "run.lock", "dev.lock"])
def test_a_lock_file_is_whole_and_names_no_index(name: str) -> None:
    text = (LOCKS / name).read_text("utf-8")
    assert not re.search(r"://|^-|--(?!hash=sha256:)", text, re.M)
    pins = re.findall(r"^(\S.*==.*)\n((?:    --hash=.*\n?)*)", text, re.M)
    assert all(hashes for _, hashes in pins)
    assert len(pins) == len(re.findall(r"^\S", text, re.M))


def test_the_lock_files_agree_and_keep_extras() -> None:
    build, run, dev = (
        dict(re.findall(r"^([\w-]+(?:\[.+\])?)==(.*?) \\$", (LOCKS / name).read_text(), re.M))
        for name in ("build.lock", "run.lock", "dev.lock")
    )
    assert "coverage[toml]" in dev
    assert {"cmake", "ninja", "scikit-build-core", "uv"} <= set(build)
    assert not {"cmake", "ninja", "scikit-build-core", "uv"} & set(run)
    for other in (run, dev):
        assert {n: v for n, v in build.items() if n in other and other[n] != v} == {}


def says(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commands() -> str:
    """What `make` would run to install into an environment that is not there yet."""
    asked = (f"VENV={ABSENT}", f"PYTHON={sys.executable}", f"{ABSENT}/.run-installed")
    return says("make", "-n", "-C", ROOT, *asked)


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="x86 alone has tiles")
def test_every_byte_of_a_tile_configuration_is_stored_before_it_is_loaded(tmp_path: Path) -> None:
    """Else the first prompt ends the process, on a processor with AMX."""
    source = tmp_path / "tiles.cpp"
    source.write_text(
        "#include <immintrin.h>\n"
        "void load() {\n"
        "  alignas(64) char tiles[64] = {}; tiles[63] = 77; _tile_loadconfig(tiles);\n"
        "}\n"
    )
    compiler = shutil.which("c++") or shutil.which("clang++")
    assert compiler is not None
    headers = ROOT / "requirements" / "compiler"
    made = subprocess.run(
        [compiler, "-O3", "-mamx-tile", "-isystem", headers, "-S", "-o", "-", source],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "ldtilecfg" in made.stdout
    assert "$77" in made.stdout

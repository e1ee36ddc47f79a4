"""The list of a repository's files, and what is said where there is none."""

from __future__ import annotations

import pytest

from backends.errors import ModelFetchError
from backends.files.hub_listing import is_reachable, list_repository
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.hub import serve_repository

TREE = "/api/models/a/b/tree/main?recursive=true"


@pytest.fixture(autouse=True)
def hub(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_hunter2")


async def failure() -> str:
    with pytest.raises(ModelFetchError) as caught:
        await list_repository("a/b")
    return str(caught.value)


async def test_all_pages_are_read(server: FileServer) -> None:
    serve_repository(server, "a/b", {f"m-{n}.gguf": n for n in range(7)}, page=3)
    found = await list_repository("a/b")
    assert [(one.path, one.bytes) for one in found] == [(f"m-{n}.gguf", n) for n in range(7)]
    assert {seen.headers["authorization"] for seen in server.gets} == {"bearer hf_hunter2"}


async def test_another_version_has_its_own_list(server: FileServer) -> None:
    serve_repository(server, "a/b", {"new.gguf": 1}, revision="v2")
    assert [one.path for one in await list_repository("a/b", "v2")] == ["new.gguf"]


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {"X-Error-Code": "RepoNotFound"}, "has no a/b, or it is private"),
        (403, {"X-Error-Code": "GatedRepo"}, "asks for its terms to be accepted"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "has no revision main"),
        (429, {"Retry-After": "30"}, "too many requests; try again in 30 s"),
        (429, {"Retry-After": "x" * 300}, "too many requests; try again later"),
        (500, {}, "answered 500"),
    ],
)
async def test_each_refusal_has_its_sentence(
    server: FileServer, status: int, headers: dict[str, str], said: str
) -> None:
    server.files[TREE] = ServedFile(status=status, headers=headers)
    assert said in await failure()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[" * 100_000, b"\xff"])
async def test_what_is_no_list_is_told(server: FileServer, body: bytes) -> None:
    server.files[TREE] = ServedFile(body)
    assert "sent no list" in await failure()


async def test_odd_rows_are_left_out(server: FileServer) -> None:
    server.files[TREE] = ServedFile(
        b'[1, {"type": "file"}, {"type": "file", "path": 3, "size": 1},'
        b' {"type": "file", "path": "a.gguf", "size": -1},'
        b' {"type": "file", "path": "b.gguf", "size": 5}]'
    )
    assert [one.path for one in await list_repository("a/b")] == ["b.gguf"]


async def test_a_list_that_goes_on_elsewhere_ends(server: FileServer) -> None:
    serve_repository(server, "a/b", {"a.gguf": 1})
    elsewhere = {"Link": '<http://localhost:9/api>; rel="next"'}
    server.files[TREE] = ServedFile(server.files[TREE].content, headers=elsewhere)
    assert len(await list_repository("a/b")) == 1


async def test_a_list_without_end_ends(server: FileServer) -> None:
    own = {"Link": f'<{server.url}{TREE}>; rel="next"'}
    server.files[TREE] = ServedFile(b"[]", headers=own)
    assert await list_repository("a/b") == []


async def test_a_hub_that_cannot_be_reached(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await is_reachable()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert not await is_reachable()
    assert "cannot be reached" in await failure()

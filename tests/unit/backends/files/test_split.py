"""Models that come in several files: fetched whole, listed as one, removed as one."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.base import EngineContext
from backends.errors import InvalidSource, ModelFetchError, ModelNotFound
from backends.files.gguf import check_gguf
from backends.files.sources import parse_source
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE, LlamaCppBackend, LlamaCppOptions
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.ggufs import split
from tests.fakes.model_files import failure, left_in
from tests.unit.backends.llama_cpp.asking import tell
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model

SOURCE = "hf:a/b/q4/tiny-00001-of-00003.gguf"


@dataclass(frozen=True)
class Part:
    """A file of a model in three parts."""

    name: str
    content: bytes = field(repr=False)

    @property
    def storage(self) -> str:
        return f"/storage/{self.name}"


def make_parts(folder: Path, layers: int) -> list[Part]:
    write_sliding_window_model(folder / "whole.gguf", layers=layers)
    paths = split(folder / "whole.gguf", folder, 3)
    return [Part(path.name, path.read_bytes()) for path in paths]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Part]:
    return make_parts(tmp_path_factory.mktemp("split"), 3)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> list[Part]:
    """Another model of the same name."""
    return make_parts(tmp_path_factory.mktemp("other"), 4)


@pytest.fixture(autouse=True)
def hub(server: FileServer, parts: list[Part], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    for part in parts:
        serve(server, part.name, part.content)


def serve(server: FileServer, name: str, content: bytes) -> None:
    storage = {
        "X-Repo-Commit": "c" * 40,
        "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
        "Location": f"/storage/{name}",
    }
    server.files[f"/a/b/resolve/main/q4/{name}"] = ServedFile(status=302, headers=storage)
    server.files[f"/storage/{name}"] = ServedFile(content)


def digest_of(parts: list[Part]) -> str:
    return hashlib.sha256(b"".join(part.content for part in parts)).hexdigest()


async def test_all_parts_are_fetched_listed_as_one_and_removed_as_one(
    store: ModelStore, parts: list[Part]
) -> None:
    seen: list[tuple[int, int | None]] = []
    path = await store.fetch_async(SOURCE, progress=lambda *told: seen.append(told))
    assert path.name == parts[0].name
    assert left_in(store) == {part.name for part in parts}
    assert (await asyncio.to_thread(check_gguf, path)).tensors == 41
    size = sum(len(part.content) for part in parts)
    assert seen[-1] == (size, size)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    (model,) = await asyncio.to_thread(store.list)
    assert (model.source, model.bytes, model.sha256) == (SOURCE, size, digest_of(parts))
    assert await asyncio.to_thread(store.path, SOURCE, model.sha256) == path
    assert await asyncio.to_thread(store.remove, SOURCE)
    assert left_in(store) == set()
    assert await asyncio.to_thread(store.list) == []


async def test_nothing_is_usable_until_all_is_here_and_the_next_pull_goes_on(
    store: ModelStore, server: FileServer, parts: list[Part]
) -> None:
    server.fail.extend([0, 10**9, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0])  # the second part breaks off
    await failure(store, SOURCE)
    with pytest.raises(ModelNotFound, match="has not been fetched"):
        await asyncio.to_thread(store.path, SOURCE)
    assert await asyncio.to_thread(store.list) == []
    server.fail.clear()
    server.seen.clear()
    path = await store.fetch_async(SOURCE)
    assert (await asyncio.to_thread(check_gguf, path)).parts == 3
    ranges = [seen.headers.get("range") for seen in server.gets if "storage" in seen.path]
    assert ranges == [f"bytes={len(parts[0].content)}-", "bytes=1000-", None]


async def test_a_folder_that_fails_for_one_part_is_named_as_the_one_of_all_models(
    store: ModelStore, server: FileServer
) -> None:
    server.fail.extend([0, 10**9, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0])  # the second part breaks off
    await failure(store, SOURCE)
    server.fail.clear()
    for left in list(
        store.root.glob(".work/*/00002/*")
    ):  # in whose places the third part finds folders
        (left.parents[1] / "00003" / left.name).mkdir(parents=True)
    assert f"The model folder {store.root} cannot be used" in await failure(store, SOURCE)


async def test_a_part_of_another_model_is_thrown_away_with_one_sentence(
    store: ModelStore, server: FileServer, parts: list[Part], other: list[Part]
) -> None:
    serve(server, parts[1].name, other[1].content)
    with pytest.raises(ModelNotFound, match=r"^Part 2 of 3 of hf:a/b/q4/\S+ belongs to another"):
        await store.fetch_async(SOURCE)
    assert left_in(store) == set()


async def test_a_part_that_differs_from_the_hubs_digest_is_fetched_again_alone(
    store: ModelStore, server: FileServer, parts: list[Part]
) -> None:
    server.files[parts[1].storage] = ServedFile(b"GGUF" + bytes(2000))
    assert "was expected" in await failure(store, SOURCE)
    serve(server, parts[1].name, parts[1].content)
    server.seen.clear()
    await store.fetch_async(SOURCE, digest_of(parts))
    first = [seen for seen in server.gets if seen.path == parts[0].storage]
    assert [seen.headers.get("range") for seen in first] == [f"bytes={len(parts[0].content)}-"]


async def test_the_digest_of_a_configuration_is_that_of_all_parts(
    store: ModelStore, parts: list[Part]
) -> None:
    wrong = hashlib.sha256(parts[0].content).hexdigest()
    with pytest.raises(ModelFetchError, match="was expected; it was thrown away"):
        await store.fetch_async(SOURCE, wrong)
    assert left_in(store) == set()


async def test_a_lost_part_is_missed_and_healed(store: ModelStore, parts: list[Part]) -> None:
    path = await store.fetch_async(SOURCE)
    await asyncio.to_thread(path.with_name(parts[2].name).unlink)
    with pytest.raises(ModelNotFound, match="has not been fetched"):
        await asyncio.to_thread(store.path, SOURCE)
    await store.fetch_async(SOURCE)
    assert (await asyncio.to_thread(check_gguf, path)).parts == 3


async def test_parts_come_from_any_web_server(
    store: ModelStore, server: FileServer, parts: list[Part]
) -> None:
    for part in parts:
        server.files[f"{part.storage}?download=true"] = ServedFile(part.content)
    path = await store.fetch_async(f"url:{server.url}{parts[0].storage}?download=true")
    assert [seen.path.rpartition("?")[2] for seen in server.gets] == ["download=true"] * 3
    assert (await asyncio.to_thread(check_gguf, path)).parts == 3


def test_a_local_model_names_the_part_that_is_missing(
    store: ModelStore, parts: list[Part], tmp_path: Path
) -> None:
    for part in parts[:2]:
        (tmp_path / part.name).write_bytes(part.content)
    with pytest.raises(ModelNotFound, match=r"00003-of-00003\.gguf, part 3 of 3; check the path"):
        store.path(f"file:{tmp_path / parts[0].name}")


@pytest.mark.parametrize("kind", ["hf:a/b/", "url:https://host/b/", "file:b/", "pypi:a==1#b/"])
def test_a_model_is_named_by_its_first_part(kind: str) -> None:
    assert str(parse_source(f"{kind}m-00001-of-00002.gguf")).endswith("m-00001-of-00002.gguf")
    with pytest.raises(InvalidSource, match=r"name its first part, m-00001-of-00002\.gguf"):
        parse_source(f"{kind}m-00002-of-00002.gguf")


@pytest.mark.may_block
async def test_a_model_in_parts_answers_as_the_whole_one_does(
    store: ModelStore, tmp_path: Path
) -> None:
    """It writes the files, and may block for that."""
    write_sliding_window_model(tmp_path / "whole.gguf")
    first = split(tmp_path / "whole.gguf", tmp_path, 3)[0]
    answers = []
    for path in (first, tmp_path / "whole.gguf"):
        options = LlamaCppOptions(source=f"file:{path}", context=256, n_threads=1)
        backend = ENGINE.create("tiny", options, EngineContext(store, lambda _: None))
        assert isinstance(backend, LlamaCppBackend)
        letters = dict.fromkeys(range(64, 90), 40.0)
        answers.append((await tell(backend, "Hello!", logit_bias=letters)).text)
        assert (await backend.capabilities()).parameters > 15_000
        await backend.aclose()
    assert answers[0] == answers[1] != ""

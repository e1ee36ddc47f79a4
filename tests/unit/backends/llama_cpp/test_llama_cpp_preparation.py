"""Copies of model files that are faster here: when they are made, used and removed."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from backends.base import EngineContext
from backends.errors import ModelNotFound
from backends.files.gguf import read_head
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE, LlamaCppBackend, LlamaCppOptions
from backends.llama_cpp.native import start_library
from backends.llama_cpp.native_library import lib
from backends.llama_cpp.preparation import find_prepared, prepare_file
from tests.unit.backends.llama_cpp.asking import tell
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model
from tests.until import until

Q4_1, Q8_0 = 3, 8

pytestmark = pytest.mark.may_block
"""They write files, and may block for that."""


@pytest.fixture(scope="module")
def slow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose matrices are in Q4_1."""
    folder = tmp_path_factory.mktemp("slow")
    whole, made = folder / "whole.gguf", folder / "tiny.Q4_1.gguf"
    write_sliding_window_model(whole)
    start_library()
    params = lib.llama_model_quantize_default_params()
    params.ftype, params.nthread = 3, 1
    assert (
        lib.llama_model_quantize(os.fsencode(whole), os.fsencode(made), ctypes.byref(params)) == 0
    )
    return made


@pytest.fixture
def original(slow_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy2(slow_file, tmp_path))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


def options(path: Path, **more: object) -> LlamaCppOptions:
    return LlamaCppOptions.model_validate(
        {"source": f"file:{path}", "context": 128, "n_threads": 1, "prepare": "q8_0", **more}
    )


@pytest.fixture
async def backend(original: Path, store: ModelStore) -> AsyncIterator[LlamaCppBackend]:
    made = ENGINE.create("tiny", options(original), EngineContext(store, lambda _: None))
    assert isinstance(made, LlamaCppBackend)
    yield made
    await made.aclose()


async def prepare_copy(path: Path, store: ModelStore) -> Path:
    prepared = await prepare_file(options(path), store)
    assert prepared is not None
    assert prepared.kept
    copy = find_prepared(path, options(path))
    assert copy is not None
    return copy


def list_files(beside: Path, pattern: str) -> list[Path]:
    return list(beside.parent.glob(pattern))


def make_unknown(path: Path) -> None:
    """Name an architecture that no llama.cpp knows."""
    path.write_bytes(path.read_bytes().replace(b"gemma3", b"gemmaX", 1))


def opened(folder: Path) -> set[str]:
    """The model files of a folder that this process has mapped."""
    maps = psutil.Process().memory_maps()
    return {Path(one.path).name for one in maps if Path(one.path).parent == folder}


async def test_a_copy_has_the_bits_and_is_what_is_loaded(
    original: Path, store: ModelStore, backend: LlamaCppBackend
) -> None:
    copy = await prepare_copy(original, store)
    assert read_head(original).matrix_types >= {Q4_1}
    assert read_head(copy).matrix_types == {Q8_0}
    assert (await tell(backend, "Hello!")).finish in ("stop", "length")
    assert opened(original.parent) == {copy.name}
    assert not list_files(original, "*.partial")


async def test_what_was_timed_is_decided_once(original: Path, store: ModelStore) -> None:
    wanted = options(original, prepare="auto")
    decided = await prepare_file(wanted, store)
    assert decided is not None
    assert min(decided.together, decided.alone, decided.reading) > 0
    assert decided.kept == (find_prepared(original, wanted) is not None)
    assert decided.kept == (decided.why == "")
    (written,) = list_files(original, "*.prepared-*.json")
    before = written.stat().st_mtime_ns
    assert await prepare_file(wanted, store) == decided
    assert written.stat().st_mtime_ns == before


async def test_no_copy_is_made_unasked_or_with_fewer_bits(
    original: Path, store: ModelStore
) -> None:
    assert await prepare_file(options(original, prepare="never"), store) is None
    whole = original.with_name("whole.gguf")
    write_sliding_window_model(whole)  # 32 bits
    assert await prepare_file(options(whole), store) is None
    assert await prepare_file(options(original, embeddings=True), store) is None
    assert not list_files(original, "*.prepared-*")
    with pytest.raises(ModelNotFound):
        await prepare_file(options(original.with_name("gone.gguf")), store)


async def test_a_file_that_has_changed_is_prepared_again(original: Path, store: ModelStore) -> None:
    first = await prepare_copy(original, store)
    os.utime(original, (1, 1))
    assert find_prepared(original, options(original)) is None
    second = await prepare_copy(original, store)
    assert second != first
    assert not first.exists()
    assert not first.with_suffix(".json").exists()


async def test_a_damaged_copy_is_passed_over(
    original: Path, store: ModelStore, backend: LlamaCppBackend
) -> None:
    copy = await prepare_copy(original, store)
    os.truncate(copy, 1000)
    assert (await tell(backend, "Hello!")).finish in ("stop", "length")
    assert opened(original.parent) == {original.name}


async def test_a_file_on_which_llama_cpp_fails_is_used_as_it_came(
    original: Path, store: ModelStore
) -> None:
    make_unknown(original)
    prepared = await prepare_file(options(original), store)
    assert prepared is not None
    assert not prepared.kept
    assert "could not prepare a copy" in prepared.describe("tiny")
    assert not list_files(original, "*.partial")
    assert not list_files(original, "*.prepared-*.gguf")


def _preparing() -> list[psutil.Process]:
    """The children that prepare a copy; this process may have others."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            ended = child.status() == psutil.STATUS_ZOMBIE
            if not ended and any("preparation_child" in word for word in child.cmdline()):
                found.append(child)
    return found


async def test_a_process_that_was_killed_leaves_nothing_that_is_used(
    original: Path, store: ModelStore
) -> None:
    task = asyncio.create_task(prepare_file(options(original, prepare="auto"), store))
    child = None
    while child is None and not task.done():
        await asyncio.sleep(0.01)
        child = next(iter(_preparing()), None)
    assert child is not None
    with suppress(psutil.NoSuchProcess):
        child.send_signal(signal.SIGKILL)
    prepared = await task
    assert prepared is not None
    assert "SIGKILL" in prepared.why
    assert find_prepared(original, options(original, prepare="auto")) is None
    await prepare_copy(original, store)


async def test_a_cancelled_preparation_ends_its_process(original: Path, store: ModelStore) -> None:
    task = asyncio.create_task(prepare_file(options(original, prepare="auto"), store))
    await until(_preparing)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not _preparing()
    assert not list_files(original, "*.prepared-*.gguf")


async def test_two_at_once_make_one_copy(original: Path, store: ModelStore) -> None:
    both = await asyncio.gather(*(prepare_file(options(original), store) for _ in range(2)))
    assert both[0] == both[1]
    assert len(list_files(original, "*.gguf")) == 2

"""`parlance models use`, `pull`, `remove` and `list`: from a name to a model that answers."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from typer.testing import CliRunner, Result

from backends.llama_cpp.native_library import lib
from bot.cli import app
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.hub import serve_repository
from tests.fakes.ollama import OllamaServer
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model
from tests.until import PATIENCE_S

WRITTEN = """\
# Ours.
models:
  default: {backend: scripted}   # for now
  embedder: {backend: scripted}

default_model: default  # who answers
embedder: embedder
models_dir: store
"""
WHOLE = 10**9

S = TypeVar("S", FileServer, OllamaServer)


@contextmanager
def beside(server: S) -> Iterator[S]:
    """A server on a loop of its own, in a thread: the command has the main thread."""
    started, end = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with server:
            started.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(PATIENCE_S)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    write_sliding_window_model(path)
    return path.read_bytes()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FileServer]:
    with beside(FileServer()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(WRITTEN, "utf-8")
    return path


def quantised(model: bytes, folder: Path) -> bytes:
    """The model in Q4_1."""
    whole, made = folder / "whole.gguf", folder / "made.gguf"
    whole.write_bytes(model)
    params = lib.llama_model_quantize_default_params()
    params.ftype, params.nthread = 3, 1
    assert lib.llama_model_quantize(bytes(whole), bytes(made), ctypes.byref(params)) == 0
    return made.read_bytes()


def models(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments, "--config", str(config)])


def test_a_repository_becomes_the_default_model(config: Path, hub: FileServer, tiny: bytes) -> None:
    serve_repository(hub, "a/Tiny-GGUF", {"Tiny-Q4_K_M.gguf": tiny, "Tiny-F16.gguf": 10**12})
    at = len(tiny) * 9 // 10
    hub.fail.extend([WHOLE, WHOLE, at])
    used = models(config, "use", "hf:a/Tiny-GGUF")
    assert used.exit_code == 0, used.output
    assert f"bytes={at}-" in [seen.headers.get("range") for seen in hub.gets]
    assert "tiny answers here: loaded in" in used.stdout
    assert "`parlance run` starts with it." in used.stdout
    text = config.read_text()
    assert text.startswith("# Ours.\nmodels:\n  default: {backend: scripted}   # for now\n")
    assert "  # Added by `parlance models use hf:a/Tiny-GGUF` on " in text
    written = yaml.safe_load(text)
    assert written["default_model"] == "tiny"
    assert written["models"]["tiny"] == {
        "backend": "llama_cpp",
        "source": "hf:a/Tiny-GGUF/Tiny-Q4_K_M.gguf",
        "context": 4096,
    }
    (copy,) = config.parent.glob("config.yaml.*.bak")
    assert copy.read_text() == WRITTEN

    assert models(config, "use", "hf:a/Tiny-GGUF", "--no-trial").exit_code == 0
    assert yaml.safe_load(config.read_text()) == written
    assert "tiny" in models(config, "list").stdout
    removed = models(config, "remove", "hf:a/Tiny-GGUF")
    assert removed.stdout == "hf:a/Tiny-GGUF/Tiny-Q4_K_M.gguf: removed.\n"
    again = models(config, "pull", "hf:a/Tiny-GGUF")
    assert "hf:a/Tiny-GGUF: " in again.stdout


def test_a_path_and_a_model_of_ollama(
    config: Path, tiny: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = config.parent / "own.gguf"
    own.write_bytes(tiny)
    with beside(OllamaServer()) as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url.removeprefix("http://"))
        assert models(config, "use", str(own)).exit_code == 0
        assert models(config, "use", "ollama:fresh").exit_code == 0
        absent = models(config, "use", "ollama:nothing")
    written = yaml.safe_load(config.read_text())
    assert written["models"]["own"]["source"] == f"file:{own}"
    assert written["models"]["fresh"] == {
        "backend": "ollama", "url": ollama.url, "model": "fresh",
    }  # fmt: skip
    assert written["default_model"] == "fresh"
    assert "no model 'nothing'" in str(absent.exception)


def test_where_no_models_are_written_down_those_that_ship_stay(config: Path, tiny: bytes) -> None:
    config.write_text("models_dir: store\n")
    own = config.parent / "own.gguf"
    own.write_bytes(tiny)
    assert models(config, "use", str(own), "--no-trial").exit_code == 0
    assert list(yaml.safe_load(config.read_text())["models"]) == ["default", "minilm", "own"]


def test_what_goes_wrong_changes_nothing(config: Path, hub: FileServer, tiny: bytes) -> None:
    serve_repository(hub, "a/huge", {"m-Q4_K_M.gguf": 10**13})
    serve_repository(hub, "a/page", {"m-Q4_K_M.gguf": b"<html>" * 100})
    hub.files["/api/models/a/late/tree/main?recursive=true"] = ServedFile(status=429)
    hub.files["/api/models/a/mine/tree/main?recursive=true"] = ServedFile(status=401)
    for name, said in {
        "hf:a/huge": "No file of a/huge fits",
        "hf:a/page": "is not a GGUF file",
        "hf:a/late": "too many requests",
        "hf:a/mine": "or it is private",
        "qwen3-4c": "Did you mean qwen3-4b?",
        "./nothing.gguf": "There is no file",
        "embeder": "Did you mean embedder?",
    }.items():
        ended = models(config, "use", name)
        assert said in str(ended.exception), name
        assert ended.exit_code == 1
    assert config.read_text() == WRITTEN
    assert not list(config.parent.glob("*.bak"))


def test_what_is_listed_says_whether_it_fits(config: Path) -> None:
    rows = models(config, "list", "--json")
    assert '"fits": true' in rows.stdout
    assert '"fits": null' in rows.stdout  # of what has no known size


def test_a_file_is_prepared_when_it_is_pulled_and_removed_with_its_copy(
    config: Path, hub: FileServer, tiny: bytes
) -> None:
    serve_repository(hub, "acme/Tiny-GGUF", {"tiny-Q4_1.gguf": quantised(tiny, config.parent)})
    entry = {"backend": "llama_cpp", "source": "hf:acme/Tiny-GGUF/tiny-Q4_1.gguf"}
    written = yaml.safe_load(WRITTEN)
    written["models"]["tiny"] = {**entry, "context": 128, "prepare": "q8_0"}
    config.write_text(yaml.safe_dump(written), "utf-8")
    pulled = models(config, "pull", "tiny")
    assert pulled.exit_code == 0, pulled.output
    assert "Prepared a copy of tiny as configured: +0 MB on disk and in memory." in pulled.output
    (folder,) = (config.parent / "store" / "hf").rglob("tiny-Q4_1.gguf")
    copies = list(folder.parent.glob("*.prepared-*.gguf"))
    assert len(copies) == 1
    assert models(config, "remove", "tiny").exit_code == 0
    assert not list((config.parent / "store" / "hf").rglob("*.gguf"))

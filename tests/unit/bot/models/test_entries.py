"""From a reference to an entry of config.yaml, with a hub on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backends.errors import ModelFetchError
from backends.pool.spec import ModelSpec
from bot.errors import Refused
from bot.models.entries import ModelEntry, find_entry, find_served
from bot.models.local_machine import LocalMachine
from bot.models.references import read_reference
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.hub import serve_repository

GB = 10**9
LARGE = LocalMachine(cores=8, memory_bytes=64 * GB, disk_bytes=500 * GB)
SMALL = LocalMachine(cores=2, memory_bytes=4 * GB, disk_bytes=3 * GB)


async def entry(text: str, machine: LocalMachine = LARGE, *names: str) -> ModelEntry:
    spec = ModelSpec.model_validate({"backend": "scripted"})
    reference = await asyncio.to_thread(read_reference, text)  # it may be a path
    return await find_entry(reference, dict.fromkeys(names, spec), machine)


async def refusal(text: str, machine: LocalMachine = LARGE) -> str:
    with pytest.raises((Refused, ModelFetchError)) as caught:
        await entry(text, machine)
    return str(caught.value)


async def test_a_model_of_the_catalogue() -> None:
    found = await entry("qwen3-4b")
    assert (found.name, found.licence) == ("qwen3-4b", "Apache-2.0")
    assert found.source == "hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"
    assert found.spec.engine_model_names == (found.source,)
    assert "searches documents" in await refusal("minilm-l6-v2-int8")


async def test_a_repository_gives_the_file_that_fits(hub: FileServer) -> None:
    sizes = {"Q8_0": 9 * GB, "Q4_K_M": 5 * GB, "Q2_K": 2 * GB}
    serve_repository(hub, "a/Big-GGUF", {f"Big-{name}.gguf": size for name, size in sizes.items()})
    assert (await entry("hf:a/Big-GGUF")).source == "hf:a/Big-GGUF/Big-Q4_K_M.gguf"
    small = await entry("hf:a/Big-GGUF", SMALL)
    assert (small.name, small.source) == ("big", "hf:a/Big-GGUF/Big-Q2_K.gguf")
    assert (await entry("hf:a/Big-GGUF:q8_0")).bytes == 9 * GB
    assert "has no Q6_K; it has: Q2_K, Q8_0, Q4_K_M." in await refusal("hf:a/Big-GGUF:Q6_K")
    assert "needs about 10.4 GB of memory" in await refusal("hf:a/Big-GGUF:Q8_0", SMALL)


async def test_parts_are_taken_together(hub: FileServer) -> None:
    parts = {f"Q4_K_M/m-Q4_K_M-{n:05}-of-00003.gguf": GB for n in (1, 2, 3)}
    serve_repository(hub, "a/b", parts)
    found = await entry("hf:a/b")
    assert found.source == "hf:a/b/Q4_K_M/m-Q4_K_M-00001-of-00003.gguf"
    assert found.bytes == 3 * GB


async def test_what_does_not_fit_is_refused_before_anything_is_fetched(hub: FileServer) -> None:
    serve_repository(hub, "a/b", {"m-Q4_K_M.gguf": 40 * GB, "m-Q2_K.gguf": 20 * GB})
    tight = LocalMachine(cores=2, memory_bytes=64 * GB, disk_bytes=1 * GB)
    assert "the smallest needs about 22.5 GB" in await refusal("hf:a/b", SMALL)
    assert "needs 40.0 GB on the disk, and 1.0 GB are free" in await refusal("hf:a/b", tight)
    assert all("/resolve/" not in seen.path for seen in hub.seen)
    loose = await find_entry(read_reference("hf:a/b:Q4_K_M"), {}, SMALL, strict=False)
    assert loose.bytes == 40 * GB


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ServedFile(status=401), "has no a/b, or it is private"),
        (ServedFile(status=403, headers={"X-Error-Code": "GatedRepo"}), "asks for its terms"),
        (ServedFile(status=404), "has no a/b, or it is private"),
        (ServedFile(status=429), "too many requests"),
        (ServedFile(b"[]"), "a/b has no GGUF file"),
    ],
)
async def test_what_the_hub_refuses_is_one_sentence(
    hub: FileServer, answer: ServedFile, said: str
) -> None:
    hub.files["/api/models/a/b/tree/main?recursive=true"] = answer
    assert said in await refusal("hf:a/b")


async def test_files_and_servers(tmp_path: Path) -> None:
    file = tmp_path / "My-Q4_0.gguf"
    file.touch()
    assert (await entry(str(file))).values == {"backend": "llama_cpp", "source": f"file:{file}"}
    assert (await entry("ollama:qwen3:4b")).values == {
        "backend": "ollama", "url": "http://127.0.0.1:11434", "model": "qwen3:4b",
    }  # fmt: skip
    assert (await entry("http://127.0.0.1:8080/v1#m")).values == {
        "backend": "openai_compatible", "url": "http://127.0.0.1:8080/v1", "model": "m",
    }  # fmt: skip
    assert "is no GGUF file" in await refusal("hf:a/b/model.safetensors")


async def test_a_name_that_is_taken_gets_a_number() -> None:
    assert (await entry("ollama:qwen3:4b", LARGE, "qwen3-4b", "qwen3-4b-2")).name == "qwen3-4b-3"


def test_a_model_that_has_an_entry_is_found_by_what_it_is() -> None:
    values = {
        "mine": {"backend": "llama_cpp", "source": "hf:a/b/m-Q4_K_M.gguf"},
        "old": {"backend": "llama_cpp", "source": "hf:a/b/m-Q8_0.gguf@v1"},
        "team": {"backend": "ollama", "model": "qwen3:latest"},
        "four": {"backend": "llama_cpp", "source": "hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"},
    }
    specs = {name: ModelSpec.model_validate(value) for name, value in values.items()}

    def served(text: str) -> str | None:
        return find_served(read_reference(text, specs), specs)

    assert [served(text) for text in ("mine", "qwen3-4b", "ollama:qwen3")] == [
        "mine", "four", "team",
    ]  # fmt: skip
    assert [served(text) for text in ("hf:a/b", "hf:a/b@v1", "hf:a/b:Q8_0", "hf:a/b/m-Q4_K_M.gguf")
            ] == ["mine", "old", None, "mine"]  # fmt: skip

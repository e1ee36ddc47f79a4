from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from backends.errors import InvalidSource, ModelNotFound
from backends.files.catalog import BETTER_MODELS, CATALOG, DEFAULT_MODELS
from backends.files.catalog_lookup import find_files, find_model
from backends.files.sources import HubSource, PypiSource, parse_source


def test_every_source_can_be_read_and_every_name_is_one_word() -> None:
    names = [model.name for model in CATALOG]
    assert len(set(names)) == len(names)
    for model in CATALOG:
        assert re.fullmatch(r"[a-z0-9.-]+", model.name)
        assert model.summary.endswith(".")
        assert model.memory_mb * 1e6 > sum(file.bytes or 0 for file in model.files)
        for file in model.files:
            assert str(parse_source(file.source)) == file.source


def test_the_defaults_need_no_hub_and_are_verified() -> None:
    for model in DEFAULT_MODELS:
        assert model.default
        for file in model.files:
            assert isinstance(parse_source(file.source), PypiSource)
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256 or "")
            assert file.bytes
    assert "often wrong" in DEFAULT_MODELS[0].summary


def test_better_chat_models_are_named_by_size_with_two_places_to_get_them() -> None:
    assert len(BETTER_MODELS) >= 4
    assert all(isinstance(parse_source(m.files[0].source), HubSource) for m in BETTER_MODELS)
    assert all(model.ollama for model in BETTER_MODELS)
    sizes = [model.memory_mb for model in BETTER_MODELS]
    assert sizes == sorted(sizes)


ARCHITECTURES = {
    **{"granite": "granite", "gemma3": "gemma3", "gemma4": "gemma4", "gpt-oss": "gpt-oss"},
    **{"llama3": "llama", "mistral3": "mistral3", "phi3": "phi3", "qwen2": "qwen2"},
    **{"qwen3": "qwen3", "qwen35": "qwen35", "smollm2": "llama"},
}
"""What llama.cpp calls the models of each family."""


def test_this_llama_cpp_knows_the_architecture_of_every_chat_model() -> None:
    found = importlib.util.find_spec("llama_cpp")
    assert found is not None
    assert found.origin is not None
    library = min(Path(found.origin).parent.joinpath("lib").glob("libllama.*"))
    known = library.read_bytes()
    for model in CATALOG:
        if model.purpose == "chat":
            assert ARCHITECTURES[model.family].encode() + b"\0" in known, model.name
    assert b"no-such-architecture\0" not in known


def test_every_model_says_its_licence_and_languages() -> None:
    for model in CATALOG:
        assert model.licence
        assert model.languages
    assert any(model.vision for model in BETTER_MODELS)
    assert any(model.tools and not model.vision for model in BETTER_MODELS)


def test_names_and_sources_lead_to_files() -> None:
    assert len(find_files("MiniLM-L6-v2-int8")) == 2
    chat = DEFAULT_MODELS[0].files[0]
    assert find_files(chat.source) == (chat,)  # with its digest
    (other,) = find_files("hf:a/b/c.gguf")
    assert (other.source, other.sha256) == ("hf:a/b/c.gguf", None)
    assert find_model("no such") is None


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ModelNotFound, match=r"did you mean qwen3-4b\?$"):
        find_files("qwen34b")
    with pytest.raises(ModelNotFound, match=r"known are smollm2-135m, "):
        find_files("zzz")
    with pytest.raises(InvalidSource):
        find_files("hf:incomplete")

"""What the documentation says to write into config.yaml can be written there."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends.base import EngineContext
from backends.onnx.families import FAMILIES
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec
from backends.registry import ENGINE_MODULES, load_engines
from bot.config import Config, load
from tests.fakes.contexts import NoFiles

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODELS = (ROOT / "docs" / "models.md").read_text("utf-8")
ENGINES = load_engines(ENGINE_MODULES)
DOCUMENTED = ("llama_cpp", "ollama", "openai_compatible", "gpt4all", "onnx")
_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"^  # (\w+: \{backend: .*\})$", re.MULTILINE)


def blocks(text: str) -> list[str]:
    """The blocks of YAML on a page that are parts of config.yaml."""
    found = []
    for block in _BLOCK.findall(text):
        written = yaml.safe_load(block)
        if isinstance(written, dict) and set(written) & set(Config.model_fields):
            found.append(block)
    return found


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for key, value in more.items():
        old = both.get(key)
        nested = isinstance(old, dict) and isinstance(value, dict) and key != "replicas"
        both[key] = merged(old, value) if nested else value  # type: ignore[arg-type]
    return both


def serve(folder: Path, written: Mapping[str, Any]) -> Config:
    """Reads the repository's config.yaml with something added, and makes the pool of its models."""
    shipped_file = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(merged(shipped_file, written)))
    config = load(path, {})
    Pool(config.models, ENGINES, EngineContext(NoFiles(), lambda _: None), config.pool_limits)
    return config


EVERY = [(page.name, block) for page in PAGES for block in blocks(page.read_text("utf-8"))]


@pytest.mark.parametrize(
    ("page", "block"), EVERY, ids=[f"{page}-{n}" for n, (page, _) in enumerate(EVERY)]
)
def test_every_block_of_yaml_is_a_working_part_of_config_yaml(
    tmp_path: Path, page: str, block: str
) -> None:
    written = yaml.safe_load(block)
    if page in ("configuration.md", "discord.md"):  # they name a model and a base of elsewhere
        written = merged(
            {"models": {"team": {"backend": "scripted"}}, "knowledge": {"bases": {"handbook": {}}}},
            written,
        )
    serve(tmp_path, written)


def test_a_block_that_would_not_work_is_found(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="colour"):
        serve(tmp_path, {"models": {"x": {"backend": "ollama", "model": "y", "colour": "red"}}})
    assert len(blocks(MODELS)) >= 9


def test_the_examples_in_config_yaml_work(tmp_path: Path) -> None:
    found = _EXAMPLE.findall((ROOT / "config.yaml").read_text("utf-8"))
    assert len(found) >= 4
    written = {key: value for line in found for key, value in yaml.safe_load(line).items()}
    serve(tmp_path, {"models": written})


@pytest.mark.parametrize("engine", DOCUMENTED)
def test_every_key_of_an_engine_is_on_the_page(engine: str) -> None:
    named = set(re.findall(r"`([a-z_0-9]+)`", MODELS))
    assert set(ENGINES[engine].options.model_fields) - named == set()


def test_what_stands_before_texts_is_on_the_page() -> None:
    page = MODELS.replace("\\|", "|")
    for family in FAMILIES:
        for prefix in (family.query_prefix, family.passage_prefix):
            first = prefix.partition(" Given")[0].rstrip(":")
            assert not prefix.isascii() or f"`{first}" in page, family.name


def test_every_key_of_a_model_is_on_the_page() -> None:
    named = set(re.findall(r"`([a-z_0-9]+)`", MODELS))
    assert set(ModelSpec.model_fields) - {"inline"} - named == set()


def test_a_switch_that_yaml_reads_as_no_is_understood(tmp_path: Path) -> None:
    config = serve(
        tmp_path,
        yaml.safe_load("models: {q: {backend: llama_cpp, source: 'file:x', thinking: off}}"),
    )
    assert config.models["q"].thinking == "off"


FAMILY_PAGES = sorted((ROOT / "docs" / "models").glob("*.md"))


def test_this_llama_cpp_knows_the_architectures_of_every_family_page() -> None:
    found = importlib.util.find_spec("llama_cpp")
    assert found is not None
    assert found.origin is not None
    library = min(Path(found.origin).parent.joinpath("lib").glob("libllama.*")).read_bytes()
    assert len(FAMILY_PAGES) == 13
    for page in FAMILY_PAGES:
        assert f"models/{page.name}" in MODELS
        (row,) = re.findall(r"^\| runs as \| ([^|]*) \|", page.read_text("utf-8"), re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row):
            assert name.encode() + b"\0" in library, f"{page.name}: {name}"

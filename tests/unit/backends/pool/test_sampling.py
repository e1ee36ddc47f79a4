"""Who decides how a model is sampled: request, entry, file, catalogue, engine, in this order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends.base import Capabilities, ChatMessage, ChatRequest, Intent, Sampling
from backends.errors import InvalidRequest
from backends.files.catalog import CHAT_FILE
from backends.files.catalog_lookup import find_model_sampling
from backends.files.family_sampling import _FAMILIES
from backends.files.gguf import GgufHead
from backends.llama_cpp.metadata import recommended_sampling
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.sampling import resolve_settings
from backends.pool.pool import Pool
from backends.pool.sampling import SamplingDefaults, fill_recommended, limit_answer
from backends.pool.spec import ModelSpec, PoolLimits
from backends.registry import load_engines
from bot.config.root import Config
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer
from tests.fakes.openai import OpenAIServer

ENGINES = load_engines(["ollama", "openai_compatible"])
REPOSITORY = Path(__file__).parents[4]


@asynccontextmanager
async def pool_of(**entry: Any) -> AsyncIterator[Pool]:
    pool = Pool({"m": ModelSpec.model_validate(entry)}, ENGINES, bare_context(), PoolLimits())
    try:
        await pool.capabilities("m")  # as every skill does before it asks
        yield pool
    finally:
        await pool.aclose()


async def ask(pool: Pool, sampling: Sampling) -> None:
    request = ChatRequest((ChatMessage("user", "hello"),), sampling)
    async with aclosing(pool.chat("m", request)) as stream:
        async for _ in stream:
            pass


@pytest.mark.parametrize(
    ("name", "thinks", "expected"),
    [
        ("qwen3:4b", True, Sampling(temperature=0.6, top_p=0.95, top_k=20, min_p=0.0)),
        ("qwen3:4b", False, Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.0)),
        (
            "hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf",
            False,
            Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.0),
        ),
        (
            "Qwen3-Coder-30B-A3B-Instruct",
            False,
            Sampling(temperature=0.7, top_p=0.8, top_k=20, repeat_penalty=1.05),
        ),
        ("gemma3:4b", False, Sampling(temperature=1.0, top_p=0.95, top_k=64)),
        ("google_gemma-3-12b-it-Q4_K_M", False, Sampling(temperature=1.0, top_p=0.95, top_k=64)),
        ("openai/gpt-oss-20b", True, Sampling(temperature=1.0, top_p=1.0)),
        ("gptoss", True, Sampling(temperature=1.0, top_p=1.0)),
        ("llama3.1:8b", False, Sampling(temperature=0.6, top_p=0.9)),
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", False, Sampling(temperature=0.6, top_p=0.9)),
        ("mistral-small3.2", False, Sampling(temperature=0.15)),
        ("Mistral-Small-24B-Instruct-2501", False, Sampling(temperature=0.15)),
        ("DeepSeek-R1-0528-Qwen3-8B", True, Sampling(temperature=0.6, top_p=0.95)),
        ("Phi-4-reasoning-plus", True, Sampling(temperature=0.8, top_k=50, top_p=0.95)),
        ("LFM2-1.2B", False, Sampling(temperature=0.3, min_p=0.15, repeat_penalty=1.05)),
    ],
)
def test_a_family_is_sampled_as_its_maker_says(name: str, thinks: bool, expected: Sampling) -> None:
    able = Capabilities(thinking=thinks, family="words")
    assert fill_recommended(Sampling(), able, [name]) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("hermes-3-llama-3.1-8b", "granite-3.3-8b-instruct", "phi-4", "llama2:7b", "llama"),
        *("qwen3.5:4b", "qwen3-vl:8b", "gemma-3n-E4B-it", "mistral:7b", "qwen2.5:7b", "smollm2"),
        *("SmolLM2-1.7B-Instruct-Q4_K_M.gguf", "lfm2.5-8b", ""),
    ],
)
def test_nothing_is_made_up_where_a_maker_says_nothing(name: str) -> None:
    assert fill_recommended(Sampling(), Capabilities(family=name), [name]) == Sampling()


def test_every_family_says_where_it_was_read() -> None:
    assert all(found.source.startswith("https://") for _, found in _FAMILIES)


def test_an_answer_held_to_a_form_and_a_model_that_may_not_think_take_the_other_numbers() -> None:
    able = Capabilities(thinking=True)
    held = Sampling(json_schema={"type": "object"})
    assert fill_recommended(held, able, ["qwen3:4b"]).top_p == 0.8
    assert fill_recommended(Sampling(), able, ["qwen3:4b"], may_think=False).top_p == 0.8


def test_the_request_goes_before_the_entry_the_entry_before_the_file_the_file_before_the_family(
) -> None:  # fmt: skip
    entry = SamplingDefaults(top_k=2, top_p=0.2)
    able = Capabilities(sampling=Sampling(top_k=3, top_p=0.3, min_p=0.3))
    filled = fill_recommended(entry.fill(Sampling(top_k=1)), able, ["lfm2"])
    assert (filled.top_k, filled.top_p, filled.min_p, filled.repeat_penalty) == (1, 0.2, 0.3, 1.05)


def test_an_entry_may_say_what_an_intent_means() -> None:
    entry = SamplingDefaults.model_validate(
        {"temperature": 0.9, "top_k": 5, "close": {"temperature": 0.1}}
    )
    close = entry.fill(Sampling(intent="close"))
    assert (close.temperature, close.top_k) == (0.1, 5)
    assert entry.fill(Sampling(intent="varied")).temperature == 0.9
    assert fill_recommended(close, Capabilities(), ["gemma3"]).temperature == 0.1


@pytest.mark.parametrize(
    ("name", "intent", "thinks", "temperature"),
    [
        ("gemma3", "close", False, 0.5),
        ("gemma3", "varied", False, 1.0),
        ("gemma3", None, False, 1.0),
        ("gpt-oss", "close", True, 1.0),
        ("unknown", "close", False, None),
    ],
)
def test_close_to_the_text_is_half_of_what_the_maker_says_but_for_models_that_think(
    name: str, intent: Intent | None, thinks: bool, temperature: float | None
) -> None:
    able = Capabilities(thinking=thinks)
    assert fill_recommended(Sampling(intent=intent), able, [name]).temperature == temperature


def test_a_number_of_the_operators_own_is_not_halved() -> None:
    filled = SamplingDefaults(temperature=0.8).fill(Sampling(intent="close"))
    assert fill_recommended(filled, Capabilities(), ["gemma3"]).temperature == 0.8


def test_what_a_gguf_recommends_is_read_and_its_nonsense_left_out() -> None:
    said = {"temp": 0.3, "top_k": 12, "top_p": 7.0, "min_p": "x", "penalty_repeat": 0.0}
    head = GgufHead(3, 1, 1, {f"general.sampling.{key}": value for key, value in said.items()})
    plain = LlamaCppOptions(source="file:x.gguf")
    assert recommended_sampling(head, plain) == Sampling(temperature=0.3, top_k=12)
    own = LlamaCppOptions.model_validate({"source": "file:x.gguf", "sampling": {"top_k": 5}})
    assert recommended_sampling(head, own) == Sampling(temperature=0.3, top_k=5)


def test_llama_cpp_knows_what_close_is_without_a_recommendation() -> None:
    options = LlamaCppOptions(source="file:x.gguf")
    assert resolve_settings(Sampling(), options).temperature == 0.8
    assert resolve_settings(Sampling(intent="close"), options).temperature == 0.4
    assert resolve_settings(Sampling(), options).repeat_penalty == 1.0


def test_the_numbers_of_the_default_model_are_its_own() -> None:
    known = find_model_sampling([CHAT_FILE.source])
    assert known is not None
    assert known.usual == Sampling(temperature=0.7, repeat_penalty=1.1)
    assert known == find_model_sampling(["smollm2:135m"])
    assert find_model_sampling(["smollm2:1.7b", "smollm2"]) is None
    written = yaml.safe_load((REPOSITORY / "config.yaml").read_text())["models"]["default"]
    for spec in (Config().models["default"], ModelSpec.model_validate(written)):
        assert spec.sampling == SamplingDefaults()
        found = fill_recommended(
            Sampling(intent="varied", max_tokens=400), Capabilities(), spec.engine_model_names
        )
        assert (found.repeat_penalty, found.max_tokens) == (1.2, 160)


def test_the_smallest_limit_of_length_holds() -> None:
    entry = SamplingDefaults.model_validate({"max_tokens": 100, "close": {"max_tokens": 50}})
    assert entry.fill(Sampling(max_tokens=400)).max_tokens == 100
    assert entry.fill(Sampling(max_tokens=40)).max_tokens == 40
    assert entry.fill(Sampling(intent="close")).max_tokens == 50
    assert SamplingDefaults().fill(Sampling()).max_tokens is None


def test_an_answer_without_a_limit_may_take_a_quarter_of_the_context() -> None:
    assert limit_answer(Sampling(), [2048], 2048, 0).max_tokens == 512
    assert limit_answer(Sampling(), [32_768, 0], 2048, 100).max_tokens == 2148
    assert limit_answer(Sampling(), [], 2048, 0).max_tokens == 512
    assert limit_answer(Sampling(max_tokens=7), [2048], 2048, 10).max_tokens == 17
    with pytest.raises(InvalidRequest, match="max_tokens"):
        limit_answer(Sampling(max_tokens=0), [2048], 2048, 10)


async def test_an_ollama_server_is_sent_what_was_set_and_no_penalty_of_ours() -> None:
    async with OllamaServer() as server:
        async with pool_of(backend="ollama", url=server.url, model="tiny") as pool:
            await ask(pool, Sampling(intent="close", max_tokens=9))
        [body] = server.bodies("/api/chat")
    assert body["options"] == {"num_ctx": 4096, "num_predict": 9}


async def test_a_models_own_parameters_and_options_go_before_its_family() -> None:
    async with OllamaServer() as server:
        server.models["gemma3:4b"] = ["completion"]
        server.parameters = 'temperature    0.9\nstop "<end>"\ntop_k 33\ntop_p much'
        entry = {"backend": "ollama", "url": server.url, "model": "gemma3:4b"}
        async with pool_of(**entry, options={"top_k": 12}) as pool:
            able = await pool.capabilities("m")
            await ask(pool, Sampling(max_tokens=9))
        [body] = server.bodies("/api/chat")
    assert able.sampling == Sampling(temperature=0.9, top_k=12)
    assert able.parameters == 4_000_000_000
    assert body["options"] == {
        **{"num_ctx": 4096, "num_predict": 9},
        **{"temperature": 0.9, "top_k": 12, "top_p": 0.95},
    }


async def test_a_server_of_openais_protocol_is_not_sent_fields_that_it_may_refuse() -> None:
    async with OpenAIServer() as server:
        entry = {"backend": "openai_compatible", "url": f"{server.url}/v1", "model": "qwen3-4b"}
        server.models = ["qwen3-4b"]
        async with pool_of(**entry) as pool:
            await ask(pool, Sampling(max_tokens=9))
            await ask(pool, Sampling(max_tokens=9, top_k=4, temperature=0.1))
        plain, said = server.bodies("/v1/chat/completions")
    assert {"temperature": 0.7, "top_p": 0.8}.items() <= plain.items()
    assert not {"top_k", "min_p", "repeat_penalty"} & plain.keys()
    assert {"temperature": 0.1, "top_k": 4}.items() <= said.items()

"""What config.yaml may say of a model, and what it hears of its mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from backends.base import Backend, Engine, EngineContext, EngineOptions, Sampling
from backends.errors import SpecError
from backends.pool.pool import resolve_models
from backends.pool.spec import ModelSpec
from backends.scripted.backend import ENGINE as SCRIPTED


class RemoteOptions(EngineOptions):
    url: str
    model: str
    keep_alive: float = 60.0


def never(name: str, options: EngineOptions, context: EngineContext) -> Backend:
    raise AssertionError("resolving must make nothing")


ENGINES = {"scripted": SCRIPTED, "remote": Engine("remote", RemoteOptions, never)}


def problems(**models: object) -> tuple[str, ...]:
    specs = {name: ModelSpec.model_validate(model) for name, model in models.items()}
    with pytest.raises(SpecError) as caught:
        resolve_models(specs, ENGINES)
    return caught.value.problems


def test_an_inline_replica_is_split_from_the_keys_of_the_model() -> None:
    spec = ModelSpec.model_validate(
        {
            "backend": "remote",
            "url": "http://127.0.0.1:1",
            "model": "m",
            "description": "d",
            "keep_alive": "5m",
            "queue": 3,
        }
    )
    (replica,) = spec.resolve(ENGINES, "models.m")
    assert replica.options == RemoteOptions(url="http://127.0.0.1:1", model="m", keep_alive=300.0)
    assert (spec.description, spec.queue, replica.isolated) == ("d", 3, False)


def test_replicas_share_the_keys_of_the_model_and_may_differ_in_their_own() -> None:
    spec = ModelSpec.model_validate(
        {
            "isolation": "process",
            "keep_alive": -1,
            "replicas": [
                {"backend": "scripted", "echo": "one"},
                {"backend": "remote", "url": "u", "model": "m", "isolation": "none"},
            ],
        }
    )
    one, two = spec.resolve(ENGINES, "models.m")
    assert (one.isolated, two.isolated) == (True, False)
    assert isinstance(two.options, RemoteOptions)
    assert two.options.keep_alive == -1


def test_to_keep_a_model_for_ever_is_said_to_each_engine_in_its_own_way() -> None:
    class Local(EngineOptions):
        keep_alive: float | None = Field(default=None, gt=0)

    class Server(EngineOptions):
        keep_alive: float = 300.0

    engines = {
        "local": Engine("local", Local, never),
        "server": Engine("server", Server, never),
    }
    spec = ModelSpec.model_validate(
        {"keep_alive": -1, "replicas": [{"backend": "local"}, {"backend": "server"}]}
    )
    kept = [replica.options for replica in spec.resolve(engines, "models.m")]
    assert kept == [Local(), Server(keep_alive=-1)]


def test_a_spec_inside_a_larger_configuration_survives_a_dump() -> None:
    class Config(BaseModel):
        models: dict[str, ModelSpec]

    first = Config.model_validate({"models": {"a": {"backend": "scripted", "echo": "hi"}}})
    again = Config.model_validate(first.model_dump())
    assert again.models["a"].replicas == first.models["a"].replicas
    assert Config(models=first.models) == first


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ({"backend": "scriptd"}, "there is no engine of that name; did you mean 'scripted'?"),
        ({"backend": "scripted", "ech": "x"}, "models.m.ech: no such key; did you mean 'echo'?"),
        ({"backend": "remote", "url": "u"}, "models.m.model: field required"),
        (
            {"replicas": [{"backend": "scripted"}, {"backend": "remote", "url": 4, "model": "m"}]},
            "models.m.replicas[1].url: input should be a valid string",
        ),
        (
            {"backend": "scripted", "replies": [{"regex": "("}]},
            "models.m.replies[0].regex: not a regular expression",
        ),
    ],
)
def test_a_mistake_in_the_options_is_named_with_its_path(model: object, problem: str) -> None:
    (line,) = problems(m=model)
    assert problem in line


def test_the_mistakes_of_all_models_are_told_at_once() -> None:
    lines = problems(a={"backend": "nothing"}, b={"backend": "scripted", "colour": 1})
    assert len(lines) == 2
    assert lines[0].startswith("models.a.backend: ")
    assert lines[1].startswith("models.b.colour: ")


def test_what_was_written_is_not_repeated_since_it_may_be_a_secret() -> None:
    (line,) = problems(m={"backend": "remote", "url": ["sk-verysecret"], "model": "m"})
    assert "verysecret" not in line


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({}, "backend"),
        ([], "mapping"),
        ({"replicas": []}, "at least 1"),
        ({"backend": "a", "replicas": [{"backend": "a"}]}, "not both"),
        ({"replicas": [{"backend": "a"}], "descripton": ""}, "did you mean 'description'"),
        ({"backend": "a", "keep_alive": "soon"}, "a duration such as"),
        ({"backend": "a", "deadline_s": 0}, "greater than 0"),
        ({"backend": "a", "isolation": "thread"}, "'none' or 'process'"),
        ({"backend": "a", "inline": False}, "no such key"),
    ],
)
def test_a_mistake_in_the_keys_of_the_model_is_named(entry: object, word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        ModelSpec.model_validate(entry)


def test_sampling_defaults_fill_only_what_is_open() -> None:
    spec = ModelSpec.model_validate(
        {
            "backend": "scripted",
            "sampling": {"temperature": 0.3, "top_k": 20, "max_tokens": 64, "stop": ["##"]},
        }
    )
    filled = spec.sampling.fill(Sampling(temperature=0.0, stop=("END",)))
    assert filled == Sampling(temperature=0.0, top_k=20, max_tokens=64, stop=("END", "##"))
    assert spec.sampling.fill(Sampling(max_tokens=8)).max_tokens == 8


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ({"sampling": {"stop": [""]}}, "sampling.stop.0"),
        ({"sampling": {"max_tokens": 0}}, "sampling.max_tokens"),
        ({"sampling": {"max_tokens": -3}}, "sampling.max_tokens"),
        ({"thinking": "loudly"}, "thinking"),
        ({"thinking_tokens": -1}, "thinking_tokens"),
    ],
)
def test_what_no_request_may_ask_for_cannot_be_a_default_either(
    entry: dict[str, Any], where: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate({"backend": "scripted", **entry})
    (problem,) = caught.value.errors()
    assert ".".join(str(step) for step in problem["loc"]) == where


def test_a_model_is_known_by_what_its_engines_call_it() -> None:
    spec = ModelSpec.model_validate(
        {
            "query_prefix": "query: ",
            "replicas": [
                {"backend": "remote", "url": "http://127.0.0.1:1", "model": "e5-base-v2"},
                {"backend": "scripted", "source": "file:e5.gguf"},
                {"backend": "scripted", "command": ["llama-server", "-m", "models/e5.gguf"]},
            ],
        }
    )
    assert spec.engine_model_names == (
        "e5-base-v2",
        "file:e5.gguf",
        "llama-server",
        "-m",
        "models/e5.gguf",
    )
    assert (spec.query_prefix, spec.passage_prefix) == ("query: ", None)
    assert ModelSpec.model_validate({"backend": "scripted"}).engine_model_names == ()

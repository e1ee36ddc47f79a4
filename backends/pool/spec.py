"""What config.yaml says of a model, and what the pool may be told to bound.

A model is one replica written inline, or a list of them:

    default: {backend: llama_cpp, source: "pypi:…", context: 2048, description: "Small and quick"}
    team:
      description: "The team's own"
      replicas:
        - {backend: ollama, url: "http://127.0.0.1:11434", model: "llama3.1:8b"}
        - {backend: openai_compatible, url: "http://127.0.0.1:8080/v1", model: "llama-3.1-8b"}

Keys of the model itself are the fields of `ModelSpec`; all others belong to the engine, whose own
options class judges them in `ModelSpec.resolve`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from backends.base import Engine, EngineOptions
from backends.errors import SpecError
from backends.notations.thoughts import Thinking
from backends.pool.sampling import SamplingDefaults
from backends.registry import ENGINE_MODULES

Isolation = Literal["none", "process"]
AgentUse = Literal["auto", "force"]

_MIN_REDACTED_CHARACTERS = 6
"""A shorter value may be a part of any sentence, in characters."""

_SECONDS_PER_UNIT = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_seconds(value: Any) -> Any:
    """Parse a duration such as `300`, `"5m"` or `"1.5h"` to seconds; -1 means for ever."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*+(-?\d++(?:\.\d++)?)\s*+(ms|s|m|h|d|)\s*+", value)
    if match is None:
        raise ValueError("write a number of seconds, or a duration such as 30s, 5m or 1h")
    return float(match[1]) * _SECONDS_PER_UNIT[match[2]]


Seconds = Annotated[float, BeforeValidator(parse_seconds)]


class ReplicaSpec(BaseModel):
    """One engine that serves the model; `options` are the engine's own keys, not yet validated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: str = Field(min_length=1)
    isolation: Isolation | None = None
    options: Mapping[str, Any] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or set(value) <= set(cls.model_fields):
            return value
        own = {key: value[key] for key in ("backend", "isolation") if key in value}
        rest = {key: entry for key, entry in value.items() if key not in own}
        return {**own, "options": rest}


class ModelSpec(BaseModel):
    """A model of config.yaml. Times in seconds or as `5m`; memory in MiB.

    `queue` is how many requests may wait, `deadline_s` how long one may take from being accepted
    to its last word. `thinking` says what becomes of the thoughts of a model that thinks before it
    answers; it may use `thinking_tokens` for them beside the tokens of the answer. `agent` says
    whether it is offered tools: where it takes them by itself, or, with `force`, also where its
    answers can be held to a form that has a call in it. `keep_alive`
    (-1: for ever), `memory_mb` and `thinking` go on to engines that have an option of that name.
    `query_prefix` and `passage_prefix` are what an embedder was trained to see before questions and
    before passages; None leaves it to the family that its name tells.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    replicas: tuple[ReplicaSpec, ...] = Field(min_length=1)
    sampling: SamplingDefaults = SamplingDefaults()
    queue: int | None = Field(default=None, ge=0)
    deadline_s: Annotated[Seconds, Field(gt=0)] | None = None
    isolation: Isolation = "none"
    thinking: Thinking = "auto"
    thinking_tokens: int = Field(default=0, ge=0)
    agent: AgentUse = "auto"
    keep_alive: Seconds | None = None
    memory_mb: int | None = Field(default=None, gt=0)
    query_prefix: str | None = Field(default=None, max_length=1_000)
    passage_prefix: str | None = Field(default=None, max_length=1_000)
    inline: bool = Field(default=False, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ValueError("write a mapping with `backend:` or `replicas:`")
        if "inline" in value:
            raise ValueError("inline: no such key")
        if "replicas" in value:
            if "backend" in value:
                raise ValueError("write either `backend:` or `replicas:`, not both")
            known = set(cls.model_fields) - {"inline"}
            if unknown := [
                _unknown_key_message(str(key), known) for key in value if key not in known
            ]:
                raise ValueError("; ".join(unknown))
            return value
        if "backend" not in value:
            raise ValueError("name the engine that serves it, `backend:`, or list `replicas:`")
        known = set(cls.model_fields) - {"replicas", "inline"}
        own = {key: value[key] for key in known if key in value}
        rest = {key: entry for key, entry in value.items() if key not in known}
        return {**own, "replicas": [rest], "inline": True}

    @property
    def engine_model_names(self) -> tuple[str, ...]:
        """The names its engines use: names at a server, sources of files, parts of commands."""
        found: list[str] = []
        for replica in self.replicas:
            for key in ("model", "source", "command"):
                said = replica.options.get(key)
                found += map(str, said) if isinstance(said, list | tuple) else [str(said or "")]
        return tuple(filter(None, found))

    def resolve(self, engines: Mapping[str, Engine], path: str) -> tuple[ResolvedReplica, ...]:
        """Return every replica with its engine and its validated options.

        `path` is the model's place in the configuration (`models.team`). Raises `SpecError`.
        """
        found: list[ResolvedReplica] = []
        problems: list[str] = []
        for at, replica in enumerate(self.replicas):
            where = path if self.inline else f"{path}.replicas[{at}]"
            engine = engines.get(replica.backend)
            if engine is None:
                hint = suggest_similar(replica.backend, {**ENGINE_MODULES, **engines})
                problems.append(f"{where}.backend: there is no engine of that name{hint}")
                continue
            try:
                options = engine.options.model_validate(self._handed_on(engine, replica))
            except ValidationError as error:
                problems += describe_validation_error(error, where, engine.options)
                continue
            isolated = (replica.isolation or self.isolation) == "process"
            found.append(ResolvedReplica(engine, options, isolated))
        if problems:
            raise SpecError(problems)
        return tuple(found)

    def _handed_on(self, engine: Engine, replica: ReplicaSpec) -> dict[str, Any]:
        """The replica's options, and those of the model's own that the engine has a key for."""
        shared: dict[str, Any] = {
            "keep_alive": self.keep_alive,
            "memory_mb": self.memory_mb,
            "thinking": self.thinking,
        }
        known = engine.options.model_fields
        if self.keep_alive is not None and self.keep_alive < 0:
            field = known.get("keep_alive")
            if field is not None and field.default is None:  # none of its own means for ever
                del shared["keep_alive"]
        given = {key: value for key, value in shared.items() if value is not None and key in known}
        return {**given, **replica.options}


@dataclass(frozen=True, slots=True)
class ResolvedReplica:
    """An engine with options that it has accepted."""

    engine: Engine
    options: EngineOptions
    isolated: bool


class PoolLimits(BaseModel):
    """What the pool bounds for every model; a model's own `queue` and `deadline_s` go first.

    `per_person` and `per_channel` count requests that wait or run; `person_share` is the part of a
    model's slots that one person may hold at once where there are several (the rest is kept for
    whoever comes next). `answer_tokens` is the longest answer of a request that sets no limit,
    where the context has four times the room. A failing replica rests `first_pause_s`, then twice
    as long each time up to `longest_pause_s`; a request waits for it at most `patience_s`.
    Replicas are asked for their health every `health_interval_s` while they are used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue: int = Field(default=64, ge=0)
    per_person: int = Field(default=16, ge=1)
    per_channel: int = Field(default=48, ge=1)
    person_share: float = Field(default=0.75, gt=0, le=1)
    deadline_s: Annotated[Seconds, Field(gt=0)] = 600.0
    answer_tokens: int = Field(default=2048, ge=1)
    first_pause_s: Annotated[Seconds, Field(gt=0)] = 1.0
    longest_pause_s: Annotated[Seconds, Field(gt=0)] = 60.0
    patience_s: Annotated[Seconds, Field(ge=0)] = 3.0
    progress_interval_s: Annotated[Seconds, Field(gt=0)] = 0.25
    health_interval_s: Annotated[Seconds, Field(gt=0)] = 15.0


def suggest_similar(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` if a known word resembles `word`, else ""."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {match[0]!r}?" if match else ""


def describe_validation_error(
    error: ValidationError, path: str, model: type[BaseModel]
) -> list[str]:
    """Return one line for each problem, with its path, never with the value (it may be a secret).

    `model` is the class that validated; its keys are suggested for misspelt ones.
    """
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        where, steps = path, problem["loc"]
        if problem["type"] == "extra_forbidden" and len(steps) == 1:
            lines.append(f"{path}.{_unknown_key_message(str(steps[0]), model.model_fields)}")
            continue
        for step in steps:
            where += f"[{step}]" if isinstance(step, int) else f".{step}"
        what = redact_value(problem["msg"], problem["input"])
        lines.append(f"{where}: {what[:1].lower()}{what[1:]}")
    return lines


def redact_value(message: str, given: Any) -> str:
    """Return a validator's message without the value itself, which some messages repeat."""
    message = message.removeprefix("Value error, ")
    if isinstance(given, str) and given:
        message = message.replace(repr(given), "this")
        message = (
            message.replace(given, "this") if len(given) >= _MIN_REDACTED_CHARACTERS else message
        )
    return message


def _unknown_key_message(key: str, known: Iterable[str]) -> str:
    return f"{key}: no such key{suggest_similar(key, known)}"

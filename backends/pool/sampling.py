"""Decides how a model is sampled where the request leaves it open.

Each value comes from the first of these that has one: the request; the model's entry in
config.yaml, the part for the request's intent before the rest; what the model's file or server
recommends; what the catalogue knows of the model or its family; the engine's own default. Limits
of length are different: the smallest holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backends.base import Capabilities, Intent, Sampling
from backends.errors import InvalidRequest
from backends.files.catalog_lookup import find_model_sampling
from backends.files.family_sampling import ModelSampling

CLOSE_TEMPERATURE_SHARE = 0.5
"""Of a recommended temperature, for an answer that is to be close to its text. A model that thinks
keeps its own: makers warn that a lower one makes it think for ever."""

_NUMBERS = (
    *("temperature", "top_k", "top_p", "min_p", "repeat_penalty"),
    *("frequency_penalty", "presence_penalty", "seed"),
)


class SamplingNumbers(BaseModel):
    """Numbers that a model is sampled with; None leaves each to what comes next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float | None = Field(default=None, ge=0)
    top_k: int | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, ge=0, le=1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repeat_penalty: float | None = Field(default=None, gt=0)
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_tokens: int | None = Field(default=None, ge=1)


class SamplingDefaults(SamplingNumbers):
    """`sampling` of a model's entry: what its answers are sampled with where a request leaves it
    open; `close` and `varied` go first for answers with that intent."""

    seed: int | None = None
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    close: SamplingNumbers | None = None
    varied: SamplingNumbers | None = None

    def fill(self, asked: Sampling) -> Sampling:
        """`asked`, with these values where it has none of its own."""
        own = [getattr(self, asked.intent) if asked.intent else None, self]
        extra_stops = tuple(stop for stop in self.stop if stop not in asked.stop)
        return replace(_filled(asked, own), stop=asked.stop + extra_stops)


def fill_recommended(
    asked: Sampling,
    able: Capabilities,
    names: Iterable[str],
    *,
    may_think: bool = True,
    family_fields: Collection[str] | None = None,
) -> Sampling:
    """`asked`, with what the model's file recommends, then the catalogue.

    `names` are what the engine calls the model. A model that thinks does so unless it may not, or
    its answer is held to a form. `family_fields` are those that the catalogue may set; None: all.
    """
    held = asked.json_schema is not None or bool(asked.copy_from)
    thinks = able.thinking and may_think and not held
    known = find_model_sampling([*names, able.family])
    layers = _catalogue_layers(known, asked.intent, thinks) if known else []
    filled = _filled(_filled(asked, [able.sampling]), layers, family_fields)
    of_intent = known is not None and known.close is not None
    if asked.temperature is not None or of_intent or thinks:
        return filled
    return replace(filled, temperature=closer(filled.temperature, asked.intent))


def _catalogue_layers(
    known: ModelSampling, intent: Intent | None, thinks: bool
) -> list[Sampling | None]:
    of_intent = {"close": known.close, "varied": known.varied}.get(intent or "")
    return [of_intent, known.thinking if thinks and known.thinking else known.usual]


def limit_answer(
    sampling: Sampling, windows: Iterable[int], longest: int, thoughts: int
) -> Sampling:
    """`sampling` with a limit of length: `longest` tokens where nobody sets one, and a quarter of
    the context at most. `thoughts` are added, the room that the model may think in.

    `windows` are the contexts that are known. Raises `InvalidRequest` for a limit below 1.
    """
    most = sampling.max_tokens
    if most is None:
        smallest = min(filter(None, windows), default=0)
        most = min(longest, max(1, smallest // 4)) if smallest else sampling.answer_tokens
    if most < 1:
        raise InvalidRequest("max_tokens must be at least 1.")
    return replace(sampling, max_tokens=most + thoughts)


def closer(temperature: float | None, intent: Intent | None) -> float | None:
    """Return a recommended temperature as the intent wants it."""
    if temperature is None or intent != "close":
        return temperature
    return temperature * CLOSE_TEMPERATURE_SHARE


def _filled(
    asked: Sampling,
    layers: Iterable[SamplingNumbers | Sampling | None],
    only: Collection[str] | None = None,
) -> Sampling:
    """`asked`, each open value from the first layer that has it."""
    given: dict[str, Any] = {}
    limits = [asked.max_tokens]
    for layer in layers:
        if layer is None:
            continue
        limits.append(layer.max_tokens)
        for name in _NUMBERS:
            value = getattr(layer, name, None)
            taken = name in given or getattr(asked, name) is not None
            if value is not None and not taken and (only is None or name in only):
                given[name] = value
    most = min((limit for limit in limits if limit is not None), default=None)
    return replace(asked, max_tokens=most, **given)

"""How the makers of models say that their models are to be sampled, by family.

Each entry was read where `source` says. Makers who recommend nothing are not here: Granite, Phi-4
without reasoning, Qwen 2.5, Command-R.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from backends.base import Sampling


@dataclass(frozen=True, slots=True)
class ModelSampling:
    """How one model or family is sampled.

    `usual` holds where nothing else does, `thinking` while it thinks before it answers, `close` and
    `varied` for answers with that intent. `source` is where its maker says so.
    """

    usual: Sampling
    source: str
    thinking: Sampling | None = None
    close: Sampling | None = None
    varied: Sampling | None = None


_FAMILIES: tuple[tuple[str, ModelSampling], ...] = (
    (
        r"qwen-?3-?coder",
        ModelSampling(
            Sampling(temperature=0.7, top_p=0.8, top_k=20, repeat_penalty=1.05),
            "https://huggingface.co/Qwen/Qwen3-Coder-30B-A3B-Instruct#best-practices",
        ),
    ),
    (
        r"qwen-?3(?!-?vl|[.\d])",
        ModelSampling(
            Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.0),
            "https://huggingface.co/Qwen/Qwen3-8B#best-practices",
            thinking=Sampling(temperature=0.6, top_p=0.95, top_k=20, min_p=0.0),
        ),
    ),
    (
        r"gemma-?3(?![.\dn])",
        ModelSampling(
            Sampling(temperature=1.0, top_p=0.95, top_k=64),
            "https://huggingface.co/google/gemma-3-27b-it/blob/main/generation_config.json",
        ),
    ),
    (
        r"gpt-?oss",
        ModelSampling(
            Sampling(temperature=1.0, top_p=1.0),
            "https://github.com/openai/gpt-oss#recommended-sampling-parameters",
        ),
    ),
    (
        r"deepseek-?r1",
        ModelSampling(
            Sampling(temperature=0.6, top_p=0.95),
            "https://github.com/deepseek-ai/DeepSeek-R1#usage-recommendations",
        ),
    ),
    (
        r"deepseek-?v3(?![.\d])",
        ModelSampling(
            Sampling(temperature=0.3),
            "https://huggingface.co/deepseek-ai/DeepSeek-V3-0324#temperature",
        ),
    ),
    (
        r"(?:meta-?)?llama-?3(?:[.-][123])?(?!\d)",
        ModelSampling(
            Sampling(temperature=0.6, top_p=0.9),
            "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct/blob/main/"
            "generation_config.json",
        ),
    ),
    (
        r"magistral",
        ModelSampling(
            Sampling(temperature=0.7, top_p=0.95),
            "https://huggingface.co/mistralai/Magistral-Small-2506",
        ),
    ),
    (
        r"mistral-?small[-:]?(?:3|24b|2501|2503|2506)",
        ModelSampling(
            Sampling(temperature=0.15),
            "https://huggingface.co/mistralai/Mistral-Small-3.2-24B-Instruct-2506",
        ),
    ),
    (
        r"phi-?4-?(?:reasoning|mini-?reasoning)",
        ModelSampling(
            Sampling(temperature=0.8, top_k=50, top_p=0.95),
            "https://huggingface.co/microsoft/Phi-4-reasoning",
        ),
    ),
    (
        r"lfm-?2(?![.\d])",
        ModelSampling(
            Sampling(temperature=0.3, min_p=0.15, repeat_penalty=1.05),
            "https://huggingface.co/LiquidAI/LFM2-1.2B",
        ),
    ),
)
"""Families by the beginning of their models' names, the more particular first."""

_OWNERS = r"(?:qwen|google|openai|deepseek-ai|meta-llama|mistralai|microsoft|liquidai)"
_PATTERNS = tuple(
    (re.compile(rf"(?:{_OWNERS}[_-])?{pattern}", re.IGNORECASE), found)
    for pattern, found in _FAMILIES
)


def find_family_sampling(names: Iterable[str]) -> ModelSampling | None:
    """Return what the maker recommends for a model with one of these names; None if unknown.

    A name is a file, a source, a tag or a family, the most telling first. What stands before its
    last slash is left out, so that what others made of a model (`hermes-3-llama-3.1-8b`) is not
    taken for it.
    """
    for name in names:
        shown = re.sub(r"[\s_]", "-", name.rsplit("/", 1)[-1])
        for pattern, found in _PATTERNS:
            if pattern.match(shown):
                return found
    return None

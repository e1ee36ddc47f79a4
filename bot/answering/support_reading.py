"""Has a model that reads check an answer: which of its sentences the passages do not say.

All sentences are checked in one call, whose prompt begins as that of the answer. What a model
pointed to needs no check: it stands in a passage.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import structlog

from backends.base import Sampling
from backends.errors import BackendError
from bot.answering.prompt import AskPrompt, fit_prompt, render_task
from bot.answering.reader import ask_reader, find_reader
from bot.knowledge.language.words import extract_stems
from bot.skills.context import Context
from bot.values import SearchResult, Support

log = structlog.get_logger(__name__)

_MAX_CHECKED_SENTENCES = 12
_TOKENS_PER_SENTENCE = 4
_ADDED_TOKENS = 24


async def find_unsaid(
    ctx: Context,
    prompt: AskPrompt,
    question: str,
    found: SearchResult,
    statements: Sequence[Support],
) -> Sequence[str]:
    """The sentences of an answer that the passages do not say, by the model that reads.

    A sentence is left out where all of its words were pointed to or asked. There are none where no
    model read the passages, or where it fails.
    """
    known = extract_stems(" ".join([question, *(one.text for one in found.pointed or ())]))
    beyond = [one.statement for one in statements if extract_stems(one.statement) - known]
    beyond = list(dict.fromkeys(beyond))[:_MAX_CHECKED_SENTENCES]
    if not beyond or found.pointed is None:
        return ()
    try:
        name = await find_reader(ctx, prompt.model)
        if name is None or not (await ctx.models.capabilities(name)).json_schema:
            return ()
        said = await _check(ctx, replace(prompt, model=name), question, found, beyond)
    except BackendError as error:
        log.warning("support.model_failed", error=str(error))
        return ()
    return [one for one, says in zip(beyond, said, strict=True) if not says]


async def _check(
    ctx: Context, prompt: AskPrompt, question: str, found: SearchResult, sentences: Sequence[str]
) -> Sequence[bool]:
    """Whether the passages say each of the sentences; all, where the answer is something else."""
    fitted = await fit_prompt(ctx, prompt, question, found)
    able = await ctx.models.capabilities(prompt.model)
    numbered = "\n".join(f"{n}. {one}" for n, one in enumerate(sentences, 1))
    text = render_task(
        ctx, "check", able, prompt, question, found, fitted.blocks, sentences=numbered
    )
    sampling = Sampling(
        temperature=0.0,
        max_tokens=_ADDED_TOKENS + _TOKENS_PER_SENTENCE * len(sentences),
        json_schema=_schema(len(sentences)),
    )
    messages = (*fitted.messages[:-1], replace(fitted.messages[-1], content=text))
    said, _ = await ask_reader(ctx, prompt.model, messages, sampling)
    try:
        answer = json.loads(said)["said"]
    except (ValueError, TypeError, LookupError):
        return [True] * len(sentences)
    whole = isinstance(answer, list) and len(answer) == len(sentences)
    return [one is not False for one in answer] if whole else [True] * len(sentences)


def _schema(sentences: int) -> dict[str, object]:
    verdicts = {
        "type": "array",
        "minItems": sentences,
        "maxItems": sentences,
        "items": {"type": "boolean"},
    }
    return {
        "type": "object",
        "properties": {"said": verdicts},
        "required": ["said"],
        "additionalProperties": False,
    }

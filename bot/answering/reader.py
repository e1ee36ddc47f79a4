"""Reads the passages of a search with a capable model, which points to the words that answer.

Signs of a search say whether passages are about a question's subject; only a reader can tell
whether they answer it. It writes no words of its own: where the engine can, it is held to text that
stands in the passages, and elsewhere what does not stand there word for word is dropped. Whether a
model can do this is tried once, on passages made for it (`bot.answering.reader_trial`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from backends.base import COPIES_NOTHING, Capabilities, ChatMessage, ChatRequest, Sampling
from backends.errors import BackendError
from bot.answering.prompt import AskPrompt, fit_prompt, lay_out_passages, render_task
from bot.answering.reader_calibration import apply_curve
from bot.answering.reader_trial import MIN_RIGHT_TRIALS, TRIALS, is_right
from bot.answering.small_model import is_small
from bot.catalogue.sentence import say
from bot.config.knowledge import READER_AUTO, READER_OFF
from bot.history.protocol import StoredMessage
from bot.memory.memories import Memory
from bot.prompting.foreign_text import Trusted, escape_numbers
from bot.skills.context import Context
from bot.types import Status
from bot.values import Passage, Pointed, SearchResult

log = structlog.get_logger(__name__)

MIN_ANSWER_PROBABILITY: Final = 0.5
"""How likely an answer must be for the model that points, to be given without a doubt."""
MIN_RELATED_PROBABILITY: Final = 0.15
"""How likely it must be for the nearest passages to be shown, as not sure."""
_SAMPLING = Sampling(temperature=0.0, max_tokens=160)
_SCHEMA = {
    "type": "object",
    "properties": {
        "quotes": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 600}}
    },
    "required": ["quotes"],
    "additionalProperties": False,
}
_MAX_POINTED_SPANS = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model points to, and the share that it gives to an answer beside none, 0 to 1."""

    pointed: tuple[Pointed, ...]
    share: float


async def read_passages(
    ctx: Context,
    question: str,
    found: SearchResult,
    *,
    system: str,
    model: str | None = None,
    history: Sequence[StoredMessage] = (),
    about: str = "",
    memories: Sequence[Memory] = (),
) -> SearchResult:
    """Let a model read what a search found, and judge it by what the model points to.

    The result is the search's own where no model can read, and where it fails. What the search
    turns away is read as well, and passages that follow in rank: whether something answers, its
    signs cannot say. The arguments are those of `answer_from`, which asks next: its prompt begins
    as this one, so a model that does both reads the passages once. `memories` only take their room
    in it: what is remembered of a person is no reason to find that a passage answers.
    """
    if not found.passages or (name := await find_reader(ctx, await ctx.model(model))) is None:
        return found
    await ctx.say(Status("working", say("reading the documents")))
    prompt = AskPrompt(name, system, history, about, memories=memories)
    read = replace(found, passages=(*found.passages, *found.further), further=())
    try:
        read = await lay_out_passages(ctx, prompt, question, read, len(found.passages))
        reading = await _point(ctx, prompt, question, read)
    except BackendError as error:
        log.warning("reader.model_failed", model=name, error=str(error))
        return found
    sure = apply_curve((await ctx.models.capabilities(name)).reader_curve, reading.share)
    answers = bool(reading.pointed) and sure >= MIN_ANSWER_PROBABILITY
    shown = max([len(found.passages), *(one.number for one in reading.pointed)])
    return replace(
        found,
        passages=tuple(_with_pointed(read.passages[:shown], reading.pointed)),
        further=read.passages[shown:],
        ranks=read.ranks[:shown],
        evidence=answers,
        related=answers or sure >= MIN_RELATED_PROBABILITY,
        confidence=round(sure, 4),
        share=reading.share,
        read_by=name,
        pointed=reading.pointed,
    )


def _with_pointed(passages: Sequence[Passage], pointed: Sequence[Pointed]) -> Iterator[Passage]:
    """The passages; one whose neighbour has what was pointed to has the neighbour as well, so that
    a citation shows it."""
    for number, passage in enumerate(passages, 1):
        text = " ".join(escape_numbers(passage.text).split())
        inside = all(one.text in text for one in pointed if one.number == number)
        yield passage if inside else replace(passage, text=passage.prompt_text)


async def find_reader(ctx: Context, answering: str) -> str | None:
    """The name of the model that reads where `answering` answers, if there is one that can."""
    named = ctx.services.searching.reader
    if named == READER_OFF:
        return None
    name = answering if named == READER_AUTO else named
    try:
        able = await ctx.models.capabilities(name)
        if is_small(able):
            return None
        if able.reads is None:
            await ctx.say(Status("working", say("finding out whether {name} can read", name=name)))
            able = replace(able, reads=await _try_out(ctx, name))
            await ctx.models.found_reading(name, reads=bool(able.reads))
    except BackendError as error:
        log.warning("reader.model_failed", model=name, error=str(error))
        return None
    return name if able.reads else None


async def _try_out(ctx: Context, name: str) -> bool:
    """Whether a model points rightly in most of the trials. Raises `BackendError`."""
    able = await ctx.models.capabilities(name)
    right = 0
    for trial in TRIALS:
        values: dict[str, Any] = {
            "passages": [{"number": 1, "title": trial.title, "text": trial.passage}],
            "question": Trusted(trial.question),
            "about": "",
            "nothing": COPIES_NOTHING,
        }
        messages = (ChatMessage("user", ctx.prompts.render("point", able, **values)),)
        lines, _ = await _ask(ctx, name, messages, [trial.passage])
        right += is_right(trial, [one.text for one in _find(lines, [trial.passage])])
    log.info("reader.tried", model=name, right=right, of=len(TRIALS))
    return right >= MIN_RIGHT_TRIALS


async def _point(ctx: Context, prompt: AskPrompt, question: str, found: SearchResult) -> Reading:
    """What the model points to in the passages that fit its window. Raises `BackendError`."""
    fitted = await fit_prompt(ctx, prompt, question, found)
    able = await ctx.models.capabilities(prompt.model)
    text = render_task(
        ctx, "point", able, prompt, question, found, fitted.blocks, nothing=COPIES_NOTHING
    )
    texts = [escape_numbers(one.prompt_text) for one in found.passages[: fitted.blocks]]
    messages = (*fitted.messages[:-1], ChatMessage("user", text))
    lines, share = await _ask(ctx, prompt.model, messages, texts)
    pointed = tuple(_find(lines, texts))[:_MAX_POINTED_SPANS]
    if share is None:
        share = 1.0 if pointed else 0.0
    return Reading(pointed, share)


async def _ask(
    ctx: Context, name: str, messages: Sequence[ChatMessage], texts: Sequence[str]
) -> tuple[Sequence[str], float | None]:
    """The lines that a model writes, and the share that it gives to pointing at all."""
    sampling = _sampling(await ctx.models.capabilities(name), texts)
    said, share = await ask_reader(ctx, name, messages, sampling)
    return (_quotes(said) if sampling.json_schema else said.splitlines()), share


async def ask_reader(
    ctx: Context, name: str, messages: Sequence[ChatMessage], sampling: Sampling
) -> tuple[str, float | None]:
    """What a model writes beside the answer, and `Chunk.copies`. Raises `BackendError`."""
    request = ChatRequest(
        messages=tuple(messages),
        sampling=sampling,
        conversation=str(ctx.conversation),
        person=ctx.author.key,
        channel=ctx.conversation.scope("channel"),
        deadline_s=ctx.deadline_s,
    )
    said, share = "", None
    async with aclosing(ctx.models.chat(name, request)) as chunks:
        async for chunk in chunks:
            said += chunk.text
            share = chunk.copies if chunk.copies is not None else share
            if chunk.usage is not None:
                ctx.record.add(chunk.usage)
    return said, share


def _sampling(able: Capabilities, texts: Sequence[str]) -> Sampling:
    if able.copies:
        return replace(_SAMPLING, copy_from=tuple(texts))
    return replace(_SAMPLING, json_schema=_SCHEMA) if able.json_schema else _SAMPLING


def _quotes(said: str) -> Sequence[str]:
    """The quotes in a JSON answer; none where it was cut or is something else."""
    try:
        found = json.loads(said)
    except ValueError:
        return []
    quotes = found.get("quotes") if isinstance(found, dict) else None
    return [one for one in quotes if isinstance(one, str)] if isinstance(quotes, list) else []


def _find(lines: Sequence[str], texts: Sequence[str]) -> Iterator[Pointed]:
    """The lines that stand word for word in a text, each with the number of the first that has it.
    White space does not count, nor do quotation marks around a line."""
    plain = [" ".join(text.split()) for text in texts]
    seen: set[str] = set()
    for line in lines:
        words = " ".join(line.split())
        for said in (words, words.strip("\"'“”‘’«»`")):
            number = next((n for n, text in enumerate(plain, 1) if said and said in text), None)
            if number is not None and said not in seen and said != COPIES_NOTHING:
                seen.add(said)
                yield Pointed(number, said)
                break

"""`/summarize`: a page, a file, a message, or the last messages; long input in parts, side by side.

A text that does not fit the model is cut into parts, each part is summarised, and the summaries
are summarised again until they fit.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.api import (
    ChatMessage,
    CommandCall,
    Context,
    Example,
    Explanation,
    Failed,
    Notice,
    Option,
    Page,
    Part,
    Refused,
    Sampling,
    Skill,
    Source,
    Sources,
    Status,
    Text,
    UsageError,
    command,
    hookimpl,
    model_names,
)

Style = Literal["bullets", "prose"]

_URL = re.compile(r"https?://[^\s<>|\"]+", re.IGNORECASE)
_LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip

SAMPLING = Sampling(temperature=0.3, repeat_penalty=1.1, max_tokens=512)
PART_TOKENS = 160
"""Longest summary of a part, in tokens; at most a quarter of the part, so that each round ends
with less text than it began."""
_TEMPLATE_TOKENS = 160
"""Room that the prompt's own words take, in tokens."""
_ROUNDS = 6
PASTED_WORDS = 25
"""From so many words on, what stands in place of an address is the text itself."""


class SummarizeSettings(BaseModel):
    """`plugins.settings.summarize` in config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parallel: int = Field(default=4, ge=1, le=32)
    """Parts that are read at the same time."""
    max_parts: int = Field(default=64, ge=2, le=1000)
    """Parts of a long text that are read; what comes after them is left out, and said so."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to summarise, and how."""

    title: str
    text: str = field(repr=False)
    location: str
    style: Style
    language: str
    model: str
    family: str
    window: int


@command(
    "summarize",
    remember=True,
    menu="Summarise",
    takes_file=True,
    examples=[
        Example("/summarize https://example.com/article style=prose"),
        Example("/summarize last=20"),
    ],
)
async def summarize(
    ctx: Context,
    source: Annotated[
        str, Option("A URL, or the text itself; in the terminal also a path", takes_rest=True)
    ] = "",
    style: Annotated[Style, Option("A list of points, or paragraphs")] = "bullets",
    last: Annotated[
        int, Option("Instead: the last so many messages here", min_value=0, max_value=500)
    ] = 0,
    language: Annotated[str, Option("Language of the summary", max_length=40)] = "",
    model: Annotated[str | None, Option("Which model answers", complete=model_names)] = None,
) -> AsyncIterator[Part]:
    """Summarise a page, a file, a message or the last messages."""
    name = await ctx.model(model)
    can = await ctx.models.capabilities(name)
    yield Status("working", "reading what to summarise")
    page = await _input(ctx, source.strip(), last)
    job = Job(
        page.title,
        page.text,
        page.url,
        style,
        language or _language(ctx),
        name,
        can.family,
        can.context or 4096,
    )
    async with aclosing(_summary(ctx, job)) as parts:
        async for part in parts:
            yield part
    if page.url:
        yield Sources((Source(1, page.title, page.url),))


async def _input(ctx: Context, source: str, last: int) -> Page:
    """What to read: a menu's message, what is named, what is attached, what was said."""
    if isinstance(ctx.event, CommandCall) and ctx.event.target is not None:
        target = ctx.event.target
        if target.attachments:
            return await ctx.read(target.attachments[0])
        links = _URL.findall(target.text)
        if links and len(_URL.sub("", target.text).split()) < 20:
            return await ctx.web.read(links[0].rstrip(".,;:!?)"))
        return _said(target.text, f"A message by {target.author}")
    if source:
        return await _named(ctx, source)
    if ctx.attachments:
        return await ctx.read(ctx.attachments[0])
    return _said(await _messages(ctx, last), "The last messages")


async def _named(ctx: Context, source: str) -> Page:
    plain = source.strip("<>").partition("|")[0]  # how Slack writes a link
    if re.match(r"[a-z][a-z0-9+.-]*://", plain, re.IGNORECASE):
        return await ctx.web.read(plain)
    pasted = len(source.split()) >= PASTED_WORDS
    if ctx.conversation.platform == "terminal" and not pasted:
        return await ctx.web.read_file(source)
    if re.fullmatch(r"[\w-]+(\.[\w-]+)+(/\S*)?", plain):
        return await ctx.web.read(f"https://{plain}")
    if pasted:
        return _said(source, "")
    raise Refused("Give a URL such as https://example.com/page, or attach the file.")


async def _messages(ctx: Context, last: int) -> str:
    """What was said here: the platform's messages that the asker may read, else our own turns."""
    if ctx.event.context:
        quotes = ctx.event.context[-last:] if last else ctx.event.context
        return "\n\n".join(f"{q.author}: {q.text}" for q in quotes if q.text.strip())
    turns = await ctx.history.recent(str(ctx.conversation), limit=last or 50)
    return "\n\n".join(
        f"{t.author_name or t.author if t.role == 'user' else 'Parlance'}: {t.text}" for t in turns
    )


def _said(text: str, title: str) -> Page:
    if not text.strip():
        raise UsageError("Name what to summarise: a URL, a file that you attach, or last=20.")
    return Page("", title, text)


def _language(ctx: Context) -> str:
    """The asker's language, where the platform tells it; else the text's own is kept."""
    code = (ctx.author.locale or "").replace("_", "-").partition("-")[0].lower()
    return _LANGUAGES.get(code, "")


async def _summary(ctx: Context, job: Job) -> AsyncGenerator[Part, None]:
    """Summarise at once if the text fits, else its parts, and then their summaries."""
    settings = ctx.settings if isinstance(ctx.settings, SummarizeSettings) else SummarizeSettings()
    fitter = ctx.services.fitter
    answer = min(SAMPLING.max_tokens, job.window // 4)
    room = max(64, job.window - answer - _TEMPLATE_TOKENS)
    text, parts_read, left_out = job.text, 0, 0
    for _ in range(_ROUNDS):
        pieces = await fitter.split(ctx.models, job.model, text, room)
        if len(pieces) == 1:
            break
        if len(pieces) > settings.max_parts:
            left_out += len(pieces) - settings.max_parts
            yield Notice(
                f"The text is long: {settings.max_parts} of its {len(pieces)} parts are read."
            )
            pieces = pieces[: settings.max_parts]
        parts_read += len(pieces)
        summaries: dict[int, str] = {}
        sampling = replace(SAMPLING, max_tokens=min(PART_TOKENS, room // 4))
        async with aclosing(_side_by_side(ctx, job, pieces, settings.parallel, sampling)) as done:
            async for number, summary in done:
                summaries[number] = summary
                yield Status(
                    "working",
                    f"read part {len(summaries)} of {len(pieces)}",
                    done=len(summaries),
                    total=len(pieces),
                )
        text = "\n\n".join(summaries[n] for n in sorted(summaries) if summaries[n])
        if not text:
            raise Failed("The model wrote nothing about this text; try another one.")
    else:
        left_out += len(pieces) - 1
        text = pieces[0]
    yield Explanation(
        model=job.model,
        left_out=(f"{left_out} parts of a long text",) if left_out else (),
    )
    messages = _prompt(ctx, job, "summarize", text=text, style=job.style)
    async with aclosing(
        ctx.generate(
            messages, model=job.model, sampling=replace(SAMPLING, max_tokens=answer), cache=""
        )
    ) as stream:
        async for part in stream:
            yield part


async def _side_by_side(
    ctx: Context, job: Job, pieces: Sequence[str], parallel: int, sampling: Sampling
) -> AsyncGenerator[tuple[int, str], None]:
    """Summaries of the parts as they are done, with their numbers; at most `parallel` at a time.

    When this is closed or a part fails, the others are cancelled and awaited.
    """
    places = asyncio.Semaphore(parallel)
    words = sampling.max_tokens // 2

    async def one(number: int, piece: str) -> tuple[int, str]:
        async with places:
            messages = _prompt(
                ctx, job, "summarize_part", text=piece, part=number, parts=len(pieces), words=words
            )
            said = []
            async with aclosing(
                ctx.generate(messages, model=job.model, sampling=sampling, cache="")
            ) as stream:
                async for part in stream:
                    if isinstance(part, Text):
                        said.append(part.delta)
            return number, "".join(said).strip()

    tasks = [asyncio.create_task(one(n, piece)) for n, piece in enumerate(pieces, 1)]
    try:
        for next_done in asyncio.as_completed(tasks):
            yield await next_done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _prompt(ctx: Context, job: Job, task: str, **values: object) -> list[ChatMessage]:
    words = ctx.prompts.render(
        task, job.family, title=job.title[:200], language=job.language, **values
    )
    system = ctx.prompts.render("system", job.family, persona="")
    return [ChatMessage("system", system), ChatMessage("user", words)]


@hookimpl
def plugin_settings() -> type[BaseModel]:
    return SummarizeSettings


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("summarize", commands=(summarize,))]

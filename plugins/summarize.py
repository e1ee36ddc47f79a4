"""`/summarize` of whatever `plugins.summary_source` finds; also for "sum up this thread".

A text that does not fit the model is cut into parts, the parts are summarised side by side, and
the summaries are summarised again until they fit. Where the model is very small the summary is made
of the text's own sentences, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.api import (
    READ_CHARACTERS,
    Capabilities,
    ChatMessage,
    Context,
    Example,
    Explanation,
    Failed,
    Message,
    Notice,
    Option,
    Page,
    Refused,
    Sampling,
    Skill,
    Source,
    Sources,
    Status,
    Text,
    Trusted,
    as_points,
    command,
    excerpts,
    hookimpl,
    is_small,
    model_names,
    say,
    small_note,
)
from plugins.summary_source import (
    DEFAULT_MESSAGES,
    MAX_MESSAGES,
    Style,
    find_page,
    parse_request,
    read_messages,
    text_page,
)

_LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip

SAMPLING = Sampling(intent="close")
MAX_PART_SUMMARY_TOKENS = 512
"""Longest summary of a part, in tokens; at most an eighth of the part, so that each round ends with
much less text than it began."""
EXCERPT_SENTENCES = {"bullets": 5, "prose": 4}
"""Sentences in a summary of the text's own words, by style."""
_TEMPLATE_TOKENS = 160
"""Room that the prompt's own words take, in tokens."""
_MAX_ROUNDS = 6


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
    can: Capabilities
    window: int
    question: str = ""


@command(
    "summarize",
    remember=True,
    menu="Summarise",
    reads_history="never",
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
        int, Option("Instead: the last so many messages here", min_value=0, max_value=MAX_MESSAGES)
    ] = 0,
    language: Annotated[str, Option("Language of the summary", max_length=40)] = "",
    model: Annotated[str | None, Option("Which model answers", complete=model_names)] = None,
) -> None:
    """Summarise a page, a file, a message or the last messages."""
    name = await ctx.model(model)
    await ctx.say(Status("working", say("reading what to summarise")))
    page = await find_page(ctx, source.strip(), last)
    await summarize_text(ctx, page, name, style, language)


async def answer(ctx: Context) -> None:
    """Sum up the thread or channel in which somebody asks for it in free text."""
    name = await ctx.model()
    await ctx.say(Status("working", say("reading what to summarise")))
    request = parse_request(ctx.event.text or "")
    assert request is not None  # `wants` has found it
    page = text_page(
        *await read_messages(
            ctx, request.last or (MAX_MESSAGES if request.thread else DEFAULT_MESSAGES)
        )
    )
    await summarize_text(ctx, page, name, request.style, "")


async def summarize_text(
    ctx: Context, page: Page, model: str, style: Style, language: str, question: str = ""
) -> None:
    """Summarise a text, above all what it says about a question, if there is one."""
    can = await ctx.models.capabilities(model)
    job = Job(
        page.title,
        page.text,
        page.url,
        style,
        language or _language(ctx),
        model,
        can,
        can.context or 4096,
        question,
    )
    await (_quote_sentences(ctx, job) if is_small(can) else _write_summary(ctx, job))
    if page.url:
        await ctx.say(Sources((Source(1, page.title, page.url),)))
    elif page.title:
        await ctx.say(Notice(f"{page.title}.", kind="footer"))
    if is_small(can):
        history = await ctx.history.recent(str(ctx.conversation))
        if note := small_note(ctx, model, history):
            await ctx.say(note)


async def _quote_sentences(ctx: Context, job: Job) -> None:
    """Sentences of the text, word for word, instead of a model's."""
    found = await asyncio.to_thread(excerpts, job.text, EXCERPT_SENTENCES[job.style])
    if not found:
        raise Refused(say("There is no whole sentence in it that a summary could be made of."))
    cut = len(job.text) > READ_CHARACTERS
    await ctx.say(
        Explanation(left_out=(say("All but the beginning of a long text."),) if cut else ())
    )
    shown = as_points(found) if job.style == "bullets" else " ".join(found)
    await ctx.say(Text(say("In the text's own words:\n\n{shown}", shown=shown)))


def _language(ctx: Context) -> str:
    """The asker's language, where the platform tells it; else the text's own is kept."""
    code = (ctx.author.locale or "").replace("_", "-").partition("-")[0].lower()
    return _LANGUAGES.get(code, "")


async def _write_summary(ctx: Context, job: Job) -> None:
    """Summarise at once if the text fits, else its parts, and then their summaries."""
    settings = ctx.settings if isinstance(ctx.settings, SummarizeSettings) else SummarizeSettings()
    fitter = ctx.services.fitter
    answer = min(fitter.answer_tokens, job.window // 4)
    room = max(64, job.window - answer - _TEMPLATE_TOKENS)
    text, left_out = job.text, 0
    for _ in range(_MAX_ROUNDS):
        split = await fitter.split(ctx.models, job.model, text, room, most=settings.max_parts)
        pieces = split.pieces
        if len(pieces) == 1 and not split.more:
            break
        if split.more:
            left_out += split.more
            every = len(pieces) + split.more
            await ctx.say(
                Notice(
                    say(
                        "The text is long: {number} of its {total} parts are read.",
                        number=len(pieces),
                        total=every,
                    )
                )
            )
        summaries: dict[int, str] = {}
        sampling = replace(SAMPLING, max_tokens=min(MAX_PART_SUMMARY_TOKENS, room // 8))
        async with aclosing(
            _summarise_parts(ctx, job, pieces, settings.parallel, sampling)
        ) as done:
            async for number, summary in done:
                summaries[number] = summary
                done_words = say(
                    "read part {number} of {total}",
                    number=len(summaries),
                    total=len(pieces),
                )
                await ctx.say(Status("working", done_words, done=len(summaries), total=len(pieces)))
        text = "\n\n".join(summaries[n] for n in sorted(summaries) if summaries[n])
        if not text:
            raise Failed(say("The model wrote nothing about this text; try another one."))
    else:
        left_out += len(pieces) - 1
        text = pieces[0]
    why = (say("{left_out} parts of a long text", left_out=left_out),) if left_out else ()
    await ctx.say(Explanation(model=job.model, left_out=why))
    messages = _prompt(ctx, job, "summarize", text=text, style=job.style)
    sampling = replace(SAMPLING, max_tokens=answer)
    await ctx.write(messages, model=job.model, sampling=sampling, cache="")


async def _summarise_parts(
    ctx: Context, job: Job, pieces: Sequence[str], parallel: int, sampling: Sampling
) -> AsyncGenerator[tuple[int, str], None]:
    """Summaries of the parts as they are done, with their numbers; at most `parallel` at a time.

    When this is closed or a part fails, the others are cancelled and awaited.
    """
    places = asyncio.Semaphore(parallel)
    words = sampling.answer_tokens // 2

    async def one(number: int, piece: str) -> tuple[int, str]:
        async with places:
            messages = _prompt(
                ctx, job, "summarize_part", text=piece, part=number, parts=len(pieces), words=words
            )
            text_page = []
            async with aclosing(
                ctx.generate(messages, model=job.model, sampling=sampling, cache="")
            ) as stream:
                async for part in stream:
                    if isinstance(part, Text):
                        text_page.append(part.delta)
            return number, "".join(text_page).strip()

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
        task,
        job.can,
        title=job.title,
        language=Trusted(job.language),
        question=job.question,
        **values,
    )
    system = ctx.prompts.render("system", job.can, persona="")
    return [ChatMessage("system", system), ChatMessage("user", words)]


def wants(message: Message) -> bool:
    """Whether a message asks for a summary of what was said around it, and for nothing else."""
    return not message.attachments and parse_request(message.text) is not None


@hookimpl
def plugin_settings() -> type[BaseModel]:
    return SummarizeSettings


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("summarize", commands=(summarize,), answer=answer, wants=wants, priority=50)]

"""Answers a question from passages: fits them into the prompt, checks citations, names sources."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from backends.base import Sampling
from bot.answering.extractive_quote import quote, quote_beginning
from bot.answering.small_model import is_small, small_note
from bot.catalogue.sentence import join_sentences, say, say_number
from bot.history.protocol import StoredMessage
from bot.knowledge.citations.stream_filter import CitationFilter
from bot.knowledge.citations.support import check_support
from bot.prompting.echo_filter import EchoFilter
from bot.prompting.foreign_text import Trusted, escape_numbers
from bot.prompting.speakers import speakers
from bot.skills.context import Context
from bot.types import Explanation, Notice, Part, Place, Source, Sources, Text
from bot.values import Passage, SearchResult

_CITATION = re.compile(r"[ \t]?\[((?:\d{1,3})(?:\s*[,;]\s*\d{1,3}){0,15})\]")
SAMPLING = Sampling(temperature=0.2, repeat_penalty=1.1)
"""Close to the text. The penalty keeps small models from saying the same sentence for ever."""

MAX_PASSAGES_SHARE = 0.5
"""Share of the context window that passages may take: more make small models worse, and slow."""

_FENCE_END = "</document-"
"""What ends a document in the prompt; some models end their answer with it, too."""

_MAX_UNCITED_SOURCES = 3
_MAX_DOUBTFUL_SENTENCES = 3


async def answer_from(
    ctx: Context,
    question: str,
    found: SearchResult,
    *,
    system: str,
    model: str | None = None,
    history: Sequence[StoredMessage] = (),
    sampling: Sampling | None = None,
    about: str = "",
) -> AsyncGenerator[Part, None]:
    """Answer a question from the passages of a search, with citations `[1]…[k]` and sources.

    `question` is the asker's own text; `about` is a message of somebody else that it refers to.
    `system` is the system prompt, `model` the model to ask (by default the one chosen here),
    `history` the earlier turns, oldest first. Passages that do not fit the context window are left
    out, lowest rank first, and named in the `Explanation`. Sentences that the passages do not
    support are listed in a footer. A very small model is not asked: the answer is a quotation.
    Raises `BackendError`.
    """
    name = await ctx.model(model)
    capabilities = await ctx.models.capabilities(name)
    if is_small(capabilities):
        for quoted in _quotation(f"{question}\n{about}".strip(), found):
            yield quoted
        if note := small_note(ctx, name, history):
            yield note
        return
    answer_tokens = sampling.max_tokens if sampling is not None else None
    sampling = sampling or SAMPLING
    sampling = replace(sampling, stop=(*sampling.stop, _FENCE_END))

    def compose(n: int) -> str:
        return ctx.prompts.render(
            "ask",
            capabilities.family,
            question=Trusted(question),
            about=about,
            passages=[_prompt_passage(number, p) for number, p in enumerate(found.passages[:n], 1)],
        )

    fitted = await ctx.services.fitter.fit(
        ctx.models,
        name,
        system=system,
        compose=compose,
        blocks=len(found.passages),
        history=history,
        who=speakers(history, ctx.author),
        answer_tokens=answer_tokens,
        share=MAX_PASSAGES_SHARE,
    )
    used = [source(number, p) for number, p in enumerate(found.passages[: fitted.blocks], 1)]
    yield Explanation(
        model=name,
        turns_used=fitted.turns_used,
        turns_left_out=fitted.turns_left_out,
        passages=tuple(used),
        left_out=tuple(label(p) for p in found.passages[fitted.blocks :]),
        searched=found.searched,
    )
    given = found.passages[: fitted.blocks]
    citations, echo, said = CitationFilter(len(used)), EchoFilter(), ""
    parts = ctx.generate(
        fitted.messages,
        model=name,
        sampling=replace(sampling, max_tokens=fitted.max_tokens),
    )
    async with aclosing(parts) as stream:
        async for part in stream:
            if not isinstance(part, Text):
                yield part
            elif text := citations.feed(echo.feed(part.delta)):
                said += text
                yield Text(text)
    if rest := citations.feed(echo.finish()) + citations.finish():
        said += rest
        yield Text(rest)
    cited = [one for one in used if one.number in citations.cited]
    if not cited:
        borne_out = [await _has_sentence_from(passage, said) for passage in given]
        cited = [one for one, does in zip(used, borne_out, strict=True) if does]
    yield _sources(cited or used[:_MAX_UNCITED_SOURCES])
    checked = await ctx.knowledge.check_support(said, given)
    doubtful = [_shorten(one.text) for one in checked if not one.supported]
    if doubtful:
        yield Notice(_doubt_notice(doubtful), kind="footer")


def _quotation(question: str, found: SearchResult) -> Iterator[Part]:
    """The documents' own words as the answer."""
    asked = found.searched[0] if found.searched else question
    quotation = quote(asked, found.passages) or quote_beginning(found.passages)
    used = source(quotation.number, found.passages[quotation.number - 1])
    others = [p for n, p in enumerate(found.passages, 1) if n != quotation.number]
    yield Explanation(
        passages=(used,),
        left_out=tuple(label(p) for p in others),
        searched=found.searched,
    )
    yield Text(f"> {quotation.text} [{quotation.number}]")
    yield _sources([used])


def _sources(shown: Sequence[Source]) -> Sources:
    """The sources as they are listed: several passages of one section are one entry."""
    sections: dict[tuple[str | Place, ...], Source] = {}
    for one in shown:
        key = (one.base, one.document, one.location, one.title, one.heading, one.place)
        first = sections.get(key)
        sections[key] = one if first is None else replace(first, also=(*first.also, one.number))
    return Sources(tuple(sections.values()))


async def _has_sentence_from(passage: Passage, said: str) -> bool:
    """Whether an answer that cites nothing has a sentence from this passage, by its words."""
    return any(one.supported for one in await check_support(said, [passage.text]))


def _doubt_notice(sentences: Sequence[str]) -> str:
    more = len(sentences) - _MAX_DOUBTFUL_SENTENCES
    shown = " · ".join(f"“{one}”" for one in sentences[:_MAX_DOUBTFUL_SENTENCES])
    doubt = say("This may not be supported by the sources: {shown}", shown=shown)
    rest = say_number("and {n} more sentence.", "and {n} more sentences.", more) if more > 0 else ""
    return join_sentences((doubt, rest))


def _shorten(sentence: str) -> str:
    line = " ".join(_CITATION.sub("", sentence).split())
    return line if len(line) <= 100 else line[:100].rsplit(" ", 1)[0] + " …"


def source(number: int, passage: Passage) -> Source:
    """A passage as it is shown under an answer."""
    return Source(
        number=number,
        title=passage.title,
        location=passage.name,
        heading=passage.heading,
        score=passage.score,
        passage=passage.text,
        document=passage.document,
        at=passage.at,
        base=passage.base,
        place=passage.place,
    )


def label(passage: Passage) -> str:
    """Title and heading, in one line."""
    return f"{passage.title} › {passage.heading}" if passage.heading else passage.title


def _prompt_passage(number: int, passage: Passage) -> dict[str, str | int]:
    """A passage for the prompt."""
    return {"number": number, "title": label(passage), "text": escape_numbers(passage.text)}

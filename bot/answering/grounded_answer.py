"""Answers a question from passages: fits them into the prompt, checks citations, names sources."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from backends.base import Sampling
from bot.answering.extractive_quote import Quotation, quote, quote_beginning, quote_pointed
from bot.answering.prompt import AskPrompt, fit_prompt, lay_out_passages, passage_label
from bot.answering.small_model import is_small, small_note
from bot.answering.support_reading import find_unsaid
from bot.catalogue.sentence import join_sentences, say, say_number
from bot.history.protocol import StoredMessage
from bot.knowledge.citations.stream_filter import CitationFilter
from bot.knowledge.citations.support import check_support
from bot.memory.memories import Memory
from bot.prompting.echo_filter import EchoFilter
from bot.replies.address_filter import AddressFilter
from bot.skills.context import Context
from bot.skills.model_call import shown_in
from bot.types import Explanation, Notice, Part, Place, Source, Sources, Text
from bot.values import Passage, SearchResult

_CITATION = re.compile(r"[ \t]?\[((?:\d{1,3})(?:\s*[,;]\s*\d{1,3}){0,15})\]")
SAMPLING = Sampling(intent="close")

_FENCE_END = "</document-"
"""What ends a document in the prompt; some models end their answer with it, too."""

_MAX_NEAREST_PASSAGES = 2
"""The most passages that are shown where it is not sure that they answer."""
_MIN_NEAREST_SHARE = 0.6
"""A passage is shown beside the best if its score is at least this share of the best one's."""
_MAX_UNCITED_SOURCES = 3
_MAX_SHOWN_WORDS = 5
_MAX_SHOWN_CHARACTERS = 160


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
    memories: Sequence[Memory] = (),
) -> AsyncGenerator[Part, None]:
    """Answer a question from the passages of a search, with citations `[1]…[k]` and sources.

    `question` is the asker's own text; `about` is a message of somebody else that it refers to.
    `system` is the system prompt without `memories`, which the answer alone is told; `model` is the
    model to ask (by default the one chosen here), `history` the earlier turns, oldest first.
    Passages that do not fit the context window are left out, lowest rank first, and named in the
    `Explanation`. What the passages do not say is listed in a footer: sentences where a model
    reads, else figures, names and options. A very small model is not asked: the answer is a
    quotation. Nor is any where the search is `unsure`: then the nearest sentences are shown as
    such. Raises `BackendError`.
    """
    name = await ctx.model(model)
    if found.outcome != "answer":
        found = found.best_first()
        for part in _nearest(_searched(question, about, found), found):
            yield part
        return
    if is_small(await ctx.models.capabilities(name)):
        found = found.best_first()
        for part in (*_quotation(_searched(question, about, found), found), *_unanswered(found)):
            yield part
        if note := small_note(ctx, name, history):
            yield note
        return
    prompt = AskPrompt(
        name,
        system,
        history,
        about,
        sampling.max_tokens if sampling is not None else None,
        memories,
    )
    found = await lay_out_passages(ctx, prompt, question, found)
    sampling = sampling or SAMPLING
    sampling = replace(sampling, stop=(*sampling.stop, _FENCE_END))
    fitted = await fit_prompt(ctx, prompt, question, found)
    used = [source(number, p) for number, p in enumerate(found.passages[: fitted.blocks], 1)]
    yield replace(
        _explanation(found, used),
        model=name,
        turns_used=fitted.turns_used,
        turns_left_out=fitted.turns_left_out,
        summary=fitted.summary.id if fitted.summary is not None else 0,
        left_out=tuple(passage_label(p) for p in found.passages[fitted.blocks :]),
    )
    given = found.passages[: fitted.blocks]
    citations, echo, said = CitationFilter(len(used)), EchoFilter(), ""
    # What is taken out of an answer may have been all that kept an address from being a link.
    addresses = AddressFilter(await asyncio.to_thread(shown_in, fitted.messages))
    parts = ctx.generate(
        fitted.messages,
        model=name,
        sampling=replace(sampling, max_tokens=fitted.max_tokens),
    )
    async with aclosing(parts) as stream:
        async for part in stream:
            if not isinstance(part, Text):
                yield part
            elif text := addresses.feed(citations.feed(echo.feed(part.delta))):
                said += text
                yield Text(text)
    ending = citations.feed(echo.finish()) + citations.finish()
    if rest := addresses.feed(ending) + addresses.finish():
        said += rest
        yield Text(rest)
    yield _sources(await _cited(used, citations.cited, said, found))
    read = [replace(one, text=one.prompt_text) for one in given]
    checked = await ctx.knowledge.check_support(said, read)
    unsaid = await find_unsaid(ctx, prompt, question, found, checked)
    unknown = [
        *(f"“{one.rstrip('.。')}”" for one in unsaid),
        *(words for one in checked if one.statement not in unsaid for words in one.unknown),
    ]
    if unknown:
        yield Notice(_unknown_notice(list(dict.fromkeys(unknown))), kind="footer")
    for notice in _unanswered(found):
        yield notice


async def _cited(
    used: Sequence[Source], numbers: Collection[int], said: str, found: SearchResult
) -> Sequence[Source]:
    """The sources that an answer cites, and those of each part of a question; of an answer that
    cites none those pointed to, else those that have one of its sentences, else the best."""
    pointed = {one.number for one in found.pointed or ()}
    numbers = {*numbers, *pointed} if found.parts else numbers or pointed
    cited = [one for one in used if one.number in numbers]
    if not cited:
        borne_out = [await _has_sentence_from(one, said) for one in found.passages[: len(used)]]
        cited = [one for one, does in zip(used, borne_out, strict=True) if does]
    best = sorted(used, key=lambda one: found.ranks[one.number - 1])[:_MAX_UNCITED_SOURCES]
    return cited or [one for one in used if one in best]


def _searched(question: str, about: str, found: SearchResult) -> str:
    """What sentences are chosen by: the question as it was looked up."""
    return found.searched[0] if found.searched else f"{question}\n{about}".strip()


def _quotation(asked: str, found: SearchResult) -> Iterator[Part]:
    """The documents' own words as the answer."""
    pointed = quote_pointed(found.pointed, found.passages)
    first = (
        pointed[0]
        if pointed
        else quote(asked, found.passages, found.language) or quote_beginning(found.passages)
    )
    yield from _quoted(pointed if found.parts and pointed else [first], found)


def _nearest(asked: str, found: SearchResult) -> Iterator[Part]:
    """What comes nearest in the documents, where it is not sure that it answers."""
    shown: dict[str, Quotation] = {}
    for one in quote_pointed(found.pointed, found.passages) or ():
        shown[one.text] = one
    for number, passage in enumerate(found.passages[:_MAX_NEAREST_PASSAGES], 1):
        if passage.score >= _MIN_NEAREST_SHARE * found.passages[0].score:
            one = quote(asked, [passage], found.language) or quote_beginning([passage])
            shown.setdefault(one.text, Quotation(number, one.text))
    yield from _quoted(
        list(shown.values())[:_MAX_NEAREST_PASSAGES],
        found,
        say("I am not sure. The nearest in the documents is:"),
    )


def _quoted(quotations: Sequence[Quotation], found: SearchResult, lead: str = "") -> Iterator[Part]:
    numbers = {one.number for one in quotations}
    used = [source(n, p) for n, p in enumerate(found.passages, 1) if n in numbers]
    others = [p for n, p in enumerate(found.passages, 1) if n not in numbers]
    yield replace(
        _explanation(found, used), left_out=tuple(passage_label(passage) for passage in others)
    )
    lines = ["> {} [{}]".format(one.text.replace("\n", "\n> "), one.number) for one in quotations]
    yield Text("\n\n".join([*([lead] if lead else []), *lines]))
    yield _sources(used)


def _explanation(found: SearchResult, used: Sequence[Source]) -> Explanation:
    return Explanation(
        passages=tuple(used),
        searched=found.searched,
        pointed=tuple(f"“{one.text}” [{one.number}]" for one in found.pointed or ()),
        confidence=found.confidence,
        outcome=found.outcome,
        read_by=found.read_by,
    )


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
    return any(one.borne_out for one in await check_support(said, [passage.text]))


def _unanswered(found: SearchResult) -> Iterator[Notice]:
    """Which parts of a question the documents do not answer."""
    if missing := [f"“{one.text}”" for one in found.parts if not one.answered]:
        listed = " ".join(missing)
        yield Notice(
            say("I found no sure answer to this in the documents: {parts}", parts=listed),
            kind="footer",
        )


def _unknown_notice(words: Sequence[str]) -> str:
    shown = ", ".join(
        one if len(one) <= _MAX_SHOWN_CHARACTERS else f"{one[:_MAX_SHOWN_CHARACTERS].rstrip()}…"
        for one in words[:_MAX_SHOWN_WORDS]
    )
    more = len(words) - _MAX_SHOWN_WORDS
    rest = say_number("and {n} more", "and {n} more", more) if more > 0 else ""
    return say(
        "I could not find this in the sources: {words}.", words=join_sentences((shown, rest))
    )


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

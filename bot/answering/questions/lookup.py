"""Looks a question up in the documents: searched, and read where a model can, part by part.

The passages of all parts stand in one prompt, which the model that reads them keeps: each further
part costs its own few words.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest

from bot.answering.query_rewriting import search_for
from bot.answering.questions.parts import may_have_parts, split_question
from bot.answering.reader import find_reader, read_passages
from bot.history.protocol import StoredMessage
from bot.knowledge.language.sentences import split_sentences
from bot.memory.memories import Memory
from bot.skills.context import Context
from bot.values import Passage, Pointed, QuestionPart, SearchResult

MAX_QUESTION_CHARACTERS = 4_000
"""The longest question that is looked up."""
_PASSAGES = 8
"""How many passages are searched for a question, and for its parts together."""
_MIN_PASSAGES_EACH = 3
_LONG_CHARACTERS = 600
"""Of a longer text, a story or a log, the sentences that ask are searched, if it has any."""
_MAX_ASKING_SENTENCES = 3
_ASKING = re.compile(r"[?？؟][\s\"'”’»)\]]*$")


async def look_up(
    ctx: Context,
    question: str,
    *,
    bases: Sequence[str],
    system: str,
    model: str | None = None,
    history: Sequence[StoredMessage] = (),
    about: str = "",
    memories: Sequence[Memory] = (),
) -> SearchResult:
    """Search the documents for a question, and let a model that can read judge what was found.

    Where such a model finds several questions in it, each is searched and read by itself; the
    result has the passages of all, and says which `parts` they answer. The arguments are those of
    `answer_from`, which answers from the result. Raises `UsageError` for a question that is too
    long, `Refused` where the embedder changed.
    """
    asked = f"{question}\n\n{about}".strip()[:MAX_QUESTION_CHARACTERS]
    search = partial(search_for, ctx, bases=bases, history=history, model=model)
    read = partial(
        read_passages, ctx, system=system, model=model, history=history, memories=memories
    )
    parts = [] if about or not bases else await _split(ctx, question, model)
    searched = await asyncio.to_thread(find_asking, asked)
    whole = await search(searched, limit=_PASSAGES)
    if searched != asked and not whole.searched:
        whole = replace(whole, searched=(searched,))
    if not parts:
        return await read(question, whole, about=about)
    each = max(_MIN_PASSAGES_EACH, _PASSAGES // len(parts))
    found = [await search(part, limit=each) for part in parts]
    passages = _in_turn([one.passages for one in found])
    ranks: tuple[int, ...] = ()
    parts_read: list[SearchResult] = []
    for part, one in zip(parts, found, strict=True):
        given = replace(one, passages=passages, further=(), ranks=ranks)
        parts_read.append(await read(part, given))
        passages, ranks = parts_read[-1].passages, parts_read[-1].ranks  # as they were read
    if not any(one.outcome == "answer" for one in parts_read):
        return await read(question, whole)
    return _together(whole, parts, parts_read, passages)


def find_asking(text: str) -> str:
    """What is searched for a text: of a long one the last sentences that ask something."""
    if len(text) <= _LONG_CHARACTERS:
        return text
    asking = [one for one in split_sentences(text) if _ASKING.search(one)]
    return " ".join(asking[-_MAX_ASKING_SENTENCES:]) or text


async def _split(ctx: Context, question: str, model: str | None) -> Sequence[str]:
    if not await asyncio.to_thread(may_have_parts, question):
        return ()
    reader = await find_reader(ctx, await ctx.model(model))
    return await split_question(ctx, question, reader) if reader is not None else ()


def _in_turn(ranked: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
    """The best of each, then the second of each, and so on; none twice."""
    rows = zip_longest(*ranked)
    return tuple({one.id: one for row in rows for one in row if one is not None}.values())


def _together(
    whole: SearchResult,
    parts: Sequence[str],
    read: Sequence[SearchResult],
    passages: tuple[Passage, ...],
) -> SearchResult:
    answered = [one for one in read if one.outcome == "answer"]
    pointed: dict[Pointed, None] = {}
    for one in answered:
        pointed.update(dict.fromkeys(one.pointed or ()))
    all_read = all(one.pointed for one in answered)
    return replace(
        whole,
        passages=passages,
        ranks=read[-1].ranks,
        further=(),
        evidence=True,
        related=True,
        confidence=min(one.confidence for one in answered),
        searched=tuple(parts),
        pointed=tuple(pointed) if all_read else None,
        read_by=answered[0].read_by,
        parts=tuple(
            QuestionPart(part, one.outcome == "answer")
            for part, one in zip(parts, read, strict=True)
        ),
    )

"""Answers questions that ask for documents: which of them say something, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.answering.extractive_quote import Quotation, quote, quote_pointed
from bot.answering.grounded_answer import source
from bot.answering.query_rewriting import search_for
from bot.answering.questions.changes import answer_changes
from bot.answering.questions.forms import DocumentsAsked, find_form
from bot.answering.reader import read_passages
from bot.catalogue.sentence import join_sentences, say
from bot.history.protocol import StoredMessage
from bot.memory.memories import Memory
from bot.skills.context import Context
from bot.types import Explanation, Sources, Text
from bot.values import Passage, SearchResult

_MAX_LISTED_DOCUMENTS = 10
_SEARCHED_PASSAGES = 40
"""Passages that are looked at for ten documents."""
_MIN_SCORE_SHARE = 0.5
"""A document is listed if its score is at least this share of the best one's."""
_READ_TOGETHER = 3
"""Passages that a model reads at once: it points to no more places."""


async def list_documents(
    ctx: Context,
    question: str,
    *,
    bases: Sequence[str],
    system: str,
    model: str | None = None,
    history: Sequence[StoredMessage] = (),
    memories: Sequence[Memory] = (),
) -> bool:
    """Answer a question that asks which documents say something, or what changed in them.

    No model is needed; one that can read says which documents do say it. Returns False, and says
    nothing, for every other question, and where no document says it.
    """
    asked = find_form(question, datetime.now(UTC))
    if asked is None or not bases:
        return False
    if not isinstance(asked, DocumentsAsked):
        text = await answer_changes(ctx, asked, bases)
        if text is not None:
            await ctx.say(Text(text))
        return text is not None
    found = await search_for(ctx, asked.subject, bases=bases, model=model, limit=_SEARCHED_PASSAGES)
    if found.outcome == "absent":
        return False
    best = _best_of_each_document(found.passages)
    found = replace(found, passages=best, further=())
    read = [
        await read_passages(
            ctx,
            question,
            replace(found, passages=some),
            system=system,
            model=model,
            history=history,
            memories=memories,
        )
        for some in _batches(best)
    ]
    lines, sure = _lines(asked.subject, read)
    if not lines:
        return False
    await _show(ctx, lines, replace(found, evidence=sure), asked.subject)
    return True


def _batches(passages: Sequence[Passage]) -> Iterator[tuple[Passage, ...]]:
    for at in range(0, len(passages), _READ_TOGETHER):
        yield tuple(passages[at : at + _READ_TOGETHER])


def _best_of_each_document(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    best: dict[str, Passage] = {}
    for one in passages:
        if one.score >= _MIN_SCORE_SHARE * passages[0].score:
            best.setdefault(one.document, one)
    return tuple(best.values())[:_MAX_LISTED_DOCUMENTS]


def _lines(subject: str, read: Sequence[SearchResult]) -> tuple[list[Quotation], bool]:
    """One sentence of each document that says it, and whether it is sure that they do."""
    lines: list[Quotation] = []
    before = 0
    for one in read:
        if one.pointed is None:
            each = [quote(subject, [passage], one.language) for passage in one.passages]
            quoted = [replace(q, number=n) for n, q in enumerate(each, 1) if q is not None]
        else:
            quoted = quote_pointed(one.pointed, one.passages) if one.related else []
        first = {q.number: q for q in reversed(quoted)}
        lines += [replace(first[n], number=before + n) for n in sorted(first)]
        before += len(one.passages)
    return lines, any(one.evidence for one in read)


async def _show(
    ctx: Context, lines: Sequence[Quotation], found: SearchResult, subject: str
) -> None:
    used = [source(line.number, found.passages[line.number - 1]) for line in lines]
    await ctx.say(
        Explanation(
            passages=tuple(used),
            searched=(subject,),
            confidence=found.confidence,
            outcome=found.outcome,
        )
    )
    rows = [
        "- **{}**: “{}” [{}]".format(one.title, " ".join(line.text.split()), line.number)
        for one, line in zip(used, lines, strict=True)
    ]
    lead = "" if found.evidence else say("I am not sure that these say it:")
    await ctx.say(Text(join_sentences((lead, "\n".join(rows)), "\n\n")))
    await ctx.say(Sources(tuple(used)))

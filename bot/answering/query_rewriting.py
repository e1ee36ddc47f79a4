"""Searching the documents for what somebody asks in the middle of a conversation.

A short follow-up is looked up with the question before it, at no cost (`bot.knowledge.retrieval.followup`).
Where config.yaml says so a model is asked first, to make the question stand by itself, or for other
ways to put it. What it says is checked, and the question stays as it was asked where that is no
use: a search must never be worse for having asked a model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from backends.base import ChatMessage, Sampling
from backends.errors import BackendError
from bot.history.protocol import StoredMessage
from bot.knowledge.language.words import extract_terms, is_unspaced, stem
from bot.prompting.foreign_text import Trusted
from bot.skills.context import Context
from bot.types import Text
from bot.values import SearchResult

log = structlog.get_logger(__name__)

_EARLIER = 3
"""Earlier turns that a model is shown."""
_SHOWN = 400
_REWRITE = Sampling(temperature=0.0, max_tokens=64, stop=("\n",))
_QUERIES = Sampling(temperature=0.0, repeat_penalty=1.1, max_tokens=96)
_MOST_QUERIES = 3
_LONGEST = 200
_LONGER_BY = 160
"""Characters by which a rewritten question may be longer than what was asked."""
_KEPT = 0.5
_LEAD = re.compile(
    r"^\s*(?:[-*•]|\(?\d+[.):]|(?:the )?(?:question|query|rewritten)[^:]{0,20}:)\s*", re.I
)
_QUOTES = " \t\"'“”‘’«»`*"


async def search_for(
    ctx: Context,
    question: str,
    *,
    bases: Sequence[str],
    history: Sequence[StoredMessage] = (),
    model: str | None = None,
) -> SearchResult:
    """Search the documents for a question, with what the conversation's earlier turns say of it.

    Raises `UsageError` for a question that is too long, `Refused` where the embedder changed. A
    model that fails, or takes too long, is done without.
    """
    if not bases:
        return SearchResult((), evidence=False)
    before = [turn.text for turn in history if turn.role == "user" and turn.text.strip()]
    asked, searching = question, ctx.services.searching
    if searching.rewrite and before:
        asked = await _rewritten(ctx, question, history, model) or question
    beside = await _other_wordings(ctx, asked, model) if searching.multi_query else ()
    found = await ctx.knowledge.search(
        asked, bases=bases, before=() if asked != question else before, beside=beside
    )
    if asked != question and not found.searched:
        return SearchResult(
            found.passages, found.evidence, found.confidence, found.nearest, (asked,)
        )
    return found


async def _rewritten(
    ctx: Context, question: str, history: Sequence[StoredMessage], model: str | None
) -> str | None:
    turns = [turn for turn in history if turn.text.strip()][-2 * _EARLIER :]
    said = "\n".join(
        f"{'Question' if turn.role == 'user' else 'Answer'}: {_short(turn.text)}" for turn in turns
    )
    asked = Trusted(_short(question))
    text = await _ask(ctx, "rewrite", _REWRITE, model, question=asked, earlier=said)
    return standing_alone(text, question, [turn.text for turn in turns])


async def _other_wordings(ctx: Context, question: str, model: str | None) -> Sequence[str]:
    text = await _ask(ctx, "queries", _QUERIES, model, question=Trusted(_short(question)))
    return other_wordings(text, question)


def standing_alone(text: str, question: str, earlier: Sequence[str]) -> str | None:
    """A rewritten question, or None where it is empty, rambles, or asks something else.

    It must keep the question's own words, and take most of its others from what was said before.
    """
    line = _line(text)
    if not line or len(line) > len(question) + _LONGER_BY or line.casefold() == question.casefold():
        return None
    made, own = _stems(line), _stems(question)
    known = own.union(*(_stems(turn) for turn in earlier))
    if not made or len(made & known) < _KEPT * len(made) or len(made & own) < _KEPT * len(own):
        return None
    return line


def other_wordings(text: str, question: str) -> tuple[str, ...]:
    """The lines of a model's answer that can be looked up, at most three, none twice."""
    own = _stems(question)
    found: dict[str, str] = {}
    for each in text.splitlines():
        line = _line(each)
        if line and len(line) <= _LONGEST and _stems(line) & own:
            found.setdefault(line.casefold(), line)
    found.pop(question.casefold(), None)
    return tuple(found.values())[:_MOST_QUERIES]


async def _ask(
    ctx: Context, task: str, sampling: Sampling, model: str | None, **values: str
) -> str:
    """What a model says to a prompt; empty where it fails or takes longer than it may."""
    name = await ctx.model(model)
    family = (await ctx.models.capabilities(name)).family
    prompt = ctx.prompts.render(task, family, **values)
    said = ""
    try:
        async with asyncio.timeout(ctx.services.searching.deadline_s):
            parts = ctx.generate(
                [ChatMessage("user", prompt)], model=name, sampling=sampling, cache=""
            )
            async with aclosing(parts) as stream:
                async for part in stream:
                    said += part.delta if isinstance(part, Text) else ""
    except TimeoutError:
        log.info("search.model_too_slow", task=task, model=name)
        return ""
    except BackendError as error:
        log.warning("search.model_failed", task=task, model=name, error=str(error))
        return ""
    return said


def _line(text: str) -> str:
    """The first line that says something, without the marks and labels around it."""
    lines = (_LEAD.sub("", line).strip(_QUOTES) for line in text.strip().splitlines())
    return next((" ".join(line.split()) for line in lines if line), "")


def _stems(text: str) -> set[str]:
    return {word if is_unspaced(word) else stem(word) for word in extract_terms(text)}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + " …"

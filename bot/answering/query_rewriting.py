"""Rewrites a question with the conversation before it, and searches the documents for it.

A short follow-up is searched together with the question before it, which needs no model
(`bot.knowledge.retrieval.followup`). If config.yaml says so, a model is asked first, to rewrite the
question so that it can be understood alone, or for alternative wordings. Its output is checked;
where it fails the check, the question is searched as it was asked. So asking a model never makes a
search worse.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import structlog

from backends.base import ChatMessage, ChatRequest, Sampling
from backends.errors import BackendError, DeadlineExceeded
from bot.errors import UserFacingError
from bot.history.protocol import StoredMessage
from bot.knowledge.language.words import extract_terms, is_unspaced, stem
from bot.prompting.foreign_text import Trusted
from bot.skills.context import Context
from bot.values import Passage, SearchResult

log = structlog.get_logger(__name__)

_MAX_EARLIER_QUESTIONS = 3
"""Earlier questions, each with its answer, that a model is shown."""
_MAX_SHOWN_CHARACTERS = 400
"""Beginning of each earlier text that a model is shown."""
_REWRITE_SAMPLING = Sampling(temperature=0.0, max_tokens=64, stop=("\n",))
_QUERIES_SAMPLING = Sampling(temperature=0.0, max_tokens=96)
_MAX_QUERIES = 3
_MAX_QUERY_CHARACTERS = 200
_MAX_ADDED_CHARACTERS = 160
"""Characters by which a rewritten question may be longer than what was asked."""
_MIN_KEPT_SHARE = 0.5
"""Share of the words that a rewritten question must have in common with what was said."""
_LEADING_LABEL = re.compile(
    r"^\s*(?:[-*•]|\(?\d+[.):]|(?:the )?(?:question|query|rewritten)[^:]{0,20}:)\s*", re.I
)
_SURROUNDING_SIGNS = " \t\"'“”‘’«»`*"


async def search_for(
    ctx: Context,
    question: str,
    *,
    bases: Sequence[str],
    history: Sequence[StoredMessage] = (),
    model: str | None = None,
    limit: int = 8,
) -> SearchResult:
    """Search the documents for a question asked in the middle of a conversation.

    `bases` are names of knowledge bases; with none nothing is found. `history` holds the earlier
    turns, oldest first, which a follow-up question leans on. `model` is the one that rewrites the
    question, if config.yaml turns that on; where it fails or is too slow the question is searched
    as it is. Raises `UsageError` for a question that is too long, `Refused` where the embedder
    changed.
    """
    if not bases:
        return SearchResult((), evidence=False)
    before = [turn.text for turn in history if turn.role == "user" and turn.text.strip()]
    asked, searching = question, ctx.services.searching
    if searching.rewrite and before:
        asked = await _rewrite(ctx, question, history, model) or question
    beside = await _ask_for_alternatives(ctx, asked, model) if searching.multi_query else ()
    found = await ctx.knowledge.search(
        asked,
        bases=bases,
        limit=limit,
        before=() if asked != question else before,
        beside=beside,
    )
    once = _each_once((*found.passages, *found.further))
    shown = len(_each_once(found.passages))
    found = replace(found, passages=once[:shown], further=once[shown:])
    if asked != question and not found.searched:
        return replace(found, searched=(asked,))
    return found


def _each_once(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages without those of copies of a document: the same text under the same heading."""
    found: dict[tuple[str, str, str], Passage] = {}
    for one in passages:
        found.setdefault((one.title, one.heading, one.text), one)
    return tuple(found.values())


async def _rewrite(
    ctx: Context, question: str, history: Sequence[StoredMessage], model: str | None
) -> str | None:
    turns = [turn for turn in history if turn.text.strip()][-2 * _MAX_EARLIER_QUESTIONS :]
    said = "\n".join(
        f"{'Question' if turn.role == 'user' else 'Answer'}: {_shorten(turn.text)}"
        for turn in turns
    )
    asked = Trusted(_shorten(question))
    text = await ask_aside(ctx, "rewrite", _REWRITE_SAMPLING, model, question=asked, earlier=said)
    return accept_rewrite(text, question, [turn.text for turn in turns])


async def _ask_for_alternatives(ctx: Context, question: str, model: str | None) -> Sequence[str]:
    text = await ask_aside(
        ctx, "queries", _QUERIES_SAMPLING, model, question=Trusted(_shorten(question))
    )
    return parse_alternatives(text, question)


def accept_rewrite(text: str, question: str, earlier: Sequence[str]) -> str | None:
    """The question that a model rewrote, or None where it is unusable.

    It is unusable where it is empty, too long, or asks something else: it must keep the question's
    own words, and take most of the others from the `earlier` texts.
    """
    line = _line(text)
    if (
        not line
        or len(line) > len(question) + _MAX_ADDED_CHARACTERS
        or line.casefold() == question.casefold()
    ):
        return None
    made, own = word_stems(line), word_stems(question)
    known = own.union(*(word_stems(turn) for turn in earlier))
    if (
        not made
        or len(made & known) < _MIN_KEPT_SHARE * len(made)
        or len(made & own) < _MIN_KEPT_SHARE * len(own)
    ):
        return None
    return line


def parse_alternatives(text: str, question: str) -> tuple[str, ...]:
    """The alternative wordings in a model's answer, one a line: at most three, none twice."""
    own = word_stems(question)
    found: dict[str, str] = {}
    for line in parse_lines(text):
        if len(line) <= _MAX_QUERY_CHARACTERS and word_stems(line) & own:
            found.setdefault(line.casefold(), line)
    found.pop(question.casefold(), None)
    return tuple(found.values())[:_MAX_QUERIES]


async def ask_aside(
    ctx: Context, task: str, sampling: Sampling, model: str | None, **values: Any
) -> str:
    """Ask a model with the prompt of a task; "" where that fails or exceeds the deadline.

    Whatever goes wrong is logged, never raised: the question is answered without this step. The
    call is no part of the answer, so neither its usage nor its thoughts go into the turn's record.
    """
    deadline_s = ctx.services.searching.deadline_s
    said = ""
    try:
        name = await ctx.model(model)
        able = await ctx.models.capabilities(name)
        request = ChatRequest(
            messages=(ChatMessage("user", ctx.prompts.render(task, able, **values)),),
            sampling=sampling,
            person=ctx.author.key,
            channel=ctx.conversation.scope("channel"),
            deadline_s=deadline_s,
        )
        async with asyncio.timeout(deadline_s), aclosing(ctx.models.chat(name, request)) as chunks:
            async for chunk in chunks:
                said += chunk.text
    except (TimeoutError, DeadlineExceeded):
        log.info("search.model_too_slow", task=task)
        return ""
    except (BackendError, UserFacingError) as error:
        log.warning("search.model_failed", task=task, error=str(error))
        return ""
    except Exception:  # the prompt may be an operator's, the engine a plugin's
        log.warning("search.model_failed", task=task, exc_info=True)
        return ""
    return said


def _line(text: str) -> str:
    """The first line that says something, without the marks and labels around it."""
    lines = (
        _LEADING_LABEL.sub("", line).strip(_SURROUNDING_SIGNS) for line in text.strip().splitlines()
    )
    return next((" ".join(line.split()) for line in lines if line), "")


def parse_lines(text: str) -> list[str]:
    """The lines of a model's answer that say something, without marks and labels around them."""
    return [line for line in map(_line, text.splitlines()) if line]


def word_stems(text: str) -> set[str]:
    """The stems of a text's words, whatever its language is."""
    return {word if is_unspaced(word) else stem(word) for word in extract_terms(text)}


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SHOWN_CHARACTERS else line[:_MAX_SHOWN_CHARACTERS] + " …"

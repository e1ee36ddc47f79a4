"""The prompts of a question to documents: passages first, then what is asked of them.

The model that points to words and the one that answers read the same beginning, so an engine with a
cache computes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from backends.base import Capabilities
from bot.answering.opening import fit_conversation
from bot.history.protocol import StoredMessage
from bot.memory.memories import Memory
from bot.memory.placement import memory_values
from bot.prompting.context_window import Fitted
from bot.prompting.foreign_text import Trusted, escape_numbers
from bot.prompting.speakers import speakers
from bot.skills.context import Context
from bot.values import Passage, SearchResult

MAX_PASSAGES_SHARE = 0.5
"""Share of the context window that passages may take: more make small models worse, and slow."""
_MAX_WIDENED_PASSAGES = 4
"""How many passages are read with their neighbours."""


@dataclass(frozen=True, slots=True)
class AskPrompt:
    """What goes into the prompt beside question and passages: the model, its system prompt, the
    earlier turns, oldest first, a message of somebody else that the question refers to, the longest
    answer in tokens, and what is remembered, which only an answer is told."""

    model: str
    system: str
    history: Sequence[StoredMessage] = ()
    about: str = ""
    answer_tokens: int | None = None
    memories: Sequence[Memory] = ()


async def lay_out_passages(
    ctx: Context, prompt: AskPrompt, question: str, found: SearchResult, first: int | None = None
) -> SearchResult:
    """Give the passages the texts and the order that they have in the prompt.

    The best get their neighbours to be read with, as far as the window has room when all passages
    are in it. Those that fit are chosen by rank, and then stand as in their documents, the document
    of the best before the others: so people who ask the same documents have the beginning of their
    prompts in common. The `first` of the passages stand before the others. What was laid out before
    stays as it is. Raises `ContextOverflow`.
    """
    if found.ranks or not found.passages:
        return found
    wide = _wide_texts(found.passages)
    last = len(found.passages)

    def widened(n: int) -> SearchResult:
        read = dict(list(wide.items())[: max(0, n - last)])
        return replace(
            found,
            passages=tuple(replace(p, read=read.get(p.id, p.text)) for p in found.passages),
        )

    fitted = await fit_prompt(ctx, prompt, question, found, len(wide), widened)
    found, fits = widened(fitted.blocks), min(fitted.blocks, last)
    lead = min(fits, last if first is None else first)
    ranks = (
        *_document_order(found.passages, range(lead)),
        *_document_order(found.passages, range(lead, fits)),
        *range(fits, last),
    )
    return replace(found, passages=tuple(found.passages[at] for at in ranks), ranks=ranks)


def _document_order(passages: Sequence[Passage], places: Sequence[int]) -> list[int]:
    """The places of some passages as these stand in their documents."""
    documents: dict[str, int] = {}
    for at in places:
        documents.setdefault(passages[at].document, at)
    return sorted(places, key=lambda at: (documents[passages[at].document], passages[at].position))


def _wide_texts(passages: Sequence[Passage]) -> dict[str, str]:
    """The texts of the best passages with neighbours that do not stand in the prompt already."""
    known = {one.text.strip() for one in passages}
    found: dict[str, str] = {}
    for one in passages[:_MAX_WIDENED_PASSAGES]:
        around = [part.strip() for part in one.context.split(one.text, 1)]
        if len(around) != 2:
            continue
        before, after = ("" if part in known else part for part in around)
        known.update((before, after))
        if before or after:
            found[one.id] = "\n\n".join(filter(None, (before, one.text, after)))
    return found


async def fit_prompt(
    ctx: Context,
    prompt: AskPrompt,
    question: str,
    found: SearchResult,
    more: int = 0,
    grow: Callable[[int], SearchResult] | None = None,
) -> Fitted:
    """The prompt of the answer with as many passages as fit. `more` blocks may follow the passages:
    `grow` is what is found with so many blocks. Raises `ContextOverflow`.

    Where a model read the passages, all that it could read are fitted again, so that the prompt
    begins as the one that it read, whatever is left out of the history.
    """
    able = await ctx.models.capabilities(prompt.model)
    further = found.further if found.pointed is not None else ()
    ranked = replace(found, passages=(*found.passages, *further), pointed=None)

    def compose(n: int) -> str:
        shown = grow(n) if grow is not None else ranked
        return render_task(ctx, "ask", able, prompt, question, shown, n)

    fitted = await fit_conversation(
        ctx,
        prompt.model,
        system=prompt.system,
        compose=compose,
        blocks=len(ranked.passages) + more,
        history=prompt.history,
        who=speakers(prompt.history, ctx.author),
        answer_tokens=prompt.answer_tokens,
        share=MAX_PASSAGES_SHARE,
    )
    if found.pointed is None:
        return fitted
    blocks = min(fitted.blocks, len(found.passages))
    read = fitted.messages[-1]
    asked = replace(read, content=render_task(ctx, "ask", able, prompt, question, found, blocks))
    longer = await ctx.models.count(prompt.model, [asked])
    longer -= await ctx.models.count(prompt.model, [read])
    return replace(
        fitted,
        messages=(*fitted.messages[:-1], asked),
        blocks=blocks,
        max_tokens=max(1, fitted.max_tokens - max(0, longer)),
    )


def render_task(
    ctx: Context,
    task: Literal["ask", "check", "point"],
    able: Capabilities,
    prompt: AskPrompt,
    question: str,
    found: SearchResult,
    blocks: int,
    **values: Any,
) -> str:
    """The last message of the prompt: the first `blocks` passages, and the task."""
    pointed = [
        {"number": one.number, "text": one.text}
        for one in found.pointed or ()
        if one.number <= blocks
    ]
    return ctx.prompts.render(
        task,
        able,
        question=Trusted(question),
        about=prompt.about,
        **(memory_values(prompt.memories) if task == "ask" else {}),
        passages=[_prompt_passage(n, p) for n, p in enumerate(found.passages[:blocks], 1)],
        pointed=pointed,
        **values,
    )


def passage_label(passage: Passage) -> str:
    """Title and heading, in one line."""
    return f"{passage.title} › {passage.heading}" if passage.heading else passage.title


def _prompt_passage(number: int, passage: Passage) -> dict[str, str | int]:
    return {
        "number": number,
        "title": passage_label(passage),
        "text": escape_numbers(passage.prompt_text),
    }

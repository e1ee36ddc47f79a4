"""`/ask`: an answer from the documents, with its sources, or an honest "not in the documents"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from bot.api import (
    MAX_QUESTION_CHARACTERS,
    CommandCall,
    Context,
    Example,
    Explanation,
    Option,
    SearchResult,
    Skill,
    Status,
    Text,
    UsageError,
    answer_from,
    command,
    hookimpl,
    list_documents,
    look_up,
    model_names,
    open_prompt,
    say,
    source,
)


@command(
    "ask",
    remember=True,
    question="question",
    menu="Ask about this",
    reads_history="in threads",
    examples=[Example("/ask how do I write a skill?")],
)
async def ask(
    ctx: Context,
    question: Annotated[str, Option("What you want to know", multiline=True)],
    model: Annotated[str | None, Option("Which model answers", complete=model_names)] = None,
) -> None:
    """Answer from the team's documents, with sources."""
    question, about = _question(ctx, question)
    name = await ctx.model(model)
    bases = await ctx.knowledge.bases(ctx.asker)
    history = await ctx.history.recent(str(ctx.conversation))
    if bases and (ctx.services.searching.rewrite or ctx.services.searching.multi_query):
        await ctx.say(Status("working", say("working out what to look for")))
    opening = await open_prompt(ctx, name, history)
    asking: dict[str, Any] = {"system": opening.instructions, "memories": opening.memories}
    asking |= {"model": name, "history": history}
    if not about and await list_documents(ctx, question, bases=bases, **asking):
        return
    found = await look_up(ctx, question, bases=bases, about=about, **asking)
    if found.outcome == "absent":
        await ctx.say(
            Explanation(
                passages=tuple(source(n, p) for n, p in enumerate(found.passages, 1)),
                left_out=(say("Every passage: none is evidence enough for an answer."),),
                searched=found.searched,
                confidence=found.confidence,
                outcome=found.outcome,
                read_by=found.read_by,
            )
        )
        await ctx.say(Text(_nothing(found, bases)))
        return
    await ctx.say_all(answer_from(ctx, question, found, about=about, **asking))


def _question(ctx: Context, question: str | None) -> tuple[str, str]:
    """The question, and, from a message's menu, the message that it is about."""
    target = ctx.event.target if isinstance(ctx.event, CommandCall) else None
    said = (question or "").strip()
    if target is None:
        return said, ""
    about = target.text.strip()
    if not about and not said:
        raise UsageError(say("This message has no text to ask about."))
    return ("" if said in about else said), about[:MAX_QUESTION_CHARACTERS]


def _nothing(found: SearchResult, bases: Sequence[str]) -> str:
    if not bases:
        return say("There are no documents here yet; an admin can add some with /docs add.")
    titles = list(dict.fromkeys(found.nearest or [p.title for p in found.passages]))[:3]
    if not titles:
        return say("That is not in the documents.")
    return say("That is not in the documents. The nearest are:\n\n") + "\n".join(
        f"- {title}" for title in titles
    )


@hookimpl
def register_skills() -> Sequence[Skill]:
    return [Skill("ask_docs", commands=(ask,))]

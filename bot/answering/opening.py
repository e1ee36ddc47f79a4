"""How the prompts of a conversation begin: how the bot is, who speaks, what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bot.agent.provenance import Provenance, Writer, least_trusted
from bot.history.protocol import StoredMessage, Summary
from bot.knowledge.relevance import relevances
from bot.memory.memories import Memory
from bot.memory.placement import PlacedMemories, place_memories, render_memories
from bot.prompting.context_window import EarlierTurns, Fitted
from bot.prompting.speakers import Speakers, speakers
from bot.skills.context import Context


@dataclass(frozen=True, slots=True)
class Opening:
    """`system` is the system prompt with what was remembered before, `who` names the speakers, and
    `remembered` is what stands with the question of what is remembered.

    What reads passages is to judge these alone: such a prompt begins with `instructions`, which is
    the system prompt without memories, and its answer has all `memories` with the question."""

    system: str
    who: Speakers
    remembered: str = field(default="", repr=False)
    memories: tuple[Memory, ...] = ()
    instructions: str = ""

    def said(self, ctx: Context, question: str) -> str:
        """The question as the prompt has it, with the asker's name where several speak."""
        said = self.who.said(ctx.author.key, question)
        return _blocks(self.remembered, said)

    def add_to(self, provenance: Provenance, asker: str) -> None:
        """Add what is remembered to the texts of a task, each with its writer; `asker` is the
        `Author.key` of the person who asks."""
        for one in self.memories:
            own = one.person == asker and one.origin == "asker"
            provenance.add(one.text, Writer("asker") if own else Writer("people", one.name))


async def open_prompt(
    ctx: Context, model: str, history: Sequence[StoredMessage], question: str = ""
) -> Opening:
    """Make the beginning of a prompt for the person who asks; `history` is what was said before,
    the oldest first. What is remembered is chosen for the `question`, by default the message."""
    can = await ctx.models.capabilities(model)
    who = speakers(history, ctx.author)
    system = ctx.prompts.render("system", can, persona=ctx.persona, several=bool(who))
    placed = PlacedMemories()
    if (kept := ctx.services.memories) is not None:
        placed = await place_memories(
            kept,
            ctx.models,
            model,
            ctx.asker,
            history,
            question or ctx.event.text or "",
            several=bool(who),
            relevance=partial(relevances, likeness=ctx.services.likeness),
        )
    return Opening(
        _blocks(system, render_memories(ctx.prompts, can, placed.beginning)),
        who,
        render_memories(ctx.prompts, can, placed.question),
        (*placed.beginning, *placed.question),
        system,
    )


async def fit_conversation(
    ctx: Context, model: str, *, history: Sequence[StoredMessage] = (), **prompt: Any
) -> Fitted:
    """Fit a prompt as `Fitter.fit` does, which has the other arguments, with a summary of the turns
    that have no room in it. Where there is none yet, one is made later."""
    compaction = ctx.services.compaction
    can = await ctx.models.capabilities(model)

    async def read() -> Sequence[EarlierTurns]:
        found = await compaction.of(str(ctx.conversation)) if compaction is not None else ()
        return [
            EarlierTurns(one, ctx.prompts.render("earlier", can, text=one.text)) for one in found
        ]

    fitted = await ctx.services.fitter.fit(
        ctx.models, model, history=history, read_earlier=read if compaction else None, **prompt
    )
    if compaction is not None and not can.small:
        compaction.request(model, fitted.summary, fitted.untold)
    return fitted


def add_summary(provenance: Provenance, summary: Summary | None, asker: str) -> None:
    """Add the summary in a prompt to the texts of a task: the least trusted that it was made of is
    its writer."""
    if summary is None:
        return
    others = any(person != asker for person in summary.people)
    writers = [Writer(summary.origin), *([Writer("people")] if others else ())]
    provenance.add(summary.text, least_trusted(writers) or writers[0])


def _blocks(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))

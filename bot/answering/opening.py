"""How the prompts of a conversation begin: how the bot is, who speaks, what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.agent.provenance import Provenance, Writer
from bot.history.protocol import StoredMessage
from bot.memory.memories import Memory
from bot.memory.placement import PlacedMemories, place_memories, render_memories
from bot.prompting.speakers import Speakers, speakers
from bot.skills.context import Context


@dataclass(frozen=True, slots=True)
class Opening:
    """`system` is the system prompt, `who` names the speakers, and `remembered` is what stands with
    the question of what is remembered."""

    system: str
    who: Speakers
    remembered: str = field(default="", repr=False)
    memories: tuple[Memory, ...] = ()

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


async def open_prompt(ctx: Context, model: str, history: Sequence[StoredMessage]) -> Opening:
    """Make the beginning of a prompt for the person who asks; `history` is what was said before,
    the oldest first."""
    can = await ctx.models.capabilities(model)
    who = speakers(history, ctx.author)
    system = ctx.prompts.render("system", can, persona=ctx.persona, several=bool(who))
    placed = PlacedMemories()
    if (kept := ctx.services.memories) is not None:
        placed = await place_memories(
            kept, ctx.models, model, ctx.asker, history, several=bool(who)
        )
    return Opening(
        _blocks(system, render_memories(ctx.prompts, can, placed.beginning)),
        who,
        render_memories(ctx.prompts, can, placed.question),
        (*placed.beginning, *placed.question),
    )


def _blocks(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))

"""What `parlance docs eval` shows, and the answers of the default model for `--answers`."""

from __future__ import annotations

from contextlib import aclosing

from bot.answering.grounded_answer import answer_from
from bot.app import App
from bot.commands.checks import Asker
from bot.config import TerminalSettings
from bot.events import Message
from bot.knowledge.retrieval.evaluation import Answer
from bot.knowledge.retrieval.outcomes import Outcomes, Rate
from bot.skills.context import Context
from bot.turns.turn import Turn
from bot.types import Author, ConversationKey, Text
from bot.values import SearchResult


def make_answerer(app: App) -> Answer:
    """Make a function that answers a question from the passages that were found."""
    author = Author("terminal", app.installation.config.section(TerminalSettings).user, "operator")
    key = ConversationKey("terminal", "local", "evaluation")

    async def answer(question: str, found: SearchResult) -> str:
        message = Message("evaluation", key, author, question, direct=True)
        context = Context(Turn("evaluation", message, Asker(author, key, True, True)), app.services)
        system = context.prompts.render("system", "", persona="")
        said = ""
        parts = answer_from(context, question, found, system=system)
        async with aclosing(parts) as stream:
            async for part in stream:
                if isinstance(part, Text):
                    said += part.delta
        return said

    return answer


def describe_outcomes(language: str, found: Outcomes) -> dict[str, str]:
    """Make a row of a table: shares in per cent, each with its 95 % interval."""
    return {
        "language": language,
        "right passage shown": _describe(found.shown),
        "answered": _describe(found.answered),
        "of these right": _describe(found.right),
        "invented": _describe(found.invented),
        "far: refused": _describe(found.refused),
        "F1": f"{found.abstention_f1:.3f}",
    }


def _describe(rate: Rate) -> str:
    if not rate.of:
        return "-"
    low, high = rate.interval
    return f"{rate.share:.0%} of {rate.of} ({low:.0%}-{high:.0%})"

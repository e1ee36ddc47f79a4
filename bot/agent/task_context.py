"""Who wrote the texts that a model reads of a task: the asker, other people, documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.agent.provenance import Provenance, Writer
from bot.agent.trusted_values import TrustedValues
from bot.events import CommandCall
from bot.history.protocol import StoredMessage
from bot.memory.summaries import answer_origin
from bot.skills.context import Context
from bot.skills.tool import AgentTool
from bot.values import Page


def read_provenance(
    ctx: Context, task: str, history: Sequence[StoredMessage] = (), pages: Sequence[Page] = ()
) -> Provenance:
    """Return the texts of a turn with who wrote each.

    `task` is what the asker said now, `history` the earlier turns, `pages` the files that were
    read. What was answered earlier counts as written by others where it rests on what others wrote.
    """
    found = Provenance(TrustedValues(ctx.services.trusted))
    found.add(task, Writer("asker"))
    for turn in history:
        found.add(turn.text, _writer_of(turn, ctx.author.key))
    for message in ctx.event.context:
        found.add(message.text, Writer("people", message.author))
    if isinstance(ctx.event, CommandCall) and (target := ctx.event.target) is not None:
        found.add(target.text, Writer("people", target.author))
    for page in pages:
        found.add(page.text, Writer("documents", page.title))
    return found


def _writer_of(turn: StoredMessage, asker: str) -> Writer:
    if turn.role == "user":
        return Writer("asker") if turn.author == asker else Writer("people", turn.author_name)
    return Writer(answer_origin(turn))


def add_descriptions(found: Provenance, tools: Sequence[AgentTool]) -> None:
    """Add what servers wrote of their tools, which a model is shown: it may give orders, too."""
    for one in tools:
        if one.results == "server":
            for words in _words_of(one):
                found.add(words, Writer("server", one.name), describes=one.plugin)


def _words_of(tool: AgentTool) -> Iterator[str]:
    """Every text in the description of a tool and of its arguments."""
    yield tool.description
    waiting: list[Any] = [tool.parameters]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            told = (node.get(word) for word in ("description", "default"))
            yield from (words for words in told if isinstance(words, str))
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node

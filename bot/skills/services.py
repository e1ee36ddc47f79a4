"""The services of the core that a skill may use, each behind a narrow protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from bot.commands.authorization import Authorize, Authorizer
from bot.commands.declaration import Command
from bot.history.daily_use import DailyUse
from bot.history.protocol import HistoryStore
from bot.history.suspensions import Suspensions
from bot.history.tool_calls import ToolCalls
from bot.memory.compaction import Compaction
from bot.memory.memories import Memories
from bot.memory.past_turns import PastTurns
from bot.models.protocol import ModelPulls, Models
from bot.prompting.context_window import Fitter
from bot.schedules.service import Schedules
from bot.skills.inquiry import Inquiries
from bot.skills.service_protocols import (
    Admins,
    ConsoleLinks,
    Duels,
    Knowledge,
    LikenessOf,
    Logins,
    Moderation,
    OwnData,
    Places,
    Prompts,
    Settings,
    Tokens,
    Turns,
    Web,
    WebSearch,
)
from bot.skills.tool import AgentTool


@runtime_checkable
class ToolsByPerson(Protocol):
    """Tools of which not everybody is offered the same."""

    def for_person(self, person: str) -> Sequence[AgentTool]:
        """Return what a person (an `Author.key`) is offered."""
        ...

    async def load(self) -> None:
        """Find out what the person is offered, where that takes a while."""
        ...


def tools_for(tools: Sequence[AgentTool], person: str) -> Sequence[AgentTool]:
    """Return those of the tools that a person (an `Author.key`) is offered."""
    return tools.for_person(person) if isinstance(tools, ToolsByPerson) else tools


@dataclass(frozen=True, slots=True)
class Searching:
    """How a model helps with a search; each step costs a call of the model.

    `rewrite`: a follow-up question is rewritten so that it stands alone. `multi_query`: other
    wordings of the question are searched as well. A call that takes longer than `deadline_s`
    seconds is given up, and the question is used as it is. `reader` is the model that reads the
    passages (`knowledge.reader` in config.yaml).
    """

    rewrite: bool = False
    multi_query: bool = False
    deadline_s: float = 10.0
    reader: str = "auto"


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a skill may use, each behind a narrow protocol.

    `forget` deletes what the history and every plugin stored about a person (`platform:id`), and
    returns the number of deleted turns. `max_attachment_bytes` is the largest file that is read,
    `max_pictures` how many pictures of one message a model sees.
    `authorize` decides who may do what; a skill asks it with `ctx.allowed` and `ctx.authorize`.
    """

    models: Models
    history: HistoryStore
    knowledge: Knowledge
    web: Web
    prompts: Prompts
    turns: Turns
    commands: Sequence[Command]
    web_search: WebSearch | None = None
    settings: Settings | None = None
    moderation: Moderation | None = None
    places: Places | None = None
    admins: Admins | None = None
    tokens: Tokens | None = None
    logins: Logins | None = None
    console: ConsoleLinks | None = None
    pulls: ModelPulls | None = None
    """Fetches further models."""
    forget: Callable[[str], Awaitable[int]] | None = None
    own_data: OwnData | None = None
    fitter: Fitter = field(default_factory=Fitter)
    searching: Searching = Searching()
    max_attachment_bytes: int = 20 * 1024 * 1024
    max_pictures: int = 4
    authorize: Authorize = field(default_factory=Authorizer, repr=False)
    tools: Sequence[AgentTool] = ()
    """What models may have called, whoever asks."""
    schedules: Schedules | None = field(default=None, repr=False)
    """Reminders, and questions that are asked at certain times."""
    calls: ToolCalls | None = field(default=None, repr=False)
    """Where each call of a tool is stored before it is carried out."""
    trusted: Sequence[str] = ()
    """Values that the operator trusts, wherever a model has them from."""
    memories: Memories | None = field(default=None, repr=False)
    """What people want to be remembered."""
    past: PastTurns | None = field(default=None, repr=False)
    """Searches what was said before."""
    likeness: LikenessOf | None = field(default=None, repr=False)
    """Tells how alike a question and texts are, where an embedder is loaded."""
    compaction: Compaction | None = field(default=None, repr=False)
    """Sums up conversations that no longer fit into a prompt."""
    suspensions: Suspensions | None = field(default=None, repr=False)
    """The turns that wait for somebody."""
    duels: Duels | None = field(default=None, repr=False)
    """Pairs of answers of two models, and the votes on them."""
    inquiries: Inquiries | None = field(default=None, repr=False)
    """Asks people what a tool wants to know in the middle of its work."""
    daily_use: DailyUse | None = field(default=None, repr=False)
    """How much was done with tools today, and how much may be."""
    written: Callable[[str, str], str] = field(default=lambda platform, call: f"`{call}`")
    """How a call such as `/ask how so?` is shown on a platform, as Markdown."""

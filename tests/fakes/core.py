"""A core on a scripted model, for tests of what is around it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel

from backends.base import Backend, Capabilities, ChatMessage, ChatRequest, Chunk
from backends.scripted.backend import ScriptedBackend
from bot.commands.authorization import Authorize, Authorizer
from bot.events import ActionCall, CommandCall, Event, Message, MessageDeleted
from bot.history.protocol import HistoryStore
from bot.history.suspensions import Suspensions
from bot.replies.delivery import DeliveryTimeouts
from bot.replies.protocol import Replies, Reply
from bot.skills.services import Services
from bot.skills.skill import Skill
from bot.turns.assembly import assemble
from bot.turns.core import Core
from bot.turns.middleware import Metrics, Middleware
from bot.turns.open_turns import OpenTurns
from bot.turns.policy import Policy
from bot.turns.runner import TurnLimits
from bot.types import ActionName, Author, ConversationKey, Scope, Value, View
from bot.values import ModelInfo
from tests.fakes.history import MemoryHistoryStore
from tests.fakes.sink import RecordingSink

ADA = Author("test", "ada", "Ada")
BOB = Author("test", "bob", "Bob")
ROOT = Author("test", "root", "Root")
HERE = ConversationKey("test", "work", "general")

_ids = itertools.count(1)
"""Numbers of events, which no two cores on one store may share."""


@dataclass
class OneModel:
    """The `Models` of a process that has one."""

    backend: Backend

    def names(self) -> Sequence[str]:
        return [self.backend.name]

    async def current(
        self, conversation: ConversationKey, person: str | None = None
    ) -> tuple[str, Scope]:
        return self.backend.name, "default"

    async def use(self, name: str, scope: Scope, conversation: ConversationKey, by: str) -> None:
        return None

    async def describe(self) -> Sequence[ModelInfo]:
        return [ModelInfo(self.backend.name, "", "scripted", "ready")]

    async def capabilities(self, model: str) -> Capabilities:
        return await self.backend.capabilities()

    async def count(self, model: str, messages: Sequence[ChatMessage]) -> int:
        return await self.backend.count(messages)

    def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        return self.backend.chat(request)


class MemoryReplies:
    """Remembers replies as long as it lives."""

    def __init__(self) -> None:
        self.saved: dict[str, Reply] = {}

    def may_write(self) -> bool:
        return True

    async def until_it_may_write(self) -> None:
        return

    async def save(self, reply: Reply) -> None:
        self.saved[reply.turn] = reply

    async def get(self, turn: str) -> Reply | None:
        return self.saved.get(turn)

    async def unfinished(self, platform: str) -> Sequence[Reply]:
        return [r for r in self.saved.values() if r.platform == platform and not r.finished]

    async def written_elsewhere(self, platform: str) -> Sequence[Reply]:
        return ()

    async def known_thread(self, conversation: ConversationKey) -> bool:
        return any(r.conversation == str(conversation) for r in self.saved.values())

    async def takes_part(self, conversation: ConversationKey) -> bool:
        return await self.known_thread(conversation)


@dataclass
class Bench:
    """A core, and the shortest way to say something to it."""

    skills: Sequence[Skill]
    store: HistoryStore = field(default_factory=MemoryHistoryStore)
    backend: ScriptedBackend = field(default_factory=lambda: ScriptedBackend("default"))
    authorize: Authorize | None = None
    """What decides who may do what; by default the commands' own checks."""
    policy: Policy = field(default_factory=lambda: Policy(is_admin=lambda a: a == ROOT))
    limits: TurnLimits = field(default_factory=TurnLimits)
    settings: Mapping[str, BaseModel | None] | None = None
    metrics: Metrics | None = None
    middleware: Sequence[Middleware] = ()
    timeouts: DeliveryTimeouts | None = None
    suspensions: Suspensions | None = None
    replies: Replies = field(default_factory=MemoryReplies)

    def __post_init__(self) -> None:
        commands = [c for s in self.skills for c in s.commands]
        authorize = self.authorize or Authorizer(commands)
        open_turns = OpenTurns(authorize)
        nowhere = cast(Any, None)  # rooms that these skills never enter
        known = dict.fromkeys(Services.__dataclass_fields__, nowhere)
        known |= {"models": OneModel(self.backend), "history": self.store, "turns": open_turns}
        known |= {"commands": commands, "authorize": authorize}
        self.core: Core = assemble(
            self.skills,
            Services(**known),
            open_turns,
            self.replies,
            policy=self.policy,
            settings=self.settings,
            limits=self.limits,
            metrics=self.metrics,
            middleware=self.middleware,
            timeouts=self.timeouts,
            suspensions=self.suspensions,
        )

    def message(
        self, text: str, author: Author = ADA, where: ConversationKey = HERE, id: str = ""
    ) -> Message:
        return Message(id or f"e{next(_ids)}", where, author, text)

    def call(
        self,
        name: str,
        author: Author = ADA,
        where: ConversationKey = HERE,
        text: str | None = None,
        **options: Value,
    ) -> CommandCall:
        return CommandCall(f"e{next(_ids)}", where, author, name, options, text)

    def press(
        self,
        action: ActionName,
        turn: str,
        author: Author = ADA,
        where: ConversationKey = HERE,
        value: str = "",
    ) -> ActionCall:
        return ActionCall(f"e{next(_ids)}", where, author, action, turn, value)

    def retract(self, of: str, author: Author = ADA) -> MessageDeleted:
        return MessageDeleted(f"e{next(_ids)}", HERE, author, of)

    async def begin(self, event: Event, sink: RecordingSink | None = None) -> RecordingSink:
        """Hand an event over, and give back where its reply goes."""
        sink = sink or RecordingSink()
        await self.core.accept(event, sink)
        return sink

    async def say(self, event: Event, sink: RecordingSink | None = None) -> View:
        """Hand an event over and wait for the end of its reply."""
        return await (await self.begin(event, sink)).end()

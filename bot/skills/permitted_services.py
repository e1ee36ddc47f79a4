"""The services as one person may use them: reading documents and choosing for others is asked for.

A skill gets these, so that it cannot show what a person may not see by leaving out a question.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from backends.base import Capabilities, ChatMessage, ChatRequest, Chunk, ReaderCurve
from bot.catalogue.sentence import say
from bot.commands.authorization import Authorize, own_scopes
from bot.commands.checks import Asker
from bot.errors import Denied, NotFound
from bot.models.protocol import ModelPulls, Models, PullStep
from bot.models.selection import MODEL_CHOICE
from bot.skills.service_protocols import Knowledge, Settings
from bot.skills.services import Services, tools_for
from bot.types import ConversationKey, Scope
from bot.values import (
    Change,
    Difference,
    Document,
    Ingested,
    ModelInfo,
    Page,
    Passage,
    SearchResult,
    Setting,
    Support,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Permission:
    """The person for whom the services are used, where they are, and what decides."""

    authorize: Authorize
    asker: Asker

    async def allowed(self, action: str) -> bool:
        """Whether the person may do this here."""
        return (await self.authorize(self.asker, action, self.asker.conversation)).allowed

    async def require(self, action: str) -> None:
        """Raise `Denied`, with the reason, unless the person may do this here."""
        decision = await self.authorize(self.asker, action, self.asker.conversation)
        if not decision.allowed:
            raise Denied(decision.reason)


def permit(services: Services, asker: Asker) -> Services:
    """Return the services for one person."""
    permission = Permission(services.authorize, asker)
    settings = services.settings
    return replace(
        services,
        knowledge=PermittedKnowledge(services.knowledge, permission),
        models=PermittedModels(services.models, permission),
        pulls=None if services.pulls is None else PermittedPulls(services.pulls, permission),
        settings=None if settings is None else PermittedSettings(settings, permission),
        tools=tools_for(services.tools, asker.author.key),
    )


@dataclass(frozen=True, slots=True)
class PermittedPulls:
    """Further models, which the person may perhaps fetch. Implements `ModelPulls`."""

    pulls: ModelPulls
    permission: Permission

    def served(self, text: str) -> str | None:
        return self.pulls.served(text)

    async def pull(self, text: str, by: str, patience_s: float) -> AsyncGenerator[PullStep, None]:
        await self.permission.require("model.pull")
        async with aclosing(self.pulls.pull(text, by, patience_s)) as steps:
            async for step in steps:
                yield step


def on_base(action: str, base: str | None) -> str:
    """The action for one knowledge base; without a name, for the default one."""
    return f"{action}:{base}" if base else action


@dataclass(frozen=True, slots=True)
class PermittedKnowledge:
    """The documents that a person may read here, and change. Implements `Knowledge`."""

    knowledge: Knowledge
    permission: Permission
    readable: set[str] = field(default_factory=set)
    """The bases of which it was decided that the person may read them."""

    async def bases(self, asker: Asker) -> Sequence[str]:
        found = await self.knowledge.bases(asker)
        readable = [b for b in found if await self.permission.allowed(f"docs.read:{b}")]
        self.readable.update(readable)
        return readable

    async def search(
        self,
        query: str,
        *,
        bases: Sequence[str] | None = None,
        limit: int = 8,
        before: Sequence[str] = (),
        beside: Sequence[str] = (),
    ) -> SearchResult:
        if bases is None:
            bases = await self.bases(self.permission.asker)
        for base in bases:
            if base not in self.readable:
                await self.permission.require(f"docs.read:{base}")
        return await self.knowledge.search(
            query, bases=bases, limit=limit, before=before, beside=beside
        )

    async def add(
        self, location: str, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        await self.permission.require(on_base("docs.add", base))
        async with aclosing(self.knowledge.add(location, base=base, by=by)) as steps:
            async for step in steps:
                yield step

    async def add_bytes(
        self, name: str, data: bytes, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        await self.permission.require(on_base("docs.add", base))
        async with aclosing(self.knowledge.add_bytes(name, data, base=base, by=by)) as steps:
            async for step in steps:
                yield step

    async def list(self, base: str | None = None) -> Sequence[Document]:
        if base is not None:
            await self.permission.require(f"docs.read:{base}")
            return await self.knowledge.list(base)
        bases = await self.bases(self.permission.asker)
        return [document for one in bases for document in await self.knowledge.list(one)]

    async def changes(self, since: datetime, base: str | None = None) -> Sequence[Change]:
        if base is not None:
            await self.permission.require(f"docs.read:{base}")
            return await self.knowledge.changes(since, base)
        bases = await self.bases(self.permission.asker)
        found = [change for one in bases for change in await self.knowledge.changes(since, one)]
        return sorted(found, key=lambda change: change.at, reverse=True)

    async def difference(
        self, document: str, *, base: str | None = None, since: datetime | None = None
    ) -> Difference:
        return await self._first(
            lambda one: self.knowledge.difference(document, base=one, since=since), base
        )

    async def read(self, document: str, *, base: str | None = None) -> Page:
        return await self._first(lambda one: self.knowledge.read(document, base=one), base)

    async def _first(self, find: Callable[[str], Awaitable[T]], base: str | None) -> T:
        """What is found in a base, or in the first that the person may read and that has it."""
        if base is not None:
            await self.permission.require(f"docs.read:{base}")
            return await find(base)
        missing = NotFound(say("There are no documents here."))
        for one in await self.bases(self.permission.asker):
            try:
                return await find(one)
            except NotFound as error:
                missing = error
        raise missing

    async def remove(self, document: str, *, base: str | None = None) -> Document:
        if base is not None:
            await self.permission.require(f"docs.remove:{base}")
            return await self.knowledge.remove(document, base=base)
        missing = NotFound(say("There are no documents here."))
        for one in await self.bases(self.permission.asker):
            await self.permission.require(f"docs.remove:{one}")
            try:
                return await self.knowledge.remove(document, base=one)
            except NotFound as error:
                missing = error
        raise missing

    async def passage(self, passage: str) -> Passage | None:
        found = await self.knowledge.passage(passage)
        if found is None or not await self.permission.allowed(on_base("docs.read", found.base)):
            return None
        return found

    async def check_support(self, answer: str, passages: Sequence[Passage]) -> Sequence[Support]:
        return await self.knowledge.check_support(answer, passages)


@dataclass(frozen=True, slots=True)
class PermittedModels:
    """The models, of which a person may choose one for themselves. Implements `Models`."""

    models: Models
    permission: Permission

    def names(self) -> Sequence[str]:
        return self.models.names()

    async def current(
        self, conversation: ConversationKey, person: str | None = None
    ) -> tuple[str, Scope]:
        return await self.models.current(conversation, person)

    async def use(self, name: str, scope: Scope, conversation: ConversationKey, by: str) -> None:
        await self.permission.require(f"model.use:{scope}")
        await self.models.use(name, scope, conversation, by)

    async def describe(self) -> Sequence[ModelInfo]:
        return await self.models.describe()

    async def capabilities(self, model: str) -> Capabilities:
        return await self.models.capabilities(model)

    async def found_reading(
        self, model: str, *, reads: bool, curve: ReaderCurve | None = None
    ) -> None:
        await self.models.found_reading(model, reads=reads, curve=curve)

    async def count(self, model: str, messages: Sequence[ChatMessage]) -> int:
        return await self.models.count(model, messages)

    def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        return self.models.chat(model, request)


@dataclass(frozen=True, slots=True)
class PermittedSettings:
    """The settings, which a person may change as far as they are allowed to. Implements
    `Settings`."""

    settings: Settings
    permission: Permission

    def names(self) -> Sequence[str]:
        return self.settings.names()

    async def show(
        self, conversation: ConversationKey, person: str | None = None
    ) -> Sequence[Setting]:
        return await self.settings.show(conversation, person)

    def may_choose(self, name: str, scope: Scope, asker: Asker) -> bool:
        return self.settings.may_choose(name, scope, asker)

    async def put(
        self, name: str, value: str, scope: Scope, conversation: ConversationKey, by: str
    ) -> None:
        await self._require(name, scope)
        await self.settings.put(name, value, scope, conversation, by)

    async def check(
        self, name: str, value: str, scope: Scope, conversation: ConversationKey
    ) -> str:
        await self._require(name, scope)
        return await self.settings.check(name, value, scope, conversation)

    async def clear(
        self, name: str, scope: Scope, conversation: ConversationKey, by: str | None = None
    ) -> None:
        await self._require(name, scope)
        await self.settings.clear(name, scope, conversation, by)

    async def allows(self, name: str, scope: Scope) -> bool:
        """Whether the person may set a value for a scope."""
        for action in self._actions(name, scope):
            if not await self.permission.allowed(action):
                return False
        return True

    async def _require(self, name: str, scope: Scope) -> None:
        for action in self._actions(name, scope):
            await self.permission.require(action)

    def _actions(self, name: str, scope: Scope) -> Sequence[str]:
        """What must be allowed for a change."""
        asker = self.permission.asker
        if scope in own_scopes(asker) and not self.settings.may_choose(name, scope, asker):
            # What is not personal is a change for everybody, also where only they are.
            scope = "workspace" if asker.direct else "channel"
        of_model = [f"model.use:{scope}"] if name == MODEL_CHOICE else []
        return [f"settings.change:{scope}", *of_model]

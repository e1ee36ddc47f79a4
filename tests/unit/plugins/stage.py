"""A stage for one skill: real prompts, history, web and fitting; a scripted model; documents on a
shelf. It calls the handler itself, so a test sees each part as it was yielded."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import plugins
from backends.scripted.backend import ScriptedBackend
from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.commands.declaration import Command
from bot.config.knowledge import KnowledgeBase
from bot.events import Attachment, CommandCall, ContextMessage, Message
from bot.events import Reader as Earlier
from bot.history.protocol import HistoryStore, StoredMessage
from bot.history.sql_store import SqlHistoryStore
from bot.knowledge.access import DocumentAccess
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.page_reader import PageReader
from bot.memory.memories import Memories
from bot.prompting.templates import JinjaPrompts
from bot.settings.channel_settings import ChosenSettings
from bot.settings.choices_store import SqlPreferences
from bot.settings.values import ChannelSettings
from bot.skills.context import Context
from bot.skills.permitted_services import permit
from bot.skills.services import Services
from bot.storage.database import Database
from bot.testing.knowledge import Shelf
from bot.testing.models import ScriptedModels
from bot.turns.turn import Turn
from bot.types import Author, ConversationKey, Explanation, Notice, Part, Sources, Status, Text
from bot.web.fetch import Fetcher

PROMPTS = Path(plugins.__file__).parent / "prompts"
_DOCUMENTS = ("docs.read", "docs.add", "docs.remove")
HERE = ConversationKey("discord", "guild", "channel")
TERMINAL = ConversationKey("terminal", "local", "local")
ANN = Author("discord", "1", "Ann")
"""An ordinary person."""


@dataclass(frozen=True)
class Limits:
    """What config.yaml says under `fetch`."""

    allow_hosts: tuple[str, ...] = ()
    max_bytes: int = 1_000_000
    timeout_s: float = 5.0
    max_redirects: int = 3


class Stopper:
    """Counts who asked to stop what."""

    def __init__(self, running: int = 0) -> None:
        self.running = running

    async def stop(self, conversation: ConversationKey, by: Asker) -> int:
        stopped, self.running = self.running, 0
        return stopped


@dataclass
class Said:
    """What a skill said, by kind of part."""

    parts: list[Part] = field(default_factory=list)

    def add(self, part: Part) -> None:
        self.parts.append(part)

    def of(self, kind: type[Any]) -> list[Any]:
        return [part for part in self.parts if isinstance(part, kind)]

    @property
    def text(self) -> str:
        return "".join(part.delta for part in self.of(Text))

    @property
    def notices(self) -> list[str]:
        return [notice.text for notice in self.of(Notice)]

    @property
    def footer(self) -> str:
        return next((n.text for n in self.of(Notice) if n.kind == "footer"), "")

    @property
    def sources(self) -> list[int]:
        return [item.number for part in self.of(Sources) for item in part.items]

    @property
    def statuses(self) -> list[Status]:
        return self.of(Status)

    @property
    def explanation(self) -> Explanation:
        found: Explanation = self.of(Explanation)[-1]
        return found


@dataclass
class Stage:
    """Runs skills, and keeps what the services saw."""

    backend: ScriptedBackend
    models: ScriptedModels
    shelf: Shelf
    services: Services
    forgotten: list[str]
    stopper: Stopper

    @property
    def history(self) -> HistoryStore:
        return self.services.history

    def prompts(self) -> list[str]:
        """The last message of each request so far."""
        return [request.messages[-1].content for request in self.backend.requests]

    def context(
        self,
        said: str | None = None,
        *,
        admin: bool = False,
        direct: bool = False,
        conversation: ConversationKey = HERE,
        author: Author = ANN,
        attachments: tuple[Attachment, ...] = (),
        context: tuple[ContextMessage, ...] = (),
        target: ContextMessage | None = None,
        settings: BaseModel | None = None,
        persona: str = "",
        earlier: Earlier | None = None,
    ) -> Context:
        common: dict[str, Any] = {
            "id": "e1",
            "conversation": conversation,
            "author": author,
            "direct": direct,
            "attachments": attachments,
            "context": context,
            "earlier": earlier,
        }
        event = (
            CommandCall(name="x", target=target, **common)
            if said is None
            else Message(text=said, **common)
        )
        asker = Asker(author, conversation, direct, admin)
        turn = Turn("t1", event, asker, settings=ChannelSettings(persona=persona), output=Said())
        return Context(turn, permit(self.services, asker), settings)

    async def call(self, command: Command, /, *, options: Mapping[str, Any], **where: Any) -> Said:
        """Run a command with these options."""
        context = self.context(**where)
        partial = isinstance(context.event, CommandCall) and context.event.target is not None
        return await self.run(command.handler, context, **command.bind(options, partial=partial))

    async def run(
        self,
        handler: Callable[..., Any],
        ctx: Context,
        *,
        until: Any = None,
        **options: Any,
    ) -> Said:
        """Run a handler that sends its reply, or one that yields it; stop it at a part for which
        `until` is true, as a stop of the turn does."""
        said = Said()

        async def say(part: Part) -> None:
            said.parts.append(part)
            if until is not None and until(part):
                work.cancel()
                await asyncio.sleep(0)

        async def answer() -> None:
            answered = handler(ctx, **options)
            await (answered if inspect.isawaitable(answered) else ctx.say_all(answered))

        ctx.say = say
        work = asyncio.create_task(answer())
        with contextlib.suppress(*([asyncio.CancelledError] if until is not None else [])):
            await work
        return said

    async def remember(self, *exchanges: tuple[str, str], author: Author = ANN) -> None:
        """Store exchanges of this channel, as the core does."""
        before = len(await self.history.recent(str(HERE)))
        for number, (question, answer) in enumerate(exchanges, before):
            asked = StoredMessage(
                id=f"q{number}",
                conversation=str(HERE),
                role="user",
                text=question,
                author=author.key,
                author_name=author.name,
                at=datetime.now(UTC),
                event_id=f"m{number}",
            )
            given = StoredMessage(
                id=f"a{number}",
                conversation=str(HERE),
                role="assistant",
                text=answer,
                author="parlance",
                at=datetime.now(UTC),
                answers=asked.id,
                status="running",
            )
            await self.history.open(asked, given)
            await self.history.finish(replace(given, status="complete"))


def authorizer(commands: Sequence[Command]) -> Authorizer:
    """What decides who may do what where nobody set a rule."""
    documents = DocumentAccess({"default": KnowledgeBase(default=True)})
    return Authorizer(commands, standing=dict.fromkeys(_DOCUMENTS, documents))


def attachment(name: str, data: bytes | str, size: int | None = None) -> Attachment:
    """A file that came with a message."""
    content = data.encode() if isinstance(data, str) else data

    async def read(limit: int) -> bytes:
        return content[:limit]

    return Attachment(name, len(content) if size is None else size, None, read)


@asynccontextmanager
async def stage(
    folder: Path,
    *backends: ScriptedBackend,
    allow_hosts: tuple[str, ...] = (),
    commands: Sequence[Command] = (),
) -> AsyncGenerator[Stage, None]:
    """A stage with these models, the first of which answers."""
    models = ScriptedModels(*backends)
    shelf, forgotten, stopper = Shelf(), [], Stopper()
    database = await Database.open(folder / "parlance.db")
    document_reader = DocumentReader()
    try:
        history = SqlHistoryStore(database)

        async def forget(person: str) -> int:
            forgotten.append(person)
            return await history.forget(person=person)

        yield Stage(
            backends[0],
            models,
            shelf,
            Services(
                models=models,
                history=history,
                knowledge=shelf,
                web=PageReader(Fetcher(Limits(allow_hosts)), document_reader),
                prompts=JinjaPrompts([PROMPTS]),
                turns=stopper,
                commands=commands,
                forget=forget,
                memories=Memories(database, SqlPreferences(database)),
                authorize=authorizer(commands),
            ),
            forgotten,
            stopper,
        )
    finally:
        await document_reader.aclose()
        await database.close()


__all__ = ["ANN", "HERE", "TERMINAL", "ChosenSettings", "Said", "Stage", "attachment", "stage"]

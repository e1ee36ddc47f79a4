"""Runs a core in a test, and returns its answers."""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from backends.base import Backend
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.adapters.protocol import Adapter
from bot.assembly import load_rules, open_core, reserved_names
from bot.catalogue.languages import forget_languages, set_folders
from bot.config import (
    AdminSettings,
    CommandRule,
    Config,
)
from bot.errors import Failed, PluginError
from bot.events import ActionCall, Attachment, CommandCall, ContextMessage, Event, Message
from bot.history.tool_calls import CallState, StoredCall
from bot.installation import SHIPPED_PLUGINS
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.page_reader import PageReader
from bot.mcp.servers import ToolServers
from bot.prompting.templates import JinjaPrompts
from bot.settings.choices_store import SqlPreferences
from bot.skills.plugin_loader import Plugins, load_plugins
from bot.skills.services import Services
from bot.storage.database import Database
from bot.testing.decisions import RecordedDecision, RecordingAuthorize
from bot.testing.knowledge import Shelf
from bot.testing.models import ScriptedModels
from bot.turns.core import Core
from bot.types import (
    ActionName,
    Author,
    ConversationKey,
    File,
    Limits,
    Source,
    State,
    Status,
    View,
)
from bot.web.fetch import Fetched
from bot.web.validators import NOTHING_KNOWN, Validators

_PROMPTS = Path(__file__).resolve().parents[2] / "plugins" / "prompts"
_ADMIN = "admin"
_CHOOSING = ("resume", "press")


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished reply. `text` is everything that a person reads in it, notices included;
    `states` are the status lines on the way."""

    view: View
    states: tuple[Status, ...] = ()
    event: Event | None = field(default=None, repr=False)
    """What was asked."""

    @property
    def text(self) -> str:
        words = [self.view.text, *self.notices]
        return "\n\n".join(word for word in words if word.strip())

    @property
    def notices(self) -> tuple[str, ...]:
        return tuple(notice.text for notice in self.view.notices)

    @property
    def sources(self) -> tuple[Source, ...]:
        return self.view.sources

    @property
    def files(self) -> tuple[File, ...]:
        return self.view.files

    @property
    def state(self) -> State:
        return self.view.state

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of the buttons of an answer that waits, and of those that a command answers
        itself, for `Parlance.press`."""
        return tuple(one.value for one in self.view.actions if one.name in _CHOOSING)


class _Sink:
    """Takes a reply without limits, and waits for its end."""

    limits = Limits(max_chars=1_000_000, edit_interval_s=0.0)

    def __init__(self) -> None:
        self.states: list[Status] = []
        self.finished: asyncio.Future[View] = asyncio.get_running_loop().create_future()

    async def start(self, view: View) -> None:
        await self.update(view)

    async def update(self, view: View) -> None:
        if view.status is not None and view.status not in self.states[-1:]:
            self.states.append(view.status)

    async def finish(self, view: View) -> None:
        if not self.finished.done():
            self.finished.set_result(view)


@dataclass(frozen=True, slots=True)
class Parlance:
    """A running core. `model` is what answers (scripted, unless you brought another), `documents`
    the shelf that /ask looks at, `plugins` what was loaded, `decisions` who was allowed what."""

    model: ScriptedBackend
    documents: Shelf
    services: Services
    plugins: Plugins
    decisions: Sequence[RecordedDecision]
    core: Core = field(repr=False)
    patience_s: float = 30.0
    """How long an answer may take before the test fails, in seconds."""

    async def say(
        self,
        text: str,
        *,
        user: str = "ann",
        admin: bool = False,
        channel: str = "general",
        direct: bool = False,
        locale: str | None = None,
        attachments: Mapping[str, bytes | str] | None = None,
        context: Sequence[ContextMessage] = (),
    ) -> Answer:
        """Say something, or call a command with `/name …`, and wait for the answer.

        `attachments` are files by name, `locale` is the person's language. Raises `TimeoutError`
        after `patience_s`.
        """
        place = ConversationKey("test", *(("@dm", user) if direct else ("workspace", channel)))
        roles = frozenset({_ADMIN} if admin else ())
        author = Author("test", user, user.title(), roles, locale)
        files = tuple(_attachment(*file) for file in (attachments or {}).items())
        message = Message(
            uuid.uuid4().hex, place, author, text, direct, files, context=tuple(context)
        )
        return await self.send(message)

    async def send(self, event: Event) -> Answer:
        """Send an event to the core, and wait for the answer."""
        sink = _Sink()
        await self.core.accept(event, sink)
        view = await asyncio.wait_for(sink.finished, self.patience_s)
        return Answer(view, tuple(sink.states), event)

    async def press(self, answer: Answer, what: str, *, user: str | None = None) -> Answer:
        """Press a button of an answer: one of its `choices`, or another by its name (`why`).
        Without `user` whoever asked presses."""
        assert isinstance(answer.event, Message | CommandCall | ActionCall)
        buttons = {one.value: one.name for one in answer.view.actions if one.name in _CHOOSING}
        chosen = buttons.get(what)
        assert chosen or what in get_args(ActionName), f"there is no button {what!r}"
        author = answer.event.author
        return await self.send(
            ActionCall(
                uuid.uuid4().hex,
                answer.event.conversation,
                author if user is None else Author("test", user, user.title()),
                chosen or cast(ActionName, what),
                answer.view.turn,
                what if chosen else "",
                answer.event.direct,
            )
        )

    async def steps(self, answer: Answer) -> Sequence[StoredCall]:
        """Return the calls of tools that were made for an answer, in order, as they are stored."""
        assert isinstance(answer.event, Message | CommandCall | ActionCall)
        assert self.services.calls is not None
        person = answer.event.author.key
        stored = await self.services.calls.of_person(person, get_args(CallState))
        return [one for one in stored if one.id.turn == answer.view.turn]

    @asynccontextmanager
    async def serving(self, adapter: Adapter) -> AsyncIterator[None]:
        """Serve the people of a platform until the end of the block: `run` of its adapter.

        Raises what `run` raises, `Failed` where it ends by itself, and `TimeoutError` where it is
        not connected within `patience_s`.
        """
        connected = asyncio.Event()
        self.core.platforms.watch(connected.set)
        task = asyncio.create_task(adapter.run(self.core), name=f"platform {adapter.name}")
        waiting = asyncio.create_task(connected.wait(), name="connected")
        try:
            async with asyncio.timeout(self.patience_s):
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
                raise Failed(f"{adapter.name} has ended by itself.")
            yield
        finally:
            for one in (task, waiting):
                one.cancel()
            ended, _ = await asyncio.gather(task, waiting, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    async def complete(
        self, command: str, option: str, prefix: str = "", *, user: str = "ann"
    ) -> Sequence[str]:
        """Return the suggestions for the value of an option."""
        place = ConversationKey("test", "workspace", "general")
        author = Author("test", user, user.title())
        return await self.core.complete(command, option, prefix, author, place)


@asynccontextmanager
async def running_skills(
    *,
    plugins: Sequence[str] | None = None,
    folders: Sequence[Path | str] = (),
    replies: Sequence[str | Reply] = (),
    models: Sequence[Backend] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    commands: Mapping[str, Mapping[str, Any]] | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    pages: Mapping[str, str] | None = None,
    folder: Path | None = None,
    patience_s: float = 30.0,
) -> AsyncIterator[Parlance]:
    """Run a core with these plugins (module names; by default the shipped and the installed ones)
    and those in `folders`.

    The model answers with `replies`, one after another, and then repeats its prompt; `models`
    replaces it. `commands` are rules of who may do what, as in config.yaml, and `sections` other
    sections of it, by name, such as `agent`. `pages` are the web pages that can be read, by URL.
    Raises `PluginError` if one of `plugins` cannot be loaded.
    """
    found = load_plugins(
        SHIPPED_PLUGINS if plugins is None else tuple(plugins),
        folders=[Path(one) for one in folders],
        settings=settings,
        installed=plugins is None,
    )
    if plugins is not None and found.problems:
        raise PluginError("; ".join(map(str, found.problems)))
    async with AsyncExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        set_folders(map(Path, found.language_folders))
        stack.callback(forget_languages)
        database = await Database.open(folder / "parlance.db")
        stack.push_async_callback(database.close)
        backends: list[Backend] = list(models) or [
            ScriptedBackend("default", replies=tuple(replies))
        ]
        document_reader = DocumentReader(found)
        stack.push_async_callback(document_reader.aclose)
        shelf, scripted = Shelf(), ScriptedModels(*backends)
        config = Config(
            admins=AdminSettings(roles=(f"test:{_ADMIN}",)),
            commands={name: CommandRule(**rule) for name, rule in (commands or {}).items()},
            **(sections or {}),
        )
        tool_servers = await stack.enter_async_context(
            ToolServers(config.mcp.servers, folder, os.environ.get, reserved_names(found))
        )
        await tool_servers.list_new()
        rules = await load_rules(
            config,
            found,
            database,
            SqlPreferences(database),
            scripted,
            servers=tool_servers,
            watch=RecordingAuthorize,
        )
        made = await stack.enter_async_context(
            open_core(
                config,
                found,
                rules,
                database,
                models=scripted,
                knowledge=shelf,
                web=PageReader(_Pages(pages or {}), document_reader),
                prompts=JinjaPrompts([*(Path(one) for one in found.prompt_folders), _PROMPTS]),
                servers=tool_servers,
            )
        )
        if made.plugins.problems != found.problems:
            raise PluginError("; ".join(map(str, made.plugins.problems)))
        yield Parlance(
            cast(ScriptedBackend, backends[0]),
            shelf,
            made.services,
            made.plugins,
            cast(RecordingAuthorize, rules.authorize).decisions,
            made.core,
            patience_s,
        )


class _Pages:
    """The web pages of a test; no other can be reached."""

    def __init__(self, pages: Mapping[str, str]) -> None:
        self._pages = pages

    async def fetch_bytes(
        self, url: str, *, max_bytes: int | None = None, known: Validators = NOTHING_KNOWN
    ) -> Fetched:
        if url not in self._pages:
            raise Failed(f"There is no page {url:.200} in this test.")
        page = self._pages[url]
        content_type = "text/html" if page.lstrip().startswith("<") else "text/plain"
        return Fetched(page.encode(), content_type, url, "utf-8")

    async def addresses(self, url: str) -> Sequence[str]:
        raise Failed(f"There is no host of {url:.200} in this test.")


def _attachment(name: str, data: bytes | str) -> Attachment:
    content = data.encode() if isinstance(data, str) else data

    async def read(limit: int) -> bytes:
        return content[:limit]

    return Attachment(name, len(content), None, read)

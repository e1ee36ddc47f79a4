"""Runs the adapters of an app, with what goes on beside them.

Where several processes share a database, each platform is served by one of them, and another takes
over when that dies; a platform whose events may come to any of them is served by all. What is done
once for everybody is done by the process that has the lease for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final, Protocol

import structlog

from bot.adapters.protocol import Adapter, is_served_everywhere
from bot.adapters.supervisor import PlatformState, describe_platform, supervise
from bot.background import background
from bot.errors import AdapterError, StorageError
from bot.history.interruption import interrupt_turns
from bot.history.retention import remove_expired_daily
from bot.installation import Installation
from bot.knowledge.service import KnowledgeService
from bot.mcp.servers import ToolServers
from bot.notices.notices import Notices
from bot.notices.watches import watch_platforms
from bot.processes.crew import HOUSEKEEPING, Crew, Duty, platform_lease
from bot.processes.leases import held
from bot.skills.plugin_declarations import Plugins
from bot.storage.backup_schedule import BackupSchedule
from bot.storage.database import Database
from bot.turns.core import Core
from bot.values import Ingested

log = structlog.get_logger(__name__)

_TAKE_OVER: Final = "turns_interrupted"
"""The topic by which the process that keeps house tells that turns of a dead one were ended."""

_SERVED: Final = "platforms"
"""What processes tell of the platforms that they serve beside others."""


class Served(Protocol):
    """The app whose adapters are run: what of `bot.app.App` is used."""

    @property
    def installation(self) -> Installation: ...
    @property
    def database(self) -> Database: ...
    @property
    def knowledge(self) -> KnowledgeService: ...
    @property
    def core(self) -> Core: ...
    @property
    def plugins(self) -> Plugins: ...
    @property
    def servers(self) -> ToolServers: ...
    @property
    def backups(self) -> BackupSchedule: ...
    @property
    def notices(self) -> Notices: ...
    @property
    def crew(self) -> Crew: ...
    @property
    def notices_every_s(self) -> float: ...
    @property
    def restart_pause_s(self) -> float: ...
    @property
    def platforms(self) -> dict[str, tuple[PlatformState, str]]: ...

    def sync_documents(self) -> AsyncGenerator[Ingested, None]:
        """Update the documents, and yield the progress."""
        ...


class Serving:
    """One run of an app's adapters; `restart` says whether one that crashes is run again."""

    def __init__(self, app: Served, adapters: Sequence[Adapter], *, restart: bool) -> None:
        self._app = app
        self._adapters = adapters
        self._restart = restart
        self._failures: list[AdapterError] = []
        self._house_kept = False
        crew = app.crew
        self._house = Duty(crew.leases, HOUSEKEEPING, self._keep_house)
        worker = crew.role == "worker"
        self._takeovers = [
            Duty(crew.leases, platform_lease(one.name), self._take_over(one))
            for one in adapters
            if is_served_everywhere(one) or not worker
        ]
        if worker:
            for one in adapters:
                one.listening = False  # type: ignore[attr-defined]  # it may have it
        self._worker = worker
        if crew.membership is not None:
            crew.membership.mourn(self._house.call)
            app.database.on_told(_TAKE_OVER, lambda _: self._call_takeovers())
            crew.membership.tell(_SERVED, self._served)
            crew.membership.watch(self._share_limits)

    async def run(self) -> None:
        """As `App.serve` says."""
        app = self._app

        def states() -> list[dict[str, str]]:
            return [describe_platform(adapter, app.platforms) for adapter in self._adapters]

        app.notices.watch("platform", watch_platforms(states))
        async with AsyncExitStack() as stack:
            for name, work in self._background():
                await stack.enter_async_context(background(work, name))
            group = await stack.enter_async_context(asyncio.TaskGroup())
            served = [
                group.create_task(self._serve(adapter), name=f"adapter {adapter.name}")
                for adapter in self._adapters
            ]
            try:
                await self._until_ended(served)
            except asyncio.CancelledError:
                await app.core.close()  # replies are ended while there is still a platform
                raise
        if self._failures and len(self._failures) == len(self._adapters):
            raise self._failures[0]
        self._raise_if_lost()

    def _background(self) -> Sequence[tuple[str, Coroutine[Any, Any, None]]]:
        """What goes on beside the adapters, with names."""
        app, config = self._app, self._app.installation.config
        expiring = remove_expired_daily(
            app.database,
            config.history.keep_days,
            keep_prompts_days=config.console.keep_prompts_days,
        )
        scheduled = any(source.every for source in config.knowledge.sync)
        syncing = app.knowledge.sync_when_due() if scheduled else asyncio.sleep(0)
        found: list[tuple[str, Coroutine[Any, Any, None]]] = [
            ("documents: mending", app.knowledge.repair_when_damaged()),
            ("documents: following", app.knowledge.follow()),
            ("documents: syncing", self._for_all(syncing)),
            ("backups", app.backups.run()),
            ("suspended turns", app.core.resume_turns()),
            ("tools of servers", app.servers.list_new()),
            ("notices", app.notices.run(app.core.announce, app.notices_every_s)),
            ("reminders and schedules", app.core.run_jobs()),
            ("events that were received", app.core.handle_received()),
            ("history: removing what is too old", self._for_all(expiring)),
        ]
        if not app.crew.shared:
            return [
                *found,
                ("calls that may have been done", app.core.tell_untold_calls()),
                ("cards that were not shown", app.core.show_waiting_cards()),
            ]
        takeovers = [("taking over", duty.run()) for duty in self._takeovers]
        return [*found, ("keeping house", self._house.run()), *takeovers]

    async def _for_all(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in one of the processes that share the database."""
        try:
            async with held(self._app.crew.leases, HOUSEKEEPING):
                await work
        finally:
            work.close()

    # --- the platforms ----------------------------------------------------------------------------

    async def _serve(self, adapter: Adapter) -> None:
        app, name = self._app, adapter.name
        try:
            if is_served_everywhere(adapter) or (self._worker and _handles_received(adapter)):
                await self._connect(adapter)
            elif self._worker:
                app.platforms[name] = ("standby", "")
                await asyncio.Event().wait()
            else:
                if app.crew.shared:
                    app.platforms[name] = ("standby", "")
                async with held(app.crew.leases, platform_lease(name)):
                    await self._connect(adapter)
            app.platforms[name] = ("ended", "")
        except AdapterError as error:
            self._failures.append(error)
            app.platforms[name] = ("failed", str(error))
            log.error("platform.failed", platform=name, reason=str(error))

    async def _connect(self, adapter: Adapter) -> None:
        app = self._app
        app.platforms[adapter.name] = ("serving", "")
        if self._restart:
            await supervise(adapter, app.core, app.restart_pause_s)
        else:
            await adapter.run(app.core)

    async def _until_ended(self, served: Sequence[asyncio.Task[None]]) -> None:
        """Return when all adapters have ended, or this process was taken for dead."""
        if not served:
            return
        ended = asyncio.ensure_future(asyncio.wait(served))
        waits: list[asyncio.Future[Any]] = [ended]
        if (membership := self._app.crew.membership) is not None:
            waits.append(asyncio.ensure_future(membership.lost.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.wait(waits)
        if not all(task.done() for task in served):
            for task in served:
                task.cancel()

    def _raise_if_lost(self) -> None:
        membership = self._app.crew.membership
        if membership is not None and membership.lost.is_set():
            raise StorageError(
                "This process was not heard of for too long, so the others go on without it; it "
                "ends, to be started again."
            )

    # --- what is done for processes that died -----------------------------------------------------

    async def _keep_house(self) -> None:
        """End the turns of processes that died, and have that told where they were shown."""
        app = self._app
        if not self._house_kept:
            self._house_kept = True
            await self._sync_documents()
        harmless = {one.name for one in app.plugins.tools if one.repeatable}
        if await interrupt_turns(app.database, harmless):
            await app.database.write(lambda connection: app.database.tell(connection, _TAKE_OVER))
            self._call_takeovers()

    async def _sync_documents(self) -> None:
        async with aclosing(self._app.sync_documents()) as events:
            async for _ in events:
                pass

    def _served(self) -> Sequence[str]:
        """The platforms that this process makes requests to, as others may do as well."""
        connected = self._app.core.platforms.connected
        return [
            one.name for one in self._adapters if is_served_everywhere(one) or one.name in connected
        ]

    def _share_limits(self) -> None:
        """Tell platforms that several processes serve how many these are."""
        membership = self._app.crew.membership
        told = membership.told(_SERVED) if membership is not None else ()
        for adapter in self._adapters:
            share = getattr(adapter, "share_limits", None)
            if share is not None:
                share(1 + sum(adapter.name in names for names in told))

    def _call_takeovers(self) -> None:
        for duty in self._takeovers:
            duty.call()

    def _take_over(self, adapter: Adapter) -> Callable[[], Awaitable[None]]:
        async def take_over() -> None:
            app = self._app
            repair = getattr(adapter, "repair_replies", None)
            if repair is not None and adapter.name in app.core.platforms.connected:
                repair(await app.core.replies.unfinished(adapter.name))
            await app.core.take_over()

        return take_over


def _handles_received(adapter: Adapter) -> bool:
    """Whether a process can answer on this platform what another one has received."""
    return hasattr(adapter, "handle_received")

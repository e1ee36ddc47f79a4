"""The composition root: creates all services from an installation and connects them.

async with open_app(installation) as app:
    await app.serve(create_adapters(installation).adapters)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from backends.pool.pool import Pool
from bot.adapters.protocol import Adapter
from bot.adapters.supervisor import PlatformState
from bot.assembly import load_rules, open_core, reserved_names
from bot.background import background
from bot.catalogue.languages import set_folders
from bot.config.mcp import KEY_VARIABLE
from bot.errors import ConfigError
from bot.history.interruption import interrupt_turns
from bot.installation import Installation
from bot.knowledge.embedders import create_embedders, loaded_embedder
from bot.knowledge.index.unread_scans import mark_unread_scans
from bot.knowledge.likeness import Likeness
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.page_reader import PageReader
from bot.knowledge.retrieval.reranking import Reranker, create_reranker
from bot.knowledge.service import KnowledgeService
from bot.mcp.logins import Logins
from bot.mcp.servers import ToolServers
from bot.models.capabilities_store import SqlCapabilitiesStore
from bot.models.fetched_models import FetchedModels
from bot.models.selection import ModelService
from bot.notices.assembly import create_notices
from bot.notices.notices import ROUND_S, Notices
from bot.observability.metrics import Metrics
from bot.observability.redaction import Redactor
from bot.platforms import forget_hooks
from bot.private_files import create_privately
from bot.processes.crew import Crew, Role, open_crew
from bot.processes.demand_exchange import DemandExchange
from bot.prompting.templates import JinjaPrompts
from bot.serving import Serving
from bot.settings.choices_store import SqlPreferences
from bot.settings.up_to_date import ChosenAnew
from bot.sign_in.service import ConsoleSignIn
from bot.skills.plugin_declarations import Plugins
from bot.skills.services import Services
from bot.storage.backup_schedule import BackupSchedule
from bot.storage.data_dir_lock import hold_data_dir
from bot.storage.database import Database
from bot.turns.core import Core
from bot.values import Ingested
from bot.web.late_fetch import LateFetcher

log = structlog.get_logger(__name__)

_LAST_WORDS_S = 10.0
"""Time for answers that were cut to say so: a platform takes so many edits at once, and no more."""


@dataclass(frozen=True, slots=True)
class App:
    """A running core, with the services that the command line and the adapters need."""

    installation: Installation
    database: Database
    pool: Pool
    knowledge: KnowledgeService
    services: Services
    core: Core
    plugins: Plugins
    """The plugins in effect: without the skills of those that could not start."""
    metrics: Metrics = field(repr=False)
    servers: ToolServers = field(repr=False)
    logins: Logins = field(repr=False)
    backups: BackupSchedule = field(repr=False)
    notices: Notices = field(repr=False)
    sign_in: ConsoleSignIn = field(repr=False)
    """Makes links into the console."""
    crew: Crew = field(repr=False)
    """The processes on the same database."""
    notices_every_s: float = ROUND_S
    """Seconds from one look for trouble to the next."""
    restart_pause_s: float = 1.0
    """Pause before an adapter that crashed is run again, in seconds; twice as long each time."""
    platforms: dict[str, tuple[PlatformState, str]] = field(default_factory=dict)
    """What has become of each adapter that was started, by its name, and why if it failed."""
    taken: dict[str, str] = field(default_factory=dict)
    """The fingerprint of the `configuration` that was taken over while running, if one was."""
    draining: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once nothing new is taken, as the process is about to end."""

    async def serve(self, adapters: Sequence[Adapter], *, restart: bool = True) -> None:
        """Run the adapters concurrently until all have ended, or this is cancelled.

        One that crashes is run again after a pause; without `restart`, its error ends them all. One
        that raises `AdapterError` has ended, and the others go on; raises it if all have failed so.
        When it is cancelled, open replies are ended before the adapters are.
        """
        await Serving(self, adapters, restart=restart).run()

    async def drain(self, adapters: Sequence[Adapter]) -> None:
        """Take nothing new, and return when what was taken has ended. What has not after
        `limits.drain_s` seconds is stopped, and has some more to say so. `serve` goes on meanwhile,
        and is to be cancelled then."""
        self.draining.set()
        log.info("app.draining", open_turns=len(self.core.open_turns))
        for adapter in adapters:
            if (drain := getattr(adapter, "drain", None)) is not None:
                drain(others=self.crew.accompanied)
        await self.core.drain(self.installation.config.limits.drain_s)
        await self.core.close(_LAST_WORDS_S)

    async def warm_up(self) -> None:
        """Update the documents and load the default models, before the first question.

        An error is only logged; the person who asks will see it then.
        """
        try:
            if not self.crew.shared:  # else one of the processes does it
                async with aclosing(self.sync_documents()) as events:
                    async for _ in events:
                        pass
            await self.knowledge.warm()
            await self.pool.probe(self.installation.config.default_model)
        except Exception:
            log.warning("app.warm_up_failed", exc_info=True)

    async def sync_documents(self) -> AsyncGenerator[Ingested, None]:
        """Update what `knowledge.sync` names and no schedule does, and yield the progress.

        Unchanged documents are skipped. What cannot be read is logged and left out.
        """
        async with aclosing(self.knowledge.source_sync.at_start()) as events:
            async for event in events:
                if event.state == "refused":
                    log.warning("documents.left_out", where=event.location, why=event.detail)
                if event.state == "passed":
                    log.info("documents.files_passed_over", why=event.detail)
                    continue
                yield event


@asynccontextmanager
async def open_app(installation: Installation, role: Role = "all") -> AsyncIterator[App]:
    """Open the database, the services and the core; close them in reverse order at the end.

    `role` is what this process does among those on a PostgreSQL. Raises `StorageError` if the data
    directory is in use by another process or of a newer version, and `ConfigError` if the
    configured reranker cannot be used, or the database cannot have several processes.
    """
    config = installation.config
    if role != "all" and isinstance(installation.database, Path):
        raise ConfigError(
            f"A process that is only a {role} needs a PostgreSQL that it shares with others "
            "(database.url)."
        )
    async with AsyncExitStack() as stack:
        stack.enter_context(create_privately())
        await stack.enter_async_context(hold_data_dir(config.data_dir))
        kept, address = config.backup, installation.database
        every_s = kept.every_s if isinstance(address, Path) else None  # a server has its own
        backups = BackupSchedule(config.database_file, kept.folder, every_s, kept.keep_days)
        await asyncio.to_thread(backups.remove_old)
        database = await Database.open(address)
        stack.push_async_callback(database.close)
        crew = await stack.enter_async_context(open_crew(database, role))
        preferences = SqlPreferences(database)
        harmless = {one.name for one in installation.plugins.tools if one.repeatable}
        await interrupt_turns(database, harmless)

        pool = installation.create_pool()
        stack.push_async_callback(pool.aclose)
        if crew.membership is not None:
            exchange = DemandExchange(database, crew.membership, pool.sharing)
            await stack.enter_async_context(background(exchange.run(), "demand of models"))
        document_reader = DocumentReader(
            installation.plugins,
            config.knowledge.loading,
            config.knowledge.ocr,
            pictures=config.pictures,
        )
        stack.push_async_callback(document_reader.aclose)
        web = PageReader(
            LateFetcher(config.fetch),
            document_reader,
            max_bytes=config.limits.max_attachment_bytes,
        )
        models = ModelService(pool, preferences, config, SqlCapabilitiesStore(database))
        pulls = FetchedModels(models, preferences, installation.store, installation.secrets.get)
        stack.push_async_callback(pulls.aclose)
        await pulls.load()
        logins = Logins(
            database,
            {name: one.url for name, one in config.mcp.servers.items() if one.login and one.url},
            installation.secrets.get(KEY_VARIABLE),
            {
                name: (one.client_id, installation.secrets.get(one.client_secret or "") or "")
                for name, one in config.mcp.servers.items()
                if one.client_id is not None
            },
            crew.peers,
        )
        stack.push_async_callback(logins.aclose)
        sign_in = ConsoleSignIn(database, config.http.public_url)
        hooks = (
            *installation.plugins.forget,
            *forget_hooks(installation),
            ("logins", logins.forget),
            ("console", sign_in.forget),
        )
        plugins = replace(installation.plugins, forget=hooks)
        servers = ToolServers(
            config.mcp.servers,
            config.data_dir,
            installation.secrets.get,
            reserved_names(plugins),
            logins.auth_of,
        )
        logins.connections = servers
        await stack.enter_async_context(servers)
        rules = await load_rules(config, plugins, database, preferences, models, servers=servers)
        if crew.shared:
            anew = ChosenAnew(database, [*rules.loads, pulls.load])
            await stack.enter_async_context(background(anew.run(), "choices of other processes"))
        embedders = create_embedders(installation.config, pool)
        knowledge = KnowledgeService(
            database,
            config.index,
            embedder=embedders,
            fetcher=web,
            settings=config.knowledge,
            document_reader=document_reader,
            chosen_base=rules.settings.knowledge_base,
            reranker=_reranker(installation, pool),
            channels_of=rules.platforms.channels_of,
            secret=installation.secrets.get,
            leases=crew.leases,
        )
        stack.push_async_callback(knowledge.aclose)
        await knowledge.start()
        if document_reader.reads_scans:
            await mark_unread_scans(database)

        await asyncio.to_thread(set_folders, map(Path, plugins.language_folders))
        metrics = Metrics()
        metrics.watch_pool(pool.status)
        made = await stack.enter_async_context(
            open_core(
                config,
                plugins,
                rules,
                database,
                models=models,
                knowledge=knowledge,
                web=web,
                prompts=await asyncio.to_thread(JinjaPrompts, installation.prompt_folders()),
                servers=servers,
                logins=logins,
                metrics=metrics,
                redact=Redactor(installation.secrets.known()),
                likeness=Likeness(loaded_embedder(config, pool, embedders)),
                pulls=pulls,
                console=sign_in if config.console.enabled else None,
                crew=crew,
            )
        )
        yield App(
            installation,
            database,
            pool,
            knowledge,
            made.services,
            made.core,
            made.plugins,
            metrics,
            servers,
            logins,
            backups,
            create_notices(
                config,
                database,
                pool.status,
                knowledge.source_sync,
                backups,
                lambda: knowledge.vector_server_trouble,
            ),
            sign_in,
            crew,
        )


def _reranker(installation: Installation, pool: Pool) -> Reranker | None:
    name = installation.config.knowledge.reranker
    return (
        create_reranker(name, pool.backend(name), installation.config.index.parent)
        if name is not None
        else None
    )

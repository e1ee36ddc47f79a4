"""Puts a core together: who may do what, the settings, the services, the plugins, the turns.

The bot (`bot.app`) and the tests of plugins (`bot.testing`) both use it, with other models,
documents and web pages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from bot.agent.tool_set import FIND_TOOLS
from bot.commands.authorization import Authorize
from bot.config import Config
from bot.duels.store import DuelStore
from bot.history.daily_use import DailyLimits, DailyUse
from bot.history.prompts import KeptPrompts
from bot.history.reply_addresses import SqlReplies
from bot.history.sql_store import SqlHistoryStore
from bot.history.suspensions import Suspensions
from bot.history.tool_calls import ToolCalls
from bot.knowledge.access import DocumentAccess
from bot.knowledge.relevance import relevances
from bot.mcp.logins import Logins
from bot.mcp.servers import ToolServers
from bot.mcp.tokens import PersonalTokens
from bot.mcp.tools_in_effect import ToolsInEffect
from bot.memory.compaction import Compaction
from bot.memory.memories import Memories
from bot.memory.past_turns import PastTurns
from bot.memory.summaries import Summaries
from bot.models.protocol import ModelPulls, Models
from bot.observability.redaction import Redactor
from bot.portability.personal_files import PersonalFiles
from bot.processes.crew import Crew
from bot.processes.received_events import ReceivedEvents
from bot.prompting.context_window import Fitter
from bot.prompting.templates import JinjaPrompts
from bot.schedules.jobs_store import Jobs
from bot.schedules.service import ScheduleLimits, Schedules
from bot.settings.admin_word import AdminWord
from bot.settings.admins import Admins
from bot.settings.admission import Admission
from bot.settings.channel_settings import ChosenSettings
from bot.settings.choices_store import SqlPreferences
from bot.settings.from_config import create_authorizer, named_roles, settings_from_config
from bot.settings.moderation import Moderation
from bot.settings.places import AllowedPlaces
from bot.settings.shown_words import ShownWords
from bot.skills.plugin_declarations import Plugins
from bot.skills.plugin_lifespans import run_lifespans
from bot.skills.service_protocols import ConsoleLinks, LikenessOf, Web
from bot.skills.services import Searching, Services
from bot.storage.database import Database
from bot.turns.assembly import assemble
from bot.turns.core import Core
from bot.turns.erasure import DocumentsOfPeople, Erasure
from bot.turns.middleware import Metrics
from bot.turns.open_turns import OpenTurns
from bot.turns.platforms import Platforms
from bot.turns.policy import Policy
from bot.turns.quota import Quota
from bot.turns.runner import TurnLimits
from bot.web.search import create_web_search


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator and the admins have set, and what decides by it who may do what."""

    admins: Admins
    admission: Admission
    moderation: Moderation
    places: AllowedPlaces
    settings: ChosenSettings
    platforms: Platforms
    authorize: Authorize

    @property
    def loads(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """What reads what was chosen, at the start and when another process has changed it."""
        return self.admins.load, self.moderation.load, self.places.load


@dataclass(frozen=True, slots=True)
class AssembledCore:
    """A core with its services, and the plugins in effect: without those that could not start."""

    core: Core
    services: Services
    plugins: Plugins


def unwatched(authorize: Authorize) -> Authorize:
    """The default of `load_rules(watch=)`: nobody watches the decisions."""
    return authorize


def reserved_names(plugins: Plugins) -> tuple[str, ...]:
    """The names of tools that no server may have for its own."""
    return (FIND_TOOLS.name, *(one.name for one in plugins.tools))


async def load_rules(
    config: Config,
    plugins: Plugins,
    database: Database,
    preferences: SqlPreferences,
    models: Models,
    *,
    servers: ToolServers | None = None,
    watch: Callable[[Authorize], Authorize] = unwatched,
) -> Rules:
    """Read the rules of config.yaml and those that were chosen in chat.

    `watch` may wrap what decides, to see the decisions.
    """
    tools = ToolsInEffect(plugins.tools, servers)
    words = ShownWords(database)
    admins = Admins(preferences, config.is_admin, AdminWord(words))
    moderation = Moderation(preferences, admins)
    places = AllowedPlaces(preferences, config.allowed_workspaces, admins, words)
    platforms = Platforms(admins.is_admin)
    settings = ChosenSettings(
        preferences,
        partial(settings_from_config, config),
        lambda: (*config.knowledge.bases,),
        commands=lambda: [
            *(command.name for command in plugins.commands),
            *(f"tool:{one.name}" for one in tools),
        ],
        models=models,
        role_problem=platforms.role_problem,
    )
    documents = DocumentAccess(
        config.knowledge.bases, settings.knowledge_base, platforms.channels_of
    )
    authorize = watch(
        create_authorizer(
            config,
            settings,
            plugins.commands,
            documents,
            None if servers is None else servers.decide,
        )
    )
    admission = Admission(moderation, places)
    rules = Rules(admins, admission, moderation, places, settings, platforms, authorize)
    for load in rules.loads:
        await load()
    return rules


@asynccontextmanager
async def open_core(
    config: Config,
    plugins: Plugins,
    rules: Rules,
    database: Database,
    *,
    models: Models,
    knowledge: DocumentsOfPeople,
    web: Web,
    prompts: JinjaPrompts,
    servers: ToolServers | None = None,
    logins: Logins | None = None,
    metrics: Metrics | None = None,
    redact: Redactor | None = None,
    likeness: LikenessOf | None = None,
    pulls: ModelPulls | None = None,
    console: ConsoleLinks | None = None,
    crew: Crew | None = None,
) -> AsyncIterator[AssembledCore]:
    """Start the plugins and the core on these parts, which it does not own; end both afterwards."""
    async with AsyncExitStack() as stack:
        peers = crew.peers if crew is not None else None
        open_turns, history = OpenTurns(rules.authorize, crew), SqlHistoryStore(database)
        suspensions = Suspensions(database)
        fitter = Fitter(answer_tokens=config.limits.max_answer_tokens)
        summaries = Summaries(database)
        compaction = None
        if config.history.summarise:
            compaction = Compaction(summaries, models, prompts, fitter, lambda: bool(open_turns))
            stack.push_async_callback(compaction.close)
        services = Services(
            fitter=fitter,
            compaction=compaction,
            models=models,
            history=history,
            knowledge=knowledge,
            web=web,
            web_search=create_web_search(config.web_search),
            prompts=prompts,
            turns=open_turns,
            commands=plugins.commands,
            tools=ToolsInEffect(plugins.tools, servers),
            calls=ToolCalls(database),
            trusted=config.agent.trusted,
            memories=Memories(database, SqlPreferences(database)),
            past=PastTurns(database, partial(relevances, likeness=likeness)),
            likeness=likeness,
            pulls=pulls,
            console=console,
            schedules=Schedules(
                Jobs(database),
                rules.platforms,
                SqlPreferences(database),
                rules.authorize,
                ScheduleLimits(**config.schedules.model_dump()),
            ),
            suspensions=suspensions,
            duels=DuelStore(database),
            daily_use=DailyUse(
                database,
                DailyLimits(config.agent.person.daily_steps, config.agent.person.daily_seconds),
                DailyLimits(config.agent.place.daily_steps, config.agent.place.daily_seconds),
            ),
            settings=rules.settings,
            moderation=rules.moderation,
            places=rules.places,
            admins=rules.admins,
            tokens=PersonalTokens(database),
            logins=logins,
            forget=Erasure(database, open_turns, history, knowledge, plugins.forget, peers),
            own_data=PersonalFiles(database, redact),
            searching=Searching(
                rewrite=config.knowledge.rewrite,
                multi_query=config.knowledge.multi_query,
                deadline_s=config.knowledge.query_deadline_s,
                reader=config.knowledge.reader,
            ),
            max_attachment_bytes=config.limits.max_attachment_bytes,
            max_pictures=config.pictures.per_message,
            authorize=rules.authorize,
            written=rules.platforms.written,
        )
        failed = await stack.enter_async_context(run_lifespans(plugins.lifespans, services))
        declared = plugins.commands
        plugins = plugins.without_skills(failed)
        own = [one for one in plugins.tools if not one.service or getattr(services, one.service)]
        tools = ToolsInEffect(own, servers)
        services = replace(services, commands=plugins.commands, tools=tools)
        core = assemble(
            plugins.skills,
            services,
            open_turns,
            SqlReplies(database),
            policy=Policy(
                is_admin=rules.admins.is_admin,
                admission=rules.admission,
                admin_word=rules.admins.word,
                channel_settings=rules.settings.resolve,
                is_off=config.is_off,
                quota_per_hour=config.limits.quota_per_hour,
                max_chars=config.limits.max_message_chars,
                named_roles=partial(named_roles, config, declared, rules.settings),
            ),
            settings=plugins.settings,
            limits=TurnLimits(
                max_turns=config.limits.max_turns,
                per_person=config.limits.per_person,
                per_channel=config.limits.per_channel,
                deadline_s=config.limits.turn_deadline_s,
            ),
            metrics=metrics,
            redact=redact,
            suspensions=suspensions,
            summary_text=summaries.text_of,
            platforms=rules.platforms,
            prompts=KeptPrompts(database) if config.console.keep_prompts_days else None,
            crew=crew,
            quota=_shared_quota(config, database, crew),
            received=ReceivedEvents(database, crew or Crew(), rules.platforms.handlers),
        )
        stack.push_async_callback(core.close)
        yield AssembledCore(core, services, plugins)


def _shared_quota(config: Config, database: Database, crew: Crew | None) -> Quota | None:
    """What counts the turns of people over several processes; None where this one is alone."""
    per_hour = config.limits.quota_per_hour
    if per_hour is None or crew is None or not crew.shared:
        return None
    from bot.turns.shared_quota import SharedQuota

    return SharedQuota(per_hour, database)

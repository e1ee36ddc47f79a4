"""Reads what an operator has set up: configuration, secrets, plugins, engines and model files.

This starts nothing and loads no model, so `parlance check` and other commands can use it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backends.base import Engine, EngineContext
from backends.errors import BackendError, InvalidSource, SpecError
from backends.files.sources import parse_source
from backends.files.store import ModelStore
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, ResolvedReplica
from backends.registry import load_engines
from bot.adapters.platform import Platform, PlatformContext
from bot.commands.declaration import Command
from bot.config import Config, Secrets, WrittenConfig
from bot.config.resources import INSTALLED, resource
from bot.config.secrets import find_secret_variables
from bot.errors import ConfigError
from bot.private_files import PLATFORMS_FOLDER, PrivateFolder
from bot.skills.plugin_loader import Plugins, load_plugins
from bot.storage.address import DATABASE_URL_VARIABLE, DatabaseAddress, ServerAddress

SHIPPED_PLUGINS = (
    "bot.shipped_platforms",
    "plugins.help",
    "plugins.chat",
    "plugins.ask_docs",
    "plugins.agent",
    "plugins.agent_tools",
    "plugins.run_python",
    "plugins.memory",
    "plugins.memory_tools",
    "plugins.web_search",
    "plugins.page_summary",
    "plugins.summarize",
    "plugins.rap_battle",
    "plugins.duel",
    "plugins.model_switch",
    "plugins.docs_admin",
    "plugins.settings",
    "plugins.reminders",
    "plugins.moderation",
    "plugins.connect",
    "plugins.console",
    "plugins.matrix",
)
"""Modules of the plugins that ship, in the order in which /help shows them."""
SHIPPED_PROMPTS = Path(__file__).resolve().parents[1] / "plugins" / "prompts"


def find_config(given: Path | None = None) -> Path:
    """Return the path of the configuration: `given`, else the environment's `PARLANCE_CONFIG`, else
    config.yaml in the current folder, else the one that ships."""
    if given is not None:
        return given
    if named := os.environ.get("PARLANCE_CONFIG"):
        return Path(named)
    here = Path("config.yaml")
    return here if here.exists() else resource("config.yaml")


def base_folder(path: Path) -> Path:
    """Return the folder that relative paths start from and that holds `.env`: the folder of the
    configuration, or the current one for the default configuration of an installed package."""
    return Path.cwd() if INSTALLED and path == resource("config.yaml") else path.parent


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that a model needs, and the source that it is downloaded from."""

    model: str
    source: str
    sha256: str | None = None

    @property
    def display_source(self) -> str:
        """The source without anything that may be secret."""
        try:
            return str(parse_source(self.source))
        except InvalidSource:
            return "what stands under `source`, which is no model source,"


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything that is set up, before anything is started. Created by `read`."""

    path: Path
    config: Config
    secrets: Secrets = field(repr=False)
    store: ModelStore
    plugins: Plugins
    engines: Mapping[str, Engine]

    @property
    def offered_commands(self) -> Sequence[Command]:
        """The commands that are not off everywhere: those that a platform is told of."""
        return [c for c in self.plugins.commands if not self.config.is_off(c.name)]

    @classmethod
    def read(cls, path: Path | None = None, *, alone: bool = False) -> Installation:
        """Read config.yaml (at `path`, else where `find_config` finds it) and what it refers to;
        `alone`, without the environment and the plugins that are installed.

        Raises `ConfigError` with every problem. Plugins that cannot be loaded are left out and
        named in `plugins.problems`.
        """
        found = find_config(path)
        base = base_folder(found)
        environ: dict[str, str] | None = {} if alone else None
        written = WrittenConfig.read(found, environ, base=base)
        wanted_plugins = written.plugins()
        plugins = load_plugins(
            SHIPPED_PLUGINS,
            folders=wanted_plugins.folders,
            disabled=wanted_plugins.disabled,
            settings=wanted_plugins.settings,
            installed=not alone,
        )
        sections = {platform.name: platform.settings for platform in plugins.platforms}
        config = written.validate(sections, plugins.left_out)
        wanted = {r.backend for spec in config.models.values() for r in spec.replicas}
        engines = {engine.name: engine for engine in plugins.engines} | load_engines(wanted)
        options = [
            replica.options
            for _, replicas in _resolved(config.models, engines)
            for replica in replicas
        ]
        judged = [
            *options,
            *filter(None, plugins.settings.values()),
            *config.platforms.values(),
        ]
        named = find_secret_variables(
            [config.model_dump(), *(model.model_dump() for model in judged)]
        )
        return cls(
            found,
            config,
            Secrets.load(
                base / ".env", environ, [DATABASE_URL_VARIABLE, *named, *config.mcp.secret_names]
            ),
            ModelStore(config.models_dir, base=base),
            plugins,
            engines,
        )

    @property
    def database(self) -> DatabaseAddress:
        """Where the database is: at a server, or in the file of `data_dir`."""
        url = self.secrets.get(DATABASE_URL_VARIABLE) or self.config.database.url
        return self.config.database_file if url is None else ServerAddress.parse(url)

    @property
    def fingerprint(self) -> str:
        """A digest of the configuration, by which another one is noticed; tells nothing of it."""
        config = self.config
        said = [config.model_dump_json()]
        said += [f"{name}={one.model_dump_json()}" for name, one in config.platforms.items()]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def platform_context(
        self, platform: Platform, conversation: str | None = None
    ) -> PlatformContext:
        """What is set up for a platform, and what it may use."""
        return PlatformContext(
            settings=self.config.platforms[platform.name],
            secret=self.secrets.get,
            data_dir=self.config.data_dir,
            folder=PrivateFolder(self.config.data_dir / PLATFORMS_FOLDER / platform.name),
            commands=self.offered_commands,
            public_url=self.config.http.public_url,
            conversation=conversation,
        )

    @property
    def specs(self) -> Mapping[str, ModelSpec]:
        """The models of config.yaml."""
        return self.config.models

    def prompt_folders(self) -> list[Path]:
        """The folders of prompt templates: the operator's own, those of plugins, the shipped."""
        own = [self.config.prompts_dir] if self.config.prompts_dir is not None else []
        return [*own, *map(Path, self.plugins.prompt_folders), SHIPPED_PROMPTS]

    def list_model_files(self) -> list[ModelFile]:
        """The files of every model, each once. Raises `ConfigError` for a model nobody serves."""
        files: dict[str, ModelFile] = {}
        for name, replicas in _resolved(self.specs, self.engines):
            for replica in replicas:
                for source, sha256 in replica.options.sources():
                    files.setdefault(source, ModelFile(name, source, sha256))
        return list(files.values())

    def find_missing_files(self) -> list[ModelFile]:
        """Return the model files that are not in the store, or whose checksum is wrong."""
        missing = []
        for file in self.list_model_files():
            try:
                self.store.path(file.source, file.sha256)
            except BackendError:
                missing.append(file)
        return missing

    def create_pool(self) -> Pool:
        """Create a pool of the configured models; a model is loaded when it is first used."""
        return Pool(
            self.specs,
            self.engines,
            EngineContext(files=self.store, secret=self.secrets.get),
            self.config.pool_limits,
        )


def _resolved(
    specs: Mapping[str, ModelSpec], engines: Mapping[str, Engine]
) -> list[tuple[str, tuple[ResolvedReplica, ...]]]:
    """Every model with its replicas. Raises `ConfigError` for models that nobody serves."""
    found: list[tuple[str, tuple[ResolvedReplica, ...]]] = []
    problems: list[str] = []
    for name, spec in specs.items():
        try:
            found.append((name, spec.resolve(engines, f"models.{name}")))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise ConfigError("\n".join(problems))
    return found

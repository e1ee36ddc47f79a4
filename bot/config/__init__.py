"""The configuration: the settings of config.yaml and `.env`, their loading and validation."""

from bot.config.agent import AgentSettings
from bot.config.backup import BackupSettings
from bot.config.base import PlatformSettings
from bot.config.core import (
    AdminSettings,
    ChannelOverrides,
    ChatSettings,
    CommandRule,
    ConsoleSettings,
    FetchSettings,
    HttpSettings,
    LimitSettings,
    LoggingSettings,
    MetricsSettings,
    PluginSettings,
    PoolSettings,
    WebSearchSettings,
)
from bot.config.knowledge import KnowledgeBase, KnowledgeSettings, SyncSource
from bot.config.loading import WrittenConfig, load
from bot.config.mcp import McpSettings, ToolServerSettings
from bot.config.notices import NoticeSettings
from bot.config.platforms import DiscordSettings, SlackSettings, TerminalSettings
from bot.config.reference import Row, describe_keys
from bot.config.root import Config
from bot.config.secrets import TOKEN_SHAPES, Secrets, find_secret_parameter, is_secret_name

__all__ = [
    "TOKEN_SHAPES",
    "AdminSettings",
    "AgentSettings",
    "BackupSettings",
    "ChannelOverrides",
    "ChatSettings",
    "CommandRule",
    "Config",
    "ConsoleSettings",
    "DiscordSettings",
    "FetchSettings",
    "HttpSettings",
    "KnowledgeBase",
    "KnowledgeSettings",
    "LimitSettings",
    "LoggingSettings",
    "McpSettings",
    "MetricsSettings",
    "NoticeSettings",
    "PlatformSettings",
    "PluginSettings",
    "PoolSettings",
    "Row",
    "Secrets",
    "SlackSettings",
    "SyncSource",
    "TerminalSettings",
    "ToolServerSettings",
    "WebSearchSettings",
    "WrittenConfig",
    "describe_keys",
    "find_secret_parameter",
    "is_secret_name",
    "load",
]

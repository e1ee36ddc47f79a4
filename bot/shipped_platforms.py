"""The platforms that ship: the terminal, Discord and Slack, declared as a plugin declares one.

Each is imported by the function that needs it, since what is not configured is not imported.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.adapters.platform import Findings, Platform, PlatformContext
from bot.adapters.protocol import Adapter
from bot.config.platforms import DiscordSettings, SlackSettings, TerminalSettings
from bot.skills.hookspecs import hookimpl

if TYPE_CHECKING:
    from bot.adapters.discord import DiscordAdapter
    from bot.adapters.slack import SlackAdapter

TERMINAL_HISTORY_FILE = "terminal-history"
"""Name of the file in the data folder with the input history of the terminal."""


def _create_terminal(context: PlatformContext) -> Adapter:
    from bot.adapters.terminal.adapter import TerminalAdapter

    return TerminalAdapter(
        context.data_dir / TERMINAL_HISTORY_FILE,
        conversation=context.conversation,
        user=context.settings.user,
    )


def _forget_typed_lines(context: PlatformContext, person: str) -> None:
    from bot.adapters.terminal.saved_files import FOLDER_NAME

    (context.data_dir / TERMINAL_HISTORY_FILE).unlink(missing_ok=True)
    shutil.rmtree(context.data_dir / FOLDER_NAME, ignore_errors=True)


def _create_discord(context: PlatformContext) -> DiscordAdapter | None:
    if (token := context.secret("DISCORD_TOKEN")) is None:
        return None
    from bot.adapters.discord import DiscordAdapter

    return DiscordAdapter(context.settings, token, context.data_dir)


def _discord_manifest(context: PlatformContext, url: str | None) -> str:
    from bot.adapters.discord import manifest

    return manifest(context.commands, context.settings, context.secret("DISCORD_TOKEN"))


async def _check_discord(context: PlatformContext) -> Findings:
    adapter = _create_discord(context)
    return Findings(await adapter.check() if adapter is not None else ())


def _create_slack(context: PlatformContext) -> SlackAdapter | None:
    if (token := context.secret("SLACK_BOT_TOKEN")) is None:
        return None
    from bot.adapters.slack import SlackAdapter

    return SlackAdapter(
        context.settings,
        token,
        context.secret("SLACK_APP_TOKEN"),
        context.secret("SLACK_SIGNING_SECRET"),
        commands=context.commands,
        config_token=context.secret("SLACK_CONFIG_TOKEN"),
        public_url=context.public_url,
    )


def _slack_manifest(context: PlatformContext, url: str | None) -> str:
    from bot.adapters.slack.setup.manifest import manifest

    settings: SlackSettings = context.settings
    if url is not None:
        settings = settings.model_copy(update={"mode": "http"})
    return manifest(context.commands, settings, url or context.public_url)


async def _check_slack(context: PlatformContext) -> Findings:
    if (adapter := _create_slack(context)) is None:
        return Findings()
    problems = await adapter.check()
    return Findings(problems, adapter.notes)


@hookimpl
def register_platforms() -> Sequence[Platform]:
    """Return the three, in the order in which they are named to the operator."""
    return [
        Platform(
            "terminal",
            TerminalSettings,
            _create_terminal,
            forget=_forget_typed_lines,
            alone=True,
        ),
        Platform("discord", DiscordSettings, _create_discord, _discord_manifest, _check_discord),
        Platform("slack", SlackSettings, _create_slack, _slack_manifest, _check_slack),
    ]

"""Builds the app manifest from the commands of the loaded plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from bot.adapters.slack.command_names import MAX_NAME_CHARS, ROOT_COMMAND, CommandNames
from bot.adapters.slack.inbound.interactions import MENU
from bot.adapters.slack.transport.http_mode import EVENTS_PATH
from bot.commands.declaration import Command
from bot.config.platforms import SlackSettings
from bot.errors import ConfigError

SCOPES: Mapping[str, str] = {
    "app_mentions:read": "hear that somebody mentions it",
    "channels:history": "follow up in threads of channels",
    "channels:read": "tell which channels somebody is in",
    "chat:write": "answer",
    "commands": "offer commands and shortcuts",
    "files:read": "read what is attached to a question",
    "files:write": "attach long answers",
    "groups:history": "follow up in threads of private channels",
    "groups:read": "tell which private channels somebody is in",
    "im:history": "hear direct messages",
    "im:read": "tell whose direct messages it is in",
    "im:write": "begin a direct message",
    "mpim:history": "follow up in group messages",
    "mpim:read": "tell which group messages somebody is in",
    "usergroups:read": "tell who is in a user group that a rule names",
    "users:read": "know people's names",
}
"""Each scope, and what the bot needs it for."""
AGENT_SCOPES: Mapping[str, str] = {
    "assistant:write": "stream answers and suggest questions, as an agent does",
}
REACTION_SCOPES: Mapping[str, str] = {
    "reactions:write": "put an emoji to a question that it answers",
}
EVENTS = (
    "app_mention", "member_joined_channel",
    "message.channels", "message.groups", "message.im", "message.mpim",
    "subteam_created", "subteam_members_changed", "subteam_updated",
)  # fmt: skip
AGENT_EVENTS = ("agent_session_stopped", "app_home_opened")
_MAX_NAME_CHARS = 24
_MAX_DESCRIPTION_CHARS = 140
_DESCRIPTION = "Answers on your own models, from your own documents."


def manifest(
    commands: Sequence[Command],
    settings: SlackSettings | None = None,
    public_url: str | None = None,
) -> str:
    """The manifest as YAML, to paste into Slack's "from a manifest". Raises `ConfigError`."""
    found = build_manifest(commands, settings or SlackSettings(), public_url)
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100)


def scopes(settings: SlackSettings) -> Mapping[str, str]:
    """The bot's scopes, and what each is for."""
    agent = AGENT_SCOPES if settings.agent else {}
    reactions = REACTION_SCOPES if settings.acknowledge else {}
    return {**SCOPES, **agent, **reactions}


def build_manifest(
    commands: Sequence[Command], settings: SlackSettings, public_url: str | None = None
) -> dict[str, Any]:
    """The manifest as Slack's API has it, in HTTP mode with the address of the HTTP port.

    Raises `ConfigError` for HTTP without an address.
    """
    http = settings.mode == "http"
    url = {"url": _request_url(public_url)} if http else {}
    request_url = {"request_url": _request_url(public_url)} if http else {}
    features: dict[str, Any] = {
        "app_home": {
            "home_tab_enabled": False,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": "Parlance", "always_online": True},
        "slash_commands": [
            {**one, **url, "should_escape": False} for one in _slash_commands(commands, settings)
        ],
        "shortcuts": [
            {
                "name": command.menu[:_MAX_NAME_CHARS],
                "type": "message",
                "callback_id": f"{MENU}{command.name}",
                "description": command.description[:_MAX_DESCRIPTION_CHARS],
            }
            for command in commands
            if command.menu
        ],
    }
    events = [*EVENTS]
    if settings.agent:
        features["agent_view"] = {"agent_description": _DESCRIPTION}
        events = sorted({*EVENTS, *AGENT_EVENTS})
    return {
        "display_information": {"name": "Parlance", "description": _DESCRIPTION},
        "features": features,
        "oauth_config": {"scopes": {"bot": sorted(scopes(settings))}},
        "settings": {
            "event_subscriptions": {**request_url, "bot_events": events},
            "interactivity": {"is_enabled": True, **request_url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not http,
            "token_rotation_enabled": False,
        },
    }


def _slash_commands(
    commands: Sequence[Command], settings: SlackSettings
) -> Iterator[dict[str, str]]:
    """Every command under its name in Slack, and the one that takes the others as a word."""
    names = CommandNames(settings.command_prefix)
    known = {command.name: names.in_slack(command.name) for command in commands}
    if ROOT_COMMAND not in known.values():
        yield {
            "command": f"/{ROOT_COMMAND}",
            "description": "Ask something, or call any command.",
            "usage_hint": "QUESTION, help, or a command such as ask QUESTION",
        }
    for command in commands:
        if len(known[command.name]) <= MAX_NAME_CHARS:
            yield {
                "command": f"/{known[command.name]}",
                "description": command.description[:_MAX_DESCRIPTION_CHARS],
                **_hint(command),
            }


def _hint(command: Command) -> dict[str, str]:
    hint = command.usage.partition(" ")[2][:_MAX_DESCRIPTION_CHARS]
    return {"usage_hint": hint} if hint else {}


def _request_url(public_url: str | None) -> str:
    if public_url is None:
        raise ConfigError(
            "http.public_url: HTTP mode needs the address at which Slack reaches this bot, as "
            "https://bot.example.org; `parlance manifest slack --url` takes one, too."
        )
    return public_url.rstrip("/") + EVENTS_PATH

"""The whole app manifest, derived from the commands of the loaded plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from bot.adapters.slack.interactions import MENU
from bot.command import Command

SCOPES = (
    "app_mentions:read",
    "channels:history",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "im:history",
    "im:read",
    "im:write",
    "users:read",
)
EVENTS = ("app_mention", "message.channels", "message.groups", "message.im")
_LONGEST_NAME = 24
_LONGEST_DESCRIPTION = 140


def manifest(commands: Sequence[Command]) -> str:
    """YAML to paste where Slack makes an app "from a manifest"."""
    content: dict[str, Any] = {
        "display_information": {
            "name": "Parlance",
            "description": "Answers on your own models, from your own documents.",
        },
        "features": {
            "app_home": {"messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
            "bot_user": {"display_name": "Parlance", "always_online": True},
            "slash_commands": [
                {
                    "command": f"/{command.name}",
                    "description": command.description[:_LONGEST_DESCRIPTION],
                    "usage_hint": command.usage.partition(" ")[2][:_LONGEST_DESCRIPTION],
                    "should_escape": False,
                }
                for command in commands
            ],
            "shortcuts": [
                {
                    "name": command.menu[:_LONGEST_NAME],
                    "type": "message",
                    "callback_id": f"{MENU}{command.name}",
                    "description": command.description[:_LONGEST_DESCRIPTION],
                }
                for command in commands
                if command.menu
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)

"""What the operator tells Discord: the invite link, its permissions, and what to switch on."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import discord

from bot.commands.declaration import Command
from bot.config.platforms import DiscordSettings

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    read_message_history=True,
    attach_files=True,
)
"""What the bot needs in a server, and nothing more."""

NAMES = {
    "view_channel": "View Channels",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "create_public_threads": "Create Public Threads",
    "read_message_history": "Read Message History",
    "attach_files": "Attach Files",
}
"""The same, as Discord's pages call them."""


def application_of(token: str | None) -> str | None:
    """The application's id, which is the first part of its bot's token."""
    if not token:
        return None
    first = token.strip().split(".")[0]
    try:
        text = base64.b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except ValueError:
        return None
    return text if text.isdecimal() else None


def invite_link(application: str | int) -> str:
    """The address under which somebody adds the bot to a server."""
    return (
        f"https://discord.com/oauth2/authorize?client_id={application}"
        f"&scope=bot+applications.commands&permissions={PERMISSIONS.value}"
    )


def manifest(
    commands: Sequence[Command], settings: DiscordSettings, token: str | None = None
) -> str:
    """The invite link, what it asks for and why, and what is to be switched on."""
    application = application_of(token)
    client = application or "YOUR_APPLICATION_ID"
    lines = ["Add the bot to a server:", f"  {invite_link(client)}"]
    if application is None:
        lines += ["  (YOUR_APPLICATION_ID: Developer Portal, General Information)"]
    if settings.user_install:
        lines += [
            "Add it to your own account, to use its commands anywhere:",
            f"  https://discord.com/oauth2/authorize?client_id={client}"
            "&integration_type=1&scope=applications.commands",
        ]
    lines += ["", f"Permissions ({PERMISSIONS.value}):"]
    lines += [f"  {name}" for name in NAMES.values()]
    lines += ["", "Privileged Gateway Intents (Developer Portal, Bot):"]
    if settings.message_content:
        lines += ["  Message Content Intent: on (discord.message_content is true)"]
    else:
        lines += ["  none"]
    lines += ["", "Commands, registered by the bot itself:"]
    lines += [f"  /{c.name} — {c.description}" for c in sorted(commands, key=lambda c: c.name)]
    menus = [c.menu for c in commands if c.menu]
    if menus:
        lines += ["In the menu of a message (Apps):", *(f"  {label}" for label in sorted(menus))]
    return "\n".join(lines)

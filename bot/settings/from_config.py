"""Reads the settings of a conversation from config.yaml, and decides who may use a command."""

from __future__ import annotations

from bot.commands.checks import Asker
from bot.config import Config
from bot.settings.channel_settings import ChosenSettings
from bot.settings.values import ChannelSettings
from bot.types import ConversationKey


def settings_from_config(config: Config, conversation: ConversationKey) -> ChannelSettings:
    """The settings of a conversation according to config.yaml alone."""
    place = config.resolve_channel(conversation)
    return ChannelSettings(
        thread_per_mention=bool(place.thread_per_mention),
        follow_up=bool(place.follow_up),
        knowledge_base=place.knowledge_base,
        persona=place.persona or "",
        file_over_chars=place.file_over_chars or 6000,
    )


async def may_use(config: Config, settings: ChosenSettings, command: str, asker: Asker) -> bool:
    """Whether somebody may use a command: what an admin chose, else what config.yaml says; what
    that turns off stays off."""
    configured = config.resolve_channel(asker.conversation).commands.get(command)
    if configured is not None and not configured.enabled:
        return False
    chosen = await settings.access(command, asker.conversation)
    if chosen is not None:
        return chosen.allows(asker.author, admin=asker.admin)
    return config.may_use(command, asker.author, asker.conversation)

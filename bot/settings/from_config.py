"""Reads the settings of a conversation from config.yaml, and decides who may do what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.commands.authorization import Authorizer, Rules, StandingRule
from bot.commands.checks import Asker
from bot.commands.declaration import Command
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
        language=place.language or "",
        file_over_chars=place.file_over_chars or 6000,
    )


def create_authorizer(
    config: Config,
    settings: ChosenSettings,
    commands: Iterable[Command],
    documents: StandingRule,
    tools: StandingRule | None = None,
) -> Authorizer:
    """Put together what decides who may do what: the rules of config.yaml and of the admins, the
    commands' own checks, who may read which documents (`documents`), and who may have the tools of
    servers used (`tools`)."""
    standing = dict.fromkeys(("docs.read", "docs.add", "docs.remove"), documents)
    if tools is not None:
        standing["tool"] = tools
    return Authorizer(commands, _create_rules(config, settings), standing)


def _create_rules(config: Config, settings: ChosenSettings) -> Rules:
    """What an admin chose in chat, else what config.yaml says; what that turns off stays off."""

    async def rule(action: str, asker: Asker) -> bool | None:
        configured = config.action_rule(action, asker.conversation)
        if configured is not None and not configured.enabled:
            return False
        chosen = await settings.access(action, asker.conversation)
        if chosen is not None:
            return chosen.allows(asker.author, admin=asker.admin)
        if configured is None:
            return None
        return configured.allows(asker.author, admin=asker.admin)

    return rule


async def named_roles(
    config: Config, commands: Sequence[Command], settings: ChosenSettings, platform: str
) -> frozenset[str]:
    """The ids of the roles of a platform that a rule of config.yaml, the check of a command or an
    admin's choice names."""
    begin = f"{platform}:"
    configured = (r.removeprefix(begin) for r in _configured_roles(config) if r.startswith(begin))
    checked = (command.check.roles for command in commands if command.check is not None)
    return frozenset(configured).union(*checked, await settings.named_roles(platform))


def _configured_roles(config: Config) -> Iterable[str]:
    yield from config.admins.roles
    for base in config.knowledge.bases.values():
        yield from base.roles
    places = (*config.workspaces.values(), *config.channels.values())
    for rules in (config.commands, *(place.commands for place in places)):
        for rule in rules.values():
            yield from rule.roles

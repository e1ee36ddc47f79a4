"""The rules about people and channels that the core goes by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.commands.declaration import MAX_TEXT_CHARACTERS
from bot.settings.admin_word import AdminWord
from bot.settings.values import ChannelSettings
from bot.turns.admission import Admission, EverybodyAdmitted
from bot.types import Author, ConversationKey


def deny_admin(author: Author) -> bool:
    """The default of `Policy.is_admin`: nobody is an admin."""
    return False


def is_never_off(command: str) -> bool:
    """The default of `Policy.is_off`: every command is on somewhere."""
    return False


async def default_channel_settings(
    conversation: ConversationKey, person: str | None
) -> ChannelSettings:
    """The default of `Policy.channel_settings`: the same settings everywhere."""
    return ChannelSettings()


async def no_roles(platform: str) -> frozenset[str]:
    """The default of `Policy.named_roles`: no rule names a role."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules about people and channels, from config.yaml and from choices made in chat.

    `admission` is asked before anything else is looked at. `is_off(command)` says whether a command
    is off everywhere. `channel_settings(conversation, person)` is called for every turn, `person`
    being the `Author.key` of who asks. `quota_per_hour` is the number of turns a person may start
    in an hour (None: no limit), `max_chars` the longest message in characters.
    `admin_word` is what makes whoever writes it an admin, if there is such a word.
    `named_roles(platform)` returns the roles of that platform that any rule names. Who may do what
    is decided by `Services.authorize`.
    """

    is_admin: Callable[[Author], bool] = deny_admin
    admission: Admission = field(default_factory=EverybodyAdmitted)
    admin_word: AdminWord | None = None
    channel_settings: Callable[[ConversationKey, str | None], Awaitable[ChannelSettings]] = (
        default_channel_settings
    )
    is_off: Callable[[str], bool] = is_never_off
    quota_per_hour: int | None = None
    max_chars: int = MAX_TEXT_CHARACTERS
    named_roles: Callable[[str], Awaitable[frozenset[str]]] = no_roles

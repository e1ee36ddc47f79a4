"""Resolves the settings of a channel from config.yaml and from what admins chose at run time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bot.commands.access import Access, parse_access
from bot.commands.authorization import PHRASES, describe_action
from bot.commands.declaration import Option, check_text
from bot.errors import NotFound, Refused, UsageError, nearest
from bot.history.protocol import Preferences
from bot.models.protocol import Models
from bot.models.selection import MODEL_CHOICE
from bot.settings.values import ChannelSettings
from bot.types import SCOPES, ConversationKey, Scope
from bot.values import Setting

_STORED_PREFIX = "setting:"
_MAX_VALUE_CHARACTERS = 2_000
MODEL_SETTING = MODEL_CHOICE
"""The setting that is the model which answers; /model chooses it, too."""
COMMAND_PREFIX = "command."
"""Prefix of the settings that say who may use a command, or do something else; the name of the
action follows."""

SETTING_OPTIONS: Final[Mapping[str, Option]] = {
    option.name: option
    for option in (
        Option("Who the bot is here, in a sentence or two", name="persona"),
        Option("Knowledge base that answers here", name="knowledge_base"),
        Option("Answer a mention in a thread of its own", name="thread_per_mention", kind="bool"),
        Option("Answer in its threads without being mentioned", name="follow_up", kind="bool"),
        Option(
            "Length from which an answer is also attached as a file, in characters",
            name="file_over_chars",
            kind="int",
            min_value=500,
            max_value=1_000_000,
        ),
    )
}
"""The settings that can be chosen at run time; the names are those of `ChannelSettings`."""


async def no_role_problem(platform: str, roles: Collection[str]) -> str | None:
    """The `role_problem` of a process without platforms: any role may be named."""
    return None


class ChosenSettings:
    """The settings of channels and workspaces: config.yaml, overridden by what admins chose.

    `configured` returns the settings of config.yaml for a conversation; `bases` returns the names
    of the knowledge bases, `commands` those of the commands; `models` knows which model answers.
    Who may use a command is a setting, and so is who may do something else (`PHRASES`).
    `role_problem(platform, roles)` says why a rule that names these roles could not work, if so.
    """

    def __init__(
        self,
        preferences: Preferences,
        configured: Callable[[ConversationKey], ChannelSettings],
        bases: Callable[[], Sequence[str]] = tuple,
        *,
        commands: Callable[[], Sequence[str]] = tuple,
        models: Models | None = None,
        role_problem: Callable[[str, Collection[str]], Awaitable[str | None]] = no_role_problem,
    ) -> None:
        self._preferences = preferences
        self._configured = configured
        self._bases = bases
        self._commands = commands
        self._models = models
        self._role_problem = role_problem
        self._changes = 0
        self._roles_by_scope: Sequence[tuple[str, frozenset[str]]] | None = None

    async def resolve(self, conversation: ConversationKey) -> ChannelSettings:
        """The settings that hold in a conversation."""
        chosen: dict[str, Any] = {}
        for name, option in SETTING_OPTIONS.items():
            found = await self._chosen(name, conversation)
            if found is not None:
                chosen[name] = option.coerce(found[1])
        return replace(self._configured(conversation), **chosen)

    async def show(self, conversation: ConversationKey) -> Sequence[Setting]:
        """Every setting as it stands here."""
        now = await self.resolve(conversation)
        rows = []
        for name, option in SETTING_OPTIONS.items():
            found = await self._chosen(name, conversation)
            value = getattr(now, name)
            text = ("yes" if value else "no") if option.kind == "bool" else str(value or "")
            rows.append(Setting(name, option.description, text, found[0] if found else None))
        return [
            *rows,
            *await self._show_model(conversation),
            *await self._show_access(conversation),
        ]

    async def knowledge_base(self, conversation: ConversationKey) -> str | None:
        """The knowledge base that answers here; None where nobody chose one."""
        return (await self.resolve(conversation)).knowledge_base

    async def access(self, action: str, conversation: ConversationKey) -> Access | None:
        """Who may do something here, where an admin chose; None where nobody did."""
        found = await self._chosen(COMMAND_PREFIX + action, conversation)
        return None if found is None else parse_access(found[1])

    async def named_roles(self, platform: str) -> frozenset[str]:
        """The roles that the chosen rules name which hold on a platform."""
        while (found := self._roles_by_scope) is None:
            changes = self._changes
            rows = await self._preferences.starting_with(_STORED_PREFIX + COMMAND_PREFIX)
            if changes == self._changes:  # else it may miss what was chosen meanwhile
                self._roles_by_scope = [
                    (scope, parse_access(value).roles) for _, scope, value in rows
                ]
        holding = (roles for scope, roles in found if scope.split(":")[0] in {platform, ""})
        return frozenset[str]().union(*holding)

    async def _show_model(self, conversation: ConversationKey) -> Sequence[Setting]:
        if self._models is None:
            return ()
        name, scope = await self._models.current(conversation)
        return (Setting(MODEL_SETTING, "Which model answers here", name, scope),)

    async def _show_access(self, conversation: ConversationKey) -> Sequence[Setting]:
        """The commands and actions that somebody chose for; there are too many to show all."""
        rows = []
        for action in self._actions():
            found = await self._chosen(COMMAND_PREFIX + action, conversation)
            if found is not None:
                about = f"Who may {describe_action(action)}"
                rows.append(Setting(COMMAND_PREFIX + action, about, found[1], found[0]))
        return rows

    def _actions(self) -> Sequence[str]:
        """What rules can be chosen for: each command, and what is asked for beside them."""
        documents = (f"docs.read:{base}" for base in self._bases())
        return tuple(dict.fromkeys((*self._commands(), *PHRASES, *documents)))

    def names(self) -> Sequence[str]:
        """The names of all settings that can be chosen."""
        model = (MODEL_SETTING,) if self._models is not None else ()
        return (
            *SETTING_OPTIONS,
            *model,
            *(COMMAND_PREFIX + action for action in self._actions()),
        )

    async def put(
        self, name: str, value: str, scope: Scope, conversation: ConversationKey, by: str
    ) -> None:
        """Choose a value. Raises `NotFound` for the name, `UsageError` for the value, and `Refused`
        for a role that the platform could not tell of."""
        self._check(name)
        if name == MODEL_SETTING and self._models is not None:
            await self._models.use(value.strip(), scope, conversation, by)
            return
        if name.startswith(COMMAND_PREFIX):
            coerced = await self._coerce_access(name, value, conversation.platform)
        else:
            coerced = self._coerce(name, value)
        key = conversation.scope(scope)
        await self._preferences.put(_STORED_PREFIX + name, key, coerced, by)
        self._forget_roles()

    async def clear(self, name: str, scope: Scope, conversation: ConversationKey) -> None:
        """Remove a choice, so that the next wider scope holds. Raises `NotFound` for the name."""
        self._check(name)
        key = conversation.scope(scope)
        if name == MODEL_SETTING:
            await self._preferences.clear(MODEL_SETTING, key)
            return
        await self._preferences.clear(_STORED_PREFIX + name, key)
        self._forget_roles()

    def _forget_roles(self) -> None:
        self._changes += 1
        self._roles_by_scope = None

    async def _chosen(self, name: str, conversation: ConversationKey) -> tuple[Scope, str] | None:
        # A conversation has no settings of its own: its channel has.
        scopes = [(scope, conversation.scope(scope)) for scope in SCOPES[1:]]
        return await self._preferences.resolve(_STORED_PREFIX + name, scopes)

    def _check(self, name: str) -> None:
        known = self.names()
        if name not in known:
            near = nearest(name, known)
            some = [one for one in known if not one.startswith(COMMAND_PREFIX)]
            hint = f"Did you mean {near}?" if near else f"There are: {', '.join(some)}."
            raise NotFound(f"There is no setting named {name!r:.40}. {hint}")

    def _coerce(self, name: str, value: str) -> str:
        coerced = str(SETTING_OPTIONS[name].coerce(value))
        check_text(coerced, name, _MAX_VALUE_CHARACTERS)
        bases = self._bases()
        if name == "knowledge_base" and bases and coerced not in bases:
            raise UsageError(f"knowledge_base must be one of {', '.join(bases)}.")
        return coerced

    async def _coerce_access(self, name: str, value: str, platform: str) -> str:
        access = parse_access(value)
        changes = {f"{COMMAND_PREFIX}settings", f"{COMMAND_PREFIX}settings.change"}
        if name in changes and access.whom == "nobody":
            raise UsageError("Then nobody could change it back; write admins instead.")
        if access.roles and (problem := await self._role_problem(platform, access.roles)):
            raise Refused(problem)
        return str(access)

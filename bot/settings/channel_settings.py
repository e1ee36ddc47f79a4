"""Resolves the settings of a channel from config.yaml and from what admins chose at run time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bot.catalogue.languages import find_known, list_languages
from bot.catalogue.sentence import say
from bot.commands.access import Access, parse_access
from bot.commands.authorization import describe_action, list_actions
from bot.commands.checks import Asker
from bot.commands.declaration import Option, check_text
from bot.errors import NotFound, Refused, UsageError, nearest
from bot.history.protocol import Preferences
from bot.models.protocol import Models
from bot.models.selection import MODEL_CHOICE
from bot.settings.values import ChannelSettings
from bot.types import ConversationKey, Scope
from bot.values import Setting

SETTING_CHOICE: Final = "setting:"
"""Prefix of the name under which a setting is stored; that of the model has none."""
_MAX_VALUE_CHARACTERS = 2_000
MODEL_SETTING = MODEL_CHOICE
"""The setting that is the model which answers; /model chooses it, too."""
COMMAND_PREFIX = "command."
"""Prefix of the settings that say who may use a command, or do something else; the name of the
action follows."""
ACCESS_CHOICE: Final = f"{SETTING_CHOICE}{COMMAND_PREFIX}"
"""Prefix of the name under which such a setting is stored."""

SETTING_OPTIONS: Final[Mapping[str, Option]] = {
    option.name: option
    for option in (
        Option(say("Who the bot is here, in a sentence or two"), name="persona"),
        Option(
            say("Language of what I say myself here, such as de; empty: that of the person"),
            name="language",
        ),
        Option(say("Knowledge base that answers here"), name="knowledge_base"),
        Option(
            say("Answer a mention in a thread of its own"), name="thread_per_mention", kind="bool"
        ),
        Option(say("Answer in its threads without being mentioned"), name="follow_up", kind="bool"),
        Option(
            say("Length from which an answer is also attached as a file, in characters"),
            name="file_over_chars",
            kind="int",
            min_value=500,
            max_value=1_000_000,
        ),
    )
}
"""The settings that can be chosen at run time; the names are those of `ChannelSettings`."""


PERSONAL_SETTINGS: Final = frozenset({MODEL_SETTING, "persona", "file_over_chars"})
"""The settings that change only the answers a person gets, so that anybody may choose them for
themselves. The others decide when the bot speaks, from what, and to whom."""


def may_choose(name: str, scope: Scope, asker: Asker) -> bool:
    """Whether somebody may choose a setting for a scope: an admin everything, others for "here"
    what is personal. A persona speaks in a thread to others as well, and needs an admin there."""
    if asker.admin:
        return True
    if scope != asker.here or name not in PERSONAL_SETTINGS:
        return False
    return name != "persona" or scope != "conversation"


async def count_chosen_bases(preferences: Preferences) -> Mapping[str, int]:
    """In how many places each knowledge base was chosen at run time; where they are is not told."""
    return Counter((await preferences.of(f"{SETTING_CHOICE}knowledge_base")).values())


async def no_role_problem(platform: str, roles: Collection[str]) -> str | None:
    """The `role_problem` of a process without platforms: any role may be named."""
    return None


class ChosenSettings:
    """The settings in force: config.yaml, overridden by what people chose.

    `configured` returns the settings of config.yaml for a conversation; `bases` returns the names
    of the knowledge bases, `commands` those of the commands; `models` knows which model answers.
    Who may use a command is a setting, and so is who may do something else (`list_actions`).
    `role_problem(platform, roles)` says why a rule that names these roles could not work, if so. A
    `person` is an `Author.key`; without one, what somebody chose for themselves is left out.
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

    async def resolve(
        self, conversation: ConversationKey, person: str | None = None
    ) -> ChannelSettings:
        """The settings that hold for a person in a conversation."""
        chosen = await self._chosen(conversation, person)
        values: dict[str, Any] = {
            name: option.coerce(chosen[name][1])
            for name, option in SETTING_OPTIONS.items()
            if name in chosen
        }
        configured = self._configured(conversation)
        return replace(configured, **values) if values else configured

    async def show(
        self, conversation: ConversationKey, person: str | None = None
    ) -> Sequence[Setting]:
        """Every setting as it stands here for a person."""
        now = await self.resolve(conversation, person)
        chosen = await self._chosen(conversation, person)
        rows = []
        for name, option in SETTING_OPTIONS.items():
            value = getattr(now, name)
            text = ("yes" if value else "no") if option.kind == "bool" else str(value or "")
            scope = chosen[name][0] if name in chosen else None
            rows.append(Setting(name, option.description, text, scope))
        return [*rows, *await self._show_model(conversation, person), *self._show_access(chosen)]

    async def knowledge_base(self, conversation: ConversationKey) -> str | None:
        """The knowledge base that answers here; None where nobody chose one."""
        found = (await self._chosen(conversation)).get("knowledge_base")
        return found[1] if found is not None else self._configured(conversation).knowledge_base

    async def access(self, action: str, conversation: ConversationKey) -> Access | None:
        """Who may do something here, where an admin chose; None where nobody did."""
        found = (await self._chosen(conversation)).get(COMMAND_PREFIX + action)
        return None if found is None else parse_access(found[1])

    async def named_roles(self, platform: str) -> frozenset[str]:
        """The roles that the chosen rules name which hold on a platform."""
        rows = await self._preferences.starting_with(ACCESS_CHOICE)
        here = (value for _, scope, value in rows if scope.split(":")[0] in {platform, ""})
        return frozenset[str]().union(*(parse_access(value).roles for value in here))

    def may_choose(self, name: str, scope: Scope, asker: Asker) -> bool:
        """Whether somebody may choose a setting for a scope; see `may_choose`."""
        return may_choose(name, scope, asker)

    async def _show_model(
        self, conversation: ConversationKey, person: str | None
    ) -> Sequence[Setting]:
        if self._models is None:
            return ()
        name, scope = await self._models.current(conversation, person)
        return (Setting(MODEL_SETTING, say("Which model answers here"), name, scope),)

    def _show_access(self, chosen: Mapping[str, tuple[Scope, str]]) -> Sequence[Setting]:
        """The commands and actions that somebody chose for; there are too many to show all."""
        names = [(action, COMMAND_PREFIX + action) for action in self._actions()]
        return [
            Setting(
                name,
                say("Who may {action}", action=describe_action(action)),
                chosen[name][1],
                chosen[name][0],
            )
            for action, name in names
            if name in chosen
        ]

    def _actions(self) -> Sequence[str]:
        """What rules can be chosen for: each command, and what is asked for beside them."""
        return tuple(dict.fromkeys((*self._commands(), *list_actions(self._bases()))))

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
        for a role that the platform could not tell of.

        `by` is the `Author.key` of the person who chooses; the scope `person` is theirs.
        """
        coerced = await self.check(name, value, scope, conversation)
        if name == MODEL_SETTING and self._models is not None:
            await self._models.use(coerced, scope, conversation, by)
            return
        key = conversation.scope(scope, by)
        await self._preferences.put(SETTING_CHOICE + name, key, coerced, by)

    async def check(
        self, name: str, value: str, scope: Scope, conversation: ConversationKey
    ) -> str:
        """Return a value as it would be kept, without choosing it. Raises what `put` raises, except
        of a model, which is only asked when it is chosen."""
        self._check(name)
        if scope == "person" and name not in PERSONAL_SETTINGS:
            raise UsageError(
                say("{name} holds for everybody; choose it for the channel.", name=name)
            )
        if name == MODEL_SETTING and self._models is not None:
            return value.strip()
        if name.startswith(COMMAND_PREFIX):
            return await self._coerce_access(name, value, conversation.platform)
        return self._coerce(name, value)

    async def clear(
        self, name: str, scope: Scope, conversation: ConversationKey, by: str | None = None
    ) -> None:
        """Remove a choice, so that the next wider scope holds. Raises `NotFound` for the name."""
        self._check(name)
        key = conversation.scope(scope, by)
        if name == MODEL_SETTING:
            await self._preferences.clear(MODEL_SETTING, key)
            return
        await self._preferences.clear(SETTING_CHOICE + name, key)

    async def _chosen(
        self, conversation: ConversationKey, person: str | None = None
    ) -> Mapping[str, tuple[Scope, str]]:
        """The choices that hold here, by the setting's name: the narrowest scope's of each."""
        scopes = conversation.scopes(person)
        found = await self._preferences.choices([key for _, key in scopes])
        return {
            name.removeprefix(SETTING_CHOICE): (scope, value)
            for scope, key in reversed(scopes)
            for name, value in found[key].items()
            if name.startswith(SETTING_CHOICE)
        }

    def _check(self, name: str) -> None:
        known = self.names()
        if name not in known:
            near = nearest(name, known)
            some = [one for one in known if not one.startswith(COMMAND_PREFIX)]
            hint = (
                say("Did you mean {near}?", near=near)
                if near
                else say("There are: {some}.", some=", ".join(some))
            )
            raise NotFound(
                say("There is no setting named {name!r}. {hint}", name=name[:40], hint=hint)
            )

    def _coerce(self, name: str, value: str) -> str:
        coerced = str(SETTING_OPTIONS[name].coerce(value))
        check_text(coerced, name, _MAX_VALUE_CHARACTERS)
        bases = self._bases()
        if name == "knowledge_base" and bases and coerced not in bases:
            raise UsageError(say("knowledge_base must be one of {bases}.", bases=", ".join(bases)))
        if name == "language" and find_known(coerced) is None:
            raise UsageError(
                say("language must be one of {languages}.", languages=", ".join(list_languages()))
            )
        return coerced

    async def _coerce_access(self, name: str, value: str, platform: str) -> str:
        access = parse_access(value)
        changing = f"{COMMAND_PREFIX}settings"
        of_settings = name == changing or name.startswith(f"{changing}.")
        if of_settings and access.whom == "nobody":
            raise UsageError(say("Then nobody could change it back; write admins instead."))
        if access.roles and (problem := await self._role_problem(platform, access.roles)):
            raise Refused(problem)
        return str(access)

"""The settings in effect in a place, each with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.catalogue.sentence import say
from bot.commands.authorization import describe_action
from bot.config import ChannelOverrides, CommandRule, Config
from bot.history.protocol import Preferences
from bot.models.selection import MODEL_CHOICE
from bot.settings.channel_settings import ACCESS_CHOICE, COMMAND_PREFIX, ChosenSettings
from bot.types import ConversationKey, Scope
from bot.values import Setting

SettingSource = Literal["chosen", "configured", "shipped"]
"""Who decided: people, at run time; config.yaml; nobody, so that it is as it ships."""


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """A setting as it stands somewhere; `scope` is that of the choice, or of the part of
    config.yaml, that counts, None where nobody decided."""

    name: str
    description: str
    value: str
    source: SettingSource = "shipped"
    scope: Scope | None = None


class EffectiveSettings:
    """Finds the settings of a place and what decided them: config.yaml, or what people chose."""

    def __init__(self, config: Config, chosen: ChosenSettings, preferences: Preferences) -> None:
        self._config = config
        self._chosen = chosen
        self._preferences = preferences

    async def show(
        self, place: ConversationKey, person: str | None = None
    ) -> Sequence[EffectiveSetting]:
        """Every setting as it stands in a place for a person (`Author.key`), or for everybody; of
        who may do what, only what somebody decided."""
        rows = await self._chosen.show(place, person)
        rules = [row.name for row in rows if row.name.startswith(COMMAND_PREFIX)]
        found = [await self._explain(row, place, person) for row in rows if row.name not in rules]
        chosen = {name.removeprefix(COMMAND_PREFIX) for name in rules}
        for action in sorted(chosen | self._rules(place).keys()):
            if (rule := await self.access(action, place)) is not None:
                found.append(rule)
        return found

    async def access(self, action: str, place: ConversationKey) -> EffectiveSetting | None:
        """Who may do exactly this in a place; None where nobody decided."""
        name = COMMAND_PREFIX + action
        about = say("Who may {action}", action=describe_action(action))
        configured = self._rules(place).get(action)
        chosen = await self._preferences.resolve(ACCESS_CHOICE + action, place.scopes())
        if chosen is not None and (configured is None or configured[1].enabled):
            return EffectiveSetting(name, about, chosen[1], "chosen", chosen[0])
        if configured is None:
            return None
        scope, rule = configured
        return EffectiveSetting(name, about, _words_of(rule), "configured", scope)

    async def _explain(
        self, row: Setting, place: ConversationKey, person: str | None
    ) -> EffectiveSetting:
        is_chosen = row.scope is not None
        if row.name == MODEL_CHOICE:  # whose scope says where the model is named, by whomever
            stored = await self._preferences.resolve(MODEL_CHOICE, place.scopes(person))
            is_chosen = stored == (row.scope, row.value)
        if is_chosen:
            return EffectiveSetting(row.name, row.description, row.value, "chosen", row.scope)
        scope = self._configured(row.name, place)
        source: SettingSource = "shipped" if scope is None else "configured"
        return EffectiveSetting(row.name, row.description, row.value, source, scope)

    def _configured(self, name: str, place: ConversationKey) -> Scope | None:
        """How far what config.yaml says of a setting reaches; None where it says nothing."""
        config = self._config
        for scope, found in self._around(place):
            if getattr(found, name) is not None:
                return scope
        if name == MODEL_CHOICE:
            return "default" if "default_model" in config.model_fields_set else None
        return "default" if name in config.chat.model_fields_set else None

    def _rules(self, place: ConversationKey) -> Mapping[str, tuple[Scope, CommandRule]]:
        """The rules of config.yaml that hold in a place, by what they are about."""
        found: dict[str, tuple[Scope, CommandRule]] = {
            action: ("default", rule) for action, rule in self._config.commands.items()
        }
        for scope, around in reversed(self._around(place)):
            found |= {action: (scope, rule) for action, rule in around.commands.items()}
        return found

    def _around(self, place: ConversationKey) -> Sequence[tuple[Scope, ChannelOverrides]]:
        """What config.yaml says of the channel and of the workspace, as far as it does."""
        config = self._config
        sections: tuple[tuple[Scope, Mapping[str, ChannelOverrides]], ...] = (
            ("channel", config.channels),
            ("workspace", config.workspaces),
        )
        found = ((scope, section.get(place.scope(scope))) for scope, section in sections)
        return [(scope, one) for scope, one in found if one is not None]


def _words_of(rule: CommandRule) -> str:
    """A rule of config.yaml in the form in which rules are written in chat."""
    if not rule.enabled:
        return "nobody"
    named = [*(f"role:{one}" for one in rule.roles), *(f"user:{one}" for one in rule.users)]
    if rule.admins_only or not named:
        return "admins" if rule.admins_only else "everyone"
    return " ".join(named)

"""Reactions as buttons: which emoji stands for which action, kept in the message itself.

A message with buttons carries what each of its reactions means, so that one is understood after a
restart, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from bot.api import Action, ActionName, ConversationKey
from plugins.matrix.homeserver import Json

FIELD = "parlance"
"""Name of the field in the content of the bot's own messages."""
_ACTIONS = frozenset(get_args(ActionName))
_KEYCAP = "\ufe0f\u20e3"
"""With the sign that has it shown as an emoji, as clients send it."""
_MODIFIERS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_RESUME = {"approve": "✅", "grant": "🔓", "refuse": "❎"}
_EMOJI: Mapping[ActionName, str] = {
    "stop": "❌",
    "regenerate": "🔁",
    "continue": "⏩",
    "resume": "🆗",
    "answer": "📝",
    "good": "👍",
    "bad": "👎",
    "why": "❓",
    "source": "📄",
    "wrong": "🚫",
    "outdated": "⌛",
    "share": "📢",
    "accept": "📌",
}
_OTHERS = ("🔵", "🟢", "🟡", "🟠", "🔴", "🟣", "🟤", "⚫", "⚪", "🔶", "🔷", "⭐")


@dataclass(frozen=True, slots=True)
class Button:
    """An emoji under a message, and what it stands for."""

    emoji: str
    action: Action


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a reaction means: an action of the answer `turn`, asked in `place`."""

    action: ActionName
    value: str
    turn: str
    place: ConversationKey


def buttons_of(actions: Sequence[Action]) -> tuple[Button, ...]:
    """Actions with an emoji each, no two the same."""
    found: dict[str, Button] = {}
    for action in actions:
        choices = filter(None, (_own_emoji(action), *_OTHERS))
        emoji = next((one for one in choices if one not in found), None)
        if emoji is not None:
            found[emoji] = Button(emoji, action)
    return tuple(found.values())


def _own_emoji(action: Action) -> str | None:
    """The emoji that stands for an action; None for a choice that only its label tells."""
    number = action.label.strip("[]")
    if action.name == "source" and len(number) == 1 and number.isdecimal():
        return number + _KEYCAP
    if action.name == "resume":
        return _RESUME.get(action.value.partition(":")[0], _EMOJI["resume"])
    if action.name == "answer" and action.value.startswith(("decline-", "cancel-")):
        return {"decline": "🙅", "cancel": "🚪"}[action.value.partition("-")[0]]
    return _EMOJI.get(action.name)


def legend(buttons: Sequence[Button]) -> str:
    """What the reactions under a message mean: `🔁 Regenerate · 👍 · 👎`."""
    words = (
        b.emoji if b.action.label == b.emoji else f"{b.emoji} {b.action.label}" for b in buttons
    )
    return " · ".join(words)


def written_buttons(buttons: Sequence[Button], turn: str, place: ConversationKey) -> dict[str, Any]:
    """What a message carries of its buttons."""
    meant = {b.emoji: [b.action.name, b.action.value] for b in buttons}
    return {"turn": turn, "place": str(place), "buttons": meant}


def plain_emoji(emoji: str) -> str:
    """An emoji without skin tone and variation, so that 👍🏽 is 👍."""
    return _MODIFIERS.sub("", emoji)


def read_pressed(content: Json, emoji: str) -> Pressed | None:
    """What a reaction to a message of ours means; None if nothing."""
    own = content.get(FIELD)
    if not isinstance(own, Mapping) or not isinstance(meant := own.get("buttons"), Mapping):
        return None
    wanted = plain_emoji(emoji)
    match next((meant[one] for one in meant if plain_emoji(one) == wanted), None):
        case [str(name), str(value)] if name in _ACTIONS:
            try:
                place = ConversationKey.parse(str(own.get("place")))
            except ValueError:
                return None
            return Pressed(cast(ActionName, name), value, str(own.get("turn")), place)
    return None

"""The buttons under an answer; their ids hold all state, so they work after a restart."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, cast, get_args

import discord

from bot.types import Action, ActionName

MAX_CUSTOM_ID_CHARS = 100
"""Longest id that Discord stores with a button, in characters."""
MAX_BUTTONS = 25

_STYLES = {
    "stop": discord.ButtonStyle.danger,
    "regenerate": discord.ButtonStyle.secondary,
}

OnPress: TypeAlias = Callable[
    [discord.Interaction[Any], ActionName, str, str],
    Awaitable[None],
]
"""Called with the interaction, the action, the turn and the button's value."""


def build_custom_id(action: Action, turn: str) -> str:
    """The id of a button: `parlance:<action>:<turn>:<value>`. Raises `ValueError` if too long."""
    text = f"parlance:{action.name}:{turn}:{action.value}"
    if len(text) > MAX_CUSTOM_ID_CHARS:
        raise ValueError(f"a button's value is too long: {action.value!r:.40}")
    return text


class AnswerButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=(
        rf"parlance:(?P<action>{'|'.join(get_args(ActionName))})"
        r":(?P<turn>[^:]+):(?P<value>.*)"
    ),
):
    """One button; the client that receives the press handles it (`on_answer_button`)."""

    def __init__(self, action: Action, turn: str) -> None:
        self.action = action
        self.turn = turn
        super().__init__(
            discord.ui.Button(
                label=action.label[:80] or None,
                style=_STYLES.get(action.name, discord.ButtonStyle.secondary),
                custom_id=build_custom_id(action, turn),
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: Any, match: re.Match[str], /
    ) -> AnswerButton:
        action = Action(cast(ActionName, match["action"]), item.label or "·", match["value"])
        return cls(action, match["turn"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        press: OnPress = interaction.client.on_answer_button
        await press(interaction, self.action.name, self.turn, self.action.value)


def build_button_view(actions: Sequence[Action], turn: str) -> discord.ui.View | None:
    """The buttons as a discord.py view; None if there are none. Needs a running loop."""
    fitting = [
        a for a in actions if len(f"parlance:{a.name}:{turn}:{a.value}") <= MAX_CUSTOM_ID_CHARS
    ]
    if not fitting:
        return None
    view = discord.ui.View(timeout=None)
    for action in fitting[:MAX_BUTTONS]:
        view.add_item(AnswerButton(action, turn))
    return view


def is_answer_button(text: str) -> bool:
    """Whether a button's id is one that `AnswerButton` answers."""
    return AnswerButton.__discord_ui_compiled_template__.fullmatch(text) is not None

"""Returns the values of a form that could not be used, with a button to open the form again.

The values are kept in the message that says what was wrong, so a later process can reopen the form
with them, and the person has their text in any case.
"""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import discord

from bot.adapters.discord.outbound.render import Payload
from bot.catalogue.sentence import say
from bot.types import File, Value

MAX_EMBEDS_CHARS = 5800
"""Longest text in a message's embeds, in characters; Discord's own limit is 6,000."""
REOPEN_LABEL = say("Open the form again")
_FILE = "what-you-typed.txt"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

OnReopen: TypeAlias = Callable[[discord.Interaction[Any], str], Awaitable[None]]
"""Called with the interaction and the command's name."""


class ReopenFormButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"parlance:again:(?P<command>.+)",
):
    """Opens a form again; the client that receives the press handles it (`on_reopen_form`)."""

    def __init__(self, command: str) -> None:
        self.command = command
        super().__init__(
            discord.ui.Button(
                label=REOPEN_LABEL,
                style=discord.ButtonStyle.primary,
                custom_id=f"parlance:again:{command}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: Any, match: re.Match[str], /
    ) -> ReopenFormButton:
        return cls(match["command"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        press: OnReopen = interaction.client.on_reopen_form
        await press(interaction, self.command)


def is_reopen_button(custom_id: str) -> bool:
    """Whether a button's id is one that `ReopenFormButton` answers."""
    return ReopenFormButton.__discord_ui_compiled_template__.fullmatch(custom_id) is not None


def build_recovery_message(command: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """Arguments for discord.py to send the values with the button; as a file if they are too long.

    Control characters, which Discord would not show, are left out. Needs a running loop.
    """
    shown = {name: _CONTROL.sub("", _word(value)).strip() for name, value in values.items()}
    if sum(len(name) + len(text) for name, text in shown.items()) > MAX_EMBEDS_CHARS:
        return build_recovery_file(values)
    view = discord.ui.View(timeout=None)
    view.add_item(ReopenFormButton(command))
    view.stop()  # so that discord.py keeps nothing of it: its press is known by its id
    embeds = [discord.Embed(title=name, description=text) for name, text in shown.items() if text]
    return {"embeds": embeds, "view": view}


def build_recovery_file(values: Mapping[str, Value]) -> dict[str, Any]:
    """Arguments to send the values as a text file; empty if there are none."""
    data = _text(values).encode()
    return {"file": discord.File(io.BytesIO(data), filename=_FILE)} if data else {}


def build_recovery_direct_message(words: str, values: Mapping[str, Value]) -> Payload:
    """The values as a direct message. It has no button, as the form would be sent from there."""
    return Payload(words, files=(File(_FILE, _text(values).encode()),))


def read_recovered_values(message: discord.Message | None) -> dict[str, Value]:
    """The values that `build_recovery_message` put into a message, by option."""
    embeds = message.embeds if message is not None else []
    return {e.title: e.description for e in embeds if e.title and e.description}


def _text(values: Mapping[str, Value]) -> str:
    return "\n\n".join(f"{name}:\n{_word(value)}" for name, value in values.items())


def _word(value: Value) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)

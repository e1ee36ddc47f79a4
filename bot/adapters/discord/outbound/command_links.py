"""Links to the bot's commands, which a person clicks to call them: `</ask:123>`.

The ids are those that Discord gave to the commands as they were registered. They are never reused,
so one set of them serves every client of the process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_GAP = "\u200b"
_links: dict[str, str] = {}


def set_links(ids: Mapping[str, int]) -> None:
    """Take note of the ids of the commands, by name, in place of those before."""
    _links.clear()
    _links.update({name: f"</{name}:{number}>" for name, number in ids.items()})


def written(call: str) -> str:
    """A call such as `/ask how so?` as Discord shows it, in Markdown: a link where the command's id
    is known, and then what follows it."""
    name, _, rest = call.removeprefix("/").partition(" ")
    link = _links.get(name)
    if link is None:
        return f"`{call}`"
    return f"{link} `{rest}`" if rest else link


def take_apart(markup: re.Match[str]) -> str:
    """The `<` of Discord's own markup, with a zero-width space unless it links to a command of the
    bot, which does nothing but fill in the command's name."""
    known = markup.string.startswith(tuple(_links.values()), markup.start())
    return "<" if known else "<" + _GAP

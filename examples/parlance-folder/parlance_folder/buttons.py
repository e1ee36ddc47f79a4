"""Buttons as lines of text: `[1] Regenerate <!-- regenerate TURN VALUE -->`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast, get_args
from urllib.parse import quote, unquote

from bot.api import Action, ActionName

STATUS_MARK = "⏳ "
_BUTTON = re.compile(r"\[(\d{1,2})\] [^<>]{0,200} <!-- ([a-z]+) ([\w.-]{1,64}) ([^<> ]{0,400}) -->")
_UNBRACKETED = str.maketrans("<>", "‹›")


def buttons_text(actions: Sequence[Action], turn: str) -> str:
    """A line for each button, with what it stands for in a comment."""
    return "\n".join(
        f"[{number}] {one.label.translate(_UNBRACKETED)}"
        f" <!-- {one.name} {turn} {quote(one.value, safe='')} -->"
        for number, one in enumerate(actions, 1)
    )


def read_button(page: str, number: str) -> tuple[Action, str] | None:
    """The button of this number on a page, with the id of the answer; None if there is none."""
    for line in page.splitlines():
        found = _BUTTON.fullmatch(line)
        if found and found[1] == number and found[2] in get_args(ActionName):
            return Action(cast(ActionName, found[2]), "", unquote(found[4])), found[3]
    return None


def said_on(page: str) -> str:
    """What a page says, without its status and buttons."""
    lines = page.splitlines()
    kept = [one for one in lines if not (one.startswith(STATUS_MARK) or _BUTTON.fullmatch(one))]
    return "\n".join(kept).strip()


def without_buttons(text: str) -> str:
    """Text of anybody, in which nothing looks like a button."""
    return text.replace("<!--", "‹!--")

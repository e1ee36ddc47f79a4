"""Escapes text so that it cannot ping anybody or use Slack's own markup.

Slack's control sequences begin with `<` and one of `!`, `@`, `#`, or are a link with a label,
`<https://…|label>`. In standard Markdown the `<` and what follows may also be written as an entity
or behind a backslash.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from bot.control_characters import strip_controls
from bot.replies.code import settled_length, split_code

_BREAK = "\u200b"
_OPEN = r"(?:<|&(?:amp;)*(?:lt|\#0*60|\#x0*3c);?)"
_NUMBERED = r"&(?:amp;)*\#x?[0-9a-f]"
_MARK = rf"(?:[!@#]|&(?:amp;)*(?:excl|commat|num);?|{_NUMBERED}++;?)"
_TO_ALL = r"(?:channel|here|everyone|group|subteam|date)"
_ID = r"(?:&|(?-i:[A-Z0-9][A-Z0-9\\]{0,60})[|>&])"
_SCHEME = r"[a-z][a-z0-9+.-]*\\*(?::|&)"
_CONTROL = re.compile(
    rf"""({_OPEN})(?=
        \\*{_MARK}[\\!@\#]*(?:[a-z]*[&\\]|{_TO_ALL})
        | \\*{_NUMBERED}+{_TO_ALL}
        | \\*(?:[@\#]|&(?:amp;)*(?:commat|num|\#x?[0-9a-f]+);?)\\*{_ID}
        | (?<=<){_SCHEME}[^\s<>|]*(?:\||&(?:amp;)*(?:vert|verbar|\#x?[0-9a-f]+))
        | (?<!<){_SCHEME}
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_UNFIT = re.compile(r"[|<>\s]")
_OPENS = re.compile("[<&]")
_SETTLES = re.compile(r"[\s>|]")
_LONGEST_OPEN_CHARACTERS = 401


def escape(text: str) -> str:
    """Escape Slack's control sequences in Markdown: pings, channel names, labelled links.

    Other uses of `<` stay as they are, and so does code, in which Slack reads none.
    """
    pieces = split_code(text, certain=True)
    return "".join(piece if code else _escape_words(piece) for piece, code in pieces)


def _escape_words(text: str) -> str:
    return _CONTROL.sub(lambda m: m[1] + _BREAK, text)


def stable_prefix(text: str) -> str:
    """The part of a growing text whose escaped form no later text can change."""
    start = max(0, len(text) - _LONGEST_OPEN_CHARACTERS)
    start = max((mark.end() for mark in _SETTLES.finditer(text, start)), default=start)
    found = _OPENS.search(text, start)
    return text[: min(settled_length(text), len(text) if found is None else found.start())]


def escape_markup(text: str) -> str:
    """Escape text for a field that reads Slack's own markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def format_link(url: str, label: str) -> str:
    """A link in Slack's own markup; `url` has to begin with http or https."""
    address = _UNFIT.sub(lambda m: quote(m[0]), url)
    words = escape_markup(" ".join(label.split())).replace("|", "¦")
    return f"<{escape_markup(address)}|{words}>"


def to_single_line(text: str, limit: int) -> str:
    """Text for a title or a status: a single line, harmless, cut with an ellipsis."""
    line = escape(" ".join(strip_controls(text).split()))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"

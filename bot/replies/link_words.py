"""Detects links whose text looks like another address than the one they lead to."""

from __future__ import annotations

import html
import re
import unicodedata

DOTS = re.compile(r"[.\u3002\uff0e\uff61]")
"""The characters that browsers accept as the dot of a host name."""

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_MARKUP = re.compile(r"[*_~`\\]")
_ELEMENT = re.compile(r"<[^<>]*>")
_WEB = re.compile(r"https?:|://|www\.")
_HOST_END = re.compile(r"[/?#:]")
_SCHEME = re.compile(r"^(?:https?://|mailto:)", re.IGNORECASE)
_PLAIN_HOST = re.compile(r"(?:[a-z0-9._+-]+@)?[a-z0-9.-]+(?::[0-9]+)?(?:[/?#].*)?")


def misleads(words: str, target: str) -> bool:
    """Whether the text of a link looks like an address other than its `target`."""
    return is_address(words) and not is_same(words, target)


def is_address(words: str) -> bool:
    """Whether a text looks like a web or mail address to a reader."""
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", html.unescape(words))).casefold()
    text = DOTS.sub(".", _MARKUP.sub("", text))
    return any(map(_looks_like_address, {text, _ELEMENT.sub("", text)}))


def _looks_like_address(text: str) -> bool:
    if _WEB.search(text):
        return True
    bare = text.strip("".join(one for one in set(text) if not one.isalnum()))
    return any(_is_host(_HOST_END.split(part, maxsplit=1)[0]) for part in bare.split("@"))


def _is_host(text: str) -> bool:
    *before, last = text.split(".")
    if not before or not all(one.replace("-", "").isalnum() for one in (*before, last)):
        return False
    numeric = all(one.isdecimal() for one in (*before, last))
    return (
        (last.isalpha() and len(last) > 1)
        or last.startswith("xn--")
        or (numeric and len(before) == 3)
    )


def is_same(words: str, target: str) -> bool:
    """Whether a text that looks like an address is the same address as `target`."""
    said, meant = (_SCHEME.sub("", one.strip()).rstrip("/").lower() for one in (words, target))
    return said == meant and _PLAIN_HOST.fullmatch(meant) is not None

"""The addresses that stand in the texts that a model was given, as a browser would open them.

What a server gets to see of two addresses must be the same for them to be one: case and percent
signs of a path could carry something out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

from bot.replies.code import split_code

MAX_ADDRESS_CHARACTERS: Final = 2_000
"""Longest address that counts as one."""
_MAX_OWN_ADDRESSES: Final = 200
_APART = re.compile(r"[\s<>\"“”|]+")
_BRACKET = re.compile(r"[()\[\]{}'`,;]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30}):(?://)?", re.IGNORECASE)
_PATH = re.compile(r"[/?#]")
_MAIL: Final = "mailto"
_WEB: Final = frozenset({"http", "https"})
_VISIBLE_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_TRAILING: Final = ".,:;!?'\"*_~|`"
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}


class ShownAddresses:
    """The addresses of texts, each text as it was shown."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._whole: set[tuple[str, str]] = set()
        self._rests: set[str] = set()
        for text in texts:
            self.add(text)

    def __contains__(self, address: str) -> bool:
        """Whether an address was shown. Where no scheme was, http and https are the same."""
        scheme, rest = _parts(address)
        if not scheme:
            return rest in self._rests
        return (scheme, rest) in self._whole or (scheme in _WEB and ("", rest) in self._whole)

    def add(self, text: str, but: str = "") -> None:
        """Add the addresses of a text, without those that begin as one that was first seen in
        `but`: what a model wrote itself is not shown to it by a tool that repeats it."""
        own = tuple({rest for _, rest in _found(but) if rest.strip("/")} - self._rests)
        if len(own) > _MAX_OWN_ADDRESSES:
            return
        for scheme, rest in _found(text):
            if rest.strip("/") and not rest.startswith(own):
                self._whole.add((scheme, rest))
                self._rests.add(rest)

    def add_answer(self, text: str) -> None:
        """Add the addresses of an earlier answer, without those that it shows as code."""
        for piece, code in split_code(text):
            if not code:
                self.add(piece)


def trimmed(address: str) -> str:
    """An address in a text without the signs behind it that belong to the sentence."""
    while address:
        last = address[-1]
        pair = _PAIRS.get(last)
        if last not in _TRAILING and (pair is None or address.count(last) <= address.count(pair)):
            break
        address = address[:-1]
    return address


def _found(text: str) -> Iterator[tuple[str, str]]:
    for word in _APART.split(text):
        if len(word) > MAX_ADDRESS_CHARACTERS or not ("." in word or ":" in word):
            continue
        yield _parts(trimmed(word.lstrip("([{'`*_~")))
        # as it stands within brackets, in Markdown or JSON
        pieces = _BRACKET.split(word)
        for piece in pieces if len(pieces) > 1 else ():
            if "." in piece or ":" in piece:
                yield _parts(trimmed(piece))


def _parts(address: str) -> tuple[str, str]:
    """The scheme of an address, and the rest of it as it is sent."""
    found = _SCHEME.match(address)
    scheme = found[1].lower() if found else ""
    rest = address[found.end() :] if found else address.removeprefix("//")
    if scheme == _MAIL:
        scheme = ""
    elif found and not found[0].endswith("//"):
        return "", address  # such as host:80/path, or of another kind
    cut = _PATH.search(rest)
    host, path = (rest[: cut.start()], rest[cut.start() :]) if cut else (rest, "")
    if not path.startswith("/"):
        path = "/" + path
    if rest.isascii() and rest.isprintable():
        return scheme, host.lower() + path
    return scheme, _host(host) + quote(path, safe=_VISIBLE_ASCII)


def _host(host: str) -> str:
    host = unicodedata.normalize("NFKC", host).lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host

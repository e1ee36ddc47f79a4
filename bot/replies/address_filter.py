"""Keeps an answer from carrying something out in an address: one that nobody showed is no link.

A text that gives orders hopes for `https://evil.example/?q=…`, which needs only the press of a
person who trusts the bot. Such an address is shown as code; where code is not certain, or the
address would end it, spaces take it apart.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from bot.control_characters import strip_controls
from bot.replies import link_syntax as syntax
from bot.replies.links import LinkFilter, Step
from bot.replies.shown_addresses import MAX_ADDRESS_CHARACTERS, ShownAddresses, trimmed

_MAX_START_CHARACTERS = 300
"""What an address may begin with, and so what is held back of a word."""
_WWW = "www."
_AFTER_COLON_CHARACTERS = 8
_MAX_CODE_CHARACTERS = 300
"""Longest address that is shown as code: it fits on a page of a platform, which ends no code."""
_MAX_SLICE_CHARACTERS = 500
"""How much of an answer is looked through at once: at worst it takes some milliseconds."""

_START = re.compile(
    r"""[a-z][a-z0-9+.-]{0,30}:/{1,2} | https?:(?=\S) | (?:mailto|xmpp|tel):(?=\S)
    | //(?=\w) | (?:[a-z0-9-]{1,40}\.){1,5}[a-z]{2,20}(?=[/?\#:][^\s<>])
    | (?<![a-z0-9.-])www\.(?=\S)""",
    re.IGNORECASE | re.VERBOSE,
)
_ADDRESS = re.compile(r"(?:(?!\]\()[^\s<>]){1,2000}")
_WORD = string.ascii_letters + string.digits + "+.:/@_?#-"
_AUTOLINK = re.compile(
    r"<((?:[a-z][a-z0-9+.-]{1,31}:|[^\s<>@:]{1,200}@)[^\s<>]{0,2000})>", re.IGNORECASE
)
_AUTOLINK_SO_FAR = re.compile(r"<[^\s<>]{0,2000}\Z")
_TARGET = re.compile(
    r"\(\s{0,8}(?:<([^<>\n]{0,2000})>|((?:[^\s()<>]|\([^\s()<>]{0,500}\)){0,2000}))"
)
_TARGET_SO_FAR = re.compile(r"\(\s{0,8}(?:<[^<>\n]{0,2000}|[^\s<>]{0,2000})\Z")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_NO_CODE = re.compile(r"[`\[\]\\]")


class Unfiltered:
    """Passes an answer on as it is."""

    def pieces(self, delta: str) -> Iterator[str]:
        yield delta

    def rest(self) -> Iterator[str]:
        return iter(())


class AddressFilter(LinkFilter):
    """Defuses the addresses of a Markdown text that are not among those that were shown.

    The text may arrive in pieces: the output does not depend on how it was cut, and no more than an
    address is held back. `before` is what stands in the reply before it, so that code is told from
    text there.
    """

    def __init__(self, shown: ShownAddresses, before: str = "") -> None:
        super().__init__()
        self._shown = shown
        if before:
            self.feed(before)
            self.finish()

    def feed(self, delta: str) -> str:
        return super().feed(strip_controls(delta))

    def pieces(self, delta: str) -> Iterator[str]:
        """Add a text of any length; returns in pieces what can be shown now."""
        for at in range(0, len(delta), _MAX_SLICE_CHARACTERS):
            if text := self.feed(delta[at : at + _MAX_SLICE_CHARACTERS]):
                yield text

    def rest(self) -> Iterator[str]:
        """What is still held back, at the end of the text, if anything is."""
        if text := self.finish():
            yield text

    def _step(self, text: str, at: int, final: bool) -> Step:
        if self._fenced or (self._at_start and text[at] in "`\n"):
            return super()._step(text, at, final)
        found = syntax.SPECIAL.search(text, at)
        stop = len(text) if found is None else found.start()
        # What an address begins with has no special sign but a colon, and ends soon after it.
        known = stop + _AFTER_COLON_CHARACTERS
        start = _START.search(text, at, known) if stop > at else None
        if start is not None and start.start() <= stop:
            if start.start() > at:
                return self._words_until(text, at, start.start())
            return self._undecided(text, start, final)
        if stop > at:
            if not final and (stop == len(text) or (text[stop] == ":" and known > len(text))):
                first = max(at, stop - _MAX_START_CHARACTERS)
                stop = first + len(text[first:stop].rstrip(_WORD))
            return None if stop == at else self._words_until(text, at, stop)
        if text[at] in "]<":
            self._at_start = False
            return (self._closing if text[at] == "]" else self._tag)(text, at, final)
        return super()._step(text, at, final)

    def _words_until(self, text: str, at: int, end: int) -> Step:
        self._at_start = False
        return self._plain(text[at:end]), end

    def _undecided(self, text: str, start: re.Match[str], final: bool) -> Step:
        """Process an address that begins here."""
        at = start.start()
        found = _ADDRESS.match(text, at)
        assert found is not None
        if found.end() == len(text) and len(found[0]) < MAX_ADDRESS_CHARACTERS and not final:
            return None
        self._at_start = False
        if len(found[0]) >= MAX_ADDRESS_CHARACTERS:
            return self._apart(start)
        address = trimmed(found[0])
        if address in self._shown:
            return self._plain(address), at + len(address)
        foreign = _NOT_ASCII.search(address)
        if foreign is not None and (first := trimmed(address[: foreign.start()])) in self._shown:
            return self._plain(first) + " ", at + len(first)
        after = text[at + len(address) : at + len(address) + 1]
        if len(address) < len(start[0]) or not self._can_be_code(address, after):
            return self._apart(start)
        return self._as_code(address), at + len(address)

    def _can_be_code(self, address: str, after: str) -> bool:
        if len(address) > _MAX_CODE_CHARACTERS or _NO_CODE.search(address):
            return False
        return self._certain and not self._angle and after != "`"

    def _as_code(self, address: str) -> str:
        between = " " if self._last and self._last in "`\\" else ""
        return self._plain(f"{between}`{address}`")

    def _apart(self, start: re.Match[str]) -> Step:
        """Take the beginning of an address off; what follows is looked at by itself."""
        if start[0][: len(_WWW)].lower() == _WWW:
            return self._plain(f"{start[0][: len(_WWW)]} "), start.start() + len(_WWW)
        words = start[0].rstrip("/")
        slashes = start[0][len(words) :]
        return self._plain(f"{words} {slashes}" if words else f"{slashes} "), start.end()

    # --- links ----------------------------------------------------------------------------------

    def _closing(self, text: str, at: int, final: bool) -> Step:
        led = self._leads_to_shown(text, at + 1, final) if text.startswith("](", at) else True
        if led is None:
            return None
        step = super()._closing(text, at, final)
        if step is None or led or step[0].endswith(" "):
            return step
        return step[0] + " ", step[1]

    def _leads_to_shown(self, text: str, at: int, final: bool) -> bool | None:
        """Whether the target of a link that stands here was shown; None if undecided."""
        if not final and _TARGET_SO_FAR.match(text, at):
            return None
        target = _TARGET.match(text, at)
        return target is not None and (target[1] or target[2] or "") in self._shown

    def _tag(self, text: str, at: int, final: bool) -> Step:
        if not final and _AUTOLINK_SO_FAR.match(text, at):
            return None
        found = _AUTOLINK.match(text, at)
        if found is None:
            return super()._tag(text, at, final)
        if found[1] in self._shown:
            return self._plain(found[0]), found.end()
        if self._can_be_code(found[1], text[found.end() : found.end() + 1]):
            return self._as_code(found[1]), found.end()
        return self._plain("< "), at + 1

"""What stands between marks, from the mark that opens it to the one that ends it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from backends.notations.calls import (
    WrittenCall,
    read_arguments,
    read_calls,
    read_calls_without_mark,
)
from backends.notations.marks import (
    ACTION_WORD,
    CALL_MARKS,
    CALL_MARKS_OF_BODY,
    CLOSE_TAGS_PATTERN,
    LONGEST_MARK_CHARACTERS,
    MESSAGE_END_MARKS,
    MESSAGE_MARK,
    MESSAGE_START_MARKS,
    TEXT_MARKS_PATTERN,
    any_of,
    may_become_bare_call,
    may_become_body,
    undecided_length,
)
from backends.notations.thoughts import closing_tag

MAX_HELD_CHARACTERS: Final = 65_536
"""The longest call, or text that may be a thought; what is longer is text."""
MAX_HEAD_CHARACTERS: Final = 512
"""By then it is clear whether a call without a mark may begin."""
CONTEXT_CHARACTERS: Final = 16
"""How much of what was said before a mark tells whether it is one."""
FENCE_LINE_PATTERN: Final = re.compile(
    rf"(?:{ACTION_WORD}\s{{0,8}})?(?:`{{0,2}}\Z|```\w{{0,16}}[ \t]*\n?\s{{0,8}})?"
)

_MAX_HEADER_CHARACTERS = 256
_MAX_LEAD_CHARACTERS = 1_024
_MAX_CLOSINGS_IN_STRINGS = 8
_CHANNEL_PATTERN = re.compile(r"<\|channel\|>\s*(\w+)")
_RECIPIENT_PATTERN = re.compile(r"to=(?:functions\.)?([\w.:/-]+)")
_MESSAGE_ENDS_PATTERN = re.compile(any_of([*MESSAGE_END_MARKS, *MESSAGE_START_MARKS]))
_STRING_PATTERN = re.compile(r'\\.|"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """What was told apart: text, a thought, or calls, with the text `written` between their
    marks.
    """

    text: str = ""
    thought: str = ""
    calls: tuple[WrittenCall, ...] = ()
    written: str = ""


class Spans(ABC):
    """The states of a reader within marks, and what it has said.

    A state takes what is in the buffer, `last` where nothing follows, and returns whether the
    buffer is to be looked at again.
    """

    def __init__(self, offered: Collection[str], doubt_characters: int) -> None:
        self._offered = offered
        self._doubt_characters = doubt_characters
        self._state: Callable[[bool], bool] = self._doubt if doubt_characters else self._text
        self._buffer = ""
        self._out: list[Piece] = []
        self._lead = ""
        self._context = ""
        self._strip = self._said = self._fenced = self._tags_are_text = False
        self._thought_before = self._called_before = False
        self._bare_allowed = bool(offered)
        self._opening = self._recipient = ""
        self._depth = self._searched = self._scanned = self._closings = self._ticks = 0
        self._in_string = False
        self._thought_ends = CLOSE_TAGS_PATTERN
        self.began_within_thoughts = False
        """Whether thoughts ended that no mark had begun."""

    @abstractmethod
    def _text(self, last: bool) -> bool:
        """The state outside of marks."""

    # -- thoughts --------------------------------------------------------------------------------

    def _thought(self, last: bool) -> bool:
        found = self._thought_ends.search(self._buffer)
        if found is None:
            kept = 0 if last else undecided_length(self._buffer)
            self._think(self._buffer[: len(self._buffer) - kept])
            self._buffer = self._buffer[len(self._buffer) - kept :]
            return False
        self._think(self._buffer[: found.start()])
        if found[0] in MESSAGE_START_MARKS:  # of the next message
            self._buffer, self._state = self._buffer[found.start() :], self._text
            self._depth = 0
            return True
        self._buffer = self._buffer[found.end() :]
        if found.lastgroup == "again":
            self._depth += 1
        else:
            self._depth -= 1
            # after an inner thought there may be more of the outer, or the answer
            self._state, self._opening = (self._doubt if self._depth else self._text), ""
            self._strip, self._searched = True, 0
        return True

    def _doubt(self, last: bool) -> bool:
        """Hold back what is a thought if a closing tag comes, and text if none does."""
        at_start = not self._depth
        ends = CLOSE_TAGS_PATTERN if at_start else self._thought_ends
        tags = ends.finditer(self._buffer, self._searched)
        found = next((tag for tag in tags if tag.lastgroup != "again"), None)
        room = self._doubt_characters if at_start else MAX_HELD_CHARACTERS
        if at_start and self._begins_with_mark():
            self._state = self._text
            return True
        if found is not None:
            self.began_within_thoughts |= at_start
            self._think(self._buffer[: found.start()])
            self._buffer, self._opening = self._buffer[found.end() :], ""
            self._depth, self._strip, self._searched = max(0, self._depth - 1), True, 0
            self._state = self._doubt if self._depth else self._text
            return True
        if last or len(self._buffer) > room:
            self._tags_are_text = not at_start
            self._state, self._depth = self._text, 0
            self._say(self._opening)
            return True
        self._searched = max(0, len(self._buffer) - LONGEST_MARK_CHARACTERS)
        return False

    def _begins_with_mark(self) -> bool:
        found = TEXT_MARKS_PATTERN.match(self._buffer.lstrip())
        return found is not None and found.lastgroup in ("open", "header", "call")

    def _think(self, thought: str) -> None:
        self._lead, self._thought_before = "", True
        if thought:
            self._out.append(Piece(thought=thought))

    # -- messages of harmony ---------------------------------------------------------------------

    def _header(self, last: bool) -> bool:
        header, found, rest = self._buffer.partition(MESSAGE_MARK)
        self._state = self._text
        room = _MAX_HEADER_CHARACTERS + (0 if found else len(MESSAGE_MARK))
        if not found or len(header) > room:
            if len(header) > room:
                self._say(self._buffer[:1])
                self._buffer = self._buffer[1:]
                return True
            if last:
                self._buffer = ""
                return True
            self._state = self._header
            return False
        self._buffer = rest
        channel, to = _CHANNEL_PATTERN.search(header), _RECIPIENT_PATTERN.search(header)
        recipient = to[1] if to and to[1] != "assistant" else ""
        if recipient and self._offered:
            self._open_call("", recipient)
        elif to or (channel and channel[1] == "analysis"):
            self._depth, self._thought_ends = 1, _MESSAGE_ENDS_PATTERN
            self._lead, self._state = "", self._thought
        elif self._said:
            self._say("\n\n")
            self._strip = True
        return True

    # -- calls -----------------------------------------------------------------------------------

    def _open_call(self, mark: str, recipient: str = "") -> None:
        self._state, self._opening, self._recipient = self._call, mark, recipient
        self._searched = self._scanned = self._closings = 0
        self._in_string = False

    def _call(self, last: bool) -> bool:
        if not self._recipient and not may_become_body(self._buffer):
            return self._release()
        closing = CALL_MARKS.get(self._opening, "")
        ends = _MESSAGE_ENDS_PATTERN if self._recipient else _closing_pattern(closing)
        for found in ends.finditer(self._buffer, self._searched) if ends else ():
            if not self._is_closed(found.start()):
                continue
            after = found.start() if found[0] in MESSAGE_START_MARKS else found.end()
            return self._close(found.start(), after, closed=True)
        if len(self._buffer) > MAX_HELD_CHARACTERS:
            return self._release()
        self._searched = max(self._searched, len(self._buffer) - LONGEST_MARK_CHARACTERS)
        return last and self._close(len(self._buffer), len(self._buffer), closed=False)

    def _is_closed(self, at: int) -> bool:
        """Whether a closing mark is one, and not part of a text in JSON."""
        body = self._buffer[:at]
        if body.lstrip()[:1] in ("{", "["):
            for found in _STRING_PATTERN.finditer(body, self._scanned):
                self._in_string ^= found[0] == '"'
        self._scanned, self._searched = at, at + 1
        if not self._in_string:
            return True
        self._closings += 1
        if self._closings > _MAX_CLOSINGS_IN_STRINGS:
            return True
        calls = read_calls(body)
        return bool(calls) and all(call.arguments is not None for call in calls)

    def _close(self, end: int, after: int, *, closed: bool) -> bool:
        body = self._buffer[:end]
        written = f"{self._opening}{self._buffer[:after]}"
        if self._recipient:
            calls = [read_arguments(self._recipient, body)]
        else:
            whole = written if self._opening in CALL_MARKS_OF_BODY else body
            calls = read_calls(whole, closed=closed)
        self._buffer, self._state = self._buffer[after:], self._text
        if calls:
            self._called(calls, written)
        else:
            self._say(written)
        return True

    def _release(self) -> bool:
        """What was opened is no call: its mark is text."""
        self._state = self._text
        self._say(self._opening)
        return True

    def _bare(self, last: bool) -> bool:
        line = FENCE_LINE_PATTERN.match(self._buffer)
        assert line is not None
        head = self._buffer[line.end() : line.end() + MAX_HEAD_CHARACTERS]
        may = may_become_bare_call(head, self._offered)
        if may is not False and not last and len(self._buffer) <= MAX_HELD_CHARACTERS:
            return False
        self._state = self._text
        written = self._buffer.removeprefix(ACTION_WORD)
        calls = read_calls_without_mark(written, self._offered) if last and may else None
        if calls is not None:
            self._called(calls, self._buffer)
            self._buffer = ""
            return True
        self._bare_allowed = not may
        first = next((m for m in ("```", ACTION_WORD) if self._buffer.startswith(m)), "{")
        self._fenced = first == "```"
        self._say(self._buffer[: len(first)])
        self._buffer = self._buffer[len(first) :]
        return True

    def _called(self, calls: list[WrittenCall], written: str) -> None:
        self._lead, self._strip, self._called_before = "", True, True
        self._out.append(Piece(calls=tuple(calls), written=written))

    # -- what is said ----------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        if self._strip:
            text = text.lstrip()
        if not text:
            return
        self._context = (self._context + text)[-CONTEXT_CHARACTERS:]
        _, line, rest = text.rpartition("\n")
        self._ticks = rest.count("`") + (0 if line else self._ticks)
        blank = not self._said and not self._strip and text.isspace()
        if blank and len(self._lead) < _MAX_LEAD_CHARACTERS:
            self._lead += text
            return
        self._said, self._strip = True, False
        self._out.append(Piece(text=self._lead + text))
        self._lead = ""


@lru_cache(maxsize=64)
def tag_pattern(tag: str) -> re.Pattern[str]:
    """Return what may stand in thoughts: their tag once more, or its end."""
    close = closing_tag(tag)
    again = (
        rf"<{re.escape(close[2:-1])}(?:\s[^<>]{{0,128}})?>" if close[0] == "<" else re.escape(tag)
    )
    return re.compile(rf"(?P<again>{again})|{re.escape(close)}")


@lru_cache(maxsize=64)
def _closing_pattern(mark: str) -> re.Pattern[str] | None:
    return re.compile(re.escape(mark)) if mark else None

"""A terminal's screen: what stands on it after the bytes that a program wrote, and since when.

It knows what prompt_toolkit and Rich write, no more: text, moves of the cursor, erasing, colours.
It is as high as is needed, so that nothing scrolls away.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.color import Color
from rich.style import Style
from rich.text import Text
from wcwidth import wcwidth

_SEQUENCE = re.compile(
    r"\x1b\[(?P<given>[0-9;?]*)(?P<ends>[A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]|\x1b\([0-9A-B]"
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;?]*|\][^\x07\x1b]*|\()?\Z")


@dataclass
class TerminalScreen:
    """The screen. `answer` takes what a terminal answers to the program."""

    columns: int
    answer: Callable[[str], object]
    rows: list[list[tuple[str, Style]]] = field(default_factory=lambda: [[]])
    since: list[float] = field(default_factory=lambda: [0.0])
    """When each row got the text that it has."""
    row: int = 0
    column: int = 0

    def __post_init__(self) -> None:
        self._style = Style()
        self._rest = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes, now: float) -> None:
        """Take in what a program wrote."""
        before = [self.text(n) for n in range(len(self.rows))]
        text = self._rest + self._decoder.decode(data)
        cut = _UNFINISHED.search(text)
        self._rest = text[cut.start() :] if cut else ""
        text = text[: cut.start()] if cut else text
        at = 0
        for found in _SEQUENCE.finditer(text):
            self._write(text[at : found.start()])
            at = found.end()
            if found["ends"]:
                self._do(found["given"], found["ends"])
        self._write(text[at:])
        for n in range(len(self.rows)):
            if n >= len(before) or self.text(n) != before[n]:
                self.since[n] = now

    def text(self, row: int) -> str:
        """The text of a row, without spaces at its end."""
        return "".join(sign for sign, _ in self.rows[row]).rstrip()

    def styled(self, row: int) -> Text:
        """A row with its colours."""
        line = Text(end="", no_wrap=True)
        for sign, style in self.rows[row]:
            line.append(sign, style)
        line.rstrip()
        return line

    def _write(self, text: str) -> None:
        for sign in text:
            if sign == "\r":
                self.column = 0
            elif sign == "\n":
                self._move(self.row + 1, self.column)
            elif sign == "\b":
                self.column = max(0, self.column - 1)
            elif sign.isprintable():
                self._put(sign)

    def _put(self, sign: str) -> None:
        if self.column >= self.columns:
            self._move(self.row + 1, 0)
        line = self.rows[self.row]
        line.extend([(" ", Style())] * (self.column + 1 - len(line)))
        line[self.column] = (sign, self._style)
        self.column += max(1, wcwidth(sign))

    def _move(self, row: int, column: int) -> None:
        self.row, self.column = max(0, row), max(0, min(column, self.columns))
        while len(self.rows) <= self.row:
            self.rows.append([])
            self.since.append(0.0)

    def _do(self, given: str, ends: str) -> None:
        numbers = [int(n) if n.isdigit() else 0 for n in given.split(";")]
        first = max(1, numbers[0])
        moves = {"A": (-first, 0), "B": (first, 0), "C": (0, first), "D": (0, -first)}
        if ends in moves:
            down, right = moves[ends]
            self._move(self.row + down, self.column + right)
        elif ends == "G":
            self._move(self.row, first - 1)
        elif ends == "K":
            self._erase_line(numbers[0])
        elif ends == "J":
            self._erase_line(0)
            for row in range(self.row + 1, len(self.rows)):
                self.rows[row] = []
        elif ends == "m":
            self._colour(numbers)
        elif (given, ends) == ("6", "n"):
            self.answer(f"\x1b[{self.row + 1};{self.column + 1}R")

    def _erase_line(self, how: int) -> None:
        line = self.rows[self.row]
        if how == 0:
            del line[self.column :]
        elif how == 1:
            line[: self.column + 1] = [(" ", Style())] * min(len(line), self.column + 1)
        else:
            line.clear()

    def _colour(self, numbers: list[int]) -> None:
        left = list(numbers)
        while left:
            code = left.pop(0)
            if code == 0:
                self._style = Style()
            elif code in (38, 48) and left:
                colour = Color.from_ansi(left[1]) if left[0] == 5 else Color.from_rgb(*left[1:4])
                del left[: 2 if left[0] == 5 else 4]
                self._style += Style(color=colour) if code == 38 else Style(bgcolor=colour)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self._style += Style(color=Color.from_ansi(code - 30 if code < 90 else code - 82))
            elif code in _ATTRIBUTES:
                self._style += _ATTRIBUTES[code]


_ATTRIBUTES = {
    1: Style(bold=True),
    2: Style(dim=True),
    3: Style(italic=True),
    4: Style(underline=True),
    22: Style(bold=False, dim=False),
    23: Style(italic=False),
    24: Style(underline=False),
    39: Style(color="default"),
    49: Style(bgcolor="default"),
}

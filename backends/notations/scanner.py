"""Tells thoughts, text and calls apart in what a model writes, wherever the stream is torn."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, Literal

from backends.notations.marks import (
    ACTION_WORD,
    RECIPIENT_MARK,
    TEXT_MARKS_PATTERN,
    may_become_bare_call,
    may_become_mark,
    undecided_length,
)
from backends.notations.spans import (
    CONTEXT_CHARACTERS,
    FENCE_LINE_PATTERN,
    MAX_HEAD_CHARACTERS,
    Piece,
    Spans,
    tag_pattern,
)

_MARK_START_PATTERN = re.compile(r"[<\[{◁`A]")
_FED_CHARACTERS: Final = 4_096
_ENDS_OF_WORDS: Final = " \t`'\",.;:!?)]}"
_SENTENCE_END_PATTERN = re.compile(r"[.!?:…。！？：]\s+\Z|\n[ \t]*\Z|\A\s*\Z")
_BLANK_PATTERN = re.compile(r"\s*\Z")
_LINE_START_PATTERN = re.compile(r"(?:\n|\A)[ \t]*\Z")

_Verdict = Literal["plain", "wait", "enter", "drop"]
"""What to do about what may be a mark; drop: leave it out, with the blanks after it."""


class Scanner(Spans):
    """Reads one answer. Feed it with `feed`, and call `end` after the last text.

    `offered` are the names of tools: without any, nothing is a call. With `doubt_characters` the
    answer may begin within thoughts, although no mark says so: its beginning is held back until it
    is clear, so many characters at most. `literal`: marks count only before the answer, as in one
    that is held to a schema.
    """

    def __init__(
        self,
        offered: Collection[str] = (),
        *,
        doubt_characters: int = 0,
        literal: bool = False,
    ) -> None:
        super().__init__(offered, doubt_characters)
        self._literal = literal

    def feed(self, text: str) -> list[Piece]:
        """Take the next text; return what is certain now."""
        plain = self._said and not (self._buffer or self._strip or self._fenced)
        if plain and self._state == self._text and not _MARK_START_PATTERN.search(text):
            self._say(text)
            return self._drain(last=False)
        pieces = []
        for at in range(0, len(text), _FED_CHARACTERS):
            self._buffer += text[at : at + _FED_CHARACTERS]
            pieces += self._drain(last=False)
        return pieces

    def end(self) -> list[Piece]:
        """Return what was held back."""
        pieces = self._drain(last=True)
        if self._lead:
            pieces.append(Piece(text=self._lead))
            self._lead = ""
        return pieces

    def _drain(self, *, last: bool) -> list[Piece]:
        while (self._buffer or last) and self._state(last):
            pass
        pieces, self._out = self._out, []
        return pieces

    # -- text ------------------------------------------------------------------------------------

    def _text(self, last: bool) -> bool:
        text = self._buffer
        first = len(text) - len(text.lstrip()) if self._strip else 0
        for found in TEXT_MARKS_PATTERN.finditer(text):
            begin = max(first, found.start() - CONTEXT_CHARACTERS)
            before = (self._context + text[begin : found.start()])[-CONTEXT_CHARACTERS:]
            verdict = self._judge(found, before, last)
            if verdict == "plain":
                continue
            stays = verdict == "wait" or self._state in (self._header, self._bare)
            self._buffer = text[found.start() if stays else found.end() :]
            self._say(text[: found.start()])
            self._strip |= verdict == "drop"
            return verdict != "wait"
        kept = 0 if last else self._undecided(text)
        self._buffer = text[len(text) - kept :]
        self._say(text[: len(text) - kept])
        return False

    def _undecided(self, text: str) -> int:
        start = text.lstrip()
        if not self._said and start and RECIPIENT_MARK.startswith(start):
            return len(text)
        words = self._bare_allowed and next(
            (n for n in range(len(ACTION_WORD) - 1, 0, -1) if text.endswith(ACTION_WORD[:n])), 0
        )
        return max(words, undecided_length(text))

    def _judge(self, found: re.Match[str], before: str, last: bool) -> _Verdict:
        """Decide whether a mark is one, and go into what it opens."""
        kind = found.lastgroup
        if kind == "fence":
            return self._judge_fence(found, before, last)
        said = self._said or _BLANK_PATTERN.match(found.string, 0, found.start()) is None
        if self._fenced or self._is_code(found) or (self._literal and said):
            return "plain"
        if kind in ("call", "bare", "leftover"):
            return self._judge_call(found, before, last)
        if self._tags_are_text:
            return "plain"
        if kind == "silent":
            return "enter"
        if kind == "header":
            if found[0] == RECIPIENT_MARK and said:
                return "plain"
            self._state = self._header
            return "enter"
        after = found.string[found.end() : found.end() + 1]
        if said and not after and not last:
            return "wait"
        return self._judge_tag(found, before, after, said=said)

    def _is_code(self, found: re.Match[str]) -> bool:
        """Whether a mark stands between backticks on its line."""
        line = found.string.rfind("\n", 0, found.start())
        ticks = found.string.count("`", line + 1, found.start())
        return bool((ticks + (self._ticks if line < 0 else 0)) % 2)

    def _judge_tag(self, found: re.Match[str], before: str, after: str, *, said: bool) -> _Verdict:
        """A tag within an answer counts unless it is a word of a sentence."""
        at_line_start = bool(_LINE_START_PATTERN.search(before))
        word = said and before[-1:] in ("'", '"')
        if found.lastgroup == "close":
            if word or (said and before[-1:] == " " and after and after in _ENDS_OF_WORDS):
                return "plain"
            self.began_within_thoughts |= said and not self._thought_before
            return "drop"
        if word or (
            said and after and after in _ENDS_OF_WORDS and not (at_line_start and after == " ")
        ):
            return "plain"
        self._opening, self._depth, self._searched = found[0], 1, 0
        self._thought_ends = tag_pattern(found[0])
        clear = not said or _SENTENCE_END_PATTERN.search(before)
        self._state = self._thought if clear else self._doubt
        return "enter"

    def _judge_call(self, found: re.Match[str], before: str, last: bool) -> _Verdict:
        mark = found[0]
        if found.lastgroup == "leftover":
            return "enter" if self._called_before else "plain"
        if found.lastgroup == "bare":
            return self._judge_bare(found, before, last)
        if not self._offered:
            return "plain"
        self._open_call(mark)
        return "enter"

    def _judge_bare(self, found: re.Match[str], before: str, last: bool) -> _Verdict:
        if not (self._bare_allowed and _SENTENCE_END_PATTERN.search(before)):
            return "plain"
        rest = found.string[found.start() : found.start() + MAX_HEAD_CHARACTERS]
        if not last and may_become_mark(rest):
            return "wait"
        if may_become_bare_call(rest, self._offered) is False:
            return "plain"
        self._state = self._bare
        return "enter"

    def _judge_fence(self, found: re.Match[str], before: str, last: bool) -> _Verdict:
        if not _LINE_START_PATTERN.search(before):
            return "plain"
        line = FENCE_LINE_PATTERN.match(found.string, found.start())
        assert line is not None
        rest = found.string[line.end() : line.end() + MAX_HEAD_CHARACTERS]
        if self._bare_allowed and not self._fenced:
            if not rest and not last:
                return "wait"
            if rest[:1] in ("{", "[") and may_become_bare_call(rest, self._offered) is not False:
                self._state = self._bare
                return "enter"
        self._fenced ^= found[0] != ACTION_WORD
        return "plain"

"""Reads one answer: the chunks of an engine become text, thoughts and calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Final

from backends.base import Chunk, FinishReason, Progress, Tool, ToolCall, UnreadCall
from backends.notations.calls import WrittenCall, cast
from backends.notations.scanner import Scanner
from backends.notations.spans import MAX_HELD_CHARACTERS, Piece

_FIRST_DOUBT_CHARACTERS: Final = 400
_DOUBTED_ANSWERS: Final = 5
_MAX_PIECE_CHARACTERS: Final = 2_048
"""Of one chunk, what is read before others run: a few milliseconds."""


class AnswerReader:
    """Separates the thoughts and the tool calls in the chunks of one answer from its text.

    Both may be torn anywhere between chunks, and may stand in fields of their own. A call of a tool
    that was not offered is reported too; one whose arguments cannot be read is an `UnreadCall`. An
    answer with calls finishes as `tool_calls`. While the model thinks, a `Progress` chunk is sent
    at most once every `progress_interval_s` seconds; with `keep` the thoughts are passed on as
    `Chunk.thinking`. `earlier_calls` is the number of calls in the prompt, for ids that differ. The
    others are those of `Scanner`.
    """

    def __init__(
        self,
        tools: Sequence[Tool] = (),
        *,
        progress_interval_s: float = 0.25,
        keep: bool = False,
        earlier_calls: int = 0,
        doubt_characters: int = 0,
        literal: bool = False,
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._keep = keep
        self._progress_interval_s = progress_interval_s
        self._next_call = earlier_calls
        self._called = False
        self._began: float | None = None
        self._told: float | None = None
        self._scanner = Scanner(
            self._tools,
            doubt_characters=doubt_characters,
            literal=literal,
        )

    @property
    def began_within_thoughts(self) -> bool:
        """Whether the answer began with thoughts that no mark had begun."""
        return self._scanner.began_within_thoughts

    async def read(self, chunk: Chunk) -> AsyncIterator[Chunk]:
        """Do as `take` does; a long text is read piece by piece, and others run in between."""
        at = 0
        while len(chunk.text) - at > _MAX_PIECE_CHARACTERS:
            text = chunk.text[at : at + _MAX_PIECE_CHARACTERS]
            for piece in self.take(Chunk(text=text, thinking="" if at else chunk.thinking)):
                yield piece
            await asyncio.sleep(0)
            at += _MAX_PIECE_CHARACTERS
        if at:
            chunk = replace(chunk, text=chunk.text[at:], thinking="")
        for piece in self.take(chunk):
            yield piece

    def take(self, chunk: Chunk) -> Iterator[Chunk]:
        """Take the next chunk of the answer, and yield the chunks that can be passed on now."""
        if chunk.thinking:
            yield from self._think(chunk.thinking)
        pieces = self._scanner.feed(chunk.text) if chunk.text else []
        if chunk.finish is not None or chunk.tool_calls:
            pieces += self._scanner.end()
        for piece in pieces:
            yield from self._pass_on(piece)
        # a server may number the calls of each answer anew: their results would be mixed up
        calls = tuple(replace(call, id=self._new_id()) for call in chunk.tool_calls)
        finish = self._finish(chunk.finish)
        rest = replace(chunk, text="", thinking="", tool_calls=calls, finish=finish)
        if rest != Chunk():
            yield rest

    def release(self) -> Iterator[Chunk]:
        """Yield what is held back of an answer that broke off."""
        for piece in self._scanner.end():
            yield from self._pass_on(piece)

    def _finish(self, finish: FinishReason | None) -> FinishReason | None:
        return "tool_calls" if finish is not None and self._called else finish

    def _pass_on(self, piece: Piece) -> Iterator[Chunk]:
        if piece.thought:
            yield from self._think(piece.thought)
        if piece.text:
            yield Chunk(text=piece.text)
        if piece.calls:
            calls, unread = [], []
            for call in piece.calls:
                if call.arguments is None:
                    unread.append(UnreadCall(call.name, piece.written))
                else:
                    calls.append(self._numbered(call))
            self._called |= bool(calls)
            yield Chunk(tool_calls=tuple(calls), unread_calls=tuple(unread))

    def _numbered(self, call: WrittenCall) -> ToolCall:
        return ToolCall(self._new_id(), call.name, cast(call, self._tools))

    def _new_id(self) -> str:
        # nine letters and digits: Mistral's templates take no other
        self._next_call += 1
        return f"call{self._next_call - 1:05d}"

    def _think(self, thought: str) -> Iterator[Chunk]:
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        progress = None
        if self._told is None or now - self._told >= self._progress_interval_s:
            self._told = now
            progress = Progress("thinking", elapsed_s=round(now - self._began, 1))
        if progress is not None or self._keep:
            yield Chunk(progress=progress, thinking=thought if self._keep else "")


class UnmarkedThoughts:
    """Learns whether a server's answers begin with thoughts that no mark has begun.

    Such a server has no parser of thoughts, and its chat template begins them. Its answers are held
    back until the thoughts are over; the first answer of any server that may be one is for a while.
    """

    def __init__(self) -> None:
        self.seen = False
        """Whether one did."""
        self._doubts = 1

    @property
    def characters(self) -> int:
        """How many characters at the beginning of the next answer may be thoughts."""
        if not self._doubts:
            return 0
        return MAX_HELD_CHARACTERS if self.seen else _FIRST_DOUBT_CHARACTERS

    def learn(self, *, began: bool, ended: bool) -> None:
        """Take into account whether an answer began with thoughts, and whether it was whole."""
        self.seen |= began
        if began or ended:
            self._doubts = _DOUBTED_ANSWERS if began else max(0, self._doubts - 1)

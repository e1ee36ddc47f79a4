"""Separates a model's thoughts from its answer, for every engine.

Some models think before they answer. A server may send the thoughts in a field of their own
(`Chunk.thinking`); otherwise they stand between two tags before the answer. They are never part of
the answer: they are not shown as text, and no history stores them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator

from backends.base import Chunk, Progress

THINKING_TAGS: Final = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
)
"""What stands before and after thoughts: Qwen, DeepSeek and most others; … ; Mistral."""

TEMPLATE_THINKING_SWITCHES: Final = {"enable_thinking": False, "thinking": False}
"""What chat templates are told where a model is not to think: Qwen's name for it, DeepSeek's."""


def _parse_yaml_boolean(value: Any) -> Any:
    """YAML reads `off` as no, and `on` as yes."""
    return {False: "off", True: "auto"}.get(value, value) if isinstance(value, bool) else value


Thinking = Annotated[Literal["auto", "off", "show"], BeforeValidator(_parse_yaml_boolean)]
"""auto: thoughts are told apart and dropped. off: the model is told not to think. show: they are
handed on beside the answer."""


def find_open_tag(prompt: str) -> str:
    """Return the tag that a prompt ends with if the answer begins inside thoughts, else ""."""
    end = prompt[-64:].rstrip()
    return next((tag for tag, _ in THINKING_TAGS if end.endswith(tag)), "")


def closing_tag(tag: str) -> str:
    """Return the closing tag that belongs to an opening tag."""
    return dict(THINKING_TAGS)[tag]


def is_thinking_template(template: str) -> bool:
    """Return whether a chat template belongs to a model that thinks."""
    return "enable_thinking" in template or any(tag in template for tag, _ in THINKING_TAGS)


class ThinkingSplitter:
    """Separates the thoughts in the chunks of one answer.

    A tag counts only at the beginning of the answer, so that an answer about tags keeps them. It
    may be split across chunks. While the model thinks, a `Progress` chunk is sent at most once
    every `progress_interval_s` seconds. With `keep` the thoughts are passed on as `Chunk.thinking`.
    """

    def __init__(self, progress_interval_s: float = 0.25, *, keep: bool = False) -> None:
        self._progress_interval_s = progress_interval_s
        self._keep = keep
        self._held = ""
        self._close = ""
        self._began: float | None = None
        self._told = 0.0
        self._pieces = 0
        self.answering = False
        """Whether the answer has begun: all that follows is handed on as it is."""

    def take(self, chunk: Chunk) -> Iterator[Chunk]:
        """Take the next chunk of the answer, and yield the chunks that can be passed on now."""
        if self.answering and not chunk.thinking:
            yield chunk
            return
        thought, text, ended = chunk.thinking, chunk.text, chunk.finish is not None
        if text and not self.answering:
            more, text = self._split(text)
            thought += more
        if ended or chunk.tool_calls:
            more, rest = self._rest()
            thought, text = thought + more, text + rest
        if thought:
            yield from self._think(thought)
        if text and chunk.text:
            yield replace(chunk, text=text, thinking="")
            return
        if text:
            yield Chunk(text=text)
        if chunk.progress is not None or chunk.tool_calls or ended or chunk.usage is not None:
            yield replace(chunk, text="", thinking="")

    def _split(self, new: str) -> tuple[str, str]:
        """Return the thoughts and the answer in the text so far, as far as they can be told
        apart.
        """
        text, thought = self._held + new, ""
        self._held = ""
        while text:
            if self._close:
                before, tag, after = text.partition(self._close)
                if not tag:
                    kept = partial_tag_length(text, self._close)
                    self._held = text[len(text) - kept :]
                    return thought + text[: len(text) - kept], ""
                thought, text, self._close = thought + before, after, ""
                self._begin()
                continue
            start = text.lstrip()
            tag = next((tag for tag, _ in THINKING_TAGS if start.startswith(tag)), "")
            if tag:
                self._begin()
                self._close, text = closing_tag(tag), start[len(tag) :]
            elif any(
                tag.startswith(start) for tag, _ in THINKING_TAGS
            ):  # also where there is nothing yet
                self._held = text
                break
            else:
                self.answering = True
                return thought, text if self._began is None else start
        return thought, ""

    def _rest(self) -> tuple[str, str]:
        """Return the held-back thoughts and text at the end of the answer."""
        held, self._held = self._held, ""
        if self._close:
            return held, ""
        return "", held if self._began is None else held.lstrip()

    def _begin(self) -> None:
        if self._began is None:
            self._began = time.monotonic()

    def _think(self, thought: str) -> Iterator[Chunk]:
        self._begin()
        assert self._began is not None
        now = time.monotonic()
        self._pieces += 1
        progress = None
        if self._pieces == 1 or now - self._told >= self._progress_interval_s:
            self._told = now
            progress = Progress("thinking", elapsed_s=round(now - self._began, 1))
        if progress is not None or self._keep:
            yield Chunk(progress=progress, thinking=thought if self._keep else "")


def partial_tag_length(text: str, tag: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a tag."""
    return next(
        (n for n in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-n:])), 0
    )

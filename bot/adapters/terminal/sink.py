"""Replies in the terminal: plain text for a pipe, rendered Markdown for a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TextIO, TypeAlias

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text as Line

from bot.adapters.terminal.screen import markdown
from bot.catalogue.languages import translate
from bot.catalogue.sentence import say
from bot.control_characters import strip_controls
from bot.replies.fences import Fence
from bot.replies.wording import notice_text, shown_status, source_line
from bot.types import File, Limits, Notice, View

_MAX_MESSAGE_CHARS = 1_000_000_000

SaveFile: TypeAlias = Callable[[File], str]
"""Saves a file of an answer; returns a sentence that says where, or why it could not be."""

OnEnd: TypeAlias = Callable[[View], Awaitable[None]]
"""Called with the last view, once it is drawn."""


class ReplySink:
    """Base of both sinks: keeps the last view, and sets `finished` at the end.

    A `late` reply is shown at its end alone: one that nobody asked for, which may come while
    another is being written, or a line is.
    """

    limits = Limits(max_chars=_MAX_MESSAGE_CHARS, edit_interval_s=0.05)

    def __init__(
        self,
        *,
        late: bool = False,
        save: SaveFile | None = None,
        on_end: OnEnd | None = None,
    ) -> None:
        self.view: View | None = None
        self.finished = asyncio.Event()
        self._late = late
        self._save = save
        self._on_end = on_end

    async def start(self, view: View) -> None:
        await self.update(view)

    async def update(self, view: View) -> None:
        if not self._late:
            self.show(view)

    async def finish(self, view: View) -> None:
        try:
            view = await self._with_saved_files(view)
            self.close(view)
        finally:
            self.view = view
            if self._on_end is not None:
                await self._on_end(view)
            self.finished.set()

    async def _with_saved_files(self, view: View) -> View:
        """The view with a line for each of its files that says where it lies."""
        if self._save is None or not view.files:
            return view
        said = [await asyncio.to_thread(self._save, file) for file in view.files]
        lines = [Notice(translate(one, view.locale)) for one in said]
        return replace(view, notices=(*lines, *view.notices))

    def hold(self) -> None:
        """Show nothing more before the end, or `go_on`: a line is typed meanwhile."""
        self._late = True

    def go_on(self) -> None:
        """Show it again as it grows."""
        self._late = False

    def show(self, view: View) -> None:
        """Draw the view as it stands."""
        self.view = view

    def close(self, view: View) -> None:
        """Draw the last view."""
        self.view = view


class PlainSink(ReplySink):
    """Writes the answer to `out` as it grows; errors go to `err`.

    `broken` is the error after which `out` takes no more text, else None.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        *,
        late: bool = False,
        save: SaveFile | None = None,
        on_end: OnEnd | None = None,
    ) -> None:
        super().__init__(late=late, save=save, on_end=on_end)
        self._out = out
        self._err = err
        self._written = 0
        self.broken: OSError | None = None

    def show(self, view: View) -> None:
        super().show(view)
        self._write(view.text[self._written :])
        self._written = len(view.text)

    def close(self, view: View) -> None:
        self.show(view)
        lines = [f"{line}\n" for line in _source_lines(view)]
        for notice in view.notices:
            text = _notice_text(notice) + "\n"
            if notice.kind == "error":
                self._err.write(strip_controls(text))
            else:
                lines.append(text)
        lines += [f"{line}\n" for line in _file_lines(view)]
        offered = [f"{line}\n" for line in _choice_lines(view)]
        lines += ["\n", *offered] if lines and offered else offered
        if view.text:  # a blank line before what stands under the answer
            breaks = len(view.text) - len(view.text.rstrip("\n"))
            lines.insert(0, "\n" * max(0, (2 if lines else 1) - breaks))
        self._write("".join(lines) + "\n")
        self._err.flush()

    def _write(self, text: str) -> None:
        if self.broken is not None:
            return
        try:
            self._out.write(strip_controls(text))
            self._out.flush()
        except OSError as error:
            self.broken = error
            self.finished.set()  # nobody waits for the rest


class ScreenSink(ReplySink):
    """Streams rendered Markdown: finished blocks stay, the block being written is redrawn."""

    def __init__(
        self,
        console: Console,
        *,
        late: bool = False,
        save: SaveFile | None = None,
        on_end: OnEnd | None = None,
    ) -> None:
        super().__init__(late=late, save=save, on_end=on_end)
        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=15)
        self._printed = 0
        self._notices = 0

    def hold(self) -> None:
        super().hold()
        self._live.update(Line(""), refresh=self._live.is_started)
        self._live.stop()

    def show(self, view: View) -> None:
        super().show(view)
        if not self._live.is_started:
            self._live.start()
        rest = view.text[self._printed :]
        for block in split_finished_blocks(rest):
            self._console.print(markdown(block))
            self._printed += len(block)
        tail = view.text[self._printed :]
        parts: list[RenderableType] = [markdown(tail)] if tail.strip() else []
        if view.status is not None:
            parts.append(Spinner("dots", Line(shown_status(view), style="dim")))
        self._live.update(Group(*parts))

    def close(self, view: View) -> None:
        self._live.update(Line(""), refresh=True)
        self._live.stop()
        tail = view.text[self._printed :]
        if tail.strip():
            self._console.print(markdown(tail))
        self._printed = len(view.text)
        for line in _source_lines(view):
            self._console.print(Line(line, style="cyan"))
        if view.state == "waiting" and view.text and view.notices:
            self._console.print()  # what asks for a choice stands apart
        for notice in view.notices:
            text = _notice_text(notice)
            if notice.kind == "info":
                self._console.print(markdown(text.replace("\n", "  \n")))  # its lines stay lines
            else:
                styles = {"error": "red", "refusal": "yellow", "footer": "dim"}
                self._console.print(Line(text, style=styles[notice.kind]))
        if view.state == "cancelled" and not view.notices:
            self._console.print(Line(translate(say("Stopped."), view.locale), style="dim"))
        for line in _file_lines(view):
            self._console.print(Line(strip_controls(line), style="dim"))
        for line in _choice_lines(view):
            self._console.print(Line(line, style="green"))
        self._console.print()


def _notice_text(notice: Notice) -> str:
    """A notice with what an operator wants to know more, since nobody else reads the terminal."""
    return f"{notice_text(notice)}\n{notice.detail}".strip()


def split_finished_blocks(text: str) -> Iterator[str]:
    """Split off what a blank line outside a code fence has closed; the rest is still being written.

    The blocks, joined, are a prefix of `text`.
    """
    start = position = 0
    fence: Fence | None = None
    for line in text.splitlines(keepends=True):
        position += len(line)
        if fence is None or fence.left_by(line):
            fence = Fence.parse(line.rstrip("\n"))
        elif fence.closed_by(line):
            fence = None
        if (
            fence is None
            and not line.strip()
            and line.endswith("\n")
            and text[start:position].strip()
        ):
            yield text[start:position]
            start = position


def choices(view: View) -> Iterator[tuple[str, str]]:
    """What can be typed in place of pressing a button of a reply, and what the button says."""
    for action in view.actions:
        if action.name in ("resume", "accept", "press"):
            yield f"/choose {action.value}", action.label
        elif action.name == "continue":
            yield "/continue", action.label


def _file_lines(view: View) -> Iterator[str]:
    """The texts that are attached to what asks for a choice, so that they are read before it; the
    bar before each line tells them apart from what the bot says."""
    if view.state != "waiting":
        return
    for file in view.files:
        if file.content_type.startswith("text/"):
            yield file.name
            yield from (f"│ {line}" for line in file.data.decode("utf-8", "replace").splitlines())


def _choice_lines(view: View) -> Iterator[str]:
    return (f"{typed}: {label}" for typed, label in choices(view))


def _source_lines(view: View) -> Iterator[str]:
    yield from source_line(view.sources, _show_source, _MAX_MESSAGE_CHARS, view.locale)


def _show_source(title: str, url: str) -> str:
    return f"{title} ({url})" if url and url != title else title

"""A reply as it is being written: parts in, views out."""

from __future__ import annotations

from bot.errors import Failed
from bot.splitting import LEAST_LIMIT, Splitter
from bot.types import (
    Action,
    Actions,
    Explanation,
    File,
    Limits,
    Notice,
    Part,
    Source,
    Sources,
    State,
    Status,
    Text,
    View,
)

MAX_TEXT = 400_000
"""Longest answer, in characters; nothing that a model writes by itself comes near it."""
MAX_EXTRAS = 50
"""Most notices, files and buttons of one reply."""

STOP = Action("stop", "Stop")
AFTER_ANSWER = (
    Action("regenerate", "Regenerate"),
    Action("good", "👍"),
    Action("bad", "👎"),
    Action("why", "Why this answer?"),
)
TRY_AGAIN = (Action("regenerate", "Try again"),)


class Draft:
    """Gathers the parts of one turn, and shows how the reply stands.

    `model` says that a model answers: there is something to stop while it works, and to judge
    afterwards. `file_over_chars` is the length from which the answer is attached as well.
    """

    def __init__(
        self, turn: str, limits: Limits, *, model: bool = False, file_over_chars: int = 0
    ) -> None:
        self.turn = turn
        self.file_over_chars = file_over_chars
        self.state: State = "working"
        self.characters = 0
        self._limits = limits
        self._model = model
        self._splitter = Splitter(max(LEAST_LIMIT, limits.max_chars))
        self._text: list[str] = []
        self._status: Status | None = None
        self._sources: tuple[Source, ...] = ()
        self._wanted: list[Action] = []
        self._actions: tuple[Action, ...] = (STOP,) if model else ()
        self._files: list[File] = []
        self._notices: list[Notice] = []

    @property
    def text(self) -> str:
        """The answer so far."""
        if len(self._text) > 1:
            self._text = ["".join(self._text)]
        return self._text[0] if self._text else ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be read yet: no text, file, notice or source."""
        return not (self._files or self._notices or self._sources or self.text.strip())

    @property
    def refused(self) -> bool:
        """Whether the skill itself said no."""
        return any(notice.kind == "refusal" for notice in self._notices)

    @property
    def failed(self) -> bool:
        """Whether the skill itself reported an error."""
        return any(notice.kind == "error" for notice in self._notices)

    def add(self, part: Part) -> None:
        """Take a part in. Raises `Failed` for an answer without end."""
        match part:
            case Text(delta):
                self._write(delta)
            case Status():
                self._status = part
            case Sources(items):
                self._sources = items
            case Actions(items):
                self._wanted = [*self._wanted, *items][:MAX_EXTRAS]
            case File():
                self._attach(part)
            case Notice():
                if len(self._notices) < MAX_EXTRAS:
                    self._notices.append(part)
            case Explanation():
                pass  # kept with the turn, shown only when asked for

    def end(self, state: State, notice: Notice | None = None, *, again: bool = False) -> None:
        """The turn is over. What was written stays; `again` offers to try once more."""
        self.state = state
        self._status = None
        if notice is not None:
            self._notices.append(notice)
            self._wanted += notice.actions
        text = self.text
        if state == "complete":
            after = AFTER_ANSWER if self._model and text.strip() else ()
            self._actions = (*self._wanted, *after)
        else:
            self._actions = TRY_AGAIN if again and self._model else ()
        if self.file_over_chars and len(text) > self.file_over_chars:
            self._attach(File("answer.md", text.encode(), "text/markdown; charset=utf-8"))

    def withdraw(self) -> None:
        """The question was deleted: nothing of the reply is shown any more."""
        self._text.clear()
        self._splitter = Splitter(max(LEAST_LIMIT, self._limits.max_chars))
        self._files.clear()
        self._notices.clear()
        self._wanted.clear()
        self._sources = ()
        self.end("cancelled")

    def view(self) -> View:
        """The reply as it stands."""
        return View(
            turn=self.turn,
            text=self.text,
            pages=self._splitter.pages,
            status=self._status,
            sources=self._sources,
            actions=self._actions,
            files=tuple(self._files),
            notices=tuple(self._notices),
            state=self.state,
        )

    def _write(self, delta: str) -> None:
        self.characters += len(delta)
        if self.characters > MAX_TEXT:
            raise Failed(f"The answer grew beyond {MAX_TEXT:,} characters and was ended there.")
        self._text.append(delta)
        self._splitter.append(delta)
        self._status = None

    def _attach(self, file: File) -> None:
        if len(self._files) >= MAX_EXTRAS:
            return
        size, most = len(file.data), self._limits.max_file_bytes
        if size <= most:
            self._files.append(file)
        elif len(self._notices) < MAX_EXTRAS:
            self._notices.append(
                Notice(
                    f"{file.name} has {size / 1e6:.1f} MB, and {most / 1e6:.1f} MB can be "
                    "attached here; it was left out."
                )
            )

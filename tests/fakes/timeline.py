"""What was shown on a platform, in order: every message, edit and sign, with its time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "create", "edit", "delete", "ephemeral", "reaction", "reaction gone", "typing", "status",
    "refused",
]  # fmt: skip
_SHOWN_LENGTH = 90


@dataclass(frozen=True)
class Step:
    """One thing that changed. `content` is what a person reads then, or the sign's name."""

    at: float
    """Seconds since the timeline began."""
    kind: Kind
    by: str
    place: str
    """The channel or thread."""
    message: str
    """The message's id; empty for a sign that stands at no message."""
    content: str
    buttons: Sequence[str] = ()
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The message as the platform keeps it, for a picture."""


@dataclass
class Timeline:
    """The steps so far. `begin` sets the time of the first one to 0."""

    steps: list[Step] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Forget what was, and count from now."""
        self.steps.clear()
        self.began = time.monotonic()

    def add(
        self,
        kind: Kind,
        by: str,
        place: object,
        message: object = "",
        content: str = "",
        *,
        buttons: Sequence[str] = (),
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        at = time.monotonic() - self.began
        step = Step(at, kind, by, str(place), str(message), content, tuple(buttons), payload or {})
        self.steps.append(step)

    def of(self, message: object = None, *, kind: Kind | None = None) -> Sequence[Step]:
        """The steps of one message, or of one kind."""
        return [
            step
            for step in self.steps
            if (message is None or step.message == str(message)) and kind in (None, step.kind)
        ]

    def __str__(self) -> str:
        """A line for each step; places and messages are numbered as they come."""
        places: dict[str, str] = {"": "-"}
        messages: dict[str, str] = {"": "-"}
        lines = []
        for step in self.steps:
            place = places.setdefault(step.place, f"P{len(places)}")
            message = messages.setdefault(step.message, f"#{len(messages)}")
            head = f"{step.at:7.2f} s  {place:<3} {message:<4} {step.by:<9} {step.kind:<9}"
            pressed = "".join(f"  [{label}]" for label in step.buttons)
            lines.append(f"{head} {_in_short(step.content)}{pressed}".rstrip())
        return "\n".join(lines)


def _in_short(content: str) -> str:
    said = " ⏎ ".join(content.splitlines())
    return said if len(said) <= _SHOWN_LENGTH else f"{said[: _SHOWN_LENGTH - 2]} …"

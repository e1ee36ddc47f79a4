"""What a notation of tool calls is: its marks, and how a call is written in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backends.base import ToolCall

ArgumentsForm = Literal["json", "python", "parameters"]
"""json: one JSON object. python: `key=value, …` with Python's literals. parameters: each of them
between marks, a text as it is and any other value as JSON."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What stands before the name of a parameter, after it, and after its value."""

    before_name: str
    after_name: str
    after_value: str


@dataclass(frozen=True, slots=True)
class Notation:
    """How a line of models writes its calls.

    An answer with calls is `begin`, then for each call `before_name`, the tool's name,
    `after_name`, the arguments, `after_arguments`, with `between` two of them, then `end`.

    `opening` is the text from which on a call is certain, which a grammar can wait for; where it is
    "" a call has no mark, and begins with the answer. `told_by`: a chat template with all the texts
    of one of these groups belongs to such a model.
    """

    name: str
    opening: str
    before_name: str
    after_name: str
    after_arguments: str
    begin: str = ""
    between: str = ""
    end: str = ""
    arguments: ArgumentsForm = "json"
    parameter: Parameter | None = None
    told_by: tuple[tuple[str, ...], ...] = ()

    def write(self, calls: Sequence[ToolCall]) -> str:
        """Return the calls as a model of this line writes them."""
        written = (
            f"{self.before_name}{call.name}{self.after_name}"
            f"{self._write_arguments(call.arguments)}{self.after_arguments}"
            for call in calls
        )
        return f"{self.begin}{self.between.join(written)}{self.end}"

    def _write_arguments(self, arguments: Mapping[str, Any]) -> str:
        if self.arguments == "python":
            return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        if self.parameter is None:
            return json.dumps(dict(arguments), ensure_ascii=False)
        marks = self.parameter
        return "".join(
            f"{marks.before_name}{name}{marks.after_name}"
            f"{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
            f"{marks.after_value}"
            for name, value in arguments.items()
        )

"""The options of commands: what they hold, how a value is checked, and what completes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import UsageError
from bot.types import Author, ConversationKey, Value

MAX_TEXT_CHARACTERS = 4000
"""Longest value of a string option, in characters, unless the option says otherwise."""

Kind = Literal["str", "int", "float", "bool"]
_JSON_TYPES: Mapping[Kind, str] = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
}


@dataclass(frozen=True, slots=True)
class Completion:
    """The request to a completer: values that start with `prefix`, for this person and place."""

    prefix: str
    author: Author
    conversation: ConversationKey
    services: Any = field(repr=False)
    """The services that a skill's Context has (`bot.skills.services.Services`)."""
    direct: bool = False
    admin: bool = False

    @property
    def asker(self) -> Asker:
        """The person who types."""
        return Asker(self.author, self.conversation, self.direct, self.admin)

    async def allowed(self, action: str) -> bool:
        """Whether this person may do something here; what they may not is not suggested."""
        decision = await self.services.authorize(self.asker, action, self.conversation)
        return bool(decision.allowed)


Completer = Callable[[Completion], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command.

    In a handler's annotation give only the description, the limits and the completer; the rest is
    filled in from the parameter.
    """

    description: str = ""
    complete: Completer | None = None
    min_value: float | None = None
    max_value: float | None = None
    max_length: int = MAX_TEXT_CHARACTERS
    multiline: bool = False
    takes_rest: bool = False
    """When a call is written as text, this option takes the text that belongs to no other option.
    By default that is the last required text option."""
    name: str = ""
    kind: Kind = "str"
    choices: tuple[str, ...] = ()
    required: bool = False
    default: Value | None = None

    def coerce(self, raw: Value) -> Value:
        """Convert a value to the option's type and check it. Raises `UsageError`."""
        value = self._convert(raw)
        if isinstance(value, str):
            self._check_text(value)
        elif not isinstance(value, bool):
            said, least, most = format_number(value), self.min_value, self.max_value
            if least is not None and value < least:
                raise UsageError(
                    say(
                        "{name} must be at least {least}, not {said}.",
                        name=self.name,
                        least=format_number(least),
                        said=said,
                    )
                )
            if most is not None and value > most:
                raise UsageError(
                    say(
                        "{name} must be at most {most}, not {said}.",
                        name=self.name,
                        most=format_number(most),
                        said=said,
                    )
                )
        return value

    def schema(self) -> dict[str, Any]:
        """Return a JSON schema of the option's values."""
        entry: dict[str, Any] = {"type": _JSON_TYPES[self.kind]}
        if self.description:
            entry["description"] = self.description
        if self.choices:
            entry["enum"] = [*self.choices]
        elif self.kind == "str":
            entry["maxLength"] = self.max_length
            if self.required:
                entry["pattern"] = r"\S"  # some text, not blanks alone
        if self.kind in {"int", "float"}:
            if self.min_value is not None:
                entry["minimum"] = self.min_value
            if self.max_value is not None:
                entry["maximum"] = self.max_value
        if self.default is not None:
            entry["default"] = self.default
        return entry

    def _convert(self, raw: Value) -> Value:
        if self.kind == "str":
            return str(raw)
        if self.kind == "bool":
            word = str(raw).strip().lower()
            if word in {"true", "yes", "on", "1"}:
                return True
            if word in {"false", "no", "off", "0"}:
                return False
            raise UsageError(
                say("{name} must be yes or no, not {raw}.", name=self.name, raw=repr(raw)[:40])
            )
        try:
            number = int(raw) if self.kind == "int" else float(raw)
            if number != number:
                raise ValueError("nan is within every limit")
        except (ValueError, OverflowError):
            kind = say("a whole number") if self.kind == "int" else say("a number")
            raise UsageError(
                say(
                    "{name} must be {kind}, not {raw}.",
                    name=self.name,
                    kind=kind,
                    raw=repr(raw)[:40],
                )
            ) from None
        return number

    def _check_text(self, value: str) -> None:
        if self.choices and value not in self.choices:
            raise UsageError(
                say(
                    "{name} must be one of {choices}, not {value!r}.",
                    name=self.name,
                    choices=", ".join(self.choices),
                    value=value[:40],
                )
            )
        if self.required and not value.strip():
            raise UsageError(say("{name} is empty.", name=self.name))
        check_text(value, self.name, self.max_length)


def format_number(number: float) -> str:
    """A number in digits, as far as they can be read; `:g` would round 1234567."""
    text = str(number) if isinstance(number, int) else f"{number:.15g}"
    return text if len(text) <= 25 else text[:24] + "…"


def check_text(value: str, what: str, limit: int = MAX_TEXT_CHARACTERS) -> None:
    """Raise `UsageError` for a text longer than `limit` characters or with control characters.
    `what` names the text in the message."""
    if len(value) > limit:
        raise UsageError(
            say(
                "{what} is too long: {length:,} characters, where {limit:,} are allowed.",
                what=what,
                length=len(value),
                limit=limit,
            )
        )
    if any((ord(c) < 32 and c not in "\n\r\t") or ord(c) == 127 for c in value):
        raise UsageError(say("{what} holds control characters; please send plain text.", what=what))

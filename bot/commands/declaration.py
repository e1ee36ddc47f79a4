"""Declares commands from typed handlers; each platform derives its own form of them.

    @command("ask", examples=[Example("/ask how do I rotate the logs?")])
    async def ask(ctx: Context, question: str, model: Annotated[str | None, Option("…")] = None):
        \"\"\"Answer from the team's documents, with sources.\"\"\"

The handler's parameters after `ctx` are the options: `str`, `int`, `float`, `bool`, `Literal[…]` of
strings, or one of these `| None`. A parameter without a default is required.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from bot.catalogue.sentence import Sentence, say
from bot.commands.checks import Check
from bot.commands.options import (
    MAX_TEXT_CHARACTERS,
    Completion,
    Kind,
    Option,
    check_text,
    format_number,
)
from bot.errors import MissingOption, PluginError, UsageError, nearest
from bot.types import Part, Value

__all__ = [
    "MAX_TEXT_CHARACTERS",
    "Command",
    "Completion",
    "Example",
    "Handler",
    "NeedsForm",
    "Option",
    "check_text",
    "command",
    "format_number",
    "options_schema",
    "read_options",
]

_KINDS: Mapping[type, Kind] = {str: "str", int: "int", float: "float", bool: "bool"}


@dataclass(frozen=True, slots=True)
class Example:
    """A call that /help shows and the tests run; the answer must contain `says`."""

    call: str
    says: str = ""


class Handler(Protocol):
    """The function that answers a command: an async generator of parts."""

    def __call__(self, ctx: Any, /, **options: Any) -> AsyncIterator[Part]: ...


ReadsHistory = Literal["always", "in threads", "never"]
NeedsForm = Callable[[Mapping[str, Value]], bool]
"""Whether a call with the given options should open a form."""
IsPrivate = Callable[[Mapping[str, Value]], bool]
"""Whether the answer to a call with the given options is for the asker alone."""
IsQuick = Callable[[Mapping[str, Any]], bool]
"""Whether a call with the given options is answered at once."""


@dataclass(frozen=True, slots=True)
class Command:
    """A declared command, independent of any platform.

    `remember`: later prompts of the conversation include the question and its answer.
    `menu`: label of the entry in a message's context menu (Discord) or shortcuts (Slack); the
    message becomes the call's `target`, and no option is required.
    `quick`: it is answered without a model, and at once, even while an answer is running, and it
    cannot be stopped; a function of the options where that depends on the call.
    `reads_history`: where it reads the earlier messages of the conversation, and so waits for the
    answers before it; calls that do not read them run side by side.
    `takes_file`: a file may come with the call, as an attachment of the event; on platforms where
    calls carry no files an option `file` is added.
    `form`: a function of the given options; where it returns true, a platform that has forms opens
    one, even if no required option is missing.
    `private`: the answer is for the asker alone, who may share it; a function of the given options
    where that depends on the call. A refusal is for the asker alone whatever this says, and what
    was called from a message's menu is answered where the message stands.
    `question`: the name of the option that holds the question; it stands above a public answer.
    `tool`: a model may have it called as a tool.
    `pressed`: answers the buttons that it puts below its answer, `Action("press", label, value)`; a
    function of a `ButtonPress` that returns the sentence for the person who pressed.
    `title`: the heading of its form, in place of its name.
    """

    name: str
    description: str
    options: tuple[Option, ...]
    handler: Handler = field(repr=False)
    examples: tuple[Example, ...] = ()
    check: Check | None = None
    remember: bool = False
    menu: str = ""
    quick: bool | IsQuick = False
    takes_file: bool = False
    form: NeedsForm | None = field(default=None, repr=False)
    plugin: str = ""
    private: bool | IsPrivate = field(default=False, repr=False)
    question: str = ""
    reads_history: ReadsHistory = "always"
    tool: bool = False
    title: str = ""
    pressed: Callable[[Any], Awaitable[str]] | None = field(default=None, repr=False)

    def is_private(self, given: Mapping[str, Value]) -> bool:
        """Whether the answer to a call with these options, unchecked, is for the asker alone."""
        return self.private(given) if callable(self.private) else self.private

    def is_quick(self, options: Mapping[str, Any]) -> bool:
        """Whether a call with these options is answered at once."""
        return self.quick(options) if callable(self.quick) else self.quick

    @property
    def usage(self) -> str:
        """The syntax in one line: `/rap MATCHUP [rounds=2] [style=…]`."""
        words = [f"/{self.name}"]
        for option in self.options:
            name = option.name.upper() if option.kind == "str" else option.name
            if option.choices:
                name = "|".join(option.choices)
            if option.required:
                words.append(name)
            elif option.default in (None, ""):
                words.append(f"[{option.name}=…]" if not option.choices else f"[{name}]")
            else:
                words.append(f"[{option.name}={option.default}]")
        return " ".join(words)

    def option(self, name: str) -> Option | None:
        """Return the option of that name."""
        return next((o for o in self.options if o.name == name), None)

    def unknown_option(self, name: str) -> UsageError:
        """The error for a name that is no option, with the nearest one or all that there are."""
        names = [option.name for option in self.options]
        if not names:
            return UsageError(say("/{name} takes nothing after it.", name=self.name))
        near = nearest(name, names)
        hint = (
            say("Did you mean {near}=?", near=near)
            if near
            else say("It has: {names}.", names=", ".join(names))
        )
        return UsageError(
            say(
                "/{name} has no option {option}. {hint}",
                name=self.name,
                option=name[:40],
                hint=hint,
            )
        )

    def bind(self, given: Mapping[str, Value], *, partial: bool = False) -> dict[str, Value | None]:
        """Check the given values and fill in the defaults; returns a value for every option.

        Raises `MissingOption` for the first required option that is absent (not with `partial`),
        and `UsageError` for unknown names and bad values.
        """
        for name in given:
            if self.option(name) is None:
                raise self.unknown_option(name)
        bound: dict[str, Value | None] = {}
        for option in self.options:
            if option.name in given:
                bound[option.name] = option.coerce(given[option.name])
            elif option.required and not partial:
                raise MissingOption(
                    self.name,
                    option.name,
                    say("{name} is missing. Write: {usage}", name=option.name, usage=self.usage),
                )
            else:
                bound[option.name] = option.default
        return bound

    def schema(self) -> dict[str, Any]:
        """Return the options as a JSON schema of type object, for a model that calls tools.

        What it accepts is what `bind` accepts of values that have the options' types, except for
        control characters in a text.
        """
        return options_schema(self.options)


def command(
    name: str,
    *,
    examples: Sequence[Example] = (),
    checks: Check | None = None,
    remember: bool = False,
    menu: str = "",
    quick: bool | IsQuick = False,
    takes_file: bool = False,
    form: NeedsForm | None = None,
    private: bool | IsPrivate = False,
    question: str = "",
    reads_history: ReadsHistory = "always",
    tool: bool = False,
    pressed: Callable[[Any], Awaitable[str]] | None = None,
) -> Callable[[Callable[..., AsyncIterator[Part] | Awaitable[None]]], Command]:
    """Decorate a handler to declare a command; see `Command` for the arguments.

    The handler's docstring is the help text and its parameters after `ctx` are the options. Raises
    `PluginError` if the handler is no `async def`, has no docstring, or has a parameter of
    another type, if `question` names none of its options, and if `pressed` is no `async def`.
    """

    def declare(handler: Callable[..., AsyncIterator[Part] | Awaitable[None]]) -> Command:
        if pressed is not None and not inspect.iscoroutinefunction(pressed):
            raise PluginError(f"/{name}: what answers its buttons must be an `async def`.")
        if not inspect.isasyncgenfunction(handler) and not inspect.iscoroutinefunction(handler):
            raise PluginError(f"/{name}: the handler must be an `async def`.")
        description = inspect.getdoc(handler)
        if not description:
            raise PluginError(f"/{name}: the handler needs a docstring; it is the help text.")
        options = read_options(f"/{name}", handler)
        if question and question not in {option.name for option in options}:
            raise PluginError(f"/{name}: there is no option {question!r} to hold the question.")
        return Command(
            name=name,
            description=Sentence(" ".join(description.split("\n\n")[0].split())),
            options=options,
            handler=typing.cast(Handler, handler),
            examples=tuple(examples),
            check=checks,
            remember=remember,
            menu=Sentence(menu),
            quick=quick,
            takes_file=takes_file,
            form=form,
            private=private,
            question=question,
            reads_history=reads_history,
            tool=tool,
            pressed=pressed,
        )

    return declare


def read_options(what: str, handler: Callable[..., Any]) -> tuple[Option, ...]:
    """Return the options that a handler's parameters after the first declare; `what` names it in
    errors. Raises `PluginError`."""
    try:
        hints = typing.get_type_hints(handler, include_extras=True)
    except NameError as exc:
        raise PluginError(f"{what}: {exc}; import it outside TYPE_CHECKING.") from exc
    parameters = list(inspect.signature(handler).parameters.values())
    return tuple(_option(what, p, hints.get(p.name, str)) for p in parameters[1:])


def options_schema(options: Sequence[Option]) -> dict[str, Any]:
    """Return options as a JSON schema of type object."""
    return {
        "type": "object",
        "properties": {option.name: option.schema() for option in options},
        "required": [option.name for option in options if option.required],
        "additionalProperties": False,
    }


def _option(what: str, parameter: inspect.Parameter, hint: Any) -> Option:
    declared = Option()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *extras = typing.get_args(hint)
        declared = next((e for e in extras if isinstance(e, Option)), declared)
    choices: tuple[str, ...] = ()
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    if typing.get_origin(hint) is Literal:
        choices = tuple(str(a) for a in typing.get_args(hint))
        hint = str
    if hint not in _KINDS:
        raise PluginError(
            f"{what}: option {parameter.name!r} has type {hint!r}, not one of "
            "str, int, float, bool, Literal."
        )
    required = parameter.default is inspect.Parameter.empty
    return replace(
        declared,
        name=parameter.name,
        kind=_KINDS[hint],
        choices=choices,
        required=required,
        default=None if required else parameter.default,
        description=Sentence(declared.description or parameter.name.replace("_", " ").capitalize()),
    )

"""Declares tools: typed functions that a model may have called for the person who asks.

    @tool(status="Looking up the weather", effect="read", results="web")
    async def weather(ctx: Context, city: Annotated[str, Option("Name of the city")]) -> str:
        \"\"\"Return today's weather in a city.\"\"\"

The parameters after `ctx` are declared as those of a command are (`bot.commands.declaration`).
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel

from bot.catalogue.sentence import Sentence
from bot.commands.checks import Check
from bot.commands.declaration import Command, options_schema, read_options
from bot.commands.options import Option
from bot.errors import PluginError, UserFacingError
from bot.types import Part, Source, Text, Value

Effect = Literal["read", "write", "outward"]
"""What a call of a tool does: it only looks; it changes something that is kept; or it sends
something to others, which no one can take back."""

Origin = Literal["operator", "asker", "model", "people", "documents", "web", "server"]
"""Who wrote a text, from the most to the least trusted: the operator, the person who asks, the
model itself, other people, the documents, a web page, a tool's server."""

ORIGINS: Final[tuple[Origin, ...]] = get_args(Origin)
RESERVED_NAMES: Final = frozenset({"find_tools", "read_more"})
"""Tools of the loop itself, which no plugin or server has."""
TRUSTED_ORIGINS: Final[frozenset[Origin]] = frozenset({"operator", "asker"})
DEFAULT_TIMEOUT_S: Final = 30.0
DEFAULT_RESULT_CHARACTERS: Final = 8_000


class OutcomeUnknown(UserFacingError):
    """Raised by a tool that cannot tell whether it has done what it was asked to do."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool found or did, as the model reads it.

    `origin` and `name` say who wrote the text, by default as the tool declares it. `sources` are
    shown below the answer. `failed`: it was not done, and the text says why.
    """

    text: str
    origin: Origin | None = None
    name: str = ""
    sources: tuple[Source, ...] = ()
    failed: bool = False


ToolHandler = Callable[..., Awaitable["ToolResult | str"]]


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A declared tool.

    `parameters` is a JSON schema of type object; `options`, where there are some, check and convert
    the values as those of a command do. `matters` names the arguments that decide what a call does
    to others, such as an address or an amount. A call whose values for these do not stand in the
    asker's own words is carried out only after a person has approved it; None: all texts and
    numbers. `check` says who may have it called; they must be allowed the actions in `needs`, too.
    `timeout_s` is how long a call may take and `result_characters` the longest result that is kept.
    `repeatable`: calling it twice does no harm. `results` says who wrote what it returns; "model"
    for what it made itself. `offer`, if it has one, labels a button below the answer: what needs an
    approval then waits there for a press, and the answer does not wait for it. `service` is the
    field of `Services` that it needs: where that is None,
    there is no such tool.
    """

    name: str
    description: str
    handler: ToolHandler = field(repr=False)
    parameters: Mapping[str, Any] = field(repr=False)
    options: tuple[Option, ...] = ()
    effect: Effect = "read"
    matters: tuple[str, ...] | None = None
    check: Check | None = None
    needs: tuple[str, ...] = ()
    timeout_s: float = DEFAULT_TIMEOUT_S
    result_characters: int = DEFAULT_RESULT_CHARACTERS
    repeatable: bool = True
    results: Origin = "model"
    status: str = ""
    plugin: str = ""
    offer: str = ""
    service: str = ""

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call, checked, with the defaults filled in. Raises
        `ValueError` and `UsageError`, which say what is wrong."""
        if not self.options:
            return dict(given)
        known = {option.name: option for option in self.options}
        if unknown := [name for name in given if name not in known]:
            raise ValueError(f"there is no argument {unknown[0][:40]}")
        bound: dict[str, Any] = {}
        for name, option in known.items():
            value = given.get(name)
            if value is None and option.required:
                raise ValueError(f"the argument {name} is missing")
            if value is not None and not isinstance(value, str | int | float | bool):
                raise ValueError(f"the argument {name} must be a {option.kind}")
            bound[name] = option.default if value is None else option.coerce(value)
        return bound


def tool(
    name: str = "",
    *,
    effect: Effect = "read",
    matters: Sequence[str] | None = None,
    checks: Check | None = None,
    needs: Sequence[str] = (),
    timeout_s: float = DEFAULT_TIMEOUT_S,
    result_characters: int = DEFAULT_RESULT_CHARACTERS,
    repeatable: bool | None = None,
    results: Origin = "model",
    status: str = "",
    offer: str = "",
    service: str = "",
) -> Callable[[ToolHandler], AgentTool]:
    """Decorate an async function to declare a tool; see `AgentTool` for the arguments.

    Its docstring is what the model reads of it. A tool that only reads is repeatable unless you say
    otherwise, every other is not. Raises `PluginError` for a function that is not `async`, has no
    docstring, or has a parameter of another type.
    """

    def declare(handler: ToolHandler) -> AgentTool:
        called = name or handler.__name__
        if not inspect.iscoroutinefunction(handler):
            raise PluginError(f"tool {called}: the function must be an `async def`.")
        description = inspect.getdoc(handler)
        if not description:
            raise PluginError(f"tool {called}: it needs a docstring, which the model reads.")
        options = read_options(f"tool {called}", handler)
        if unknown := [n for n in matters or () if n not in {o.name for o in options}]:
            raise PluginError(f"tool {called}: it has no argument {unknown[0]!r} that matters.")
        return AgentTool(
            name=called,
            description=" ".join(description.split()),
            handler=handler,
            parameters=options_schema(options),
            options=options,
            effect=effect,
            matters=None if matters is None else tuple(matters),
            check=checks,
            needs=tuple(needs),
            timeout_s=timeout_s,
            result_characters=result_characters,
            repeatable=effect == "read" if repeatable is None else repeatable,
            results=results,
            status=Sentence(status),
            offer=Sentence(offer),
            service=service,
        )

    return declare


def with_settings(one: AgentTool, settings: BaseModel | None) -> AgentTool:
    """Return a tool whose context has these settings: those of its own plugin, and not of the
    skill that has it called."""
    if settings is None:
        return one

    async def run(ctx: Any, **given: Any) -> ToolResult | str:
        own = copy(ctx)
        own.settings = settings
        return await one.handler(own, **given)

    return replace(one, handler=run)


def tool_of(command: Command) -> AgentTool:
    """Return a command as a tool: its text is the result. What it says besides is left out."""

    async def run(ctx: Any, **options: Value | None) -> str:
        said: list[str] = []

        async def keep(part: Part) -> None:
            if isinstance(part, Text):
                said.append(part.delta)

        quiet = copy(ctx)
        quiet.say = keep
        answer: Any = command.handler(quiet, **options)
        await (quiet.say_all(answer) if isinstance(answer, AsyncIterator) else answer)
        return "".join(said)

    return AgentTool(
        name=command.name,
        description=str(command.description),
        handler=run,
        parameters=command.schema(),
        options=command.options,
        effect="write",
        check=command.check,
        needs=(command.name,),
        repeatable=False,
        results="people",
        plugin=command.plugin,
    )

"""The plugins that ship, as one plugin that notes which handler was reached, and what was asked
before."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.api import Command, Completion, Context, Option, Skill, hookimpl
from bot.installation import SHIPPED_PLUGINS


@dataclass(frozen=True)
class Reached:
    """A handler that ran for a person, with the actions that this person had been allowed."""

    handler: str
    person: str
    asked: frozenset[str]


REACHED: list[Reached] = []


def _note(handler: str, person: str, services: Any) -> None:
    decisions = [d for d in services.authorize.decisions if d.asker.author.key == person]
    asked = frozenset(d.action for d in decisions if d.decision.allowed)
    REACHED.append(Reached(handler, person, asked))


def _watch_handler(name: str, handler: Any) -> Any:
    async def watched(ctx: Context, **options: Any) -> None:
        _note(name, ctx.author.key, ctx.services)
        answered = handler(ctx, **options)
        await (answered if inspect.isawaitable(answered) else ctx.say_all(answered))

    return watched


def _watch_option(command: str, option: Option) -> Option:
    complete = option.complete
    if complete is None:
        return option

    async def watched(asked: Completion) -> Sequence[str]:
        _note(f"{command}.{option.name}", asked.author.key, asked.services)
        return await complete(asked)

    return replace(option, complete=watched)


def _watch_command(command: Command) -> Command:
    options = tuple(_watch_option(command.name, option) for option in command.options)
    handler = _watch_handler(f"/{command.name}", command.handler)
    return replace(command, options=options, handler=handler)


def watch(skill: Skill) -> Skill:
    """The same skill, whose handlers are noted when they are reached."""
    return replace(
        skill,
        commands=tuple(map(_watch_command, skill.commands)),
        answer=skill.answer and _watch_handler(f"{skill.name} answers", skill.answer),
    )


@hookimpl
def register_skills() -> Sequence[Skill]:
    found: list[Skill] = []
    for module in SHIPPED_PLUGINS:
        plugin = importlib.import_module(module)
        declared: Callable[[], Sequence[Skill]] | None = getattr(plugin, "register_skills", None)
        if declared is not None:  # one that declares platforms alone has no skills
            found += map(watch, declared())
    return found


@hookimpl
def forget_user(person: str) -> None:
    REACHED.append(Reached("forget_user", person, frozenset()))

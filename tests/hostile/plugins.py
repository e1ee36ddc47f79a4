"""Plugins that fail in every place where the bot calls them."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent, indent

HEAD = """\
import asyncio
import sys
from contextlib import asynccontextmanager

from pydantic import BaseModel

from bot.api import (
    Check, Engine, EngineOptions, Loaded, Loader, Skill, Text, command, hookimpl
)
"""

ROLL = '''
@command("roll")
async def roll(ctx):
    """Roll a die."""
    yield Text("four")


async def answer(ctx):
    yield Text("rolled")


@hookimpl
def register_skills():
    return [Skill("roll", commands=(roll,), answer=answer, priority=1)]
'''


def named(plugins: Mapping[str, str]) -> dict[str, str]:
    """The same plugins, to be loaded at once: /roll and skill `roll` are named for the plugin."""
    return {
        name: source.replace('"roll"', f'"roll_{name}"')
        for name, source in ((how.replace(" ", "_"), source) for how, source in plugins.items())
    }


def source(text: str) -> str:
    """A module with this text."""
    return HEAD + dedent(text)


def lifespan(body: str) -> str:
    """A plugin with the command /roll that answers every message, and with this lifespan."""
    return source(
        ROLL
        + "\n\n@hookimpl\ndef lifespan(services):\n    @asynccontextmanager\n"
        + "    async def running():\n"
        + indent(dedent(body).strip(), " " * 8)
        + "\n\n    return running()\n"
    )


CANNOT_START: Mapping[str, str] = {
    "raises": lifespan('raise OSError("there is no die")\nyield'),
    "yields nothing": lifespan("return\nyield"),
    "leaves": lifespan("sys.exit(3)\nyield"),
    "cancels": lifespan('raise asyncio.CancelledError("of its own")\nyield'),
    "cancels its task": lifespan("asyncio.current_task().cancel()\nawait asyncio.sleep(9)\nyield"),
    "a group that fails": lifespan(
        """
        async def fail():
            raise OSError("there is no die")

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.sleep(9)
            yield
        """
    ),
    "no context": source(ROLL + "\n\n@hookimpl\ndef lifespan(services):\n    return None\n"),
    "raises at once": source(ROLL + "\n\n@hookimpl\ndef lifespan(services):\n    1 / 0\n"),
}
"""Plugins whose lifespan cannot be entered, each with the command /roll and answer of all text."""

FAILS_LATER: Mapping[str, str] = {
    "raises": lifespan('yield\nraise OSError("the die is lost")'),
    "leaves": lifespan("yield\nsys.exit(3)"),
    "cancels": lifespan("yield\nraise asyncio.CancelledError"),
    "yields twice": lifespan("yield\nyield"),
    "a group that fails": lifespan(
        """
        async def fail():
            raise OSError("the die is lost")

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield
        """
    ),
}
"""Plugins whose lifespan fails while the bot runs, or when it stops."""

HANGS_AT_START = lifespan("await asyncio.Event().wait()\nyield")
HANGS_AT_STOP = lifespan("yield\nawait asyncio.Event().wait()")

_ODD_PREDICATES: Mapping[str, str] = {
    "raises": "def said(about):\n    raise RuntimeError('no luck')\n",
    "leaves": "def said(about):\n    sys.exit(3)\n",
    "cancels": "def said(about):\n    raise asyncio.CancelledError\n",
    "recurses": "def said(about):\n    return said(about)\n",
    "is a coroutine": "async def said(about):\n    return True\n",
    "is a generator": "async def said(about):\n    yield True\n",
    "forgets to call": "def said(about):\n    return ''.isdigit\n",
    "answers what has no truth": (
        "class Odd:\n    def __bool__(self):\n        raise ValueError('neither')\n\n\n"
        "def said(about):\n    return Odd()\n"
    ),
}

ODD_WANTS: Mapping[str, str] = {
    how: source(predicate)
    + """

async def answer(ctx):
    yield Text("rolled")


@hookimpl
def register_skills():
    return [Skill("roll", answer=answer, wants=said, priority=1)]
"""
    for how, predicate in _ODD_PREDICATES.items()
}
"""Plugins whose `wants` fails, and whose answer is "rolled"."""

_CHECKED = '''

@command("roll", checks={check})
async def roll(ctx, sides: int = 6):
    """Roll a die."""
    yield Text("four")


@hookimpl
def register_skills():
    return [Skill("roll", commands=(roll,))]
'''

ODD_CHECKS: Mapping[str, str] = {
    **{
        how: source(predicate) + _CHECKED.replace("{check}", 'Check(said, "luck")')
        for how, predicate in _ODD_PREDICATES.items()
    },
    "is no check": source(_ODD_PREDICATES["raises"]) + _CHECKED.replace("{check}", "said"),
}
"""Plugins with a command /roll whose check fails."""


LEAVES = source(
    '''
    from typing import Annotated

    from bot.api import Option


    async def leaving(asked):
        sys.exit(3)


    async def cancelled(asked):
        raise asyncio.CancelledError


    @command("roll")
    async def roll(
        ctx,
        sides: Annotated[str, Option("How many", complete=leaving)] = "",
        times: Annotated[str, Option("How often", complete=cancelled)] = "",
    ):
        """Roll a die."""
        yield Text("four")
        sys.exit(3)


    async def answer(ctx):
        sys.exit(3)


    @hookimpl
    def register_skills():
        return [Skill("roll", commands=(roll,), answer=answer, priority=1)]
    '''
)
"""A plugin whose command, answer and completion end the process."""


def skill(arguments: str) -> str:
    """A plugin with one skill of these arguments."""
    return source(
        f"""
        @hookimpl
        def register_skills():
            return [Skill("roll", {arguments})]
        """
    )


def loader(arguments: str) -> str:
    """A plugin with one loader of these arguments."""
    return source(
        f"""
        def load(data, name):
            return Loaded("text")

        @hookimpl
        def register_loaders():
            return [Loader("subtitles", {arguments})]
        """
    )


ODD_DECLARATIONS: Mapping[str, tuple[str, str]] = {
    "a priority that is no number": (
        skill("answer=lambda ctx: None, priority=None"),
        "skill roll: priority must be a number.",
    ),
    "a wants that is no function": (
        skill("answer=lambda ctx: None, wants=True"),
        "skill roll: wants must be a function.",
    ),
    "an answer that is no function": (skill("answer='four'"), "answer must be a function."),
    "a check that is no function": (
        source(_CHECKED.replace("{check}", "'luck'")),
        "/roll: the check must be a Check.",
    ),
    "suffixes that are no set": (loader("None, load"), "suffixes must be a set of texts."),
    "a suffix that is a text": (loader("'.subs', load"), "suffixes must be a set of texts."),
    "a load that is no function": (
        loader("frozenset({'.subs'}), None"),
        "loader subtitles: load must be a function.",
    ),
    "options of an engine that are none": (
        source(
            """
            @hookimpl
            def register_backends():
                return [Engine("parrot", None, lambda name, options, context: None)]
            """
        ),
        "engine parrot: options must be a class of EngineOptions.",
    ),
    "settings that cannot be read": (
        source(
            """
            from pydantic import model_serializer

            class Settings(BaseModel):
                @model_serializer
                def serialize(self):
                    raise RuntimeError("no luck")

            @hookimpl
            def plugin_settings():
                return Settings
            """
        ),
        "no luck",
    ),
    "a cancellation at import": (source("raise asyncio.CancelledError"), "CancelledError"),
    **{
        mark: (
            source(
                f"""
                @hookimpl({mark}=True)
                def prompt_folders():
                    {body}
                """
            ),
            f"prompt_folders is marked {mark}, which has no effect here",
        )
        for mark, body in {
            "tryfirst": "return []",
            "trylast": "return []",
            "wrapper": "return (yield)",
            "hookwrapper": "yield",
        }.items()
    },
}
"""Plugins whose declarations would break others, and what is said of them."""

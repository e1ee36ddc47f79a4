"""Platforms of third parties that are declared wrongly, or that fail where the bot calls them."""

from __future__ import annotations

from collections.abc import Mapping

HEAD = """\
import asyncio
import sys

from bot.api import AdapterError, Findings, Platform, PlatformSettings, hookimpl


class Settings(PlatformSettings):
    port: int = 1


class Quiet:
    name = "radio"

    async def run(self, core):
        with core.connect(self):
            await asyncio.Event().wait()


def create(context):
    return Quiet()


def leave(*given):
    sys.exit(3)


def fail(*given):
    raise ValueError("the aerial is missing")


async def fail_later(*given):
    raise ValueError("the aerial is missing")


async def leave_later(*given):
    sys.exit(3)


async def cancel_later(*given):
    raise asyncio.CancelledError


async def nothing_later(*given):
    return None
"""


def declared(platform: str, more: str = "") -> str:
    """A plugin that declares this platform."""
    return f"{HEAD}\n{more}\n@hookimpl\ndef register_platforms():\n    return [{platform}]\n"


QUIET = declared('Platform("radio", Settings, create)')
"""A platform that is always configured, and says nothing."""

ODD_DECLARATIONS: Mapping[str, tuple[str, str]] = {
    "no list": (
        HEAD + "\n@hookimpl\ndef register_platforms():\n    return 'radio'\n",
        "must return a list of Platform",
    ),
    "a name that is a path": (
        declared('Platform("../radio", Settings, create)'),
        "a platform's name is",
    ),
    "a name with colons": (declared('Platform("a:b", Settings, create)'), "a platform's name is"),
    "a name that is no text": (declared("Platform(7, Settings, create)"), "a platform's name is"),
    "the name of a section": (
        declared('Platform("models", Settings, create)'),
        "config.yaml has a section of that name",
    ),
    "settings that are none": (
        declared('Platform("radio", dict, create)'),
        "settings must be a class of PlatformSettings",
    ),
    "settings without a default": (
        declared(
            'Platform("radio", Needy, create)', "class Needy(PlatformSettings):\n    url: str\n"
        ),
        "settings must have a default for url",
    ),
    "no function": (declared('Platform("radio", Settings, 7)'), "create must be a function"),
    "no check": (
        declared('Platform("radio", Settings, create, doctor="yes")'),
        "doctor must be a function",
    ),
}
"""Declarations that are left out, each with a part of the sentence that says why."""

ODD_SETTINGS: Mapping[str, str] = {
    "a check that fails": "import pydantic\n\nclass Odd(PlatformSettings):\n"
    "    port: int = 1\n\n    @pydantic.field_validator('port')\n    @classmethod\n"
    "    def _port(cls, value):\n        raise KeyError('port')\n",
    "workspaces that fail": "class Odd(PlatformSettings):\n    port: int = 1\n\n    @property\n"
    "    def workspaces(self):\n        raise OSError('port')\n",
}
"""Classes `Odd` of settings that raise what nobody expects when config.yaml sets `port`."""

CANNOT_BE_CREATED: Mapping[str, tuple[str, str]] = {
    "raises": ('Platform("radio", Settings, fail)', "ValueError: the aerial is missing."),
    "leaves": ('Platform("radio", Settings, leave)', "SystemExit: 3."),
    "says why": (
        'Platform("radio", Settings, refuse)',
        "radio could not be created: radio.port: 1 is taken.",
    ),
    "another name": ('Platform("radio", Settings, misnamed)', "an adapter named radio with `run`"),
    "no run": ('Platform("radio", Settings, unrunnable)', "an adapter named radio with `run`"),
    "a coroutine": ('Platform("radio", Settings, fail_later)', "an adapter named radio with `run`"),
}
"""Platforms that raise in `create`, each with a part of the sentence that the operator reads."""
MORE = """
def refuse(context):
    raise AdapterError("radio.port: 1 is taken.")


def unrunnable(context):
    made = Quiet()
    made.run = None
    return made


def misnamed(context):
    made = Quiet()
    made.name = "telephone"
    return made
"""

ODD_CHECKS: Mapping[str, str] = {
    "raises": "fail_later",
    "raises at once": "fail",
    "leaves": "leave_later",
    "cancels": "cancel_later",
    "finds nothing at all": "nothing_later",
    "is not async": "lambda context: Findings()",
}
"""Functions for `doctor` that do not do what they should."""

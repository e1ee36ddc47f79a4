"""Tells whether the package that recognises text is installed, and how to install it."""

from __future__ import annotations

import importlib.util
import shlex
import sys

from bot.catalogue.sentence import say

REQUIREMENT = "rapidocr==3.10.0"
"""Brings its models; needs opencv, Pillow, Shapely and pyclipper besides what is there."""


def is_installed() -> bool:
    """Tells whether text recognition can be started."""
    return importlib.util.find_spec("rapidocr") is not None


def missing_package() -> str:
    """Returns a sentence for the operator with the command that installs the package."""
    command = shlex.join([sys.executable, "-m", "pip", "install", REQUIREMENT])
    return say(
        "text recognition is on and its package is missing; `{command}` installs it",
        command=command,
    )

"""Locates the data files that ship with Parlance: migrations and the default configuration.

In a checkout they are beside the packages; in a wheel `hatch_build.py` puts them into this one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGED: Final = Path(__file__).resolve().parents[1] / "_resources"

INSTALLED: Final = _PACKAGED.is_dir()
"""Whether Parlance was installed as a package, and has no folder of its own that people edit."""


def resource(name: str) -> Path:
    """The file or folder of that name that ships."""
    return (_PACKAGED if INSTALLED else Path(__file__).resolve().parents[2]) / name

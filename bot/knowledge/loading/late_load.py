"""Loads a document by a function that is imported when it is first called.

Documents are read in processes of their own; the bot itself only asks which formats are read.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from bot.skills.document_loader import Loaded

Load = Callable[[bytes, str], Loaded]


def late_load(module: str, function: str) -> Load:
    """The function of a module in this folder, given by its name within it (`office.docx`)."""

    def load(data: bytes, name: str) -> Loaded:
        found: Load = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        return found(data, name)

    return load

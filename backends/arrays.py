"""numpy, imported when it is first used: most commands, and the start, need no vector.

    from backends.arrays import np

Type aliases of arrays are written as text, or for the type checker alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = ["np"]


class _OnUse:
    """Stands for a module that is imported when the first of its attributes is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)  # found without this function the next time
        return value


if TYPE_CHECKING:
    import numpy as np
else:
    np = _OnUse("numpy")

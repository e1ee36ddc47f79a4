"""Everything a plugin may import, in one place.

from bot.api import Context, Example, Part, Skill, Text, command, hookimpl
"""

from __future__ import annotations

__all__ = []

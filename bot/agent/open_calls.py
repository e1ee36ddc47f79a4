"""Calls of tools that wait for a person, or may have been done without their knowledge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.history.suspensions import Suspensions
from bot.history.tool_calls import StoredCall, ToolCalls


async def open_calls(
    calls: ToolCalls | None, suspensions: Suspensions | None, person: str
) -> Mapping[str, Sequence[StoredCall]]:
    """Return such calls of a person (`Author.key`) by turn, the latest first."""
    if calls is None or suspensions is None:
        return {}
    waits = {one.turn for one in await suspensions.of_person(person)}
    found: dict[str, list[StoredCall]] = {}
    for one in await calls.of_person(person, ("waiting", "untold", "unknown")):
        if one.state != "waiting" or one.id.turn in waits:
            found.setdefault(one.id.turn, []).append(one)
    return found

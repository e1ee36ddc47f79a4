"""Asks a server for its tools, and takes what it says as it is.

The SDK's own way refuses all of them for one that is wrong, and asks again in the middle of a call
of a tool that it does not know, after that has been done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcp import Client

_MAX_PAGES: Final = 20


async def ask_for_tools(client: Client, timeout_s: float) -> list[Any]:
    """Return what a server says of its tools, not validated. Raises what the SDK raises."""
    session: Any = client.session  # what is used of it is private; the version is pinned
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        params = {} if cursor is None else {"cursor": cursor}
        request: dict[str, Any] = {"method": "tools/list", "params": params}
        options: dict[str, Any] = {"timeout": timeout_s}
        session._stamp(request, options)
        raw = await session._dispatcher.send_raw_request(
            request["method"], request["params"], options
        )
        tools = raw.get("tools")
        found += tools if isinstance(tools, list) else []
        cursor = raw.get("nextCursor")
        if not isinstance(cursor, str):
            break
    for tool in found:
        if isinstance(tool, Mapping) and isinstance(name := tool.get("name"), str):
            session._tool_output_schemas[name] = None  # so that no result is checked against one
    return found

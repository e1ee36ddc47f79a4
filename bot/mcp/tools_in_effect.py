"""All tools that models may have called: those of the plugins, and those of servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from bot.mcp.servers import ToolServers
from bot.skills.tool import AgentTool


class ToolsInEffect(Sequence[AgentTool]):
    """The tools of the plugins, and those of servers, which come and go."""

    def __init__(self, own: Sequence[AgentTool], servers: ToolServers | None) -> None:
        self._own, self._servers = tuple(own), servers

    @property
    def _all(self) -> Sequence[AgentTool]:
        return self._own if self._servers is None else (*self._own, *self._servers.tools)

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> AgentTool: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[AgentTool]: ...

    def __getitem__(self, index: int | slice) -> AgentTool | Sequence[AgentTool]:
        return self._all[index]

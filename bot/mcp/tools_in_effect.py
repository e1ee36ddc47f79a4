"""All tools that models may have called: those of the plugins, and those of servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from bot.mcp.servers import ToolServers
from bot.skills.tool import AgentTool


class ToolsInEffect(Sequence[AgentTool]):
    """The tools of the plugins, and those of servers, which come and go: all of them, or what a
    `person` (an `Author.key`) is offered."""

    def __init__(
        self,
        own: Sequence[AgentTool],
        servers: ToolServers | None,
        person: str | None = None,
    ) -> None:
        self._own, self._servers, self._person = tuple(own), servers, person

    def for_person(self, person: str) -> ToolsInEffect:
        """What a person is offered: at some servers each logs in by themselves."""
        return ToolsInEffect(self._own, self._servers, person)

    async def load(self) -> None:
        """Ask servers for what they offer to the person, where that is not known yet."""
        if self._servers is not None and self._person is not None:
            await self._servers.list_for(self._person)

    @property
    def _all(self) -> Sequence[AgentTool]:
        return self._own if self._servers is None else self._with(self._servers)

    def _with(self, servers: ToolServers) -> Sequence[AgentTool]:
        return (*self._own, *servers.tools(self._person))

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> AgentTool: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[AgentTool]: ...

    def __getitem__(self, index: int | slice) -> AgentTool | Sequence[AgentTool]:
        return self._all[index]

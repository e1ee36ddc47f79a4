"""What programs of people may have done over MCP: each call is a turn, like one in a chat."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bot.commands.checks import Asker
from bot.commands.declaration import Command
from bot.events import CommandCall
from bot.mcp.server_reply import Progress, ReplySink
from bot.skills.services import tools_for
from bot.skills.tool import AgentTool
from bot.turns.core import Core
from bot.turns.tool_route import TOOL_CALL_PREFIX, decide_tool
from bot.types import Value, View

ASK_COMMAND: Final = "ask"
_GRACE_S: Final = 30.0
"""How long after its deadline a turn may still be ending."""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as a program sees it; `call` is the name of the `CommandCall` that it becomes."""

    name: str
    call: str
    description: str
    schema: Mapping[str, Any] = field(repr=False)
    reads: bool


class OfferedTools:
    """The documents, `/ask`, and the commands that are tools.

    What a person gets of them is what they may do in the direct message in which their token was
    made, and every call counts as a question of theirs there.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def of(self, asker: Asker) -> Sequence[OfferedTool]:
        """Return what a person may have done, in the order in which it was declared."""
        offered = [
            _from_tool(one)
            for one in tools_for(self._core.services.tools, asker.author.key)
            if _is_about_documents(one)
            and self._core.admits(asker.author, asker.conversation, TOOL_CALL_PREFIX + one.name)
            and (await decide_tool(self._core.services.authorize, asker, one)).allowed
        ]
        commands = await self._core.commands_for(
            asker.author, asker.conversation, direct=asker.direct
        )
        offered += [_from_command(one) for one in commands if one.tool or one.name == ASK_COMMAND]
        return list({one.name: one for one in offered}.values())

    async def call(
        self, asker: Asker, tool: OfferedTool, given: Mapping[str, Value], progress: Progress
    ) -> View:
        """Have something done and return the reply. If this is cancelled the turn is stopped."""
        ident = uuid.uuid4().hex
        # A conversation of its own: it waits for no other, and is read by none.
        place = replace(asker.conversation, thread=f"mcp-{ident}")
        event = CommandCall(
            ident, place, asker.author, tool.call, options=given, direct=asker.direct
        )
        sink = ReplySink(progress)
        deadline_s = self._core.intake.dependencies.limits.deadline_s
        try:
            await self._core.accept(event, sink)
            async with asyncio.timeout(deadline_s + _GRACE_S):
                return await sink.ended
        except (asyncio.CancelledError, TimeoutError):
            turn = self._core.open_turns.find_by_event(place.platform, ident)
            if turn is not None:
                turn.stop("stopped", asker.author.name)
            raise


def _is_about_documents(tool: AgentTool) -> bool:
    return tool.effect == "read" and tool.results == "documents"


def _from_tool(tool: AgentTool) -> OfferedTool:
    call = TOOL_CALL_PREFIX + tool.name
    return OfferedTool(tool.name, call, tool.description, tool.parameters, reads=True)


def _from_command(command: Command) -> OfferedTool:
    reads = command.name == ASK_COMMAND
    return OfferedTool(
        command.name, command.name, str(command.description), command.schema(), reads
    )

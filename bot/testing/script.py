"""What a scripted model answers with: calls of tools."""

from __future__ import annotations

from typing import Any

from backends.scripted.script import Reply, ScriptedCall


def calls(tool: str, /, **arguments: Any) -> Reply:
    """Return an answer of the model that calls a tool."""
    return Reply(tool_calls=(ScriptedCall(name=tool, arguments=arguments),))


def together(*answers: Reply) -> Reply:
    """Return one answer of the model with the text and the calls of several."""
    text = "".join(one.text for one in answers)
    return Reply(text, tool_calls=tuple(call for one in answers for call in one.tool_calls))

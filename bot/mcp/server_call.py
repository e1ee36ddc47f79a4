"""One call of a server's tool in a conversation: its progress is shown, and what the server wants
to know meanwhile is asked of the person whom it is for."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from bot.errors import UserFacingError
from bot.mcp.tool_server import ToolServer
from bot.mcp.wording import answered_words, declined_words, progress_words, waiting_words
from bot.skills.context import Context
from bot.skills.inquiry import InquiryAnswer
from bot.skills.tool import ToolResult
from bot.types import Notice, Status

if TYPE_CHECKING:
    from bot.mcp.calls_in_flight import Reply

_RESULTS_MODULE: Final = "bot.mcp.results"
_ELICITATION_MODULE: Final = "bot.mcp.elicitation"
_STATUS_PAUSE_S: Final = 1.0


async def call_in_chat(
    ctx: Context, server: ToolServer, tool: str, given: Mapping[str, Any]
) -> ToolResult:
    """Call a tool for the person who asks. Raises `ServerUnavailable` and `OutcomeUnknown`."""
    connection = await server.connection(ctx.author.key)
    shown_at = 0.0

    async def show(progress: float, total: float | None, message: str | None) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= _STATUS_PAUSE_S:
            shown_at = time.monotonic()
            words = progress_words(server.name, progress, total, message)
            await ctx.say(Status("working", text=words))

    async def ask(params: Any) -> tuple[str, Mapping[str, Any] | None]:
        return await _ask(ctx, server.name, params)

    reply = await connection.call(tool, given, show, ask)
    if reply.declined:
        await ctx.say(Notice(declined_words(server.name), "footer"))
    return await result_of(server.name, reply)


async def result_of(server: str, reply: Reply) -> ToolResult:
    """What the model reads of what came back."""
    if reply.result is None:
        return ToolResult(reply.problem, name=server, failed=True)
    results = await asyncio.to_thread(importlib.import_module, _RESULTS_MODULE)
    text = await asyncio.to_thread(results.text_of, reply.result)
    return ToolResult(text, name=server, failed=bool(reply.result.is_error))


async def _ask(ctx: Context, server: str, params: Any) -> tuple[str, Mapping[str, Any] | None]:
    """Ask the person what a server wants to know; what cannot be asked is declined, and told."""
    module = await asyncio.to_thread(importlib.import_module, _ELICITATION_MODULE)
    inquiries = ctx.services.inquiries
    if inquiries is None or ctx.event.occasion:  # nobody is there
        await ctx.say(Notice(declined_words(server), "footer"))
        return "decline", None
    try:
        inquiry = module.read_inquiry(server, params)
        await ctx.say(Status("working", text=waiting_words(ctx.author.name, server)))
        answer: InquiryAnswer = await inquiries.ask(ctx.turn, inquiry)
    except module.Unanswerable as error:
        await ctx.say(Notice(error.words, "footer"))
        return "decline", None
    except UserFacingError:
        await ctx.say(Notice(declined_words(server), "footer"))
        return "decline", None
    await ctx.say(Notice(answered_words(ctx.author.name, server, answer.choice), "footer"))
    if answer.choice != "accept":
        return answer.choice, None
    return "accept", None if inquiry.link else module.content_of(inquiry, answer.values)

"""What Discord takes of a bot, and how its requests keep within that.

discord.py waits in the buckets of channels, which Discord's answers tell it. Of the limit for all
requests together it learns from refusals alone, and then makes all that were refused again at the
same moment, five times at most. So each request waits here for its turn before.
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import aiohttp
import discord

from bot.replies.call_rates import CallWindow, Rate
from bot.replies.edit_budget import EditBudget

EDITS = Rate(per_s=0.9, burst=4, kept=2)
"""Discord takes five edits in five seconds in a channel; discord.py waits where there are more."""
REQUESTS = CallWindow(calls=40, seconds=1.05, kept=10)
"""Discord takes 50 requests a second of a bot; some that were sent apart arrive together."""
_COUNTED = re.compile(r"/api/v\d+/(?!interactions/|webhooks/)")
"""Discord does not count among them what is done through an interaction."""
_EDIT = re.compile(r"/api/v\d+/channels/\d+/messages/\d+\Z")
_TOO_MANY_REQUESTS = 429
_DEFAULT_WAIT_S = 1.0


def keep_pace(requests: EditBudget) -> aiohttp.TraceConfig:
    """What discord.py calls before each request: it waits until the budget grants it.

    The edits of answers are counted already, by the budgets of their channels.
    """

    async def wait(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        request: aiohttp.TraceRequestStartParams,
    ) -> None:
        edits = request.method == "PATCH" and _EDIT.match(request.url.path)
        if _COUNTED.match(request.url.path) and not edits:
            await requests.end()

    async def take_note(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        request: aiohttp.TraceRequestEndParams,
    ) -> None:
        headers = request.response.headers
        if request.response.status == _TOO_MANY_REQUESTS and "X-RateLimit-Global" in headers:
            requests.pause(_read_wait(headers.get("Retry-After")))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(wait)
    trace.on_request_end.append(take_note)
    return trace


def refused_for_s(exc: discord.DiscordException) -> float | None:
    """For how many seconds Discord takes no more requests of this kind; None where it is another
    failure, such as a ban by what stands before Discord."""
    if isinstance(exc, discord.RateLimited):
        return exc.retry_after
    if not isinstance(exc, discord.HTTPException) or exc.status != _TOO_MANY_REQUESTS:
        return None
    headers = exc.response.headers
    return _read_wait(headers.get("Retry-After")) if "Via" in headers else None


def _read_wait(said: str | None) -> float:
    try:
        return max(0.0, float(said)) if said else _DEFAULT_WAIT_S
    except ValueError:
        return _DEFAULT_WAIT_S

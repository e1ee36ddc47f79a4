"""Slack's rate limits: a tier for each method and workspace, and a pace of messages by channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.rate_limits import Clock, Limit, SlidingWindow

_MINUTE_S = 60.0
_CALLS_A_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
_BURST_SHARE = 0.1
"""How much more than its tier a method is allowed in a minute."""
_TIERS = {
    "apps.connections.open": 1,
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "conversations.list": 2,
    "reactions.remove": 2,
    "usergroups.list": 2,
    "users.list": 2,
    "bots.info": 3,
    "chat.delete": 3,
    "chat.update": 3,
    "conversations.history": 3,
    "conversations.info": 3,
    "conversations.open": 3,
    "conversations.replies": 3,
    "reactions.add": 3,
    "reactions.get": 3,
    "users.conversations": 3,
    "apps.manifest.export": 3,
    "assistant.threads.setSuggestedPrompts": 4,
    "assistant.threads.setTitle": 4,
    "chat.appendStream": 4,
    "chat.postEphemeral": 4,
    "conversations.members": 4,
    "files.completeUploadExternal": 4,
    "files.getUploadURLExternal": 4,
    "files.info": 4,
    "users.info": 4,
    "views.open": 4,
    "views.publish": 4,
}
_SPECIAL = {
    "agents.sessions.setStatus": Limit(600, _MINUTE_S),
    "assistant.threads.setStatus": Limit(600, _MINUTE_S),
    "auth.test": Limit(300, _MINUTE_S),
    "chat.postMessage": Limit(300, _MINUTE_S),
}
"""Limits of a workspace that are no tiers; "several hundred" is written as 300."""
_MESSAGES_IN_CHANNEL = Limit(5, 5.0)
"""A message a second in a channel; "short bursts are allowed"."""


@dataclass
class RateTiers:
    """What one workspace allows one app. Windows are a minute long, and slide."""

    clock: Clock = field(default_factory=Clock)
    _windows: dict[tuple[str, str], SlidingWindow] = field(default_factory=dict)

    def refuse(self, method: str, arguments: Mapping[str, Any]) -> float | None:
        """Count a call. Returns how many seconds to wait if it is refused; None if it is taken."""
        now = self.clock.now()
        windows = [self._window(method, "", limit_of(method))]
        if method == "chat.postMessage":
            windows.append(self._window(method, arguments["channel"], _MESSAGES_IN_CHANNEL))
        wait = max(window.wait(now) for window in windows)
        if wait:
            return self.clock.here(wait)
        for window in windows:
            window.take(now)
        return None

    def _window(self, method: str, place: str, limit: Limit) -> SlidingWindow:
        return self._windows.setdefault((method, place), SlidingWindow(limit))


def refusal(wait_s: float) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The body and headers of an answer 429. Slack says whole seconds; a test whose clock runs
    faster is told fractions of one."""
    said = math.ceil(wait_s) if wait_s >= 1 else wait_s
    return {"ok": False, "error": "ratelimited"}, {"Retry-After": f"{said:g}"}


def limit_of(method: str) -> Limit:
    """How often a method may be called in a workspace; one that is not known is of tier 3."""
    if (special := _SPECIAL.get(method)) is not None:
        return special
    calls = _CALLS_A_MINUTE[_TIERS.get(method, 3)]
    return Limit(calls + max(1, round(calls * _BURST_SHARE)), _MINUTE_S)

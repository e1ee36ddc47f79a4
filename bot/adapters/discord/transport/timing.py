"""Intervals and timeouts of the Discord adapter."""

from __future__ import annotations

from dataclasses import dataclass

from bot.replies.reply_options import ReplyTiming


@dataclass(frozen=True, slots=True)
class Timing(ReplyTiming):
    """Intervals and timeouts, in seconds unless noted. Tests use shorter ones."""

    token_life: float = 14.5 * 60
    """After this an interaction's token is not used any more; Discord ends it after 15 minutes."""
    backoff_base: float = 0.5
    backoff_cap: float = 8.0
    identify_pause: float = 5.0
    ready_timeout: float = 2.0
    request_patience: float = 30.0
    lookup: float = 3.0
    """A question about a person or a place that is not answered after this is given up."""
    context_lookup: float = 2.5
    """The messages of a thread that go with a question are given up after this."""
    lookup_reuse: float = 1.0
    """What Discord has said of a person is used again for so long."""
    role_reuse: float = 60.0
    """In which servers roles are is used again for so long, where no events tell it."""

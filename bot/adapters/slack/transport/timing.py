"""Intervals and timeouts of the Slack adapter."""

from __future__ import annotations

from dataclasses import dataclass

from bot.replies.reply_options import ReplyTiming


@dataclass(frozen=True, slots=True)
class Timing(ReplyTiming):
    """Intervals and timeouts, in seconds unless noted. Tests use shorter ones."""

    backoff_base: float = 0.5
    backoff_cap: float = 4.0
    """Longest pause between two connection attempts."""
    ping_interval: float = 5.0
    """A connection that leaves a ping unanswered for half of this is given up."""
    handshake: float = 5.0
    """A connection that is not greeted after this is given up."""
    status_refresh: float = 60.0
    """A status line is said again after this; Slack takes it away after two minutes."""
    request: float = 3.0
    """A request of Slack's (HTTP mode) that is not there after this is refused."""
    lookup: float = 3.0
    """A question about a person or a place that is not answered after this is given up."""
    person_lookup: float = 2.0
    """Who asks, and whether a conversation is theirs alone, is given up after this."""
    context_lookup: float = 2.5
    """What goes with a question, such as messages before it, is given up after this."""
    lookup_reuse: float = 1.0
    """What Slack has said of a person in one place is used again for so long."""
    channels_reuse: float = 60.0
    """What Slack has said of all channels of a person is used again for so long."""

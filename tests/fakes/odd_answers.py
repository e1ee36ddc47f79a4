"""Bytes by which a model server says something in an unusual way, for the contract of engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Streams = Mapping[str, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class OddAnswers:
    """Streams by what is odd about them, in one protocol.

    `whole` and `thoughts` say "Hi you" and are complete, the latter think "hmm" first; `calls` ask
    for `get` with the city Rome, then Oslo; `errors` report "out of tea"; `cut` say "Hi you" and
    that there is no room for more; `broken` say "Hi you" and do not end well. `begin` is the
    beginning of an event's text, `text` a good stream that says a text.
    """

    whole: Streams
    thoughts: Streams
    calls: Streams
    errors: Streams
    cut: Streams
    broken: Streams
    begin: bytes
    text: Callable[[str], tuple[bytes, ...]]

"""What an earlier process left of a reply whose last view it may not have shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.replies.protocol import Reply

ABOVE: Final = "above"
"""In a reply's address: the messages of the same answer that stand above, and stay as they are."""
_KEY: Final = "key"
_SENT: Final = "sent"
_SINCE: Final = "since"


@dataclass(frozen=True, slots=True)
class LeftMessages:
    """`own` are the messages that the last view replaces, `above` those that stay. What comes after
    them has the `key`, of which `sent` were used before; it may have been posted `since` then, None
    if it certainly was not."""

    above: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    key: str = ""
    sent: int = 0
    since: datetime | None = None

    @classmethod
    def read(cls, reply: Reply | None) -> LeftMessages:
        """What is stored of a reply."""
        if reply is None:
            return cls()
        address = reply.address
        above = _ids(address.get(ABOVE, ""))
        own = tuple(one for one in _ids(address.get("messages", "")) if one not in above)
        since = address.get(_SINCE)
        return cls(
            above,
            own,
            address.get(_KEY, ""),
            int(address.get(_SENT, 0)),
            datetime.fromisoformat(since) if since else None,
        )

    def address(self) -> Mapping[str, str]:
        """What is stored with the address of the reply before its last view is shown."""
        found = {ABOVE: ",".join(self.above)} if self.above else {}
        if self.since is not None:
            sent, since = str(self.sent), self.since.isoformat()
            found |= {_KEY: self.key, _SENT: sent, _SINCE: since}
        return found


def is_shown(reply: Reply | None) -> bool:
    """Whether the last view of a reply is known to stand there."""
    return reply is not None and reply.finished and ABOVE not in reply.address


def _ids(text: str) -> tuple[str, ...]:
    return tuple(one for one in text.split(",") if one)

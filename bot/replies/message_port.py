"""The interface of a platform's messages: what `MessageSink` needs to show a reply on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from bot.replies.edit_budget import EditBudget
from bot.types import File, Limits, View


class PortError(Exception):
    """The platform did not do what it was asked; another try may succeed."""


class PortRefused(PortError):
    """The platform refuses it, and would refuse it again: the message is gone, the place closed."""


class MessageClosed(PortError):
    """A message stays as it is and cannot be changed any more; the answer goes on in a new one."""


class RateLimited(PortError):
    """The platform has taken too many calls of this method; it names the seconds to wait."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Unconfirmed(PortError):
    """A message may have been posted or not, and nothing tells; it is not posted again."""


Method = Literal["post", "edit", "delete"]
Mark = Literal["seen", "done", "failed"]
"""What the bot puts to a question, as an emoji of the platform."""
PORT_FAILURES = (PortError, OSError)
"""What a port may raise; `TimeoutError` and `ConnectionError` are an `OSError`."""

P = TypeVar("P")
"""A platform's own form of one message, which it renders, compares with `==`, and posts."""


class MessagePort(Protocol[P]):
    """The messages of one reply on one platform.

    A platform derives its port from this class. It must have `limits`, `render` and `post`; each
    other method is called only where `limits` says so, or does nothing unless it is overridden.
    A message is known by the id, a text, that `post` returned. Every call may raise one of
    `PORT_FAILURES`.
    """

    limits: Limits
    """What the platform allows; a port may change it while the reply is written."""
    direct: bool = False
    """Whether the reply is in a conversation with the asker alone."""

    def render(self, view: View) -> Sequence[P]:
        """The messages that show a view, in order. Notices that are `private` are left out where
        `limits.ephemeral` is set, unless the reply is direct."""
        ...

    async def post(self, message: P, key: str) -> str:
        """Post a message and return its id. The same key again is the same message: one that was
        posted though its first call failed must not appear twice. Raises `Unconfirmed`."""
        ...

    def expect(self, key: str, since: datetime) -> bool:
        """Called before `post` where an earlier process may have posted the message of this key,
        at that time at the earliest. Returns whether `post` finds out if it did."""
        return False

    def adopt(self, message_ids: Sequence[str]) -> None:
        """Called for messages of the reply that an earlier process posted, before they are
        edited."""
        return

    async def edit(self, message_id: str, message: P) -> None:
        """Replace what a message shows (`limits.edits`). Raises `MessageClosed`."""
        raise PortRefused("no edits")

    async def delete(self, message_id: str) -> None:
        """Delete a message (`limits.deletes`)."""
        raise PortRefused("no deletions")

    async def ephemeral(self, message: P) -> None:
        """Show a message to the asker alone (`limits.ephemeral`)."""
        raise PortRefused("no ephemeral messages")

    async def upload(self, file: File) -> None:
        """Attach a file below the answer (`limits.files` is "apart")."""
        raise PortRefused("no files")

    async def react(self, mark: Mark, instead_of: Mark | None) -> None:
        """Put a mark to the question, and take an earlier one away (`limits.reactions`)."""
        raise PortRefused("no reactions")

    async def typing(self) -> None:
        """Show for some seconds that something is being written (`limits.typing`)."""
        return

    def budget(self, method: Method, message_id: str = "") -> EditBudget | None:
        """What a call counts against; None where the platform does not count it, or waits by
        itself. The budget of "edit" without a message is the one of the whole reply."""
        return None

    async def prepare(self, view: View) -> None:
        """Called before a view is rendered; shows what a platform has beside messages."""
        return

    def cut_off(self, shown: P | None) -> P | None:
        """An unfinished message with a mark that the rest could not be delivered; None to leave it
        as it is."""
        return None

    def address(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        """What is stored to find the reply again; empty while nothing is shown of it."""
        return {"messages": ",".join(message_ids)} if message_ids else {}

    async def close(self) -> None:
        """Release what the reply holds; called after each last view."""
        return

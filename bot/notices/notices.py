"""Looks for trouble again and again, and tells an operator of each once, in their channels."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import structlog

from bot.catalogue.sentence import say
from bot.errors import StorageError, UserFacingError
from bot.notices.ledger import Ledger, Posting
from bot.notices.trouble import Trouble, Watch
from bot.replies.protocol import Arrival
from bot.storage.backups import write_whole
from bot.types import ConversationKey

log = structlog.get_logger(__name__)

FILE_NAME: Final = "notices.json"
ROUND_S: Final = 15.0
"""Seconds from one look to the next."""
_WATCH_TIMEOUT_S: Final = 30.0
_POST_TIMEOUT_S: Final = 60.0
_GIVEN_UP_AFTER_S: Final = 86_400.0
"""A message that could not be sent for so long is not sent any more."""
_REFUSED_PAUSE_S: Final = 3_600.0
"""How long a channel that refuses a notice is left alone."""
_MAX_STATE_BYTES: Final = 1_000_000


class Post(Protocol):
    """Says something in a place, once; see `Core.announce`."""

    async def __call__(
        self,
        conversation: ConversationKey,
        text: str,
        key: str,
        *,
        since: datetime | None,
        begin: Callable[[], Awaitable[None]],
    ) -> Arrival: ...


class Notices:
    """Owns what is known to be wrong. `run` is its task; there is one for a data folder.

    Without a channel, notices are in the log alone. A channel that cannot be reached, because its
    platform is what is lost, is told when it is back, and the others are told meanwhile.
    """

    def __init__(
        self,
        data_dir: Path,
        channels: Sequence[str],
        per_day: int,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = data_dir / FILE_NAME
        self._ledger = Ledger(channels, per_day)
        self._clock = clock
        self._watches: dict[str, Watch] = {}
        self._refused: dict[str, tuple[float, str]] = {}
        self._failing: set[str] = set()
        self._saved = ""
        self._saving = asyncio.Lock()

    def watch(self, kind: str, look: Watch) -> None:
        """Have something looked after; the keys of its troubles begin with `kind:`."""
        self._watches[kind] = look

    @property
    def open(self) -> list[tuple[str, float]]:
        """What is wrong just now, in a sentence each, and since when (seconds since 1970)."""
        return self._ledger.open

    async def run(self, post: Post, every_s: float = ROUND_S) -> None:
        """Look and tell, until cancelled."""
        await self.load()
        while True:
            try:
                await self.look()
                await self.tell(post)
            except Exception:  # a task's top; the next round may succeed
                log.exception("notices.round_failed")
            await asyncio.sleep(every_s)

    # --- looking --------------------------------------------------------------------------------

    async def look(self) -> None:
        """Ask all watches, and log what has become due. One that fails says nothing."""
        found: list[Trouble] = self._refusals()
        kinds = ["channel"]
        for kind, watch in self._watches.items():
            try:
                async with asyncio.timeout(_WATCH_TIMEOUT_S):
                    found += await watch()
                kinds.append(kind)
                self._failing.discard(kind)
            except Exception as error:  # noqa: BLE001 - it is logged
                if kind not in self._failing:  # else every round would say it
                    why = (
                        {"reason": str(error)}
                        if isinstance(error, StorageError)
                        else {"exc_info": True}
                    )
                    log.warning("notices.watch_failed", kind=kind, **why)
                self._failing.add(kind)
        for sentence in self._ledger.take(found, kinds, self._clock()):
            log.warning("notice", says=sentence)
        await self._save()

    def _refusals(self) -> list[Trouble]:
        now = self._clock()
        return [
            Trouble(
                f"channel:{channel}",
                say(
                    "Notices cannot be posted in `{channel}`: {reason} Invite the bot there, or "
                    "name another channel.",
                    channel=channel,
                    reason=reason,
                ),
                say("Notices can be posted in `{channel}` again.", channel=channel),
                patience_s=0.0,
            )
            for channel, (until, reason) in self._refused.items()
            if now < until + _REFUSED_PAUSE_S
        ]

    # --- telling --------------------------------------------------------------------------------

    async def tell(self, post: Post) -> None:
        """Post in every channel what it has not been told yet, in one message."""
        await asyncio.gather(*(self._tell(post, one) for one in self._ledger.channels))

    async def _tell(self, post: Post, channel: str) -> None:
        now = self._clock()
        until, _ = self._refused.get(channel, (0.0, ""))
        posting = self._ledger.next_message(channel, now)
        if posting is None or now < until:
            return
        arrival, reason = await self._post(post, channel, posting)
        if arrival == "refused":
            log.warning("notices.channel_refused", channel=channel, reason=reason)
            self._refused[channel] = (now + _REFUSED_PAUSE_S, reason)
            self._ledger.drop(channel)
        elif arrival != "failed" or now - (posting.at or now) > _GIVEN_UP_AFTER_S:
            self._refused.pop(channel, None)
            self._ledger.mark_told(channel, posting, now)
        await self._save()

    async def _post(self, post: Post, channel: str, posting: Posting) -> tuple[Arrival, str]:
        """Send a message, or find out what became of it; says why if it was refused."""
        since = datetime.fromtimestamp(posting.at, UTC) if posting.at else None

        async def begin() -> None:
            self._ledger.begin(channel, posting, self._clock())
            await self._save()

        try:
            async with asyncio.timeout(_POST_TIMEOUT_S):
                arrival = await post(
                    place_of(channel), posting.text, posting.key, since=since, begin=begin
                )
        except UserFacingError as error:
            return "refused", str(error)
        except Exception:  # a platform may be anybody's; it may stand there
            log.warning("notices.posting_failed", channel=channel, exc_info=True)
            return "failed", ""
        return arrival, say("The platform would not take it.")

    # --- over restarts --------------------------------------------------------------------------

    async def load(self) -> None:
        """Take up what another process left."""
        try:
            said = await asyncio.to_thread(_read, self._file)
            if said:
                self._ledger.load(json.loads(said), self._clock())
        except (OSError, TypeError, ValueError, KeyError, AttributeError) as error:
            log.warning("notices.state_unread", reason=type(error).__name__)

    async def _save(self) -> None:
        async with self._saving:
            said = json.dumps(self._ledger.dump(), ensure_ascii=False)
            if said == self._saved or (not self._saved and not self._ledger.entries):
                return
            self._saved = said
            try:
                await asyncio.to_thread(_write, self._file, said)
            except OSError as error:  # a full disk is what they are about to be told of
                log.warning("notices.state_not_kept", reason=error.strerror)


def place_of(channel: str) -> ConversationKey:
    """The place of a channel as config.yaml writes it: `platform:channel`, or
    `platform:workspace:channel`."""
    platform, *rest = channel.split(":")
    return ConversationKey(platform, rest[0] if len(rest) > 1 else "", rest[-1])


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_STATE_BYTES).decode("utf-8")
    except FileNotFoundError:
        return ""


def _write(path: Path, said: str) -> None:
    with write_whole(path) as part:
        part.write_text(said, "utf-8")

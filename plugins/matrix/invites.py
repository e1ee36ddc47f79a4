"""Invitations: accepted from those who may invite the bot, declined from others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from bot.api import Backoff, Core
from plugins.matrix.account import Account
from plugins.matrix.batch import Batch
from plugins.matrix.errors import MATRIX_FAILURES, MatrixError
from plugins.matrix.homeserver import Json, path_of
from plugins.matrix.settings import may_invite

_log = structlog.get_logger(__name__)

_TRIES = 8
_MAX_OPEN = 200
"""Invitations that are answered at the same time."""


class Invites:
    """The invitations of one account."""

    def __init__(self, core: Core, account: Account) -> None:
        self._core = core
        self._account = account
        self._open: set[str] = set()
        self._joined: set[str] = set()

    def take(self, batch: Batch) -> None:
        """Answer the invitations, and say how to ask in the rooms that were joined."""
        for room, state in batch.invites.items():
            if room not in self._open and len(self._open) < _MAX_OPEN:
                self._open.add(room)
                self._account.background_tasks.start(self._answer(room, state), "invitation")
        for known in batch.rooms:
            if known.id in self._joined:
                self._joined.discard(known.id)
                if self._account.settings.introduction:
                    key = self._account.rooms.key(known.id)
                    self._account.background_tasks.start(
                        self._core.introduce(key, "channel"), "introduction"
                    )

    async def _answer(self, room: str, state: Sequence[Json]) -> None:
        """Answer an invitation; the homeserver tells of each but once, so a failure is followed by
        further tries."""
        timing = self._account.timing
        backoff = Backoff(timing.backoff_base, timing.backoff_cap)
        try:
            for _ in range(_TRIES):
                try:
                    await self._join_or_leave(room, state)
                    return
                except MATRIX_FAILURES as exc:
                    _log.warning("matrix.invitation_failed", room=room, error=str(exc)[:200])
                    if isinstance(exc, MatrixError) and exc.is_refusal:
                        return
                    if isinstance(exc, MatrixError) and exc.is_rate_limit:
                        self._account.budget.pause(exc.wait_s)
                await asyncio.sleep(backoff.delay())
        finally:
            self._open.discard(room)

    async def _join_or_leave(self, room: str, state: Sequence[Json]) -> None:
        homeserver, account = self._account.homeserver, self._account
        invitation = next((e for e in state if _invites(e, account.user)), None)
        inviter = str(invitation.get("sender")) if invitation is not None else ""
        if invitation is None or not may_invite(account.settings, inviter, account.server):
            _log.info("matrix.invitation_declined", room=room, by=inviter)
            await account.budget.end()
            await homeserver.call("POST", path_of("rooms", room, "leave"), {})
            return
        self._joined.add(room)
        if (invitation.get("content") or {}).get("is_direct") is True:
            await account.rooms.mark_direct(inviter, room)
        await account.budget.end()
        await homeserver.call("POST", path_of("rooms", room, "join"), {})


def _invites(event: Json, user: str) -> bool:
    """Whether an event is the invitation of an account."""
    content = event.get("content") or {}
    member = event.get("type") == "m.room.member" and event.get("state_key") == user
    return member and content.get("membership") == "invite"

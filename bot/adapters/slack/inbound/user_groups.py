"""Knows which user groups people are in, where a rule names one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.catalogue.sentence import say

_log = structlog.get_logger(__name__)

_CACHE_S = 300.0
_RETRY_S = 10.0
_FORBIDDEN_RETRY_S = 600.0
_MAX_READS = 3
"""Times that the groups are read again because they changed while they were being read."""
_MISSING_SCOPE = "missing_scope"

SCOPE_MISSING = say(
    "Slack does not let me see who is in a user group, so this rule "
    "would let nobody in; an admin has to install me again with the "
    "rights that I need (usergroups:read)."
)
NOT_NOW = say("Slack does not say just now who is in which user group; try again in a minute.")


class UserGroups:
    """The user groups of the workspace with their members.

    They are read with one call, kept for five minutes, and read again after Slack has said that a
    group changed (`forget`). Where they cannot be read, nobody is in one. `named_groups` returns
    the groups that rules name; where none does, Slack is not asked.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        named_groups: Callable[[], Awaitable[Collection[str]]],
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._named_groups = named_groups
        self._clock = clock
        self._members: Mapping[str, frozenset[str]] = {}
        self._until = 0.0
        self._changes = 0
        self._error = ""
        self._lock = asyncio.Lock()

    async def groups_of(self, user: str) -> frozenset[str]:
        """Ids of the groups that somebody is in; empty where no rule names a group."""
        if not await self._named_groups():
            return frozenset()
        groups = await self._read()
        return frozenset(group for group, members in groups.items() if user in members)

    def forget(self) -> None:
        """Read the groups again before they are used again: one of them has changed."""
        self._changes += 1
        self._until = 0.0

    async def problem(self, roles: Collection[str]) -> str | None:
        """Why a rule that names these groups could not work, in a sentence; None if it can."""
        if self._error:
            self._until = 0.0  # an operator may have mended it
        groups = await self._read()
        if self._error:
            return SCOPE_MISSING if self._error == _MISSING_SCOPE else NOT_NOW
        unknown = sorted(set(roles) - groups.keys())
        return (
            say("There is no user group {unknown} in this workspace.", unknown=unknown[0][:40])
            if unknown
            else None
        )

    async def _read(self) -> Mapping[str, frozenset[str]]:
        async with self._lock:
            for _ in range(_MAX_READS):
                if self._clock() < self._until:
                    break
                await self._fetch()
            return self._members

    async def _fetch(self) -> None:
        changes = self._changes
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.usergroups_list(include_users=True)
        except FAILURES as exc:
            self._error = error_of(exc)
            self._members = {}
            pause = _FORBIDDEN_RETRY_S if self._error == _MISSING_SCOPE else _RETRY_S
            self._until = self._clock() + pause
            _log.warning("slack.groups_lookup_failed", error=self._error)
            return
        self._error = ""
        self._members = {
            str(group.get("id")): frozenset(map(str, group.get("users") or ()))
            for group in answer.get("usergroups") or ()
        }
        if changes == self._changes:
            self._until = self._clock() + _CACHE_S

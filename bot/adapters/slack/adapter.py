"""Slack as a platform."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.base import AdapterError, Core
from bot.adapters.slack.errands import Errands
from bot.adapters.slack.listeners import listening
from bot.adapters.slack.repair import repair
from bot.adapters.slack.sink import FAILURES, error_of
from bot.adapters.slack.timing import Timing
from bot.config.platforms import SlackSettings

_log = structlog.get_logger(__name__)

_NO_APP_TOKEN = "Slack needs SLACK_APP_TOKEN (xapp-…) with the scope connections:write."
_REFUSED = "Slack refuses a token; set SLACK_BOT_TOKEN (xoxb-…) and SLACK_APP_TOKEN (xapp-…) anew."
_FINAL = {
    **dict.fromkeys(("invalid_auth", "not_authed", "token_revoked", "token_expired"), _REFUSED),
    "account_inactive": "Slack says that the app was removed; install it in the workspace again.",
    "not_allowed_token_type": "Slack wants another kind of token: SLACK_BOT_TOKEN begins with "
    "xoxb-, SLACK_APP_TOKEN with xapp-.",
    "missing_scope": "The Slack app lacks a scope; compare its scopes with docs/slack.md and "
    "install it again.",
}


@dataclass
class SlackAdapter:
    """Serves one Slack app in one workspace, over Socket Mode.

    `base_url` is where the Web API is; tests point it at a server of theirs.
    """

    settings: SlackSettings
    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    timing: Timing = field(default_factory=Timing)
    base_url: str = "https://slack.com/api/"
    name: str = "slack"

    async def run(self, core: Core) -> None:
        """Serve until cancelled, connecting again whenever the connection ends.

        Raises `AdapterError` where only an operator can help.
        """
        if self.settings.mode != "socket":
            raise AdapterError("Slack over HTTP is not served; set slack.mode to socket.")
        if self.app_token is None:
            raise AdapterError(_NO_APP_TOKEN)
        unfinished = await core.replies.unfinished(self.name)  # before this run adds its own
        client = self._web(self.bot_token)
        chores = Errands()
        failures = 0
        try:
            while True:
                try:
                    us = str((await client.auth_test())["user_id"])
                    opening = self._web(self.app_token)
                    await opening.apps_connections_open(app_token=self.app_token)
                    if unfinished:
                        chores.start(repair(client, core, unfinished), "repair")
                        unfinished = ()
                    failures = 0
                    # Bolt looks at files while it is put together.
                    app = await asyncio.to_thread(listening, core, client, self.timing, chores, us)
                    await self._hold(app)
                except FAILURES as exc:
                    if (final := _FINAL.get(error_of(exc))) is not None:
                        raise AdapterError(final) from exc
                    _log.warning("slack.connection_lost", error=error_of(exc))
                wait = min(self.timing.backoff_cap, self.timing.backoff_base * 2**failures)
                failures = min(failures + 1, 20)
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))
        finally:
            await chores.close()

    async def check(self) -> Sequence[str]:
        if self.app_token is None:
            return [_NO_APP_TOKEN]
        try:
            await self._web(self.bot_token).auth_test()
        except FAILURES as exc:
            return [_FINAL.get(error_of(exc), f"Slack cannot be reached: {error_of(exc)}.")]
        return []

    def _web(self, token: str) -> AsyncWebClient:
        client = AsyncWebClient(token=token, base_url=self.base_url)
        client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
        return client

    async def _hold(self, app: Any) -> None:
        """Be connected, until the connection stays away for too long."""
        web = self._web(str(self.app_token))
        handler = AsyncSocketModeHandler(
            app, self.app_token, web_client=web, ping_interval=self.timing.ping_interval
        )
        socket = handler.client
        try:
            await asyncio.wait_for(handler.connect_async(), self.timing.away)
            _log.info("slack.connected")
            gone = 0.0
            pause = min(1.0, self.timing.ping_interval)
            while gone < self.timing.away:
                await asyncio.sleep(pause)
                gone = 0.0 if await socket.is_connected() else gone + pause
        finally:
            tasks = (
                socket.message_processor,
                socket.current_session_monitor,
                socket.message_receiver,
            )
            await handler.close_async()
            await asyncio.gather(*(t for t in tasks if t is not None), return_exceptions=True)

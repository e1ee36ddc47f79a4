"""`parlance` as a process whose Discord and Slack are those of ours, at the addresses that
`FAKE_DISCORD_PORT` and `FAKE_SLACK_URL` name. With `FAKE_LIFETIME_S` it is taken for dead sooner
where it shares a database; with `FAKE_SLACK_RATE` it makes so many times the edits that Slack takes
of one workspace."""

from __future__ import annotations

import os
import runpy

import discord
import yarl
from slack_sdk.web.async_base_client import AsyncBaseClient

if __name__ == "__main__":
    at = f"127.0.0.1:{os.environ['FAKE_DISCORD_PORT']}"
    discord.http.Route.BASE = f"http://{at}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"ws://{at}/gateway")
    AsyncBaseClient.BASE_URL = os.environ["FAKE_SLACK_URL"]
    if rate := os.environ.get("FAKE_SLACK_RATE"):
        from bot.adapters.slack.outbound import port

        port.UPDATES = port.UPDATES.shared(float(rate))  # type: ignore[attr-defined]
    if lifetime := os.environ.get("FAKE_LIFETIME_S"):
        from bot.processes.membership import Membership

        Membership.__init__.__kwdefaults__.update(  # type: ignore[union-attr]
            lifetime_s=float(lifetime), beat_s=float(lifetime) / 5
        )
    runpy.run_module("bot", run_name="__main__", alter_sys=True)

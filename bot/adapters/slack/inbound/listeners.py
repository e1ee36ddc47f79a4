"""Bolt's listeners: each acknowledges in time, and leaves the work to a task of its own."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.background_tasks import BackgroundTasks
from bot.adapters.protocol import Core
from bot.adapters.slack.inbound.agent_events import Sessions
from bot.adapters.slack.inbound.files import Files
from bot.adapters.slack.inbound.history import Reading
from bot.adapters.slack.inbound.interactions import MENU, Interactions
from bot.adapters.slack.inbound.messages import Messages
from bot.adapters.slack.inbound.modal_views import FORM
from bot.adapters.slack.inbound.users import People
from bot.adapters.slack.outbound.agent_status import AgentSurface
from bot.adapters.slack.transport.timing import Timing


def listening(
    app: AsyncApp,
    core: Core,
    client: AsyncWebClient,
    timing: Timing,
    chores: BackgroundTasks,
    us: str,
    *,
    thread_context: int = 20,
    streaming: bool = False,
) -> None:
    """Give Bolt a listener for everything that people do."""
    reading = Reading(client, People(client), Files(client), depth=thread_context)
    surface = AgentSurface(client, chores, streaming=streaming, refresh_s=timing.status_refresh)
    messages = Messages(core, client, timing, reading, surface)
    interactions = Interactions(core, client, timing, reading, messages, surface)
    sessions = Sessions(core, client, timing, surface)

    async def on_mention(event: dict[str, Any], body: dict[str, Any]) -> None:
        chores.start(messages.on_mention(event, str(body["team_id"]), us), "mention")

    async def on_message(event: dict[str, Any], body: dict[str, Any]) -> None:
        chores.start(messages.on_message(event, str(body["team_id"]), us), "message")

    async def on_form(ack: Any, body: dict[str, Any]) -> None:
        if wrong := interactions.mistakes(body):
            await ack(response_action="errors", errors=wrong)
            return
        await ack()
        chores.start(interactions.on_form(body, us), "form")

    async def on_menu(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        chores.start(interactions.on_menu(body, us), "menu")

    async def on_button(ack: Any, body: dict[str, Any], action: dict[str, Any]) -> None:
        await ack()
        chores.start(interactions.on_button(body, action, us), "button")

    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        chores.start(interactions.on_command(body, us), str(body["command"]))

    async def on_opened(event: dict[str, Any]) -> None:
        chores.start(sessions.on_opened(event), "opened")

    async def on_thread(event: dict[str, Any]) -> None:
        chores.start(sessions.on_thread(event), "thread")

    async def on_stopped(event: dict[str, Any], body: dict[str, Any]) -> None:
        chores.start(sessions.on_stopped(event, str(body["team_id"])), "stop")

    async def on_nothing() -> None:
        """What a person looks at meanwhile is not our business."""

    app.event("app_mention")(on_mention)
    app.event("message")(on_message)
    app.event("app_home_opened")(on_opened)
    app.event("assistant_thread_started")(on_thread)
    app.event("assistant_thread_context_changed")(on_nothing)
    app.event("agent_session_stopped")(on_stopped)
    app.view(FORM)(on_form)
    app.shortcut(re.compile("^" + re.escape(MENU)))(on_menu)
    app.action(re.compile("^parlance:"))(on_button)
    app.command(re.compile("^/"))(on_command)  # also those that are no longer there

"""Bolt's listeners: each acknowledges in time, and starts a background task for the work."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.background_tasks import BackgroundTasks
from bot.adapters.protocol import Core
from bot.adapters.slack.command_names import CommandNames
from bot.adapters.slack.inbound.agent_events import AgentEvents
from bot.adapters.slack.inbound.files import Files
from bot.adapters.slack.inbound.history import HistoryReader
from bot.adapters.slack.inbound.interactions import MENU, Interactions
from bot.adapters.slack.inbound.messages import Messages
from bot.adapters.slack.inbound.modal_views import FORM
from bot.adapters.slack.inbound.origin import refusal_of
from bot.adapters.slack.inbound.reception import Reception
from bot.adapters.slack.inbound.user_groups import UserGroups
from bot.adapters.slack.inbound.users import PLATFORM, UserDirectory
from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.transport.timing import Timing
from bot.types import ConversationKey


def register_listeners(
    app: AsyncApp,
    core: Core,
    client: AsyncWebClient,
    timing: Timing,
    background_tasks: BackgroundTasks,
    own_id: str,
    users: UserDirectory,
    groups: UserGroups,
    *,
    names: CommandNames,
    introduction: bool = True,
    thread_context: int = 20,
    streaming: bool = False,
) -> Reception:
    """Register a listener with Bolt for every kind of event; returns what hands requests to it."""
    history_reader = HistoryReader(
        client, users, Files(client), depth=thread_context, timeout_s=timing.context_lookup
    )
    agent_status = AgentStatus(
        client, background_tasks, streaming=streaming, refresh_s=timing.status_refresh,
        until_it_may_write=core.replies.until_it_may_write,
    )  # fmt: skip
    messages = Messages(core, client, timing, background_tasks, history_reader, agent_status, names)
    interactions = Interactions(core, client, timing, history_reader, messages, agent_status, names)
    agent_events = AgentEvents(core, client, timing, users, agent_status)

    async def on_mention(event: dict[str, Any], body: dict[str, Any]) -> None:
        messages.on_mention(event, str(body["team_id"]), own_id)

    async def on_message(event: dict[str, Any], body: dict[str, Any]) -> None:
        messages.on_message(event, str(body["team_id"]), own_id)

    async def on_form(ack: Any, body: dict[str, Any]) -> None:
        if wrong := await interactions.validate_form(body):
            await ack(response_action="errors", errors=wrong)
            return
        await ack()
        background_tasks.start(interactions.on_form(body, own_id), "form", refusal_of(client, body))

    async def on_menu(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        background_tasks.start(interactions.on_menu(body, own_id), "menu", refusal_of(client, body))

    async def on_button(ack: Any, body: dict[str, Any], action: dict[str, Any]) -> None:
        await ack()
        work = interactions.on_button(body, action, own_id)
        background_tasks.start(work, "button", refusal_of(client, body))

    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        work = interactions.on_command(body, own_id)
        background_tasks.start(work, str(body["command"]), refusal_of(client, body))

    async def on_opened(event: dict[str, Any], body: dict[str, Any]) -> None:
        background_tasks.start(agent_events.on_opened(event, str(body["team_id"])), "opened")

    async def on_thread(event: dict[str, Any], body: dict[str, Any]) -> None:
        background_tasks.start(agent_events.on_thread(event, str(body["team_id"])), "thread")

    async def on_stopped(event: dict[str, Any], body: dict[str, Any]) -> None:
        background_tasks.start(agent_events.on_stopped(event, str(body["team_id"])), "stop")

    async def on_nothing() -> None:
        """Ignore the event; Slack expects a listener."""

    app.event("app_mention")(on_mention)
    app.event("message")(on_message)
    _introduce_where_invited(app, core, background_tasks, own_id if introduction else "")
    app.event("app_home_opened")(on_opened)
    app.event("assistant_thread_started")(on_thread)
    app.event("assistant_thread_context_changed")(on_nothing)
    app.event("agent_session_stopped")(on_stopped)
    _forget_changed_groups(app, groups)
    app.view(FORM)(on_form)
    app.shortcut(re.compile("^" + re.escape(MENU)))(on_menu)
    app.action(re.compile("^parlance:"))(on_button)
    app.command(re.compile("^/"))(on_command)  # also those that are no longer there
    return Reception(app, core, messages, own_id)


def _introduce_where_invited(
    app: AsyncApp, core: Core, background_tasks: BackgroundTasks, own_id: str
) -> None:
    """Have the bot say how to ask in a channel that it joins; never without an `own_id`."""

    async def on_joined(event: dict[str, Any], body: dict[str, Any]) -> None:
        if event.get("user") == own_id:
            key = ConversationKey(PLATFORM, str(body["team_id"]), str(event["channel"]))
            background_tasks.start(core.introduce(key, "channel"), "introduction")

    app.event("member_joined_channel")(on_joined)


def _forget_changed_groups(app: AsyncApp, groups: UserGroups) -> None:
    """Have the user groups read again when Slack says that one of them changed."""

    async def on_changed() -> None:
        groups.forget()

    for event in ("subteam_created", "subteam_members_changed", "subteam_updated"):
        app.event(event)(on_changed)

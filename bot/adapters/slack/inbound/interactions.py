"""Handles commands, forms, shortcuts and buttons, which are acknowledged already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast, get_args

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.forms import ALREADY_SUBMITTED, Forms, needs_form, validate_form
from bot.adapters.inbox import EDITED_PREFIX
from bot.adapters.protocol import Core
from bot.adapters.slack.command_names import CommandNames
from bot.adapters.slack.inbound.direct import DirectChannels
from bot.adapters.slack.inbound.history import HistoryReader
from bot.adapters.slack.inbound.messages import Messages
from bot.adapters.slack.inbound.modal_views import (
    FORM,
    build_form,
    field_ids,
    form_origin,
    format_values,
    parse_files,
    parse_values,
)
from bot.adapters.slack.inbound.origin import Body, place_of, team_of
from bot.adapters.slack.inbound.users import PLATFORM
from bot.adapters.slack.outbound.agent_status import AgentStatus
from bot.adapters.slack.outbound.ephemeral import EphemeralMessages
from bot.adapters.slack.outbound.port import ReplySink, make_sink
from bot.adapters.slack.outbound.pressed_message import SlackPressedMessage
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.adapters.slack.transport.timing import Timing
from bot.catalogue.languages import load_language, translate
from bot.catalogue.sentence import say
from bot.commands.declaration import Command
from bot.commands.parsing import parse_options
from bot.errors import UsageError
from bot.events import ACTIONS_WITH_REPLY, ActionCall, CommandCall, Message
from bot.replies.protocol import Sink
from bot.types import ActionName, Author, ConversationKey, Value

__all__ = ["FORM", "MENU", "Interactions"]

_log = structlog.get_logger(__name__)

MENU = "parlance:menu:"
GONE_BUTTON = say(
    "This button is from an earlier version and does nothing any more; please ask again."
)
GONE_QUESTION = say("The question is no longer there; please ask again.")
_ACTIONS = frozenset(get_args(ActionName))


def command_id(body: Body) -> str:
    """The id of the event of a slash command."""
    return f"command:{body['trigger_id']}"


class Interactions:
    """Turns commands, forms, shortcuts and presses of buttons into events."""

    def __init__(
        self,
        core: Core,
        client: AsyncWebClient,
        timing: Timing,
        history_reader: HistoryReader,
        messages: Messages,
        agent_status: AgentStatus,
        names: CommandNames,
    ) -> None:
        self._names = names
        self._core = core
        self._client = client
        self._timing = timing
        self._history_reader = history_reader
        self._messages = messages
        self._agent_status = agent_status
        self._direct = DirectChannels(client, timing.person_lookup)
        self._forms = Forms(core)

    def _sink(self, key: ConversationKey, author: Author, **more: Any) -> ReplySink:
        sink = make_sink(
            self._client, self._core.replies, key, self._timing,
            user=author.id, agent_status=self._agent_status, **more,
        )  # fmt: skip
        return self._messages.inbox.follow(sink, key, f"{key.channel}:")

    # --- commands and forms ---------------------------------------------------------------------

    async def on_command(self, body: Body, own_id: str) -> None:
        """Handle a slash command; opens a form if something is missing."""
        known = [command.name for command in self._core.commands]
        name, text = self._names.split_call(
            str(body["command"]), str(body.get("text") or ""), known
        )
        command = await self._forms.command(name)
        user, channel = str(body["user_id"]), str(body["channel_id"])
        key = ConversationKey(PLATFORM, str(body["team_id"]), channel)
        author = await self._history_reader.users.author(user, str(body.get("user_name") or ""))
        direct = await self._direct.is_direct_with_bot(channel)
        if (
            command is not None
            and (given := _given(command, text)) is not None
            and needs_form(command, given)
            and await self._forms.may_open(command, author, key, direct=direct)
            and await self._open(body, channel, command, given, author)
        ):
            return
        earlier = self._history_reader.make_reader(channel, None, own_id)
        id_ = command_id(body)
        call: CommandCall | Message = CommandCall(
            id_, key, author, name, text=text, direct=direct, earlier=earlier
        )
        if not name:  # a question to `/parlance`
            call = Message(id_, key, author, text, direct, earlier=earlier)
        await self._core.accept(call, self._sink(key, author))

    async def _open(
        self,
        body: Body,
        channel: str,
        command: Command,
        given: Mapping[str, Value],
        author: Author,
    ) -> bool:
        """Open a form in the person's language, filled with the options that were given. Returns
        whether it is open.

        None opens if a given text does not fit its field, or Slack refuses (after three seconds).
        """
        await load_language(author.locale)
        view = build_form(command, channel, given, self._names, author.locale)
        if view is None:
            return False
        try:
            await self._client.views_open(trigger_id=str(body["trigger_id"]), view=view)
        except FAILURES as exc:
            _log.info("slack.form_not_opened", command=command.name, error=error_of(exc))
            return False
        return True

    async def validate_form(self, body: Body) -> dict[str, str]:
        """Validate a submitted form while Slack waits; returns the errors by field.

        A valid form is recorded as submitted. An error without a field (an option that a later
        version requires) is explained in the answer.
        """
        view = body["view"]
        command = await self._forms.command(form_origin(view)[0])
        if command is None:
            return {}
        fields = field_ids(view)
        found = validate_form(command, parse_values(view))
        if wrong := {name: why for name, why in found.items() if name in fields}:
            return wrong
        first = self._forms.submit_once(str(view["id"]))
        return {} if first else dict.fromkeys(fields[:1], ALREADY_SUBMITTED)

    async def on_form(self, body: Body, own_id: str) -> None:
        """Handle a submitted form."""
        view = body["view"]
        name, channel = form_origin(view)
        if not channel:
            return
        key = ConversationKey(PLATFORM, team_of(body), channel)
        author = await self._author(body)
        call = CommandCall(
            f"view:{body['trigger_id']}", key, author, name, parse_values(view),
            direct=await self._direct.is_direct_with_bot(channel),
            attachments=self._history_reader.files.attachments_of(parse_files(view)),
            earlier=self._history_reader.make_reader(channel, None, own_id),
        )  # fmt: skip
        await self._core.accept(call, await self._make_recovery_sink(call))

    async def _make_recovery_sink(self, call: CommandCall) -> Sink:
        """The reply to a form, which returns the values if the command fails."""

        async def return_values(words: str) -> None:
            ephemeral = EphemeralMessages(self._client, call.conversation, call.author.id)
            await ephemeral.return_values(words, format_values(call.options))

        sink, files = self._sink(call.conversation, call.author), bool(call.attachments)
        command = await self._forms.command(call.name)
        return self._forms.recover(command, call.options, sink, return_values, files=files)

    # --- menus and buttons ----------------------------------------------------------------------

    async def on_menu(self, body: Body, own_id: str) -> None:
        """Handle an entry of a message's menu."""
        message, channel = body["message"], str(body["channel"]["id"])
        root = str(message.get("thread_ts") or message["ts"])
        key = ConversationKey(PLATFORM, team_of(body), channel, root)
        author = await self._author(body)
        target = await self._history_reader.read_target(channel, message, own_id)
        call = CommandCall(
            f"menu:{body['trigger_id']}", key, author,
            str(body["callback_id"]).removeprefix(MENU),
            direct=await self._direct.is_direct_with_bot(channel),
            attachments=target.attachments, target=target,
            earlier=self._history_reader.make_reader(channel, message.get("thread_ts"), own_id),
        )  # fmt: skip
        await self._core.accept(call, self._sink(key, author))

    async def on_button(self, body: Body, pressed: Body, own_id: str) -> None:
        """Handle a button under an answer."""
        name = str(pressed["action_id"]).split(":")[1]
        turn, _, value = str(pressed.get("value") or "").partition("|")
        if name == "feedback":  # Slack's own 👍 and 👎 are one element
            name, value = value, ""
        if name not in _ACTIONS:
            await self._reply_ephemeral(body, GONE_BUTTON)
            return
        person = f"{PLATFORM}:{body['user']['id']}"
        form = await self._core.inquiry_form(value, person) if name == "answer" else None
        if form is not None:
            author = await self._author(body)
            if await self._open(body, place_of(body)[0], form, {}, author):
                return
        if name == "regenerate" and value.startswith(EDITED_PREFIX):
            await self._ask_edited(body, pressed, turn, value.removeprefix(EDITED_PREFIX), own_id)
            return
        call = await self._build_action_call(
            body, pressed, cast(ActionName, name), turn, value, own_id
        )
        lazy, card = name not in ACTIONS_WITH_REPLY, None
        if name == "resume":
            shown = body.get("message") or {}
            card = SlackPressedMessage(self._client, call.conversation.channel, shown)
        sink = self._sink(call.conversation, call.author, lazy=lazy, pressed=card)
        await self._core.accept(call, sink)

    async def _build_action_call(
        self, body: Body, pressed: Body, name: ActionName, turn: str, value: str, own_id: str
    ) -> ActionCall:
        channel, root = place_of(body)
        author = await self._author(body)
        call = ActionCall(
            f"button:{pressed.get('action_ts')}:{author.id}:{name}:{turn}",
            ConversationKey(PLATFORM, team_of(body), channel, root), author, name, turn, value,
            direct=await self._direct.is_direct_with_bot(channel),
        )  # fmt: skip
        if name != "regenerate":
            return call
        first = await self._beginning(body, turn)
        return replace(
            call, earlier=self._history_reader.make_answer_reader(channel, root, own_id, first)
        )

    async def _beginning(self, body: Body, turn: str) -> str:
        """Time stamp of the answer's first message."""
        reply = await self._core.replies.get(turn)
        first = reply.address.get("messages", "").partition(",")[0] if reply is not None else ""
        return first or str((body.get("message") or {}).get("ts") or "")

    async def _ask_edited(self, body: Body, pressed: Body, turn: str, ts: str, own_id: str) -> None:
        """Answer the current text of a question that was edited."""
        channel, root = place_of(body)
        inbox = self._messages.inbox
        async with inbox.turn_in(ConversationKey(PLATFORM, team_of(body), channel, root)):
            message = await self._history_reader.fetch_message(channel, root or ts, ts)
            if message is None:
                await self._reply_ephemeral(body, GONE_QUESTION)
                return
            text = await self._history_reader.readable_text(message, own_id)
            call = await self._build_action_call(body, pressed, "regenerate", turn, text, own_id)
            sink = self._sink(call.conversation, call.author)
            own = message.get("user") == call.author.id
            if own:
                inbox.answer_again(f"{channel}:{ts}", call, sink)
            await self._core.accept(call, sink)
        if own:  # the core refuses everybody else
            shown = str((body.get("message") or {}).get("ts"))
            await self._messages.offers.remove_message(channel, shown)

    async def _reply_ephemeral(self, body: Body, text: str) -> None:
        """Reply at once, visible to the person alone."""
        channel, root = place_of(body)
        person = await self._author(body)
        await load_language(person.locale)
        try:
            await self._client.chat_postEphemeral(
                channel=channel,
                user=person.id,
                text=translate(text, person.locale),
                thread_ts=root,
            )
        except FAILURES as exc:
            _log.info("slack.answer_failed", error=error_of(exc))

    async def _author(self, body: Body) -> Author:
        user = body["user"]
        name = str(user.get("username") or user.get("name") or "")
        return await self._history_reader.users.author(str(user["id"]), name)


def _given(command: Command, text: str) -> dict[str, Value] | None:
    """The options that a text gives; None if it is written the wrong way, which the answer says."""
    try:
        return parse_options(text, command)
    except UsageError:
        return None

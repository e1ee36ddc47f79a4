"""Commands, forms, shortcuts and buttons; each is acknowledged before it comes here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.base import Core
from bot.adapters.slack.messages import PLATFORM, readable
from bot.adapters.slack.sink import ReplySink
from bot.adapters.slack.timing import Timing
from bot.command import Command, Option
from bot.errors import MissingOption, UsageError
from bot.parsing import parse
from bot.types import ActionCall, ActionName, Author, CommandCall, ConversationKey, Quote, Value

FORM = "parlance:form"
MENU = "parlance:menu:"
_ACTIONS = frozenset(get_args(ActionName))
Body = Mapping[str, Any]


class Interactions:
    """Turns what people press and call into events."""

    def __init__(self, core: Core, client: AsyncWebClient, timing: Timing) -> None:
        self._core = core
        self._client = client
        self._timing = timing

    def _sink(self, key: ConversationKey, author: Author, *, lazy: bool = False) -> ReplySink:
        return ReplySink(
            self._client, self._core.replies, key, self._timing, user=author.id, lazy=lazy
        )

    async def on_command(self, body: Body, command: Command) -> None:
        """A slash command; without what it needs, a form is opened."""
        text = str(body.get("text") or "")
        if _lacks(command, text):
            view = form(command, str(body["channel_id"]))
            await self._client.views_open(trigger_id=str(body["trigger_id"]), view=view)
            return
        key = ConversationKey(PLATFORM, str(body["team_id"]), str(body["channel_id"]))
        user = str(body["user_id"])
        author = Author(PLATFORM, user, str(body.get("user_name") or user))
        call = CommandCall(
            f"command:{body['trigger_id']}", key, author, command.name,
            text=text, direct=key.channel.startswith("D"),
        )  # fmt: skip
        await self._core.accept(call, self._sink(key, author))

    async def on_form(self, body: Body) -> None:
        """A form that was filled in."""
        view = body["view"]
        place = json.loads(view["private_metadata"])
        options: dict[str, Value] = {}
        for name, block in view["state"]["values"].items():
            entry = block["value"]
            value = entry.get("value") or (entry.get("selected_option") or {}).get("value")
            if value:
                options[name] = str(value)
        key = ConversationKey(PLATFORM, _team(body), place["channel"])
        author = _author(body)
        call = CommandCall(
            f"view:{view['id']}", key, author, place["command"], options,
            direct=key.channel.startswith("D"),
        )  # fmt: skip
        await self._core.accept(call, self._sink(key, author))

    async def on_menu(self, body: Body, us: str) -> None:
        """An entry in the menu of a message."""
        message, channel = body["message"], str(body["channel"]["id"])
        thread = str(message.get("thread_ts") or message["ts"])
        key = ConversationKey(PLATFORM, _team(body), channel, thread)
        author = _author(body)
        who = str(message.get("user") or "")
        text = readable(str(message.get("text") or ""), us)
        call = CommandCall(
            f"menu:{body['trigger_id']}", key, author,
            str(body["callback_id"]).removeprefix(MENU),
            direct=channel.startswith("D"),
            target=Quote(who, text, who == us, f"{channel}:{message['ts']}"),
        )  # fmt: skip
        await self._core.accept(call, self._sink(key, author))

    async def on_button(self, body: Body, pressed: Body) -> None:
        """A button under an answer."""
        name = str(pressed["action_id"]).split(":")[1]
        if name not in _ACTIONS:
            return
        turn, _, value = str(pressed.get("value") or "").partition("|")
        channel = str(body["channel"]["id"])
        thread = (body.get("message") or {}).get("thread_ts")
        key = ConversationKey(PLATFORM, _team(body), channel, thread)
        author = _author(body)
        call = ActionCall(
            f"button:{pressed.get('action_ts')}:{author.id}:{name}:{turn}", key, author,
            cast(ActionName, name), turn, value, direct=channel.startswith("D"),
        )  # fmt: skip
        await self._core.accept(call, self._sink(key, author, lazy=name != "regenerate"))


def _lacks(command: Command, text: str) -> bool:
    """Whether a required option is missing; any other mistake is explained in the answer."""
    try:
        command.bind(parse(text, command))
    except MissingOption:
        return True
    except UsageError:
        return False
    return False


def form(command: Command, channel: str) -> dict[str, Any]:
    """A modal with a field for every option."""
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": json.dumps({"command": command.name, "channel": channel}),
        "title": {"type": "plain_text", "text": f"/{command.name}"[:24]},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [_field(option) for option in command.options],
    }


def _field(option: Option) -> dict[str, Any]:
    choices = option.choices or (("yes", "no") if option.kind == "bool" else ())
    element: dict[str, Any] = {"action_id": "value"}
    if choices:
        element["type"] = "static_select"
        element["options"] = [
            {"text": {"type": "plain_text", "text": choice[:75]}, "value": choice}
            for choice in choices[:100]
        ]
    else:
        element |= {"type": "plain_text_input", "multiline": option.multiline}
        element["max_length"] = min(option.max_length, 3000)
    return {
        "type": "input",
        "block_id": option.name,
        "optional": not option.required,
        "label": {"type": "plain_text", "text": option.description[:2000] or option.name},
        "element": element,
    }


def _team(body: Body) -> str:
    return str((body.get("team") or {}).get("id") or (body.get("user") or {}).get("team_id") or "")


def _author(body: Body) -> Author:
    user = body["user"]
    name = str(user.get("username") or user.get("name") or user["id"])
    return Author(PLATFORM, str(user["id"]), name)

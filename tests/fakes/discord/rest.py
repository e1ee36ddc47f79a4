"""The REST endpoints that the bot uses, over the world's state."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import unquote

from tests.fakes.discord import forms
from tests.fakes.discord.state import (
    APPLICATION,
    BOT,
    DIRECT,
    EPHEMERAL,
    GUILD,
    Call,
    Json,
    Unknown,
    World,
    stamp,
)

Handler = Callable[["Rest", re.Match[str], Call], Awaitable[Any]]
_FORM = 9
_CONTENT = 1 << 18 | 1 << 19
"""Flags of an application that has the Message Content intent."""
_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


class Events(Protocol):
    """Where what happens is told."""

    async def dispatch(self, name: str, data: Json, *, direct: bool = False) -> None: ...


def _route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        _ROUTES.append((method, re.compile(pattern + r"\Z"), handler))
        return handler

    return add


class Rest:
    """Answers requests. Raises `Unknown` for what is not there."""

    def __init__(self, world: World, events: Events, base: Callable[[], str]) -> None:
        self.world = world
        self.events = events
        self.base = base
        self.commands: dict[int, list[Json]] = {}
        self.registered = 0
        self.shards = 1
        self.flags = 1 << 19
        self.endpoint: str | None = None
        self.callbacks: dict[int, Call] = {}
        self.forms: list[Json] = []
        self.wrong: list[str] = []
        self.typing: list[int] = []

    async def answer(self, call: Call) -> Any:
        """The JSON that answers a request; None for 204."""
        for method, pattern, handler in _ROUTES:
            if method == call.method and (match := pattern.match(call.path)):
                return await handler(self, match, call)
        raise Unknown(0, f"404: Not Found {call.method} {call.path}")

    async def post(self, channel: int, call: Call, **more: Any) -> Json:
        """Keep and announce a message of the bot."""
        body: Json = call.body
        nonce = body.get("nonce")
        if nonce and body.get("enforce_nonce") and (channel, nonce) in self.world.nonces:
            return self.world.messages[self.world.nonces[channel, nonce]]
        message = self.world.add_message(
            channel,
            BOT,
            body.get("content") or "",
            components=body.get("components") or [],
            embeds=body.get("embeds") or [],
            attachments=self._attachments(call),
            flags=body.get("flags", 0) | more.pop("flags", 0),
            **more,
        )
        if nonce:
            self.world.nonces[channel, nonce] = int(message["id"])
        if body.get("message_reference"):
            message["message_reference"] = body["message_reference"]
        await self._announce("MESSAGE_CREATE", message)
        return message

    async def change(self, message: Json, call: Call) -> Json:
        """Edit a message of the bot."""
        body: Json = call.body
        if message["author"]["id"] != str(BOT):
            raise Unknown(50005, "Cannot edit a message authored by another user", 403)
        changes: Json = {}
        for name in ("content", "components"):
            if name in body:
                changes[name] = body[name] or ([] if name == "components" else "")
        if "attachments" in body:
            changes["attachments"] = self._attachments(call)
        self.world.change_message(int(message["id"]), call.at, **changes)
        await self._announce("MESSAGE_UPDATE", message)
        return message

    def _attachments(self, call: Call) -> list[Json]:
        return [self.world.add_file(self.base(), name, data) for name, data in call.files.items()]

    async def _announce(self, name: str, message: Json) -> None:
        if message["flags"] & EPHEMERAL:
            return
        number = int(message["channel_id"])
        if number in self.world.closed_channels:
            return  # what is said where the bot is not it is not told, its own words neither
        channel = self.world.channels.get(number, {})
        direct = channel.get("type") == DIRECT
        where = {} if direct else {"guild_id": str(GUILD)}
        seen = {k: v for k, v in message.items() if k != "edits"}
        await self.events.dispatch(name, {**seen, **where}, direct=direct)

    def readable(self, message: Json) -> Json:
        """A message as the bot gets it to read."""
        ours = message["author"]["id"] == str(BOT)
        named = any(person["id"] == str(BOT) for person in message["mentions"])
        direct = self.world.channels[int(message["channel_id"])]["type"] == DIRECT
        if ours or named or direct or self.flags & _CONTENT:
            return message
        return {**message, "content": "", "attachments": [], "embeds": [], "components": []}

    def interaction(self, token: str) -> Json:
        """The interaction of a token. Raises `Unknown` when it has expired."""
        found = self.world.interactions.get(token)
        if found is None:
            raise Unknown(10062, "Unknown interaction")
        if found.get("expired"):
            raise Unknown(50027, "Invalid Webhook Token", 401)
        return found


def _me(rest: Rest) -> Json:
    return rest.world.users[BOT]


@_route("GET", "/users/@me")
async def _get_me(rest: Rest, match: re.Match[str], call: Call) -> Any:
    return _me(rest)


@_route("GET", r"/(oauth2/applications|applications)/@me")
async def _get_application(rest: Rest, match: re.Match[str], call: Call) -> Any:
    return {
        "id": str(APPLICATION),
        "name": "parlance",
        "icon": None,
        "description": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "",
        "flags": rest.flags,
        "owner": rest.world.users[1],
        "summary": "",
        "interactions_endpoint_url": rest.endpoint,
    }


@_route("GET", "/users/@me/guilds")
async def _get_guilds(rest: Rest, match: re.Match[str], call: Call) -> Any:
    allowed = str(rest.world.bot_permissions)
    return [{"id": str(GUILD), "name": "The Lab", "features": [], "permissions": allowed}]


@_route("GET", "/gateway/bot")
async def _get_gateway(rest: Rest, match: re.Match[str], call: Call) -> Any:
    limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
    url = rest.base().replace("http", "ws") + "/gateway"
    return {"url": url, "shards": rest.shards, "session_start_limit": limit}


@_route("PUT", rf"/applications/{APPLICATION}(?:/guilds/(\d+))?/commands")
async def _put_commands(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.registered += 1
    rest.commands[int(match[1] or 0)] = call.body
    return [
        {"description": "", **c, "id": str(900 + n), "application_id": "100", "version": "1"}
        for n, c in enumerate(call.body)
    ]


@_route("POST", "/users/@me/channels")
async def _open_direct(rest: Rest, match: re.Match[str], call: Call) -> Any:
    return rest.world.direct(int(call.body["recipient_id"]))


@_route("GET", rf"/applications/{APPLICATION}(?:/guilds/(\d+))?/commands")
async def _get_commands(rest: Rest, match: re.Match[str], call: Call) -> Any:
    commands = enumerate(rest.commands.get(int(match[1] or 0), ()))
    return [{"description": "", "version": "1", **c, "id": str(900 + n)} for n, c in commands]


@_route("GET", r"/guilds/(\d+)(/channels|/roles)?")
async def _get_guild(rest: Rest, match: re.Match[str], call: Call) -> Any:
    """A server has neither channels nor members in it when it is asked for."""
    if int(match[1]) != GUILD:
        raise Unknown(10004, "Unknown Guild")
    guild = rest.world.guild()
    if match[2]:
        return guild[match[2].removeprefix("/")]
    told = {"channels", "members", "threads", "presences", "voice_states", "unavailable", "large"}
    return {name: value for name, value in guild.items() if name not in told}


@_route("GET", rf"/guilds/{GUILD}/members/(\d+)")
async def _get_member(rest: Rest, match: re.Match[str], call: Call) -> Any:
    person = int(match[1])
    if person not in rest.world.users or person in rest.world.left:
        raise Unknown(10007, "Unknown Member")
    return rest.world.member(person)


@_route("GET", r"/channels/(\d+)/thread-members/(\d+)")
async def _get_thread_member(rest: Rest, match: re.Match[str], call: Call) -> Any:
    if (int(match[1]), int(match[2])) not in rest.world.in_threads:
        raise Unknown(10007, "Unknown Member")
    return {"id": match[1], "user_id": match[2], "join_timestamp": stamp(), "flags": 0}


@_route("GET", r"/channels/(\d+)")
async def _get_channel(rest: Rest, match: re.Match[str], call: Call) -> Any:
    return rest.world.channel(int(match[1]))


@_route("POST", r"/channels/(\d+)/typing")
async def _type(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.world.channel(int(match[1]))
    rest.typing.append(int(match[1]))
    rest.world.timeline.add("typing", "parlance", match[1])


@_route("POST", r"/channels/(\d+)/messages")
async def _post(rest: Rest, match: re.Match[str], call: Call) -> Any:
    channel = int(match[1])
    rest.world.channel(channel)
    return await rest.post(channel, call)


@_route("GET", r"/channels/(\d+)/messages")
async def _get_messages(rest: Rest, match: re.Match[str], call: Call) -> Any:
    """Newest first; what people write only where the application has the intent."""
    channel = int(match[1])
    rest.world.channel(channel)
    before = int(call.query.get("before", 1 << 63))
    seen = [m for m in rest.world.in_channel(channel) if int(m["id"]) < before][::-1]
    return [rest.readable(m) for m in seen if not m["flags"] & EPHEMERAL][
        : int(call.query.get("limit", 50))
    ]


@_route("GET", r"/channels/(\d+)/messages/(\d+)")
async def _get_message(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.world.channel(int(match[1]))
    return rest.world.message(int(match[2]), int(match[1]))


@_route("PATCH", r"/channels/(\d+)/messages/(\d+)")
async def _edit(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.world.channel(int(match[1]))
    return await rest.change(rest.world.message(int(match[2]), int(match[1])), call)


@_route("DELETE", r"/channels/(\d+)/messages/(\d+)")
async def _delete(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.world.channel(int(match[1]))
    rest.world.message(int(match[2]), int(match[1]))
    rest.world.remove_message(int(match[2]))


@_route("PUT", r"/channels/(\d+)/messages/(\d+)/reactions/([^/]+)/@me")
async def _react(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.world.react(int(match[1]), int(match[2]), unquote(match[3]))


@_route("DELETE", r"/channels/(\d+)/messages/(\d+)/reactions/([^/]+)/@me")
async def _take_reaction_back(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.world.react(int(match[1]), int(match[2]), unquote(match[3]), gone=True)


@_route("POST", r"/channels/(\d+)/messages/(\d+)/threads")
async def _open_thread(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.world.channel(int(match[1]))
    thread = rest.world.add_thread(int(match[2]), call.body["name"])
    await rest.events.dispatch("THREAD_CREATE", {**thread, "newly_created": True})
    return thread


@_route("POST", r"/interactions/(\d+)/([^/]+)/callback")
async def _callback(rest: Rest, match: re.Match[str], call: Call) -> Any:
    interaction = rest.interaction(match[2])
    if interaction.get("answered"):
        raise Unknown(40060, "Interaction has already been acknowledged.", 400)
    interaction["answered"] = call.body["type"]
    rest.callbacks[int(match[1])] = call
    about: Json = {"id": match[1], "type": interaction["type"]}
    data = call.body.get("data") or {}
    if call.body["type"] == _FORM:
        rest.wrong += forms.problems(data, interaction["type"])
        rest.forms.append({**data, "channel": interaction["channel"]})
    if call.body["type"] in {4, 5}:
        inner = Call(call.method, call.path, {"content": "", **data}, call.at, files=call.files)
        message = await rest.post(interaction["channel"], inner)
        interaction["original"] = int(message["id"])
        about |= {
            "response_message_id": message["id"],
            "response_message_loading": call.body["type"] == 5,
            "response_message_ephemeral": bool(message["flags"] & EPHEMERAL),
        }
    return {"interaction": about}


@_route("POST", rf"/webhooks/{APPLICATION}/([^/]+)")
async def _follow_up(rest: Rest, match: re.Match[str], call: Call) -> Any:
    interaction = rest.interaction(match[1])
    return await rest.post(interaction["channel"], call)


def _webhook_message(rest: Rest, match: re.Match[str]) -> Json:
    interaction = rest.interaction(match[1])
    number = interaction.get("original", 0) if match[2] == "@original" else int(match[2])
    if number == 0:
        number = interaction.get("pressed", 0)
    return rest.world.message(number)


@_route("GET", rf"/webhooks/{APPLICATION}/([^/]+)/messages/([^/]+)")
async def _get_webhook(rest: Rest, match: re.Match[str], call: Call) -> Any:
    return _webhook_message(rest, match)


@_route("PATCH", rf"/webhooks/{APPLICATION}/([^/]+)/messages/([^/]+)")
async def _edit_webhook(rest: Rest, match: re.Match[str], call: Call) -> Any:
    return await rest.change(_webhook_message(rest, match), call)


@_route("DELETE", rf"/webhooks/{APPLICATION}/([^/]+)/messages/([^/]+)")
async def _delete_webhook(rest: Rest, match: re.Match[str], call: Call) -> Any:
    rest.world.remove_message(int(_webhook_message(rest, match)["id"]))

"""People at the Slack of ours: what they write, change, press and fill in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.slack.server import FakeSlack
from tests.fakes.slack.state import Posted

ADA, EVE, US = "U0ADA", "U0EVE", "UBOT"
CHANNEL, DIRECT, GROUP = "C1", "D1", "G1"
_KINDS = {"C": "channel", "D": "im", "G": "mpim"}


@dataclass
class Acting:
    """Acts in one Slack. Messages are kept there, so that they can be read back."""

    fake: FakeSlack
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    # --- messages -------------------------------------------------------------------------------

    def write(
        self,
        text: str,
        *,
        by: str = EVE,
        channel: str = CHANNEL,
        thread: str | None = None,
        **more: Any,
    ) -> str:
        """A message that we are not told of; returns its time stamp."""
        workspace = self.fake.workspace
        message = Posted(channel, workspace.ts(), by, text, thread_ts=thread, more=more)
        return workspace.add(message).ts

    async def say(
        self,
        text: str,
        *,
        by: str = ADA,
        channel: str = CHANNEL,
        thread: str | None = None,
        mention: bool = False,
        **more: Any,
    ) -> str:
        """Write something, and have Slack tell us: a mention is told twice, as Slack does."""
        text = f"<@{US}> {text}" if mention else text
        ts = self.write(text, by=by, channel=channel, thread=thread, **more)
        event = {"user": by, "text": text, "ts": ts, "channel": channel, **more}
        if thread is not None:
            event["thread_ts"] = thread
        kind = {"type": "message", "channel_type": _KINDS[channel[0]]}
        if mention and channel != DIRECT:
            await self.fake.event({**event, "type": "app_mention"})
        await self.fake.event({**event, **kind})
        return ts

    async def edit(self, ts: str, text: str, *, channel: str = CHANNEL, **more: Any) -> None:
        """Change a message."""
        workspace = self.fake.workspace
        message = workspace.messages[channel, ts]
        before, message.text = message.text, text
        workspace.record_edit(message)
        said = {"type": "message", "user": message.user, "ts": ts}
        if message.thread_ts:
            said["thread_ts"] = message.thread_ts
        await self._note(
            "message_changed", channel,
            message={**said, "text": text, "edited": {"user": message.user, "ts": ts}, **more},
            previous_message={**said, "text": before},
        )  # fmt: skip

    async def delete(self, ts: str, *, channel: str = CHANNEL) -> None:
        """Take a message back; one on which a thread hangs leaves a tombstone."""
        workspace = self.fake.workspace
        message = workspace.messages[channel, ts]
        workspace.remove(message)
        said = {"type": "message", "user": message.user, "ts": ts, "text": message.text}
        if message.thread_ts:
            said["thread_ts"] = message.thread_ts
        if any(m.thread_ts == ts and not m.deleted for m in workspace.messages.values()):
            grave = {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "ts": ts}
            await self._note(
                "message_changed", channel, message={**grave, "thread_ts": ts},
                previous_message={**said, "thread_ts": ts},
            )  # fmt: skip
        else:
            await self._note("message_deleted", channel, deleted_ts=ts, previous_message=said)

    async def _note(self, subtype: str, channel: str, **more: Any) -> None:
        await self.fake.event({
            "type": "message", "subtype": subtype, "hidden": True, "channel": channel,
            "channel_type": _KINDS[channel[0]], "ts": self.fake.workspace.ts(), **more,
        })  # fmt: skip

    def file(self, name: str, data: bytes, **more: Any) -> dict[str, Any]:
        """A file that is kept in the workspace, as messages carry it."""
        number = f"F{len(self.fake.workspace.files) + 1}"
        self.fake.workspace.files[number] = data
        url = f"http://127.0.0.1:{self.fake.port}/files/{number}"
        return {
            "id": number, "name": name, "size": len(data), "mimetype": "text/plain",
            "mode": "snippet", "url_private": url, "url_private_download": url, **more,
        }  # fmt: skip

    # --- commands, forms, menus, buttons --------------------------------------------------------

    def _acts(self, by: str, channel: str, thread: str | None = None) -> dict[str, Any]:
        return {
            "team": {"id": "T1"}, "user": {"id": by, "username": by.lower()},
            "channel": {"id": channel}, "api_app_id": "A1", "trigger_id": f"tr{next(self._ids)}",
            "response_url": self.fake.response_url(),
        }  # fmt: skip

    async def slash(
        self, name: str, text: str = "", *, by: str = ADA, channel: str = CHANNEL
    ) -> str:
        """Call a command; returns the envelope's id."""
        return await self.fake.deliver("slash_commands", {
            "command": f"/{name}", "text": text, "team_id": "T1", "channel_id": channel,
            "user_id": by, "user_name": by.lower(), "trigger_id": f"tr{next(self._ids)}",
            "response_url": self.fake.response_url(), "api_app_id": "A1",
        })  # fmt: skip

    async def submit(self, values: Mapping[str, Any], *, by: str = ADA, **view: Any) -> Any:
        """Fill in the form that was opened last and send it; returns what we acknowledge with."""
        shown = self.fake.workspace.views[-1]
        state = {block: {"value": _entry(value)} for block, value in values.items()}
        number = len(self.fake.workspace.views)
        body = self._acts(by, CHANNEL) | {
            "type": "view_submission",
            "view": {**shown, "id": f"V{number}", "state": {"values": state}, **view},
        }
        del body["channel"]
        envelope = await self.fake.deliver("interactive", body)
        await self.fake.until(lambda: envelope in self.fake.acks)
        return self.fake.acks[envelope][1]

    async def menu(self, callback: str, ts: str, *, by: str = ADA, channel: str = CHANNEL) -> None:
        """Use an entry in the menu of a message."""
        posted = self.fake.workspace.messages[channel, ts]
        message = self.fake.methods.message(posted)
        await self.fake.deliver("interactive", self._acts(by, channel) | {
            "type": "message_action", "callback_id": callback, "message_ts": ts, "message": message,
        })  # fmt: skip

    async def press(
        self, label: str, *, by: str = ADA, channel: str = CHANNEL, place: str = ""
    ) -> None:
        """Press the newest button with a label; `place` is what Slack calls the channel then: a
        message to a person stands in a channel of its own."""
        message, button = next(
            (m, e)
            for m in reversed(self.fake.workspace.by(US, channel))
            for e in buttons(m)
            if e["text"]["text"] == label
        )
        await self.fake.deliver("interactive", self._acts(by, place or channel) | {
            "type": "block_actions",
            **_pressed_in(message),
            "actions": [{**button, "block_id": "b", "action_ts": self.fake.workspace.ts()}],
        })  # fmt: skip

    # --- what is seen ---------------------------------------------------------------------------

    def answers(self, channel: str | None = None) -> list[Posted]:
        """Our messages that are answers, and complete."""
        ours = self.fake.workspace.by(US, channel)
        return [m for m in ours if any("Why" in e["text"]["text"] for e in buttons(m))]

    def private(self) -> list[str]:
        """What only one person was shown."""
        return [seen(m) for m in self.fake.workspace.by(US) if m.ephemeral_to is not None]

    def public(self, channel: str | None = None) -> list[str]:
        """What everybody sees of us."""
        return [seen(m) for m in self.fake.workspace.by(US, channel) if m.ephemeral_to is None]


def _pressed_in(message: Posted) -> dict[str, Any]:
    """Of a message that one person alone sees, Slack sends no more than where it is."""
    thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
    container = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
    if message.ephemeral_to is not None:
        return {"container": {**container, **thread, "is_ephemeral": True}}
    return {"container": container, "message": {"ts": message.ts, "user": US, **thread}}


def _entry(value: Any) -> dict[str, Any]:
    if isinstance(value, tuple):  # chosen from a list
        return {"type": "static_select", "selected_option": {"value": value[0]}}
    if isinstance(value, list):
        return {"type": "file_input", "files": value}
    return {"type": "plain_text_input", "value": value}


def buttons(message: Posted) -> list[dict[str, Any]]:
    """The buttons under a message."""
    return [e for b in message.blocks if b["type"] == "actions" for e in b["elements"]]


def seen(message: Posted) -> str:
    """Text and small print."""
    return "\n".join([message.shown, *message.small_print])

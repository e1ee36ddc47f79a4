"""A person on Slack. As a program (`URL CONFIG`) it is the bot, in a process of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bot.adapters.protocol import Adapter
from bot.adapters.slack import SlackAdapter, Timing
from bot.app import App, open_app
from bot.config.platforms import SlackSettings
from bot.installation import Installation
from bot.ports import Ports
from bot.types import ActionName, Value
from tests.fakes.rate_limits import Clock
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.rate_tiers import RateTiers
from tests.fakes.slack.state import Posted
from tests.scenarios.harness import TIME_SCALE, Person
from tests.until import PATIENCE_S

PEOPLE: Mapping[Person, str] = {"ada": "U0ADA", "eve": "U0EVE", "root": "U0ROOT"}
QUICK = Timing(
    edit_interval=0.02, retry_base=0.02, backoff_base=0.02, backoff_cap=0.1,
    ping_interval=PATIENCE_S, handshake=PATIENCE_S, lookup=PATIENCE_S,
    person_lookup=PATIENCE_S, context_lookup=PATIENCE_S,
)  # fmt: skip
CHANNEL = "C1"

CANNOT = {
    "test_who_does_not_know_the_options_is_helped": "Slack completes no options; a form opens",
}
"""Stories that cannot be played here, and why."""


class SlackDriver:
    """Writes, presses and reads on the Slack of ours."""

    name = "slack"
    stops = True
    channel = CHANNEL
    kind = "channel"

    def __init__(self) -> None:
        self.fake = FakeSlack(tiers=RateTiers(Clock(TIME_SCALE)))
        self.fake.workspace.channels[CHANNEL] = list(PEOPLE.values())
        self._ids = itertools.count(1)
        self._asked = ""
        self._connections = 0

    async def open(self) -> SlackDriver:
        await self.fake.__aenter__()
        return self

    async def close(self) -> None:
        await self.fake.__aexit__(None, None, None)
        assert self.fake.wrong == []

    def adapter(self, app: App) -> Adapter:
        self._connections = self.fake.connections
        return adapter_for(app, self.fake.api_url)

    def opened(self, ports: Ports) -> None:
        pass

    def config(self) -> Mapping[str, Any]:
        return {}

    def admins(self) -> Sequence[str]:
        return [f"slack:{PEOPLE['root']}"]

    async def connected(self) -> None:
        await self.fake.until(lambda: self.fake.connections > self._connections)

    def _ts(self) -> str:
        return f"{time.time():.0f}.{next(self._ids):06d}"

    async def mention(self, text: str, by: Person = "ada") -> None:
        self._asked = self._ts()
        event = {"channel": self.channel, "user": PEOPLE[by], "ts": self._asked}
        said = f"<@UBOT> {text}"
        await self.fake.event({"type": "app_mention", "text": said, **event})
        await self.fake.event({"type": "message", "text": said, "channel_type": "channel", **event})

    async def follow_up(self, text: str, by: Person = "ada") -> None:
        await self.fake.event({
            "type": "message", "channel_type": self.kind, "channel": self.channel, "text": text,
            "user": PEOPLE[by], "ts": self._ts(), "thread_ts": self._asked,
        })  # fmt: skip

    async def command(
        self, name: str, options: Mapping[str, Value] | None = None, by: Person = "ada"
    ) -> None:
        text = " ".join(f"{key}={json.dumps(str(v))}" for key, v in (options or {}).items())
        await self._slash(name, text, by)

    async def _slash(self, name: str, text: str, by: Person) -> None:
        await self.fake.deliver("slash_commands", {
            "command": f"/{name}", "text": text, "team_id": "T1", "channel_id": self.channel,
            "user_id": PEOPLE[by], "user_name": by, "trigger_id": f"tr{next(self._ids)}",
            "response_url": self.fake.response_url(), "api_app_id": "A1",
        })  # fmt: skip

    async def fill_in(
        self,
        name: str,
        options: Mapping[str, Value],
        typed: Mapping[str, str],
        by: Person = "ada",
    ) -> None:
        views = self.fake.workspace.views
        before = len(views)
        await self.command(name, options, by)
        await self.fake.until(lambda: len(views) > before)
        await self._submit(typed, by)

    async def _submit(self, typed: Mapping[str, str], by: Person) -> None:
        views = self.fake.workspace.views
        await self.fake.deliver("interactive", {
            "type": "view_submission", "team": {"id": "T1"}, "api_app_id": "A1",
            "user": {"id": PEOPLE[by], "username": by}, "trigger_id": f"tr{next(self._ids)}",
            "view": {**views[-1], "id": f"V{len(views)}", "state": _state(views[-1], typed)},
        })  # fmt: skip

    async def find_out(self, name: str, option: str, prefix: str) -> Sequence[str]:
        raise AssertionError("Slack completes no options")

    async def press(self, action: ActionName, by: Person = "ada") -> None:
        await self._press(lambda button: action_of(button) == action, by)

    async def choose(self, value: str, by: Person = "ada") -> None:
        def chosen(button: Mapping[str, Any]) -> bool:
            choosing = action_of(button) in ("resume", "press")
            return choosing and str(button["value"]).endswith(f"|{value}")

        await self._press(chosen, by)

    async def answer(self, typed: Mapping[str, str], by: Person = "ada") -> None:
        views = self.fake.workspace.views
        before = len(views)
        await self.leave("Answer", by)
        if by != "ada":
            return
        await self.fake.until(lambda: len(views) > before)
        await self._submit(typed, by)

    async def leave(self, label: str, by: Person = "ada") -> None:
        def labelled(button: Mapping[str, Any]) -> bool:
            return str((button.get("text") or {}).get("text")) == label

        await self._press(labelled, by)

    def buttons(self) -> Sequence[str]:
        """What stands on the buttons of the bot's last message that everybody sees."""
        shown = [m for m in self.fake.workspace.by("UBOT") if m.ephemeral_to is None]
        return [str((e.get("text") or {}).get("text")) for e in buttons(shown[-1])] if shown else ()

    def all_buttons(self) -> Sequence[str]:
        """What stands on the buttons of the bot's messages."""
        return [label for one in self.fake.workspace.by("UBOT") for label in one.labels]

    def attached(self, text: str) -> bool:
        """Whether people can read a text in a file of the bot's."""
        return text.encode() in self.fake.workspace.files.values()

    async def _press(self, wanted: Callable[[Mapping[str, Any]], bool], by: Person) -> None:
        def found() -> list[tuple[Posted, dict[str, Any]]]:
            shown = reversed(self.fake.workspace.by("UBOT", self.channel))
            return [(m, e) for m in shown for e in buttons(m) if wanted(e)]

        await self.fake.until(found)
        message, button = found()[0]
        shown = {
            "ts": message.ts, "thread_ts": message.thread_ts, "user": "UBOT",
            "text": message.text, "blocks": message.blocks,
        }  # fmt: skip
        await self.fake.deliver("interactive", {
            "type": "block_actions", "team": {"id": "T1"},
            "user": {"id": PEOPLE[by], "username": by}, "channel": {"id": self.channel},
            "message": shown, "api_app_id": "A1", "trigger_id": f"tr{next(self._ids)}",
            "response_url": self.fake.response_url(),
            "actions": [{**button, "block_id": "b", "action_ts": self._ts()}],
        })  # fmt: skip

    async def delete(self) -> None:
        await self._tell_deleted(self._asked, PEOPLE["ada"])

    async def delete_answer(self) -> None:
        answer = self.fake.workspace.by("UBOT", self.channel)[-1]
        answer.deleted = True
        await self._tell_deleted(answer.ts, "UBOT")

    async def _tell_deleted(self, ts: str, user: str) -> None:
        await self.fake.event({
            "type": "message", "subtype": "message_deleted", "channel": self.channel,
            "channel_type": self.kind, "ts": self._ts(), "deleted_ts": ts,
            "previous_message": {"user": user, "ts": ts},
        })  # fmt: skip

    def messages(self) -> Sequence[str]:
        return [seen(m) for m in self.fake.workspace.by("UBOT") if m.ephemeral_to is None]

    def private(self) -> Sequence[str]:
        return [seen(m) for m in self.fake.workspace.by("UBOT") if m.ephemeral_to is not None]

    def working(self) -> bool:
        shown = [m for m in self.fake.workspace.by("UBOT") if m.ephemeral_to is None]
        return any(
            "⏳" in seen(m) or any(e["action_id"].startswith("parlance:stop") for e in buttons(m))
            for m in shown
        )

    def apart(self, config: Path) -> Sequence[str]:
        self._connections = self.fake.connections
        return ("-m", "tests.scenarios.on_slack", self.fake.api_url, str(config))

    def heal(self) -> None:
        self.fake.heal()

    def fail_next(self, what: Literal["send", "edit"], status: int, times: int = 1) -> None:
        method = "chat.postMessage" if what == "send" else "chat.update"
        self.fake.fail_next(method, status=status, times=times)


def adapter_for(app: App, base_url: str) -> SlackAdapter:
    """The real adapter, pointed at another Slack."""
    return SlackAdapter(
        app.installation.config.section(SlackSettings),
        "xoxb-test-bot-token", "xapp-test-app-token",
        timing=QUICK, base_url=base_url,
    )  # fmt: skip


async def _serve(base_url: str, config: Path) -> None:
    async with open_app(Installation.read(config)) as app:
        await app.serve([adapter_for(app, base_url)])


def _state(view: Mapping[str, Any], typed: Mapping[str, str]) -> Mapping[str, Any]:
    """What Slack sends of a form in which some fields were typed, the others left as they were."""
    values = {}
    for block in view["blocks"]:
        element = block["element"]
        text = typed.get(block["block_id"], element.get("initial_value"))
        assert len(text or "") <= element.get("max_length", 3000)
        entry = {"type": element["type"], "value": text}
        if "options" in element:
            entry = {"type": element["type"], "selected_option": element.get("initial_option")}
        values[block["block_id"]] = {"value": entry}
    return {"values": values}


def buttons(message: Posted) -> list[dict[str, Any]]:
    """The buttons under a message, as Slack names them when they are pressed."""
    found: list[dict[str, Any]] = []
    for block in message.blocks:
        if block["type"] == "actions":
            found += block["elements"]
        if block["type"] == "context_actions":
            for element in block["elements"]:
                same = {"type": element["type"], "action_id": element["action_id"]}
                found += [{**same, **element[f"{which}_button"]} for which in _THUMBS]
    return found


_THUMBS = ("positive", "negative")


def action_of(button: Mapping[str, Any]) -> str:
    """What a button stands for; of Slack's own thumbs the value says which it is."""
    name = str(button["action_id"]).split(":")[1]
    return str(button["value"]).rpartition("|")[2] if name == "feedback" else name


def seen(message: Posted) -> str:
    """Text and small print."""
    small = [e["text"] for b in message.blocks if b["type"] == "context" for e in b["elements"]]
    return "\n".join([message.shown, *small])


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Path(sys.argv[2])))

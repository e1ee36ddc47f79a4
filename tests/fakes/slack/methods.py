"""The methods of the Web API that a bot calls, over a `Workspace`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.fakes.slack.agents import BOT, AgentMethods, Answer, blocks_of, failed
from tests.fakes.slack.state import Posted, Workspace


class Methods(AgentMethods):
    """One Python method for each of Slack's, found by its name with `_` for `.`."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.page = 1000
        self.away: set[str] = set()
        """Channels in which the bot is not."""
        self.scopes = "app_mentions:read,chat:write,commands,im:history,channels:history"
        self.manifest: dict[str, Any] = {}
        """What apps.manifest.export says of the app A1."""

    def find(self, method: str) -> Callable[[Mapping[str, Any]], Answer] | None:
        found: Callable[[Mapping[str, Any]], Answer] | None = getattr(
            self, method.replace(".", "_"), None
        )
        return found

    def auth_test(self, a: Mapping[str, Any]) -> Answer:
        return {
            "ok": True, "url": "https://w.example/", "team": "Workspace", "user": "parlance",
            "team_id": "T1", "user_id": BOT, "bot_id": "B1",
        }  # fmt: skip

    def bots_info(self, a: Mapping[str, Any]) -> Answer:
        if a.get("bot") != "B1":
            return failed("bot_not_found")
        return {"ok": True, "bot": {"id": "B1", "app_id": "A1", "user_id": BOT, "name": "parlance"}}

    def apps_manifest_export(self, a: Mapping[str, Any]) -> Answer:
        if a["app_id"] != "A1":
            return failed("invalid_app_id")
        return {"ok": True, "manifest": self.manifest}

    def chat_postMessage(self, a: Mapping[str, Any]) -> Answer:
        if a["channel"] in self.away:
            return failed(self._missing(a["channel"]))
        if not (a.get("text") or a.get("blocks") or a.get("markdown_text")):
            return failed("no_text")
        if not self.may_show(a):
            return failed("invalid_blocks")
        message = Posted(
            a["channel"], self.workspace.ts(), BOT, a.get("text") or a.get("markdown_text") or "",
            blocks_of(a), a.get("thread_ts"), metadata=a.get("metadata") or {},
        )  # fmt: skip
        self.workspace.add(message)
        return {"ok": True, "channel": message.channel, "ts": message.ts, "message": {}}

    def chat_postEphemeral(self, a: Mapping[str, Any]) -> Answer:
        thread = a.get("thread_ts")
        if thread and not any(
            m.thread_ts == thread and m.ephemeral_to is None and not m.deleted
            for m in self.workspace.messages.values()
        ):  # "only shown if there is already an active thread"
            return {"ok": True, "message_ts": self.workspace.ts()}
        message = Posted(
            a["channel"], self.workspace.ts(), BOT, a.get("text") or "", blocks_of(a),
            a.get("thread_ts"), ephemeral_to=a["user"],
        )  # fmt: skip
        self.workspace.add(message)
        return {"ok": True, "message_ts": message.ts}

    def chat_update(self, a: Mapping[str, Any]) -> Answer:
        message = self.workspace.find(a["channel"], a["ts"])
        if message is None:
            return failed("message_not_found")
        if message.streaming:
            return failed("streaming_state_conflict")
        if not self.may_show(a):
            return failed("invalid_blocks")
        message.text = a.get("text") or a.get("markdown_text") or ""
        message.streamed = False
        if a.get("blocks") is not None:
            message.blocks = blocks_of(a)
        self.workspace.record_edit(message)
        return {"ok": True, "channel": message.channel, "ts": message.ts, "text": message.text}

    def chat_delete(self, a: Mapping[str, Any]) -> Answer:
        message = self.workspace.find(a["channel"], a["ts"])
        if message is None:
            return failed("message_not_found")
        self.workspace.remove(message)
        return {"ok": True, "channel": message.channel, "ts": message.ts}

    def reactions_add(self, a: Mapping[str, Any]) -> Answer:
        if self.workspace.find(a["channel"], a["timestamp"]) is None:
            return failed("message_not_found")
        if not self.workspace.react(a["channel"], a["timestamp"], a["name"]):
            return failed("already_reacted")
        return {"ok": True}

    def reactions_remove(self, a: Mapping[str, Any]) -> Answer:
        if self.workspace.find(a["channel"], a["timestamp"]) is None:
            return failed("message_not_found")
        if not self.workspace.react(a["channel"], a["timestamp"], a["name"], gone=True):
            return failed("no_reaction")
        return {"ok": True}

    def conversations_replies(self, a: Mapping[str, Any]) -> Answer:
        thread = [
            m
            for m in self.workspace.messages.values()
            if m.channel == a["channel"] and a["ts"] in (m.ts, m.thread_ts) and not m.deleted
        ]
        if not thread:
            return failed("thread_not_found")
        shown = [m for m in thread if m.ts == a["ts"] or self._is_asked_for(m, a)]
        return self._page(shown, a)

    def conversations_history(self, a: Mapping[str, Any]) -> Answer:
        if a["channel"] in self.away:
            return failed(self._missing(a["channel"]))
        found = [
            m
            for m in self.workspace.messages.values()
            if m.channel == a["channel"]
            and (not m.thread_ts or m.more.get("subtype") == "thread_broadcast")
            and not m.deleted
            and self._is_asked_for(m, a)
        ]
        return self._page(found[::-1], a)

    @staticmethod
    def _missing(channel: str) -> str:
        return "channel_not_found" if channel[0] == "D" else "not_in_channel"

    def _is_asked_for(self, m: Posted, a: Mapping[str, Any]) -> bool:
        inclusive = str(a.get("inclusive", "")).lower() in {"1", "true"}
        after, before = str(a.get("oldest") or "0"), str(a.get("latest") or "9" * 10)
        return after < m.ts < before or (inclusive and m.ts in (after, before))

    def _page(self, found: Sequence[Posted], a: Mapping[str, Any]) -> Answer:
        """As Slack does it: at most `limit`, and a cursor where there are more; nothing that only
        one person sees."""
        found = [m for m in found if m.ephemeral_to is None]
        start, limit = int(a.get("cursor") or 0), min(int(a.get("limit") or 100), self.page)
        end = start + limit
        more = {"response_metadata": {"next_cursor": str(end)}} if end < len(found) else {}
        asked = str(a.get("include_all_metadata", "")).lower() in {"1", "true"}
        messages = [
            {**self.message(m), **({"metadata": m.metadata} if asked and m.metadata else {})}
            for m in found[start:end]
        ]
        return {"ok": True, "messages": messages, "has_more": bool(more), **more}

    def message(self, m: Posted) -> Answer:
        """A message as Slack hands it out."""
        replies = sum(
            r.thread_ts == m.ts and r.ts != m.ts and not r.deleted
            for r in self.workspace.messages.values()
        )
        root = {"thread_ts": m.ts, "reply_count": replies} if replies else {}
        thread = {"thread_ts": m.thread_ts} if m.thread_ts else root
        ours = {"bot_id": "B1", "blocks": m.blocks} if m.user == BOT else {}
        said = {"type": "message", "user": m.user, "text": m.shown, "ts": m.ts}
        return {**said, **thread, **ours, **m.more}

    def conversations_info(self, a: Mapping[str, Any]) -> Answer:
        channel = a["channel"]
        direct, away = channel.startswith("D"), channel in self.away
        if channel in self.workspace.gone or (direct and away):
            return failed("channel_not_found")
        said = {"id": channel, "name": "general", "is_im": direct, "is_member": not away}
        more = {"user": self.workspace.directs.get(channel, "U0ADA")} if direct else {}
        archived = channel in self.workspace.archived
        return {"ok": True, "channel": {**said, **more, "is_archived": archived}}

    def conversations_open(self, a: Mapping[str, Any]) -> Answer:
        if self.workspace.people.get(a["users"], {}).get("deleted"):
            return failed("user_disabled")
        known = [c for c, user in self.workspace.directs.items() if user == a["users"]]
        channel = known[0] if known else f"D{a['users']}"
        self.workspace.directs[channel] = a["users"]
        return {"ok": True, "channel": {"id": channel}}

    def users_conversations(self, a: Mapping[str, Any]) -> Answer:
        user = a.get("user")
        found = [
            c
            for c, people in self.workspace.channels.items()
            if (user in people if user else c not in self.away)
        ]
        start = int(a.get("cursor") or 0)
        end = start + min(int(a.get("limit") or 100), self.page)
        more = {"response_metadata": {"next_cursor": str(end)}} if end < len(found) else {}
        return {"ok": True, "channels": [self._named(c) for c in found[start:end]], **more}

    def _named(self, channel: str) -> Answer:
        return {"id": channel, "name": self.workspace.names.get(channel, channel.lower())}

    def usergroups_list(self, a: Mapping[str, Any]) -> Answer:
        if str(a.get("include_users")).lower() not in {"1", "true"}:
            return {"ok": True, "usergroups": [{"id": g} for g in self.workspace.groups]}
        groups = [{"id": g, "users": users} for g, users in self.workspace.groups.items()]
        return {"ok": True, "usergroups": groups}

    def users_info(self, a: Mapping[str, Any]) -> Answer:
        user = {"id": a["user"], "name": a["user"].lower(), "real_name": "A Person", "locale": "en"}
        return {"ok": True, "user": {**user, **self.workspace.people.get(a["user"], {})}}

    def files_info(self, a: Mapping[str, Any]) -> Answer:
        file = next(
            (
                file
                for message in self.workspace.messages.values()
                for file in message.more.get("files", ())
                if file["id"] == a["file"]
            ),
            None,
        )
        if file is None:
            return failed("file_not_found")
        return {"ok": True, "file": {**file, "file_access": "visible", **file.get("hidden", {})}}

    def views_open(self, a: Mapping[str, Any]) -> Answer:
        view = json.loads(a["view"]) if isinstance(a["view"], str) else a["view"]
        self.workspace.views.append(dict(view))
        return {"ok": True, "view": {"id": f"V{len(self.workspace.views)}", **view}}

    def views_publish(self, a: Mapping[str, Any]) -> Answer:
        return {"ok": True, "view": {"id": "VHOME"}}

    def files_getUploadURLExternal(self, a: Mapping[str, Any]) -> Answer:
        number = len(self.workspace.files) + 1
        self.workspace.files[f"F{number}"] = b""
        return {"ok": True, "upload_url": f"{{base}}/upload/F{number}", "file_id": f"F{number}"}

    def files_completeUploadExternal(self, a: Mapping[str, Any]) -> Answer:
        return {"ok": True, "files": [{"id": "F1", "title": "answer"}]}
